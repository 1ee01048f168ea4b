//! VPC endpoints, and the services that can be reached through them.
//!
//! Gateway endpoints are routes to what AWS's prefix lists name, and nothing else: a route table that has such a route is
//! associated with the endpoint. Endpoints of other types would need interfaces with a service behind them, which is not
//! there, so they are refused.

mod describe;
mod services;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    CreateVpcEndpointRequest, CreateVpcEndpointResult, DeleteVpcEndpointsRequest, DeleteVpcEndpointsResult,
    DnsOptionsSpecification, DnsRecordIpType, IpAddressType, ModifyVpcEndpointRequest, ModifyVpcEndpointResult,
    UnsuccessfulItem, UnsuccessfulItemError, VpcEndpointType,
};
use types::{PrefixListId, RouteTableId, VpcEndpointId, VpcId};

pub(super) use self::describe::describe_vpc_endpoints;
pub(super) use self::services::describe_vpc_endpoint_services;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::kind::Resource;
use crate::prefix_lists;
use crate::query::get;
use crate::quotas::{self, Quota};
use crate::resource::{Route, RouteDestination, RouteTable, RouteTarget, Vpc, VpcEndpoint, VpcEndpointState};
use crate::state::Tables;
use crate::tagging::NewTags;
use crate::transaction::Transaction;

/// The policy of an endpoint unless a request gives another, word for word: everybody may do everything.
const DEFAULT_POLICY: &str =
    r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

pub(super) fn create_vpc_endpoint(
    context: &Context,
    tx: &mut Transaction,
    request: CreateVpcEndpointRequest,
) -> Result<CreateVpcEndpointResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["vpc-endpoint"])?;
    check_type(&request)?;
    let token = request.client_token.as_deref();
    let id = idempotency::once(context, tx, "CreateVpcEndpoint", token, &request, |tx| {
        let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
        let name = request.service_name.as_deref().ok_or_else(|| ApiError::missing("ServiceName"))?;
        let list = prefix_lists::of_service(&context.region, name).ok_or_else(|| services::unknown(name))?;
        let policy = policy(request.policy_document.as_deref())?;
        let present = tx.vpc_endpoints.values().filter(|it| it.state == VpcEndpointState::Available).count();
        quotas::check(context, Quota::GatewayVpcEndpoints, present)?;
        let id = VpcEndpointId::from_number(context.id_number());
        for table in tables_of(tx, vpc, &request.route_table_ids)? {
            add_route(tx, table, list.id, id)?;
        }
        tx.put(VpcEndpoint {
            id,
            vpc,
            service: list.name,
            policy,
            state: VpcEndpointState::Available,
            since: context.now,
            created: context.now,
        });
        tags.put(tx, "vpc-endpoint", id);
        Ok(id.to_string())
    })?;
    let vpc_endpoint = describe::to_shape(context, tx, get::<VpcEndpoint>(tx, &id)?);
    Ok(CreateVpcEndpointResult { client_token: request.client_token, vpc_endpoint: Some(vpc_endpoint) })
}

/// Refuses what gateway endpoints do not have, and endpoints of other types.
fn check_type(request: &CreateVpcEndpointRequest) -> Result<(), ApiError> {
    match request.vpc_endpoint_type {
        None | Some(VpcEndpointType::Gateway) => {}
        Some(other) => {
            let message = format!("A VPC endpoint of the type '{other}' is not available.");
            return Err(ApiError::new("UnsupportedOperation", message));
        }
    }
    let has_interfaces = !request.subnet_ids.is_empty()
        || !request.security_group_ids.is_empty()
        || !request.subnet_configurations.is_empty()
        || request.private_dns_enabled == Some(true)
        || request.resource_configuration_arn.is_some()
        || request.service_network_arn.is_some();
    check_gateway_only(has_interfaces, request.ip_address_type, request.dns_options.as_ref())
}

fn check_gateway_only(
    has_interfaces: bool,
    ip: Option<IpAddressType>,
    dns: Option<&DnsOptionsSpecification>,
) -> Result<(), ApiError> {
    let invalid = |what: &str| Err(ApiError::new("InvalidParameter", format!("{what} for Gateway endpoints.")));
    if has_interfaces {
        return invalid("Subnets, security groups and private DNS names are not supported");
    }
    if ip.is_some_and(|ip| ip != IpAddressType::Ipv4) {
        return invalid("IpAddressType can only be ipv4");
    }
    let is_plain = |dns: &DnsOptionsSpecification| {
        matches!(dns.dns_record_ip_type, None | Some(DnsRecordIpType::Ipv4))
            && dns.private_dns_only_for_inbound_resolver_endpoint != Some(true)
            && dns.private_dns_preference.is_none()
            && dns.private_dns_specified_domains.is_empty()
    };
    if dns.is_some_and(|dns| !is_plain(dns)) {
        return invalid("DnsOptions are not supported");
    }
    Ok(())
}

/// The policy to store: what was given, if it is one, exactly as it was given.
fn policy(document: Option<&str>) -> Result<String, ApiError> {
    let Some(document) = document.filter(|document| !document.is_empty()) else { return Ok(DEFAULT_POLICY.to_owned()) };
    let parsed: Option<serde_json::Value> = serde_json::from_str(document).ok();
    match parsed.as_ref().and_then(|policy| policy.get("Statement")) {
        Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => Ok(document.to_owned()),
        _ => Err(ApiError::new("InvalidPolicyDocument", "The policy document is not a valid policy in JSON.")),
    }
}

