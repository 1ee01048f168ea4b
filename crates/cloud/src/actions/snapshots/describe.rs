//! DescribeSnapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2_shapes::{
    DescribeLockedSnapshotsRequest, DescribeLockedSnapshotsResult, DescribeSnapshotsRequest, DescribeSnapshotsResult,
    ListSnapshotsInRecycleBinRequest, ListSnapshotsInRecycleBinResult, StorageTier, TransferType,
};
use types::SnapshotId;

use super::permissions::hides_public;
use super::{AMAZON, AMAZON_ACCOUNT, all, find};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{self, Filterable, Filters, Listing, PageLimits};
use crate::resource::{Snapshot, SnapshotState, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_snapshots(
    context: &Context,
    view: &View<'_>,
    request: DescribeSnapshotsRequest,
) -> Result<DescribeSnapshotsResult, ApiError> {
    let filters = Filters::new::<SnapshotRow<'_>>(&request.filters)?;
    let (owners, users) = (&request.owner_ids, &request.restorable_by_user_ids);
    let snapshots = select(view, &request.snapshot_ids)?;
    let rows = snapshots
        .into_iter()
        .map(|snapshot| SnapshotRow { context, tables: view.tables(), snapshot })
        .filter(|row| owners.is_empty() || owners.iter().any(|owner| row.is_owned_by(owner)))
        .filter(|row| users.is_empty() || users.iter().any(|user| row.is_restorable_by(user)))
        .map(|row| (row.snapshot.id.to_string(), row));
    let asked =
        Listing::paged(&request.snapshot_ids, &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = query::rows(rows, &filters, Listing { ids_name: Some("snapshotSet"), ..asked })?;
    Ok(DescribeSnapshotsResult { next_token, snapshots: rows.iter().map(SnapshotRow::to_shape).collect() })
}

/// No snapshot is locked, since none can be.
pub(in crate::actions) fn describe_locked_snapshots(
    _: &Context,
    view: &View<'_>,
    request: DescribeLockedSnapshotsRequest,
) -> Result<DescribeLockedSnapshotsResult, ApiError> {
    let filters = Filters::new::<Locked>(&request.filters)?;
    select(view, &request.snapshot_ids)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    query::rows(std::iter::empty::<(String, Locked)>(), &filters, asked)?;
    Ok(DescribeLockedSnapshotsResult::default())
}

/// A snapshot that is locked; there is none.
enum Locked {}

impl Filterable for Locked {
    const NAMES: &'static [&'static str] = &["lock-state"];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {
        match *self {}
    }

    fn tags(&self) -> Option<&Tags> {
        match *self {}
    }
}

/// No snapshot is in the recycle bin, since no rule that keeps them can be made.
pub(in crate::actions) fn list_snapshots_in_recycle_bin(
    _: &Context,
    _: &View<'_>,
    request: ListSnapshotsInRecycleBinRequest,
) -> Result<ListSnapshotsInRecycleBinResult, ApiError> {
    if !request.snapshot_ids.is_empty() {
        return Err(Snapshot::KIND.not_found(&request.snapshot_ids));
    }
    let token = request.next_token.as_deref();
    query::page(std::iter::empty::<String>(), Clone::clone, PageLimits::USUAL, request.max_results, token, None)?;
    Ok(ListSnapshotsInRecycleBinResult::default())
}

/// The snapshots with these ids, by id; all where none is named.
fn select(view: &View<'_>, ids: &[String]) -> Result<Vec<Arc<Snapshot>>, ApiError> {
    if ids.is_empty() {
        return Ok(all(view.state(), view.tables()));
    }
    let wanted = ids
        .iter()
        .map(|text| text.parse::<SnapshotId>().map_err(|_| Snapshot::KIND.malformed(text)))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let texts: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let missing: Vec<&String> = texts.iter().filter(|text| find(view, text).is_err()).collect();
    if !missing.is_empty() {
        return Err(Snapshot::KIND.not_found(&missing));
    }
    texts.iter().map(|text| find(view, text)).collect()
}

/// A snapshot with what answers and filters say about it.
pub(super) struct SnapshotRow<'a> {
    pub(super) context: &'a Context,
    pub(super) tables: &'a Tables,
    pub(super) snapshot: Arc<Snapshot>,
}

