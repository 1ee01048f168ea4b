//! Fast restores: that volumes made from a snapshot in a zone are at full speed at once.
//!
//! Here every volume is, so that enabling them promises nothing false.

use ec2_shapes::{
    DescribeFastSnapshotRestoreSuccessItem, DescribeFastSnapshotRestoresRequest, DescribeFastSnapshotRestoresResult,
    DisableFastSnapshotRestoreErrorItem, DisableFastSnapshotRestoreStateError,
    DisableFastSnapshotRestoreStateErrorItem, DisableFastSnapshotRestoreSuccessItem,
    DisableFastSnapshotRestoresRequest, DisableFastSnapshotRestoresResult, EnableFastSnapshotRestoreErrorItem,
    EnableFastSnapshotRestoreStateError, EnableFastSnapshotRestoreStateErrorItem, EnableFastSnapshotRestoreSuccessItem,
    EnableFastSnapshotRestoresRequest, EnableFastSnapshotRestoresResult, FastSnapshotRestoreStateCode as Code,
};
use types::{AvailabilityZone, Region, SnapshotId, Timestamp};

use super::{check_usable, own};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{self, Filterable, Filters, Listing};
use crate::resource::{FastRestore, Snapshot, Tags};
use crate::settle::SETTLE_MS;
use crate::transaction::Transaction;
use crate::view::View;

/// The zones that a request names, by name or by id.
fn zones(region: &Region, names: &[String], ids: &[String]) -> Result<Vec<AvailabilityZone>, ApiError> {
    if names.is_empty() && ids.is_empty() {
        return Err(ApiError::missing("AvailabilityZone"));
    }
    let all: Vec<AvailabilityZone> = Region::ZONE_LETTERS.into_iter().map(|letter| region.zone(letter)).collect();
    let by = |text: &String, key: fn(&AvailabilityZone) -> String| {
        let found = all.iter().find(|zone| key(zone) == *text).cloned();
        found.ok_or_else(|| ApiError::new("InvalidZone.NotFound", format!("The zone '{text}' does not exist.")))
    };
    let named = names.iter().map(|name| by(name, ToString::to_string));
    named.chain(ids.iter().map(|id| by(id, AvailabilityZone::zone_id))).collect()
}

pub(in crate::actions) fn enable_fast_snapshot_restores(
    context: &Context,
    tx: &mut Transaction,
    request: EnableFastSnapshotRestoresRequest,
) -> Result<EnableFastSnapshotRestoresResult, ApiError> {
    let zones = zones(&context.region, &request.availability_zones, &request.availability_zone_ids)?;
    let mut answer = EnableFastSnapshotRestoresResult::default();
    for text in some(&request.source_snapshot_ids)? {
        match own(tx, text).and_then(|snapshot| check_usable(&snapshot).map(|()| snapshot)) {
            Ok(mut snapshot) => {
                for zone in &zones {
                    let restore = snapshot.fast_restores.entry(zone.clone());
                    let fresh = FastRestore { enabling: context.now, disabling: None };
                    let restore = restore.and_modify(|restore| restore.disabling = None).or_insert(fresh);
                    answer.successful.push(enabled(&Row::new(context, snapshot.id, zone, restore)));
                }
                tx.put(snapshot);
            }
            Err(error) => answer.unsuccessful.push(not_enabled(text, &zones, &error)),
        }
    }
    Ok(answer)
}

pub(in crate::actions) fn disable_fast_snapshot_restores(
    context: &Context,
    tx: &mut Transaction,
    request: DisableFastSnapshotRestoresRequest,
) -> Result<DisableFastSnapshotRestoresResult, ApiError> {
    let zones = zones(&context.region, &request.availability_zones, &request.availability_zone_ids)?;
    let mut answer = DisableFastSnapshotRestoresResult::default();
    for text in some(&request.source_snapshot_ids)? {
        match own(tx, text) {
            Ok(mut snapshot) => {
                let mut without = Vec::new();
                for zone in &zones {
                    let Some(restore) = snapshot.fast_restores.get_mut(zone) else {
                        without.push(zone.clone());
                        continue;
                    };
                    restore.disabling.get_or_insert(context.now);
                    let row = Row::new(context, snapshot.id, zone, restore);
                    answer.successful.push(disabled(&row));
                }
                if !without.is_empty() {
                    let message = "Fast snapshot restores are not enabled for the snapshot in this zone.";
                    let error = ApiError::new("InvalidFastSnapshotRestore.NotFound", message);
                    answer.unsuccessful.push(not_disabled(text, &without, &error));
                }
                tx.put(snapshot);
            }
            Err(error) => answer.unsuccessful.push(not_disabled(text, &zones, &error)),
        }
    }
    Ok(answer)
}

fn some(ids: &[String]) -> Result<&[String], ApiError> {
    if ids.is_empty() { Err(ApiError::missing("SourceSnapshotId")) } else { Ok(ids) }
}

/// A snapshot that is enabled in a zone, or was a moment ago.
struct Row {
    owner: String,
    snapshot: SnapshotId,
    zone: AvailabilityZone,
    restore: FastRestore,
    now: Timestamp,
}

impl Row {
    fn new(context: &Context, snapshot: SnapshotId, zone: &AvailabilityZone, restore: &FastRestore) -> Self {
        let owner = context.account().to_string();
        Self { owner, snapshot, zone: zone.clone(), restore: restore.clone(), now: context.now }
    }

    fn optimizing(&self) -> Timestamp {
        self.restore.enabling.plus_ms(SETTLE_MS)
    }

    fn enabled(&self) -> Timestamp {
        self.optimizing().plus_ms(SETTLE_MS)
    }

