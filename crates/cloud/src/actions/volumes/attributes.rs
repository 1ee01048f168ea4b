//! What else there is about a volume: its attributes, its status, the recycle bin.

use ec2_shapes::{
    AttributeBooleanValue, DescribeVolumeAttributeRequest, DescribeVolumeAttributeResult, DescribeVolumeStatusRequest,
    DescribeVolumeStatusResult, EnableVolumeIORequest, ListVolumesInRecycleBinRequest, ListVolumesInRecycleBinResult,
    ModifyVolumeAttributeRequest, VolumeAttributeName, VolumeStatusAttachmentStatus, VolumeStatusDetails,
    VolumeStatusInfo, VolumeStatusInfoStatus, VolumeStatusItem, VolumeStatusName,
};

use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{self, Filterable, Listing, PageLimits};
use crate::resource::{Tags, Volume, VolumeLife};
use crate::transaction::Transaction;
use crate::view::View;

pub(in crate::actions) fn describe_volume_attribute(
    _: &Context,
    view: &View<'_>,
    request: DescribeVolumeAttributeRequest,
) -> Result<DescribeVolumeAttributeResult, ApiError> {
    let volume = query::get::<Volume>(view, &request.volume_id)?;
    let mut answer = DescribeVolumeAttributeResult { volume_id: Some(volume.id.to_string()), ..Default::default() };
    match request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? {
        VolumeAttributeName::AutoEnableIO => {
            answer.auto_enable_io = Some(AttributeBooleanValue { value: Some(volume.auto_enable_io) });
        }
        // No volume here has a product code.
        VolumeAttributeName::ProductCodes => {}
    }
    Ok(answer)
}

pub(in crate::actions) fn modify_volume_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyVolumeAttributeRequest,
) -> Result<(), ApiError> {
    let volume = query::get::<Volume>(tx, &request.volume_id)?.clone();
    let auto_enable_io = request
        .auto_enable_io
        .and_then(|wanted| wanted.value)
        .ok_or_else(|| ApiError::missing("AutoEnableIO.Value"))?;
    tx.put(Volume { auto_enable_io, ..Volume::clone(&volume) });
    Ok(())
}

/// Lets I/O go on. It never stopped: no volume here is ever impaired.
pub(in crate::actions) fn enable_volume_io(
    _: &Context,
    tx: &mut Transaction,
    request: EnableVolumeIORequest,
) -> Result<(), ApiError> {
    query::get::<Volume>(tx, &request.volume_id).map(|_| ())
}

pub(in crate::actions) fn describe_volume_status(
    _: &Context,
    view: &View<'_>,
    request: DescribeVolumeStatusRequest,
) -> Result<DescribeVolumeStatusResult, ApiError> {
    let asked =
        Listing::paged(&request.volume_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let asked = Listing { ids_name: Some("volumeSet"), ..asked };
    let (rows, next_token) = query::list::<Volume, _>(view, asked, |volume| StatusRow { volume })?;
    Ok(DescribeVolumeStatusResult { next_token, volume_statuses: rows.iter().map(StatusRow::to_shape).collect() })
}

/// No volume is in the recycle bin, since no rule that keeps them can be made.
pub(in crate::actions) fn list_volumes_in_recycle_bin(
    _: &Context,
    _: &View<'_>,
    request: ListVolumesInRecycleBinRequest,
) -> Result<ListVolumesInRecycleBinResult, ApiError> {
    if !request.volume_ids.is_empty() {
        return Err(Volume::KIND.not_found(&request.volume_ids));
    }
    let token = request.next_token.as_deref();
    query::page(std::iter::empty::<String>(), Clone::clone, PageLimits::USUAL, request.max_results, token, None)?;
    Ok(ListVolumesInRecycleBinResult::default())
}

/// A volume with its status: well, once it is made.
struct StatusRow<'a> {
    volume: &'a Volume,
}

impl StatusRow<'_> {
    fn status(&self) -> VolumeStatusInfoStatus {
        match self.volume.life {
            VolumeLife::Creating => VolumeStatusInfoStatus::InsufficientData,
            VolumeLife::Ready | VolumeLife::Deleting => VolumeStatusInfoStatus::Ok,
        }
    }

    /// Whether it is as fast as it was set to be; only volumes whose speed is set are measured.
    fn io_performance(&self) -> &'static str {
        if self.volume.spec.iops.is_some() && !self.volume.attachments.is_empty() { "normal" } else { "not-applicable" }
    }

    fn details(&self) -> Vec<(VolumeStatusName, &'static str)> {
        let io = if self.volume.life == VolumeLife::Creating { "insufficient-data" } else { "passed" };
        vec![(VolumeStatusName::IoEnabled, io), (VolumeStatusName::IoPerformance, self.io_performance())]
    }

    fn to_shape(&self) -> VolumeStatusItem {
        let volume = self.volume;
        let detail = |(name, status): (VolumeStatusName, &str)| VolumeStatusDetails {
            name: Some(name),
            status: Some(status.to_owned()),
        };
        let attachment_statuses = volume.attachments.iter().map(|attachment| VolumeStatusAttachmentStatus {
            instance_id: Some(attachment.instance.to_string()),
            io_performance: Some(self.io_performance().to_owned()),
        });
        VolumeStatusItem {
            attachment_statuses: attachment_statuses.collect(),
            availability_zone: Some(volume.zone.to_string()),
            availability_zone_id: Some(volume.zone.zone_id()),
            volume_id: Some(volume.id.to_string()),
            volume_status: Some(VolumeStatusInfo {
                details: self.details().into_iter().map(detail).collect(),
                status: Some(self.status()),
            }),
            ..VolumeStatusItem::default()
        }
    }
}

impl Filterable for StatusRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "action.code",
        "action.description",
        "action.event-id",
        "attachment-status.instance-id",
        "attachment-status.io-performance",
        "availability-zone",
        "event.description",
        "event.event-id",
        "event.event-type",
        "event.not-after",
        "event.not-before",
        "volume-status.details-name",
        "volume-status.details-status",
        "volume-status.status",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "attachment-status.instance-id" => {
                self.volume.attachments.iter().for_each(|attachment| found(&attachment.instance.to_string()));
            }
            "attachment-status.io-performance" => {
                self.volume.attachments.iter().for_each(|_| found(self.io_performance()));
            }
            "availability-zone" => found(&self.volume.zone.to_string()),
            "volume-status.details-name" => self.details().iter().for_each(|(name, _)| found(name.as_str())),
            "volume-status.details-status" => self.details().iter().for_each(|(_, status)| found(status)),
            "volume-status.status" => found(self.status().as_str()),
            // Nothing ever happens to a volume that would need an action.
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