impl SnapshotRow<'_> {
    pub(super) fn owner_id(&self) -> &str {
        if self.snapshot.is_builtin { AMAZON_ACCOUNT } else { self.context.account().as_str() }
    }

    /// Whether `OwnerIds` with this value finds it: `self`, an alias or an account.
    fn is_owned_by(&self, owner: &str) -> bool {
        match owner {
            "self" => !self.snapshot.is_builtin,
            AMAZON => self.snapshot.is_builtin,
            account => account == self.owner_id(),
        }
    }

    /// Whether `RestorableByUserIds` with this value finds it: `all` for public ones; `self` and accounts for those
    /// they own or were given.
    fn is_restorable_by(&self, user: &str) -> bool {
        if user == "all" {
            return self.snapshot.is_public && (self.snapshot.is_builtin || !hides_public(self.tables));
        }
        let account = if user == "self" { self.context.account().as_str() } else { user };
        account == self.owner_id() || self.snapshot.shared_with.iter().any(|other| other.as_str() == account)
    }

    /// How far it is, as a percentage.
    pub(super) fn progress(&self) -> &'static str {
        if self.snapshot.state == SnapshotState::Completed { "100%" } else { "0%" }
    }

    fn tier(&self) -> StorageTier {
        if self.snapshot.is_archived { StorageTier::Archive } else { StorageTier::Standard }
    }

    /// How a copy was made.
    fn transfer_type(&self) -> Option<TransferType> {
        let of_copy = |minutes: Option<u32>| minutes.map_or(TransferType::Standard, |_| TransferType::TimeBased);
        self.snapshot.is_copy.then(|| of_copy(self.snapshot.completion_minutes))
    }

    pub(super) fn to_shape(&self) -> ec2_shapes::Snapshot {
        let snapshot = &self.snapshot;
        let restored_until = snapshot.tiering.as_ref().and_then(|tiering| tiering.expires);
        ec2_shapes::Snapshot {
            completion_duration_minutes: snapshot.completion_minutes.and_then(|minutes| i32::try_from(minutes).ok()),
            completion_time: snapshot.completed.map(show::moment),
            description: Some(snapshot.description.clone()),
            encrypted: Some(false),
            owner_alias: snapshot.is_builtin.then(|| AMAZON.to_owned()),
            owner_id: Some(self.owner_id().to_owned()),
            progress: Some(self.progress().to_owned()),
            restore_expiry_time: restored_until.map(show::moment),
            snapshot_id: Some(snapshot.id.to_string()),
            start_time: Some(show::moment(snapshot.started)),
            state: ec2_shapes::SnapshotState::from_wire(snapshot.state.name()),
            state_message: snapshot.state_message.clone(),
            storage_tier: Some(self.tier()),
            tags: tagging::to_shape(self.tables.tags_of(&snapshot.id.to_string())),
            transfer_type: self.transfer_type(),
            volume_id: Some(snapshot.volume.to_string()),
            volume_size: i32::try_from(snapshot.size_gib).ok(),
            ..ec2_shapes::Snapshot::default()
        }
    }
}

impl Filterable for SnapshotRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "description",
        "encrypted",
        "owner-alias",
        "owner-id",
        "progress",
        "snapshot-id",
        "start-time",
        "status",
        "storage-tier",
        "transfer-type",
        "volume-id",
        "volume-size",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let snapshot = &self.snapshot;
        match name {
            "description" => found(&snapshot.description),
            "encrypted" => found("false"),
            "owner-alias" if snapshot.is_builtin => found(AMAZON),
            "owner-id" => found(self.owner_id()),
            "progress" => found(self.progress()),
            "snapshot-id" => found(&snapshot.id.to_string()),
            "start-time" => found(&snapshot.started.to_string()),
            "status" => found(snapshot.state.name()),
            "storage-tier" => found(self.tier().as_str()),
            "transfer-type" => self.transfer_type().iter().for_each(|transfer| found(transfer.as_str())),
            "volume-id" => found(&snapshot.volume.to_string()),
            "volume-size" => found(&snapshot.size_gib.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.snapshot.id.to_string()))
    }
}
