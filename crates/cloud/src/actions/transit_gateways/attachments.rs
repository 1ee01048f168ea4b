//! Attachments of VPCs to transit gateways.
//!
//! AWS gives an attachment an interface in each of its subnets, of its own that nobody can use; here it has none, and
//! takes no address.

use std::collections::{BTreeMap, BTreeSet};

use ec2_shapes::{
    AcceptTransitGatewayVpcAttachmentRequest, AcceptTransitGatewayVpcAttachmentResult, ApplianceModeSupportValue,
    CreateTransitGatewayVpcAttachmentRequest, CreateTransitGatewayVpcAttachmentResult,
    DeleteTransitGatewayVpcAttachmentRequest, DeleteTransitGatewayVpcAttachmentResult,
    DescribeTransitGatewayAttachmentsRequest, DescribeTransitGatewayAttachmentsResult,
    DescribeTransitGatewayVpcAttachmentsRequest, DescribeTransitGatewayVpcAttachmentsResult, DnsSupportValue,
    Ipv6SupportValue, ModifyTransitGatewayVpcAttachmentRequest, ModifyTransitGatewayVpcAttachmentResult,
    RejectTransitGatewayVpcAttachmentRequest, RejectTransitGatewayVpcAttachmentResult,
    SecurityGroupReferencingSupportValue, TransitGatewayAssociationState, TransitGatewayAttachmentAssociation,
    TransitGatewayAttachmentResourceType, TransitGatewayAttachmentState, TransitGatewayVpcAttachment,
    TransitGatewayVpcAttachmentOptions,
};
use types::{SubnetId, TransitGatewayAttachmentId, VpcId};

use super::{find_attachment, incorrect_state, is_on, ready_attachment, ready_gateway, switch};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{
    Subnet, Tags, TransitAssociation, TransitAssociationState, TransitAttachmentOptions, TransitAttachmentState,
    TransitGateway, TransitGatewayAttachment, TransitPropagation, TransitPropagationState, Vpc,
};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

const RESOURCE_TYPE: &str = "transit-gateway-attachment";

pub(in crate::actions) fn create_transit_gateway_vpc_attachment(
    context: &Context,
    tx: &mut Transaction,
    request: CreateTransitGatewayVpcAttachmentRequest,
) -> Result<CreateTransitGatewayVpcAttachmentResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let gateway = ready_gateway(tx, &request.transit_gateway_id)?;
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    let mut subnets = BTreeSet::new();
    add_subnets(tx, vpc, &mut subnets, &request.subnet_ids)?;
    if subnets.is_empty() {
        return Err(ApiError::missing("SubnetIds"));
    }
    check_place(context, tx, &gateway, vpc)?;
    let asked = request.options.unwrap_or_default();
    let options = TransitAttachmentOptions {
        dns: is_on!(asked.dns_support, true),
        security_group_referencing: is_on!(asked.security_group_referencing_support, true),
        ipv6: is_on!(asked.ipv6_support, false),
        appliance_mode: is_on!(asked.appliance_mode_support, false),
    };
    check_ipv6(tx, vpc, options)?;
    let since = context.now;
    let association = gateway.options.association_table.map(|table| TransitAssociation {
        table,
        state: TransitAssociationState::Associating,
        since,
    });
    let propagation = TransitPropagation { state: TransitPropagationState::Enabling, since };
    let attachment = TransitGatewayAttachment {
        id: TransitGatewayAttachmentId::from_number(context.id_number()),
        gateway: gateway.id,
        vpc,
        subnets,
        options,
        association,
        propagations: gateway.options.propagation_table.map(|table| (table, propagation)).into_iter().collect(),
        state: TransitAttachmentState::Pending,
        since,
        created: since,
    };
    tx.put(attachment.clone());
    tags.put(tx, RESOURCE_TYPE, attachment.id);
    let transit_gateway_vpc_attachment = Some(Row::new(context, tx, &attachment).vpc_shape());
    Ok(CreateTransitGatewayVpcAttachmentResult { transit_gateway_vpc_attachment })
}

