//! The disks of an instance: its root volume, as its image has it or as the launch changes it.

use ec2_shapes::{BlockDeviceMapping, EbsBlockDevice, VolumeType};
use types::VolumeId;

use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{BlockDevice, Image};

/// The type of a volume when neither launch nor image says anything.
const DEFAULT_TYPE: VolumeType = VolumeType::Gp2;

/// The largest volume of the types that are available, in GiB.
const fn max_size_gib(of: VolumeType) -> u32 {
    match of {
        VolumeType::Gp3 => 65_536,
        _ => 16_384,
    }
}

/// The root volume that every instance of a call gets.
pub(super) struct RootDisk {
    device_name: String,
    size_gib: u32,
    volume_type: VolumeType,
    delete_on_termination: bool,
}

impl RootDisk {
    /// The image's root volume with what the request's mappings say about it.
    ///
    /// # Errors
    /// `InvalidBlockDeviceMapping` for a mapping that makes no sense, `UnsupportedOperation` for one that asks for
    /// what is not available: further volumes, encryption, guaranteed speed.
    pub(super) fn new(
        image: &Image,
        instance_type: &InstanceType,
        mappings: &[BlockDeviceMapping],
    ) -> Result<Self, ApiError> {
        let mut root = Self {
            device_name: image.root_device.clone(),
            size_gib: image.root_volume_gib,
            volume_type: DEFAULT_TYPE,
            delete_on_termination: true,
        };
        let mut seen = Vec::new();
        for mapping in mappings {
            let name =
                mapping.device_name.as_deref().ok_or_else(|| ApiError::missing("BlockDeviceMapping.DeviceName"))?;
            if seen.contains(&name) {
                return Err(invalid(format!("The device '{name}' is used in more than one block-device mapping")));
            }
            seen.push(name);
            if name == image.root_device {
                root.apply(image, mapping)?;
            } else {
                check_other(name, instance_type, mapping)?;
            }
        }
        Ok(root)
    }

    fn apply(&mut self, image: &Image, mapping: &BlockDeviceMapping) -> Result<(), ApiError> {
        if mapping.no_device.is_some() || mapping.virtual_name.is_some() {
            return Err(invalid(format!("The root device '{}' must be a volume", self.device_name)));
        }
        let Some(ebs) = &mapping.ebs else { return Ok(()) };
        refuse_unavailable(ebs)?;
        if ebs.snapshot_id.as_deref().is_some_and(|id| id != image.root_snapshot.to_string()) {
            return Err(unavailable("BlockDeviceMapping.Ebs.SnapshotId other than the image's own"));
        }
        self.volume_type = match ebs.volume_type {
            None => self.volume_type,
            Some(known @ (VolumeType::Gp2 | VolumeType::Gp3)) => known,
            Some(other) => return Err(unavailable(&format!("The volume type '{other}'"))),
        };
        if let Some(size) = ebs.volume_size {
            self.size_gib = check_size(size, self.volume_type, image)?;
        }
        self.delete_on_termination = ebs.delete_on_termination.unwrap_or(true);
        Ok(())
    }

    /// The disk of one instance.
    pub(super) fn make(&self, context: &Context) -> BlockDevice {
        BlockDevice {
            device_name: self.device_name.clone(),
            volume: VolumeId::from_number(context.id_number()),
            attach_time: context.now,
            delete_on_termination: self.delete_on_termination,
            size_gib: self.size_gib,
            volume_type: self.volume_type.as_str().to_owned(),
        }
    }
}

fn check_size(size: i32, volume_type: VolumeType, image: &Image) -> Result<u32, ApiError> {
    let wanted = u32::try_from(size).unwrap_or(0);
    if wanted < image.root_volume_gib {
        return Err(invalid(format!(
            "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {}GB",
            image.root_snapshot, image.root_volume_gib
        )));
    }
    let limit = max_size_gib(volume_type);
    if wanted > limit {
        return Err(ApiError::invalid_value(format!(
            "Volume of {size}GiB is too large for volume type {volume_type}; maximum is {limit}GiB."
        )));
    }
    Ok(wanted)
}

/// What a mapping of another device than the root may say: that it is not wanted, or, on a type without disks of its
/// own, that it is one of those, which EC2 passes over.
fn check_other(name: &str, instance_type: &InstanceType, mapping: &BlockDeviceMapping) -> Result<(), ApiError> {
    if mapping.no_device.is_some() {
        return Ok(());
    }
    if mapping.virtual_name.is_some() && mapping.ebs.is_none() && !instance_type.has_instance_storage() {
        return Ok(());
    }
    Err(unavailable(&format!("A volume beside the root volume (BlockDeviceMapping '{name}')")))
}

fn refuse_unavailable(ebs: &EbsBlockDevice) -> Result<(), ApiError> {
    let asked = [
        (ebs.encrypted == Some(true), "Encrypted"),
        (ebs.kms_key_id.is_some(), "KmsKeyId"),
        (ebs.iops.is_some(), "Iops"),
        (ebs.throughput.is_some(), "Throughput"),
        (ebs.outpost_arn.is_some(), "OutpostArn"),
        (ebs.volume_initialization_rate.is_some(), "VolumeInitializationRate"),
        (ebs.availability_zone.is_some() || ebs.availability_zone_id.is_some(), "AvailabilityZone"),
        (ebs.ebs_card_index.is_some_and(|index| index != 0), "EbsCardIndex"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(&format!("BlockDeviceMapping.Ebs.{name}"))),
        None => Ok(()),
    }
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidBlockDeviceMapping", message)
}
