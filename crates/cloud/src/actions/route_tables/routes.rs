//! Routes of a table.

use ec2_shapes::{CreateRouteRequest, CreateRouteResult, DeleteRouteRequest, ReplaceRouteRequest};
use types::{
    Cidr, EgressOnlyInternetGatewayId, InstanceId, InternetGatewayId, Ipv4Cidr, Ipv6Cidr, NatGatewayId,
    NetworkInterfaceId, TransitGatewayId, VpcEndpointId, VpcPeeringConnectionId, VpnGatewayId,
};

use super::super::prefix_lists;
use super::super::show::given;
use super::associations::different_networks;
use crate::context::Context;
use crate::error::ApiError;
use crate::prefix_lists::weight;
use crate::query::get;
use crate::quotas::Quota;
use crate::resource::{
    AddressFamily, Instance, NetworkInterface, Route, RouteDestination, RouteTable, RouteTarget, Vpc,
    VpcPeeringConnection,
};
use crate::routing;
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::transit;

/// Blocks that no route may be for: services of every machine's host answer there.
const RESERVED: [&str; 2] = ["169.254.168.0/22", "fd00:ec2::/32"];
/// The prefix of addresses that stand for IPv4 addresses: the one IPv6 destination of NAT gateways.
const NAT64: &str = "64:ff9b::/96";

/// The parameters of a destination; exactly one may be given.
struct Destination<'r> {
    ipv4: Option<&'r str>,
    ipv6: Option<&'r str>,
    prefix_list: Option<&'r str>,
}

macro_rules! destination_of {
    ($request:ident) => {
        Destination {
            ipv4: given(&$request.destination_cidr_block),
            ipv6: given(&$request.destination_ipv6_cidr_block),
            prefix_list: given(&$request.destination_prefix_list_id),
        }
    };
}

/// Every parameter that names a target, with its name.
macro_rules! targets_of {
    ($request:ident) => {
        [
            ("carrierGatewayId", given(&$request.carrier_gateway_id)),
            ("coreNetworkArn", given(&$request.core_network_arn)),
            ("egressOnlyInternetGatewayId", given(&$request.egress_only_internet_gateway_id)),
            ("gatewayId", given(&$request.gateway_id)),
            ("instanceId", given(&$request.instance_id)),
            ("localGatewayId", given(&$request.local_gateway_id)),
            ("natGatewayId", given(&$request.nat_gateway_id)),
            ("networkInterfaceId", given(&$request.network_interface_id)),
            ("odbNetworkArn", given(&$request.odb_network_arn)),
            ("transitGatewayId", given(&$request.transit_gateway_id)),
            ("vpcEndpointId", given(&$request.vpc_endpoint_id)),
            ("vpcPeeringConnectionId", given(&$request.vpc_peering_connection_id)),
        ]
    };
}

