//! Snapshots: how they come and go, who may use them, where they are kept.

use ec2_shapes::*;

use super::describe::SnapshotRow;
use crate::actions::testbed::{Bed, texts};
use crate::query::Filterable;
use crate::storage;
use crate::testing::{filter, specification};

/// The snapshot of the image that comes with the test's cloud.
const BUILTIN: &str = "snap-00000000000000001";
/// The snapshot of the account's own image, which has no record.
const OF_OWN_IMAGE: &str = "snap-00000000000000002";
const UNKNOWN: &str = "snap-00000000000000099";

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An empty volume that is there; its id.
fn volume(bed: &mut Bed, size: i32) -> String {
    let request = CreateVolumeRequest { availability_zone: some("us-east-1a"), size: Some(size), ..Default::default() };
    let Response::CreateVolume(made) = bed.ask(request).unwrap() else { panic!("no volume") };
    bed.settle();
    made.volume_id.unwrap()
}

fn of(volume: &str) -> CreateSnapshotRequest {
    CreateSnapshotRequest { volume_id: volume.to_owned(), ..Default::default() }
}

fn take(bed: &mut Bed, request: CreateSnapshotRequest) -> Snapshot {
    match bed.ask(request).unwrap() {
        Response::CreateSnapshot(snapshot) => *snapshot,
        other => panic!("{other:?}"),
    }
}

/// A snapshot that is complete; its id.
fn complete(bed: &mut Bed) -> String {
    let volume = volume(bed, 3);
    let id = take(bed, of(&volume)).snapshot_id.unwrap();
    bed.settle();
    id
}

fn describe(bed: &mut Bed, request: DescribeSnapshotsRequest) -> Vec<Snapshot> {
    match bed.ask(request).unwrap() {
        Response::DescribeSnapshots(answer) => answer.snapshots,
        other => panic!("{other:?}"),
    }
}

fn one(bed: &mut Bed, id: &str) -> Snapshot {
    describe(bed, DescribeSnapshotsRequest { snapshot_ids: texts(&[id]), ..Default::default() }).remove(0)
}

fn delete(id: &str) -> DeleteSnapshotRequest {
    DeleteSnapshotRequest { snapshot_id: id.to_owned(), ..Default::default() }
}

fn copy(id: &str) -> CopySnapshotRequest {
    let (source_region, source_snapshot_id) = ("us-east-1".to_owned(), id.to_owned());
    CopySnapshotRequest { source_region, source_snapshot_id, ..Default::default() }
}

#[test]
fn a_snapshot_is_taken_and_deleted() {
    let mut bed = Bed::new();
    let source = volume(&mut bed, 5);
    let request = CreateSnapshotRequest {
        description: some("before"),
        tag_specifications: vec![specification("snapshot", &[("Name", "s")])],
        ..of(&source)
    };
    let made = take(&mut bed, request);
    assert_eq!((made.state, made.progress.as_deref()), (Some(SnapshotState::Pending), Some("0%")));
    let id = made.snapshot_id.unwrap();
    let from_pending = CreateVolumeRequest {
        availability_zone: some("us-east-1a"),
        snapshot_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(bed.error(from_pending.clone()).0, "IncorrectState");
    bed.settle();
    let shown = one(&mut bed, &id);
    assert_eq!((shown.state, shown.progress.as_deref()), (Some(SnapshotState::Completed), Some("100%")));
    assert_eq!((shown.volume_size, shown.volume_id.as_deref()), (Some(5), Some(source.as_str())));
    assert_eq!((shown.encrypted, shown.storage_tier), (Some(false), Some(StorageTier::Standard)));
    assert_eq!((shown.owner_id.as_deref(), shown.owner_alias), (Some("123456789012"), None));
    assert_eq!((shown.description.as_deref(), shown.tags.len()), (Some("before"), 1));
    assert!(shown.completion_time.is_some());
    // The snapshot outlives its volume, and volumes are made from it.
    bed.ask(DeleteVolumeRequest { volume_id: source, ..Default::default() }).unwrap();
    bed.settle();
    let Response::CreateVolume(restored) = bed.ask(from_pending).unwrap() else { panic!("no volume") };
    assert_eq!((restored.size, restored.snapshot_id.as_ref()), (Some(5), Some(&id)));
    bed.ask(delete(&id)).unwrap();
    let (code, message) = bed.error(delete(&id));
    assert_eq!((code, message), ("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist.")));
    assert!(bed.view().tags.get(id.as_str()).is_none());
}

