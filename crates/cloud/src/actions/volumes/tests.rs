//! Volumes: their life, attachments and filters.

mod changes;

use ec2_shapes::*;

use self::changes::modify;
use crate::actions::testbed::{Bed, texts};
use crate::query::Filterable;
use crate::resource;
use crate::testing::{filter, specification};

use super::{VolumeRow, check_device_name};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn wanted(size: i32) -> CreateVolumeRequest {
    CreateVolumeRequest { availability_zone: some("us-east-1a"), size: Some(size), ..Default::default() }
}

fn create(bed: &mut Bed, request: CreateVolumeRequest) -> Volume {
    match bed.ask(request).unwrap() {
        Response::CreateVolume(volume) => *volume,
        other => panic!("{other:?}"),
    }
}

/// A volume that is there; its id.
fn available(bed: &mut Bed, request: CreateVolumeRequest) -> String {
    let id = create(bed, request).volume_id.unwrap();
    bed.settle();
    id
}

fn describe(bed: &mut Bed, ids: &[&str], filters: Vec<Filter>) -> Vec<Volume> {
    match bed.ask(DescribeVolumesRequest { volume_ids: texts(ids), filters, ..Default::default() }).unwrap() {
        Response::DescribeVolumes(answer) => answer.volumes,
        other => panic!("{other:?}"),
    }
}

fn one(bed: &mut Bed, id: &str) -> Volume {
    describe(bed, &[id], vec![]).remove(0)
}

fn attach(volume: &str, instance: &str, device: &str) -> AttachVolumeRequest {
    AttachVolumeRequest {
        volume_id: volume.to_owned(),
        instance_id: instance.to_owned(),
        device: device.to_owned(),
        ..Default::default()
    }
}

fn detach(volume: &str) -> DetachVolumeRequest {
    DetachVolumeRequest { volume_id: volume.to_owned(), ..Default::default() }
}

fn root_of(bed: &Bed, instance: types::InstanceId) -> String {
    bed.instance(instance).block_devices[0].volume.to_string()
}

