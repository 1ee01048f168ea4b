//! Dedicated Hosts: shares of this machine that take only the account's instances.
//!
//! How much a host takes follows the EC2 User Guide: as many virtual processors as the largest type of its family has.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2_shapes::{
    AllocateHostsRequest, AllocateHostsResult, AllocationState, AllowsMultipleInstanceTypes, AutoPlacement,
    AvailableCapacity, DescribeHostsRequest, DescribeHostsResult, HostInstance, HostMaintenance, HostProperties,
    HostRecovery, InstanceCapacity, ModifyHostsRequest, ModifyHostsResult, ReleaseHostsRequest, ReleaseHostsResult,
    UnsuccessfulItem, UnsuccessfulItemError,
};
use types::{AvailabilityZone, HostId, InstanceId, InstanceState, Timestamp};

use super::{places, show};
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{Host, Instance, InstancePlacement, InstanceTenancy, Tags};
use crate::settle::DELETED_VISIBLE_MS;
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

#[cfg(test)]
mod tests;

/// EC2's name of the type of resource.
const RESOURCE_TYPE: &str = "dedicated-host";
/// How many hosts a region may have.
const MAX_HOSTS: usize = 100;

pub(super) fn allocate_hosts(
    context: &Context,
    tx: &mut Transaction,
    request: AllocateHostsRequest,
) -> Result<AllocateHostsResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    for (is_asked, name) in [
        (request.outpost_arn.is_some(), "OutpostArn"),
        (!request.asset_ids.is_empty(), "AssetIds"),
        (request.cpu_options.is_some(), "CpuOptions"),
    ] {
        if is_asked {
            let message = format!("The parameter {name} asks for something that is not available.");
            return Err(ApiError::new("UnsupportedOperation", message));
        }
    }
    let token = request.client_token.as_deref().filter(|token| !token.is_empty());
    let made = idempotency::once(context, tx, "AllocateHosts", token, &request, |tx| {
        let (family, instance_type) = taken(request.instance_family.as_deref(), request.instance_type.as_deref())?
            .ok_or_else(|| ApiError::missing("InstanceType"))?;
        let (zone, zone_id) = (request.availability_zone.as_deref(), request.availability_zone_id.as_deref());
        let zone = places::named_zone(&context.region, zone, zone_id)?;
        let ids = (0..quantity(tx, request.quantity)?).map(|_| HostId::from_number(context.id_number()));
        let ids: Vec<HostId> = ids.collect();
        for id in &ids {
            tags.put(tx, RESOURCE_TYPE, *id);
            tx.put(Host {
                id: *id,
                zone: zone.clone(),
                family: family.clone(),
                instance_type: instance_type.clone(),
                auto_placement: request.auto_placement == Some(AutoPlacement::On),
                recovery: request.host_recovery == Some(HostRecovery::On),
                maintenance: request.host_maintenance == Some(HostMaintenance::On),
                client_token: token.map(str::to_owned),
                allocated: context.now,
                released: None,
            });
        }
        Ok(ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    })?;
    Ok(AllocateHostsResult { host_ids: made.split(',').map(str::to_owned).collect() })
}

/// How many hosts a request may and does ask for.
fn quantity(tables: &Tables, wanted: Option<i32>) -> Result<usize, ApiError> {
    let wanted = wanted.ok_or_else(|| ApiError::missing("Quantity"))?;
    let count = usize::try_from(wanted).ok().filter(|count| *count > 0).ok_or_else(|| {
        ApiError::invalid_value(format!("Value ({wanted}) for parameter quantity is invalid. It must be at least 1."))
    })?;
    let present = tables.hosts.values().filter(|host| host.released.is_none()).count();
    if present.saturating_add(count) > MAX_HOSTS {
        let message = format!("You have requested more Dedicated Hosts than your limit of {MAX_HOSTS} allows.");
        return Err(ApiError::new("HostLimitExceeded", message));
    }
    Ok(count)
}

/// A family, and its only type where there is but one.
type Taken = (Arc<str>, Option<Arc<str>>);

/// Which instances a request wants a host for.
fn taken(family: Option<&str>, instance_type: Option<&str>) -> Result<Option<Taken>, ApiError> {
    match (family.filter(|text| !text.is_empty()), instance_type.filter(|text| !text.is_empty())) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid_combination("The parameters InstanceFamily and InstanceType cannot be used together"))
        }
        (Some(family), None) => match types_of(family).next() {
            Some(_) => Ok(Some((family.into(), None))),
            None => Err(ApiError::invalid_value(format!("Invalid value '{family}' for InstanceFamily."))),
        },
        (None, Some(name)) => match InstanceType::find(name).filter(|kind| kind.runs_on_dedicated_hosts()) {
            Some(kind) => Ok(Some((kind.family().into(), Some(name.into())))),
            None => Err(ApiError::invalid_value(format!("Invalid value '{name}' for InstanceType."))),
        },
    }
}

