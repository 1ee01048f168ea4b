//! Virtual private gateways, and whether route tables take over their routes.
//!
//! A gateway has no connections here, so no routes come from it and no packet passes; everything about it is state, as it
//! is on AWS before a connection is made.

#[cfg(test)]
mod tests;

use ec2_shapes::{
    AttachVpnGatewayRequest, AttachVpnGatewayResult, AttachmentStatus, CreateVpnGatewayRequest, CreateVpnGatewayResult,
    DeleteVpnGatewayRequest, DescribeVpnGatewaysRequest, DescribeVpnGatewaysResult, DetachVpnGatewayRequest,
    DisableVgwRoutePropagationRequest, EnableVgwRoutePropagationRequest, GatewayType, VpcAttachment, VpnState,
};
use types::{AvailabilityZone, Region, VpcId, VpnGatewayId};

use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{GatewayState, RouteTable, Tags, Vpc, VpnAttachment, VpnAttachmentState, VpnGateway};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// The BGP number of a gateway's own side unless the request says another.
const DEFAULT_ASN: i64 = 64_512;

pub(super) fn create_vpn_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateVpnGatewayRequest,
) -> Result<CreateVpnGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["vpn-gateway"])?;
    let Some(GatewayType::Ipsec1) = request.r#type else { return Err(ApiError::missing("Type")) };
    let amazon_side_asn = request.amazon_side_asn.unwrap_or(DEFAULT_ASN);
    if !matches!(amazon_side_asn, 64_512..=65_534 | 4_200_000_000..=4_294_967_294) {
        return Err(ApiError::invalid_value(format!(
            "Value ({amazon_side_asn}) for parameter amazonSideAsn is invalid. It must be in the range 64512 to 65534 or \
             4200000000 to 4294967294."
        )));
    }
    let zone = request.availability_zone.as_deref().map(|text| zone(context, text)).transpose()?;
    let present = tx.vpn_gateways.values().filter(|gateway| gateway.state != GatewayState::Deleted).count();
    quotas::check(context, Quota::VpnGateways, present)?;
    let gateway = VpnGateway {
        id: VpnGatewayId::from_number(context.id_number()),
        amazon_side_asn,
        zone,
        state: GatewayState::Available,
        since: context.now,
        attachment: None,
    };
    tx.put(gateway.clone());
    tags.put(tx, "vpn-gateway", gateway.id);
    Ok(CreateVpnGatewayResult { vpn_gateway: Some(Row { tables: tx, gateway: &gateway }.to_shape()) })
}

fn zone(context: &Context, text: &str) -> Result<AvailabilityZone, ApiError> {
    let is_ours =
        |zone: &AvailabilityZone| zone.region == context.region && Region::ZONE_LETTERS.contains(&zone.letter);
    let invalid = || ApiError::invalid_value(format!("Invalid availability zone: [{text}]"));
    text.parse().ok().filter(is_ours).ok_or_else(invalid)
}

/// The gateway with this id, unless it was deleted.
fn find(tables: &Tables, text: &str) -> Result<VpnGateway, ApiError> {
    let gateway = get::<VpnGateway>(tables, text)?;
    match gateway.state {
        GatewayState::Deleted => Err(VpnGateway::KIND.not_found(&[text])),
        GatewayState::Available => Ok(VpnGateway::clone(gateway)),
    }
}

pub(super) fn attach_vpn_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: AttachVpnGatewayRequest,
) -> Result<AttachVpnGatewayResult, ApiError> {
    let gateway = find(tx, &request.vpn_gateway_id)?;
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    let current = gateway.attachment.as_ref().filter(|it| it.state != VpnAttachmentState::Detached);
    let is_attached = match current {
        Some(it) => it.vpc == vpc && it.state != VpnAttachmentState::Detaching,
        None => false,
    };
    if let Some(current) = current.filter(|_| is_attached) {
        return Ok(AttachVpnGatewayResult { vpc_attachment: Some(attachment_shape(current)) });
    }
    if current.is_some() {
        let message = format!("The vpnGateway '{}' is attached to a VPC already.", gateway.id);
        return Err(ApiError::new("VpnGatewayAttachmentLimitExceeded", message));
    }
    if tx.vpn_gateways.values().any(|other| other.vpc() == Some(vpc)) {
        let message = "The specified VPC already has a virtual private gateway attached to it.";
        return Err(ApiError::new("InvalidVpcState", message));
    }
    let attachment = VpnAttachment { vpc, state: VpnAttachmentState::Attaching, since: context.now };
    let vpc_attachment = Some(attachment_shape(&attachment));
    tx.put(VpnGateway { attachment: Some(attachment), ..gateway });
    Ok(AttachVpnGatewayResult { vpc_attachment })
}

pub(super) fn detach_vpn_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: DetachVpnGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = find(tx, &request.vpn_gateway_id)?;
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    if gateway.vpc() != Some(vpc) {
        let message = format!("The attachment with vpn gateway ID '{}' and vpc ID '{vpc}' does not exist", gateway.id);
        return Err(ApiError::new("InvalidVpnGatewayAttachment.NotFound", message));
    }
    if gateway.attachment.as_ref().is_some_and(|it| it.state == VpnAttachmentState::Detaching) {
        return Ok(());
    }
    // Tables take routes over only from a gateway of their own VPC.
    for table in tables_propagating(tx, gateway.id) {
        set_propagation(tx, &table, gateway.id, false);
    }
    let attachment = Some(VpnAttachment { vpc, state: VpnAttachmentState::Detaching, since: context.now });
    tx.put(VpnGateway { attachment, ..gateway });
    Ok(())
}