/// The tables with these ids, all of them of the VPC.
fn tables_of(tables: &Tables, vpc: VpcId, ids: &[String]) -> Result<Vec<RouteTableId>, ApiError> {
    let find = |text: &String| {
        let table = get::<RouteTable>(tables, text)?;
        if table.vpc == vpc {
            return Ok(table.id);
        }
        let message = format!("Route table {text} and network {vpc} belong to different networks.");
        Err(ApiError::new("InvalidParameter", message))
    };
    ids.iter().map(find).collect()
}

/// Lets a table route the list to the endpoint.
fn add_route(
    tx: &mut Transaction,
    table: RouteTableId,
    list: PrefixListId,
    endpoint: VpcEndpointId,
) -> Result<(), ApiError> {
    let Some(mut table) = tx.route_tables.get(&table).map(|table| RouteTable::clone(table)) else { return Ok(()) };
    let new = Route { destination: RouteDestination::PrefixList(list), target: RouteTarget::VpcEndpoint(endpoint) };
    match table.routes.iter().find(|route| route.destination == new.destination) {
        Some(route) if route.target == new.target => Ok(()),
        Some(_) => {
            let message =
                format!("route table {} already has a route with destination-prefix-list-id {list}", table.id);
            Err(ApiError::new("RouteAlreadyExists", message))
        }
        None => {
            table.routes.push(new);
            tx.put(table);
            Ok(())
        }
    }
}

/// The tables that route to an endpoint.
fn associated(tables: &Tables, endpoint: VpcEndpointId) -> impl Iterator<Item = RouteTableId> + '_ {
    let leads_there = move |route: &Route| route.target == RouteTarget::VpcEndpoint(endpoint);
    tables.route_tables.values().filter(move |table| table.routes.iter().any(leads_there)).map(|table| table.id)
}

/// Takes the route to an endpoint out of a table.
fn remove_route(tx: &mut Transaction, table: RouteTableId, endpoint: VpcEndpointId) {
    let Some(mut table) = tx.route_tables.get(&table).map(|table| RouteTable::clone(table)) else { return };
    let before = table.routes.len();
    table.routes.retain(|route| route.target != RouteTarget::VpcEndpoint(endpoint));
    if table.routes.len() < before {
        tx.put(table);
    }
}

pub(super) fn modify_vpc_endpoint(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyVpcEndpointRequest,
) -> Result<ModifyVpcEndpointResult, ApiError> {
    let mut endpoint = VpcEndpoint::clone(get::<VpcEndpoint>(tx, &request.vpc_endpoint_id)?);
    if endpoint.state != VpcEndpointState::Available {
        return Err(VpcEndpoint::KIND.not_found(&[&request.vpc_endpoint_id]));
    }
    let has_interfaces = !request.add_subnet_ids.is_empty()
        || !request.remove_subnet_ids.is_empty()
        || !request.add_security_group_ids.is_empty()
        || !request.remove_security_group_ids.is_empty()
        || !request.subnet_configurations.is_empty()
        || request.private_dns_enabled == Some(true);
    check_gateway_only(has_interfaces, request.ip_address_type, request.dns_options.as_ref())?;
    let wants_reset = request.reset_policy == Some(true);
    if wants_reset && request.policy_document.is_some() {
        return Err(ApiError::invalid_combination(
            "The parameter ResetPolicy cannot be used with the parameter PolicyDocument",
        ));
    }
    if wants_reset || request.policy_document.is_some() {
        endpoint.policy = policy(request.policy_document.as_deref())?;
    }
    for table in tables_of(tx, endpoint.vpc, &request.remove_route_table_ids)? {
        remove_route(tx, table, endpoint.id);
    }
    let list = prefix_lists::of_service(&context.region, &endpoint.service).ok_or_else(ApiError::internal)?;
    for table in tables_of(tx, endpoint.vpc, &request.add_route_table_ids)? {
        add_route(tx, table, list.id, endpoint.id)?;
    }
    tx.put(endpoint);
    Ok(ModifyVpcEndpointResult { r#return: Some(true) })
}

pub(super) fn delete_vpc_endpoints(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteVpcEndpointsRequest,
) -> Result<DeleteVpcEndpointsResult, ApiError> {
    if request.vpc_endpoint_ids.is_empty() {
        return Err(ApiError::missing("VpcEndpointId"));
    }
    let mut unsuccessful = Vec::new();
    for text in &request.vpc_endpoint_ids {
        if let Err(error) = delete_one(context, tx, text) {
            let error = UnsuccessfulItemError { code: Some(error.code.to_owned()), message: Some(error.message) };
            unsuccessful.push(UnsuccessfulItem { error: Some(error), resource_id: Some(text.clone()) });
        }
    }
    Ok(DeleteVpcEndpointsResult { unsuccessful })
}

fn delete_one(context: &Context, tx: &mut Transaction, text: &str) -> Result<(), ApiError> {
    let id: VpcEndpointId = text.parse().map_err(|_| VpcEndpoint::KIND.malformed(text))?;
    let found = tx.vpc_endpoints.get(&id).filter(|it| it.state != VpcEndpointState::Deleted).cloned();
    // Deleting has another code than describing for an endpoint that is not there.
    let not_found =
        || ApiError::new("InvalidVpcEndpoint.NotFound", format!("The Vpc Endpoint Id '{text}' does not exist"));
    let endpoint = VpcEndpoint::clone(&*found.ok_or_else(not_found)?);
    if endpoint.state == VpcEndpointState::Deleting {
        return Ok(());
    }
    let tables: Vec<RouteTableId> = associated(tx, id).collect();
    for table in tables {
        remove_route(tx, table, id);
    }
    tx.put(VpcEndpoint { state: VpcEndpointState::Deleting, since: context.now, ..endpoint });
    Ok(())
}
