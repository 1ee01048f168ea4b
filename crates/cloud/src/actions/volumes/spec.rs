//! How large and how fast a volume may be.
//!
//! Bounds as CreateVolume and ModifyVolume give them, ratios as the EBS User Guide's page on volume types does.

use crate::error::ApiError;
use crate::resource::{Snapshot, VolumeSpec, VolumeType};

/// What a request says about a volume.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::actions) struct Asked {
    /// GiB.
    pub size: Option<i32>,
    /// The type.
    pub volume_type: Option<ec2_shapes::VolumeType>,
    /// Operations a second.
    pub iops: Option<i32>,
    /// MiB a second.
    pub throughput: Option<i32>,
    /// Whether several instances may have it.
    pub multi_attach: Option<bool>,
}

/// What volumes of a type may be.
struct Bounds {
    /// GiB, least and most.
    size: (u32, u32),
    /// Operations a second, least and most, where they can be set.
    iops: Option<(u32, u32)>,
    /// The most operations a second for each GiB.
    iops_per_gib: u32,
    /// Operations a second that a volume of any size may have.
    free_iops: u32,
}

/// MiB a second of a `gp3` volume, least and most.
const THROUGHPUT: (u32, u32) = (125, 2_000);
/// The operations a second that each MiB a second of a `gp3` volume needs.
const IOPS_PER_THROUGHPUT: u32 = 4;
/// The operations a second of a volume that becomes one whose speed can be set, unless another is said.
const MODIFIED_IOPS: u32 = 3_000;

const fn bounds(of: VolumeType) -> Bounds {
    let (size, iops, iops_per_gib, free_iops) = match of {
        VolumeType::Gp2 => ((1, 16_384), None, 0, 0),
        VolumeType::Gp3 => ((1, 65_536), Some((3_000, 80_000)), 500, 3_000),
        VolumeType::Io1 => ((4, 16_384), Some((100, 64_000)), 50, 100),
        VolumeType::Io2 => ((4, 65_536), Some((100, 256_000)), 1_000, 100),
        VolumeType::St1 | VolumeType::Sc1 => ((125, 16_384), None, 0, 0),
        VolumeType::Standard => ((1, 1_024), None, 0, 0),
    };
    Bounds { size, iops, iops_per_gib, free_iops }
}

fn known(volume_type: ec2_shapes::VolumeType) -> Result<VolumeType, ApiError> {
    VolumeType::from_name(volume_type.as_str()).ok_or_else(ApiError::internal)
}

/// A new volume as it was asked for; from `snapshot`, if it is made from one.
///
/// # Errors
/// `MissingParameter` where neither size nor snapshot is given, or a speed is missing; `InvalidParameterValue` and
/// `InvalidParameterCombination` for what volumes of the type cannot be.
pub(in crate::actions) fn new(asked: &Asked, snapshot: Option<&Snapshot>) -> Result<VolumeSpec, ApiError> {
    let volume_type = asked.volume_type.map_or(Ok(VolumeType::DEFAULT), known)?;
    let size_gib = match (asked.size, snapshot) {
        (None, None) => return Err(ApiError::missing("size/snapshot")),
        (None, Some(snapshot)) => snapshot.size_gib,
        (Some(size), _) => whole(size, "size")?,
    };
    if let Some(snapshot) = snapshot.filter(|snapshot| size_gib < snapshot.size_gib) {
        return Err(smaller_than_snapshot(size_gib, snapshot));
    }
    let iops = asked.iops.map(|iops| whole(iops, "iops")).transpose()?;
    let throughput = asked.throughput.map(|throughput| whole(throughput, "throughput")).transpose()?;
    let plain = VolumeSpec::new(size_gib, volume_type);
    let is_required = matches!(volume_type, VolumeType::Io1 | VolumeType::Io2);
    if is_required && iops.is_none() {
        let message = format!("The parameter iops must be specified for {} volumes.", volume_type.name());
        return Err(ApiError::new("MissingParameter", message));
    }
    refuse_speed(volume_type, iops.is_some(), throughput.is_some())?;
    let multi_attach = asked.multi_attach.unwrap_or(false);
    let spec =
        VolumeSpec { iops: iops.or(plain.iops), throughput: throughput.or(plain.throughput), multi_attach, ..plain };
    check(&spec)?;
    Ok(spec)
}