/// Adds subnets that a request names: they are of the VPC, and no two of one zone.
fn add_subnets(
    tables: &Tables,
    vpc: VpcId,
    subnets: &mut BTreeSet<SubnetId>,
    texts: &[String],
) -> Result<(), ApiError> {
    for text in texts {
        let subnet = get::<Subnet>(tables, text)?;
        if subnet.vpc != vpc {
            let message = format!("Subnet {text} does not belong to VPC {vpc}.");
            return Err(ApiError::new("InvalidSubnet", message));
        }
        let zone = |id: &SubnetId| tables.subnets.get(id).map(|subnet| &subnet.zone);
        if subnets.iter().any(|other| zone(other) == Some(&subnet.zone)) {
            return Err(ApiError::new("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ"));
        }
        subnets.insert(subnet.id);
    }
    Ok(())
}

/// A VPC is attached to a gateway once.
fn check_place(context: &Context, tables: &Tables, gateway: &TransitGateway, vpc: VpcId) -> Result<(), ApiError> {
    let there = || {
        let all = tables.transit_gateway_attachments.values();
        all.filter(|it| it.state != TransitAttachmentState::Deleted)
    };
    if there().any(|it| it.gateway == gateway.id && it.vpc == vpc) {
        let message = format!("{} has non-deleted Transit Gateway Attachments with same VPC ID.", gateway.id);
        return Err(ApiError::new("DuplicateTransitGatewayAttachment", message));
    }
    quotas::check(context, Quota::TransitGatewaysPerVpc, there().filter(|it| it.vpc == vpc).count())?;
    let of_gateway = there().filter(|it| it.gateway == gateway.id).count();
    quotas::check(context, Quota::AttachmentsPerTransitGateway, of_gateway)
}

/// IPv6 needs blocks of it.
fn check_ipv6(tables: &Tables, vpc: VpcId, options: TransitAttachmentOptions) -> Result<(), ApiError> {
    let has_none = tables.vpcs.get(&vpc).is_none_or(|vpc| vpc.ipv6_cidrs.is_empty());
    if options.ipv6 && has_none {
        let message = format!("VPC {vpc} has no IPv6 CIDR block, which IPv6 support needs.");
        return Err(ApiError::invalid_value(message));
    }
    Ok(())
}

pub(in crate::actions) fn modify_transit_gateway_vpc_attachment(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyTransitGatewayVpcAttachmentRequest,
) -> Result<ModifyTransitGatewayVpcAttachmentResult, ApiError> {
    let mut attachment = ready_attachment(tx, &request.transit_gateway_attachment_id)?;
    for text in &request.remove_subnet_ids {
        let subnet = get::<Subnet>(tx, text)?.id;
        if !attachment.subnets.remove(&subnet) {
            let message = format!("Subnet {subnet} is not associated with {}.", attachment.id);
            return Err(ApiError::new("InvalidSubnetID.NotFound", message));
        }
    }
    add_subnets(tx, attachment.vpc, &mut attachment.subnets, &request.add_subnet_ids)?;
    if attachment.subnets.is_empty() {
        let message = format!("{} must have at least one subnet.", attachment.id);
        return Err(ApiError::new("InsufficientSubnetsException", message));
    }
    let now = attachment.options;
    let asked = request.options.unwrap_or_default();
    attachment.options = TransitAttachmentOptions {
        dns: is_on!(asked.dns_support, now.dns),
        security_group_referencing: is_on!(asked.security_group_referencing_support, now.security_group_referencing),
        ipv6: is_on!(asked.ipv6_support, now.ipv6),
        appliance_mode: is_on!(asked.appliance_mode_support, now.appliance_mode),
    };
    check_ipv6(tx, attachment.vpc, attachment.options)?;
    (attachment.state, attachment.since) = (TransitAttachmentState::Modifying, context.now);
    tx.put(attachment.clone());
    let transit_gateway_vpc_attachment = Some(Row::new(context, tx, &attachment).vpc_shape());
    Ok(ModifyTransitGatewayVpcAttachmentResult { transit_gateway_vpc_attachment })
}

