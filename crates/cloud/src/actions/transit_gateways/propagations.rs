//! Which route tables have routes to the blocks of an attachment's VPC by themselves.

use ec2_shapes::{
    DisableTransitGatewayRouteTablePropagationRequest, DisableTransitGatewayRouteTablePropagationResult,
    EnableTransitGatewayRouteTablePropagationRequest, EnableTransitGatewayRouteTablePropagationResult,
    GetTransitGatewayAttachmentPropagationsRequest, GetTransitGatewayAttachmentPropagationsResult,
    GetTransitGatewayRouteTablePropagationsRequest, GetTransitGatewayRouteTablePropagationsResult,
    TransitGatewayAttachmentPropagation, TransitGatewayAttachmentResourceType, TransitGatewayPropagation,
    TransitGatewayPropagationState, TransitGatewayRouteTablePropagation,
};
use types::TransitGatewayRouteTableId;

use super::associations::AttachmentRow;
use super::{find_attachment, find_table, ready_pair};
use crate::actions::show::given;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{Tags, TransitGatewayAttachment, TransitPropagation, TransitPropagationState};
use crate::transaction::Transaction;
use crate::view::View;

/// The attachment that a request names; announcements are of peered gateways, of which there are none.
fn named<'r>(attachment: &'r Option<String>, announcement: &'r Option<String>) -> Result<&'r str, ApiError> {
    if let Some(announcement) = given(announcement) {
        let message = format!("Transit Gateway Route Table Announcement {announcement} was deleted or does not exist.");
        return Err(ApiError::new("InvalidTransitGatewayRouteTableAnnouncementId.NotFound", message));
    }
    given(attachment).ok_or_else(|| ApiError::missing("TransitGatewayAttachmentId"))
}

pub(in crate::actions) fn enable_transit_gateway_route_table_propagation(
    context: &Context,
    tx: &mut Transaction,
    request: EnableTransitGatewayRouteTablePropagationRequest,
) -> Result<EnableTransitGatewayRouteTablePropagationResult, ApiError> {
    let attachment =
        named(&request.transit_gateway_attachment_id, &request.transit_gateway_route_table_announcement_id)?;
    let (table, mut attachment) = ready_pair(tx, &request.transit_gateway_route_table_id, attachment)?;
    if attachment.propagations.contains_key(&table.id) {
        let message = format!("Propagation of {} to {} already exists.", attachment.id, table.id);
        return Err(ApiError::new("TransitGatewayRouteTablePropagation.Duplicate", message));
    }
    let propagation = TransitPropagation { state: TransitPropagationState::Enabling, since: context.now };
    attachment.propagations.insert(table.id, propagation);
    tx.put(attachment.clone());
    let propagation = Some(shape(&attachment, table.id, propagation));
    Ok(EnableTransitGatewayRouteTablePropagationResult { propagation })
}

/// From here on the table has no routes of the attachment's any more.
pub(in crate::actions) fn disable_transit_gateway_route_table_propagation(
    context: &Context,
    tx: &mut Transaction,
    request: DisableTransitGatewayRouteTablePropagationRequest,
) -> Result<DisableTransitGatewayRouteTablePropagationResult, ApiError> {
    let text = named(&request.transit_gateway_attachment_id, &request.transit_gateway_route_table_announcement_id)?;
    let table = find_table(tx, &request.transit_gateway_route_table_id)?.id;
    let mut attachment = find_attachment(tx, text)?;
    let Some(propagation) = attachment.propagations.get_mut(&table) else {
        let message = format!("Propagation of {} to {table} does not exist.", attachment.id);
        return Err(ApiError::new("TransitGatewayRouteTablePropagation.NotFound", message));
    };
    if propagation.state != TransitPropagationState::Disabling {
        *propagation = TransitPropagation { state: TransitPropagationState::Disabling, since: context.now };
    }
    let propagation = *propagation;
    tx.put(attachment.clone());
    let propagation = Some(shape(&attachment, table, propagation));
    Ok(DisableTransitGatewayRouteTablePropagationResult { propagation })
}

fn shape(
    attachment: &TransitGatewayAttachment,
    table: TransitGatewayRouteTableId,
    propagation: TransitPropagation,
) -> TransitGatewayPropagation {
    TransitGatewayPropagation {
        resource_id: Some(attachment.vpc.to_string()),
        resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
        state: TransitGatewayPropagationState::from_wire(propagation.state.as_str()),
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        transit_gateway_route_table_announcement_id: None,
        transit_gateway_route_table_id: Some(table.to_string()),
    }
}

pub(in crate::actions) fn get_transit_gateway_route_table_propagations(
    _: &Context,
    view: &View<'_>,
    request: GetTransitGatewayRouteTablePropagationsRequest,
) -> Result<GetTransitGatewayRouteTablePropagationsResult, ApiError> {
    let tables = view.tables();
    let table = find_table(tables, &request.transit_gateway_route_table_id)?.id;
    let filters = Filters::new::<AttachmentRow<'_>>(&request.filters)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let of_table = tables.transit_gateway_attachments.values().filter_map(|attachment| {
        let state = attachment.propagations.get(&table)?.state.as_str();
        Some((attachment.id.to_string(), AttachmentRow { attachment, state }))
    });
    let (found, next_token) = rows(of_table, &filters, asked)?;
    let propagation = |row: &AttachmentRow<'_>| TransitGatewayRouteTablePropagation {
        resource_id: Some(row.attachment.vpc.to_string()),
        resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
        state: TransitGatewayPropagationState::from_wire(row.state),
        transit_gateway_attachment_id: Some(row.attachment.id.to_string()),
        transit_gateway_route_table_announcement_id: None,
    };
    let transit_gateway_route_table_propagations = found.iter().map(propagation).collect();
    Ok(GetTransitGatewayRouteTablePropagationsResult { next_token, transit_gateway_route_table_propagations })
}

pub(in crate::actions) fn get_transit_gateway_attachment_propagations(
    _: &Context,
    view: &View<'_>,
    request: GetTransitGatewayAttachmentPropagationsRequest,
) -> Result<GetTransitGatewayAttachmentPropagationsResult, ApiError> {
    let attachment = find_attachment(view.tables(), &request.transit_gateway_attachment_id)?;
    let filters = Filters::new::<TableRow>(&request.filters)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let of_attachment = attachment
        .propagations
        .iter()
        .map(|(table, propagation)| (table.to_string(), TableRow { table: *table, state: propagation.state }));
    let (found, next_token) = rows(of_attachment, &filters, asked)?;
    let propagation = |row: &TableRow| TransitGatewayAttachmentPropagation {
        state: TransitGatewayPropagationState::from_wire(row.state.as_str()),
        transit_gateway_route_table_id: Some(row.table.to_string()),
    };
    let transit_gateway_attachment_propagations = found.iter().map(propagation).collect();
    Ok(GetTransitGatewayAttachmentPropagationsResult { next_token, transit_gateway_attachment_propagations })
}

/// A table that an attachment propagates to.
struct TableRow {
    table: TransitGatewayRouteTableId,
    state: TransitPropagationState,
}

impl Filterable for TableRow {
    const NAMES: &'static [&'static str] = &["transit-gateway-route-table-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if name == "transit-gateway-route-table-id" {
            found(&self.table.to_string());
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
