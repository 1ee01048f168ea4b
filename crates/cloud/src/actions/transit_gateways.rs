//! Transit gateways.
//!
//! Follows the service model and the Transit Gateways guide. Everything is of this account and region, so no attachment
//! ever waits for acceptance. The codes are those of the API reference and of clients that wait for them; where the
//! reference has none for a case (those of route tables and quotas of transit gateways), the nearest one is taken.

mod associations;
mod attachments;
mod propagations;
mod routes;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ec2_shapes::{
    AutoAcceptSharedAttachmentsValue, CreateTransitGatewayRequest, CreateTransitGatewayResult,
    DefaultRouteTableAssociationValue, DefaultRouteTablePropagationValue, DeleteTransitGatewayRequest,
    DeleteTransitGatewayResult, DescribeTransitGatewaysRequest, DescribeTransitGatewaysResult, EncryptionStateValue,
    EncryptionSupport, ModifyTransitGatewayOptions, ModifyTransitGatewayRequest, ModifyTransitGatewayResult,
    TransitGatewayRequestOptions,
};
use types::{Cidr, TransitGatewayId, TransitGatewayRouteTableId};

use self::tables::new_table;
use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{
    Tags, TransitAttachmentState, TransitGateway, TransitGatewayAttachment, TransitGatewayOptions,
    TransitGatewayRouteTable, TransitGatewayState, TransitTableState,
};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

pub(super) use self::associations::{
    associate_transit_gateway_route_table, disassociate_transit_gateway_route_table,
    get_transit_gateway_route_table_associations,
};
pub(super) use self::attachments::{
    accept_transit_gateway_vpc_attachment, create_transit_gateway_vpc_attachment,
    delete_transit_gateway_vpc_attachment, describe_transit_gateway_attachments,
    describe_transit_gateway_vpc_attachments, modify_transit_gateway_vpc_attachment,
    reject_transit_gateway_vpc_attachment,
};
pub(super) use self::propagations::{
    disable_transit_gateway_route_table_propagation, enable_transit_gateway_route_table_propagation,
    get_transit_gateway_attachment_propagations, get_transit_gateway_route_table_propagations,
};
pub(super) use self::routes::{
    create_transit_gateway_route, delete_transit_gateway_route, replace_transit_gateway_route,
    search_transit_gateway_routes,
};
pub(super) use self::tables::{
    create_transit_gateway_route_table, delete_transit_gateway_route_table, describe_transit_gateway_route_tables,
};

const RESOURCE_TYPE: &str = "transit-gateway";
/// The BGP number of a gateway's own side unless the request says another.
const DEFAULT_ASN: i64 = 64_512;

/// One of the many options that are either `enable` or `disable`, as answers write it.
fn switch(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}

/// What a request says of such an option, or else what it is otherwise.
macro_rules! is_on {
    ($option:expr, $otherwise:expr) => {
        $option.map_or($otherwise, |value| value.as_str() == "enable")
    };
}
use is_on;

fn incorrect_state(id: impl std::fmt::Display) -> ApiError {
    ApiError::new("IncorrectState", format!("{id} is in invalid state"))
}

/// The gateway with this id, unless it was deleted.
fn find_gateway(tables: &Tables, text: &str) -> Result<TransitGateway, ApiError> {
    let gateway = get::<TransitGateway>(tables, text)?;
    match gateway.state {
        TransitGatewayState::Deleted => Err(TransitGateway::KIND.not_found(&[text])),
        _ => Ok(TransitGateway::clone(gateway)),
    }
}

/// The gateway with this id, if it can be worked with.
fn ready_gateway(tables: &Tables, text: &str) -> Result<TransitGateway, ApiError> {
    let gateway = find_gateway(tables, text)?;
    if gateway.is_alive() { Ok(gateway) } else { Err(incorrect_state(gateway.id)) }
}

