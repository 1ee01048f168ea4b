//! Ranges of a subnet's addresses that are set aside.
//!
//! Rules as the VPC guide's page on subnet CIDR reservations gives them. An address in such a range is never chosen
//! for an interface; a request may name it.

use ec2_shapes::{
    CreateSubnetCidrReservationRequest, CreateSubnetCidrReservationResult, DeleteSubnetCidrReservationRequest,
    DeleteSubnetCidrReservationResult, GetSubnetCidrReservationsRequest, GetSubnetCidrReservationsResult,
    SubnetCidrReservationType,
};
use types::{Cidr, SubnetCidrReservationId};

use crate::actions::vpcs::not_a_block;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, get, rows};
use crate::resource::{ReservationType, Subnet, SubnetCidrReservation, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

const RESOURCE_TYPE: &str = "subnet-cidr-reservation";
/// The longest prefix of a range that prefixes for interfaces are taken from: that of such a prefix.
const PREFIX_LENGTHS: (u8, u8) = (28, 80);

pub(in crate::actions) fn create_subnet_cidr_reservation(
    context: &Context,
    tx: &mut Transaction,
    request: CreateSubnetCidrReservationRequest,
) -> Result<CreateSubnetCidrReservationResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let subnet = get::<Subnet>(tx, &request.subnet_id)?;
    let reservation_type = match request.reservation_type.ok_or_else(|| ApiError::missing("reservationType"))? {
        SubnetCidrReservationType::Prefix => ReservationType::Prefix,
        SubnetCidrReservationType::Explicit => ReservationType::Explicit,
    };
    let text = &request.cidr;
    let cidr: Cidr = text.parse().map_err(|_| not_a_block(text, "cidr"))?;
    let mut blocks = subnet.ipv6_cidrs.iter().map(|block| Cidr::Ipv6(block.cidr)).chain([Cidr::Ipv4(subnet.cidr)]);
    if !blocks.any(|block| block.contains_cidr(cidr)) {
        let message = format!("Reservation CIDR should be within subnet CIDR block ({})", subnet.cidr);
        return Err(ApiError::invalid_value(message));
    }
    let (length, longest) = match cidr {
        Cidr::Ipv4(cidr) => (cidr.prefix_len(), PREFIX_LENGTHS.0),
        Cidr::Ipv6(cidr) => (cidr.prefix_len(), PREFIX_LENGTHS.1),
    };
    if reservation_type == ReservationType::Prefix && length > longest {
        let message = format!("Reservation CIDR {cidr} of type prefix must not be smaller than /{longest}");
        return Err(ApiError::invalid_value(message));
    }
    if tx.reservations_of(subnet.id).any(|other| other.cidr.overlaps(cidr)) {
        let message = format!("Reservation CIDR {cidr} has overlap with existing reserved CIDR block");
        return Err(ApiError::invalid_value(message));
    }
    let id = SubnetCidrReservationId::from_number(context.id_number());
    let reservation =
        SubnetCidrReservation { id, subnet: subnet.id, cidr, reservation_type, description: request.description };
    tx.put(reservation.clone());
    tags.put(tx, RESOURCE_TYPE, id);
    let shape = Row::new(context, tx, &reservation).to_shape();
    Ok(CreateSubnetCidrReservationResult { subnet_cidr_reservation: Some(shape) })
}

pub(in crate::actions) fn delete_subnet_cidr_reservation(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteSubnetCidrReservationRequest,
) -> Result<DeleteSubnetCidrReservationResult, ApiError> {
    let reservation = get::<SubnetCidrReservation>(tx, &request.subnet_cidr_reservation_id)?;
    let (id, shape) = (reservation.id, Row::new(context, tx, reservation).to_shape());
    tx.delete(Key::SubnetCidrReservation(id));
    Ok(DeleteSubnetCidrReservationResult { deleted_subnet_cidr_reservation: Some(shape) })
}

pub(in crate::actions) fn get_subnet_cidr_reservations(
    context: &Context,
    view: &View<'_>,
    request: GetSubnetCidrReservationsRequest,
) -> Result<GetSubnetCidrReservationsResult, ApiError> {
    let filters = Filters::new::<Row<'_>>(&request.filters)?;
    let subnet = get::<Subnet>(view, &request.subnet_id)?;
    let tables = view.tables();
    let all = tables.reservations_of(subnet.id).map(|it| (it.id.to_string(), Row::new(context, tables, it)));
    let asked = Listing::paged(&[], &[], request.max_results, request.next_token.as_deref());
    let (rows, next_token) = rows(all, &filters, asked)?;
    let (ipv4, ipv6): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.reservation.cidr.ipv4().is_some());
    Ok(GetSubnetCidrReservationsResult {
        next_token,
        subnet_ipv4_cidr_reservations: ipv4.into_iter().map(Row::to_shape).collect(),
        subnet_ipv6_cidr_reservations: ipv6.into_iter().map(Row::to_shape).collect(),
    })
}

pub(super) struct Row<'a> {
    reservation: &'a SubnetCidrReservation,
    owner: &'a str,
    tags: &'a Tags,
}

impl<'a> Row<'a> {
    fn new(context: &'a Context, tables: &'a Tables, reservation: &'a SubnetCidrReservation) -> Self {
        let tags = tables.tags_of(&reservation.id.to_string());
        Self { reservation, owner: context.account().as_str(), tags }
    }

    fn reservation_type(&self) -> SubnetCidrReservationType {
        match self.reservation.reservation_type {
            ReservationType::Prefix => SubnetCidrReservationType::Prefix,
            ReservationType::Explicit => SubnetCidrReservationType::Explicit,
        }
    }

    fn to_shape(&self) -> ec2_shapes::SubnetCidrReservation {
        ec2_shapes::SubnetCidrReservation {
            cidr: Some(self.reservation.cidr.to_string()),
            description: self.reservation.description.clone(),
            owner_id: Some(self.owner.to_owned()),
            reservation_type: Some(self.reservation_type()),
            subnet_cidr_reservation_id: Some(self.reservation.id.to_string()),
            subnet_id: Some(self.reservation.subnet.to_string()),
            tags: tagging::to_shape(self.tags),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["reservationType", "subnet-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "reservationType" => found(self.reservation_type().as_str()),
            _ => found(&self.reservation.subnet.to_string()),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
