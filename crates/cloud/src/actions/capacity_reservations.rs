//! Capacity Reservations: room for instances that no others take.
//!
//! Which instances use a reservation follows from what they are, in the order of their launch, as the EC2 User Guide's
//! page on Capacity Reservations says: those that name it, and where it is open those that fit and do not object.

use std::collections::BTreeMap;
use std::sync::Arc;

use ec2_shapes::{
    AllocationType, CancelCapacityReservationRequest, CancelCapacityReservationResult, CapacityAllocation,
    CapacityReservationInstancePlatform, CapacityReservationState, CapacityReservationTenancy, CapacityReservationType,
    CreateCapacityReservationRequest, CreateCapacityReservationResult, DescribeCapacityReservationsRequest,
    DescribeCapacityReservationsResult, EndDateType, InstanceMatchCriteria, ModifyCapacityReservationRequest,
    ModifyCapacityReservationResult,
};
use types::{AvailabilityZone, CapacityReservationId, InstanceId, InstanceState, Timestamp};

use super::{places, show};
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{CapacityChoice, CapacityReservation, Instance, InstanceTenancy, ReservationEnd, Tags};
use crate::settle::DELETED_VISIBLE_MS;
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

#[cfg(test)]
mod tests;

/// EC2's name of the type of resource.
const RESOURCE_TYPE: &str = "capacity-reservation";

pub(super) fn create_capacity_reservation(
    context: &Context,
    tx: &mut Transaction,
    request: CreateCapacityReservationRequest,
) -> Result<CreateCapacityReservationResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let plain = CreateCapacityReservationRequest { dry_run: None, ..request.clone() };
    let token = request.client_token.as_deref();
    let made = idempotency::once(context, tx, "CreateCapacityReservation", token, &plain, |tx| {
        let reservation = wanted(context, &request)?;
        let id = reservation.id;
        tags.put(tx, RESOURCE_TYPE, id);
        tx.put(reservation);
        Ok(id.to_string())
    })?;
    let reservation = get::<CapacityReservation>(tx, &made)?;
    let used = uses(tx).values().filter(|used| **used == reservation.id).count();
    let told = Row { context, reservation, used, tags: tx.tags_of(&made) }.to_shape();
    Ok(CreateCapacityReservationResult { capacity_reservation: Some(told) })
}

/// The reservation that a request describes, checked.
fn wanted(context: &Context, request: &CreateCapacityReservationRequest) -> Result<CapacityReservation, ApiError> {
    let platform = request.instance_platform.ok_or_else(|| ApiError::missing("InstancePlatform"))?;
    for (is_asked, name) in [
        // All images are of this platform: no instance could ever use another's capacity.
        (platform != CapacityReservationInstancePlatform::LinuxUNIX, "InstancePlatform"),
        (request.outpost_arn.is_some(), "OutpostArn"),
        (request.placement_group_arn.is_some(), "PlacementGroupArn"),
        (request.start_date.is_some(), "StartDate"),
        (request.commitment_duration.is_some(), "CommitmentDuration"),
        (request.delivery_preference.is_some(), "DeliveryPreference"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    let name = request.instance_type.as_str();
    let kind = InstanceType::find(name)
        .ok_or_else(|| ApiError::invalid_value(format!("Invalid value '{name}' for InstanceType.")))?;
    let (zone, zone_id) = (request.availability_zone.as_deref(), request.availability_zone_id.as_deref());
    Ok(CapacityReservation {
        id: CapacityReservationId::from_number(context.id_number()),
        instance_type: kind.name().into(),
        platform: platform.as_str().to_owned(),
        zone: places::named_zone(&context.region, zone, zone_id)?,
        tenancy: match request.tenancy {
            Some(CapacityReservationTenancy::Dedicated) => InstanceTenancy::Dedicated,
            Some(CapacityReservationTenancy::Default) | None => InstanceTenancy::Default,
        },
        count: count(request.instance_count)?,
        is_targeted: request.instance_match_criteria == Some(InstanceMatchCriteria::Targeted),
        ebs_optimized: request.ebs_optimized == Some(true),
        created: context.now,
        end_date: end_date(context, request.end_date_type, request.end_date)?,
        ended: None,
    })
}

fn unavailable(name: &str) -> ApiError {
    ApiError::new("UnsupportedOperation", format!("The parameter {name} asks for something that is not available."))
}

fn count(wanted: i32) -> Result<u32, ApiError> {
    u32::try_from(wanted).ok().filter(|count| *count > 0).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "Value ({wanted}) for parameter instanceCount is invalid. It must be at least 1."
        ))
    })
}

