//! Snapshots of volumes.

mod describe;

use std::sync::Arc;

use types::SnapshotId;

pub(super) use describe::describe_snapshots;

use crate::error::ApiError;
use crate::kind::Resource;
use crate::resource::{Snapshot, SnapshotState};
use crate::view::View;

/// The account that the snapshots of images that come with Daemun belong to, by its alias.
const AMAZON: &str = "amazon";
/// The account behind that alias in public regions.
const AMAZON_ACCOUNT: &str = "137112412989";

/// Every snapshot that can be seen in the region, by id: its own, and those of images that have no record.
fn all(view: &View<'_>) -> Vec<Arc<Snapshot>> {
    let own = &view.tables().snapshots;
    let images = view.state().shared.images.values().chain(view.tables().images.values());
    let implied =
        images.filter_map(|image| Snapshot::of_image(image)).filter(|snapshot| !own.contains_key(&snapshot.id));
    let mut all: Vec<Arc<Snapshot>> = own.values().cloned().chain(implied.map(Arc::new)).collect();
    all.sort_by_key(|snapshot| snapshot.id);
    all.dedup_by_key(|snapshot| snapshot.id);
    all
}

/// The snapshot of this id that can be seen in the region.
///
/// # Errors
/// `InvalidSnapshotID.Malformed`, `InvalidSnapshot.NotFound`.
pub(super) fn find(view: &View<'_>, text: &str) -> Result<Arc<Snapshot>, ApiError> {
    let id: SnapshotId = text.parse().map_err(|_| Snapshot::KIND.malformed(text))?;
    if let Some(own) = view.tables().snapshots.get(&id) {
        return Ok(own.clone());
    }
    let mut images = view.state().shared.images.values().chain(view.tables().images.values());
    images
        .find(|image| image.root_snapshot() == Some(id))
        .and_then(|image| Snapshot::of_image(image).map(Arc::new))
        .ok_or_else(|| Snapshot::KIND.not_found(&[text]))
}

/// The snapshot of this id, if volumes can be made from it.
///
/// # Errors
/// As [`find`]; `IncorrectState` for one that is not complete or lies in the archive.
pub(super) fn usable(view: &View<'_>, text: &str) -> Result<Arc<Snapshot>, ApiError> {
    let found = find(view, text)?;
    let state = match found.state {
        SnapshotState::Completed if found.is_archived => "archived",
        SnapshotState::Completed => return Ok(found),
        other => other.name(),
    };
    Err(ApiError::new("IncorrectState", format!("Snapshot is in invalid state - {state}")))
}
