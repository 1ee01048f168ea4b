//! What route tables do, through their actions.

use ec2_shapes::*;
use types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, SubnetId, Timestamp, VpcId, VpcPeeringConnectionId,
    VpnGatewayId,
};

use crate::actions::testbed::{Bed, texts};
use crate::query::Filterable;
use crate::quotas::Quota;
use crate::resource::{self, RouteTarget};
use crate::seed;
use crate::testing::{filter, shape_tags, specification};
use crate::transaction::Transaction;

macro_rules! ask {
    ($bed:expr, $action:ident, $request:expr) => {
        match $bed.ask($request).unwrap() {
            Response::$action(answer) => *answer,
            other => panic!("{other:?}"),
        }
    };
}

mod associations;

/// A VPC of its own with a table, a subnet and an attached internet gateway, beside the default VPC.
struct World {
    bed: Bed,
    vpc: VpcId,
    subnet: SubnetId,
    igw: String,
    table: String,
}

impl World {
    fn new() -> Self {
        let mut bed = Bed::new();
        let (vpc, igw, subnet) = (VpcId::from_number(7), InternetGatewayId::from_number(7), SubnetId::from_number(7));
        change(&mut bed, |tx, context| {
            let mut made = resource::Vpc::new(vpc, "10.0.0.0/16".parse().unwrap());
            made.ipv6_cidrs.push(resource::Ipv6Block {
                association: types::VpcCidrAssociationId::from_number(7),
                cidr: "2001:db8:1200::/56".parse().unwrap(),
            });
            seed::make_vpc(context, tx, made);
            let zone = context.region.zone('a');
            seed::make_subnet(context, tx, resource::Subnet::new(subnet, vpc, "10.0.1.0/24".parse().unwrap(), zone));
            tx.put(resource::InternetGateway { id: igw, vpc: Some(vpc) });
        });
        let mut world = Self { bed, vpc, subnet, igw: igw.to_string(), table: String::new() };
        world.table = world.create_table();
        world
    }

    fn create_table(&mut self) -> String {
        let request = CreateRouteTableRequest { vpc_id: self.vpc.to_string(), ..Default::default() };
        ask!(self.bed, CreateRouteTable, request).route_table.unwrap().route_table_id.unwrap()
    }

    fn described(&mut self) -> RouteTable {
        let request = DescribeRouteTablesRequest { route_table_ids: vec![self.table.clone()], ..Default::default() };
        ask!(self.bed, DescribeRouteTables, request).route_tables.remove(0)
    }

    fn route(&mut self, destination: &str) -> Route {
        let has = |route: &Route| {
            [&route.destination_cidr_block, &route.destination_ipv6_cidr_block, &route.destination_prefix_list_id]
                .into_iter()
                .any(|it| it.as_deref() == Some(destination))
        };
        self.described().routes.into_iter().find(has).unwrap()
    }

    fn to(&self, destination: &str) -> CreateRouteRequest {
        let (mut ipv4, mut ipv6, mut list) = (None, None, None);
        let text = Some(destination.to_owned());
        match destination {
            it if it.starts_with("pl-") => list = text,
            it if it.contains(':') => ipv6 = text,
            _ => ipv4 = text,
        }
        CreateRouteRequest {
            route_table_id: self.table.clone(),
            destination_cidr_block: ipv4,
            destination_ipv6_cidr_block: ipv6,
            destination_prefix_list_id: list,
            ..Default::default()
        }
    }

    fn by_gateway(&self, destination: &str, gateway: &str) -> CreateRouteRequest {
        CreateRouteRequest { gateway_id: Some(gateway.to_owned()), ..self.to(destination) }
    }

    /// An instance in the subnet with one interface, and the interface.
    fn machine(&mut self) -> (types::InstanceId, String) {
        let request = RunInstancesRequest { subnet_id: Some(self.subnet.to_string()), ..self.bed.launch(1) };
        let instance = self.bed.running_of(request);
        (instance, self.bed.interface(instance).id.to_string())
    }

