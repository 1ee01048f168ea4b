//! Volumes.
//!
//! What an instance can see of a volume beside its root volume is the machine's matter; here is what EC2 says of it.

mod attach;
mod attributes;
mod create;
mod modify;
pub(in crate::actions) mod spec;
#[cfg(test)]
mod tests;

use ec2_shapes::{DescribeVolumesRequest, DescribeVolumesResult, OperatorResponse, VolumeAttachmentState, VolumeState};

pub(super) use attach::{attach_volume, detach_volume};
pub(super) use attributes::{
    describe_volume_attribute, describe_volume_status, enable_volume_io, list_volumes_in_recycle_bin,
    modify_volume_attribute,
};
pub(super) use create::{create_volume, delete_volume};
pub(super) use modify::{describe_volumes_modifications, modify_volume};

use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{self, Filterable, Listing};
use crate::resource::{Tags, Volume, VolumeAttachment};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_volumes(
    context: &Context,
    view: &View<'_>,
    request: DescribeVolumesRequest,
) -> Result<DescribeVolumesResult, ApiError> {
    let tables = view.tables();
    let asked =
        Listing::paged(&request.volume_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let asked = Listing { ids_name: Some("volumeSet"), ..asked };
    let (rows, next_token) = query::list::<Volume, _>(tables, asked, |volume| VolumeRow { context, tables, volume })?;
    Ok(DescribeVolumesResult { next_token, volumes: rows.iter().map(VolumeRow::to_shape).collect() })
}

/// Checks the name of a device that a volume is to be attached as: `/dev/sdf`, `xvdba`, `/dev/sda1`.
///
/// # Errors
/// `InvalidParameterValue`.
pub(in crate::actions) fn check_device_name(name: &str) -> Result<(), ApiError> {
    let short = name.strip_prefix("/dev/").unwrap_or(name);
    let rest = ["xvd", "sd", "hd"].into_iter().find_map(|prefix| short.strip_prefix(prefix));
    let is_valid = rest.is_some_and(|rest| {
        let letters = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = &rest[letters.len()..];
        matches!(letters.len(), 1 | 2)
            && letters.bytes().all(|letter| letter.is_ascii_lowercase())
            && (number.is_empty() || number.parse::<u8>().is_ok_and(|number| (1..=15).contains(&number)))
    });
    if is_valid {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!(
        "Value ({name}) for parameter device is invalid. {name} is not a valid EBS device name."
    )))
}

/// The error for what would promise something that is not there.
fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}

/// An attachment as answers show it.
fn attachment_shape(volume: &Volume, attachment: &VolumeAttachment) -> ec2_shapes::VolumeAttachment {
    ec2_shapes::VolumeAttachment {
        attach_time: Some(show::moment(attachment.attach_time)),
        delete_on_termination: Some(attachment.delete_on_termination),
        device: Some(attachment.device.clone()),
        instance_id: Some(attachment.instance.to_string()),
        state: VolumeAttachmentState::from_wire(attachment.state.name()),
        volume_id: Some(volume.id.to_string()),
        ..ec2_shapes::VolumeAttachment::default()
    }
}

/// A volume with what answers and filters say about it.
struct VolumeRow<'a> {
    context: &'a Context,
    tables: &'a Tables,
    volume: &'a Volume,
}

impl VolumeRow<'_> {
    /// Whether it was made from a snapshot while that was enabled for fast restores in its zone.
    fn is_fast_restored(&self) -> bool {
        let volume = self.volume;
        let snapshot = volume.snapshot.and_then(|id| self.tables.snapshots.get(&id));
        snapshot
            .and_then(|snapshot| snapshot.fast_restores.get(&volume.zone))
            .is_some_and(|restore| restore.enabling <= volume.created)
    }

    fn to_shape(&self) -> ec2_shapes::Volume {
        let (volume, spec) = (self.volume, &self.volume.spec);
        let number = |value: u32| i32::try_from(value).ok();
        ec2_shapes::Volume {
            attachments: volume.attachments.iter().map(|attachment| attachment_shape(volume, attachment)).collect(),
            availability_zone: Some(volume.zone.to_string()),
            availability_zone_id: Some(volume.zone.zone_id()),
            create_time: Some(show::moment(volume.created)),
            encrypted: Some(false),
            fast_restored: self.is_fast_restored().then_some(true),
            iops: spec.shown_iops().and_then(number),
            multi_attach_enabled: Some(spec.multi_attach),
            operator: Some(OperatorResponse { managed: Some(false), ..OperatorResponse::default() }),
            owner_id: Some(self.context.account().to_string()),
            size: number(spec.size_gib),
            // There even when it is empty, as on AWS: clients read it without asking.
            snapshot_id: Some(volume.snapshot.map(|id| id.to_string()).unwrap_or_default()),
            state: VolumeState::from_wire(volume.state()),
            tags: tagging::to_shape(self.tables.tags_of(&volume.id.to_string())),
            throughput: spec.throughput.and_then(number),
            volume_id: Some(volume.id.to_string()),
            volume_type: ec2_shapes::VolumeType::from_wire(spec.volume_type.name()),
            ..ec2_shapes::Volume::default()
        }
    }

    fn attachment_value(&self, name: &str, found: &mut dyn FnMut(&str)) {
        for attachment in &self.volume.attachments {
            match name {
                "attach-time" => found(&attachment.attach_time.to_string()),
                "delete-on-termination" => found(show::boolean(attachment.delete_on_termination)),
                "device" => found(&attachment.device),
                "instance-id" => found(&attachment.instance.to_string()),
                "status" => found(attachment.state.name()),
                _ => {}
            }
        }
    }
}

impl Filterable for VolumeRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "attachment.attach-time",
        "attachment.delete-on-termination",
        "attachment.device",
        "attachment.instance-id",
        "attachment.status",
        "availability-zone",
        "availability-zone-id",
        "create-time",
        "encrypted",
        "fast-restored",
        "multi-attach-enabled",
        "operator.managed",
        "operator.principal",
        "size",
        "snapshot-id",
        "status",
        "volume-id",
        "volume-type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let volume = self.volume;
        if let Some(name) = name.strip_prefix("attachment.") {
            return self.attachment_value(name, found);
        }
        match name {
            "availability-zone" => found(&volume.zone.to_string()),
            "availability-zone-id" => found(&volume.zone.zone_id()),
            "create-time" => found(&volume.created.to_string()),
            // Nothing is encrypted, and nobody manages volumes for the account.
            "encrypted" | "operator.managed" => found("false"),
            "fast-restored" => found(show::boolean(self.is_fast_restored())),
            "multi-attach-enabled" => found(show::boolean(volume.spec.multi_attach)),
            "size" => found(&volume.spec.size_gib.to_string()),
            "snapshot-id" => volume.snapshot.iter().for_each(|id| found(&id.to_string())),
            "status" => found(volume.state()),
            "volume-id" => found(&volume.id.to_string()),
            "volume-type" => found(volume.spec.volume_type.name()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.volume.id.to_string()))
    }
}