pub(in crate::actions) fn create_route(
    context: &Context,
    tx: &mut Transaction,
    request: CreateRouteRequest,
) -> Result<CreateRouteResult, ApiError> {
    let mut table = RouteTable::clone(get::<RouteTable>(tx, &request.route_table_id)?);
    let destination = read_destination(context, tx, &destination_of!(request))?;
    let targets = targets_of!(request);
    let (name, id) = the_one(&targets)?.ok_or_else(no_target)?;
    let target = read_target(tx, &table, name, id)?;
    if routing::routes(tx, &table).iter().any(|route| route.destination == destination) {
        let message = format!("The route identified by {destination} already exists.");
        return Err(ApiError::new("RouteAlreadyExists", message));
    }
    let route = Route { destination, target };
    check(tx, &table, &route, id)?;
    table.routes.push(route);
    check_quota(context, tx, &table)?;
    tx.put(table);
    Ok(CreateRouteResult { r#return: Some(true) })
}

pub(in crate::actions) fn replace_route(
    context: &Context,
    tx: &mut Transaction,
    request: ReplaceRouteRequest,
) -> Result<(), ApiError> {
    let mut table = RouteTable::clone(get::<RouteTable>(tx, &request.route_table_id)?);
    let destination = read_destination(context, tx, &destination_of!(request))?;
    let targets = targets_of!(request);
    let to_local = request.local_target == Some(true);
    let asked = match (the_one(&targets)?, to_local) {
        (Some((name, id)), false) => Some((read_target(tx, &table, name, id)?, id)),
        (None, true) => None,
        (None, false) => return Err(no_target()),
        (Some((name, _)), true) => {
            let message = format!("The parameter localTarget cannot be used with the parameter {name}");
            return Err(ApiError::invalid_combination(message));
        }
    };
    let Some(present) = routing::routes(tx, &table).into_iter().find(|route| route.destination == destination) else {
        return Err(ApiError::invalid_value(format!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
        )));
    };
    check_not_of_endpoint(&table, &present, "replace")?;
    let is_local = is_of_vpc(tx, &table, destination);
    match asked {
        None if !is_local => {
            let message = format!("The route for '{destination}' is not a local route and has no default target.");
            return Err(ApiError::invalid_value(message));
        }
        None => table.routes.retain(|route| route.destination != destination),
        Some((target, id)) => {
            let route = Route { destination, target };
            check(tx, &table, &route, id)?;
            match table.routes.iter_mut().find(|route| route.destination == destination) {
                Some(stored) => *stored = route,
                None => table.routes.push(route),
            }
        }
    }
    tx.put(table);
    Ok(())
}

pub(in crate::actions) fn delete_route(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteRouteRequest,
) -> Result<(), ApiError> {
    let mut table = RouteTable::clone(get::<RouteTable>(tx, &request.route_table_id)?);
    let asked = destination_of!(request);
    let destination = read_destination(context, tx, &asked)?;
    if is_of_vpc(tx, &table, destination) {
        let id = table.id;
        return Err(ApiError::invalid_value(format!("cannot remove local route {destination} in route table {id}")));
    }
    let Some(at) = table.routes.iter().position(|route| route.destination == destination) else {
        let parameter = match destination {
            RouteDestination::Ipv4(_) => "destination-cidr-block",
            RouteDestination::Ipv6(_) => "destination-ipv6-cidr-block",
            RouteDestination::PrefixList(_) => "destination-prefix-list-id",
        };
        let message = format!("no route with {parameter} {destination} in route table {}", table.id);
        return Err(ApiError::new("InvalidRoute.NotFound", message));
    };
    check_not_of_endpoint(&table, &table.routes[at], "remove")?;
    table.routes.remove(at);
    tx.put(table);
    Ok(())
}

/// Routes of gateway endpoints come and go with the endpoint's own list of tables.
fn check_not_of_endpoint(table: &RouteTable, route: &Route, what: &str) -> Result<(), ApiError> {
    match route.target {
        RouteTarget::VpcEndpoint(_) => Err(ApiError::invalid_value(format!(
            "cannot {what} VPC endpoint route {} in route table {}",
            route.destination, table.id
        ))),
        _ => Ok(()),
    }
}

/// Whether the destination is a block of the table's VPC, whose route is the local one.
fn is_of_vpc(tables: &Tables, table: &RouteTable, destination: RouteDestination) -> bool {
    tables.vpcs.get(&table.vpc).is_some_and(|vpc| routing::local_destinations(vpc).any(|it| it == destination))
}

fn read_destination(context: &Context, tables: &Tables, asked: &Destination<'_>) -> Result<RouteDestination, ApiError> {
    let bad = |parameter: &str, text: &str| {
        ApiError::invalid_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."
        ))
    };
    match (asked.ipv4, asked.ipv6, asked.prefix_list) {
        (Some(text), None, None) => {
            let cidr: Ipv4Cidr = text.parse().map_err(|_| bad("destinationCidrBlock", text))?;
            Ok(cidr.into())
        }
        (None, Some(text), None) => {
            let cidr: Ipv6Cidr = text.parse().map_err(|_| bad("destinationIpv6CidrBlock", text))?;
            Ok(cidr.into())
        }
        (None, None, Some(text)) => prefix_lists::read_id(context, tables, text).map(RouteDestination::PrefixList),
        (None, None, None) => {
            Err(ApiError::missing("destinationCidrBlock or destinationIpv6CidrBlock or destinationPrefixListId"))
        }
        _ => Err(ApiError::invalid_combination(
            "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, \
             destinationPrefixListId",
        )),
    }
}

