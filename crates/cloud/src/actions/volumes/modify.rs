//! ModifyVolume and DescribeVolumesModifications.

use ec2_shapes::{
    DescribeVolumesModificationsRequest, DescribeVolumesModificationsResult, ModifyVolumeRequest, ModifyVolumeResult,
    VolumeModificationState,
};
use types::VolumeId;

use super::spec::{self, Asked};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{self, Filterable, Filters, Listing};
use crate::resource::{
    ModificationState, Tags, Volume, VolumeLife, VolumeModification, VolumeSpec, VolumeType as Type,
};
use crate::storage::MODIFICATION_WINDOW_MS;
use crate::transaction::Transaction;
use crate::view::View;

/// How often a volume may be changed within a day.
const MAX_A_DAY: usize = 4;

pub(in crate::actions) fn modify_volume(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyVolumeRequest,
) -> Result<ModifyVolumeResult, ApiError> {
    let mut volume = Volume::clone(query::get::<Volume>(tx, &request.volume_id)?);
    let asked = Asked {
        size: request.size,
        volume_type: request.volume_type,
        iops: request.iops,
        throughput: request.throughput,
        multi_attach: request.multi_attach_enabled,
    };
    if asked == Asked::default() {
        return Err(ApiError::missing("Size, VolumeType, Iops, Throughput or MultiAttachEnabled"));
    }
    if volume.life != VolumeLife::Ready {
        let message = format!("Volume '{}' is in the '{}' state.", volume.id, volume.state());
        return Err(ApiError::new("IncorrectState", message));
    }
    let target = spec::modified(&volume.spec, &asked)?;
    check_change(&volume, &target)?;
    let day_ago = context.now.plus_ms(-MODIFICATION_WINDOW_MS);
    volume.modifications.retain(|change| change.started > day_ago);
    if volume.modifications.iter().any(|change| change.state != ModificationState::Completed) {
        let message = format!("Cannot modify volume. The volume {} is still being modified.", volume.id);
        return Err(ApiError::new("IncorrectModificationState", message));
    }
    if volume.modifications.len() >= MAX_A_DAY {
        let next = volume.modifications[0].started.plus_ms(MODIFICATION_WINDOW_MS);
        let message = format!(
            "You've reached the maximum modification rate per volume limit: a volume can be modified {MAX_A_DAY} times \
             in 24 hours. {} can be modified again at {next}.",
            volume.id
        );
        return Err(ApiError::new("VolumeModificationRateExceeded", message));
    }
    let change = VolumeModification {
        original: volume.spec,
        target,
        state: ModificationState::Modifying,
        started: context.now,
        ended: None,
    };
    let row = ModificationRow { volume: volume.id, change: change.clone() };
    volume.modifications.push(change);
    tx.put(volume);
    Ok(ModifyVolumeResult { volume_modification: Some(row.to_shape()) })
}

/// What cannot change although both the old and the new could be.
fn check_change(volume: &Volume, target: &VolumeSpec) -> Result<(), ApiError> {
    if volume.root_of.is_some() && matches!(target.volume_type, Type::St1 | Type::Sc1) {
        return Err(ApiError::invalid_value(format!(
            "Invalid value '{}' for VolumeType. Volumes of this type cannot be root devices.",
            target.volume_type.name()
        )));
    }
    if volume.spec.multi_attach != target.multi_attach {
        if target.volume_type == Type::Io1 {
            return Err(ApiError::invalid_combination(
                "The parameter multiAttachEnabled of an io1 volume cannot be changed after its creation.",
            ));
        }
        if !volume.attachments.is_empty() {
            let message = format!("{} is not 'available'.", volume.id);
            return Err(ApiError::new("IncorrectState", message));
        }
    }
    Ok(())
}

pub(in crate::actions) fn describe_volumes_modifications(
    _: &Context,
    view: &View<'_>,
    request: DescribeVolumesModificationsRequest,
) -> Result<DescribeVolumesModificationsResult, ApiError> {
    let filters = Filters::new::<ModificationRow>(&request.filters)?;
    let volumes = query::find::<Volume>(view, &request.volume_ids)?;
    if !request.volume_ids.is_empty()
        && let Some((never, _)) = volumes.iter().find(|(_, volume)| volume.modifications.is_empty())
    {
        let message = format!("Modification for volume '{never}' does not exist.");
        return Err(ApiError::new("InvalidVolumeModification.NotFound", message));
    }
    let last = |(id, volume): (&VolumeId, &std::sync::Arc<Volume>)| {
        let change = volume.modifications.last()?.clone();
        Some((id.to_string(), ModificationRow { volume: *id, change }))
    };
    let asked =
        Listing::paged(&request.volume_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = query::rows(volumes.into_iter().filter_map(last), &filters, asked.limits(1, 500))?;
    let volumes_modifications = rows.iter().map(ModificationRow::to_shape).collect();
    Ok(DescribeVolumesModificationsResult { next_token, volumes_modifications })
}

/// The last change of a volume.
struct ModificationRow {
    volume: VolumeId,
    change: VolumeModification,
}

impl ModificationRow {
    fn to_shape(&self) -> ec2_shapes::VolumeModification {
        let VolumeModification { original, target, state, started, ended } = &self.change;
        let number = |value: u32| i32::try_from(value).ok();
        let progress = match state {
            ModificationState::Modifying => 0,
            ModificationState::Optimizing => 50,
            ModificationState::Completed => 100,
        };
        ec2_shapes::VolumeModification {
            end_time: ended.map(show::moment),
            modification_state: VolumeModificationState::from_wire(state.name()),
            original_iops: original.shown_iops().and_then(number),
            original_multi_attach_enabled: Some(original.multi_attach),
            original_size: number(original.size_gib),
            original_throughput: original.throughput.and_then(number),
            original_volume_type: ec2_shapes::VolumeType::from_wire(original.volume_type.name()),
            progress: Some(progress),
            start_time: Some(show::moment(*started)),
            target_iops: target.shown_iops().and_then(number),
            target_multi_attach_enabled: Some(target.multi_attach),
            target_size: number(target.size_gib),
            target_throughput: target.throughput.and_then(number),
            target_volume_type: ec2_shapes::VolumeType::from_wire(target.volume_type.name()),
            volume_id: Some(self.volume.to_string()),
            ..ec2_shapes::VolumeModification::default()
        }
    }
}

impl Filterable for ModificationRow {
    const NAMES: &'static [&'static str] = &[
        "modification-state",
        "original-iops",
        "original-size",
        "original-volume-type",
        "originalMultiAttachEnabled",
        "start-time",
        "target-iops",
        "target-size",
        "target-volume-type",
        "targetMultiAttachEnabled",
        "volume-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let VolumeModification { original, target, .. } = &self.change;
        match name {
            "modification-state" => found(self.change.state.name()),
            "original-iops" => original.shown_iops().iter().for_each(|iops| found(&iops.to_string())),
            "original-size" => found(&original.size_gib.to_string()),
            "original-volume-type" => found(original.volume_type.name()),
            "originalMultiAttachEnabled" => found(show::boolean(original.multi_attach)),
            "start-time" => found(&self.change.started.to_string()),
            "target-iops" => target.shown_iops().iter().for_each(|iops| found(&iops.to_string())),
            "target-size" => found(&target.size_gib.to_string()),
            "target-volume-type" => found(target.volume_type.name()),
            "targetMultiAttachEnabled" => found(show::boolean(target.multi_attach)),
            "volume-id" => found(&self.volume.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
