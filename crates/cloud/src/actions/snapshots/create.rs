//! CreateSnapshot, CreateSnapshots, CopySnapshot and DeleteSnapshot.

use ec2_shapes::{
    CopySnapshotRequest, CopySnapshotResult, CreateSnapshotRequest, CreateSnapshotsRequest, CreateSnapshotsResult,
    DeleteSnapshotRequest, SnapshotInfo, SnapshotLocationEnum,
};
use types::{InstanceId, InstanceState, Region, SnapshotId, VolumeId};

use super::describe::SnapshotRow;
use super::{check_usable, find_in, own, unavailable};
use crate::actions::instances::{find_instance, parse_instance_id};
use crate::actions::show;
use crate::context::Context;
use crate::dependencies::first_dependent;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query;
use crate::quotas::{self, Quota};
use crate::resource::{Instance, Snapshot, SnapshotContent, SnapshotState, Tags, Volume, VolumeLife};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;

/// How many volumes one call may leave out.
const MAX_EXCLUDED: usize = 40;
/// The longest time that a copy may be given, in minutes, and what it is counted in.
const MAX_COPY_MINUTES: u32 = 2_880;
const COPY_MINUTES_STEP: u32 = 15;

pub(in crate::actions) fn create_snapshot(
    context: &Context,
    tx: &mut Transaction,
    request: CreateSnapshotRequest,
) -> Result<ec2_shapes::Snapshot, ApiError> {
    refuse_elsewhere(request.outpost_arn.as_deref(), request.location)?;
    let tags = NewTags::new(&request.tag_specifications, &["snapshot"])?;
    let volume = Volume::clone(query::get::<Volume>(tx, &request.volume_id)?);
    let id = take(context, tx, &volume, request.description.unwrap_or_default())?;
    tags.put(tx, "snapshot", id);
    let snapshot = tx.snapshots.get(&id).cloned().ok_or_else(ApiError::internal)?;
    Ok(SnapshotRow { context, tables: tx, snapshot }.to_shape())
}

/// Snapshots are in the region alone.
fn refuse_elsewhere(outpost: Option<&str>, location: Option<SnapshotLocationEnum>) -> Result<(), ApiError> {
    if outpost.is_some() {
        return Err(unavailable("OutpostArn"));
    }
    match location {
        Some(SnapshotLocationEnum::Local) => Err(unavailable("The location 'local'")),
        _ => Ok(()),
    }
}

/// Takes a snapshot of a volume as it is at this moment.
fn take(context: &Context, tx: &mut Transaction, volume: &Volume, description: String) -> Result<SnapshotId, ApiError> {
    match volume.life {
        VolumeLife::Ready => {}
        VolumeLife::Creating => {
            let message = format!("Volume '{}' is in the 'creating' state.", volume.id);
            return Err(ApiError::new("IncorrectState", message));
        }
        VolumeLife::Deleting => return Err(Volume::KIND.not_found(&[volume.id.to_string()])),
    }
    let is_pending = |snapshot: &Snapshot| snapshot.volume == volume.id && snapshot.state == SnapshotState::Pending;
    let pending = tx.snapshots.values().filter(|snapshot| is_pending(snapshot)).count();
    quotas::check(context, Quota::PendingSnapshotsPerVolume, pending)?;
    let content = content_of(tx, volume)?;
    let id = SnapshotId::from_number(context.id_number());
    tx.put(Snapshot { description, ..Snapshot::new(id, volume.id, volume.spec.size_gib, content, context.now) });
    Ok(id)
}

/// What is on a volume at this moment.
fn content_of(tables: &Tables, volume: &Volume) -> Result<SnapshotContent, ApiError> {
    let has_machine =
        |id: &InstanceId| tables.instances.get(id).is_some_and(|instance| instance.state != InstanceState::Terminated);
    match volume.root_of {
        // What the machine wrote there is on the host's disk, which keeps it.
        Some(instance) if has_machine(&instance) => Ok(SnapshotContent::Capture(instance)),
        // It went with its machine, which could not be copied; no snapshot could claim to hold it.
        Some(_) => Err(unavailable("A snapshot of a root volume whose instance is gone and could not be copied")),
        None if volume.layers.is_empty() => Ok(SnapshotContent::Blank),
        None => Ok(SnapshotContent::Layers(volume.layers.clone())),
    }
}