/// The target that is named; an error where there are several.
fn the_one<'r>(targets: &[(&'static str, Option<&'r str>)]) -> Result<Option<(&'static str, &'r str)>, ApiError> {
    let mut named = targets.iter().filter_map(|(name, id)| Some((*name, (*id)?)));
    let first = named.next();
    match (first, named.next()) {
        (Some((first, _)), Some((second, _))) => Err(ApiError::invalid_combination(format!(
            "The parameter {first} cannot be used with the parameter {second}"
        ))),
        _ => Ok(first),
    }
}

fn no_target() -> ApiError {
    ApiError::missing(
        "gatewayId, instanceId, networkInterfaceId, natGatewayId, egressOnlyInternetGatewayId, vpcEndpointId, \
         transitGatewayId or vpcPeeringConnectionId",
    )
}

/// The target that a parameter names: it is there, and the table's VPC can send to it.
fn read_target(tables: &Tables, table: &RouteTable, parameter: &str, text: &str) -> Result<RouteTarget, ApiError> {
    let unknown = |code, noun: &str| ApiError::new(code, format!("The {noun} '{text}' does not exist"));
    match parameter {
        "gatewayId" => gateway(tables, table, text),
        "natGatewayId" => nat_gateway(tables, table, text),
        "networkInterfaceId" => interface(table, get::<NetworkInterface>(tables, text)?),
        "instanceId" => instance(tables, table, text),
        "vpcPeeringConnectionId" => peering(tables, table, text),
        "egressOnlyInternetGatewayId" => {
            let missing = || unknown("InvalidGatewayID.NotFound", "gateway ID");
            let id: EgressOnlyInternetGatewayId = text.parse().map_err(|_| missing())?;
            let gateway = tables.egress_only_internet_gateways.get(&id).ok_or_else(missing)?;
            if gateway.vpc != table.vpc {
                return Err(different_networks(table, "network gateway", text));
            }
            Ok(RouteTarget::EgressOnlyInternetGateway(id))
        }
        "vpcEndpointId" => {
            let missing = || unknown("InvalidVpcEndpointId.NotFound", "vpcEndpoint ID");
            let id: VpcEndpointId = text.parse().map_err(|_| missing())?;
            tables.vpc_endpoints.get(&id).ok_or_else(missing)?;
            // The endpoints there are lead to S3 and DynamoDB, and put their routes into tables themselves.
            Err(ApiError::invalid_value(format!("VPC endpoint {text} is not a Gateway Load Balancer endpoint")))
        }
        "transitGatewayId" => {
            // One that the VPC is not attached to is as unknown to it as one that is not there.
            let missing = || unknown("InvalidTransitGatewayID.NotFound", "transitGateway ID");
            let id: TransitGatewayId = text.parse().map_err(|_| missing())?;
            transit::attachment_between(tables, id, table.vpc).ok_or_else(missing)?;
            Ok(RouteTarget::TransitGateway(id))
        }
        // Of these there are none, so whatever the id is, it names nothing.
        "localGatewayId" => Err(unknown("InvalidLocalGatewayID.NotFound", "localGateway ID")),
        "carrierGatewayId" => Err(unknown("InvalidCarrierGatewayID.NotFound", "carrierGateway ID")),
        "coreNetworkArn" => Err(unknown("InvalidCoreNetworkArn.NotFound", "core network ARN")),
        _ => Err(unknown("InvalidOdbNetworkArn.NotFound", "ODB network ARN")),
    }
}