    fn associate(&mut self) -> String {
        let request = AssociateRouteTableRequest {
            route_table_id: self.table.clone(),
            subnet_id: Some(self.subnet.to_string()),
            ..Default::default()
        };
        ask!(self.bed, AssociateRouteTable, request).association_id.unwrap()
    }

    fn main(&self) -> resource::RouteTable {
        let view = self.bed.view();
        let mut tables = view.route_tables.values();
        resource::RouteTable::clone(tables.find(|table| table.vpc == self.vpc && table.is_main()).unwrap())
    }
}

fn change(bed: &mut Bed, change: impl FnOnce(&mut Transaction, &crate::context::Context)) {
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    change(&mut tx, &bed.context);
    bed.state = tx.finish().1;
}

fn replace(request: CreateRouteRequest) -> ReplaceRouteRequest {
    ReplaceRouteRequest {
        route_table_id: request.route_table_id,
        destination_cidr_block: request.destination_cidr_block,
        destination_ipv6_cidr_block: request.destination_ipv6_cidr_block,
        destination_prefix_list_id: request.destination_prefix_list_id,
        gateway_id: request.gateway_id,
        instance_id: request.instance_id,
        network_interface_id: request.network_interface_id,
        ..Default::default()
    }
}

fn delete(request: CreateRouteRequest) -> DeleteRouteRequest {
    DeleteRouteRequest {
        route_table_id: request.route_table_id,
        destination_cidr_block: request.destination_cidr_block,
        destination_ipv6_cidr_block: request.destination_ipv6_cidr_block,
        destination_prefix_list_id: request.destination_prefix_list_id,
        ..Default::default()
    }
}

