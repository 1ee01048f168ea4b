//! What route tables are in force for.

use ec2_shapes::{
    AssociateRouteTableRequest, AssociateRouteTableResult, DisassociateRouteTableRequest,
    ReplaceRouteTableAssociationRequest, ReplaceRouteTableAssociationResult, RouteTableAssociationState,
    RouteTableAssociationStateCode,
};
use types::{InternetGatewayId, RouteTableAssociationId, VpnGatewayId};

use super::super::show::given;
use super::routes;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{EdgeGateway, RouteTable, RouteTableAssociation, Subnet};
use crate::state::Tables;
use crate::transaction::Transaction;

/// Associations are in force at once.
fn associated() -> Option<RouteTableAssociationState> {
    Some(RouteTableAssociationState { state: Some(RouteTableAssociationStateCode::Associated), status_message: None })
}

/// A table's associations as answers show them. Subnets that have the main table for want of another are not listed.
pub(super) fn shapes(table: &RouteTable) -> Vec<ec2_shapes::RouteTableAssociation> {
    let shape = |association: &RouteTableAssociation| ec2_shapes::RouteTableAssociation {
        association_state: associated(),
        gateway_id: association.gateway.map(|gateway| gateway.to_string()),
        main: Some(association.is_main()),
        route_table_association_id: Some(association.id.to_string()),
        route_table_id: Some(table.id.to_string()),
        subnet_id: association.subnet.map(|subnet| subnet.to_string()),
        ..ec2_shapes::RouteTableAssociation::default()
    };
    table.associations.iter().map(shape).collect()
}

pub(in crate::actions) fn associate_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateRouteTableRequest,
) -> Result<AssociateRouteTableResult, ApiError> {
    if let Some(pool) = given(&request.public_ipv4_pool) {
        let message = format!("The pool ID '{pool}' does not exist.");
        return Err(ApiError::new("InvalidPublicIpv4PoolID.NotFound", message));
    }
    let table = RouteTable::clone(get::<RouteTable>(tx, &request.route_table_id)?);
    let (subnet, gateway) = match (given(&request.subnet_id), given(&request.gateway_id)) {
        (Some(subnet), None) => (Some(subnet_for(tx, &table, subnet)?), None),
        (None, Some(gateway)) => (None, Some(gateway_for(tx, &table, gateway)?)),
        (None, None) => return Err(ApiError::missing("subnetId or gatewayId")),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter subnetId cannot be used with the parameter gatewayId",
            ));
        }
    };
    let is_same = |it: &&RouteTableAssociation| it.subnet == subnet && it.gateway == gateway;
    let mut holders = tx.route_tables.values().filter(|other| other.vpc == table.vpc);
    let present = holders.find_map(|holder| holder.associations.iter().find(is_same).map(|it| (holder.id, it.id)));
    let id = match present {
        // A repeated call finds what the first one made.
        Some((holder, id)) if holder == table.id => id,
        Some(_) => {
            let id = table.id;
            let message =
                format!("the specified association for route table {id} conflicts with an existing association");
            return Err(ApiError::new("Resource.AlreadyAssociated", message));
        }
        None => {
            let id = RouteTableAssociationId::from_number(context.id_number());
            put(tx, table, RouteTableAssociation { id, subnet, gateway });
            id
        }
    };
    Ok(AssociateRouteTableResult { association_id: Some(id.to_string()), association_state: associated() })
}

fn put(tx: &mut Transaction, mut table: RouteTable, association: RouteTableAssociation) {
    table.associations.push(association);
    tx.put(table);
}

fn subnet_for(tables: &Tables, table: &RouteTable, text: &str) -> Result<types::SubnetId, ApiError> {
    let subnet = get::<Subnet>(tables, text)?;
    if subnet.vpc != table.vpc {
        return Err(different_networks(table, "subnet", text));
    }
    Ok(subnet.id)
}

/// A gateway that a table may decide for: attached to the table's VPC, and the table leads nowhere but into the VPC.
fn gateway_for(tables: &Tables, table: &RouteTable, text: &str) -> Result<EdgeGateway, ApiError> {
    let unknown = || ApiError::new("InvalidGatewayID.NotFound", format!("The gateway ID '{text}' does not exist"));
    let (gateway, vpc) = if let Ok(id) = text.parse::<InternetGatewayId>() {
        (EdgeGateway::InternetGateway(id), tables.internet_gateways.get(&id).ok_or_else(unknown)?.vpc)
    } else if let Ok(id) = text.parse::<VpnGatewayId>() {
        (EdgeGateway::VpnGateway(id), tables.vpn_gateways.get(&id).ok_or_else(unknown)?.vpc())
    } else {
        return Err(unknown());
    };
    if vpc != Some(table.vpc) {
        return Err(different_networks(table, "network gateway", text));
    }
    for route in &table.routes {
        routes::check_edge(tables, table, route)?;
    }
    if !table.propagating_vgws.is_empty() {
        let message = format!("Route table {} has route propagation enabled and cannot serve a gateway.", table.id);
        return Err(ApiError::invalid_value(message));
    }
    Ok(gateway)
}

/// The error for a resource of another VPC than the table's.
pub(super) fn different_networks(table: &RouteTable, noun: &str, id: &str) -> ApiError {
    ApiError::invalid_value(format!("route table {} and {noun} {id} belong to different networks", table.id))
}

/// The table with an association, and the association.
fn find(tables: &Tables, text: &str) -> Result<(RouteTable, RouteTableAssociation), ApiError> {
    let id: RouteTableAssociationId = text.parse().map_err(|_| {
        let message = format!("Invalid id: \"{text}\" (expecting \"rtbassoc-...\")");
        ApiError::new("InvalidRouteTableAssociationId.Malformed", message)
    })?;
    let has = |table: &RouteTable| table.associations.iter().find(|it| it.id == id).cloned();
    tables.route_tables.values().find_map(|table| Some((RouteTable::clone(table), has(table)?))).ok_or_else(|| {
        ApiError::new("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
    })
}

pub(in crate::actions) fn disassociate_route_table(
    _: &Context,
    tx: &mut Transaction,
    request: DisassociateRouteTableRequest,
) -> Result<(), ApiError> {
    let (mut table, association) = find(tx, &request.association_id)?;
    if association.is_main() {
        let id = association.id;
        return Err(ApiError::invalid_value(format!("cannot disassociate the main route table association {id}")));
    }
    table.associations.retain(|it| it.id != association.id);
    tx.put(table);
    Ok(())
}

pub(in crate::actions) fn replace_route_table_association(
    context: &Context,
    tx: &mut Transaction,
    request: ReplaceRouteTableAssociationRequest,
) -> Result<ReplaceRouteTableAssociationResult, ApiError> {
    let (mut old, association) = find(tx, &request.association_id)?;
    let new = get::<RouteTable>(tx, &request.route_table_id)?;
    let (new_id, new_vpc) = (new.id, new.vpc);
    if new_vpc != old.vpc {
        return Err(ApiError::invalid_value(format!(
            "route table {new_id} and route table {} belong to different networks",
            old.id
        )));
    }
    if let Some(gateway) = association.gateway {
        gateway_for(tx, new, &gateway.to_string())?;
    }
    old.associations.retain(|it| it.id != association.id);
    tx.put(old);
    let id = RouteTableAssociationId::from_number(context.id_number());
    let new = RouteTable::clone(get::<RouteTable>(tx, &request.route_table_id)?);
    put(tx, new, RouteTableAssociation { id, ..association });
    Ok(ReplaceRouteTableAssociationResult { association_state: associated(), new_association_id: Some(id.to_string()) })
}