/// The attachment with this id, unless it was deleted.
fn find_attachment(tables: &Tables, text: &str) -> Result<TransitGatewayAttachment, ApiError> {
    let attachment = get::<TransitGatewayAttachment>(tables, text)?;
    match attachment.state {
        TransitAttachmentState::Deleted => Err(TransitGatewayAttachment::KIND.not_found(&[text])),
        _ => Ok(TransitGatewayAttachment::clone(attachment)),
    }
}

/// The attachment with this id, if it can be worked with.
fn ready_attachment(tables: &Tables, text: &str) -> Result<TransitGatewayAttachment, ApiError> {
    let attachment = find_attachment(tables, text)?;
    if attachment.is_alive() { Ok(attachment) } else { Err(incorrect_state(attachment.id)) }
}

/// The route table with this id, unless it was deleted.
fn find_table(tables: &Tables, text: &str) -> Result<TransitGatewayRouteTable, ApiError> {
    let table = get::<TransitGatewayRouteTable>(tables, text)?;
    match table.state {
        TransitTableState::Deleted => Err(TransitGatewayRouteTable::KIND.not_found(&[text])),
        _ => Ok(TransitGatewayRouteTable::clone(table)),
    }
}

/// The route table with this id, if it can be worked with.
fn ready_table(tables: &Tables, text: &str) -> Result<TransitGatewayRouteTable, ApiError> {
    let table = find_table(tables, text)?;
    if table.state == TransitTableState::Available { Ok(table) } else { Err(incorrect_state(table.id)) }
}

/// A route table and an attachment of one gateway that a request names together.
fn ready_pair(
    tables: &Tables,
    table: &str,
    attachment: &str,
) -> Result<(TransitGatewayRouteTable, TransitGatewayAttachment), ApiError> {
    let table = ready_table(tables, table)?;
    let attachment = ready_attachment(tables, attachment)?;
    check_same_gateway(&table, &attachment)?;
    Ok((table, attachment))
}

fn check_same_gateway(table: &TransitGatewayRouteTable, attachment: &TransitGatewayAttachment) -> Result<(), ApiError> {
    if table.gateway == attachment.gateway {
        return Ok(());
    }
    let (table, attachment) = (table.id, attachment.id);
    let message = format!("Transit Gateway Attachment {attachment} and {table} belong to different Transit Gateways.");
    Err(ApiError::invalid_value(message))
}

fn check_asn(asn: i64) -> Result<i64, ApiError> {
    if matches!(asn, 64_512..=65_534 | 4_200_000_000..=4_294_967_294) {
        return Ok(asn);
    }
    Err(ApiError::invalid_value(format!(
        "Value ({asn}) for parameter amazonSideAsn is invalid. It must be in the range 64512 to 65534 or 4200000000 to \
         4294967294."
    )))
}

/// Adds blocks to a gateway's own: of size /24 or larger, or /64 or larger, and none within another.
fn add_cidrs(cidrs: &mut BTreeSet<Cidr>, texts: &[String]) -> Result<(), ApiError> {
    for text in texts {
        let large_enough = |cidr: &Cidr| match cidr {
            Cidr::Ipv4(cidr) => cidr.prefix_len() <= 24,
            Cidr::Ipv6(cidr) => cidr.prefix_len() <= 64,
        };
        let cidr = text.parse::<Cidr>().ok().filter(large_enough);
        let is_free = |cidr: &Cidr| !cidrs.iter().any(|other| other.overlaps(*cidr));
        let cidr = cidr.filter(is_free).ok_or_else(|| {
            ApiError::invalid_value(format!(
                "Value ({text}) for parameter transitGatewayCidrBlocks is invalid. It must be a block of size /24 or larger \
                 for IPv4, or /64 or larger for IPv6, that overlaps no other."
            ))
        })?;
        cidrs.insert(cidr);
    }
    Ok(())
}