#[test]
fn a_new_table_has_local_routes_and_its_tags_and_a_token_makes_one() {
    let mut world = World::new();
    let request = CreateRouteTableRequest {
        vpc_id: world.vpc.to_string(),
        client_token: Some("once".to_owned()),
        tag_specifications: vec![specification("route-table", &[("Name", "mine")])],
        ..Default::default()
    };
    let made = ask!(world.bed, CreateRouteTable, request.clone());
    assert_eq!(made.client_token.as_deref(), Some("once"));
    let table = made.route_table.unwrap();
    assert_eq!(table.tags, shape_tags(&[("Name", "mine")]));
    assert_eq!((table.owner_id.as_deref(), table.associations.len()), (Some("123456789012"), 0));
    let local: Vec<_> =
        table.routes.iter().map(|route| (route.gateway_id.as_deref(), route.origin, route.state)).collect();
    let expected = (Some("local"), Some(RouteOrigin::CreateRouteTable), Some(RouteState::Active));
    assert_eq!(local, [expected, expected]);
    assert_eq!(table.routes[0].destination_cidr_block.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(table.routes[1].destination_ipv6_cidr_block.as_deref(), Some("2001:db8:1200::/56"));
    let again = ask!(world.bed, CreateRouteTable, request.clone()).route_table.unwrap();
    assert_eq!(again.route_table_id, table.route_table_id);
    let other = CreateRouteTableRequest { tag_specifications: vec![], ..request };
    assert_eq!(world.bed.error(other).0, "IdempotentParameterMismatch");
    let unknown = CreateRouteTableRequest { vpc_id: "vpc-00000000000000001".to_owned(), ..Default::default() };
    assert_eq!(world.bed.error(unknown).0, "InvalidVpcID.NotFound");
}

#[test]
fn a_target_is_shown_in_its_own_field_and_a_lost_one_is_a_black_hole() {
    let mut world = World::new();
    let (instance, interface) = world.machine();
    world.bed.ask(world.by_gateway("0.0.0.0/0", &world.igw)).unwrap();
    let through = CreateRouteRequest { instance_id: Some(instance.to_string()), ..world.to("192.168.0.9/16") };
    world.bed.ask(through).unwrap();
    let out = world.route("0.0.0.0/0");
    assert_eq!((out.gateway_id.as_ref(), out.origin), (Some(&world.igw), Some(RouteOrigin::CreateRoute)));
    assert_eq!(out.state, Some(RouteState::Active));
    let machine = world.route("192.168.0.0/16");
    assert_eq!(machine.instance_id.as_deref(), Some(instance.to_string().as_str()));
    assert_eq!(machine.instance_owner_id.as_deref(), Some("123456789012"));
    assert_eq!((machine.network_interface_id.as_ref(), machine.gateway_id), (Some(&interface), None));
    assert_eq!(machine.state, Some(RouteState::Active));

    world.bed.terminate(instance);
    let machine = world.route("192.168.0.0/16");
    assert_eq!((machine.state, machine.instance_id), (Some(RouteState::Blackhole), None));
    assert_eq!(machine.network_interface_id, Some(interface));
    let igw: InternetGatewayId = world.igw.parse().unwrap();
    change(&mut world.bed, |tx, _| tx.put(resource::InternetGateway { id: igw, vpc: None }));
    assert_eq!(world.route("0.0.0.0/0").state, Some(RouteState::Blackhole));
    change(&mut world.bed, |tx, _| tx.delete(crate::state::Key::InternetGateway(igw)));
    assert_eq!(world.route("0.0.0.0/0").state, Some(RouteState::Blackhole));
}

fn nat(world: &World, state: resource::NatGatewayState) -> resource::NatGateway {
    resource::NatGateway {
        id: NatGatewayId::from_number(1),
        vpc: world.vpc,
        subnet: world.subnet,
        zone: world.bed.context.region.zone('a'),
        is_public: true,
        state,
        since: Timestamp::default(),
        created: Timestamp::default(),
        deleted: None,
        failure: None,
        addresses: vec![],
    }
}

fn peering(world: &World, other: VpcId, state: resource::PeeringState) -> resource::VpcPeeringConnection {
    let side = |vpc| resource::PeeringVpc {
        vpc,
        owner: world.bed.context.account().clone(),
        region: world.bed.context.region.clone(),
        allow_dns_resolution: false,
    };
    resource::VpcPeeringConnection {
        id: VpcPeeringConnectionId::from_number(1),
        requester: side(world.vpc),
        accepter: side(other),
        state,
        message: String::new(),
        since: Timestamp::default(),
        expires: Timestamp::default(),
    }
}

fn vgw(vpc: VpcId, state: resource::VpnAttachmentState) -> resource::VpnGateway {
    resource::VpnGateway {
        id: VpnGatewayId::from_number(1),
        amazon_side_asn: 64_512,
        zone: None,
        state: resource::GatewayState::Available,
        since: Timestamp::default(),
        attachment: Some(resource::VpnAttachment { vpc, state, since: Timestamp::default() }),
    }
}

#[test]
fn the_other_kinds_of_targets_come_and_go() {
    let mut world = World::new();
    let (there, gone) = (resource::NatGatewayState::Available, resource::NatGatewayState::Deleted);
    let other = world.bed.view().default_vpc().unwrap().id;
    let eigw = EgressOnlyInternetGatewayId::from_number(1);
    let records = (nat(&world, there), peering(&world, other, resource::PeeringState::PendingAcceptance));
    let vpc = world.vpc;
    change(&mut world.bed, |tx, _| {
        tx.put(records.0);
        tx.put(records.1);
        tx.put(vgw(vpc, resource::VpnAttachmentState::Attached));
        tx.put(resource::EgressOnlyInternetGateway { id: eigw, vpc });
    });
    let of = |world: &World, destination: &str| world.to(destination);
    let requests = [
        CreateRouteRequest { nat_gateway_id: Some("nat-00000000000000001".into()), ..of(&world, "0.0.0.0/0") },
        CreateRouteRequest { nat_gateway_id: Some("nat-00000000000000001".into()), ..of(&world, "64:ff9b::/96") },
        world.by_gateway("203.0.113.0/24", "nat-00000000000000001"),
        CreateRouteRequest {
            vpc_peering_connection_id: Some("pcx-00000000000000001".into()),
            ..of(&world, "172.31.0.0/16")
        },
        world.by_gateway("192.168.0.0/16", "vgw-00000000000000001"),
        CreateRouteRequest { egress_only_internet_gateway_id: Some(eigw.to_string()), ..of(&world, "::/0") },
    ];
    for request in requests {
        world.bed.ask(request).unwrap();
    }
    let state = |world: &mut World, destination: &str| world.route(destination).state.unwrap();
    assert_eq!(world.route("0.0.0.0/0").nat_gateway_id.as_deref(), Some("nat-00000000000000001"));
    assert_eq!(world.route("203.0.113.0/24").nat_gateway_id.as_deref(), Some("nat-00000000000000001"));
    assert_eq!(world.route("172.31.0.0/16").vpc_peering_connection_id.as_deref(), Some("pcx-00000000000000001"));
    assert_eq!(world.route("192.168.0.0/16").gateway_id.as_deref(), Some("vgw-00000000000000001"));
    assert_eq!(world.route("::/0").egress_only_internet_gateway_id, Some(eigw.to_string()));
    for destination in ["0.0.0.0/0", "64:ff9b::/96", "192.168.0.0/16", "::/0"] {
        assert_eq!(state(&mut world, destination), RouteState::Active, "{destination}");
    }
    assert_eq!(state(&mut world, "172.31.0.0/16"), RouteState::Blackhole, "nobody accepted it yet");
    let active = peering(&world, other, resource::PeeringState::Active);
    change(&mut world.bed, |tx, _| tx.put(active));
    assert_eq!(state(&mut world, "172.31.0.0/16"), RouteState::Active);

    let records = (nat(&world, gone), peering(&world, other, resource::PeeringState::Deleted));
    change(&mut world.bed, |tx, _| {
        tx.put(records.0);
        tx.put(records.1);
        tx.put(vgw(vpc, resource::VpnAttachmentState::Detached));
        tx.delete(crate::state::Key::EgressOnlyInternetGateway(eigw));
    });
    for destination in ["0.0.0.0/0", "64:ff9b::/96", "172.31.0.0/16", "192.168.0.0/16", "::/0"] {
        assert_eq!(state(&mut world, destination), RouteState::Blackhole, "{destination}");
    }
}

#[test]
fn a_route_is_refused_in_aws_words() {
    let mut world = World::new();
    let (_, interface) = world.machine();
    let default_igw = world.bed.view().internet_gateways.values().find(|it| it.vpc != Some(world.vpc)).unwrap().id;
    world.bed.ask(world.by_gateway("0.0.0.0/0", &world.igw)).unwrap();
    let igw = world.igw.clone();
    let id = world.table.clone();
    let only = "Route target is not supported. This route only supports interface and instance targets.";
    let by_interface =
        |world: &World, to: &str| CreateRouteRequest { network_interface_id: Some(interface.clone()), ..world.to(to) };
    let both =
        CreateRouteRequest { network_interface_id: Some(interface.clone()), ..world.by_gateway("8.0.0.0/8", &igw) };
    let two_destinations = CreateRouteRequest {
        destination_ipv6_cidr_block: Some("::/0".to_owned()),
        ..world.by_gateway("8.0.0.0/8", &igw)
    };
    let mut none = world.by_gateway("8.0.0.0/8", &igw);
    none.destination_cidr_block = None;
    for (request, code, message) in [
        (
            world.by_gateway("0.0.0.0/0", &igw),
            "RouteAlreadyExists",
            "The route identified by 0.0.0.0/0 already exists.".to_owned(),
        ),
        (
            world.by_gateway("10.0.9.9/16", &igw),
            "RouteAlreadyExists",
            "The route identified by 10.0.0.0/16 already exists.".to_owned(),
        ),
        (
            world.by_gateway("8.8.8.8", &igw),
            "InvalidParameterValue",
            "Value (8.8.8.8) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.".to_owned(),
        ),
        (
            world.by_gateway("8.0.0.0/8", &default_igw.to_string()),
            "InvalidParameterValue",
            format!("route table {id} and network gateway {default_igw} belong to different networks"),
        ),
        (
            world.by_gateway("8.0.0.0/8", "igw-00000000000000099"),
            "InvalidGatewayID.NotFound",
            "The gateway ID 'igw-00000000000000099' does not exist".to_owned(),
        ),
        (
            CreateRouteRequest { nat_gateway_id: Some("nat-0".into()), ..world.to("8.0.0.0/8") },
            "InvalidNatGatewayID.NotFound",
            "The natGateway ID 'nat-0' does not exist".to_owned(),
        ),
        (
            CreateRouteRequest { transit_gateway_id: Some("tgw-0".into()), ..world.to("8.0.0.0/8") },
            "InvalidTransitGatewayID.NotFound",
            "The transitGateway ID 'tgw-0' does not exist".to_owned(),
        ),
        (world.by_gateway("10.0.1.0/24", &igw), "InvalidParameterValue", only.to_owned()),
        (
            by_interface(&world, "10.0.1.0/25"),
            "InvalidParameterValue",
            "The destination CIDR block 10.0.1.0/25 is more specific than one of this VPC's CIDR blocks. It must match the \
             CIDR block of a subnet exactly."
                .to_owned(),
        ),
        (
            by_interface(&world, "169.254.169.0/24"),
            "InvalidParameterValue",
            "The destination CIDR block 169.254.169.0/24 is equal to or more specific than 169.254.168.0/22, which is \
             reserved."
                .to_owned(),
        ),
        (
            both,
            "InvalidParameterCombination",
            "The parameter gatewayId cannot be used with the parameter networkInterfaceId".to_owned(),
        ),
        (
            two_destinations,
            "InvalidParameterCombination",
            "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, \
             destinationPrefixListId"
                .to_owned(),
        ),
        (
            none,
            "MissingParameter",
            "The request must contain the parameter destinationCidrBlock or destinationIpv6CidrBlock or \
             destinationPrefixListId"
                .to_owned(),
        ),
    ] {
        let before = world.bed.view().route_tables.clone();
        assert_eq!(world.bed.error(request), (code, message));
        assert_eq!(world.bed.view().route_tables, before);
    }
    assert_eq!(world.bed.error(world.to("8.0.0.0/8")).0, "MissingParameter", "no target");
    assert_eq!(world.bed.error(by_interface(&world, "fd00:ec2::/64")).0, "InvalidParameterValue");
    for allowed in ["169.254.0.0/16", "10.0.1.0/24", "fd00::/16"] {
        world.bed.ask(by_interface(&world, allowed)).unwrap();
    }
    let elsewhere = CreateRouteRequest { route_table_id: "rtb-00000000000000099".into(), ..world.to("8.0.0.0/8") };
    assert_eq!(
        world.bed.error(elsewhere),
        ("InvalidRouteTableID.NotFound", "The routeTable ID 'rtb-00000000000000099' does not exist".to_owned())
    );
    let list = CreateRouteRequest { gateway_id: Some(igw), ..world.to("pl-00000000000000099") };
    assert_eq!(world.bed.error(list).0, "InvalidPrefixListID.NotFound");
}

#[test]
fn an_instance_must_have_one_interface_to_be_a_target() {
    let mut world = World::new();
    let (instance, first) = world.machine();
    let id = types::NetworkInterfaceId::from_number(99);
    change(&mut world.bed, |tx, _| {
        let mut second =
            resource::NetworkInterface::clone(&tx.interfaces[&first.parse::<types::NetworkInterfaceId>().unwrap()]);
        (second.id, second.private_ip) = (id, "10.0.1.77".parse().unwrap());
        tx.put(second);
        let mut machine = resource::Instance::clone(&tx.instances[&instance]);
        machine.interfaces.push(id);
        tx.put(machine);
    });
    let request = CreateRouteRequest { instance_id: Some(instance.to_string()), ..world.to("8.0.0.0/8") };
    assert_eq!(
        world.bed.error(request),
        (
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the \
                 operation instead."
            )
        )
    );
    let unknown = CreateRouteRequest { instance_id: Some("i-00000000000000099".into()), ..world.to("8.0.0.0/8") };
    assert_eq!(world.bed.error(unknown).0, "InvalidInstanceID.NotFound");
}