/// The types of a family that run on Dedicated Hosts.
fn types_of(family: &str) -> impl Iterator<Item = &'static InstanceType> {
    InstanceType::all().filter(move |kind| kind.family() == family && kind.runs_on_dedicated_hosts())
}

pub(super) fn modify_hosts(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyHostsRequest,
) -> Result<ModifyHostsResult, ApiError> {
    let wanted = taken(request.instance_family.as_deref(), request.instance_type.as_deref())?;
    let said = wanted.is_some()
        || request.auto_placement.is_some()
        || request.host_recovery.is_some()
        || request.host_maintenance.is_some();
    if !said {
        return Err(ApiError::missing("AutoPlacement"));
    }
    let (successful, unsuccessful) = each(&request.host_ids, |id| {
        let mut host = present(tx, id)?;
        if let Some((family, only)) = &wanted {
            check_fits(tx, &host, family, only.as_deref())?;
            host.instance_type.clone_from(only);
        }
        host.auto_placement = request.auto_placement.map_or(host.auto_placement, |to| to == AutoPlacement::On);
        host.recovery = request.host_recovery.map_or(host.recovery, |to| to == HostRecovery::On);
        host.maintenance = request.host_maintenance.map_or(host.maintenance, |to| to == HostMaintenance::On);
        tx.put(host);
        Ok(())
    })?;
    Ok(ModifyHostsResult { successful, unsuccessful })
}

/// Checks that a host could take these instances instead of those it takes.
fn check_fits(tables: &Tables, host: &Host, family: &str, only: Option<&str>) -> Result<(), ApiError> {
    if *host.family != *family {
        let message = format!("Dedicated Host '{}' supports only instances of the family '{}'.", host.id, host.family);
        return Err(ApiError::new("Client.InvalidParameterValue", message));
    }
    let others = |only: &str| occupants(tables, host.id).any(|instance| *instance.instance_type != *only);
    if only.is_some_and(others) {
        let message = format!("Dedicated Host '{}' is occupied by instances of another type.", host.id);
        return Err(ApiError::new("Client.InvalidHost.Occupied", message));
    }
    Ok(())
}

pub(super) fn release_hosts(
    context: &Context,
    tx: &mut Transaction,
    request: ReleaseHostsRequest,
) -> Result<ReleaseHostsResult, ApiError> {
    let (successful, unsuccessful) = each(&request.host_ids, |id| {
        let host = present(tx, id)?;
        if occupants(tx, host.id).next().is_some() {
            let message = format!("Dedicated host '{id}' cannot be released as it is occupied by instances");
            return Err(ApiError::new("Client.InvalidHost.Occupied", message));
        }
        tx.put(Host { released: Some(context.now), ..host });
        Ok(())
    })?;
    Ok(ReleaseHostsResult { successful, unsuccessful })
}

/// Does something to each host of a request: those it worked for, and what went wrong with the others.
fn each(
    ids: &[String],
    mut change: impl FnMut(&str) -> Result<(), ApiError>,
) -> Result<(Vec<String>, Vec<UnsuccessfulItem>), ApiError> {
    if ids.is_empty() {
        return Err(ApiError::missing("HostId"));
    }
    let (mut successful, mut unsuccessful) = (Vec::new(), Vec::new());
    for id in ids {
        match change(id) {
            Ok(()) => successful.push(id.clone()),
            Err(ApiError { code, message, .. }) => unsuccessful.push(UnsuccessfulItem {
                error: Some(UnsuccessfulItemError { code: Some(code.to_owned()), message: Some(message) }),
                resource_id: Some(id.clone()),
            }),
        }
    }
    Ok((successful, unsuccessful))
}

/// The host of this id, to be changed, unless it was released.
fn present(tables: &Tables, id: &str) -> Result<Host, ApiError> {
    match named(tables, id) {
        Ok(host) => Ok(Host::clone(host)),
        Err(error) => Err(ApiError::new("Client.InvalidHostID.NotFound", error.message)),
    }
}

/// The host of this id, unless it was released.
///
/// # Errors
/// `InvalidHostID.Malformed` and `InvalidHostID.NotFound`.
pub(super) fn named<'a>(tables: &'a Tables, id: &str) -> Result<&'a Arc<Host>, ApiError> {
    let host = get::<Host>(tables, id)?;
    if host.released.is_some() { Err(Host::KIND.not_found(&[id])) } else { Ok(host) }
}

