//! A root volume that outlives its instance.

use cloud::resource::SnapshotState;
use types::VolumeId;

use super::*;

/// Launches an instance whose root volume outlives it; gives both.
async fn with_lasting_root(cloud: &Cloud) -> (InstanceId, VolumeId) {
    let ebs = ec2_shapes::EbsBlockDevice { delete_on_termination: Some(false), ..Default::default() };
    let device = Some("/dev/xvda".to_owned());
    let root = ec2_shapes::BlockDeviceMapping { device_name: device, ebs: Some(ebs), ..Default::default() };
    let id = cloud.run(1, |request| request.block_device_mappings = vec![root]).await[0];
    let instance = cloud.wait(id, InstanceState::Running).await;
    (id, instance.block_devices[0].volume)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_volume_that_stays_keeps_what_is_on_it() {
    let mut cloud = Cloud::new().await;
    let (id, volume) = with_lasting_root(&cloud).await;
    let terminate = |id| ec2_shapes::TerminateInstancesRequest { instance_ids: ids(id), ..Default::default() };
    // Without room for it the machine stays, until there is.
    cloud.machines.fill_disk_for_next_copy();
    cloud.act(terminate(id)).await;
    cloud.wait(id, InstanceState::Terminated).await;
    assert_eq!(cloud.is_running(id), None);
    let layer = cloud.layers.find(&volume.to_string()).unwrap().expect("its own copy");
    let kept = vec![ImageLayer("/layer".into()), ImageLayer(layer.display().to_string().into())];
    let record = |cloud: &Cloud| cloud.ledger.state().regions[&region()].volumes.get(&volume).cloned();
    let found = record(&cloud).unwrap();
    assert_eq!((&found.layers, found.root_of, found.attachments.len()), (&kept, None, 0));

    // A snapshot of it holds the same, and what is made of that starts.
    let request = ec2_shapes::CreateSnapshotRequest { volume_id: volume.to_string(), ..Default::default() };
    let Response::CreateSnapshot(snapshot) = cloud.act(request).await else { panic!("another answer") };
    let ebs = ec2_shapes::EbsBlockDevice { snapshot_id: snapshot.snapshot_id.clone(), ..Default::default() };
    let root = ec2_shapes::BlockDeviceMapping {
        device_name: Some("/dev/xvda".to_owned()),
        ebs: Some(ebs),
        ..Default::default()
    };
    let id: SnapshotId = snapshot.snapshot_id.unwrap().parse().unwrap();
    let completed = async {
        while cloud.ledger.state().regions[&region()].snapshots[&id].state != SnapshotState::Completed {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, completed).await.expect("a snapshot");
    let request = ec2_shapes::RegisterImageRequest {
        name: "again".to_owned(),
        root_device_name: Some("/dev/xvda".to_owned()),
        architecture: ec2_shapes::ArchitectureValues::from_wire(&image().architecture),
        virtualization_type: Some("hvm".to_owned()),
        block_device_mappings: vec![root],
        ..Default::default()
    };
    let Response::RegisterImage(image) = cloud.act(request).await else { panic!("another answer") };
    made(&cloud, "again").await;
    let again = cloud.run(1, |request| request.image_id = image.image_id.clone()).await[0];
    assert_eq!(cloud.wait(again, InstanceState::Running).await.layers, kept);

    // Where a daemon died between the copy and its being written down, the next one finds it.
    let (id, volume) = with_lasting_root(&cloud).await;
    cloud.controllers = None;
    cloud.act(terminate(id)).await;
    cloud.machines.stop(id, Duration::ZERO).unwrap();
    let layer = cloud.layers.make(&volume.to_string(), &mut |_| Ok(())).unwrap();
    cloud.machines.destroy(id).unwrap();
    cloud.start_controllers("boot-1");
    cloud.wait(id, InstanceState::Terminated).await;
    let found = cloud.ledger.state().regions[&region()].volumes[&volume].clone();
    assert_eq!(found.layers.last(), Some(&ImageLayer(layer.display().to_string().into())));
}
