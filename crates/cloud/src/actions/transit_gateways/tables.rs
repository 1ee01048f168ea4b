//! Route tables of transit gateways.

use ec2_shapes::{
    CreateTransitGatewayRouteTableRequest, CreateTransitGatewayRouteTableResult, DeleteTransitGatewayRouteTableRequest,
    DeleteTransitGatewayRouteTableResult, DescribeTransitGatewayRouteTablesRequest,
    DescribeTransitGatewayRouteTablesResult,
};
use types::{TransitGatewayId, TransitGatewayRouteTableId};

use super::{find_table, ready_gateway};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{Tags, TransitGatewayAttachment, TransitGatewayRouteTable, TransitTableState};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

const RESOURCE_TYPE: &str = "transit-gateway-route-table";

/// Makes a table without routes.
pub(super) fn new_table(
    context: &Context,
    tx: &mut Transaction,
    gateway: TransitGatewayId,
) -> TransitGatewayRouteTableId {
    let id = TransitGatewayRouteTableId::from_number(context.id_number());
    tx.put(TransitGatewayRouteTable {
        id,
        gateway,
        routes: Default::default(),
        state: TransitTableState::Pending,
        since: context.now,
        created: context.now,
    });
    id
}

pub(in crate::actions) fn create_transit_gateway_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: CreateTransitGatewayRouteTableRequest,
) -> Result<CreateTransitGatewayRouteTableResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let gateway = ready_gateway(tx, &request.transit_gateway_id)?.id;
    let of_gateway = |it: &&std::sync::Arc<TransitGatewayRouteTable>| {
        it.gateway == gateway && it.state != TransitTableState::Deleted
    };
    let present = tx.transit_gateway_route_tables.values().filter(of_gateway).count();
    quotas::check(context, Quota::RouteTablesPerTransitGateway, present)?;
    let id = new_table(context, tx, gateway);
    tags.put(tx, RESOURCE_TYPE, id);
    let table = get::<TransitGatewayRouteTable>(tx, &id.to_string())?;
    let transit_gateway_route_table = Some(Row { tables: tx, table }.shape());
    Ok(CreateTransitGatewayRouteTableResult { transit_gateway_route_table })
}

/// Static routes and propagations go with a table; associations and being a default hold it.
pub(in crate::actions) fn delete_transit_gateway_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteTransitGatewayRouteTableRequest,
) -> Result<DeleteTransitGatewayRouteTableResult, ApiError> {
    let mut table = find_table(tx, &request.transit_gateway_route_table_id)?;
    let row = Row { tables: tx, table: &table };
    let default = [(row.is_default_association(), "association"), (row.is_default_propagation(), "propagation")];
    if let Some((_, what)) = default.into_iter().find(|(is_default, _)| *is_default) {
        let message = format!("Cannot delete {}: it is the default {what} route table of {}.", table.id, table.gateway);
        return Err(ApiError::new("IncorrectState", message));
    }
    let names = |it: &&std::sync::Arc<TransitGatewayAttachment>| it.association.is_some_and(|a| a.table == table.id);
    let held: Vec<String> = tx.transit_gateway_attachments.values().filter(names).map(|it| it.id.to_string()).collect();
    if !held.is_empty() {
        let message = format!("{} has non-deleted associations: {}.", table.id, held.join(", "));
        return Err(ApiError::new("IncorrectState", message));
    }
    if table.state != TransitTableState::Deleting {
        let propagating = |it: &&std::sync::Arc<TransitGatewayAttachment>| it.propagations.contains_key(&table.id);
        let propagating: Vec<_> = tx.transit_gateway_attachments.values().filter(propagating).cloned().collect();
        for attachment in propagating {
            let mut attachment = TransitGatewayAttachment::clone(&attachment);
            attachment.propagations.remove(&table.id);
            tx.put(attachment);
        }
        (table.state, table.since) = (TransitTableState::Deleting, context.now);
        tx.put(table.clone());
    }
    let transit_gateway_route_table = Some(Row { tables: tx, table: &table }.shape());
    Ok(DeleteTransitGatewayRouteTableResult { transit_gateway_route_table })
}

pub(in crate::actions) fn describe_transit_gateway_route_tables(
    _: &Context,
    view: &View<'_>,
    request: DescribeTransitGatewayRouteTablesRequest,
) -> Result<DescribeTransitGatewayRouteTablesResult, ApiError> {
    let tables = view.tables();
    let asked = Listing::paged(
        &request.transit_gateway_route_table_ids,
        &request.filters,
        request.max_results,
        request.next_token.as_deref(),
    );
    let (rows, next_token) = list::<TransitGatewayRouteTable, _>(tables, asked, |table| Row { tables, table })?;
    let transit_gateway_route_tables = rows.iter().map(Row::shape).collect();
    Ok(DescribeTransitGatewayRouteTablesResult { next_token, transit_gateway_route_tables })
}

/// A table as filters see it and answers show it.
struct Row<'a> {
    tables: &'a Tables,
    table: &'a TransitGatewayRouteTable,
}

impl Row<'_> {
    fn is_default_association(&self) -> bool {
        let gateway = self.tables.transit_gateways.get(&self.table.gateway);
        gateway.is_some_and(|gateway| gateway.options.association_table == Some(self.table.id))
    }

    fn is_default_propagation(&self) -> bool {
        let gateway = self.tables.transit_gateways.get(&self.table.gateway);
        gateway.is_some_and(|gateway| gateway.options.propagation_table == Some(self.table.id))
    }

    fn shape(&self) -> ec2_shapes::TransitGatewayRouteTable {
        let table = self.table;
        ec2_shapes::TransitGatewayRouteTable {
            creation_time: Some(show::moment(table.created)),
            default_association_route_table: Some(self.is_default_association()),
            default_propagation_route_table: Some(self.is_default_propagation()),
            state: ec2_shapes::TransitGatewayRouteTableState::from_wire(table.state.as_str()),
            tags: tagging::to_shape(self.tables.tags_of(&table.id.to_string())),
            transit_gateway_id: Some(table.gateway.to_string()),
            transit_gateway_route_table_id: Some(table.id.to_string()),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "default-association-route-table",
        "default-propagation-route-table",
        "state",
        "transit-gateway-id",
        "transit-gateway-route-table-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "default-association-route-table" => found(show::boolean(self.is_default_association())),
            "default-propagation-route-table" => found(show::boolean(self.is_default_propagation())),
            "state" => found(self.table.state.as_str()),
            "transit-gateway-id" => found(&self.table.gateway.to_string()),
            "transit-gateway-route-table-id" => found(&self.table.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.table.id.to_string()))
    }
}
