//! The disks of an instance: those of its image, as the launch changes them, and those it adds.

use ec2_shapes::{BlockDeviceMapping, EbsBlockDevice};
use types::{AvailabilityZone, InstanceId, SnapshotId, VolumeId};

use crate::actions::snapshots;
use crate::actions::volumes::{check_device_name, spec};
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::quotas::{self, Quota};
use crate::resource::*;
use crate::tagging::NewTags;
use crate::transaction::Transaction;
use crate::view::View;

/// One volume that every instance of a call gets.
#[derive(Clone)]
struct Disk {
    device_name: String,
    spec: VolumeSpec,
    snapshot: Option<SnapshotId>,
    layers: Vec<ImageLayer>,
    delete_on_termination: bool,
}

/// The volumes that every instance of a call gets, the root volume first.
pub(super) struct Disks {
    disks: Vec<Disk>,
}

impl Disks {
    /// The image's volumes with what the request's mappings say.
    ///
    /// # Errors
    /// `InvalidBlockDeviceMapping` for a mapping that makes no sense, `UnsupportedOperation` for one that asks for
    /// what is not available, such as encryption; for sizes and speeds as CreateVolume.
    pub(super) fn new(
        view: &View<'_>,
        image: &Image,
        instance_type: &InstanceType,
        mappings: &[BlockDeviceMapping],
    ) -> Result<Self, ApiError> {
        let mut disks = of_image(view, image);
        if disks.first().is_none_or(|root| root.device_name != image.root_device) {
            return Err(invalid(format!("The image '{}' has no volume as its root device", image.id)));
        }
        let mut seen = Vec::new();
        for mapping in mappings {
            let name =
                mapping.device_name.as_deref().ok_or_else(|| ApiError::missing("BlockDeviceMapping.DeviceName"))?;
            if seen.contains(&name) {
                return Err(invalid(format!("The device '{name}' is used in more than one block-device mapping")));
            }
            seen.push(name);
            check_kind(mapping, name)?;
            if name == image.root_device {
                disks[0] = changed_root(view, image, &disks[0], mapping)?;
            } else if mapping.no_device.is_some() {
                disks.retain(|disk| disk.device_name != name);
            } else if let Some(ebs) = &mapping.ebs {
                match disks.iter_mut().find(|disk| disk.device_name == name) {
                    Some(disk) => *disk = changed(view, disk, ebs)?,
                    None => disks.push(further(view, name, ebs)?),
                }
            } else {
                check_ephemeral(name, instance_type)?;
            }
        }
        Ok(Self { disks })
    }

    /// Makes the volumes of one instance.
    ///
    /// # Errors
    /// `VolumeLimitExceeded` where the region has too many.
    pub(super) fn make(
        &self,
        context: &Context,
        tx: &mut Transaction,
        tags: &NewTags,
        instance: InstanceId,
        zone: &AvailabilityZone,
    ) -> Result<Vec<BlockDevice>, ApiError> {
        let mut devices = Vec::with_capacity(self.disks.len());
        for (number, disk) in self.disks.iter().enumerate() {
            quotas::check(context, Quota::Volumes, tx.volumes.len())?;
            let id = VolumeId::from_number(context.id_number());
            tx.put(Volume {
                id,
                zone: zone.clone(),
                spec: disk.spec,
                snapshot: disk.snapshot,
                life: VolumeLife::Ready,
                life_since: context.now,
                created: context.now,
                attachments: vec![VolumeAttachment {
                    instance,
                    device: disk.device_name.clone(),
                    attach_time: context.now,
                    delete_on_termination: disk.delete_on_termination,
                    state: VolumeAttachmentState::Attached,
                    since: context.now,
                }],
                modifications: vec![],
                auto_enable_io: false,
                root_of: (number == 0).then_some(instance),
                layers: disk.layers.clone(),
            });
            tags.put(tx, "volume", id);
            devices.push(BlockDevice::new(disk.device_name.clone(), id));
        }
        Ok(devices)
    }
}

/// The volumes that the image has, the root volume first.
fn of_image(view: &View<'_>, image: &Image) -> Vec<Disk> {
    let disk = |mapping: &ImageMapping| {
        let volume = mapping.volume()?;
        let is_root = mapping.device_name == image.root_device;
        let kept = volume.snapshot.and_then(|id| view.tables().snapshots.get(&id));
        Some(Disk {
            device_name: mapping.device_name.clone(),
            spec: volume.spec,
            snapshot: volume.snapshot,
            layers: match kept {
                _ if is_root => image.layers.clone(),
                Some(snapshot) => snapshot.layers().to_vec(),
                None => vec![],
            },
            delete_on_termination: volume.delete_on_termination,
        })
    };
    let mut disks: Vec<Disk> = image.mappings.iter().filter_map(disk).collect();
    disks.sort_by_key(|disk| disk.device_name != image.root_device);
    disks
}

