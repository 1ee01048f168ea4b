//! CreateImage, RegisterImage and CopyImage: where images come from.

use ec2_shapes::{
    ArchitectureValues, CopyImageRequest, CopyImageResult, CreateImageRequest, CreateImageResult, RegisterImageRequest,
    RegisterImageResult,
};
use types::{ImageId, InstanceState, Region, SnapshotId, VolumeId};

use super::mapping::{self, Wish, invalid};
use super::{check_description, check_name, find, get, not_found, parse_image_id, unavailable};
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query;
use crate::resource::*;
use crate::settle::SETTLE_MS;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// The user whom key pairs are given to where nothing else is known.
const USUAL_USER: &str = "admin";

/// Makes an image of an instance: a snapshot of each volume, and of its root file system what the host keeps of it.
pub(in crate::actions) fn create_image(
    context: &Context,
    tx: &mut Transaction,
    request: CreateImageRequest,
) -> Result<CreateImageResult, ApiError> {
    check_name(tx, &request.name)?;
    check_description(request.description.as_deref())?;
    let tags = NewTags::new(&request.tag_specifications, &["image", "snapshot"])?;
    let instance = query::get::<Instance>(tx, &request.instance_id)?.clone();
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        return Err(ApiError::invalid_value("Instance is not in state 'running' or 'stopped'."));
    }
    if request.snapshot_location.is_some_and(|location| location.as_str() == "local") {
        let message = "Snapshots in a Local Zone are not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    let id = ImageId::from_number(context.id_number());
    let (mappings, snapshots) = image_of(context, tx, &instance, id, &request)?;
    let Some(root) = mappings.iter().find(|mapping| mapping.device_name == instance.root_device).cloned() else {
        return Err(invalid(format!("The root device '{}' must be a volume", instance.root_device)));
    };
    for snapshot in snapshots {
        tags.put(tx, "snapshot", snapshot.id);
        tx.put(snapshot);
    }
    let source = find(&tx.view(), instance.image).cloned();
    let source = source.as_ref();
    let boot_mode = request.boot_mode_override.map(|mode| mode.to_string());
    tx.put(Image {
        description: request.description.clone().unwrap_or_default(),
        architecture: source.map_or("x86_64", |image| &image.architecture).to_owned(),
        mappings,
        login_user: source.map_or(USUAL_USER, |image| &image.login_user).to_owned(),
        state: ImageState::Pending,
        reboots_source: request.no_reboot != Some(true),
        boot_mode: boot_mode.or_else(|| source.and_then(|image| image.boot_mode.clone())),
        requires_imds_v2: source.is_some_and(|image| image.requires_imds_v2),
        tpm_support: source.is_some_and(|image| image.tpm_support),
        source_image: Some((instance.image, context.region.clone())),
        source_instance: Some(instance.id),
        ..Image::new(id, &request.name, context.now, instance.layers.clone(), root)
    });
    tags.put(tx, "image", id);
    Ok(CreateImageResult { image_id: Some(id.to_string()) })
}

/// The devices of an instance's image, and the snapshots that its volumes need.
fn image_of(
    context: &Context,
    tx: &Transaction,
    instance: &Instance,
    image: ImageId,
    request: &CreateImageRequest,
) -> Result<(Vec<ImageMapping>, Vec<Snapshot>), ApiError> {
    let wishes = request.block_device_mappings.iter().map(mapping::read).collect::<Result<Vec<_>, _>>()?;
    check_distinct(wishes.iter().map(|(name, _)| *name))?;
    let (mut mappings, mut snapshots) = (Vec::new(), Vec::new());
    for device in &instance.block_devices {
        let name = device.device_name.as_str();
        let is_root = name == instance.root_device;
        let wish = wishes.iter().find(|(named, _)| *named == name).map(|(_, wish)| wish);
        let Some(volume) = tx.volumes.get(&device.volume) else { continue };
        let delete_on_termination =
            volume.attachment_to(instance.id).is_none_or(|attachment| attachment.delete_on_termination);
        let id = SnapshotId::from_number(context.id_number());
        let spec = VolumeSpec { multi_attach: false, ..volume.spec };
        let mut wanted = ImageVolume { snapshot: Some(id), spec, delete_on_termination };
        match wish {
            None => {}
            Some(Wish::Volume(ebs)) => mapping::change(&mut wanted, name, ebs)?,
            Some(Wish::Nothing) if !is_root => continue,
            Some(_) => return Err(invalid(format!("The device '{name}' is a volume of the instance"))),
        }
        let content = match volume.layers.as_slice() {
            _ if is_root => SnapshotContent::Capture(instance.id),
            [] => SnapshotContent::Blank,
            layers => SnapshotContent::Layers(layers.to_vec()),
        };
        snapshots.push(Snapshot {
            description: format!("Created by CreateImage({}) for {image}", instance.id),
            ..Snapshot::new(id, volume.id, volume.spec.size_gib, content, context.now)
        });
        mappings.push(ImageMapping { device_name: name.to_owned(), device: ImageDevice::Volume(wanted) });
    }
    for (name, wish) in &wishes {
        if !instance.block_devices.iter().any(|device| device.device_name == *name) {
            mappings.extend(mapping::device(&tx.view(), name, wish)?);
        }
    }
    Ok((mappings, snapshots))
}

