use super::*;

fn create(instance: InstanceId, name: &str) -> CreateImageRequest {
    CreateImageRequest { instance_id: instance.to_string(), name: name.to_owned(), ..CreateImageRequest::default() }
}

fn register(name: &str, snapshot: &str) -> RegisterImageRequest {
    let ebs = EbsBlockDevice { snapshot_id: Some(snapshot.to_owned()), ..EbsBlockDevice::default() };
    RegisterImageRequest {
        name: name.to_owned(),
        root_device_name: Some("/dev/sda1".to_owned()),
        architecture: Some(ArchitectureValues::X86_64),
        virtualization_type: Some("hvm".to_owned()),
        block_device_mappings: vec![device("/dev/sda1", ebs)],
        ..RegisterImageRequest::default()
    }
}

fn device(name: &str, ebs: EbsBlockDevice) -> BlockDeviceMapping {
    BlockDeviceMapping { device_name: Some(name.to_owned()), ebs: Some(ebs), ..BlockDeviceMapping::default() }
}

fn of_size(gib: i32) -> EbsBlockDevice {
    EbsBlockDevice { volume_size: Some(gib), ..EbsBlockDevice::default() }
}

#[test]
fn an_image_of_an_instance_waits_for_the_host() {
    let mut bed = Bed::new();
    let mut launch = bed.launch(1);
    launch.block_device_mappings = vec![device("/dev/sdf", of_size(5))];
    let instance = bed.running_of(launch);
    let request = CreateImageRequest {
        description: Some("What it is".to_owned()),
        no_reboot: Some(false),
        tag_specifications: vec![specification("image", &[("a", "1")]), specification("snapshot", &[("b", "2")])],
        ..create(instance, "web")
    };
    let image = answer!(bed, CreateImage, request).image_id.unwrap();
    let shown = bed.image(&image);
    assert_eq!(shown.state, Some(ImageState::Pending));
    assert_eq!(shown.source_instance_id, Some(instance.to_string()));
    assert_eq!((shown.source_image_id, shown.source_image_region), (Some(bed.image.clone()), Some("us-east-1".into())));
    let captures: Vec<_> = imaging::captures(bed.view().tables()).collect();
    assert_eq!((captures.len(), captures[0].instance, captures[0].reboot), (1, instance, true));
    let launch = RunInstancesRequest { image_id: Some(image.clone()), ..bed.launch(1) };
    assert_eq!(bed.error(launch.clone()).0, "InvalidAMIID.Unavailable");
    let modify = ModifyImageAttributeRequest {
        image_id: image.clone(),
        description: Some(AttributeValue { value: Some("x".to_owned()) }),
        ..Default::default()
    };
    assert_eq!(bed.error(modify).0, "InvalidAMIID.Unavailable");

    bed.capture(&image, "own");
    let shown = bed.image(&image);
    assert_eq!((shown.state, shown.description.as_deref()), (Some(ImageState::Available), Some("What it is")));
    let devices: Vec<_> = shown
        .block_device_mappings
        .iter()
        .map(|mapping| (mapping.device_name.as_deref().unwrap(), mapping.ebs.as_ref().unwrap().volume_size.unwrap()))
        .collect();
    assert_eq!(devices, [("/dev/xvda", 8), ("/dev/sdf", 5)]);
    assert_eq!(shown.tags[0].key.as_deref(), Some("a"));
    let ids: Vec<SnapshotId> = bed.image_record(&image).snapshots().collect();
    for id in ids {
        let snapshot = bed.view().tables().snapshots[&id].clone();
        assert_eq!(snapshot.description, format!("Created by CreateImage({instance}) for {image}"));
        assert_eq!(bed.view().tables().tags_of(&id.to_string())["b"], "2");
    }
    let layers = vec![ImageLayer("base".into()), ImageLayer("own".into())];
    assert_eq!(bed.image_record(&image).layers, layers);

    // What is launched from it has its layers and both volumes.
    let launched = bed.running_of(launch);
    assert_eq!(bed.instance(launched).layers, layers);
    assert_eq!(bed.instance(launched).block_devices.len(), 2);
    bed.check();
}

