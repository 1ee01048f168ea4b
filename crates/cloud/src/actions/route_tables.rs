//! Route tables.
//!
//! Follows the VPC guide's page on route tables, the service model, and the texts that AWS is seen to answer.

mod associations;
mod routes;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    CreateRouteTableRequest, CreateRouteTableResult, DeleteRouteTableRequest, DescribeRouteTablesRequest,
    DescribeRouteTablesResult, PropagatingVgw,
};
use types::RouteTableId;

use super::show::boolean;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{Route, RouteDestination, RouteTable, RouteTarget, Tags, Vpc};
use crate::routing;
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

pub(super) use associations::{associate_route_table, disassociate_route_table, replace_route_table_association};
pub(super) use routes::{check_quota, create_route, delete_route, replace_route};

const RESOURCE_TYPE: &str = "route-table";

pub(super) fn create_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: CreateRouteTableRequest,
) -> Result<CreateRouteTableResult, ApiError> {
    let token = request.client_token.clone();
    let id = idempotency::once(context, tx, "CreateRouteTable", token.as_deref(), &request, |tx| {
        let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
        let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
        let present = tx.route_tables.values().filter(|table| table.vpc == vpc).count();
        quotas::check(context, Quota::RouteTablesPerVpc, present)?;
        let id = RouteTableId::from_number(context.id_number());
        tx.put(RouteTable::new(id, vpc));
        tags.put(tx, RESOURCE_TYPE, id);
        Ok(id.to_string())
    })?;
    let table = get::<RouteTable>(tx, &id)?;
    let shape = Row::new(context, tx, table).shape();
    Ok(CreateRouteTableResult { client_token: token, route_table: Some(shape) })
}