pub(in crate::actions) fn create_snapshots(
    context: &Context,
    tx: &mut Transaction,
    request: CreateSnapshotsRequest,
) -> Result<CreateSnapshotsResult, ApiError> {
    refuse_elsewhere(request.outpost_arn.as_deref(), request.location)?;
    let tags = NewTags::new(&request.tag_specifications, &["snapshot"])?;
    let volumes = chosen(tx, &request)?;
    let description = request.description.unwrap_or_default();
    let mut snapshots = Vec::with_capacity(volumes.len());
    for volume in volumes {
        let id = take(context, tx, &volume, description.clone())?;
        let mut wanted = Tags::new();
        if request.copy_tags_from_source.is_some() {
            wanted.extend(tx.tags_of(&volume.id.to_string()).clone());
        }
        wanted.extend(tags.of("snapshot").clone());
        tagging::add(tx, &id.to_string(), &wanted)?;
        let snapshot = tx.snapshots.get(&id).cloned().ok_or_else(ApiError::internal)?;
        snapshots.push(info(&SnapshotRow { context, tables: tx, snapshot }));
    }
    Ok(CreateSnapshotsResult { snapshots })
}

/// The volumes of an instance that a request wants snapshots of.
fn chosen(tx: &Transaction, request: &CreateSnapshotsRequest) -> Result<Vec<Volume>, ApiError> {
    let specification =
        request.instance_specification.as_ref().ok_or_else(|| ApiError::missing("InstanceSpecification"))?;
    let id = specification.instance_id.as_deref();
    let id = id.ok_or_else(|| ApiError::missing("InstanceSpecification.InstanceId"))?;
    let instance = find_instance(tx, parse_instance_id(id)?)?;
    if instance.state.is_ending() {
        let message = format!("The instance '{id}' is not in a valid state for this operation.");
        return Err(ApiError::new("IncorrectInstanceState", message));
    }
    let excluded = excluded(instance, &specification.exclude_data_volume_ids)?;
    let leaves_root = specification.exclude_boot_volume == Some(true);
    let wanted: Vec<Volume> = instance
        .block_devices
        .iter()
        .filter(|device| !(leaves_root && device.device_name == instance.root_device))
        .filter(|device| !excluded.contains(&device.volume))
        .filter_map(|device| tx.volumes.get(&device.volume))
        .map(|volume| Volume::clone(volume))
        .collect();
    if wanted.is_empty() {
        return Err(ApiError::invalid_value("The instance specification leaves no volume to take a snapshot of."));
    }
    Ok(wanted)
}

/// The data volumes that are left out.
fn excluded(instance: &Instance, ids: &[String]) -> Result<Vec<VolumeId>, ApiError> {
    if ids.len() > MAX_EXCLUDED {
        return Err(ApiError::invalid_value(format!(
            "At most {MAX_EXCLUDED} volumes can be excluded, not {}.",
            ids.len()
        )));
    }
    let data = |text: &String| {
        let id: VolumeId = text.parse().map_err(|_| Volume::KIND.malformed(text))?;
        match instance.block_devices.iter().find(|device| device.volume == id) {
            None => Err(ApiError::invalid_value(format!("The volume '{id}' is not attached to '{}'.", instance.id))),
            Some(device) if device.device_name == instance.root_device => Err(ApiError::invalid_value(format!(
                "The volume '{id}' is the root volume of '{}'; use ExcludeBootVolume.",
                instance.id
            ))),
            Some(_) => Ok(id),
        }
    };
    ids.iter().map(data).collect()
}

fn info(row: &SnapshotRow<'_>) -> SnapshotInfo {
    let snapshot = &row.snapshot;
    SnapshotInfo {
        description: Some(snapshot.description.clone()),
        encrypted: Some(false),
        owner_id: Some(row.owner_id().to_owned()),
        progress: Some(row.progress().to_owned()),
        snapshot_id: Some(snapshot.id.to_string()),
        start_time: Some(show::moment(snapshot.started)),
        state: ec2_shapes::SnapshotState::from_wire(snapshot.state.name()),
        tags: tagging::to_shape(row.tables.tags_of(&snapshot.id.to_string())),
        volume_id: Some(snapshot.volume.to_string()),
        volume_size: i32::try_from(snapshot.size_gib).ok(),
        ..SnapshotInfo::default()
    }
}

