//! How volumes and snapshots move on: by time, and when the instances that have them end.

use types::{InstanceId, Timestamp};

use crate::resource::*;
use crate::settle::SETTLE_MS;
use crate::state::Key;
use crate::transaction::Transaction;

/// How long a volume's changes are counted, and so kept, in milliseconds: a day.
pub const MODIFICATION_WINDOW_MS: i64 = 86_400_000;

fn soon(since: Timestamp) -> Timestamp {
    since.plus_ms(SETTLE_MS)
}

/// When a volume moves on by itself.
pub(crate) fn volume_due(volume: &Volume) -> Option<Timestamp> {
    let life = (volume.life != VolumeLife::Ready).then(|| soon(volume.life_since));
    let moving = volume.attachments.iter().filter(|attachment| attachment.state != VolumeAttachmentState::Attached);
    let changing = volume.modifications.last().and_then(|change| match change.state {
        ModificationState::Modifying => Some(soon(change.started)),
        ModificationState::Optimizing => Some(soon(soon(change.started))),
        ModificationState::Completed => None,
    });
    moving.map(|attachment| soon(attachment.since)).chain(life).chain(changing).min()
}

/// Brings a volume to where it is `now`.
pub(crate) fn advance_volume(tx: &mut Transaction, now: Timestamp, volume: &Volume) {
    let mut volume = volume.clone();
    if volume.life != VolumeLife::Ready && soon(volume.life_since) <= now {
        if volume.life == VolumeLife::Deleting {
            tx.delete(Key::Volume(volume.id));
            return;
        }
        (volume.life, volume.life_since) = (VolumeLife::Ready, now);
    }
    let mut left = Vec::new();
    volume.attachments.retain_mut(|attachment| match attachment.state {
        VolumeAttachmentState::Attaching if soon(attachment.since) <= now => {
            (attachment.state, attachment.since) = (VolumeAttachmentState::Attached, now);
            true
        }
        VolumeAttachmentState::Detaching if soon(attachment.since) <= now => {
            left.push(attachment.instance);
            false
        }
        _ => true,
    });
    if let Some(change) = volume.modifications.last_mut() {
        if change.state == ModificationState::Modifying && soon(change.started) <= now {
            change.state = ModificationState::Optimizing;
            volume.spec = change.target;
        }
        if change.state == ModificationState::Optimizing && soon(soon(change.started)) <= now {
            change.state = ModificationState::Completed;
            change.ended = Some(now);
        }
    }
    let id = volume.id;
    tx.put(volume);
    for instance in left {
        forget_device(tx, instance, id);
    }
}

/// Takes a volume out of the disks of an instance.
fn forget_device(tx: &mut Transaction, instance: InstanceId, volume: types::VolumeId) {
    if let Some(old) = tx.instances.get(&instance) {
        let mut instance = Instance::clone(old);
        instance.block_devices.retain(|device| device.volume != volume);
        tx.put(instance);
    }
}

/// When a snapshot moves on by itself. One that the host is still to keep waits for the host.
pub(crate) fn snapshot_due(snapshot: &Snapshot) -> Option<Timestamp> {
    let is_awaited = matches!(snapshot.content, SnapshotContent::Capture(_));
    let made = (snapshot.state == SnapshotState::Pending && !is_awaited).then(|| soon(snapshot.started));
    let tiered = snapshot.tiering.as_ref().and_then(|tiering| match tiering.completed {
        None => Some(soon(tiering.started)),
        Some(_) => tiering.expires,
    });
    let restores = snapshot.fast_restores.values().filter_map(|restore| restore.disabling).map(soon);
    restores.chain(made).chain(tiered).min()
}

/// Brings a snapshot to where it is `now`.
pub(crate) fn advance_snapshot(tx: &mut Transaction, now: Timestamp, snapshot: &Snapshot) {
    let mut snapshot = snapshot.clone();
    let is_awaited = matches!(snapshot.content, SnapshotContent::Capture(_));
    if snapshot.state == SnapshotState::Pending && !is_awaited && soon(snapshot.started) <= now {
        (snapshot.state, snapshot.completed) = (SnapshotState::Completed, Some(now));
    }
    if let Some(tiering) = &mut snapshot.tiering {
        if tiering.completed.is_none() && soon(tiering.started) <= now {
            tiering.completed = Some(now);
            snapshot.is_archived = tiering.operation == TieringOperation::Archival;
            if snapshot.is_archived {
                tiering.archived = Some(now);
            }
        }
        // A temporary restore is over: only the archive has it again.
        if tiering.completed.is_some() && tiering.expires.is_some_and(|expires| expires <= now) {
            tiering.expires = None;
            snapshot.is_archived = true;
        }
    }
    snapshot.fast_restores.retain(|_, restore| restore.disabling.is_none_or(|at| now < soon(at)));
    tx.put(snapshot);
}

/// An instance has ended: its volumes go with it, or are free again, as their attachments say.
pub(crate) fn leave_volumes(tx: &mut Transaction, instance: InstanceId, devices: &[BlockDevice]) {
    for device in devices {
        let Some(old) = tx.volumes.get(&device.volume) else { continue };
        let mut volume = Volume::clone(old);
        let goes = volume.attachment_to(instance).is_some_and(|attachment| attachment.delete_on_termination);
        volume.attachments.retain(|attachment| attachment.instance != instance);
        if goes && volume.attachments.is_empty() {
            tx.delete(Key::Volume(volume.id));
        } else {
            tx.put(volume);
        }
    }
}

/// When an instance has disks from before volumes had records of their own: at once, they are to get them.
pub(crate) fn adoption_due(instance: &Instance) -> Option<Timestamp> {
    instance.block_devices.iter().any(|device| device.early.is_some()).then(Timestamp::default)
}

/// Makes records for the disks of an instance that have none.
pub(crate) fn adopt_disks(tx: &mut Transaction, instance: &Instance) {
    let mut instance = instance.clone();
    for device in &mut instance.block_devices {
        let Some(early) = device.early.take() else { continue };
        if tx.volumes.contains_key(&device.volume) {
            continue;
        }
        let is_root = device.device_name == instance.root_device;
        let volume_type = VolumeType::from_name(&early.volume_type).unwrap_or(VolumeType::DEFAULT);
        let image = tx.images.get(&instance.image).or_else(|| tx.state().shared.images.get(&instance.image)).cloned();
        let size_gib = match (early.size_gib, &image) {
            (0, Some(image)) => image.root_volume_gib(),
            (0, None) => 1,
            (size, _) => size,
        };
        tx.put(Volume {
            id: device.volume,
            zone: instance.zone.clone(),
            spec: VolumeSpec::new(size_gib, volume_type),
            snapshot: image.filter(|_| is_root).and_then(|image| image.root_snapshot()),
            life: VolumeLife::Ready,
            life_since: early.attach_time,
            created: early.attach_time,
            attachments: vec![VolumeAttachment {
                instance: instance.id,
                device: device.device_name.clone(),
                attach_time: early.attach_time,
                delete_on_termination: early.delete_on_termination,
                state: VolumeAttachmentState::Attached,
                since: early.attach_time,
            }],
            modifications: vec![],
            auto_enable_io: false,
            root_of: is_root.then_some(instance.id),
            layers: if is_root { instance.layers.clone() } else { vec![] },
        });
    }
    tx.put(instance);
}