#[test]
fn bad_snapshots_get_precise_errors() {
    let mut bed = Bed::new();
    let source = volume(&mut bed, 1);
    assert_eq!(bed.error(of("vol-00000000000000099")).0, "InvalidVolume.NotFound");
    assert_eq!(bed.error(of("x")).0, "InvalidVolumeID.Malformed");
    let local = CreateSnapshotRequest { location: Some(SnapshotLocationEnum::Local), ..of(&source) };
    assert_eq!(bed.error(local).0, "UnsupportedOperation");
    let outpost = CreateSnapshotRequest { outpost_arn: some("arn"), ..of(&source) };
    assert_eq!(bed.error(outpost).0, "UnsupportedOperation");
    for _ in 0..5 {
        take(&mut bed, of(&source));
    }
    assert_eq!(bed.error(of(&source)).0, "ConcurrentSnapshotLimitExceeded");
    bed.settle();
    take(&mut bed, of(&source));
}

#[test]
fn the_data_volumes_of_an_instance_are_taken_at_once() {
    let mut bed = Bed::new();
    let id = bed.running();
    let instance = id.to_string();
    let root = bed.instance(id).block_devices[0].volume.to_string();
    let mut volumes = vec![];
    for device in ["/dev/sdf", "/dev/sdg"] {
        let made = volume(&mut bed, 2);
        bed.ask(AttachVolumeRequest {
            volume_id: made.clone(),
            instance_id: instance.clone(),
            device: device.to_owned(),
            ..Default::default()
        })
        .unwrap();
        volumes.push(made);
    }
    bed.ask(CreateTagsRequest {
        resources: vec![volumes[0].clone()],
        tags: vec![Tag { key: some("of"), value: some("volume") }],
        ..Default::default()
    })
    .unwrap();
    let request = |excluded: &[&str]| CreateSnapshotsRequest {
        instance_specification: Some(InstanceSpecification {
            instance_id: Some(instance.clone()),
            exclude_boot_volume: Some(true),
            exclude_data_volume_ids: texts(excluded),
        }),
        ..Default::default()
    };
    let both = CreateSnapshotsRequest {
        description: some("both"),
        copy_tags_from_source: Some(CopyTagsFromSource::Volume),
        tag_specifications: vec![specification("snapshot", &[("x", "y")])],
        ..request(&[])
    };
    match bed.ask(both).unwrap() {
        Response::CreateSnapshots(answer) => {
            assert_eq!(answer.snapshots.len(), 2);
            let of_tagged = &answer.snapshots.iter().find(|s| s.volume_id.as_ref() == Some(&volumes[0])).unwrap();
            assert_eq!(of_tagged.tags.len(), 2);
            assert_eq!((of_tagged.description.as_deref(), of_tagged.volume_size), (Some("both"), Some(2)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bed.error(request(&[&root])).0, "InvalidParameterValue");
    assert_eq!(bed.error(request(&[&volumes[0], &volumes[1]])).0, "InvalidParameterValue");
    assert_eq!(bed.error(request(&["vol-00000000000000099"])).0, "InvalidParameterValue");
    assert_eq!(bed.error(request(&vec![volumes[0].as_str(); 41])).0, "InvalidParameterValue");
    assert_eq!(bed.error(CreateSnapshotsRequest::default()).0, "MissingParameter");
    match bed.ask(request(&[&volumes[0]])).unwrap() {
        Response::CreateSnapshots(answer) => assert_eq!(answer.snapshots[0].volume_id.as_ref(), Some(&volumes[1])),
        other => panic!("{other:?}"),
    }
    bed.terminate(id);
    assert_eq!(bed.error(request(&[])).0, "IncorrectInstanceState");
}

#[test]
fn a_snapshot_is_copied() {
    let mut bed = Bed::new();
    let source = complete(&mut bed);
    let request = CopySnapshotRequest {
        description: some("copy"),
        presigned_url: some("https://ec2.example/?signed"),
        completion_duration_minutes: Some(30),
        tag_specifications: vec![specification("snapshot", &[("Name", "copy")])],
        ..copy(&source)
    };
    let Response::CopySnapshot(answer) = bed.ask(request).unwrap() else { panic!("no copy") };
    assert_eq!(answer.tags.len(), 1);
    let id = answer.snapshot_id.unwrap();
    bed.settle();
    let shown = one(&mut bed, &id);
    assert_eq!((shown.state, shown.volume_size), (Some(SnapshotState::Completed), Some(3)));
    assert_eq!(shown.volume_id.as_deref(), Some("vol-fffffffffffffffff"));
    assert_eq!((shown.transfer_type, shown.completion_duration_minutes), (Some(TransferType::TimeBased), Some(30)));
    let Response::CopySnapshot(of_builtin) = bed.ask(copy(BUILTIN)).unwrap() else { panic!("no copy") };
    let of_builtin = one(&mut bed, &of_builtin.snapshot_id.unwrap());
    assert_eq!(of_builtin.owner_id.as_deref(), Some("123456789012"));
    assert_eq!(of_builtin.transfer_type, Some(TransferType::Standard));
    type Edit = fn(&mut CopySnapshotRequest);
    let cases: [(Edit, &str); 9] = [
        (|r| r.source_snapshot_id = UNKNOWN.to_owned(), "InvalidSnapshot.NotFound"),
        (|r| r.source_region = "eu-west-1".to_owned(), "InvalidSnapshot.NotFound"),
        (|r| r.source_region = "no region".to_owned(), "InvalidParameterValue"),
        (|r| r.destination_region = some("eu-west-1"), "InvalidParameterValue"),
        (|r| r.encrypted = Some(true), "UnsupportedOperation"),
        (|r| r.kms_key_id = some("k"), "InvalidParameterDependency"),
        (|r| r.completion_duration_minutes = Some(20), "InvalidParameterValue"),
        (|r| r.destination_outpost_arn = some("o"), "UnsupportedOperation"),
        (|r| r.destination_availability_zone = some("us-east-1-x-1a"), "UnsupportedOperation"),
    ];
    for (edit, code) in cases {
        let mut request = copy(&source);
        edit(&mut request);
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
}

#[test]
fn snapshots_of_images_belong_to_whom_the_image_does() {
    let mut bed = Bed::new();
    let own = complete(&mut bed);
    let ids = |bed: &mut Bed, owners: &[&str], users: &[&str]| {
        let request = DescribeSnapshotsRequest {
            owner_ids: texts(owners),
            restorable_by_user_ids: texts(users),
            ..Default::default()
        };
        let mut ids: Vec<String> = describe(bed, request).into_iter().filter_map(|s| s.snapshot_id).collect();
        ids.sort();
        ids
    };
    let mut mine = texts(&[OF_OWN_IMAGE, &own]);
    mine.sort();
    assert_eq!(ids(&mut bed, &["self"], &[]), mine);
    assert_eq!(ids(&mut bed, &["123456789012"], &[]), mine);
    assert_eq!(ids(&mut bed, &["amazon"], &[]), [BUILTIN]);
    assert_eq!(ids(&mut bed, &["137112412989"], &[]), [BUILTIN]);
    assert_eq!(ids(&mut bed, &["999999999999"], &[]), [""; 0]);
    assert_eq!(ids(&mut bed, &["self", "amazon"], &[]).len(), 3);
    assert_eq!(ids(&mut bed, &[], &["all"]), [BUILTIN]);
    assert_eq!(ids(&mut bed, &[], &["self"]), mine);
    assert_eq!(ids(&mut bed, &[], &[]).len(), 3);
    let shown = one(&mut bed, BUILTIN);
    assert_eq!((shown.owner_alias.as_deref(), shown.state), (Some("amazon"), Some(SnapshotState::Completed)));
    assert_eq!(shown.volume_size, Some(8));
    let (code, message) = bed.error(delete(OF_OWN_IMAGE));
    let expected = format!("The snapshot {OF_OWN_IMAGE} is currently in use by {}", bed.arm_image);
    assert_eq!((code, message), ("InvalidSnapshot.InUse", expected));
    assert_eq!(bed.error(delete(BUILTIN)).0, "AuthFailure");
    let missing = DescribeSnapshotsRequest { snapshot_ids: texts(&[BUILTIN, UNKNOWN]), ..Default::default() };
    assert_eq!(bed.error(missing).0, "InvalidSnapshot.NotFound");
}

#[test]
fn every_filter_finds_what_it_names() {
    let mut bed = Bed::new();
    let source = volume(&mut bed, 3);
    let id = take(&mut bed, CreateSnapshotRequest { description: some("mine"), ..of(&source) }).snapshot_id.unwrap();
    let started = bed.view().snapshots.values().next().unwrap().started.to_string();
    let Response::CopySnapshot(copied) = bed.ask(copy(BUILTIN)).unwrap() else { panic!("no copy") };
    let copied = copied.snapshot_id.unwrap();
    let all = [&id, &copied, &BUILTIN.to_owned(), &OF_OWN_IMAGE.to_owned()].map(Clone::clone);
    let cases: [(&str, &str, Vec<&str>); 12] = [
        ("description", "mine", vec![&id]),
        ("encrypted", "false", all.iter().map(String::as_str).collect()),
        ("owner-alias", "amazon", vec![BUILTIN]),
        ("owner-id", "123456789012", vec![&id, &copied, OF_OWN_IMAGE]),
        ("progress", "0%", vec![&id, &copied]),
        ("snapshot-id", &id, vec![&id]),
        ("start-time", &started, vec![&id, &copied]),
        ("status", "completed", vec![BUILTIN, OF_OWN_IMAGE]),
        ("storage-tier", "standard", all.iter().map(String::as_str).collect()),
        ("transfer-type", "standard", vec![&copied]),
        ("volume-id", &source, vec![&id]),
        ("volume-size", "3", vec![&id]),
    ];
    assert_eq!(cases.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), SnapshotRow::NAMES);
    for (name, value, mut expected) in cases {
        let request = DescribeSnapshotsRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        let mut found: Vec<String> = describe(&mut bed, request).into_iter().filter_map(|s| s.snapshot_id).collect();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}={value}");
    }
    let page = DescribeSnapshotsRequest { max_results: Some(1_000), ..Default::default() };
    assert_eq!(describe(&mut bed, page).len(), 4);
    let small = DescribeSnapshotsRequest { max_results: Some(4), ..Default::default() };
    assert_eq!(bed.error(small).0, "InvalidParameterValue");
}

fn shared(bed: &mut Bed, id: &str) -> Vec<CreateVolumePermission> {
    let request = DescribeSnapshotAttributeRequest {
        snapshot_id: id.to_owned(),
        attribute: Some(SnapshotAttributeName::CreateVolumePermission),
        ..Default::default()
    };
    match bed.ask(request).unwrap() {
        Response::DescribeSnapshotAttribute(answer) => answer.create_volume_permissions,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_snapshot_is_shared_in_either_form() {
    let mut bed = Bed::new();
    let id = complete(&mut bed);
    let to = |user: &str| CreateVolumePermission { user_id: some(user), ..Default::default() };
    let everybody = CreateVolumePermission { group: Some(PermissionGroup::All), ..Default::default() };
    let structured =
        |add: Vec<CreateVolumePermission>, remove: Vec<CreateVolumePermission>| ModifySnapshotAttributeRequest {
            snapshot_id: id.clone(),
            create_volume_permission: Some(CreateVolumePermissionModifications { add, remove }),
            ..Default::default()
        };
    let listed = |operation, users: &[&str], groups: &[&str]| ModifySnapshotAttributeRequest {
        snapshot_id: id.clone(),
        attribute: Some(SnapshotAttributeName::CreateVolumePermission),
        operation_type: Some(operation),
        user_ids: texts(users),
        group_names: texts(groups),
        ..Default::default()
    };
    bed.ask(structured(vec![to("111111111111")], vec![])).unwrap();
    bed.ask(listed(OperationType::Add, &["222222222222"], &["all"])).unwrap();
    assert_eq!(shared(&mut bed, &id), [everybody.clone(), to("111111111111"), to("222222222222")]);
    let by = |users: &[&str]| DescribeSnapshotsRequest { restorable_by_user_ids: texts(users), ..Default::default() };
    assert_eq!(describe(&mut bed, by(&["111111111111"])).len(), 1);
    assert_eq!(describe(&mut bed, by(&["all"])).len(), 2);
    bed.ask(listed(OperationType::Remove, &["222222222222"], &[])).unwrap();
    bed.ask(structured(vec![], vec![everybody.clone()])).unwrap();
    assert_eq!(shared(&mut bed, &id), [to("111111111111")]);
    let reset = |attribute| ResetSnapshotAttributeRequest { snapshot_id: id.clone(), attribute, ..Default::default() };
    bed.ask(reset(Some(SnapshotAttributeName::CreateVolumePermission))).unwrap();
    assert_eq!(shared(&mut bed, &id), []);
    assert_eq!(bed.error(reset(None)).0, "MissingParameter");
    assert_eq!(bed.error(reset(Some(SnapshotAttributeName::ProductCodes))).0, "InvalidParameterValue");
    let both = structured(vec![to("111111111111")], vec![everybody.clone()]);
    assert_eq!(bed.error(both).0, "InvalidParameterCombination");
    assert_eq!(bed.error(structured(vec![], vec![])).0, "MissingParameter");
    assert_eq!(bed.error(structured(vec![to("bob")], vec![])).0, "InvalidUserID.Malformed");
    assert_eq!(bed.error(listed(OperationType::Add, &[], &["some"])).0, "InvalidParameterValue");
    let mixed = ModifySnapshotAttributeRequest {
        operation_type: Some(OperationType::Add),
        ..structured(vec![to("111111111111")], vec![])
    };
    assert_eq!(bed.error(mixed).0, "InvalidParameterCombination");
    let codes = ModifySnapshotAttributeRequest {
        attribute: Some(SnapshotAttributeName::ProductCodes),
        ..listed(OperationType::Add, &["111111111111"], &[])
    };
    assert_eq!(bed.error(codes).0, "InvalidParameterValue");
    let of_amazon = ModifySnapshotAttributeRequest {
        snapshot_id: BUILTIN.to_owned(),
        ..listed(OperationType::Add, &["111111111111"], &[])
    };
    assert_eq!(bed.error(of_amazon).0, "AuthFailure");
}

#[test]
fn public_access_can_be_blocked() {
    let mut bed = Bed::new();
    let id = complete(&mut bed);
    let publish = ModifySnapshotAttributeRequest {
        snapshot_id: id.clone(),
        operation_type: Some(OperationType::Add),
        group_names: texts(&["all"]),
        ..Default::default()
    };
    let state = |bed: &mut Bed| match bed.ask(GetSnapshotBlockPublicAccessStateRequest::default()).unwrap() {
        Response::GetSnapshotBlockPublicAccessState(answer) => answer.state.unwrap(),
        other => panic!("{other:?}"),
    };
    use SnapshotBlockPublicAccessState as Block;
    assert_eq!(state(&mut bed), Block::Unblocked);
    let enable = |state| EnableSnapshotBlockPublicAccessRequest { state, ..Default::default() };
    assert_eq!(bed.error(enable(None)).0, "MissingParameter");
    assert_eq!(bed.error(enable(Some(Block::Unblocked))).0, "InvalidParameterValue");
    bed.ask(enable(Some(Block::BlockNewSharing))).unwrap();
    assert_eq!(state(&mut bed), Block::BlockNewSharing);
    assert_eq!(bed.error(publish.clone()).0, "OperationNotPermitted");
    bed.ask(DisableSnapshotBlockPublicAccessRequest::default()).unwrap();
    bed.ask(publish.clone()).unwrap();
    let public = DescribeSnapshotsRequest { restorable_by_user_ids: texts(&["all"]), ..Default::default() };
    assert_eq!(describe(&mut bed, public.clone()).len(), 2);
    bed.ask(enable(Some(Block::BlockAllSharing))).unwrap();
    assert_eq!(describe(&mut bed, public).len(), 1, "what was public is hidden");
    bed.ask(publish).unwrap();
}

#[test]
fn a_snapshot_goes_into_the_archive_and_out_of_it() {
    let mut bed = Bed::new();
    let id = complete(&mut bed);
    let archive = ModifySnapshotTierRequest { snapshot_id: id.clone(), ..Default::default() };
    let restore = |days: Option<i32>, permanent: bool| RestoreSnapshotTierRequest {
        snapshot_id: id.clone(),
        temporary_restore_days: days,
        permanent_restore: Some(permanent),
        ..Default::default()
    };
    let tier = |bed: &mut Bed| {
        let filters = vec![filter("snapshot-id", &[&id])];
        match bed.ask(DescribeSnapshotTierStatusRequest { filters, ..Default::default() }).unwrap() {
            Response::DescribeSnapshotTierStatus(answer) => answer.snapshot_tier_statuses[0].clone(),
            other => panic!("{other:?}"),
        }
    };
    use TieringOperationStatus as Status;
    let shown = tier(&mut bed);
    assert_eq!((shown.storage_tier, shown.last_tiering_operation_status), (Some(StorageTier::Standard), None));
    assert_eq!(bed.error(restore(Some(1), false)).0, "IncorrectState");
    bed.ask(archive.clone()).unwrap();
    assert_eq!(tier(&mut bed).last_tiering_operation_status, Some(Status::ArchivalInProgress));
    assert_eq!(bed.error(archive.clone()).0, "IncorrectState");
    bed.settle();
    let shown = tier(&mut bed);
    assert_eq!(shown.last_tiering_operation_status, Some(Status::ArchivalCompleted));
    assert_eq!((shown.storage_tier, shown.last_tiering_progress), (Some(StorageTier::Archive), Some(100)));
    assert!(shown.archival_complete_time.is_some());
    assert_eq!(one(&mut bed, &id).storage_tier, Some(StorageTier::Archive));
    assert_eq!(bed.error(archive.clone()).0, "IncorrectState");
    let from_archive = CreateVolumeRequest {
        availability_zone: some("us-east-1a"),
        snapshot_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(bed.error(from_archive.clone()).0, "IncorrectState");
    for (days, permanent, code) in [
        (None, false, "MissingParameter"),
        (Some(0), false, "InvalidParameterValue"),
        (Some(181), false, "InvalidParameterValue"),
        (Some(1), true, "InvalidParameterCombination"),
    ] {
        assert_eq!(bed.error(restore(days, permanent)).0, code, "{days:?} {permanent}");
    }
    bed.ask(restore(Some(2), false)).unwrap();
    bed.settle();
    let shown = tier(&mut bed);
    assert_eq!(shown.last_tiering_operation_status, Some(Status::TemporaryRestoreCompleted));
    assert!(shown.restore_expiry_time.is_some() && one(&mut bed, &id).restore_expiry_time.is_some());
    bed.ask(from_archive.clone()).unwrap();
    bed.wait_ms(2 * storage::MODIFICATION_WINDOW_MS);
    bed.settle();
    assert_eq!(tier(&mut bed).storage_tier, Some(StorageTier::Archive), "the days are over");
    bed.ask(restore(None, true)).unwrap();
    bed.settle();
    let shown = tier(&mut bed);
    assert_eq!(shown.last_tiering_operation_status, Some(Status::PermanentRestoreCompleted));
    assert_eq!((shown.storage_tier, shown.restore_expiry_time), (Some(StorageTier::Standard), None));
    let of_image = ModifySnapshotTierRequest { snapshot_id: OF_OWN_IMAGE.to_owned(), ..Default::default() };
    assert_eq!(bed.error(of_image).0, "InvalidSnapshot.InUse");
    for (name, value, count) in [
        ("last-tiering-operation", "permanent-restore-completed", 1),
        ("last-tiering-operation", "archival-completed", 0),
        ("volume-id", "*", 2),
    ] {
        let filters = vec![filter(name, &[value])];
        match bed.ask(DescribeSnapshotTierStatusRequest { filters, ..Default::default() }).unwrap() {
            Response::DescribeSnapshotTierStatus(answer) => {
                assert_eq!(answer.snapshot_tier_statuses.len(), count, "{name}={value}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn fast_restores_go_on_and_off_by_zone() {
    let mut bed = Bed::new();
    let id = complete(&mut bed);
    let enable = |zones: &[&str], snapshots: &[&str]| EnableFastSnapshotRestoresRequest {
        availability_zones: texts(zones),
        source_snapshot_ids: texts(snapshots),
        ..Default::default()
    };
    assert_eq!(bed.error(enable(&[], &[&id])).0, "MissingParameter");
    assert_eq!(bed.error(enable(&["us-east-1a"], &[])).0, "MissingParameter");
    assert_eq!(bed.error(enable(&["us-east-1z"], &[&id])).0, "InvalidZone.NotFound");
    match bed.ask(enable(&["us-east-1a", "us-east-1b"], &[&id, UNKNOWN])).unwrap() {
        Response::EnableFastSnapshotRestores(answer) => {
            assert_eq!(answer.successful.len(), 2);
            assert_eq!(answer.successful[0].state, Some(FastSnapshotRestoreStateCode::Enabling));
            let failed = &answer.unsuccessful[0].fast_snapshot_restore_state_errors;
            assert_eq!(failed.len(), 2);
            let code = failed[0].error.as_ref().unwrap().code.as_deref();
            assert_eq!(code, Some("InvalidSnapshot.NotFound"));
        }
        other => panic!("{other:?}"),
    }
    let states = |bed: &mut Bed, name: &str, value: &str| {
        let filters = vec![filter(name, &[value])];
        match bed.ask(DescribeFastSnapshotRestoresRequest { filters, ..Default::default() }).unwrap() {
            Response::DescribeFastSnapshotRestores(answer) => {
                answer.fast_snapshot_restores.into_iter().filter_map(|item| item.state).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    use FastSnapshotRestoreStateCode as Code;
    bed.settle();
    assert_eq!(states(&mut bed, "state", "*"), [Code::Optimizing; 2]);
    bed.settle();
    for (name, value, count) in [
        ("availability-zone", "us-east-1a", 1),
        ("availability-zone-id", "use1-az2", 1),
        ("owner-id", "123456789012", 2),
        ("snapshot-id", id.as_str(), 2),
        ("state", "enabled", 2),
        ("state", "disabled", 0),
    ] {
        assert_eq!(states(&mut bed, name, value), vec![Code::Enabled; count], "{name}={value}");
    }
    let restored = CreateVolumeRequest {
        availability_zone: some("us-east-1a"),
        snapshot_id: Some(id.clone()),
        ..Default::default()
    };
    bed.ask(restored).unwrap();
    let fast = DescribeVolumesRequest { filters: vec![filter("fast-restored", &["true"])], ..Default::default() };
    match bed.ask(fast).unwrap() {
        Response::DescribeVolumes(answer) => assert_eq!(answer.volumes[0].fast_restored, Some(true)),
        other => panic!("{other:?}"),
    }
    let disable = DisableFastSnapshotRestoresRequest {
        availability_zones: texts(&["us-east-1a"]),
        availability_zone_ids: texts(&["use1-az3"]),
        source_snapshot_ids: texts(&[&id]),
        ..Default::default()
    };
    match bed.ask(disable).unwrap() {
        Response::DisableFastSnapshotRestores(answer) => {
            assert_eq!(answer.successful[0].state, Some(Code::Disabling));
            assert_eq!(answer.unsuccessful.len(), 1, "in the third zone it was not on");
        }
        other => panic!("{other:?}"),
    }
    bed.settle();
    assert_eq!(states(&mut bed, "availability-zone", "*"), [Code::Enabled]);
}

#[test]
fn what_cannot_be_is_nowhere() {
    let mut bed = Bed::new();
    let id = complete(&mut bed);
    let locked = |ids: &[&str]| DescribeLockedSnapshotsRequest { snapshot_ids: texts(ids), ..Default::default() };
    assert!(matches!(bed.ask(locked(&[&id])).unwrap(),
        Response::DescribeLockedSnapshots(answer) if answer.snapshots.is_empty()));
    assert_eq!(bed.error(locked(&[UNKNOWN])).0, "InvalidSnapshot.NotFound");
    let filters = vec![filter("nonsense", &["x"])];
    let bad = DescribeLockedSnapshotsRequest { filters, ..Default::default() };
    assert_eq!(bed.error(bad).0, "InvalidParameterValue");
    let binned = ListSnapshotsInRecycleBinRequest { snapshot_ids: texts(&[&id]), ..Default::default() };
    assert_eq!(bed.error(binned).0, "InvalidSnapshot.NotFound");
    assert!(matches!(bed.ask(ListSnapshotsInRecycleBinRequest::default()).unwrap(),
        Response::ListSnapshotsInRecycleBin(answer) if answer.snapshots.is_empty()));
}

#[test]
fn settings_of_the_region_read_back() {
    let mut bed = Bed::new();
    assert_eq!(bed.error(EnableEbsEncryptionByDefaultRequest::default()).0, "UnsupportedOperation");
    assert!(matches!(bed.ask(DisableEbsEncryptionByDefaultRequest::default()).unwrap(),
        Response::DisableEbsEncryptionByDefault(answer) if answer.ebs_encryption_by_default == Some(false)));
    assert!(matches!(bed.ask(GetEbsEncryptionByDefaultRequest::default()).unwrap(),
        Response::GetEbsEncryptionByDefault(answer) if answer.ebs_encryption_by_default == Some(false)));
    let key = |bed: &mut Bed| match bed.ask(GetEbsDefaultKmsKeyIdRequest::default()).unwrap() {
        Response::GetEbsDefaultKmsKeyId(answer) => answer.kms_key_id.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(key(&mut bed), "alias/aws/ebs");
    for (given, kept) in [
        ("1234abcd", "arn:aws:kms:us-east-1:123456789012:key/1234abcd"),
        ("alias/mine", "arn:aws:kms:us-east-1:123456789012:alias/mine"),
        ("arn:aws:kms:us-east-1:1:key/x", "arn:aws:kms:us-east-1:1:key/x"),
    ] {
        bed.ask(ModifyEbsDefaultKmsKeyIdRequest { kms_key_id: given.to_owned(), ..Default::default() }).unwrap();
        assert_eq!(key(&mut bed), kept);
    }
    assert_eq!(bed.error(ModifyEbsDefaultKmsKeyIdRequest::default()).0, "MissingParameter");
    bed.ask(ResetEbsDefaultKmsKeyIdRequest::default()).unwrap();
    assert_eq!(key(&mut bed), "alias/aws/ebs");
}
