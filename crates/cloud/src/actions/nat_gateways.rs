//! NAT gateways.
//!
//! Follows the VPC guide's pages on NAT gateways. A gateway is an interface of its subnet that belongs to it; what stands
//! in the way of one shows in the gateway, which fails a moment after the request succeeded, as on AWS.

mod addresses;
mod create;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    AvailabilityMode, ConnectivityType, DeleteNatGatewayRequest, DeleteNatGatewayResult, DescribeNatGatewaysRequest,
    DescribeNatGatewaysResult, NatGatewayAddressStatus,
};

pub(super) use self::addresses::{
    assign_private_nat_gateway_address, associate_nat_gateway_address, disassociate_nat_gateway_address,
    unassign_private_nat_gateway_address,
};
pub(super) use self::create::create_nat_gateway;
use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::resource::{NatGateway, NatGatewayAddress, NatGatewayState, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::transaction::Transaction;
use crate::view::View;

pub(super) fn delete_nat_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteNatGatewayRequest,
) -> Result<DeleteNatGatewayResult, ApiError> {
    let gateway = NatGateway::clone(get::<NatGateway>(tx, &request.nat_gateway_id)?);
    let answer = DeleteNatGatewayResult { nat_gateway_id: Some(gateway.id.to_string()) };
    let state = match gateway.state {
        NatGatewayState::Deleted => return Err(NatGateway::KIND.not_found(&[&request.nat_gateway_id])),
        NatGatewayState::Deleting => return Ok(answer),
        // There is nothing to take down.
        NatGatewayState::Failed => NatGatewayState::Deleted,
        NatGatewayState::Pending | NatGatewayState::Available => NatGatewayState::Deleting,
    };
    tx.put(NatGateway { state, since: context.now, deleted: Some(context.now), ..gateway });
    Ok(answer)
}

pub(super) fn describe_nat_gateways(
    _: &Context,
    view: &View<'_>,
    request: DescribeNatGatewaysRequest,
) -> Result<DescribeNatGatewaysResult, ApiError> {
    let token = request.next_token.as_deref();
    let asked = Listing::paged(&request.nat_gateway_ids, &request.filter, request.max_results, token);
    let row = |gateway| Row { tables: view.tables(), gateway };
    let (rows, next_token) = list::<NatGateway, _>(view.tables(), asked, row)?;
    Ok(DescribeNatGatewaysResult { nat_gateways: rows.iter().map(Row::to_shape).collect(), next_token })
}

struct Row<'a> {
    tables: &'a Tables,
    gateway: &'a NatGateway,
}

impl Row<'_> {
    fn to_shape(&self) -> ec2_shapes::NatGateway {
        let gateway = self.gateway;
        let failure = gateway.failure.as_ref().filter(|_| gateway.state == NatGatewayState::Failed);
        let kind = if gateway.is_public { ConnectivityType::Public } else { ConnectivityType::Private };
        ec2_shapes::NatGateway {
            availability_mode: Some(AvailabilityMode::Zonal),
            connectivity_type: Some(kind),
            create_time: Some(show::moment(gateway.created)),
            delete_time: gateway.deleted.map(show::moment),
            failure_code: failure.map(|failure| failure.code.clone()),
            failure_message: failure.map(|failure| failure.message.clone()),
            nat_gateway_addresses: shown_addresses(gateway, |_| true),
            nat_gateway_id: Some(gateway.id.to_string()),
            state: ec2_shapes::NatGatewayState::from_wire(gateway.state.as_str()),
            subnet_id: Some(gateway.subnet.to_string()),
            tags: tagging::to_shape(self.tables.tags_of(&gateway.id.to_string())),
            vpc_id: Some(gateway.vpc.to_string()),
            ..ec2_shapes::NatGateway::default()
        }
    }
}

/// Those of a gateway's addresses that are wanted, as answers show them.
fn shown_addresses(
    gateway: &NatGateway,
    wanted: impl Fn(&NatGatewayAddress) -> bool,
) -> Vec<ec2_shapes::NatGatewayAddress> {
    let shown = |(at, address): (usize, &NatGatewayAddress)| ec2_shapes::NatGatewayAddress {
        allocation_id: address.elastic.map(|elastic| elastic.allocation.to_string()),
        association_id: address.elastic.map(|elastic| elastic.association.to_string()),
        is_primary: Some(at == 0),
        network_interface_id: Some(address.interface.to_string()),
        private_ip: Some(address.private_ip.to_string()),
        public_ip: address.elastic.map(|elastic| elastic.ip.to_string()),
        status: NatGatewayAddressStatus::from_wire(address.status.as_str()),
        ..ec2_shapes::NatGatewayAddress::default()
    };
    gateway.addresses.iter().enumerate().filter(|(_, address)| wanted(address)).map(shown).collect()
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["nat-gateway-id", "state", "subnet-id", "vpc-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let gateway = self.gateway;
        match name {
            "nat-gateway-id" => found(&gateway.id.to_string()),
            "state" => found(gateway.state.as_str()),
            "subnet-id" => found(&gateway.subnet.to_string()),
            "vpc-id" => found(&gateway.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.gateway.id.to_string()))
    }
}