#[test]
fn routes_are_replaced_and_deleted_but_local_ones_only_retargeted() {
    let mut world = World::new();
    let (_, interface) = world.machine();
    world.bed.ask(world.by_gateway("0.0.0.0/0", &world.igw)).unwrap();
    let by_interface =
        |world: &World, to: &str| CreateRouteRequest { network_interface_id: Some(interface.clone()), ..world.to(to) };
    world.bed.ask(replace(by_interface(&world, "0.0.0.0/0"))).unwrap();
    let route = world.route("0.0.0.0/0");
    assert_eq!((route.gateway_id, route.network_interface_id), (None, Some(interface.clone())));
    assert_eq!(
        world.bed.error(replace(by_interface(&world, "8.0.0.0/8"))),
        (
            "InvalidParameterValue",
            "There is no route defined for '8.0.0.0/8' in the route table. Use CreateRoute instead.".to_owned()
        )
    );

    world.bed.ask(replace(by_interface(&world, "10.0.0.0/16"))).unwrap();
    let local = world.route("10.0.0.0/16");
    assert_eq!(
        (local.network_interface_id, local.origin),
        (Some(interface.clone()), Some(RouteOrigin::CreateRouteTable))
    );
    let message = format!("cannot remove local route 10.0.0.0/16 in route table {}", world.table);
    assert_eq!(world.bed.error(delete(world.to("10.0.0.0/16"))), ("InvalidParameterValue", message));
    let back = |destination: &str| ReplaceRouteRequest { local_target: Some(true), ..replace(world.to(destination)) };
    let (to_local, not_local) = (back("10.0.0.0/16"), back("0.0.0.0/0"));
    world.bed.ask(to_local).unwrap();
    assert_eq!(world.route("10.0.0.0/16").gateway_id.as_deref(), Some("local"));
    assert_eq!(world.bed.error(not_local).0, "InvalidParameterValue");
    assert_eq!(world.described().routes.len(), 3);

    world.bed.ask(delete(world.to("0.0.0.0/0"))).unwrap();
    let message = format!("no route with destination-cidr-block 0.0.0.0/0 in route table {}", world.table);
    assert_eq!(world.bed.error(delete(world.to("0.0.0.0/0"))), ("InvalidRoute.NotFound", message));
    let id: types::RouteTableId = world.table.parse().unwrap();
    change(&mut world.bed, |tx, _| {
        let mut table = resource::RouteTable::clone(&tx.route_tables[&id]);
        let target = RouteTarget::VpcEndpoint(types::VpcEndpointId::from_number(1));
        table.routes.push(resource::Route { destination: "8.0.0.0/8".parse().unwrap(), target });
        tx.put(table);
    });
    let message = format!("cannot remove VPC endpoint route 8.0.0.0/8 in route table {}", world.table);
    assert_eq!(world.bed.error(delete(world.to("8.0.0.0/8"))), ("InvalidParameterValue", message));
    assert_eq!(world.route("8.0.0.0/8").gateway_id.as_deref(), Some("vpce-00000000000000001"));
}