/// The instances that take room of a host.
fn occupants(tables: &Tables, host: HostId) -> impl Iterator<Item = &Arc<Instance>> {
    tables.instances.values().filter(move |instance| {
        instance.options.placement.host == Some(host)
            && !matches!(instance.state, InstanceState::Stopped | InstanceState::Terminated)
    })
}

impl Host {
    /// The virtual processors it has.
    fn vcpus(&self) -> u32 {
        types_of(&self.family).map(InstanceType::vcpus).max().unwrap_or(0)
    }

    /// Those of them that instances have, but for one.
    fn used(&self, tables: &Tables, but: Option<InstanceId>) -> u32 {
        let others = occupants(tables, self.id).filter(|instance| Some(instance.id) != but);
        others.filter_map(|instance| InstanceType::find(&instance.instance_type)).map(InstanceType::vcpus).sum()
    }

    /// How many more instances of the type it takes.
    fn room(&self, tables: &Tables, kind: &InstanceType, but: Option<InstanceId>) -> u32 {
        let takes = match &self.instance_type {
            Some(only) => **only == *kind.name(),
            None => *self.family == *kind.family(),
        };
        if takes { self.vcpus().saturating_sub(self.used(tables, but)) / kind.vcpus().max(1) } else { 0 }
    }

    fn id_of(host: &Self) -> String {
        host.id.to_string()
    }

    /// When it is forgotten.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.released.map(|at| at.plus_ms(DELETED_VISIBLE_MS))
    }
}

/// The hosts on which an instance of this placement may stand.
fn candidates<'a>(
    tables: &'a Tables,
    placement: &InstancePlacement,
    zone: &AvailabilityZone,
) -> impl Iterator<Item = &'a Arc<Host>> {
    let (wanted, zone) = (placement.host, zone.clone());
    tables.hosts.values().filter(move |host| {
        host.released.is_none() && host.zone == zone && wanted.map_or(host.auto_placement, |wanted| wanted == host.id)
    })
}

fn no_room() -> ApiError {
    let message = "There is not enough capacity on the Dedicated Hosts of the account to fulfill the request.";
    ApiError::new("InsufficientHostCapacity", message)
}

/// How many instances of the type can be launched there; `None` for as many as one likes.
///
/// # Errors
/// `InsufficientHostCapacity` where not even `least`.
pub(super) fn room(
    tables: &Tables,
    placement: &InstancePlacement,
    kind: &InstanceType,
    zone: &AvailabilityZone,
    least: u32,
) -> Result<Option<u32>, ApiError> {
    if placement.tenancy != InstanceTenancy::Host {
        return Ok(None);
    }
    let room = candidates(tables, placement, zone).map(|host| host.room(tables, kind, None)).sum();
    if room < least { Err(no_room()) } else { Ok(Some(room)) }
}

/// The host that an instance gets.
///
/// # Errors
/// `InsufficientHostCapacity` where none has room.
pub(super) fn choose(
    tables: &Tables,
    placement: &InstancePlacement,
    kind: &InstanceType,
    zone: &AvailabilityZone,
) -> Result<Option<HostId>, ApiError> {
    if placement.tenancy != InstanceTenancy::Host {
        return Ok(None);
    }
    let mut hosts = candidates(tables, placement, zone);
    hosts.find(|host| host.room(tables, kind, None) > 0).map(|host| Some(host.id)).ok_or_else(no_room)
}

/// Finds room again for an instance that is being started: on its own host, else, unless it must stay, on another.
///
/// # Errors
/// `InsufficientHostCapacity` where there is none.
pub(super) fn return_to(tx: &mut Transaction, id: InstanceId) -> Result<(), ApiError> {
    let Some(instance) = tx.instances.get(&id).cloned() else { return Ok(()) };
    let Some(kind) = InstanceType::find(&instance.instance_type) else { return Ok(()) };
    let placement = &instance.options.placement;
    if placement.tenancy != InstanceTenancy::Host {
        return Ok(());
    }
    let has_room = |host: &&Arc<Host>| host.room(tx, kind, Some(id)) > 0;
    let mut found = candidates(tx, placement, &instance.zone).find(has_room).map(|host| host.id);
    if found.is_none() && !placement.host_affinity {
        let anywhere = InstancePlacement { host: None, ..placement.clone() };
        found = candidates(tx, &anywhere, &instance.zone).find(has_room).map(|host| host.id);
    }
    let host = found.ok_or_else(no_room)?;
    if placement.host != Some(host) {
        let mut moved = Instance::clone(&instance);
        moved.options.placement.host = Some(host);
        tx.put(moved);
    }
    Ok(())
}