#[test]
fn an_image_that_cannot_be_made_says_why() {
    let mut bed = Bed::new();
    let instance = bed.running();
    let image = bed.create_image(instance, "web");
    let root = bed.image_record(&image).root_snapshot().unwrap();
    let reason = StateReason::new("Server.InternalError", "No room");
    assert!(bed.report(|tx, _| imaging::fail_capture(tx, root, &reason)));
    let shown = bed.image(&image);
    let told = shown.state_reason.unwrap();
    assert_eq!((shown.state, told.code.as_deref()), (Some(ImageState::Failed), Some("Server.InternalError")));
    for (name, value) in [("state-reason-code", "Server.InternalError"), ("state-reason-message", "*No room")] {
        assert_eq!(bed.images_where(name, value), std::slice::from_ref(&image));
    }
    // A report that comes late changes nothing.
    assert!(!bed.report(|tx, now| imaging::finish_capture(tx, now, root, ImageLayer("late".into()))));
    let launch = RunInstancesRequest { image_id: Some(image.clone()), ..bed.launch(1) };
    assert_eq!(bed.error(launch).0, "InvalidAMIID.Unavailable");
    bed.ask(DeregisterImageRequest { image_id: image, ..Default::default() }).unwrap();
}

#[test]
fn what_cannot_be_made_an_image_of_is_refused() {
    let mut bed = Bed::new();
    let instance = bed.running();
    bed.own_image("taken");
    for bad in ["ab", &"x".repeat(129), "semi;colon", "täxt"] {
        assert_eq!(bed.error(create(instance, bad)).0, "InvalidAMIName.Malformed", "{bad}");
    }
    let (code, message) = bed.error(create(instance, "taken"));
    assert_eq!(code, "InvalidAMIName.Duplicate");
    assert!(message.starts_with("AMI name taken is already in use by AMI ami-"), "{message}");
    let unknown = CreateImageRequest { instance_id: "i-0123456789abcdef0".to_owned(), ..create(instance, "web") };
    assert_eq!(bed.error(unknown).0, "InvalidInstanceID.NotFound");
    let long = CreateImageRequest { description: Some("x".repeat(256)), ..create(instance, "web") };
    assert_eq!(bed.error(long).0, "InvalidParameterValue");
    let tags = vec![specification("vpc", &[("a", "1")])];
    assert_eq!(
        bed.error(CreateImageRequest { tag_specifications: tags, ..create(instance, "web") }).0,
        "InvalidParameterValue"
    );
    let with = |mappings: Vec<BlockDeviceMapping>| CreateImageRequest {
        block_device_mappings: mappings,
        ..create(instance, "web")
    };
    let none = |name: &str| BlockDeviceMapping {
        device_name: Some(name.to_owned()),
        no_device: Some(String::new()),
        ..BlockDeviceMapping::default()
    };
    let encrypted = EbsBlockDevice { encrypted: Some(true), ..of_size(8) };
    for (mappings, code) in [
        (vec![none("/dev/xvda")], "InvalidBlockDeviceMapping"),
        (vec![device("/dev/xvda", of_size(9))], "InvalidBlockDeviceMapping"),
        (vec![device("/dev/sdg", of_size(1)), none("/dev/sdg")], "InvalidBlockDeviceMapping"),
        (vec![device("nonsense", of_size(1))], "InvalidBlockDeviceMapping"),
        (
            vec![BlockDeviceMapping { device_name: Some("/dev/sdg".to_owned()), ..Default::default() }],
            "InvalidBlockDeviceMapping",
        ),
        (vec![BlockDeviceMapping::default()], "MissingParameter"),
        (vec![device("/dev/xvda", encrypted)], "UnsupportedOperation"),
    ] {
        assert_eq!(bed.error(with(mappings.clone())).0, code, "{mappings:?}");
    }
    bed.terminate(instance);
    let (code, message) = bed.error(create(instance, "web"));
    // What Packer waits for.
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("Instance is not in state"), "{message}");
}

#[test]
fn mappings_change_what_an_image_has() {
    let mut bed = Bed::new();
    let mut launch = bed.launch(1);
    launch.block_device_mappings = vec![device("/dev/sdf", of_size(5))];
    let instance = bed.running_of(launch);
    let faster = EbsBlockDevice {
        volume_type: Some(VolumeType::Gp3),
        iops: Some(4_000),
        delete_on_termination: Some(false),
        ..EbsBlockDevice::default()
    };
    let request = CreateImageRequest {
        block_device_mappings: vec![
            device("/dev/xvda", faster),
            BlockDeviceMapping {
                device_name: Some("/dev/sdf".to_owned()),
                no_device: Some(String::new()),
                ..Default::default()
            },
            device("/dev/sdh", of_size(3)),
            BlockDeviceMapping {
                device_name: Some("/dev/sdb".to_owned()),
                virtual_name: Some("ephemeral0".to_owned()),
                ..Default::default()
            },
        ],
        ..create(instance, "web")
    };
    let image = answer!(bed, CreateImage, request).image_id.unwrap();
    let shown = bed.image(&image).block_device_mappings;
    let names: Vec<_> = shown.iter().map(|mapping| mapping.device_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["/dev/xvda", "/dev/sdh", "/dev/sdb"]);
    let root = shown[0].ebs.as_ref().unwrap();
    assert_eq!(
        (root.volume_type, root.iops, root.delete_on_termination),
        (Some(VolumeType::Gp3), Some(4_000), Some(false))
    );
    assert_eq!(shown[1].ebs.as_ref().unwrap().snapshot_id, None);
    assert_eq!(shown[2].virtual_name.as_deref(), Some("ephemeral0"));
    assert_eq!(bed.view().tables().snapshots.len(), 1);
}