#[test]
fn a_volume_is_made_and_deleted() {
    let mut bed = Bed::new();
    let request = CreateVolumeRequest {
        volume_type: Some(VolumeType::Gp3),
        throughput: Some(500),
        iops: Some(4_000),
        tag_specifications: vec![specification("volume", &[("Name", "data")])],
        ..wanted(20)
    };
    let made = create(&mut bed, request);
    assert_eq!(made.state, Some(VolumeState::Creating));
    let id = made.volume_id.as_deref().unwrap();
    let delete = DeleteVolumeRequest { volume_id: id.to_owned(), ..Default::default() };
    assert_eq!(bed.error(delete.clone()).0, "IncorrectState");
    let instance = instance_of(&mut bed);
    assert_eq!(bed.error(attach(id, &instance, "/dev/sdf")).0, "IncorrectState");
    bed.settle();
    let shown = one(&mut bed, id);
    assert_eq!(shown.state, Some(VolumeState::Available));
    assert_eq!((shown.size, shown.iops, shown.throughput), (Some(20), Some(4_000), Some(500)));
    assert_eq!((shown.encrypted, shown.multi_attach_enabled), (Some(false), Some(false)));
    assert_eq!(shown.availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(shown.snapshot_id.as_deref(), Some(""));
    assert_eq!(shown.tags, vec![Tag { key: some("Name"), value: some("data") }]);
    bed.ask(delete.clone()).unwrap();
    assert_eq!(one(&mut bed, id).state, Some(VolumeState::Deleting));
    assert_eq!(bed.error(delete.clone()).0, "InvalidVolume.NotFound");
    bed.settle();
    let (code, message) = bed.error(delete);
    assert_eq!((code, message), ("InvalidVolume.NotFound", format!("The volume '{id}' does not exist.")));
    assert!(bed.view().tags.get(id).is_none(), "its tags are gone, too");
    bed.check();
}

fn instance_of(bed: &mut Bed) -> String {
    bed.running().to_string()
}

#[test]
fn a_repeated_creation_makes_nothing_new() {
    let mut bed = Bed::new();
    let request = CreateVolumeRequest { client_token: some("once"), ..wanted(5) };
    let first = create(&mut bed, request.clone()).volume_id;
    assert_eq!(create(&mut bed, request.clone()).volume_id, first);
    let other = CreateVolumeRequest { size: Some(6), ..request };
    assert_eq!(bed.error(other).0, "IdempotentParameterMismatch");
    assert_eq!(bed.view().volumes.len(), 1);
}

#[test]
fn sizes_and_speeds_have_bounds() {
    use VolumeType as T;
    let mut bed = Bed::new();
    // Type, size, IOPS, throughput; what comes of it.
    type Case = (T, i32, Option<i32>, Option<i32>, Result<(Option<i32>, Option<i32>), &'static str>);
    let cases: [Case; 26] = [
        (T::Gp2, 1, None, None, Ok((Some(100), None))),
        (T::Gp2, 100, None, None, Ok((Some(300), None))),
        (T::Gp2, 16_384, None, None, Ok((Some(16_000), None))),
        (T::Gp2, 16_385, None, None, Err("InvalidParameterValue")),
        (T::Gp2, 0, None, None, Err("InvalidParameterValue")),
        (T::Gp2, 10, Some(300), None, Err("InvalidParameterCombination")),
        (T::Gp2, 10, None, Some(125), Err("InvalidParameterCombination")),
        (T::Gp3, 1, None, None, Ok((Some(3_000), Some(125)))),
        (T::Gp3, 65_536, Some(80_000), Some(2_000), Ok((Some(80_000), Some(2_000)))),
        (T::Gp3, 65_537, None, None, Err("InvalidParameterValue")),
        (T::Gp3, 100, Some(2_999), None, Err("InvalidParameterValue")),
        (T::Gp3, 65_536, Some(80_001), None, Err("InvalidParameterValue")),
        (T::Gp3, 7, Some(3_501), None, Err("InvalidParameterValue")),
        (T::Gp3, 100, None, Some(124), Err("InvalidParameterValue")),
        (T::Gp3, 100, Some(80_000), Some(2_001), Err("InvalidParameterValue")),
        (T::Gp3, 100, Some(3_000), Some(751), Err("InvalidParameterValue")),
        (T::Io1, 4, Some(200), None, Ok((Some(200), None))),
        (T::Io1, 4, None, None, Err("MissingParameter")),
        (T::Io1, 3, Some(100), None, Err("InvalidParameterValue")),
        (T::Io1, 4, Some(201), None, Err("InvalidParameterValue")),
        (T::Io2, 100, Some(100_000), None, Ok((Some(100_000), None))),
        (T::Io2, 100, Some(99), None, Err("InvalidParameterValue")),
        (T::St1, 125, None, None, Ok((None, None))),
        (T::Sc1, 124, None, None, Err("InvalidParameterValue")),
        (T::Standard, 1_024, None, None, Ok((None, None))),
        (T::Standard, 1_025, None, None, Err("InvalidParameterValue")),
    ];
    for (volume_type, size, iops, throughput, expected) in cases {
        let request = CreateVolumeRequest { volume_type: Some(volume_type), iops, throughput, ..wanted(size) };
        let got = match bed.ask(request) {
            Ok(Response::CreateVolume(volume)) => Ok((volume.iops, volume.throughput)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        };
        assert_eq!(got, expected, "{volume_type} {size} {iops:?} {throughput:?}");
    }
}

#[test]
fn bad_creations_get_precise_errors() {
    let mut bed = Bed::new();
    type Edit = fn(&mut CreateVolumeRequest);
    let cases: [(Edit, &str, &str); 12] = [
        (|r| r.size = None, "MissingParameter", "The request must contain the parameter size/snapshot"),
        (|r| r.availability_zone = None, "MissingParameter", "AvailabilityZone"),
        (|r| r.availability_zone = some("us-east-1z"), "InvalidZone.NotFound", "us-east-1z"),
        (|r| r.availability_zone_id = some("use1-az1"), "InvalidParameterCombination", "availabilityZoneId"),
        (|r| r.snapshot_id = some("snap-00000000000000099"), "InvalidSnapshot.NotFound", "does not exist."),
        (|r| r.snapshot_id = some("x"), "InvalidSnapshotID.Malformed", "snap-..."),
        (
            |r| (r.snapshot_id, r.size) = (some("snap-00000000000000001"), Some(7)),
            "InvalidParameterValue",
            "expect size >= 8GB",
        ),
        (|r| r.encrypted = Some(true), "UnsupportedOperation", "Encrypted is not available."),
        (|r| r.kms_key_id = some("k"), "InvalidParameterDependency", "requires the parameter Encrypted"),
        (|r| r.outpost_arn = some("o"), "UnsupportedOperation", "OutpostArn"),
        (|r| r.multi_attach_enabled = Some(true), "InvalidParameterCombination", "multiAttachEnabled"),
        (|r| r.volume_initialization_rate = Some(200), "UnsupportedOperation", "VolumeInitializationRate"),
    ];
    for (edit, code, text) in cases {
        let mut request = wanted(10);
        edit(&mut request);
        let (got, message) = bed.error(request);
        assert!(got == code && message.contains(text), "{got}: {message}, expected {code}: {text}");
    }
    assert!(bed.view().volumes.is_empty());
    let by_id = CreateVolumeRequest {
        availability_zone: None,
        availability_zone_id: some("use1-az2"),
        snapshot_id: some("snap-00000000000000001"),
        size: None,
        ..wanted(1)
    };
    let made = create(&mut bed, by_id);
    assert_eq!((made.availability_zone.as_deref(), made.size), (Some("us-east-1b"), Some(8)));
    assert_eq!(made.snapshot_id.as_deref(), Some("snap-00000000000000001"));
}

#[test]
fn a_volume_goes_to_an_instance_and_back() {
    let mut bed = Bed::new();
    let id = bed.running();
    let instance = id.to_string();
    let volume = available(&mut bed, wanted(5));
    match bed.ask(attach(&volume, &instance, "/dev/sdf")).unwrap() {
        Response::AttachVolume(answer) => {
            assert_eq!(answer.state, Some(VolumeAttachmentState::Attaching));
            assert_eq!(answer.delete_on_termination, Some(false));
        }
        other => panic!("{other:?}"),
    }
    let shown = one(&mut bed, &volume);
    assert_eq!(shown.state, Some(VolumeState::InUse));
    assert_eq!(shown.attachments[0].state, Some(VolumeAttachmentState::Attaching));
    bed.settle();
    assert_eq!(one(&mut bed, &volume).attachments[0].state, Some(VolumeAttachmentState::Attached));
    let mapped = bed.describe(id).block_device_mappings;
    assert_eq!(mapped.len(), 2);
    assert_eq!(mapped[1].ebs.as_ref().unwrap().volume_id.as_deref(), Some(volume.as_str()));
    // Terraform looks for an attachment this way.
    let found = describe(
        &mut bed,
        &[&volume],
        vec![filter("attachment.device", &["/dev/sdf"]), filter("attachment.instance-id", &[&instance])],
    );
    assert_eq!(found.len(), 1);
    let (code, message) = bed.error(DeleteVolumeRequest { volume_id: volume.clone(), ..Default::default() });
    assert_eq!((code, message), ("VolumeInUse", format!("Volume {volume} is currently attached to {instance}")));
    match bed.ask(DetachVolumeRequest { device: some("/dev/sdf"), ..detach(&volume) }).unwrap() {
        Response::DetachVolume(answer) => assert_eq!(answer.state, Some(VolumeAttachmentState::Detaching)),
        other => panic!("{other:?}"),
    }
    assert_eq!(bed.error(detach(&volume)).0, "IncorrectState");
    assert_eq!(one(&mut bed, &volume).attachments[0].state, Some(VolumeAttachmentState::Detaching));
    bed.check();
    bed.settle();
    let shown = one(&mut bed, &volume);
    assert_eq!((shown.state, shown.attachments.len()), (Some(VolumeState::Available), 0));
    assert_eq!(bed.describe(id).block_device_mappings.len(), 1);
    let (code, message) = bed.error(detach(&volume));
    assert_eq!((code, message), ("IncorrectState", format!("Volume '{volume}' is in the 'available' state.")));
    bed.check();
}

#[test]
fn bad_attachments_get_precise_errors() {
    let mut bed = Bed::new();
    let (id, other) = (bed.running(), bed.running());
    let (instance, other_instance) = (id.to_string(), other.to_string());
    let (free, taken) = (available(&mut bed, wanted(5)), available(&mut bed, wanted(5)));
    let elsewhere = available(&mut bed, CreateVolumeRequest { availability_zone: some("us-east-1b"), ..wanted(5) });
    bed.ask(attach(&taken, &instance, "/dev/sdf")).unwrap();
    bed.settle();
    let root = root_of(&bed, id);
    let cases = [
        (attach("vol-00000000000000099", &instance, "/dev/sdg"), "InvalidVolume.NotFound", "does not exist.".into()),
        (attach("x", &instance, "/dev/sdg"), "InvalidVolumeID.Malformed", "vol-...".into()),
        (attach(&free, "i-00000000000000099", "/dev/sdg"), "InvalidInstanceID.NotFound", "does not exist".into()),
        (attach(&free, &instance, "sesame"), "InvalidParameterValue", "sesame is not a valid EBS device name.".into()),
        (
            attach(&elsewhere, &instance, "/dev/sdg"),
            "InvalidVolume.ZoneMismatch",
            format!("The volume '{elsewhere}' is not in the same availability zone as instance '{instance}'"),
        ),
        (
            attach(&free, &instance, "/dev/sdf"),
            "InvalidParameterValue",
            "Attachment point /dev/sdf is already in use".into(),
        ),
        (
            attach(&taken, &other_instance, "/dev/sdf"),
            "VolumeInUse",
            format!("{taken} is already attached to an instance"),
        ),
    ];
    for (request, code, text) in cases {
        let (got, message) = bed.error(request);
        assert!(got == code && message.contains(&text), "{got}: {message}, expected {code}: {text}");
    }
    let of_other = DetachVolumeRequest { instance_id: Some(other_instance.clone()), ..detach(&taken) };
    assert_eq!(bed.error(of_other).0, "InvalidAttachment.NotFound");
    let as_other = DetachVolumeRequest { device: some("/dev/sdz"), ..detach(&taken) };
    assert_eq!(bed.error(as_other).0, "InvalidAttachment.NotFound");
    let (code, message) = bed.error(detach(&root));
    let expected = format!("Unable to detach root volume '{root}' from instance '{instance}'");
    assert_eq!((code, message), ("OperationNotPermitted", expected));
    bed.terminate(other);
    assert_eq!(bed.error(attach(&free, &other_instance, "/dev/sdf")).0, "IncorrectState");
    bed.check();
}

#[test]
fn an_instance_holds_only_so_many_volumes() {
    let mut bed = Bed::new();
    let instance = bed.running().to_string();
    for letter in 'a'..='z' {
        let volume = available(&mut bed, wanted(1));
        bed.ask(attach(&volume, &instance, &format!("/dev/sd{letter}"))).unwrap();
    }
    let volume = available(&mut bed, wanted(1));
    assert_eq!(bed.error(attach(&volume, &instance, "/dev/sdaa")).0, "AttachmentLimitExceeded");
}

#[test]
fn a_root_volume_is_detached_and_put_back_while_its_instance_is_stopped() {
    let mut bed = Bed::new();
    let id = bed.running();
    let (instance, root) = (id.to_string(), root_of(&bed, id));
    let data = available(&mut bed, wanted(1));
    bed.stop(id);
    bed.ask(detach(&root)).unwrap();
    let start = StartInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    let (code, message) = bed.error(start);
    assert!(code == "InvalidParameterValue" && message.contains("volume attached at root (/dev/xvda)"), "{message}");
    bed.settle();
    assert_eq!(one(&mut bed, &root).state, Some(VolumeState::Available));
    assert_eq!(bed.error(attach(&data, &instance, "/dev/xvda")).0, "UnsupportedOperation");
    assert_eq!(bed.error(attach(&root, &instance, "/dev/sdf")).0, "UnsupportedOperation");
    bed.ask(attach(&root, &instance, "/dev/xvda")).unwrap();
    bed.settle();
    bed.start(id);
    bed.check();
}

#[test]
fn several_instances_share_a_volume_that_allows_it() {
    let mut bed = Bed::new();
    let (one_id, two_id) = (instance_of(&mut bed), instance_of(&mut bed));
    let request = CreateVolumeRequest {
        volume_type: Some(VolumeType::Io2),
        iops: Some(100),
        multi_attach_enabled: Some(true),
        ..wanted(5)
    };
    let volume = available(&mut bed, request);
    bed.ask(attach(&volume, &one_id, "/dev/sdf")).unwrap();
    assert_eq!(bed.error(attach(&volume, &one_id, "/dev/sdg")).0, "VolumeInUse");
    bed.ask(attach(&volume, &two_id, "/dev/sdf")).unwrap();
    assert_eq!(bed.error(detach(&volume)).0, "MissingParameter");
    bed.ask(DetachVolumeRequest { instance_id: Some(one_id), ..detach(&volume) }).unwrap();
    bed.settle();
    let shown = one(&mut bed, &volume);
    assert_eq!(shown.attachments.len(), 1);
    assert_eq!(shown.attachments[0].instance_id.as_deref(), Some(two_id.as_str()));
    let alone = modify(&volume, |r| r.multi_attach_enabled = Some(false));
    assert_eq!(bed.error(alone).0, "IncorrectState");
    bed.check();
}

#[test]
fn instances_that_end_take_their_volumes_with_them_or_leave_them() {
    let mut bed = Bed::new();
    let data = |name: &str, edit: fn(&mut EbsBlockDevice)| {
        let mut ebs = EbsBlockDevice { volume_size: Some(2), ..Default::default() };
        edit(&mut ebs);
        BlockDeviceMapping { device_name: some(name), ebs: Some(ebs), ..Default::default() }
    };
    let request = RunInstancesRequest {
        block_device_mappings: vec![
            data("/dev/xvda", |ebs| (ebs.volume_size, ebs.delete_on_termination) = (Some(9), Some(false))),
            data("/dev/sdf", |_| ()),
            data("/dev/sdg", |ebs| {
                ebs.delete_on_termination = Some(false);
                ebs.volume_type = Some(VolumeType::Io1);
                ebs.iops = Some(200);
                ebs.volume_size = Some(4);
            }),
            data("/dev/sdh", |ebs| (ebs.volume_size, ebs.snapshot_id) = (None, some("snap-00000000000000001"))),
        ],
        tag_specifications: vec![specification("volume", &[("of", "launch")])],
        ..bed.launch(1)
    };
    let id = bed.running_of(request);
    let shown = describe(&mut bed, &[], vec![filter("tag:of", &["launch"])]);
    assert_eq!(shown.len(), 4);
    let by_device = |device: &str| {
        let has = |volume: &&Volume| volume.attachments[0].device.as_deref() == Some(device);
        shown.iter().find(has).unwrap().clone()
    };
    assert_eq!(by_device("/dev/xvda").size, Some(9));
    assert_eq!(by_device("/dev/xvda").snapshot_id.as_deref(), Some("snap-00000000000000001"));
    assert_eq!(by_device("/dev/sdf").attachments[0].delete_on_termination, Some(true));
    assert_eq!(by_device("/dev/sdg").iops, Some(200));
    assert_eq!(by_device("/dev/sdh").size, Some(8));
    bed.check();
    bed.terminate(id);
    let mut left: Vec<_> = describe(&mut bed, &[], vec![]);
    left.sort_by_key(|volume| volume.size);
    assert_eq!(left.iter().map(|volume| volume.size.unwrap()).collect::<Vec<_>>(), [4, 9]);
    assert!(left.iter().all(|volume| volume.state == Some(VolumeState::Available)));
    bed.check();
}

#[test]
fn attributes_and_status_read_back() {
    let mut bed = Bed::new();
    let made = create(&mut bed, wanted(5));
    let id = made.volume_id.unwrap();
    let status = |bed: &mut Bed, filters: Vec<Filter>| {
        let request = DescribeVolumeStatusRequest { filters, ..Default::default() };
        match bed.ask(request).unwrap() {
            Response::DescribeVolumeStatus(answer) => answer.volume_statuses,
            other => panic!("{other:?}"),
        }
    };
    let summary = |item: &VolumeStatusItem| item.volume_status.as_ref().unwrap().status;
    assert_eq!(summary(&status(&mut bed, vec![])[0]), Some(VolumeStatusInfoStatus::InsufficientData));
    bed.settle();
    let all = status(&mut bed, vec![]);
    assert_eq!(summary(&all[0]), Some(VolumeStatusInfoStatus::Ok));
    for (name, value, count) in [
        ("volume-status.status", "ok", 1),
        ("volume-status.status", "impaired", 0),
        ("volume-status.details-name", "io-enabled", 1),
        ("volume-status.details-status", "passed", 1),
        ("availability-zone", "us-east-1a", 1),
        ("availability-zone", "us-east-1b", 0),
        ("attachment-status.instance-id", "*", 0),
        ("attachment-status.io-performance", "*", 0),
        ("event.event-id", "*", 0),
        ("action.code", "*", 0),
    ] {
        assert_eq!(status(&mut bed, vec![filter(name, &[value])]).len(), count, "{name}={value}");
    }
    let attribute = |bed: &mut Bed, attribute| {
        let request = DescribeVolumeAttributeRequest { volume_id: id.clone(), attribute, ..Default::default() };
        match bed.ask(request) {
            Ok(Response::DescribeVolumeAttribute(answer)) => Ok(answer.auto_enable_io.and_then(|flag| flag.value)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        }
    };
    assert_eq!(attribute(&mut bed, Some(VolumeAttributeName::AutoEnableIO)), Ok(Some(false)));
    let flag = Some(AttributeBooleanValue { value: Some(true) });
    bed.ask(ModifyVolumeAttributeRequest { volume_id: id.clone(), auto_enable_io: flag, dry_run: None }).unwrap();
    assert_eq!(attribute(&mut bed, Some(VolumeAttributeName::AutoEnableIO)), Ok(Some(true)));
    assert_eq!(attribute(&mut bed, Some(VolumeAttributeName::ProductCodes)), Ok(None));
    assert_eq!(attribute(&mut bed, None), Err("MissingParameter"));
    let nothing = ModifyVolumeAttributeRequest { volume_id: id.clone(), ..Default::default() };
    assert_eq!(bed.error(nothing).0, "MissingParameter");
    bed.ask(EnableVolumeIORequest { volume_id: id.clone(), ..Default::default() }).unwrap();
    let unknown = EnableVolumeIORequest { volume_id: "vol-00000000000000099".to_owned(), ..Default::default() };
    assert_eq!(bed.error(unknown).0, "InvalidVolume.NotFound");
    let binned = ListVolumesInRecycleBinRequest { volume_ids: vec![id], ..Default::default() };
    assert_eq!(bed.error(binned).0, "InvalidVolume.NotFound");
    match bed.ask(ListVolumesInRecycleBinRequest::default()).unwrap() {
        Response::ListVolumesInRecycleBin(answer) => assert!(answer.volumes.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_filter_finds_what_it_names() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let root = root_of(&bed, instance);
    let other = available(&mut bed, CreateVolumeRequest { volume_type: Some(VolumeType::Gp3), ..wanted(3) });
    let shown = one(&mut bed, &root);
    let created = bed.view().volumes[&root.parse::<types::VolumeId>().unwrap()].created.to_string();
    let instance = instance.to_string();
    let cases = [
        ("attachment.attach-time", created.as_str(), vec![&root]),
        ("attachment.delete-on-termination", "true", vec![&root]),
        ("attachment.device", "/dev/xvda", vec![&root]),
        ("attachment.instance-id", &instance, vec![&root]),
        ("attachment.status", "attached", vec![&root]),
        ("availability-zone", "us-east-1a", vec![&root, &other]),
        ("availability-zone-id", "use1-az1", vec![&root, &other]),
        ("create-time", &created, vec![&root, &other]),
        ("encrypted", "false", vec![&root, &other]),
        ("fast-restored", "false", vec![&root, &other]),
        ("multi-attach-enabled", "false", vec![&root, &other]),
        ("operator.managed", "false", vec![&root, &other]),
        ("operator.principal", "*", vec![]),
        ("size", "3", vec![&other]),
        ("snapshot-id", "snap-00000000000000001", vec![&root]),
        ("status", "in-use", vec![&root]),
        ("volume-id", &other, vec![&other]),
        ("volume-type", "gp3", vec![&other]),
    ];
    assert_eq!(shown.state, Some(VolumeState::InUse));
    let mut named: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    named.dedup();
    assert_eq!(named, VolumeRow::NAMES);
    for (name, value, expected) in cases {
        let mut found: Vec<String> =
            describe(&mut bed, &[], vec![filter(name, &[value])]).into_iter().filter_map(|v| v.volume_id).collect();
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}={value}");
    }
}

#[test]
fn pages_are_as_the_command_line_asks_for_them() {
    let mut bed = Bed::new();
    for size in 1..=7 {
        available(&mut bed, wanted(size));
    }
    let page = |bed: &mut Bed, max_results, next_token| match bed
        .ask(DescribeVolumesRequest { max_results, next_token, ..Default::default() })
        .unwrap()
    {
        Response::DescribeVolumes(answer) => (answer.volumes.len(), answer.next_token),
        other => panic!("{other:?}"),
    };
    assert_eq!(page(&mut bed, Some(1_000), None), (7, None));
    let (count, token) = page(&mut bed, Some(5), None);
    assert_eq!(count, 5);
    assert_eq!(page(&mut bed, Some(5), token), (2, None));
    let changes = DescribeVolumesModificationsRequest { max_results: Some(501), ..Default::default() };
    assert_eq!(bed.error(changes).0, "InvalidParameterValue");
}

#[test]
fn disks_of_early_clouds_get_records() {
    let mut bed = Bed::new();
    let id = bed.running();
    let old = bed.instance(id);
    let volume = old.block_devices[0].volume;
    // As it was written down before volumes had records.
    let mut text = serde_json::to_value(&old).unwrap();
    text["block_devices"][0]["attach_time"] = serde_json::to_value(old.launch_time).unwrap();
    text["block_devices"][0]["delete_on_termination"] = false.into();
    text["block_devices"][0]["size_gib"] = 20.into();
    text["block_devices"][0]["volume_type"] = "gp3".into();
    let read: resource::Instance = serde_json::from_value(text).unwrap();
    bed.report(|tx, _| {
        tx.delete(crate::Key::Volume(volume));
        tx.put(read);
        true
    });
    bed.settle();
    let shown = one(&mut bed, &volume.to_string());
    assert_eq!((shown.size, shown.volume_type, shown.throughput), (Some(20), Some(VolumeType::Gp3), Some(125)));
    assert_eq!(shown.attachments[0].delete_on_termination, Some(false));
    assert!(bed.view().due.is_empty(), "it is done once");
    bed.check();
}

#[test]
fn device_names_are_those_of_ec2() {
    for name in ["/dev/sdf", "/dev/sda1", "/dev/sdf15", "xvdh", "sdh", "/dev/xvdba", "/dev/hdb"] {
        assert!(check_device_name(name).is_ok(), "{name}");
    }
    for name in ["", "/dev/", "/dev/sd", "/dev/sdf0", "/dev/sdf16", "/dev/sdF", "/dev/nvme1n1", "/dev/sdabc", "../sdf"]
    {
        assert!(check_device_name(name).is_err(), "{name}");
    }
}
