//! Changes of volumes.

use ec2_shapes::*;

use super::{available, one, root_of, wanted};
use crate::actions::testbed::Bed;

pub(super) fn modify(volume: &str, edit: impl FnOnce(&mut ModifyVolumeRequest)) -> ModifyVolumeRequest {
    let mut request = ModifyVolumeRequest { volume_id: volume.to_owned(), ..Default::default() };
    edit(&mut request);
    request
}

#[test]
fn a_change_goes_through_its_states() {
    let mut bed = Bed::new();
    let volume = available(&mut bed, wanted(10));
    let asked = DescribeVolumesModificationsRequest { volume_ids: vec![volume.clone()], ..Default::default() };
    let (code, message) = bed.error(asked.clone());
    assert_eq!(code, "InvalidVolumeModification.NotFound");
    assert_eq!(message, format!("Modification for volume '{volume}' does not exist."));
    let last = |bed: &mut Bed| match bed.ask(asked.clone()).unwrap() {
        Response::DescribeVolumesModifications(answer) => answer.volumes_modifications[0].clone(),
        other => panic!("{other:?}"),
    };
    let grow = modify(&volume, |r| (r.size, r.volume_type) = (Some(20), Some(VolumeType::Gp3)));
    match bed.ask(grow).unwrap() {
        Response::ModifyVolume(answer) => {
            let shown = answer.volume_modification.unwrap();
            assert_eq!(shown.modification_state, Some(VolumeModificationState::Modifying));
            assert_eq!((shown.original_size, shown.target_size), (Some(10), Some(20)));
            assert_eq!((shown.original_iops, shown.target_iops), (Some(100), Some(3_000)));
            assert_eq!(shown.target_throughput, Some(125));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(one(&mut bed, &volume).size, Some(10), "the size comes with optimizing");
    let more = modify(&volume, |r| r.size = Some(30));
    assert_eq!(bed.error(more.clone()).0, "IncorrectModificationState");
    bed.settle();
    assert_eq!(last(&mut bed).modification_state, Some(VolumeModificationState::Optimizing));
    assert_eq!(one(&mut bed, &volume).size, Some(20));
    bed.settle();
    let done = last(&mut bed);
    assert_eq!((done.modification_state, done.progress), (Some(VolumeModificationState::Completed), Some(100)));
    assert!(done.end_time.is_some());
    let shown = one(&mut bed, &volume);
    assert_eq!((shown.volume_type, shown.iops, shown.throughput), (Some(VolumeType::Gp3), Some(3_000), Some(125)));
    for size in 30..33 {
        bed.ask(modify(&volume, |r| r.size = Some(size))).unwrap();
        bed.settle();
        bed.settle();
    }
    let fifth = modify(&volume, |r| r.size = Some(40));
    assert_eq!(bed.error(fifth.clone()).0, "VolumeModificationRateExceeded");
    bed.wait_ms(crate::storage::MODIFICATION_WINDOW_MS);
    bed.ask(fifth).unwrap();
}

#[test]
fn bad_changes_get_precise_errors() {
    let mut bed = Bed::new();
    let volume = available(&mut bed, wanted(10));
    let instance = bed.running();
    let root = root_of(&bed, instance);
    let cases = [
        (modify(&volume, |_| ()), "MissingParameter"),
        (modify(&volume, |r| r.size = Some(9)), "InvalidParameterValue"),
        (modify(&volume, |r| r.iops = Some(3_000)), "InvalidParameterCombination"),
        (modify(&volume, |r| r.volume_type = Some(VolumeType::St1)), "InvalidParameterValue"),
        (modify(&volume, |r| r.multi_attach_enabled = Some(true)), "InvalidParameterCombination"),
        (modify("vol-00000000000000099", |r| r.size = Some(9)), "InvalidVolume.NotFound"),
        (modify(&root, |r| (r.size, r.volume_type) = (Some(125), Some(VolumeType::Sc1))), "InvalidParameterValue"),
    ];
    for (request, code) in cases {
        assert_eq!(bed.error(request.clone()).0, code, "{request:?}");
    }
    // Back to a type whose speed cannot be set.
    bed.ask(modify(&volume, |r| (r.volume_type, r.size) = (Some(VolumeType::Io1), Some(60)))).unwrap();
    bed.settle();
    bed.settle();
    assert_eq!(one(&mut bed, &volume).iops, Some(3_000));
    bed.ask(modify(&volume, |r| r.volume_type = Some(VolumeType::Gp2))).unwrap();
    bed.settle();
    let shown = one(&mut bed, &volume);
    assert_eq!((shown.iops, shown.throughput), (Some(180), None));
}