pub(super) fn create_transit_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateTransitGatewayRequest,
) -> Result<CreateTransitGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let mut options = read_options(&request.options.clone().unwrap_or_default())?;
    let present = tx.transit_gateways.values().filter(|it| it.state != TransitGatewayState::Deleted).count();
    quotas::check(context, Quota::TransitGateways, present)?;
    let id = TransitGatewayId::from_number(context.id_number());
    let asked = request.options.unwrap_or_default();
    let associates = is_on!(asked.default_route_table_association, true);
    let propagates = is_on!(asked.default_route_table_propagation, true);
    if associates || propagates {
        let table = new_table(context, tx, id);
        options.association_table = associates.then_some(table);
        options.propagation_table = propagates.then_some(table);
    }
    let gateway = TransitGateway {
        id,
        description: request.description.filter(|text| !text.is_empty()),
        options,
        state: TransitGatewayState::Pending,
        since: context.now,
        created: context.now,
    };
    tx.put(gateway.clone());
    tags.put(tx, RESOURCE_TYPE, id);
    Ok(CreateTransitGatewayResult { transit_gateway: Some(Row { context, tables: tx, gateway: &gateway }.shape()) })
}

/// The options that a request asks for, without the default tables.
fn read_options(asked: &TransitGatewayRequestOptions) -> Result<TransitGatewayOptions, ApiError> {
    let mut cidrs = BTreeSet::new();
    add_cidrs(&mut cidrs, &asked.transit_gateway_cidr_blocks)?;
    Ok(TransitGatewayOptions {
        amazon_side_asn: check_asn(asked.amazon_side_asn.unwrap_or(DEFAULT_ASN))?,
        auto_accept: is_on!(asked.auto_accept_shared_attachments, false),
        association_table: None,
        propagation_table: None,
        vpn_ecmp: is_on!(asked.vpn_ecmp_support, true),
        dns: is_on!(asked.dns_support, true),
        security_group_referencing: is_on!(asked.security_group_referencing_support, false),
        multicast: is_on!(asked.multicast_support, false),
        cidrs,
    })
}