/// What a volume is to become.
///
/// # Errors
/// `InvalidParameterValue` where it would shrink; otherwise as [`new`].
pub(super) fn modified(old: &VolumeSpec, asked: &Asked) -> Result<VolumeSpec, ApiError> {
    let volume_type = asked.volume_type.map_or(Ok(old.volume_type), known)?;
    let size_gib = asked.size.map_or(Ok(old.size_gib), |size| whole(size, "size"))?;
    if size_gib < old.size_gib {
        return Err(ApiError::invalid_value(format!(
            "New size cannot be smaller than existing size ({size_gib} < {})",
            old.size_gib
        )));
    }
    let iops = asked.iops.map(|iops| whole(iops, "iops")).transpose()?;
    let throughput = asked.throughput.map(|throughput| whole(throughput, "throughput")).transpose()?;
    refuse_speed(volume_type, iops.is_some(), throughput.is_some())?;
    let stays = volume_type == old.volume_type;
    let plain = VolumeSpec::new(size_gib, volume_type);
    let default_iops = bounds(volume_type).iops.and(if stays { old.iops } else { Some(MODIFIED_IOPS) });
    let default_throughput = if stays { old.throughput } else { plain.throughput };
    let spec = VolumeSpec {
        iops: iops.or(default_iops),
        throughput: throughput.or(default_throughput),
        multi_attach: asked.multi_attach.unwrap_or(old.multi_attach),
        ..plain
    };
    check(&spec)?;
    Ok(spec)
}

/// The error for a volume that could not hold its snapshot.
pub(in crate::actions) fn smaller_than_snapshot(size_gib: u32, snapshot: &Snapshot) -> ApiError {
    ApiError::invalid_value(format!(
        "Volume of size {size_gib}GB is smaller than snapshot '{}', expect size >= {}GB",
        snapshot.id, snapshot.size_gib
    ))
}

fn whole(value: i32, name: &str) -> Result<u32, ApiError> {
    u32::try_from(value).ok().filter(|value| *value > 0).ok_or_else(|| {
        ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid. It must be at least 1."))
    })
}

/// Refuses a speed for types that have none to be set.
fn refuse_speed(volume_type: VolumeType, has_iops: bool, has_throughput: bool) -> Result<(), ApiError> {
    let refused = |name: &str| {
        let message = format!("The parameter {name} is not supported for {} volumes.", volume_type.name());
        Err(ApiError::invalid_combination(message))
    };
    if has_iops && bounds(volume_type).iops.is_none() {
        return refused("iops");
    }
    if has_throughput && volume_type != VolumeType::Gp3 {
        return refused("throughput");
    }
    Ok(())
}

/// Holds a volume against the bounds of its type.
fn check(spec: &VolumeSpec) -> Result<(), ApiError> {
    let (name, bounds) = (spec.volume_type.name(), bounds(spec.volume_type));
    let (least, most) = bounds.size;
    if spec.size_gib < least {
        let size = spec.size_gib;
        let message = format!("Volume of {size}GiB is too small for volume type {name}; minimum is {least}GiB.");
        return Err(ApiError::invalid_value(message));
    }
    if spec.size_gib > most {
        let size = spec.size_gib;
        let message = format!("Volume of {size}GiB is too large for volume type {name}; maximum is {most}GiB.");
        return Err(ApiError::invalid_value(message));
    }
    if let (Some(iops), Some(range)) = (spec.iops, bounds.iops) {
        check_range("iops", iops, range)?;
        let ratio = f64::from(iops) / f64::from(spec.size_gib);
        if iops > bounds.free_iops && ratio > f64::from(bounds.iops_per_gib) {
            return Err(ApiError::invalid_value(format!(
                "Iops to volume size ratio of {ratio:.6} is too high; maximum is {}.",
                bounds.iops_per_gib
            )));
        }
    }
    if let (Some(throughput), Some(iops)) = (spec.throughput, spec.iops) {
        check_range("throughput", throughput, THROUGHPUT)?;
        if throughput * IOPS_PER_THROUGHPUT > iops {
            let ratio = f64::from(throughput) / f64::from(iops);
            return Err(ApiError::invalid_value(format!(
                "Throughput (MiBps) to iops ratio of {ratio:.6} is too high; maximum is 0.250000 MiBps per iops."
            )));
        }
    }
    if spec.multi_attach && !matches!(spec.volume_type, VolumeType::Io1 | VolumeType::Io2) {
        let message = format!("The parameter multiAttachEnabled is not supported for {name} volumes.");
        return Err(ApiError::invalid_combination(message));
    }
    Ok(())
}

fn check_range(name: &str, value: u32, (least, most): (u32, u32)) -> Result<(), ApiError> {
    if value < least {
        return Err(ApiError::invalid_value(format!("Volume {name} of {value} is too low; minimum is {least}.")));
    }
    if value > most {
        return Err(ApiError::invalid_value(format!("Volume {name} of {value} is too high; maximum is {most}.")));
    }
    Ok(())
}