    fn code(&self) -> Code {
        match self.restore.disabling {
            Some(_) => Code::Disabling,
            None if self.now < self.optimizing() => Code::Enabling,
            None if self.now < self.enabled() => Code::Optimizing,
            None => Code::Enabled,
        }
    }

    fn reason(&self) -> &'static str {
        match self.code() {
            Code::Optimizing | Code::Enabled => "Client.UserInitiated - Lifecycle state transition",
            _ => "Client.UserInitiated",
        }
    }

    /// The moment, if it has come.
    fn reached(&self, at: Timestamp) -> Option<ec2_shapes::Timestamp> {
        (at <= self.now && self.restore.disabling.is_none_or(|end| at <= end)).then(|| show::moment(at))
    }

    fn to_shape(&self) -> DescribeFastSnapshotRestoreSuccessItem {
        DescribeFastSnapshotRestoreSuccessItem {
            availability_zone: Some(self.zone.to_string()),
            availability_zone_id: Some(self.zone.zone_id()),
            disabled_time: None,
            disabling_time: self.restore.disabling.map(show::moment),
            enabled_time: self.reached(self.enabled()),
            enabling_time: Some(show::moment(self.restore.enabling)),
            optimizing_time: self.reached(self.optimizing()),
            owner_alias: None,
            owner_id: Some(self.owner.clone()),
            snapshot_id: Some(self.snapshot.to_string()),
            state: Some(self.code()),
            state_transition_reason: Some(self.reason().to_owned()),
        }
    }
}

fn enabled(row: &Row) -> EnableFastSnapshotRestoreSuccessItem {
    let shown = row.to_shape();
    EnableFastSnapshotRestoreSuccessItem {
        availability_zone: shown.availability_zone,
        availability_zone_id: shown.availability_zone_id,
        disabled_time: shown.disabled_time,
        disabling_time: shown.disabling_time,
        enabled_time: shown.enabled_time,
        enabling_time: shown.enabling_time,
        optimizing_time: shown.optimizing_time,
        owner_alias: shown.owner_alias,
        owner_id: shown.owner_id,
        snapshot_id: shown.snapshot_id,
        state: shown.state,
        state_transition_reason: shown.state_transition_reason,
    }
}

fn disabled(row: &Row) -> DisableFastSnapshotRestoreSuccessItem {
    let shown = row.to_shape();
    DisableFastSnapshotRestoreSuccessItem {
        availability_zone: shown.availability_zone,
        availability_zone_id: shown.availability_zone_id,
        disabled_time: shown.disabled_time,
        disabling_time: shown.disabling_time,
        enabled_time: shown.enabled_time,
        enabling_time: shown.enabling_time,
        optimizing_time: shown.optimizing_time,
        owner_alias: shown.owner_alias,
        owner_id: shown.owner_id,
        snapshot_id: shown.snapshot_id,
        state: shown.state,
        state_transition_reason: shown.state_transition_reason,
    }
}

fn not_enabled(snapshot: &str, zones: &[AvailabilityZone], error: &ApiError) -> EnableFastSnapshotRestoreErrorItem {
    let item = |zone: &AvailabilityZone| EnableFastSnapshotRestoreStateErrorItem {
        availability_zone: Some(zone.to_string()),
        availability_zone_id: Some(zone.zone_id()),
        error: Some(EnableFastSnapshotRestoreStateError {
            code: Some(error.code.to_owned()),
            message: Some(error.message.clone()),
        }),
    };
    EnableFastSnapshotRestoreErrorItem {
        fast_snapshot_restore_state_errors: zones.iter().map(item).collect(),
        snapshot_id: Some(snapshot.to_owned()),
    }
}

fn not_disabled(snapshot: &str, zones: &[AvailabilityZone], error: &ApiError) -> DisableFastSnapshotRestoreErrorItem {
    let item = |zone: &AvailabilityZone| DisableFastSnapshotRestoreStateErrorItem {
        availability_zone: Some(zone.to_string()),
        availability_zone_id: Some(zone.zone_id()),
        error: Some(DisableFastSnapshotRestoreStateError {
            code: Some(error.code.to_owned()),
            message: Some(error.message.clone()),
        }),
    };
    DisableFastSnapshotRestoreErrorItem {
        fast_snapshot_restore_state_errors: zones.iter().map(item).collect(),
        snapshot_id: Some(snapshot.to_owned()),
    }
}

pub(in crate::actions) fn describe_fast_snapshot_restores(
    context: &Context,
    view: &View<'_>,
    request: DescribeFastSnapshotRestoresRequest,
) -> Result<DescribeFastSnapshotRestoresResult, ApiError> {
    let filters = Filters::new::<Row>(&request.filters)?;
    let of = |snapshot: &Snapshot| {
        let restores = snapshot.fast_restores.iter();
        restores.map(|(zone, restore)| Row::new(context, snapshot.id, zone, restore)).collect::<Vec<_>>()
    };
    let rows = view.snapshots.values().flat_map(|snapshot| of(snapshot));
    let rows = rows.map(|row| (format!("{}/{}", row.snapshot, row.zone), row));
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = query::rows(rows, &filters, asked.limits(1, 200))?;
    let fast_snapshot_restores = rows.iter().map(Row::to_shape).collect();
    Ok(DescribeFastSnapshotRestoresResult { fast_snapshot_restores, next_token })
}

impl Filterable for Row {
    const NAMES: &'static [&'static str] =
        &["availability-zone", "availability-zone-id", "owner-id", "snapshot-id", "state"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "availability-zone" => found(&self.zone.to_string()),
            "availability-zone-id" => found(&self.zone.zone_id()),
            "owner-id" => found(&self.owner),
            "snapshot-id" => found(&self.snapshot.to_string()),
            "state" => found(self.code().as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
