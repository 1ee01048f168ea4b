//! AttachVolume and DetachVolume.

use ec2_shapes::{AttachVolumeRequest, DetachVolumeRequest};
use types::InstanceState;

use super::{attachment_shape, check_device_name, unavailable};
use crate::actions::instances::{find_instance, parse_instance_id};
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query;
use crate::resource::{BlockDevice, Instance, Volume, VolumeAttachment, VolumeAttachmentState, VolumeLife};
use crate::transaction::Transaction;

/// How many instances may have one volume.
const MAX_INSTANCES: usize = 16;
/// How many volumes and interfaces together an instance of today's types may have.
const MAX_ATTACHMENTS: usize = 28;
/// How many volumes an instance of the older types may have.
const MAX_OLDER_VOLUMES: usize = 40;

pub(in crate::actions) fn attach_volume(
    context: &Context,
    tx: &mut Transaction,
    request: AttachVolumeRequest,
) -> Result<ec2_shapes::VolumeAttachment, ApiError> {
    let mut volume = Volume::clone(query::get::<Volume>(tx, &request.volume_id)?);
    let mut instance = Instance::clone(find_instance(tx, parse_instance_id(&request.instance_id)?)?);
    check_device_name(&request.device)?;
    if request.ebs_card_index.is_some_and(|index| index != 0) {
        return Err(unavailable("EbsCardIndex"));
    }
    check_volume(&volume, &instance)?;
    check_instance(&volume, &instance, &request.device)?;
    let attachment = VolumeAttachment {
        instance: instance.id,
        device: request.device.clone(),
        attach_time: context.now,
        delete_on_termination: false,
        state: VolumeAttachmentState::Attaching,
        since: context.now,
    };
    let device = BlockDevice::new(request.device, volume.id);
    // The root device is the first.
    let at = if device.device_name == instance.root_device { 0 } else { instance.block_devices.len() };
    instance.block_devices.insert(at, device);
    volume.attachments.push(attachment.clone());
    let answer = attachment_shape(&volume, &attachment);
    tx.put(instance);
    tx.put(volume);
    Ok(answer)
}

/// What the volume must be like.
fn check_volume(volume: &Volume, instance: &Instance) -> Result<(), ApiError> {
    if volume.zone != instance.zone {
        let message =
            format!("The volume '{}' is not in the same availability zone as instance '{}'", volume.id, instance.id);
        return Err(ApiError::new("InvalidVolume.ZoneMismatch", message));
    }
    match volume.life {
        VolumeLife::Deleting => return Err(Volume::KIND.not_found(&[volume.id.to_string()])),
        VolumeLife::Creating => {
            return Err(ApiError::new("IncorrectState", format!("{} is not 'available'.", volume.id)));
        }
        VolumeLife::Ready => {}
    }
    let is_taken = !volume.attachments.is_empty() && !volume.spec.multi_attach;
    if is_taken || volume.attachment_to(instance.id).is_some() {
        let message = format!("{} is already attached to an instance", volume.id);
        return Err(ApiError::new("VolumeInUse", message));
    }
    if volume.attachments.len() >= MAX_INSTANCES {
        let message = format!("Volume {} is attached to the most instances it may have: {MAX_INSTANCES}", volume.id);
        return Err(ApiError::new("AttachmentLimitExceeded", message));
    }
    Ok(())
}

/// What the instance must be like.
fn check_instance(volume: &Volume, instance: &Instance, device: &str) -> Result<(), ApiError> {
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        return Err(ApiError::new("IncorrectState", format!("Instance '{}' is not 'running'.", instance.id)));
    }
    if instance.block_devices.iter().any(|taken| taken.device_name == device) {
        return Err(ApiError::invalid_value(format!(
            "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )));
    }
    let is_root_device = device == instance.root_device;
    if is_root_device && volume.root_of != Some(instance.id) {
        return Err(unavailable("A root device that is not the one the instance was launched with"));
    }
    if !is_root_device && volume.root_of.is_some() {
        return Err(unavailable("Attaching the root volume of an instance other than as its root device"));
    }
    let is_older = InstanceType::find(&instance.instance_type).is_some_and(|known| !known.has_ena());
    let (used, most) = if is_older {
        (instance.block_devices.len(), MAX_OLDER_VOLUMES)
    } else {
        (instance.block_devices.len() + instance.interfaces.len(), MAX_ATTACHMENTS)
    };
    if used >= most {
        let message = format!("Instance '{}' has as many volumes attached as its type allows.", instance.id);
        return Err(ApiError::new("AttachmentLimitExceeded", message));
    }
    Ok(())
}

pub(in crate::actions) fn detach_volume(
    context: &Context,
    tx: &mut Transaction,
    request: DetachVolumeRequest,
) -> Result<ec2_shapes::VolumeAttachment, ApiError> {
    let mut volume = Volume::clone(query::get::<Volume>(tx, &request.volume_id)?);
    let at = find_attachment(tx, &volume, &request)?;
    let attachment = &mut volume.attachments[at];
    if attachment.state == VolumeAttachmentState::Detaching {
        let message = format!("Volume '{}' is in the 'detaching' state.", volume.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    let mut instance = Instance::clone(find_instance(tx, attachment.instance)?);
    let is_root = attachment.device == instance.root_device;
    if is_root && instance.state != InstanceState::Stopped {
        let message = format!("Unable to detach root volume '{}' from instance '{}'", volume.id, instance.id);
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    (attachment.state, attachment.since) = (VolumeAttachmentState::Detaching, context.now);
    let attachment = attachment.clone();
    let answer = attachment_shape(&volume, &attachment);
    if is_root {
        // The instance lacks it from now on, so that it cannot be started in between.
        instance.block_devices.retain(|device| device.volume != volume.id);
        tx.put(instance);
    }
    tx.put(volume);
    Ok(answer)
}

/// Which attachment is meant.
fn find_attachment(tx: &Transaction, volume: &Volume, request: &DetachVolumeRequest) -> Result<usize, ApiError> {
    let instance = match request.instance_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(find_instance(tx, parse_instance_id(id)?)?.id),
        None => None,
    };
    match (volume.attachments.len(), instance) {
        (0, _) => {
            let message = format!("Volume '{}' is in the '{}' state.", volume.id, volume.state());
            return Err(ApiError::new("IncorrectState", message));
        }
        (2.., None) => return Err(ApiError::missing("InstanceId")),
        _ => {}
    }
    let device = request.device.as_deref().filter(|device| !device.is_empty());
    let is_meant = |attachment: &VolumeAttachment| {
        instance.is_none_or(|id| attachment.instance == id) && device.is_none_or(|name| attachment.device == name)
    };
    volume.attachments.iter().position(is_meant).ok_or_else(|| {
        let instance = instance.or(volume.attachments.first().map(|attachment| attachment.instance));
        let instance = instance.map(|id| id.to_string()).unwrap_or_default();
        let device = device.map(|name| format!(" as device '{name}'")).unwrap_or_default();
        let message = format!("The volume '{}' is not attached to instance '{instance}'{device}.", volume.id);
        ApiError::new("InvalidAttachment.NotFound", message)
    })
}