fn check_distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ApiError> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(invalid(format!("The device '{name}' is used in more than one block-device mapping")));
        }
        seen.push(name);
    }
    Ok(())
}

/// Makes an image of a snapshot of a root volume.
pub(in crate::actions) fn register_image(
    context: &Context,
    tx: &mut Transaction,
    request: RegisterImageRequest,
) -> Result<RegisterImageResult, ApiError> {
    check_name(tx, &request.name)?;
    check_description(request.description.as_deref())?;
    let tags = NewTags::new(&request.tag_specifications, &["image"])?;
    refuse_unavailable(&request)?;
    let root_device = request.root_device_name.clone().ok_or_else(|| ApiError::missing("RootDeviceName"))?;
    let wishes = request.block_device_mappings.iter().map(mapping::read).collect::<Result<Vec<_>, _>>()?;
    check_distinct(wishes.iter().map(|(name, _)| *name))?;
    let mut mappings = Vec::new();
    for (name, wish) in &wishes {
        mappings.extend(mapping::device(&tx.view(), name, wish)?);
    }
    let root = mappings.iter().find(|mapping| mapping.device_name == root_device).cloned();
    let snapshot = root.as_ref().and_then(ImageMapping::volume).and_then(|volume| volume.snapshot);
    let (Some(root), Some(snapshot)) = (root, snapshot) else {
        let message = format!("The block-device mapping must have a snapshot for the root device '{root_device}'");
        return Err(invalid(message));
    };
    let layers = crate::actions::snapshots::find(&tx.view(), &snapshot.to_string())?.layers().to_vec();
    let id = ImageId::from_number(context.id_number());
    tx.put(Image {
        description: request.description.clone().unwrap_or_default(),
        architecture: request.architecture.map_or(ArchitectureValues::I386, |given| given).to_string(),
        mappings,
        login_user: login_user(&tx.view(), &layers),
        state: ImageState::Pending,
        ready_at: Some(context.now.plus_ms(SETTLE_MS)),
        boot_mode: request.boot_mode.map(|mode| mode.to_string()),
        is_paravirtual: request.virtualization_type.as_deref() != Some("hvm"),
        ena_support: request.ena_support == Some(true),
        sriov_net_support: request.sriov_net_support.is_some(),
        requires_imds_v2: request.imds_support.is_some(),
        tpm_support: request.tpm_support.is_some(),
        uefi_data: request.uefi_data.clone().filter(|data| !data.is_empty()),
        ..Image::new(id, &request.name, context.now, layers, root)
    });
    tags.put(tx, "image", id);
    Ok(RegisterImageResult { image_id: Some(id.to_string()) })
}