pub(super) fn modify_transit_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyTransitGatewayRequest,
) -> Result<ModifyTransitGatewayResult, ApiError> {
    let mut gateway = ready_gateway(tx, &request.transit_gateway_id)?;
    if let Some(description) = request.description {
        gateway.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(asked) = &request.options {
        modify_options(&mut gateway.options, asked)?;
        modify_tables(context, tx, &mut gateway, asked)?;
    }
    gateway.state = TransitGatewayState::Modifying;
    gateway.since = context.now;
    tx.put(gateway.clone());
    Ok(ModifyTransitGatewayResult { transit_gateway: Some(Row { context, tables: tx, gateway: &gateway }.shape()) })
}

fn modify_options(options: &mut TransitGatewayOptions, asked: &ModifyTransitGatewayOptions) -> Result<(), ApiError> {
    if asked.encryption_support.is_some_and(|value| value.as_str() == "enable") {
        let message = "Encryption support is not available for this transit gateway.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    if let Some(asn) = asked.amazon_side_asn {
        options.amazon_side_asn = check_asn(asn)?;
    }
    for text in &asked.remove_transit_gateway_cidr_blocks {
        let known = text.parse::<Cidr>().is_ok_and(|cidr| options.cidrs.remove(&cidr));
        if !known {
            let message = format!("Transit Gateway CIDR block {text} does not exist.");
            return Err(ApiError::invalid_value(message));
        }
    }
    add_cidrs(&mut options.cidrs, &asked.add_transit_gateway_cidr_blocks)?;
    options.auto_accept = is_on!(asked.auto_accept_shared_attachments, options.auto_accept);
    options.vpn_ecmp = is_on!(asked.vpn_ecmp_support, options.vpn_ecmp);
    options.dns = is_on!(asked.dns_support, options.dns);
    options.security_group_referencing =
        is_on!(asked.security_group_referencing_support, options.security_group_referencing);
    Ok(())
}

/// Sets the default tables. One that is wanted without being named is the other default, or else a new one.
fn modify_tables(
    context: &Context,
    tx: &mut Transaction,
    gateway: &mut TransitGateway,
    asked: &ModifyTransitGatewayOptions,
) -> Result<(), ApiError> {
    let wishes = [
        (
            "association",
            asked.default_route_table_association.map(|value| value.as_str() == "enable"),
            show::given(&asked.association_default_route_table_id),
        ),
        (
            "propagation",
            asked.default_route_table_propagation.map(|value| value.as_str() == "enable"),
            show::given(&asked.propagation_default_route_table_id),
        ),
    ];
    let mut defaults = [gateway.options.association_table, gateway.options.propagation_table];
    for (at, (name, wanted, named)) in wishes.into_iter().enumerate() {
        if wanted == Some(false) {
            if named.is_some() {
                let message = format!("A default {name} route table cannot be named and disabled at once.");
                return Err(ApiError::invalid_combination(message));
            }
            defaults[at] = None;
        } else if let Some(named) = named {
            defaults[at] = Some(own_table(tx, gateway.id, named)?);
        } else if wanted == Some(true) && defaults[at].is_none() {
            defaults[at] = defaults[1 - at].or_else(|| Some(new_table(context, tx, gateway.id)));
        }
    }
    [gateway.options.association_table, gateway.options.propagation_table] = defaults;
    Ok(())
}

fn own_table(tables: &Tables, gateway: TransitGatewayId, text: &str) -> Result<TransitGatewayRouteTableId, ApiError> {
    let table = ready_table(tables, text)?;
    if table.gateway != gateway {
        let message = format!("Transit Gateway Route Table {} does not belong to {gateway}.", table.id);
        return Err(ApiError::invalid_value(message));
    }
    Ok(table.id)
}

pub(super) fn delete_transit_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteTransitGatewayRequest,
) -> Result<DeleteTransitGatewayResult, ApiError> {
    let mut gateway = find_gateway(tx, &request.transit_gateway_id)?;
    let holds = |it: &&std::sync::Arc<TransitGatewayAttachment>| {
        it.gateway == gateway.id && it.state != TransitAttachmentState::Deleted
    };
    let held: Vec<String> = tx.transit_gateway_attachments.values().filter(holds).map(|it| it.id.to_string()).collect();
    if !held.is_empty() {
        let message = format!("{} has non-deleted VPC Attachments: {}.", gateway.id, held.join(", "));
        return Err(ApiError::new("IncorrectState", message));
    }
    if gateway.state != TransitGatewayState::Deleting {
        (gateway.state, gateway.since) = (TransitGatewayState::Deleting, context.now);
        tx.put(gateway.clone());
        // Its tables go with it: nothing can be attached any more that they would be for.
        let of_gateway = |it: &&std::sync::Arc<TransitGatewayRouteTable>| {
            it.gateway == gateway.id && it.state != TransitTableState::Deleted
        };
        let going: Vec<_> = tx.transit_gateway_route_tables.values().filter(of_gateway).cloned().collect();
        for table in going {
            let table = TransitGatewayRouteTable::clone(&table);
            tx.put(TransitGatewayRouteTable { state: TransitTableState::Deleting, since: context.now, ..table });
        }
    }
    Ok(DeleteTransitGatewayResult { transit_gateway: Some(Row { context, tables: tx, gateway: &gateway }.shape()) })
}

pub(super) fn describe_transit_gateways(
    context: &Context,
    view: &View<'_>,
    request: DescribeTransitGatewaysRequest,
) -> Result<DescribeTransitGatewaysResult, ApiError> {
    let tables = view.tables();
    let asked = Listing::paged(
        &request.transit_gateway_ids,
        &request.filters,
        request.max_results,
        request.next_token.as_deref(),
    );
    let (rows, next_token) = list::<TransitGateway, _>(tables, asked, |gateway| Row { context, tables, gateway })?;
    Ok(DescribeTransitGatewaysResult { next_token, transit_gateways: rows.iter().map(Row::shape).collect() })
}

