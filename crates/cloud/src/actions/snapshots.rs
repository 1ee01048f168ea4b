//! Snapshots of volumes.

mod create;
mod describe;
mod fast_restores;
mod permissions;
#[cfg(test)]
mod tests;
mod tiers;

use std::sync::Arc;

use types::SnapshotId;

pub(super) use create::{copy_snapshot, create_snapshot, create_snapshots, delete_snapshot};
pub(super) use describe::{describe_locked_snapshots, describe_snapshots, list_snapshots_in_recycle_bin};
pub(super) use fast_restores::{
    describe_fast_snapshot_restores, disable_fast_snapshot_restores, enable_fast_snapshot_restores,
};
pub(super) use permissions::{
    describe_snapshot_attribute, disable_snapshot_block_public_access, enable_snapshot_block_public_access,
    get_snapshot_block_public_access_state, modify_snapshot_attribute, reset_snapshot_attribute,
};
pub(super) use tiers::{describe_snapshot_tier_status, modify_snapshot_tier, restore_snapshot_tier};

use crate::error::ApiError;
use crate::kind::Resource;
use crate::resource::{Snapshot, SnapshotState};
use crate::state::{State, Tables};
use crate::transaction::Transaction;
use crate::view::View;

/// The account that the snapshots of images that come with Daemun belong to, by its alias.
const AMAZON: &str = "amazon";
/// The account behind that alias in public regions.
const AMAZON_ACCOUNT: &str = "137112412989";

/// Every snapshot that can be seen in a region, by id: its own, and those of images that have no record.
fn all(state: &State, tables: &Tables) -> Vec<Arc<Snapshot>> {
    let own = &tables.snapshots;
    let images = state.shared.images.values().chain(tables.images.values());
    let implied =
        images.filter_map(|image| Snapshot::of_image(image)).filter(|snapshot| !own.contains_key(&snapshot.id));
    let mut all: Vec<Arc<Snapshot>> = own.values().cloned().chain(implied.map(Arc::new)).collect();
    all.sort_by_key(|snapshot| snapshot.id);
    all.dedup_by_key(|snapshot| snapshot.id);
    all
}

/// The snapshot of this id that can be seen in a region.
///
/// # Errors
/// `InvalidSnapshotID.Malformed`, `InvalidSnapshot.NotFound`.
fn find_in(state: &State, tables: &Tables, text: &str) -> Result<Arc<Snapshot>, ApiError> {
    let id: SnapshotId = text.parse().map_err(|_| Snapshot::KIND.malformed(text))?;
    if let Some(own) = tables.snapshots.get(&id) {
        return Ok(own.clone());
    }
    let mut images = state.shared.images.values().chain(tables.images.values());
    images
        .find(|image| image.root_snapshot() == Some(id))
        .and_then(|image| Snapshot::of_image(image).map(Arc::new))
        .ok_or_else(|| Snapshot::KIND.not_found(&[text]))
}

/// The same in the region of a view.
pub(super) fn find(view: &View<'_>, text: &str) -> Result<Arc<Snapshot>, ApiError> {
    find_in(view.state(), view.tables(), text)
}

/// The snapshot of this id, which the account owns, to be changed.
///
/// # Errors
/// As [`find`]; `AuthFailure` for one of another owner.
fn own(tx: &Transaction, text: &str) -> Result<Snapshot, ApiError> {
    let found = find(&tx.view(), text)?;
    if found.is_builtin {
        return Err(ApiError::new("AuthFailure", format!("Not authorized for snapshot: {}", found.id)));
    }
    Ok(Snapshot::clone(&found))
}

/// The snapshot of this id, if volumes can be made from it.
///
/// # Errors
/// As [`find`]; `IncorrectState` for one that is not complete or lies in the archive.
pub(super) fn usable(view: &View<'_>, text: &str) -> Result<Arc<Snapshot>, ApiError> {
    let found = find(view, text)?;
    check_usable(&found)?;
    Ok(found)
}

fn check_usable(snapshot: &Snapshot) -> Result<(), ApiError> {
    let state = match snapshot.state {
        SnapshotState::Completed if snapshot.is_archived => "archived",
        SnapshotState::Completed => return Ok(()),
        other => other.name(),
    };
    Err(ApiError::new("IncorrectState", format!("Snapshot is in invalid state - {state}")))
}

fn unavailable(what: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("{what} is not available."))
}
