//! DeregisterImage.

use ec2_shapes::{DeleteSnapshotReturnCode, DeregisterImageRequest, DeregisterImageResult, SnapshotReturnCodes};
use types::SnapshotId;

use super::{care, get_own};
use crate::context::Context;
use crate::dependencies;
use crate::error::ApiError;
use crate::state::Key;
use crate::transaction::Transaction;

/// Takes an image away, and the snapshots of its volumes where that is asked for and no other image stands on them.
/// Instances that were launched from it stay.
pub(in crate::actions) fn deregister_image(
    context: &Context,
    tx: &mut Transaction,
    request: DeregisterImageRequest,
) -> Result<DeregisterImageResult, ApiError> {
    let image = get_own(&tx.view(), &request.image_id)?.clone();
    care::check_unprotected(&image, context.now)?;
    tx.delete(Key::Image(image.id));
    let snapshots = image.snapshots().filter(|_| request.delete_associated_snapshots == Some(true));
    let delete_snapshot_results = snapshots.map(|id| delete_snapshot(tx, id)).collect();
    Ok(DeregisterImageResult { delete_snapshot_results, r#return: Some(true) })
}

fn delete_snapshot(tx: &mut Transaction, id: SnapshotId) -> DeleteSnapshotReturnCode {
    let key = Key::Snapshot(id);
    let return_code = if !tx.snapshots.contains_key(&id) {
        // It belongs to an image that comes with Daemun, or is gone.
        SnapshotReturnCodes::ClientError
    } else if dependencies::first_dependent(tx, &key).is_some() {
        SnapshotReturnCodes::Skipped
    } else {
        tx.delete(key);
        SnapshotReturnCodes::Success
    };
    DeleteSnapshotReturnCode { return_code: Some(return_code), snapshot_id: Some(id.to_string()) }
}