#[test]
fn every_filter_finds_its_table() {
    let mut world = World::new();
    let association = world.associate();
    let (instance, interface) = world.machine();
    let lists = crate::prefix_lists::aws_lists(&world.bed.context.region);
    world.bed.ask(world.by_gateway("0.0.0.0/0", &world.igw)).unwrap();
    world.bed.ask(world.by_gateway("::/0", &world.igw)).unwrap();
    let through = CreateRouteRequest { network_interface_id: Some(interface), ..world.to("8.0.0.0/8") };
    world.bed.ask(through).unwrap();
    world.bed.ask(world.by_gateway(&lists[0].id.to_string(), &world.igw)).unwrap();
    let (nat, eigw) = (nat(&world, resource::NatGatewayState::Pending), EgressOnlyInternetGatewayId::from_number(1));
    let peering = peering(&world, world.bed.view().default_vpc().unwrap().id, resource::PeeringState::Active);
    let vpc = world.vpc;
    change(&mut world.bed, |tx, _| {
        tx.put(nat);
        tx.put(peering);
        tx.put(resource::EgressOnlyInternetGateway { id: eigw, vpc });
    });
    let more = [
        CreateRouteRequest { nat_gateway_id: Some("nat-00000000000000001".into()), ..world.to("9.0.0.0/8") },
        CreateRouteRequest {
            vpc_peering_connection_id: Some("pcx-00000000000000001".into()),
            ..world.to("172.31.0.0/16")
        },
        CreateRouteRequest { egress_only_internet_gateway_id: Some(eigw.to_string()), ..world.to("2000::/3") },
    ];
    for request in more {
        world.bed.ask(request).unwrap();
    }
    let (subnet, table, vpc, igw) = (world.subnet.to_string(), world.table.clone(), vpc.to_string(), world.igw.clone());
    let (list, instance, eigw) = (lists[0].id.to_string(), instance.to_string(), eigw.to_string());
    for name in <super::Row<'_> as Filterable>::NAMES {
        let value = match *name {
            "association.main" => "false",
            "association.route-table-association-id" => &association,
            "association.subnet-id" => &subnet,
            "association.route-table-id" | "route-table-id" => &table,
            "owner-id" => "123456789012",
            "route.destination-cidr-block" => "8.0.0.0/8",
            "route.destination-ipv6-cidr-block" => "::/0",
            "route.destination-prefix-list-id" => &list,
            "route.egress-only-internet-gateway-id" => &eigw,
            "route.gateway-id" => &igw,
            "route.instance-id" => &instance,
            "route.nat-gateway-id" => "nat-00000000000000001",
            "route.origin" => "CreateRoute",
            "route.state" => "blackhole",
            "route.vpc-peering-connection-id" => "pcx-00000000000000001",
            "vpc-id" => &vpc,
            // There is neither an edge association here nor a transit gateway anywhere.
            "association.gateway-id" | "route.transit-gateway-id" => continue,
            other => panic!("{other}"),
        };
        let find = |world: &mut World, value: &str| {
            let filters = vec![filter(name, &[value]), filter("route-table-id", &[&world.table])];
            let request = DescribeRouteTablesRequest { filters, ..Default::default() };
            ask!(world.bed, DescribeRouteTables, request).route_tables.len()
        };
        assert_eq!(find(&mut world, value), 1, "{name}");
        assert_eq!(find(&mut world, "no-such-value"), 0, "{name}");
    }
    let bad = DescribeRouteTablesRequest { filters: vec![filter("cidr", &["x"])], ..Default::default() };
    assert_eq!(world.bed.error(bad), ("InvalidParameterValue", "The filter 'cidr' is invalid".to_owned()));
}