pub(super) fn describe_hosts(
    context: &Context,
    view: &View<'_>,
    request: DescribeHostsRequest,
) -> Result<DescribeHostsResult, ApiError> {
    let asked = Listing::paged(&request.host_ids, &request.filter, request.max_results, request.next_token.as_deref());
    let tables = view.tables();
    let row = |host| HostRow { context, tables, host, tags: tables.tags_of(&Host::id_of(host)) };
    let (rows, next_token) = list::<Host, _>(tables, asked.limits(5, 500), row)?;
    Ok(DescribeHostsResult { hosts: rows.iter().map(HostRow::to_shape).collect(), next_token })
}

struct HostRow<'a> {
    context: &'a Context,
    tables: &'a Tables,
    host: &'a Host,
    tags: &'a Tags,
}

impl HostRow<'_> {
    fn state(&self) -> AllocationState {
        if self.host.released.is_some() { AllocationState::Released } else { AllocationState::Available }
    }

    fn auto_placement(&self) -> AutoPlacement {
        if self.host.auto_placement { AutoPlacement::On } else { AutoPlacement::Off }
    }

    fn capacity(&self) -> AvailableCapacity {
        let (total, host) = (self.host.vcpus(), self.host);
        let free = total.saturating_sub(host.used(self.tables, None));
        let only = host.instance_type.as_deref();
        let kinds: BTreeSet<_> = types_of(&host.family)
            .filter(|kind| only.is_none_or(|only| only == kind.name()))
            .map(|k| (k.vcpus(), k.name()))
            .collect();
        let kinds = kinds.into_iter().map(|(vcpus, name)| InstanceCapacity {
            available_capacity: whole(free / vcpus.max(1)),
            instance_type: Some(name.to_owned()),
            total_capacity: whole(total / vcpus.max(1)),
        });
        AvailableCapacity { available_instance_capacity: kinds.collect(), available_vcpus: whole(free) }
    }

    fn properties(&self) -> HostProperties {
        let largest = types_of(&self.host.family).max_by_key(|kind| kind.vcpus());
        let sockets = largest.map_or(1, |kind| if kind.architectures() == ["arm64"] { 1 } else { 2 });
        HostProperties {
            cores: largest.and_then(|kind| whole(kind.cores())),
            instance_family: Some(self.host.family.to_string()),
            instance_type: self.host.instance_type.as_deref().map(str::to_owned),
            sockets: Some(sockets),
            total_vcpus: whole(self.host.vcpus()),
        }
    }

    fn to_shape(&self) -> ec2_shapes::Host {
        let host = self.host;
        let owner = self.context.account().to_string();
        let instances = occupants(self.tables, host.id).map(|instance| HostInstance {
            instance_id: Some(instance.id.to_string()),
            instance_type: Some(instance.instance_type.to_string()),
            owner_id: Some(owner.clone()),
        });
        let several = host.instance_type.is_none();
        ec2_shapes::Host {
            allocation_time: Some(show::moment(host.allocated)),
            allows_multiple_instance_types: AllowsMultipleInstanceTypes::from_wire(if several { "on" } else { "off" }),
            auto_placement: Some(self.auto_placement()),
            availability_zone: Some(host.zone.to_string()),
            availability_zone_id: Some(host.zone.zone_id()),
            available_capacity: host.released.is_none().then(|| self.capacity()),
            client_token: host.client_token.clone(),
            host_id: Some(host.id.to_string()),
            host_maintenance: HostMaintenance::from_wire(if host.maintenance { "on" } else { "off" }),
            host_properties: Some(self.properties()),
            host_recovery: HostRecovery::from_wire(if host.recovery { "on" } else { "off" }),
            instances: instances.collect(),
            member_of_service_linked_resource_group: Some(false),
            owner_id: Some(owner.clone()),
            release_time: host.released.map(show::moment),
            state: Some(self.state()),
            tags: tagging::to_shape(self.tags),
            ..ec2_shapes::Host::default()
        }
    }
}

fn whole(number: u32) -> Option<i32> {
    i32::try_from(number).ok()
}

impl Filterable for HostRow<'_> {
    // No host is part of a Dedicated Host Reservation: that filter passes none.
    const NAMES: &'static [&'static str] =
        &["auto-placement", "availability-zone", "client-token", "host-reservation-id", "instance-type", "state"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let host = self.host;
        match name {
            "auto-placement" => found(self.auto_placement().as_str()),
            "availability-zone" => found(&host.zone.to_string()),
            "client-token" => host.client_token.iter().for_each(|token| found(token)),
            "instance-type" => host.instance_type.iter().for_each(|name| found(name)),
            "state" => found(self.state().as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