/// When a reservation is to end, by what a request says.
fn end_date(
    context: &Context,
    kind: Option<EndDateType>,
    date: Option<ec2_shapes::Timestamp>,
) -> Result<Option<Timestamp>, ApiError> {
    let date = date.map(|at| Timestamp::from_unix_ms(at.unix_ms));
    match (kind, date) {
        (Some(EndDateType::Limited), None) => Err(ApiError::missing("EndDate")),
        (Some(EndDateType::Unlimited) | None, None) => Ok(None),
        (Some(EndDateType::Limited), Some(at)) if at > context.now => Ok(Some(at)),
        (Some(EndDateType::Limited), Some(at)) => Err(ApiError::invalid_value(format!(
            "Value ({at}) for parameter endDate is invalid. The end date must be in the future."
        ))),
        (Some(EndDateType::Unlimited) | None, Some(_)) => {
            Err(ApiError::invalid_combination("The parameter EndDate requires that EndDateType is 'limited'."))
        }
    }
}

pub(super) fn modify_capacity_reservation(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyCapacityReservationRequest,
) -> Result<ModifyCapacityReservationResult, ApiError> {
    let mut reservation = active(tx, &request.capacity_reservation_id)?;
    for (is_asked, name) in [
        (request.start_date.is_some(), "StartDate"),
        (request.quote_id.is_some(), "QuoteId"),
        (request.additional_info.is_some(), "AdditionalInfo"),
        (request.accept_modification_terms == Some(true), "AcceptModificationTerms"),
    ] {
        if is_asked {
            return Err(unavailable(name));
        }
    }
    let used = uses(tx).values().filter(|used| **used == reservation.id).count();
    if let Some(wanted) = request.instance_count {
        let count = count(wanted)?;
        if (count as usize) < used {
            return Err(ApiError::invalid_value(format!(
                "Value ({wanted}) for parameter instanceCount is invalid. {used} instances run in the reservation."
            )));
        }
        reservation.count = count;
    }
    if request.end_date_type.is_some() || request.end_date.is_some() {
        reservation.end_date = end_date(context, request.end_date_type, request.end_date)?;
    }
    if let Some(criteria) = request.instance_match_criteria {
        let is_targeted = criteria == InstanceMatchCriteria::Targeted;
        if is_targeted != reservation.is_targeted && used > 0 {
            let message = "The instance eligibility of a Capacity Reservation can be changed only while it is idle.";
            return Err(ApiError::new("InvalidCapacityReservationState", message));
        }
        reservation.is_targeted = is_targeted;
    }
    tx.put(reservation);
    Ok(ModifyCapacityReservationResult { r#return: Some(true), ..ModifyCapacityReservationResult::default() })
}

pub(super) fn cancel_capacity_reservation(
    context: &Context,
    tx: &mut Transaction,
    request: CancelCapacityReservationRequest,
) -> Result<CancelCapacityReservationResult, ApiError> {
    let reservation = active(tx, &request.capacity_reservation_id)?;
    if request.quote_id.is_some() {
        return Err(unavailable("QuoteId"));
    }
    tx.put(CapacityReservation { ended: Some((ReservationEnd::Cancelled, context.now)), ..reservation });
    Ok(CancelCapacityReservationResult { r#return: Some(true) })
}

/// The reservation of this id, to be changed, while it is in force.
fn active(tables: &Tables, id: &str) -> Result<CapacityReservation, ApiError> {
    let reservation = get::<CapacityReservation>(tables, id)?;
    if reservation.ended.is_some() {
        let message = format!("The Capacity Reservation '{id}' is not in a state in which this can be done.");
        return Err(ApiError::new("InvalidCapacityReservationState", message));
    }
    Ok(CapacityReservation::clone(reservation))
}

/// When a reservation moves on by itself.
pub(crate) fn due(reservation: &CapacityReservation) -> Option<Timestamp> {
    match reservation.ended {
        Some((_, at)) => Some(at.plus_ms(DELETED_VISIBLE_MS)),
        None => reservation.end_date,
    }
}

/// What happens then: it expires, and in the end is forgotten.
pub(crate) fn advance(tx: &mut Transaction, now: Timestamp, reservation: &CapacityReservation) {
    match reservation.ended {
        Some(_) => tx.delete(Key::CapacityReservation(reservation.id)),
        None => {
            let ended = Some((ReservationEnd::Expired, now));
            tx.put(CapacityReservation { ended, ..reservation.clone() });
        }
    }
}

/// Whether the reservation is for instances like this.
fn fits(reservation: &CapacityReservation, kind: &str, zone: &AvailabilityZone, tenancy: InstanceTenancy) -> bool {
    *reservation.instance_type == *kind && reservation.zone == *zone && reservation.tenancy == tenancy
}

/// The reservations that instances use.
pub(super) fn uses(tables: &Tables) -> BTreeMap<InstanceId, CapacityReservationId> {
    let in_force = tables.capacity_reservations.values().filter(|reservation| reservation.ended.is_none());
    let mut reservations: Vec<(&Arc<CapacityReservation>, u32)> = in_force.map(|it| (it, it.count)).collect();
    if reservations.is_empty() {
        return BTreeMap::new();
    }
    reservations.sort_by_key(|(reservation, _)| (reservation.created, reservation.id));
    let runs = |state| matches!(state, InstanceState::Pending | InstanceState::Running);
    let mut instances: Vec<&Arc<Instance>> = tables.instances.values().filter(|it| runs(it.state)).collect();
    instances.sort_by_key(|it| (it.launch_time, it.reservation, it.launch_index));
    let mut uses = BTreeMap::new();
    for instance in instances {
        let options = &instance.options;
        let found = reservations.iter_mut().find(|(reservation, room)| {
            let is_meant = match options.capacity {
                CapacityChoice::None => false,
                CapacityChoice::Open | CapacityChoice::ReservationsOnly => !reservation.is_targeted,
                CapacityChoice::Reservation(id) => reservation.id == id,
            };
            let tenancy = options.placement.tenancy;
            *room > 0 && is_meant && fits(reservation, &instance.instance_type, &instance.zone, tenancy)
        });
        if let Some((reservation, room)) = found {
            *room -= 1;
            uses.insert(instance.id, reservation.id);
        }
    }
    uses
}

fn exceeded() -> ApiError {
    let message =
        "The requested reservation does not have sufficient compatible and available capacity for this request.";
    ApiError::new("ReservationCapacityExceeded", message)
}

/// How many instances like this can be launched with this choice; `None` for as many as one likes.
///
/// # Errors
/// `ReservationCapacityExceeded` where not even `least`.
pub(super) fn room(
    tables: &Tables,
    choice: &CapacityChoice,
    (kind, zone, tenancy): (&str, &AvailabilityZone, InstanceTenancy),
    least: u32,
) -> Result<Option<u32>, ApiError> {
    let is_meant = |reservation: &CapacityReservation| match choice {
        CapacityChoice::Open | CapacityChoice::None => false,
        CapacityChoice::ReservationsOnly => !reservation.is_targeted,
        CapacityChoice::Reservation(id) => reservation.id == *id,
    };
    if matches!(choice, CapacityChoice::Open | CapacityChoice::None) {
        return Ok(None);
    }
    let uses = uses(tables);
    let left = |reservation: &Arc<CapacityReservation>| {
        let used = uses.values().filter(|used| **used == reservation.id).count();
        reservation.count.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    };
    let meant = tables.capacity_reservations.values().filter(|reservation| {
        reservation.ended.is_none() && is_meant(reservation) && fits(reservation, kind, zone, tenancy)
    });
    let room = meant.map(left).fold(0, u32::saturating_add);
    if room < least { Err(exceeded()) } else { Ok(Some(room)) }
}

/// Checks that these instances, which are being started, have the reserved capacity they insist on.
///
/// # Errors
/// `ReservationCapacityExceeded` where one has not.
pub(super) fn check_started(tables: &Tables, ids: &[InstanceId]) -> Result<(), ApiError> {
    let insists = |id: &&InstanceId| {
        let choice = tables.instances.get(*id).map(|instance| &instance.options.capacity);
        matches!(choice, Some(CapacityChoice::ReservationsOnly | CapacityChoice::Reservation(_)))
    };
    let mut insisting = ids.iter().filter(insists).peekable();
    if insisting.peek().is_none() {
        return Ok(());
    }
    let uses = uses(tables);
    if insisting.all(|id| uses.contains_key(id)) { Ok(()) } else { Err(exceeded()) }
}

pub(super) fn describe_capacity_reservations(
    context: &Context,
    view: &View<'_>,
    request: DescribeCapacityReservationsRequest,
) -> Result<DescribeCapacityReservationsResult, ApiError> {
    let ids = &request.capacity_reservation_ids;
    let asked = Listing::paged(ids, &request.filters, request.max_results, request.next_token.as_deref());
    let tables = view.tables();
    let mut used: BTreeMap<CapacityReservationId, usize> = BTreeMap::new();
    uses(tables).into_values().for_each(|id| *used.entry(id).or_default() += 1);
    let (rows, next_token) = list::<CapacityReservation, _>(tables, asked.limits(1, 1000), |reservation| Row {
        context,
        reservation,
        used: used.get(&reservation.id).copied().unwrap_or(0),
        tags: tables.tags_of(&reservation.id.to_string()),
    })?;
    Ok(DescribeCapacityReservationsResult {
        capacity_reservations: rows.iter().map(Row::to_shape).collect(),
        next_token,
    })
}

struct Row<'a> {
    context: &'a Context,
    reservation: &'a CapacityReservation,
    used: usize,
    tags: &'a Tags,
}

impl Row<'_> {
    fn state(&self) -> CapacityReservationState {
        match self.reservation.ended {
            None => CapacityReservationState::Active,
            Some((ReservationEnd::Expired, _)) => CapacityReservationState::Expired,
            Some((ReservationEnd::Cancelled, _)) => CapacityReservationState::Cancelled,
        }
    }

    fn criteria(&self) -> InstanceMatchCriteria {
        if self.reservation.is_targeted { InstanceMatchCriteria::Targeted } else { InstanceMatchCriteria::Open }
    }

    fn end_date_type(&self) -> EndDateType {
        if self.reservation.end_date.is_some() { EndDateType::Limited } else { EndDateType::Unlimited }
    }

    fn to_shape(&self) -> ec2_shapes::CapacityReservation {
        let reservation = self.reservation;
        let (region, account) = (&self.context.region, self.context.account().to_string());
        let (id, used) = (reservation.id, i32::try_from(self.used).unwrap_or(i32::MAX));
        let total = if reservation.ended.is_some() { 0 } else { i32::try_from(reservation.count).unwrap_or(i32::MAX) };
        let allocation = (used > 0).then(|| CapacityAllocation {
            allocation_type: Some(AllocationType::Used),
            count: Some(used),
            ..CapacityAllocation::default()
        });
        ec2_shapes::CapacityReservation {
            availability_zone: Some(reservation.zone.to_string()),
            availability_zone_id: Some(reservation.zone.zone_id()),
            available_instance_count: Some(total.saturating_sub(used)),
            capacity_allocations: allocation.into_iter().collect(),
            capacity_reservation_arn: Some(format!("arn:aws:ec2:{region}:{account}:capacity-reservation/{id}")),
            capacity_reservation_id: Some(id.to_string()),
            create_date: Some(show::moment(reservation.created)),
            ebs_optimized: Some(reservation.ebs_optimized),
            end_date: reservation.end_date.map(show::moment),
            end_date_type: Some(self.end_date_type()),
            ephemeral_storage: Some(false),
            instance_match_criteria: Some(self.criteria()),
            instance_platform: CapacityReservationInstancePlatform::from_wire(&reservation.platform),
            instance_type: Some(reservation.instance_type.to_string()),
            owner_id: Some(account),
            reservation_type: Some(CapacityReservationType::Default),
            start_date: Some(show::moment(reservation.created)),
            state: Some(self.state()),
            tags: tagging::to_shape(self.tags),
            tenancy: CapacityReservationTenancy::from_wire(reservation.tenancy.name()),
            total_instance_count: Some(total),
            ..ec2_shapes::CapacityReservation::default()
        }
    }
}

impl Filterable for Row<'_> {
    // No reservation is on an Outpost or in a placement group: those filters pass none.
    const NAMES: &'static [&'static str] = &[
        "instance-type",
        "owner-id",
        "instance-platform",
        "availability-zone",
        "tenancy",
        "outpost-arn",
        "state",
        "start-date",
        "end-date",
        "end-date-type",
        "instance-match-criteria",
        "placement-group-arn",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let reservation = self.reservation;
        match name {
            "instance-type" => found(&reservation.instance_type),
            "owner-id" => found(&self.context.account().to_string()),
            "instance-platform" => found(&reservation.platform),
            "availability-zone" => found(&reservation.zone.to_string()),
            "tenancy" => found(reservation.tenancy.name()),
            "state" => found(self.state().as_str()),
            "start-date" => found(&reservation.created.to_string()),
            "end-date" => reservation.end_date.iter().for_each(|at| found(&at.to_string())),
            "end-date-type" => found(self.end_date_type().as_str()),
            "instance-match-criteria" => found(self.criteria().as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