#[test]
fn an_image_is_registered_from_the_snapshot_of_a_root_volume() {
    let mut bed = Bed::new();
    let first = bed.own_image("web");
    let snapshot = bed.image_record(&first).root_snapshot().unwrap().to_string();
    let request = RegisterImageRequest {
        description: Some("Again".to_owned()),
        ena_support: Some(true),
        sriov_net_support: Some("simple".to_owned()),
        boot_mode: Some(BootModeValues::Uefi),
        tpm_support: Some(TpmSupportValues::V2_0),
        imds_support: Some(ImdsSupportValues::V2_0),
        uefi_data: Some("AAAA".to_owned()),
        tag_specifications: vec![specification("image", &[("a", "1")])],
        ..register("again", &snapshot)
    };
    let image = answer!(bed, RegisterImage, request).image_id.unwrap();
    assert_eq!(bed.image(&image).state, Some(ImageState::Pending));
    bed.settle();
    let shown = bed.image(&image);
    assert_eq!(shown.state, Some(ImageState::Available));
    assert_eq!((shown.root_device_name.as_deref(), shown.ena_support), (Some("/dev/sda1"), Some(true)));
    assert_eq!((shown.boot_mode, shown.imds_support), (Some(BootModeValues::Uefi), Some(ImdsSupportValues::V2_0)));
    assert_eq!(
        (shown.tpm_support, shown.virtualization_type),
        (Some(TpmSupportValues::V2_0), Some(VirtualizationType::Hvm))
    );
    for (name, value) in [("boot-mode", "uefi"), ("imds-support", "v2.0"), ("tpm-support", "v2.0")] {
        assert_eq!(bed.images_where(name, value), std::slice::from_ref(&image), "{name}");
    }
    assert_eq!(bed.image_record(&image).layers, bed.image_record(&first).layers);
    let launch = RunInstancesRequest { image_id: Some(image), ..bed.launch(1) };
    bed.running_of(launch);

    let plain = RegisterImageRequest { virtualization_type: None, architecture: None, ..register("old", &snapshot) };
    let old = answer!(bed, RegisterImage, plain).image_id.unwrap();
    bed.settle();
    let shown = bed.image(&old);
    assert_eq!(shown.virtualization_type, Some(VirtualizationType::Paravirtual));
    assert_eq!((shown.architecture, shown.ena_support), (Some(ArchitectureValues::I386), Some(false)));
    let launch = RunInstancesRequest { image_id: Some(old), ..bed.launch(1) };
    assert_eq!(bed.error(launch).0, "InvalidParameterCombination");
}

