//! Which route table decides about what comes from an attachment.

use ec2_shapes::{
    AssociateTransitGatewayRouteTableRequest, AssociateTransitGatewayRouteTableResult,
    DisassociateTransitGatewayRouteTableRequest, DisassociateTransitGatewayRouteTableResult,
    GetTransitGatewayRouteTableAssociationsRequest, GetTransitGatewayRouteTableAssociationsResult,
    TransitGatewayAssociation, TransitGatewayAssociationState, TransitGatewayAttachmentResourceType,
    TransitGatewayRouteTableAssociation,
};

use super::{find_attachment, find_table, ready_pair};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{Tags, TransitAssociation, TransitAssociationState, TransitGatewayAttachment};
use crate::transaction::Transaction;
use crate::view::View;

pub(in crate::actions) fn associate_transit_gateway_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateTransitGatewayRouteTableRequest,
) -> Result<AssociateTransitGatewayRouteTableResult, ApiError> {
    let (table, mut attachment) =
        ready_pair(tx, &request.transit_gateway_route_table_id, &request.transit_gateway_attachment_id)?;
    if attachment.association.is_some() {
        let message = format!("Transit Gateway Attachment {} is already associated to a route table.", attachment.id);
        return Err(ApiError::new("Resource.AlreadyAssociated", message));
    }
    let state = TransitAssociationState::Associating;
    let association = TransitAssociation { table: table.id, state, since: context.now };
    attachment.association = Some(association);
    tx.put(attachment.clone());
    Ok(AssociateTransitGatewayRouteTableResult { association: Some(shape(&attachment, association)) })
}

/// From here on nothing that comes from the attachment is routed.
pub(in crate::actions) fn disassociate_transit_gateway_route_table(
    context: &Context,
    tx: &mut Transaction,
    request: DisassociateTransitGatewayRouteTableRequest,
) -> Result<DisassociateTransitGatewayRouteTableResult, ApiError> {
    let table = find_table(tx, &request.transit_gateway_route_table_id)?.id;
    let mut attachment = find_attachment(tx, &request.transit_gateway_attachment_id)?;
    let Some(association) = attachment.association.filter(|it| it.table == table) else {
        let message = format!("Transit Gateway Attachment {} is not associated with {table}.", attachment.id);
        return Err(ApiError::new("InvalidAssociation.NotFound", message));
    };
    let state = TransitAssociationState::Disassociating;
    let association = match association.state {
        TransitAssociationState::Disassociating => association,
        _ => TransitAssociation { state, since: context.now, ..association },
    };
    attachment.association = Some(association);
    tx.put(attachment.clone());
    Ok(DisassociateTransitGatewayRouteTableResult { association: Some(shape(&attachment, association)) })
}

fn shape(attachment: &TransitGatewayAttachment, association: TransitAssociation) -> TransitGatewayAssociation {
    TransitGatewayAssociation {
        resource_id: Some(attachment.vpc.to_string()),
        resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
        state: TransitGatewayAssociationState::from_wire(association.state.as_str()),
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        transit_gateway_route_table_id: Some(association.table.to_string()),
    }
}

pub(in crate::actions) fn get_transit_gateway_route_table_associations(
    _: &Context,
    view: &View<'_>,
    request: GetTransitGatewayRouteTableAssociationsRequest,
) -> Result<GetTransitGatewayRouteTableAssociationsResult, ApiError> {
    let tables = view.tables();
    let table = find_table(tables, &request.transit_gateway_route_table_id)?.id;
    let filters = Filters::new::<AttachmentRow<'_>>(&request.filters)?;
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let of_table = tables.transit_gateway_attachments.values().filter_map(|attachment| {
        let association = attachment.association.filter(|it| it.table == table)?;
        Some((attachment.id.to_string(), AttachmentRow { attachment, state: association.state.as_str() }))
    });
    let (found, next_token) = rows(of_table, &filters, asked)?;
    let association = |row: &AttachmentRow<'_>| TransitGatewayRouteTableAssociation {
        resource_id: Some(row.attachment.vpc.to_string()),
        resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
        state: TransitGatewayAssociationState::from_wire(row.state),
        transit_gateway_attachment_id: Some(row.attachment.id.to_string()),
    };
    let associations = found.iter().map(association).collect();
    Ok(GetTransitGatewayRouteTableAssociationsResult { associations, next_token })
}

/// An attachment as the filters of a table's associations and propagations see it.
pub(super) struct AttachmentRow<'a> {
    pub attachment: &'a TransitGatewayAttachment,
    /// The state of its association or propagation.
    pub state: &'static str,
}

impl Filterable for AttachmentRow<'_> {
    const NAMES: &'static [&'static str] = &["resource-id", "resource-type", "transit-gateway-attachment-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "resource-id" => found(&self.attachment.vpc.to_string()),
            "resource-type" => found(TransitGatewayAttachmentResourceType::Vpc.as_str()),
            "transit-gateway-attachment-id" => found(&self.attachment.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