/// `gatewayId` names an internet gateway or a virtual private gateway; AWS takes NAT gateways there, too.
fn gateway(tables: &Tables, table: &RouteTable, text: &str) -> Result<RouteTarget, ApiError> {
    let missing = || ApiError::new("InvalidGatewayID.NotFound", format!("The gateway ID '{text}' does not exist"));
    let (target, vpc) = if let Ok(id) = text.parse::<InternetGatewayId>() {
        (RouteTarget::InternetGateway(id), tables.internet_gateways.get(&id).ok_or_else(missing)?.vpc)
    } else if let Ok(id) = text.parse::<VpnGatewayId>() {
        (RouteTarget::VpnGateway(id), tables.vpn_gateways.get(&id).ok_or_else(missing)?.vpc())
    } else if text.parse::<NatGatewayId>().is_ok() {
        return nat_gateway(tables, table, text);
    } else {
        return Err(missing());
    };
    if vpc != Some(table.vpc) {
        return Err(different_networks(table, "network gateway", text));
    }
    Ok(target)
}

fn nat_gateway(tables: &Tables, table: &RouteTable, text: &str) -> Result<RouteTarget, ApiError> {
    use crate::resource::NatGatewayState::{Available, Pending};
    let missing =
        || ApiError::new("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{text}' does not exist"));
    let id: NatGatewayId = text.parse().map_err(|_| missing())?;
    let gateway = tables.nat_gateways.get(&id).ok_or_else(missing)?;
    if !matches!(gateway.state, Pending | Available) {
        return Err(missing());
    }
    if gateway.vpc != table.vpc {
        return Err(different_networks(table, "NAT gateway", text));
    }
    Ok(RouteTarget::NatGateway(id))
}

fn interface(table: &RouteTable, interface: &NetworkInterface) -> Result<RouteTarget, ApiError> {
    let id: NetworkInterfaceId = interface.id;
    if interface.vpc != table.vpc {
        return Err(different_networks(table, "interface", &id.to_string()));
    }
    Ok(RouteTarget::NetworkInterface(id))
}

/// An instance stands for its interface, of which it must have one alone.
fn instance(tables: &Tables, table: &RouteTable, text: &str) -> Result<RouteTarget, ApiError> {
    let instance = get::<Instance>(tables, text)?;
    let id: InstanceId = instance.id;
    let mut interfaces = tables.interfaces_of(instance);
    match (interfaces.next(), interfaces.next()) {
        (Some(only), None) => interface(table, only),
        (None, _) => Err(ApiError::new(
            "IncorrectInstanceState",
            format!("The instance '{id}' is not in a state from which it can be the target of a route."),
        )),
        _ => Err(ApiError::new(
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the \
                 operation instead."
            ),
        )),
    }
}

/// A peering connection may be a target before it is accepted: it leads nowhere until then.
fn peering(tables: &Tables, table: &RouteTable, text: &str) -> Result<RouteTarget, ApiError> {
    let peering = get::<VpcPeeringConnection>(tables, text)?;
    let id: VpcPeeringConnectionId = peering.id;
    if !peering.is_open() {
        use crate::kind::Resource;
        return Err(VpcPeeringConnection::KIND.not_found(&[text]));
    }
    if peering.peer_of(table.vpc).is_none() {
        return Err(different_networks(table, "peering connection", text));
    }
    Ok(RouteTarget::VpcPeeringConnection(id))
}

/// What must be true of a route whatever table it is in. `named` is the target as the request names it.
fn check(tables: &Tables, table: &RouteTable, route: &Route, named: &str) -> Result<(), ApiError> {
    if let Some(cidr) = route.destination.cidr() {
        check_block(tables, table, route, cidr, named)?;
    }
    if table.associations.iter().any(|association| association.gateway.is_some()) {
        check_edge(tables, table, route)?;
    }
    Ok(())
}