pub(super) fn delete_route_table(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteRouteTableRequest,
) -> Result<(), ApiError> {
    let table = get::<RouteTable>(tx, &request.route_table_id)?;
    let id = table.id;
    if !table.associations.is_empty() {
        return Err(ApiError::dependency(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
    }
    tx.delete(Key::RouteTable(id));
    Ok(())
}

/// A table as filters see it and answers show it.
struct Row<'a> {
    context: &'a Context,
    tables: &'a Tables,
    table: &'a RouteTable,
    routes: Vec<Route>,
}

impl<'a> Row<'a> {
    fn new(context: &'a Context, tables: &'a Tables, table: &'a RouteTable) -> Self {
        Self { context, tables, table, routes: routing::routes(tables, table) }
    }

    fn shape(&self) -> ec2_shapes::RouteTable {
        let propagating = |id: &types::VpnGatewayId| PropagatingVgw { gateway_id: Some(id.to_string()) };
        ec2_shapes::RouteTable {
            associations: associations::shapes(self.table),
            owner_id: Some(self.context.account().to_string()),
            propagating_vgws: self.table.propagating_vgws.iter().map(propagating).collect(),
            route_table_id: Some(self.table.id.to_string()),
            routes: self.routes.iter().map(|route| self.route(route)).collect(),
            tags: tagging::to_shape(self.tags_of_table()),
            vpc_id: Some(self.table.vpc.to_string()),
        }
    }

    fn tags_of_table(&self) -> &Tags {
        self.tables.tags_of(&self.table.id.to_string())
    }

    /// A route, with its target in the field that such targets have.
    fn route(&self, route: &Route) -> ec2_shapes::Route {
        let mut shape = ec2_shapes::Route {
            origin: Some(routing::route_origin(self.tables, self.table, route)),
            state: Some(routing::route_state(self.tables, self.table.vpc, route)),
            ..ec2_shapes::Route::default()
        };
        match route.destination {
            RouteDestination::Ipv4(cidr) => shape.destination_cidr_block = Some(cidr.to_string()),
            RouteDestination::Ipv6(cidr) => shape.destination_ipv6_cidr_block = Some(cidr.to_string()),
            RouteDestination::PrefixList(id) => shape.destination_prefix_list_id = Some(id.to_string()),
        }
        match route.target {
            RouteTarget::Local => shape.gateway_id = Some("local".to_owned()),
            RouteTarget::InternetGateway(id) => shape.gateway_id = Some(id.to_string()),
            RouteTarget::VpnGateway(id) => shape.gateway_id = Some(id.to_string()),
            RouteTarget::VpcEndpoint(id) => shape.gateway_id = Some(id.to_string()),
            RouteTarget::NatGateway(id) => shape.nat_gateway_id = Some(id.to_string()),
            RouteTarget::VpcPeeringConnection(id) => shape.vpc_peering_connection_id = Some(id.to_string()),
            RouteTarget::TransitGateway(id) => shape.transit_gateway_id = Some(id.to_string()),
            RouteTarget::EgressOnlyInternetGateway(id) => shape.egress_only_internet_gateway_id = Some(id.to_string()),
            RouteTarget::NetworkInterface(id) => {
                shape.network_interface_id = Some(id.to_string());
                let interface = self.tables.interfaces.get(&id);
                if let Some(attachment) = interface.and_then(|interface| interface.attachment.as_ref()) {
                    shape.instance_id = Some(attachment.instance.to_string());
                    shape.instance_owner_id = Some(self.context.account().to_string());
                }
            }
        }
        shape
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "association.gateway-id",
        "association.main",
        "association.route-table-association-id",
        "association.route-table-id",
        "association.subnet-id",
        "owner-id",
        "route-table-id",
        "route.destination-cidr-block",
        "route.destination-ipv6-cidr-block",
        "route.destination-prefix-list-id",
        "route.egress-only-internet-gateway-id",
        "route.gateway-id",
        "route.instance-id",
        "route.nat-gateway-id",
        "route.origin",
        "route.state",
        "route.transit-gateway-id",
        "route.vpc-peering-connection-id",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(field) = name.strip_prefix("route.") {
            for route in self.routes.iter().map(|route| self.route(route)) {
                let value = match field {
                    "destination-cidr-block" => route.destination_cidr_block,
                    "destination-ipv6-cidr-block" => route.destination_ipv6_cidr_block,
                    "destination-prefix-list-id" => route.destination_prefix_list_id,
                    "egress-only-internet-gateway-id" => route.egress_only_internet_gateway_id,
                    "gateway-id" => route.gateway_id,
                    "instance-id" => route.instance_id,
                    "nat-gateway-id" => route.nat_gateway_id,
                    "origin" => route.origin.map(|origin| origin.as_str().to_owned()),
                    "state" => route.state.map(|state| state.as_str().to_owned()),
                    "transit-gateway-id" => route.transit_gateway_id,
                    "vpc-peering-connection-id" => route.vpc_peering_connection_id,
                    _ => None,
                };
                value.iter().for_each(|value| found(value));
            }
            return;
        }
        if let Some(field) = name.strip_prefix("association.") {
            for association in associations::shapes(self.table) {
                let value = match field {
                    "gateway-id" => association.gateway_id,
                    "main" => association.main.map(|main| boolean(main).to_owned()),
                    "route-table-association-id" => association.route_table_association_id,
                    "route-table-id" => association.route_table_id,
                    "subnet-id" => association.subnet_id,
                    _ => None,
                };
                value.iter().for_each(|value| found(value));
            }
            return;
        }
        match name {
            "owner-id" => found(self.context.account().as_str()),
            "route-table-id" => found(&self.table.id.to_string()),
            "vpc-id" => found(&self.table.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags_of_table())
    }
}

pub(super) fn describe_route_tables(
    context: &Context,
    view: &View<'_>,
    request: DescribeRouteTablesRequest,
) -> Result<DescribeRouteTablesResult, ApiError> {
    let asked =
        Listing::paged(&request.route_table_ids, &request.filters, request.max_results, request.next_token.as_deref())
            .limits(5, 100);
    let tables = view.tables();
    let (rows, next_token) = list::<RouteTable, _>(tables, asked, |table| Row::new(context, tables, table))?;
    Ok(DescribeRouteTablesResult { next_token, route_tables: rows.iter().map(Row::shape).collect() })
}