pub(super) fn delete_vpn_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteVpnGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = find(tx, &request.vpn_gateway_id)?;
    if let Some(vpc) = gateway.vpc() {
        let message = format!("The vpnGateway '{}' is attached to the VPC '{vpc}'. Detach it first.", gateway.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    tx.put(VpnGateway { state: GatewayState::Deleted, since: context.now, attachment: None, ..gateway });
    Ok(())
}

fn tables_propagating(tables: &Tables, gateway: VpnGatewayId) -> Vec<RouteTable> {
    let takes_over = |table: &&std::sync::Arc<RouteTable>| table.propagating_vgws.contains(&gateway);
    tables.route_tables.values().filter(takes_over).map(|table| RouteTable::clone(table)).collect()
}

fn set_propagation(tx: &mut Transaction, table: &RouteTable, gateway: VpnGatewayId, wanted: bool) {
    let mut table = table.clone();
    let changed = if wanted { table.propagating_vgws.insert(gateway) } else { table.propagating_vgws.remove(&gateway) };
    if changed {
        tx.put(table);
    }
}

/// The gateway and the table of a request about propagation.
fn propagation(tables: &Tables, gateway: &str, table: &str) -> Result<(VpnGateway, RouteTable), ApiError> {
    let id: VpnGatewayId = gateway.parse().map_err(|_| VpnGateway::KIND.malformed(gateway))?;
    let found = tables.vpn_gateways.get(&id).filter(|it| it.state != GatewayState::Deleted).ok_or_else(|| {
        ApiError::new("InvalidGatewayID.NotFound", format!("The gateway ID '{gateway}' does not exist"))
    })?;
    Ok((VpnGateway::clone(found), RouteTable::clone(get::<RouteTable>(tables, table)?)))
}

pub(super) fn enable_vgw_route_propagation(
    _: &Context,
    tx: &mut Transaction,
    request: EnableVgwRoutePropagationRequest,
) -> Result<(), ApiError> {
    let (gateway, table) = propagation(tx, &request.gateway_id, &request.route_table_id)?;
    let serves = |vpc: VpcId| gateway.vpc() == Some(vpc) && !is_detaching(&gateway);
    if !serves(table.vpc) {
        let message = format!("resource {} is not attached to network {}", gateway.id, table.vpc);
        return Err(ApiError::new("Gateway.NotAttached", message));
    }
    set_propagation(tx, &table, gateway.id, true);
    Ok(())
}

fn is_detaching(gateway: &VpnGateway) -> bool {
    gateway.attachment.as_ref().is_some_and(|it| it.state == VpnAttachmentState::Detaching)
}

pub(super) fn disable_vgw_route_propagation(
    _: &Context,
    tx: &mut Transaction,
    request: DisableVgwRoutePropagationRequest,
) -> Result<(), ApiError> {
    let (gateway, table) = propagation(tx, &request.gateway_id, &request.route_table_id)?;
    set_propagation(tx, &table, gateway.id, false);
    Ok(())
}

pub(super) fn describe_vpn_gateways(
    _: &Context,
    view: &View<'_>,
    request: DescribeVpnGatewaysRequest,
) -> Result<DescribeVpnGatewaysResult, ApiError> {
    let asked = Listing::whole(&request.vpn_gateway_ids, &request.filters);
    let (rows, _) = list::<VpnGateway, _>(view.tables(), asked, |gateway| Row { tables: view.tables(), gateway })?;
    Ok(DescribeVpnGatewaysResult { vpn_gateways: rows.iter().map(Row::to_shape).collect() })
}

fn attachment_shape(attachment: &VpnAttachment) -> VpcAttachment {
    VpcAttachment {
        state: AttachmentStatus::from_wire(attachment.state.as_str()),
        vpc_id: Some(attachment.vpc.to_string()),
    }
}

struct Row<'a> {
    tables: &'a Tables,
    gateway: &'a VpnGateway,
}

impl Row<'_> {
    fn to_shape(&self) -> ec2_shapes::VpnGateway {
        let gateway = self.gateway;
        ec2_shapes::VpnGateway {
            amazon_side_asn: Some(gateway.amazon_side_asn),
            availability_zone: gateway.zone.as_ref().map(ToString::to_string),
            state: VpnState::from_wire(gateway.state.as_str()),
            tags: tagging::to_shape(self.tables.tags_of(&gateway.id.to_string())),
            r#type: Some(GatewayType::Ipsec1),
            vpc_attachments: gateway.attachment.iter().map(attachment_shape).collect(),
            vpn_gateway_id: Some(gateway.id.to_string()),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "amazon-side-asn",
        "attachment.state",
        "attachment.vpc-id",
        "availability-zone",
        "state",
        "type",
        "vpn-gateway-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let gateway = self.gateway;
        match name {
            "amazon-side-asn" => found(&gateway.amazon_side_asn.to_string()),
            "attachment.state" => gateway.attachment.iter().for_each(|it| found(it.state.as_str())),
            "attachment.vpc-id" => gateway.attachment.iter().for_each(|it| found(&it.vpc.to_string())),
            "availability-zone" => gateway.zone.iter().for_each(|zone| found(&zone.to_string())),
            "state" => found(gateway.state.as_str()),
            "type" => found(GatewayType::Ipsec1.as_str()),
            "vpn-gateway-id" => found(&gateway.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.gateway.id.to_string()))
    }
}
