//! Block device mappings as requests give them for images.

use ec2_shapes::{BlockDeviceMapping, EbsBlockDevice};

use crate::actions::snapshots;
use crate::actions::volumes::{check_device_name, spec};
use crate::error::ApiError;
use crate::resource::{ImageDevice, ImageMapping, ImageVolume, Snapshot};
use crate::view::View;

/// What a request says of one device.
pub(super) enum Wish<'r> {
    /// The image is not to have it.
    Nothing,
    /// A disk of the instance type's own.
    InstanceStore(&'r str),
    /// A volume.
    Volume(&'r EbsBlockDevice),
}

/// What a request's mapping says, with the name of its device.
///
/// # Errors
/// `MissingParameter` without a name, `InvalidBlockDeviceMapping` for a mapping of no kind or of several,
/// `UnsupportedOperation` for what volumes here cannot be.
pub(super) fn read(mapping: &BlockDeviceMapping) -> Result<(&str, Wish<'_>), ApiError> {
    let name = mapping.device_name.as_deref().ok_or_else(|| ApiError::missing("BlockDeviceMapping.DeviceName"))?;
    let wish = match (&mapping.no_device, mapping.virtual_name.as_deref(), &mapping.ebs) {
        (Some(_), None, None) => Wish::Nothing,
        (None, Some(virtual_name), None) if is_ephemeral(virtual_name) => Wish::InstanceStore(virtual_name),
        (None, Some(virtual_name), None) => {
            return Err(invalid(format!("Invalid virtual device name '{virtual_name}' for the device '{name}'")));
        }
        (None, None, Some(ebs)) => {
            refuse_unavailable(ebs)?;
            Wish::Volume(ebs)
        }
        _ => {
            let message =
                format!("The block-device mapping of '{name}' must have exactly one of ebs, virtualName and noDevice");
            return Err(invalid(message));
        }
    };
    Ok((name, wish))
}

/// A device that the image has because the request says so.
///
/// # Errors
/// For the name, snapshot, size and speed as CreateVolume.
pub(super) fn device(view: &View<'_>, name: &str, wish: &Wish<'_>) -> Result<Option<ImageMapping>, ApiError> {
    check_device_name(name).map_err(|error| invalid(error.message))?;
    let device = match wish {
        Wish::Nothing => return Ok(None),
        Wish::InstanceStore(virtual_name) => ImageDevice::InstanceStore((*virtual_name).to_owned()),
        Wish::Volume(ebs) => {
            let snapshot = ebs.snapshot_id.as_deref().map(|id| snapshots::usable(view, id)).transpose()?;
            ImageDevice::Volume(volume(ebs, snapshot.as_deref())?)
        }
    };
    Ok(Some(ImageMapping { device_name: name.to_owned(), device }))
}

fn volume(ebs: &EbsBlockDevice, snapshot: Option<&Snapshot>) -> Result<ImageVolume, ApiError> {
    let asked = spec::Asked {
        size: ebs.volume_size,
        volume_type: ebs.volume_type,
        iops: ebs.iops,
        throughput: ebs.throughput,
        multi_attach: None,
    };
    Ok(ImageVolume {
        snapshot: snapshot.map(|snapshot| snapshot.id),
        spec: spec::new(&asked, snapshot)?,
        delete_on_termination: ebs.delete_on_termination.unwrap_or(true),
    })
}

/// Changes what an image would have of an instance's volume by itself: everything but its size and its content.
///
/// # Errors
/// `InvalidBlockDeviceMapping` for another size or snapshot; for type and speed as CreateVolume.
pub(super) fn change(volume: &mut ImageVolume, name: &str, ebs: &EbsBlockDevice) -> Result<(), ApiError> {
    if ebs.snapshot_id.is_some() {
        return Err(invalid(format!("The snapshot of the volume of the instance's device '{name}' cannot be chosen")));
    }
    if ebs.volume_size.is_some_and(|size| u32::try_from(size).ok() != Some(volume.spec.size_gib)) {
        return Err(invalid(format!("The size of the volume of the instance's device '{name}' cannot be changed")));
    }
    let stays = ebs.volume_type.is_none_or(|asked| asked.as_str() == volume.spec.volume_type.name());
    let said = |value: Option<u32>| value.filter(|_| stays).and_then(|value| i32::try_from(value).ok());
    let asked = spec::Asked {
        size: i32::try_from(volume.spec.size_gib).ok(),
        volume_type: ebs.volume_type.or_else(|| ec2_shapes::VolumeType::from_wire(volume.spec.volume_type.name())),
        iops: ebs.iops.or(said(volume.spec.iops)),
        throughput: ebs.throughput.or(said(volume.spec.throughput)),
        multi_attach: None,
    };
    volume.spec = spec::new(&asked, None)?;
    volume.delete_on_termination = ebs.delete_on_termination.unwrap_or(volume.delete_on_termination);
    Ok(())
}

fn is_ephemeral(name: &str) -> bool {
    name.strip_prefix("ephemeral").and_then(|number| number.parse::<u8>().ok()).is_some_and(|number| number < 24)
}

fn refuse_unavailable(ebs: &EbsBlockDevice) -> Result<(), ApiError> {
    let asked = [
        (ebs.encrypted == Some(true), "Encrypted"),
        (ebs.kms_key_id.is_some(), "KmsKeyId"),
        (ebs.outpost_arn.is_some(), "OutpostArn"),
        (ebs.volume_initialization_rate.is_some(), "VolumeInitializationRate"),
        (ebs.availability_zone.is_some() || ebs.availability_zone_id.is_some(), "AvailabilityZone"),
        (ebs.ebs_card_index.is_some_and(|index| index != 0), "EbsCardIndex"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => {
            let message = format!("BlockDeviceMapping.Ebs.{name} is not available.");
            Err(ApiError::new("UnsupportedOperation", message))
        }
        None => Ok(()),
    }
}

/// The error for a mapping that makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidBlockDeviceMapping", message)
}
