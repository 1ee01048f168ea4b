//! Internet gateways and egress-only internet gateways.
//!
//! Rules as the VPC guide's pages on the two give them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ec2_shapes::{
    AttachInternetGatewayRequest, AttachmentStatus, CreateEgressOnlyInternetGatewayRequest,
    CreateEgressOnlyInternetGatewayResult, CreateInternetGatewayRequest, CreateInternetGatewayResult,
    DeleteEgressOnlyInternetGatewayRequest, DeleteEgressOnlyInternetGatewayResult, DeleteInternetGatewayRequest,
    DescribeEgressOnlyInternetGatewaysRequest, DescribeEgressOnlyInternetGatewaysResult,
    DescribeInternetGatewaysRequest, DescribeInternetGatewaysResult, DetachInternetGatewayRequest,
    InternetGatewayAttachment,
};
use types::{EgressOnlyInternetGatewayId, InternetGatewayId, VpcId};

use crate::context::Context;
use crate::dependencies::check_unused;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{EgressOnlyInternetGateway, InternetGateway, Tags, Vpc};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

pub(super) fn create_internet_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateInternetGatewayRequest,
) -> Result<CreateInternetGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["internet-gateway"])?;
    quotas::check(context, Quota::InternetGateways, tx.internet_gateways.len())?;
    let gateway = InternetGateway { id: InternetGatewayId::from_number(context.id_number()), vpc: None };
    tx.put(gateway.clone());
    tags.put(tx, "internet-gateway", gateway.id);
    let shape = InternetGatewayRow::new(context, tx, &gateway).to_shape();
    Ok(CreateInternetGatewayResult { internet_gateway: Some(shape) })
}

pub(super) fn attach_internet_gateway(
    _: &Context,
    tx: &mut Transaction,
    request: AttachInternetGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = get::<InternetGateway>(tx, &request.internet_gateway_id)?;
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    if let Some(network) = gateway.vpc {
        let message = format!("resource {} is already attached to network {network}", gateway.id);
        return Err(ApiError::new("Resource.AlreadyAssociated", message));
    }
    if tx.internet_gateways.values().any(|other| other.vpc == Some(vpc)) {
        return Err(ApiError::invalid_value(format!("Network {vpc} already has an internet gateway attached")));
    }
    let id = gateway.id;
    tx.put(InternetGateway { id, vpc: Some(vpc) });
    Ok(())
}

pub(super) fn detach_internet_gateway(
    _: &Context,
    tx: &mut Transaction,
    request: DetachInternetGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = get::<InternetGateway>(tx, &request.internet_gateway_id)?;
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    let id = gateway.id;
    if gateway.vpc != Some(vpc) {
        let message = format!("resource {id} is not attached to network {vpc}");
        return Err(ApiError::new("Gateway.NotAttached", message));
    }
    if has_public_addresses(tx, vpc) {
        return Err(ApiError::dependency(format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
             the gateway."
        )));
    }
    tx.put(InternetGateway { id, vpc: None });
    Ok(())
}

/// Whether a private address in the VPC is reached by a public one.
fn has_public_addresses(tables: &Tables, vpc: VpcId) -> bool {
    tables.interfaces.values().any(|interface| interface.vpc == vpc && interface.public_addresses().next().is_some())
}

pub(super) fn delete_internet_gateway(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteInternetGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = Arc::clone(get::<InternetGateway>(tx, &request.internet_gateway_id)?);
    let (id, key) = (gateway.id, Key::InternetGateway(gateway.id));
    let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
    if gateway.vpc.is_some() {
        return Err(ApiError::dependency(message));
    }
    check_unused(tx, &key, message)?;
    tx.delete(key);
    Ok(())
}

pub(super) fn describe_internet_gateways(
    context: &Context,
    view: &View<'_>,
    request: DescribeInternetGatewaysRequest,
) -> Result<DescribeInternetGatewaysResult, ApiError> {
    let (max_results, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.internet_gateway_ids, &request.filters, max_results, token);
    let row = |gateway| InternetGatewayRow::new(context, view.tables(), gateway);
    let (rows, next_token) = list(view.tables(), asked, row)?;
    let internet_gateways = rows.iter().map(InternetGatewayRow::to_shape).collect();
    Ok(DescribeInternetGatewaysResult { internet_gateways, next_token })
}

struct InternetGatewayRow<'a> {
    gateway: &'a InternetGateway,
    owner: &'a str,
    tags: &'a Tags,
}

impl<'a> InternetGatewayRow<'a> {
    fn new(context: &'a Context, tables: &'a Tables, gateway: &'a InternetGateway) -> Self {
        Self { gateway, owner: context.account().as_str(), tags: tables.tags_of(&gateway.id.to_string()) }
    }

    fn to_shape(&self) -> ec2_shapes::InternetGateway {
        let attachment = |vpc: VpcId| InternetGatewayAttachment {
            state: Some(AttachmentStatus::Available),
            vpc_id: Some(vpc.to_string()),
        };
        ec2_shapes::InternetGateway {
            attachments: self.gateway.vpc.map(attachment).into_iter().collect(),
            internet_gateway_id: Some(self.gateway.id.to_string()),
            owner_id: Some(self.owner.to_owned()),
            tags: tagging::to_shape(self.tags),
        }
    }
}