#[test]
fn what_cannot_be_registered_is_refused() {
    let mut bed = Bed::new();
    let first = bed.own_image("web");
    let snapshot = bed.image_record(&first).root_snapshot().unwrap().to_string();
    let good = || register("again", &snapshot);
    for (request, code) in [
        (RegisterImageRequest { name: "web".to_owned(), ..good() }, "InvalidAMIName.Duplicate"),
        (RegisterImageRequest { root_device_name: None, ..good() }, "MissingParameter"),
        (RegisterImageRequest { block_device_mappings: vec![], ..good() }, "InvalidBlockDeviceMapping"),
        (RegisterImageRequest { root_device_name: Some("/dev/xvda".into()), ..good() }, "InvalidBlockDeviceMapping"),
        (
            RegisterImageRequest { block_device_mappings: vec![device("/dev/sda1", of_size(8))], ..good() },
            "InvalidBlockDeviceMapping",
        ),
        (register("again", "snap-0123456789abcdef0"), "InvalidSnapshot.NotFound"),
        (RegisterImageRequest { image_location: Some("bucket/x.xml".into()), ..good() }, "InvalidManifest"),
        (RegisterImageRequest { virtualization_type: Some("x".into()), ..good() }, "InvalidParameterValue"),
        (RegisterImageRequest { sriov_net_support: Some("x".into()), ..good() }, "InvalidParameterValue"),
        (RegisterImageRequest { kernel_id: Some("aki-1".into()), ..good() }, "UnsupportedOperation"),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    // A disk that nothing was written to is registered, as on AWS, and boots nothing.
    let blank = SnapshotId::from_number(77);
    let now = bed.context.now;
    bed.report(|tx, _| {
        let volume = types::VolumeId::from_number(7);
        let mut snapshot = crate::resource::Snapshot::new(blank, volume, 8, SnapshotContent::Blank, now);
        snapshot.state = crate::resource::SnapshotState::Completed;
        tx.put(snapshot);
        true
    });
    let image = answer!(bed, RegisterImage, register("blank", &blank.to_string())).image_id.unwrap();
    bed.settle();
    let launch = RunInstancesRequest { image_id: Some(image), ..bed.launch(1) };
    let (code, message) = bed.error(launch);
    assert_eq!(code, "UnsupportedOperation");
    assert!(message.contains(&blank.to_string()), "{message}");
}

#[test]
fn a_copy_stands_by_itself_in_its_region() {
    let mut bed = Bed::new();
    let source = bed.own_image("web");
    bed.ask(CreateTagsRequest {
        resources: texts(&[&source]),
        tags: crate::testing::shape_tags(&[("kept", "1"), ("changed", "1")]),
        ..Default::default()
    })
    .unwrap();
    let elsewhere = bed.context.region.clone();
    bed.context.region = "eu-west-1".parse().unwrap();
    bed.state.regions.insert(bed.context.region.clone(), Default::default());
    let request = || CopyImageRequest {
        name: "copy".to_owned(),
        source_image_id: source.clone(),
        source_region: elsewhere.to_string(),
        client_token: Some("once".to_owned()),
        copy_image_tags: Some(true),
        tag_specifications: vec![specification("image", &[("changed", "2")]), specification("snapshot", &[("s", "1")])],
        ..Default::default()
    };
    let copy = answer!(bed, CopyImage, request()).image_id.unwrap();
    assert_ne!(copy, source);
    assert_eq!(answer!(bed, CopyImage, request()).image_id.unwrap(), copy, "a repeat makes nothing new");
    let other = CopyImageRequest { name: "other".to_owned(), ..request() };
    assert_eq!(bed.error(other).0, "IdempotentParameterMismatch");
    bed.settle();
    let shown = bed.image(&copy);
    assert_eq!((shown.state, shown.name.as_deref()), (Some(ImageState::Available), Some("copy")));
    assert_eq!(
        (shown.source_image_id.as_ref(), shown.source_image_region.as_deref()),
        (Some(&source), Some("us-east-1"))
    );
    let tags: Vec<_> =
        shown.tags.iter().map(|tag| (tag.key.as_deref().unwrap(), tag.value.as_deref().unwrap())).collect();
    assert_eq!(tags, [("changed", "2"), ("kept", "1")]);
    let root = bed.image_record(&copy).root_snapshot().unwrap();
    let snapshot = bed.view().tables().snapshots[&root].clone();
    assert!(snapshot.is_copy && matches!(snapshot.content, SnapshotContent::Layers(_)));
    assert_eq!(bed.view().tables().tags_of(&root.to_string())["s"], "1");

    let fresh = || CopyImageRequest { client_token: None, name: "third".to_owned(), ..request() };
    for (request, code) in [
        (CopyImageRequest { source_image_id: "ami-0123456789abcdef0".into(), ..fresh() }, "InvalidAMIID.NotFound"),
        (CopyImageRequest { source_image_id: "x".into(), ..fresh() }, "InvalidAMIID.Malformed"),
        (CopyImageRequest { source_region: "no where".into(), ..fresh() }, "InvalidParameterValue"),
        (CopyImageRequest { source_region: "ap-south-1".into(), ..fresh() }, "InvalidAMIID.NotFound"),
        (CopyImageRequest { name: "copy".into(), ..fresh() }, "InvalidAMIName.Duplicate"),
        (CopyImageRequest { encrypted: Some(true), ..fresh() }, "UnsupportedOperation"),
        (CopyImageRequest { snapshot_copy_completion_duration_minutes: Some(7), ..fresh() }, "InvalidParameterValue"),
    ] {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    // Images that come with Daemun can be copied from any region, also one that nobody used yet.
    let builtin =
        CopyImageRequest { source_image_id: bed.image.clone(), source_region: "ap-south-1".to_owned(), ..fresh() };
    let own = answer!(bed, CopyImage, builtin).image_id.unwrap();
    assert_eq!(bed.image(&own).owner_id.as_deref(), Some("123456789012"));
}