fn check_block(tables: &Tables, table: &RouteTable, route: &Route, cidr: Cidr, named: &str) -> Result<(), ApiError> {
    let reserved = |block: &&str| block.parse::<Cidr>().is_ok_and(|block| block.contains_cidr(cidr));
    if let Some(block) = RESERVED.iter().find(|block| reserved(block)) {
        return Err(ApiError::invalid_value(format!(
            "The destination CIDR block {cidr} is equal to or more specific than {block}, which is reserved."
        )));
    }
    match (route.target, cidr) {
        (RouteTarget::EgressOnlyInternetGateway(_), Cidr::Ipv4(_)) => {
            return Err(ApiError::invalid_value(format!("The gateway {named} supports IPv6 destinations only.")));
        }
        (RouteTarget::NatGateway(_), Cidr::Ipv6(_)) if !is_nat64(cidr) => {
            return Err(ApiError::invalid_value(format!(
                "The NAT gateway {named} supports IPv4 destinations and {NAT64} only."
            )));
        }
        _ => {}
    }
    let inside = |vpc: &Vpc| {
        routing::local_destinations(vpc).filter_map(RouteDestination::cidr).any(|block| block.contains_cidr(cidr))
    };
    if tables.vpcs.get(&table.vpc).is_some_and(|vpc| inside(vpc)) {
        check_inside(tables, table, route, cidr)?;
    }
    Ok(())
}

fn is_nat64(cidr: Cidr) -> bool {
    NAT64.parse::<Cidr>().is_ok_and(|block| block.contains_cidr(cidr))
}

/// A route for a part of the VPC is for exactly one subnet, and sends to a machine or a NAT gateway. The whole of a block,
/// whose route is the local one, may be sent to a machine.
fn check_inside(tables: &Tables, table: &RouteTable, route: &Route, cidr: Cidr) -> Result<(), ApiError> {
    if !matches!(route.target, RouteTarget::Local | RouteTarget::NetworkInterface(_) | RouteTarget::NatGateway(_)) {
        return Err(ApiError::invalid_value(
            "Route target is not supported. This route only supports interface and instance targets.",
        ));
    }
    if is_of_vpc(tables, table, route.destination) || is_of_subnet(tables, table, cidr) {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!(
        "The destination CIDR block {cidr} is more specific than one of this VPC's CIDR blocks. It must match the CIDR \
         block of a subnet exactly."
    )))
}

fn is_of_subnet(tables: &Tables, table: &RouteTable, cidr: Cidr) -> bool {
    tables.subnets.values().filter(|subnet| subnet.vpc == table.vpc).any(|subnet| {
        Cidr::Ipv4(subnet.cidr) == cidr || subnet.ipv6_cidrs.iter().any(|block| Cidr::Ipv6(block.cidr) == cidr)
    })
}

/// A table that decides for a gateway sends what comes in to the VPC or to a machine in it.
pub(super) fn check_edge(tables: &Tables, table: &RouteTable, route: &Route) -> Result<(), ApiError> {
    let is_inside = is_of_vpc(tables, table, route.destination)
        || route.destination.cidr().is_some_and(|cidr| is_of_subnet(tables, table, cidr));
    if !is_inside {
        return Err(ApiError::invalid_value(format!(
            "Route table contains unsupported route destination {}. The route destination must match the CIDR block of \
             the VPC or of a subnet.",
            route.destination
        )));
    }
    match route.target {
        RouteTarget::Local | RouteTarget::NetworkInterface(_) => Ok(()),
        _ => Err(ApiError::invalid_value(
            "Route target is not supported. This route only supports interface and instance targets.",
        )),
    }
}

/// Routes put there by hand are counted for each family; a prefix list counts as many times as it may have blocks.
pub(in crate::actions) fn check_quota(context: &Context, tables: &Tables, table: &RouteTable) -> Result<(), ApiError> {
    let size = |route: &Route| match route.destination {
        RouteDestination::Ipv4(_) => (AddressFamily::Ipv4, 1),
        RouteDestination::Ipv6(_) => (AddressFamily::Ipv6, 1),
        RouteDestination::PrefixList(id) => weight(tables, id),
    };
    let by_hand = || table.routes.iter().filter(|route| !is_of_vpc(tables, table, route.destination)).map(size);
    let count = |family| by_hand().filter(|(of, _)| *of == family).map(|(_, count)| count).sum::<usize>();
    let allowed = usize::try_from(context.config.quotas.get(Quota::RoutesPerTable)).unwrap_or(usize::MAX);
    if count(AddressFamily::Ipv4).max(count(AddressFamily::Ipv6)) > allowed {
        return Err(Quota::RoutesPerTable.exceeded());
    }
    Ok(())
}
