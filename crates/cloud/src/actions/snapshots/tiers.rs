//! The archive that snapshots can be moved into, and out of.

use ec2_shapes::{
    DescribeSnapshotTierStatusRequest, DescribeSnapshotTierStatusResult, ModifySnapshotTierRequest,
    ModifySnapshotTierResult, RestoreSnapshotTierRequest, RestoreSnapshotTierResult, SnapshotTierStatus, StorageTier,
    TieringOperationStatus as Status,
};

use super::{all, own};
use crate::actions::show;
use crate::context::Context;
use crate::dependencies::first_dependent;
use crate::error::ApiError;
use crate::query::{self, Filterable, Filters, Listing};
use crate::resource::{Snapshot, SnapshotState, Tags, Tiering, TieringOperation};
use crate::state::{Key, Tables};
use crate::tagging;
use crate::transaction::Transaction;
use crate::view::View;

/// For how many days a snapshot can be restored at most, unless for good.
const MAX_RESTORE_DAYS: i32 = 180;
const DAY_MS: i64 = 86_400_000;

pub(in crate::actions) fn modify_snapshot_tier(
    context: &Context,
    tx: &mut Transaction,
    request: ModifySnapshotTierRequest,
) -> Result<ModifySnapshotTierResult, ApiError> {
    let snapshot = own(tx, &request.snapshot_id)?;
    check_settled(&snapshot)?;
    if snapshot.is_archived {
        let message = format!("The snapshot {} is already in the archive tier.", snapshot.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    if let Some(Key::Image(image)) = first_dependent(tx, &Key::Snapshot(snapshot.id)) {
        let message = format!("The snapshot {} is currently in use by {image}", snapshot.id);
        return Err(ApiError::new("InvalidSnapshot.InUse", message));
    }
    let (id, now) = (snapshot.id, context.now);
    let archived = snapshot.tiering.as_ref().and_then(|tiering| tiering.archived);
    begin(tx, snapshot, Tiering { archived, ..tiering(TieringOperation::Archival, context) });
    Ok(ModifySnapshotTierResult { snapshot_id: Some(id.to_string()), tiering_start_time: Some(show::moment(now)) })
}

/// Restores a snapshot from the archive; one that is restored for some days already gets another time, or stays.
pub(in crate::actions) fn restore_snapshot_tier(
    context: &Context,
    tx: &mut Transaction,
    request: RestoreSnapshotTierRequest,
) -> Result<RestoreSnapshotTierResult, ApiError> {
    let snapshot = own(tx, &request.snapshot_id)?;
    let is_permanent = request.permanent_restore == Some(true);
    let days = match (is_permanent, request.temporary_restore_days) {
        (true, Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter permanentRestore cannot be used with the parameter temporaryRestoreDays",
            ));
        }
        (true, None) => None,
        (false, None) => return Err(ApiError::missing("TemporaryRestoreDays or PermanentRestore")),
        (false, Some(days)) if !(1..=MAX_RESTORE_DAYS).contains(&days) => {
            return Err(ApiError::invalid_value(format!(
                "Value ({days}) for parameter temporaryRestoreDays is invalid. It must be from 1 to {MAX_RESTORE_DAYS}."
            )));
        }
        (false, Some(days)) => Some(days),
    };
    check_settled(&snapshot)?;
    let is_restored_for_now = snapshot.tiering.as_ref().is_some_and(|tiering| tiering.expires.is_some());
    if !snapshot.is_archived && !is_restored_for_now {
        let message = format!("The snapshot {} is not in the archive tier.", snapshot.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    let operation = if is_permanent { TieringOperation::PermanentRestore } else { TieringOperation::TemporaryRestore };
    let archived = snapshot.tiering.as_ref().and_then(|tiering| tiering.archived);
    let expires = days.map(|days| context.now.plus_ms(i64::from(days) * DAY_MS));
    let id = snapshot.id;
    begin(tx, snapshot, Tiering { archived, expires, ..tiering(operation, context) });
    Ok(RestoreSnapshotTierResult {
        is_permanent_restore: Some(is_permanent),
        restore_duration: days,
        restore_start_time: Some(show::moment(context.now)),
        snapshot_id: Some(id.to_string()),
    })
}

/// Checks that the snapshot is complete and not on its way between tiers.
fn check_settled(snapshot: &Snapshot) -> Result<(), ApiError> {
    if snapshot.state != SnapshotState::Completed {
        let message = format!("Snapshot is in invalid state - {}", snapshot.state.name());
        return Err(ApiError::new("IncorrectState", message));
    }
    if snapshot.tiering.as_ref().is_some_and(|tiering| tiering.completed.is_none()) {
        let message = format!("The snapshot {} is being moved between tiers.", snapshot.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    Ok(())
}

fn tiering(operation: TieringOperation, context: &Context) -> Tiering {
    Tiering { operation, started: context.now, completed: None, archived: None, expires: None }
}

fn begin(tx: &mut Transaction, snapshot: Snapshot, tiering: Tiering) {
    tx.put(Snapshot { tiering: Some(tiering), ..snapshot });
}

pub(in crate::actions) fn describe_snapshot_tier_status(
    context: &Context,
    view: &View<'_>,
    request: DescribeSnapshotTierStatusRequest,
) -> Result<DescribeSnapshotTierStatusResult, ApiError> {
    let filters = Filters::new::<TierRow<'_>>(&request.filters)?;
    let tables = view.tables();
    let rows = all(view.state(), tables)
        .into_iter()
        .filter(|snapshot| !snapshot.is_builtin)
        .map(|snapshot| (snapshot.id.to_string(), TierRow { context, tables, snapshot }));
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = query::rows(rows, &filters, asked)?;
    let snapshot_tier_statuses = rows.iter().map(TierRow::to_shape).collect();
    Ok(DescribeSnapshotTierStatusResult { next_token, snapshot_tier_statuses })
}

/// A snapshot with where it is and how it got there.
struct TierRow<'a> {
    context: &'a Context,
    tables: &'a Tables,
    snapshot: std::sync::Arc<Snapshot>,
}

impl TierRow<'_> {
    /// How its last move is going.
    fn status(&self) -> Option<Status> {
        let tiering = self.snapshot.tiering.as_ref()?;
        Some(match (tiering.operation, tiering.completed.is_some()) {
            (TieringOperation::Archival, false) => Status::ArchivalInProgress,
            (TieringOperation::Archival, true) => Status::ArchivalCompleted,
            (TieringOperation::PermanentRestore, false) => Status::PermanentRestoreInProgress,
            (TieringOperation::PermanentRestore, true) => Status::PermanentRestoreCompleted,
            (TieringOperation::TemporaryRestore, false) => Status::TemporaryRestoreInProgress,
            (TieringOperation::TemporaryRestore, true) => Status::TemporaryRestoreCompleted,
        })
    }

    fn to_shape(&self) -> SnapshotTierStatus {
        let snapshot = &self.snapshot;
        let tiering = snapshot.tiering.as_ref();
        let tier = if snapshot.is_archived { StorageTier::Archive } else { StorageTier::Standard };
        SnapshotTierStatus {
            archival_complete_time: tiering.and_then(|tiering| tiering.archived).map(show::moment),
            last_tiering_operation_status: self.status(),
            last_tiering_progress: tiering.map(|tiering| if tiering.completed.is_some() { 100 } else { 0 }),
            last_tiering_start_time: tiering.map(|tiering| show::moment(tiering.started)),
            owner_id: Some(self.context.account().to_string()),
            restore_expiry_time: tiering.and_then(|tiering| tiering.expires).map(show::moment),
            snapshot_id: Some(snapshot.id.to_string()),
            status: ec2_shapes::SnapshotState::from_wire(snapshot.state.name()),
            storage_tier: Some(tier),
            tags: tagging::to_shape(self.tables.tags_of(&snapshot.id.to_string())),
            volume_id: Some(snapshot.volume.to_string()),
            ..SnapshotTierStatus::default()
        }
    }
}

impl Filterable for TierRow<'_> {
    const NAMES: &'static [&'static str] = &["last-tiering-operation", "snapshot-id", "volume-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "last-tiering-operation" => self.status().iter().for_each(|status| found(status.as_str())),
            "snapshot-id" => found(&self.snapshot.id.to_string()),
            "volume-id" => found(&self.snapshot.volume.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.snapshot.id.to_string()))
    }
}