/// Copies a snapshot of this region or another of this cloud. Signed URLs, which clients add, are not needed here.
pub(in crate::actions) fn copy_snapshot(
    context: &Context,
    tx: &mut Transaction,
    request: CopySnapshotRequest,
) -> Result<CopySnapshotResult, ApiError> {
    refuse_unavailable_copy(context, &request)?;
    let tags = NewTags::new(&request.tag_specifications, &["snapshot"])?;
    let completion_minutes = completion_minutes(request.completion_duration_minutes)?;
    let source_region: Region = request
        .source_region
        .parse()
        .map_err(|_| ApiError::invalid_value(format!("Invalid source region '{}'.", request.source_region)))?;
    let tables = tx.state().regions.get(&source_region).ok_or_else(|| {
        let message = format!("The snapshot '{}' does not exist.", request.source_snapshot_id);
        ApiError::new("InvalidSnapshot.NotFound", message)
    })?;
    let source = find_in(tx.state(), tables, &request.source_snapshot_id)?;
    check_usable(&source)?;
    let id = SnapshotId::from_number(context.id_number());
    // The volume of a copy names nothing, as on AWS.
    let volume = VolumeId::from_number(u128::MAX);
    tx.put(Snapshot {
        description: request.description.unwrap_or_default(),
        is_copy: true,
        completion_minutes,
        ..Snapshot::new(id, volume, source.size_gib, source.content.clone(), context.now)
    });
    tags.put(tx, "snapshot", id);
    Ok(CopySnapshotResult { snapshot_id: Some(id.to_string()), tags: tagging::to_shape(tx.tags_of(&id.to_string())) })
}

fn refuse_unavailable_copy(context: &Context, request: &CopySnapshotRequest) -> Result<(), ApiError> {
    if request.kms_key_id.is_some() && request.encrypted != Some(true) {
        let message = "The parameter [KmsKeyId] requires the parameter Encrypted to be set.";
        return Err(ApiError::new("InvalidParameterDependency", message));
    }
    if let Some(other) = request.destination_region.as_deref().filter(|region| *region != context.region.as_str()) {
        return Err(ApiError::invalid_value(format!(
            "Value ({other}) for parameter destinationRegion is invalid. A copy is made in the region that is asked."
        )));
    }
    let asked = [
        (request.encrypted == Some(true), "Encrypted"),
        (request.destination_outpost_arn.is_some(), "DestinationOutpostArn"),
        (request.destination_availability_zone.is_some(), "DestinationAvailabilityZone"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, name)) => Err(unavailable(name)),
        None => Ok(()),
    }
}

/// How long the copy may take; here none takes long.
fn completion_minutes(asked: Option<i32>) -> Result<Option<u32>, ApiError> {
    let Some(asked) = asked else { return Ok(None) };
    let minutes = u32::try_from(asked).unwrap_or(0);
    if minutes == 0 || minutes > MAX_COPY_MINUTES || !minutes.is_multiple_of(COPY_MINUTES_STEP) {
        return Err(ApiError::invalid_value(format!(
            "Value ({asked}) for parameter completionDurationMinutes is invalid. It must be a multiple of \
             {COPY_MINUTES_STEP} up to {MAX_COPY_MINUTES}."
        )));
    }
    Ok(Some(minutes))
}

pub(in crate::actions) fn delete_snapshot(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteSnapshotRequest,
) -> Result<(), ApiError> {
    let snapshot = own(tx, &request.snapshot_id)?;
    let key = Key::Snapshot(snapshot.id);
    if let Some(Key::Image(image)) = first_dependent(tx, &key) {
        let message = format!("The snapshot {} is currently in use by {image}", snapshot.id);
        return Err(ApiError::new("InvalidSnapshot.InUse", message));
    }
    tx.delete(key);
    Ok(())
}