/// The root volume with what its mapping says.
fn changed_root(view: &View<'_>, image: &Image, root: &Disk, mapping: &BlockDeviceMapping) -> Result<Disk, ApiError> {
    if mapping.no_device.is_some() || mapping.virtual_name.is_some() {
        return Err(invalid(format!("The root device '{}' must be a volume", root.device_name)));
    }
    let Some(ebs) = &mapping.ebs else { return Ok(root.clone()) };
    refuse_unavailable(ebs)?;
    if ebs.snapshot_id.is_some() && ebs.snapshot_id != root.snapshot.map(|id| id.to_string()) {
        return Err(unavailable("BlockDeviceMapping.Ebs.SnapshotId other than the image's own"));
    }
    if let Some(slow @ (ec2_shapes::VolumeType::St1 | ec2_shapes::VolumeType::Sc1)) = ebs.volume_type {
        return Err(ApiError::invalid_value(format!(
            "Invalid value '{slow}' for VolumeType. Volumes of this type cannot be root devices."
        )));
    }
    let own = root.snapshot.and_then(|id| view.tables().snapshots.get(&id)).map(|own| Snapshot::clone(own));
    merged(root, ebs, own.or_else(|| Snapshot::of_image(image)).as_ref())
}

/// Another volume of the image with what its mapping says.
fn changed(view: &View<'_>, disk: &Disk, ebs: &EbsBlockDevice) -> Result<Disk, ApiError> {
    let snapshot = disk.snapshot.map(|id| id.to_string());
    if ebs.snapshot_id.is_some() && ebs.snapshot_id != snapshot {
        return further(view, &disk.device_name, ebs);
    }
    refuse_unavailable(ebs)?;
    let snapshot = snapshot.map(|id| snapshots::usable(view, &id)).transpose()?;
    merged(disk, ebs, snapshot.as_deref())
}

/// A volume of the image in which a mapping's words count for more.
fn merged(disk: &Disk, ebs: &EbsBlockDevice, snapshot: Option<&Snapshot>) -> Result<Disk, ApiError> {
    let said = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let mut asked = ebs.clone();
    asked.volume_size = asked.volume_size.or(said(Some(disk.spec.size_gib)));
    // What the image says of speed goes with the type it says it of.
    if asked.volume_type.is_none() {
        asked.volume_type = ec2_shapes::VolumeType::from_wire(disk.spec.volume_type.name());
        asked.iops = asked.iops.or(said(disk.spec.iops));
        asked.throughput = asked.throughput.or(said(disk.spec.throughput));
    }
    let spec = spec_of(&asked, snapshot)?;
    let delete_on_termination = ebs.delete_on_termination.unwrap_or(disk.delete_on_termination);
    Ok(Disk { spec, delete_on_termination, ..disk.clone() })
}

/// A volume beside the root volume.
fn further(view: &View<'_>, name: &str, ebs: &EbsBlockDevice) -> Result<Disk, ApiError> {
    check_device_name(name).map_err(|error| invalid(error.message))?;
    refuse_unavailable(ebs)?;
    let snapshot = ebs.snapshot_id.as_deref().map(|id| snapshots::usable(view, id)).transpose()?;
    Ok(Disk {
        device_name: name.to_owned(),
        spec: spec_of(ebs, snapshot.as_deref())?,
        snapshot: snapshot.as_ref().map(|snapshot| snapshot.id),
        layers: snapshot.map(|snapshot| snapshot.layers().to_vec()).unwrap_or_default(),
        delete_on_termination: ebs.delete_on_termination.unwrap_or(true),
    })
}

/// The size and speed that a mapping asks for. What a mapping alone can get wrong has the code of mappings.
fn spec_of(ebs: &EbsBlockDevice, snapshot: Option<&Snapshot>) -> Result<VolumeSpec, ApiError> {
    if let (Some(size), Some(snapshot)) = (ebs.volume_size, snapshot) {
        let size = u32::try_from(size).unwrap_or(0);
        if size < snapshot.size_gib {
            return Err(invalid(spec::smaller_than_snapshot(size, snapshot).message));
        }
    }
    let asked = spec::Asked {
        size: ebs.volume_size,
        volume_type: ebs.volume_type,
        iops: ebs.iops,
        throughput: ebs.throughput,
        multi_attach: None,
    };
    spec::new(&asked, snapshot)
}

/// A mapping is of one kind: a volume, a disk of the machine, or nothing.
fn check_kind(mapping: &BlockDeviceMapping, name: &str) -> Result<(), ApiError> {
    let kinds = [mapping.ebs.is_some(), mapping.virtual_name.is_some(), mapping.no_device.is_some()];
    if kinds.into_iter().filter(|is_given| *is_given).count() > 1 {
        return Err(invalid(format!(
            "The block-device mapping of '{name}' must have only one of ebs, virtualName and noDevice"
        )));
    }
    match mapping.virtual_name.as_deref() {
        Some(virtual_name) if !is_ephemeral(virtual_name) => {
            Err(invalid(format!("Invalid virtual device name '{virtual_name}' for the device '{name}'")))
        }
        _ => Ok(()),
    }
}

fn is_ephemeral(name: &str) -> bool {
    name.strip_prefix("ephemeral").and_then(|number| number.parse::<u8>().ok()).is_some_and(|number| number < 24)
}

/// A disk of the machine itself: on a type that has none, EC2 passes over the mapping.
fn check_ephemeral(name: &str, instance_type: &InstanceType) -> Result<(), ApiError> {
    if instance_type.has_instance_storage() {
        return Err(unavailable(&format!("A disk of the machine itself (BlockDeviceMapping '{name}')")));
    }
    Ok(())
}

fn refuse_unavailable(ebs: &EbsBlockDevice) -> Result<(), ApiError> {
    if ebs.kms_key_id.is_some() && ebs.encrypted != Some(true) {
        let message = "The parameter [KmsKeyId] requires the parameter Encrypted to be set.";
        return Err(ApiError::new("InvalidParameterDependency", message));
    }
    let asked = [
        (ebs.encrypted == Some(true), "Encrypted"),
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