/// A gateway as filters see it and answers show it.
struct Row<'a> {
    context: &'a Context,
    tables: &'a Tables,
    gateway: &'a TransitGateway,
}

impl Row<'_> {
    fn shape(&self) -> ec2_shapes::TransitGateway {
        let (gateway, account) = (self.gateway, self.context.account());
        let region = &self.context.region;
        ec2_shapes::TransitGateway {
            creation_time: Some(show::moment(gateway.created)),
            description: gateway.description.clone(),
            options: Some(self.options()),
            owner_id: Some(account.to_string()),
            state: ec2_shapes::TransitGatewayState::from_wire(gateway.state.as_str()),
            tags: tagging::to_shape(self.tables.tags_of(&gateway.id.to_string())),
            transit_gateway_arn: Some(format!("arn:aws:ec2:{region}:{account}:transit-gateway/{}", gateway.id)),
            transit_gateway_id: Some(gateway.id.to_string()),
        }
    }

    fn options(&self) -> ec2_shapes::TransitGatewayOptions {
        let options = &self.gateway.options;
        let associates = switch(options.association_table.is_some());
        let propagates = switch(options.propagation_table.is_some());
        ec2_shapes::TransitGatewayOptions {
            amazon_side_asn: Some(options.amazon_side_asn),
            association_default_route_table_id: options.association_table.map(|id| id.to_string()),
            auto_accept_shared_attachments: AutoAcceptSharedAttachmentsValue::from_wire(switch(options.auto_accept)),
            default_route_table_association: DefaultRouteTableAssociationValue::from_wire(associates),
            default_route_table_propagation: DefaultRouteTablePropagationValue::from_wire(propagates),
            dns_support: ec2_shapes::DnsSupportValue::from_wire(switch(options.dns)),
            encryption_support: Some(EncryptionSupport {
                encryption_state: Some(EncryptionStateValue::Disabled),
                state_message: None,
            }),
            multicast_support: ec2_shapes::MulticastSupportValue::from_wire(switch(options.multicast)),
            propagation_default_route_table_id: options.propagation_table.map(|id| id.to_string()),
            security_group_referencing_support: ec2_shapes::SecurityGroupReferencingSupportValue::from_wire(switch(
                options.security_group_referencing,
            )),
            transit_gateway_cidr_blocks: options.cidrs.iter().map(ToString::to_string).collect(),
            vpn_ecmp_support: ec2_shapes::VpnEcmpSupportValue::from_wire(switch(options.vpn_ecmp)),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "options.amazon-side-asn",
        "options.association-default-route-table-id",
        "options.auto-accept-shared-attachments",
        "options.default-route-table-association",
        "options.default-route-table-propagation",
        "options.dns-support",
        "options.propagation-default-route-table-id",
        "options.vpn-ecmp-support",
        "owner-id",
        "state",
        "transit-gateway-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let options = &self.gateway.options;
        match name {
            "options.amazon-side-asn" => found(&options.amazon_side_asn.to_string()),
            "options.association-default-route-table-id" => {
                options.association_table.iter().for_each(|id| found(&id.to_string()));
            }
            "options.auto-accept-shared-attachments" => found(switch(options.auto_accept)),
            "options.default-route-table-association" => found(switch(options.association_table.is_some())),
            "options.default-route-table-propagation" => found(switch(options.propagation_table.is_some())),
            "options.dns-support" => found(switch(options.dns)),
            "options.propagation-default-route-table-id" => {
                options.propagation_table.iter().for_each(|id| found(&id.to_string()));
            }
            "options.vpn-ecmp-support" => found(switch(options.vpn_ecmp)),
            "owner-id" => found(self.context.account().as_str()),
            "state" => found(self.gateway.state.as_str()),
            "transit-gateway-id" => found(&self.gateway.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.gateway.id.to_string()))
    }
}
