//! What the controllers report about images and the root file systems that they are made of.
//!
//! A snapshot whose content is a capture waits for the host to keep the root file system of its instance, and so do the
//! images that stand on it:
//!
//! ```text
//! CreateImage --> image pending,     the host     finish_capture --> snapshot completed, image available
//! CreateSnapshot  snapshot pending   keeps it     fail_capture ----> snapshot error, image failed
//! ```
//!
//! The root file system of an instance that ends is kept in the same way where its volume stays.

use types::{InstanceId, SnapshotId, Timestamp, VolumeId};

use crate::resource::*;
use crate::state::Tables;
use crate::transaction::Transaction;

/// A root file system that the host is to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// The snapshot that waits for it.
    pub snapshot: SnapshotId,
    /// Whose it is.
    pub instance: InstanceId,
    /// Whether the instance, if it runs, is shut down for that and started again.
    pub reboot: bool,
}

/// Every root file system that the host is to keep.
pub fn captures(tables: &Tables) -> impl Iterator<Item = Capture> + '_ {
    tables.snapshots.values().filter_map(|snapshot| {
        let SnapshotContent::Capture(instance) = snapshot.content else { return None };
        let wants_reboot = |image: &Image| {
            image.state == ImageState::Pending && image.reboots_source && image.root_snapshot() == Some(snapshot.id)
        };
        let capture = || Capture {
            snapshot: snapshot.id,
            instance,
            reboot: tables.images.values().any(|image| wants_reboot(image)),
        };
        (snapshot.state == SnapshotState::Pending).then(capture)
    })
}

/// The host has kept the root file system of the snapshot's instance: `layer` on top of the instance's own ones.
///
/// Expects a snapshot that waits for it, of an instance that is known.
pub fn finish_capture(tx: &mut Transaction, now: Timestamp, id: SnapshotId, layer: ImageLayer) -> bool {
    let Some((mut snapshot, instance)) = waiting(tx, id) else { return false };
    let Some(instance) = tx.instances.get(&instance) else { return false };
    let layers: Vec<ImageLayer> = instance.layers.iter().cloned().chain([layer]).collect();
    snapshot.content = SnapshotContent::Layers(layers.clone());
    snapshot.state = SnapshotState::Completed;
    snapshot.completed = Some(now);
    tx.put(snapshot);
    for image in waiting_images(tx, id) {
        tx.put(Image { layers: layers.clone(), state: ImageState::Available, ..image });
    }
    true
}

/// The root file system of the snapshot's instance could not be kept.
///
/// Expects a snapshot that waits for it.
pub fn fail_capture(tx: &mut Transaction, id: SnapshotId, reason: &StateReason) -> bool {
    let Some((mut snapshot, _)) = waiting(tx, id) else { return false };
    snapshot.content = SnapshotContent::Blank;
    snapshot.state = SnapshotState::Error;
    snapshot.state_message = Some(reason.message.clone());
    tx.put(snapshot);
    for image in waiting_images(tx, id) {
        tx.put(Image { state: ImageState::Failed, state_reason: Some(reason.clone()), ..image });
    }
    true
}

fn waiting(tx: &Transaction, id: SnapshotId) -> Option<(Snapshot, InstanceId)> {
    let snapshot = tx.snapshots.get(&id)?;
    match snapshot.content {
        SnapshotContent::Capture(instance) if snapshot.state == SnapshotState::Pending => {
            Some((Snapshot::clone(snapshot), instance))
        }
        _ => None,
    }
}

fn waiting_images(tx: &Transaction, snapshot: SnapshotId) -> Vec<Image> {
    let waits =
        |image: &&std::sync::Arc<Image>| image.state == ImageState::Pending && image.root_snapshot() == Some(snapshot);
    tx.images.values().filter(waits).map(|image| Image::clone(image)).collect()
}

/// The volume that holds the root file system of an instance and does not go with it.
pub fn root_that_stays(tables: &Tables, instance: InstanceId) -> Option<VolumeId> {
    let of_instance =
        tables.volumes.values().filter(|it| it.root_of == Some(instance) && it.life != VolumeLife::Deleting);
    let mut stay =
        of_instance.filter(|it| it.attachment_to(instance).is_none_or(|attachment| !attachment.delete_on_termination));
    stay.next().map(|volume| volume.id)
}

/// The host has kept the root file system of an instance that ends, `layer` on top of the instance's own ones: from now
/// on the volume holds it by itself.
///
/// Expects a volume that is the root of an instance that is known.
pub fn keep_root(tx: &mut Transaction, id: VolumeId, layer: ImageLayer) -> bool {
    let Some(volume) = tx.volumes.get(&id).cloned() else { return false };
    let Some(instance) = volume.root_of.and_then(|instance| tx.instances.get(&instance)) else { return false };
    let layers = instance.layers.iter().cloned().chain([layer]).collect();
    tx.put(Volume { layers, root_of: None, ..Volume::clone(&volume) });
    true
}

/// Whether something stands on this layer, or will: an image, a snapshot or an instance.
pub fn uses_layer(tables: &Tables, is_it: impl Fn(&ImageLayer) -> bool) -> bool {
    let instances = tables.instances.values().map(|instance| &instance.layers);
    let images = tables.images.values().map(|image| &image.layers);
    let volumes = tables.volumes.values().map(|volume| &volume.layers);
    instances.chain(images).chain(volumes).flatten().any(&is_it)
        || tables.snapshots.values().flat_map(|snapshot| snapshot.layers()).any(is_it)
}

/// When an image moves on by itself.
pub(crate) fn image_due(image: &Image) -> Option<Timestamp> {
    image.ready_at.filter(|_| image.state == ImageState::Pending)
}

/// Makes an image available whose time has come.
pub(crate) fn advance_image(tx: &mut Transaction, image: &Image) {
    tx.put(Image { state: ImageState::Available, ready_at: None, ..image.clone() });
}