/// Its association and propagations end with it at once; static routes to it lead nowhere from then on.
pub(in crate::actions) fn delete_transit_gateway_vpc_attachment(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteTransitGatewayVpcAttachmentRequest,
) -> Result<DeleteTransitGatewayVpcAttachmentResult, ApiError> {
    let mut attachment = find_attachment(tx, &request.transit_gateway_attachment_id)?;
    if attachment.state != TransitAttachmentState::Deleting {
        (attachment.association, attachment.propagations) = (None, BTreeMap::new());
        (attachment.state, attachment.since) = (TransitAttachmentState::Deleting, context.now);
        tx.put(attachment.clone());
    }
    let transit_gateway_vpc_attachment = Some(Row::new(context, tx, &attachment).vpc_shape());
    Ok(DeleteTransitGatewayVpcAttachmentResult { transit_gateway_vpc_attachment })
}

/// An attachment of the gateway's own account is never pending acceptance.
pub(in crate::actions) fn accept_transit_gateway_vpc_attachment(
    _: &Context,
    tx: &mut Transaction,
    request: AcceptTransitGatewayVpcAttachmentRequest,
) -> Result<AcceptTransitGatewayVpcAttachmentResult, ApiError> {
    Err(incorrect_state(find_attachment(tx, &request.transit_gateway_attachment_id)?.id))
}

/// An attachment of the gateway's own account is never pending acceptance.
pub(in crate::actions) fn reject_transit_gateway_vpc_attachment(
    _: &Context,
    tx: &mut Transaction,
    request: RejectTransitGatewayVpcAttachmentRequest,
) -> Result<RejectTransitGatewayVpcAttachmentResult, ApiError> {
    Err(incorrect_state(find_attachment(tx, &request.transit_gateway_attachment_id)?.id))
}

pub(in crate::actions) fn describe_transit_gateway_vpc_attachments(
    context: &Context,
    view: &View<'_>,
    request: DescribeTransitGatewayVpcAttachmentsRequest,
) -> Result<DescribeTransitGatewayVpcAttachmentsResult, ApiError> {
    let tables = view.tables();
    let asked = Listing::paged(
        &request.transit_gateway_attachment_ids,
        &request.filters,
        request.max_results,
        request.next_token.as_deref(),
    );
    let row = |attachment| VpcRow(Row::new(context, tables, attachment));
    let (rows, next_token) = list::<TransitGatewayAttachment, _>(tables, asked, row)?;
    let transit_gateway_vpc_attachments = rows.iter().map(|row| row.0.vpc_shape()).collect();
    Ok(DescribeTransitGatewayVpcAttachmentsResult { next_token, transit_gateway_vpc_attachments })
}

pub(in crate::actions) fn describe_transit_gateway_attachments(
    context: &Context,
    view: &View<'_>,
    request: DescribeTransitGatewayAttachmentsRequest,
) -> Result<DescribeTransitGatewayAttachmentsResult, ApiError> {
    let tables = view.tables();
    let asked = Listing::paged(
        &request.transit_gateway_attachment_ids,
        &request.filters,
        request.max_results,
        request.next_token.as_deref(),
    );
    let row = |attachment| Row::new(context, tables, attachment);
    let (rows, next_token) = list::<TransitGatewayAttachment, _>(tables, asked, row)?;
    let transit_gateway_attachments = rows.iter().map(Row::shape).collect();
    Ok(DescribeTransitGatewayAttachmentsResult { next_token, transit_gateway_attachments })
}

/// An attachment of any kind as filters see it and answers show it.
struct Row<'a> {
    context: &'a Context,
    tables: &'a Tables,
    attachment: &'a TransitGatewayAttachment,
}