impl Filterable for InternetGatewayRow<'_> {
    const NAMES: &'static [&'static str] =
        &["attachment.state", "attachment.vpc-id", "internet-gateway-id", "owner-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match (name, self.gateway.vpc) {
            ("attachment.state", Some(_)) => found(AttachmentStatus::Available.as_str()),
            ("attachment.vpc-id", Some(vpc)) => found(&vpc.to_string()),
            ("internet-gateway-id", _) => found(&self.gateway.id.to_string()),
            ("owner-id", _) => found(self.owner),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

/// The name of the action in client tokens.
const CREATE_EGRESS_ONLY: &str = "CreateEgressOnlyInternetGateway";

pub(super) fn create_egress_only_internet_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateEgressOnlyInternetGatewayRequest,
) -> Result<CreateEgressOnlyInternetGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["egress-only-internet-gateway"])?;
    let token = request.client_token.clone().unwrap_or_default();
    let parameters = idempotency::digest(&request);
    let earlier = idempotency::check(context, tx, CREATE_EGRESS_ONLY, "", &token, &parameters)?;
    let earlier: Option<EgressOnlyInternetGatewayId> = earlier.and_then(|id| id.parse().ok());
    let gateway = match earlier.and_then(|id| tx.egress_only_internet_gateways.get(&id)) {
        Some(made) => EgressOnlyInternetGateway::clone(made),
        None => {
            let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
            let present = &tx.egress_only_internet_gateways;
            if present.values().any(|other| other.vpc == vpc) {
                let message = format!("Network {vpc} already has an egress-only internet gateway attached");
                return Err(ApiError::invalid_value(message));
            }
            quotas::check(context, Quota::EgressOnlyInternetGateways, present.len())?;
            let id = EgressOnlyInternetGatewayId::from_number(context.id_number());
            let gateway = EgressOnlyInternetGateway { id, vpc };
            tx.put(gateway.clone());
            tags.put(tx, "egress-only-internet-gateway", id);
            idempotency::remember(context, tx, CREATE_EGRESS_ONLY, "", &token, parameters, id.to_string());
            gateway
        }
    };
    let shape = EgressOnlyRow::new(tx, &gateway).to_shape();
    Ok(CreateEgressOnlyInternetGatewayResult {
        client_token: request.client_token,
        egress_only_internet_gateway: Some(shape),
    })
}

pub(super) fn delete_egress_only_internet_gateway(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteEgressOnlyInternetGatewayRequest,
) -> Result<DeleteEgressOnlyInternetGatewayResult, ApiError> {
    let id = get::<EgressOnlyInternetGateway>(tx, &request.egress_only_internet_gateway_id)?.id;
    tx.delete(Key::EgressOnlyInternetGateway(id));
    Ok(DeleteEgressOnlyInternetGatewayResult { return_code: Some(true) })
}

pub(super) fn describe_egress_only_internet_gateways(
    _: &Context,
    view: &View<'_>,
    request: DescribeEgressOnlyInternetGatewaysRequest,
) -> Result<DescribeEgressOnlyInternetGatewaysResult, ApiError> {
    let (max_results, token) = (request.max_results, request.next_token.as_deref());
    let asked = Listing::paged(&request.egress_only_internet_gateway_ids, &request.filters, max_results, token);
    let row = |gateway| EgressOnlyRow::new(view.tables(), gateway);
    let (rows, next_token) = list(view.tables(), asked.limits(5, 255), row)?;
    let egress_only_internet_gateways = rows.iter().map(EgressOnlyRow::to_shape).collect();
    Ok(DescribeEgressOnlyInternetGatewaysResult { egress_only_internet_gateways, next_token })
}

struct EgressOnlyRow<'a> {
    gateway: &'a EgressOnlyInternetGateway,
    tags: &'a Tags,
}

impl<'a> EgressOnlyRow<'a> {
    fn new(tables: &'a Tables, gateway: &'a EgressOnlyInternetGateway) -> Self {
        Self { gateway, tags: tables.tags_of(&gateway.id.to_string()) }
    }

    fn to_shape(&self) -> ec2_shapes::EgressOnlyInternetGateway {
        ec2_shapes::EgressOnlyInternetGateway {
            attachments: vec![InternetGatewayAttachment {
                state: Some(AttachmentStatus::Attached),
                vpc_id: Some(self.gateway.vpc.to_string()),
            }],
            egress_only_internet_gateway_id: Some(self.gateway.id.to_string()),
            tags: tagging::to_shape(self.tags),
        }
    }
}

/// Tags alone: the model documents no other filter.
impl Filterable for EgressOnlyRow<'_> {
    const NAMES: &'static [&'static str] = &[];

    fn values(&self, _: &str, _: &mut dyn FnMut(&str)) {}

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}