#[test]
fn pages_have_five_to_a_hundred_tables() {
    let mut world = World::new();
    for _ in 0..6 {
        world.create_table();
    }
    let page = |max_results, next_token| DescribeRouteTablesRequest { max_results, next_token, ..Default::default() };
    let first = ask!(world.bed, DescribeRouteTables, page(Some(5), None));
    let rest = ask!(world.bed, DescribeRouteTables, page(Some(5), first.next_token.clone()));
    assert_eq!((first.route_tables.len(), rest.route_tables.len(), rest.next_token), (5, 4, None));
    for size in [4, 101] {
        assert_eq!(world.bed.error(page(Some(size), None)).0, "InvalidParameterValue", "{size}");
    }
    let ids = DescribeRouteTablesRequest { route_table_ids: texts(&["rtb-00000000000000099"]), ..Default::default() };
    assert_eq!(world.bed.error(ids).0, "InvalidRouteTableID.NotFound");
}

#[test]
fn tables_and_routes_are_counted() {
    let mut world = World::new();
    let mut config = crate::context::Config::clone(&world.bed.context.config);
    config.quotas.set(Quota::RouteTablesPerVpc, 3);
    config.quotas.set(Quota::RoutesPerTable, 2);
    world.bed.context.config = std::sync::Arc::new(config);
    world.create_table();
    let request = CreateRouteTableRequest { vpc_id: world.vpc.to_string(), ..Default::default() };
    assert_eq!(world.bed.error(request).0, "RouteTableLimitExceeded");
    for destination in ["1.0.0.0/8", "2.0.0.0/8", "::/0", "2000::/3"] {
        world.bed.ask(world.by_gateway(destination, &world.igw)).unwrap();
    }
    for destination in ["3.0.0.0/8", "fd00::/8"] {
        assert_eq!(world.bed.error(world.by_gateway(destination, &world.igw)).0, "RouteLimitExceeded", "{destination}");
    }
}