/// What an image cannot be registered with here.
fn refuse_unavailable(request: &RegisterImageRequest) -> Result<(), ApiError> {
    if let Some(location) = request.image_location.as_deref() {
        // There is no S3 that an image of the older kind could lie in.
        let message = format!("HTTP 404 (Not Found) response for URL {location}: check your manifest path is correct.");
        return Err(ApiError::new("InvalidManifest", message));
    }
    match request.virtualization_type.as_deref() {
        None | Some("hvm" | "paravirtual") => {}
        Some(other) => {
            return Err(ApiError::invalid_value(format!("Invalid value '{other}' for VirtualizationType.")));
        }
    }
    if request.sriov_net_support.as_deref().is_some_and(|value| value != "simple") {
        return Err(ApiError::invalid_value("Invalid value for SriovNetSupport. Valid values: simple"));
    }
    let asked = [
        (!request.billing_products.is_empty(), "BillingProducts"),
        (request.kernel_id.is_some(), "KernelId"),
        (request.ramdisk_id.is_some(), "RamdiskId"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(ApiError::new("UnsupportedOperation", format!("{name} is not available."))),
        None => Ok(()),
    }
}

/// The user whom the image with these layers gives key pairs to: the one of the image that they stand on.
fn login_user(view: &View<'_>, layers: &[ImageLayer]) -> String {
    let below = super::all(view).filter(|image| !image.layers.is_empty() && layers.starts_with(&image.layers));
    below.max_by_key(|image| image.layers.len()).map_or(USUAL_USER, |image| &image.login_user).to_owned()
}

/// The action's name among client tokens.
const COPY_IMAGE: &str = "CopyImage";

/// Makes an image of another, of this region or any other of the cloud.
pub(in crate::actions) fn copy_image(
    context: &Context,
    tx: &mut Transaction,
    request: CopyImageRequest,
) -> Result<CopyImageResult, ApiError> {
    let token = request.client_token.as_deref().unwrap_or_default();
    let parameters = idempotency::digest(&CopyImageRequest { dry_run: None, ..request.clone() });
    if let Some(image_id) = idempotency::check(context, tx, COPY_IMAGE, "", token, &parameters)? {
        return Ok(CopyImageResult { image_id: Some(image_id) });
    }
    check_name(tx, &request.name)?;
    check_description(request.description.as_deref())?;
    let tags = NewTags::new(&request.tag_specifications, &["image", "snapshot"])?;
    refuse_unavailable_copy(&request)?;
    let (source, region, copied_tags) = source_of_copy(tx, &request)?;
    let id = ImageId::from_number(context.id_number());
    let mut mappings = source.mappings.clone();
    for mapping in &mut mappings {
        let is_root = mapping.device_name == source.root_device;
        let ImageDevice::Volume(volume) = &mut mapping.device else { continue };
        let Some(original) = volume.snapshot else { continue };
        let copy = copied_snapshot(context, tx, &source, &region, (original, is_root), (id, volume.spec.size_gib));
        volume.snapshot = Some(copy.id);
        tags.put(tx, "snapshot", copy.id);
        tx.put(copy);
    }
    let is_copy_of = Some((source.id, region));
    let description = request.description.clone().unwrap_or_else(|| source.description.clone());
    tx.put(Image {
        id,
        name: request.name.as_str().into(),
        description,
        created: context.now,
        mappings,
        is_builtin: false,
        state: ImageState::Pending,
        ready_at: Some(context.now.plus_ms(SETTLE_MS)),
        launch_permissions: std::collections::BTreeSet::new(),
        deprecation_time: None,
        deregistration_protection: DeregistrationProtection::Off,
        source_image: is_copy_of,
        source_instance: None,
        ..source
    });
    if request.copy_image_tags == Some(true) {
        tagging::add(tx, &id.to_string(), &copied_tags)?;
    }
    if !tags.of("image").is_empty() {
        tagging::add(tx, &id.to_string(), tags.of("image"))?;
    }
    idempotency::remember(context, tx, COPY_IMAGE, "", token, parameters, id.to_string());
    Ok(CopyImageResult { image_id: Some(id.to_string()) })
}

fn refuse_unavailable_copy(request: &CopyImageRequest) -> Result<(), ApiError> {
    if let Some(minutes) = request.snapshot_copy_completion_duration_minutes
        && !((15..=2_880).contains(&minutes) && minutes % 15 == 0)
    {
        let message = format!("Invalid value '{minutes}' for SnapshotCopyCompletionDurationMinutes.");
        return Err(ApiError::invalid_value(message));
    }
    let asked = [
        (request.encrypted == Some(true), "Encrypted"),
        (request.kms_key_id.is_some(), "KmsKeyId"),
        (request.destination_outpost_arn.is_some(), "DestinationOutpostArn"),
        (request.destination_availability_zone.is_some(), "DestinationAvailabilityZone"),
        (request.destination_availability_zone_id.is_some(), "DestinationAvailabilityZoneId"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(ApiError::new("UnsupportedOperation", format!("{name} is not available."))),
        None => Ok(()),
    }
}

/// The image that is to be copied, where it is, and the tags that its owner put on it.
fn source_of_copy(tx: &Transaction, request: &CopyImageRequest) -> Result<(Image, Region, Tags), ApiError> {
    let text = &request.source_image_id;
    let region: Region = request
        .source_region
        .parse()
        .map_err(|_| ApiError::invalid_value(format!("Invalid value '{}' for SourceRegion.", request.source_region)))?;
    let id = parse_image_id(text)?;
    // A region that nobody asked for anything yet has the images that all regions share.
    let (image, tags) = match View::new(tx.state(), &region) {
        Some(there) => (get(&there, text)?.clone(), there.tags_of(text).clone()),
        None => {
            let shared = tx.state().shared.images.get(&id).ok_or_else(|| not_found(&[text]))?;
            (Image::clone(shared), Tags::new())
        }
    };
    match image.state {
        ImageState::Available => {
            let own = tags.into_iter().filter(|(key, _)| !key.starts_with(tagging::RESERVED_PREFIX)).collect();
            Ok((image, region, own))
        }
        _ => Err(unavailable(&image)),
    }
}

/// A snapshot of this region with what one of the source's holds.
fn copied_snapshot(
    context: &Context,
    tx: &Transaction,
    source: &Image,
    region: &Region,
    (original, is_root): (SnapshotId, bool),
    (image, size_gib): (ImageId, u32),
) -> Snapshot {
    let known = tx.state().regions.get(region).and_then(|tables| tables.snapshots.get(&original));
    let content = match known {
        Some(known) => known.content.clone(),
        None if is_root => SnapshotContent::Layers(source.layers.clone()),
        None => SnapshotContent::Blank,
    };
    let id = SnapshotId::from_number(context.id_number());
    let description =
        format!("Copied for DestinationAmi {image} from SourceAmi {} for SourceSnapshot {original}.", source.id);
    // A copy is of no volume that there is.
    let volume = VolumeId::from_number(u128::MAX);
    let size_gib = known.map_or(size_gib, |known| known.size_gib);
    Snapshot { is_copy: true, description, ..Snapshot::new(id, volume, size_gib, content, context.now) }
}