impl<'a> Row<'a> {
    fn new(context: &'a Context, tables: &'a Tables, attachment: &'a TransitGatewayAttachment) -> Self {
        Self { context, tables, attachment }
    }

    fn own_tags(&self) -> &Tags {
        self.tables.tags_of(&self.attachment.id.to_string())
    }

    fn vpc_shape(&self) -> TransitGatewayVpcAttachment {
        let attachment = self.attachment;
        let options = attachment.options;
        TransitGatewayVpcAttachment {
            creation_time: Some(show::moment(attachment.created)),
            options: Some(TransitGatewayVpcAttachmentOptions {
                appliance_mode_support: ApplianceModeSupportValue::from_wire(switch(options.appliance_mode)),
                dns_support: DnsSupportValue::from_wire(switch(options.dns)),
                ipv6_support: Ipv6SupportValue::from_wire(switch(options.ipv6)),
                security_group_referencing_support: SecurityGroupReferencingSupportValue::from_wire(switch(
                    options.security_group_referencing,
                )),
            }),
            state: TransitGatewayAttachmentState::from_wire(attachment.state.as_str()),
            subnet_ids: attachment.subnets.iter().map(ToString::to_string).collect(),
            tags: tagging::to_shape(self.own_tags()),
            transit_gateway_attachment_id: Some(attachment.id.to_string()),
            transit_gateway_id: Some(attachment.gateway.to_string()),
            vpc_id: Some(attachment.vpc.to_string()),
            vpc_owner_id: Some(self.context.account().to_string()),
        }
    }

    fn shape(&self) -> ec2_shapes::TransitGatewayAttachment {
        let attachment = self.attachment;
        let association = attachment.association.map(|it| TransitGatewayAttachmentAssociation {
            state: TransitGatewayAssociationState::from_wire(it.state.as_str()),
            transit_gateway_route_table_id: Some(it.table.to_string()),
            ..Default::default()
        });
        ec2_shapes::TransitGatewayAttachment {
            association,
            creation_time: Some(show::moment(attachment.created)),
            resource_id: Some(attachment.vpc.to_string()),
            resource_owner_id: Some(self.context.account().to_string()),
            resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
            state: TransitGatewayAttachmentState::from_wire(attachment.state.as_str()),
            tags: tagging::to_shape(self.own_tags()),
            transit_gateway_attachment_id: Some(attachment.id.to_string()),
            transit_gateway_id: Some(attachment.gateway.to_string()),
            transit_gateway_owner_id: Some(self.context.account().to_string()),
            ..Default::default()
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "association.state",
        "association.transit-gateway-route-table-id",
        "resource-id",
        "resource-owner-id",
        "resource-type",
        "state",
        "transit-gateway-attachment-id",
        "transit-gateway-id",
        "transit-gateway-owner-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let attachment = self.attachment;
        match name {
            "association.state" => attachment.association.iter().for_each(|it| found(it.state.as_str())),
            "association.transit-gateway-route-table-id" => {
                attachment.association.iter().for_each(|it| found(&it.table.to_string()));
            }
            "resource-id" => found(&attachment.vpc.to_string()),
            "resource-owner-id" | "transit-gateway-owner-id" => found(self.context.account().as_str()),
            "resource-type" => found(TransitGatewayAttachmentResourceType::Vpc.as_str()),
            "state" => found(attachment.state.as_str()),
            "transit-gateway-attachment-id" => found(&attachment.id.to_string()),
            "transit-gateway-id" => found(&attachment.gateway.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.own_tags())
    }
}

/// The attachment of a VPC as filters see it.
struct VpcRow<'a>(Row<'a>);

impl Filterable for VpcRow<'_> {
    const NAMES: &'static [&'static str] = &["state", "transit-gateway-attachment-id", "transit-gateway-id", "vpc-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "vpc-id" => found(&self.0.attachment.vpc.to_string()),
            _ => self.0.values(name, found),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.0.own_tags())
    }
}
