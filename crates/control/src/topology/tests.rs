//! What the kernel is told of prefix lists, routes and groups of several VPCs.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud::resource::{
    AddressFamily, NatGatewayAddress, NatGatewayState, NetworkInterface, PrefixList, PrefixListEntry, PrefixListState,
    Route, RouteDestination, RouteTable, SecurityGroup, SecurityGroupRule, SecurityGroupVpcAssociation,
    SecurityGroupVpcState,
};
use cloud::{Config, Context, Transaction};
use types::{
    Ipv4Cidr, MacAddress, NatGatewayId, NetworkInterfaceId, PrefixListId, Protocol, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, Timestamp, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
};

use super::*;

const LIST: PrefixListId = PrefixListId::from_number(1);
const GROUP: SecurityGroupId = SecurityGroupId::from_number(1);

/// A region with a list, and an interface in the default VPC that carries a group without rules.
struct World {
    tx: Transaction,
    subnet: SubnetId,
}

impl World {
    fn new() -> Self {
        let config = Config {
            account: "000000000000".parse().unwrap(),
            public_pool: "198.18.0.0/16".parse().unwrap(),
            max_instances: Config::DEFAULT_MAX_INSTANCES,
            quotas: cloud::quotas::Quotas::default(),
        };
        let region: Region = "us-east-1".parse().unwrap();
        let now = Timestamp::from_unix_ms(1_700_000_000_000);
        let (principal, request) = ("test".to_owned(), "request".to_owned());
        let context = Context::new(Arc::new(config), region.clone(), principal, request, now, 7);
        let mut tx = Transaction::new(&State::default(), region);
        cloud::seed_region(&context, &mut tx);
        let subnet = tx.subnets.values().next().unwrap().clone();
        let address = subnet.cidr.nth(10).unwrap();
        let id = NetworkInterfaceId::from_number(1);
        let mut interface = NetworkInterface::new(id, &subnet, MacAddress::local(1), address);
        interface.groups = vec![GROUP];
        tx.put(interface);
        tx.put(SecurityGroup {
            id: GROUP,
            name: "web".into(),
            description: "for a test".to_owned(),
            vpc: subnet.vpc,
            rules: vec![],
            vpc_associations: BTreeMap::new(),
        });
        let mut world = Self { tx, subnet: subnet.id };
        world.list(&["203.0.113.0/24", "198.51.100.0/24"]);
        world
    }

    fn list(&mut self, cidrs: &[&str]) {
        let entry = |cidr: &&str| PrefixListEntry { cidr: cidr.parse().unwrap(), description: None };
        self.tx.put(PrefixList {
            id: LIST,
            name: "offices".to_owned(),
            family: AddressFamily::Ipv4,
            max_entries: 10,
            state: PrefixListState::CreateComplete,
            state_message: None,
            version: 1,
            versions: BTreeMap::from([(1, cidrs.iter().map(entry).collect())]),
        });
    }

    fn topology(&self) -> Topology {
        let tag = "00000001".parse().unwrap();
        topology(self.tx.state(), Operator { tag, pool: "198.18.0.0/16".parse().unwrap() })
    }

    /// The blocks that the group lets in.
    fn let_in(&self) -> Vec<String> {
        let peers = self.topology().groups[&GROUP].ingress.clone().into_iter().map(|rule| match rule.peer {
            Peer::Cidr(cidr) => cidr.to_string(),
            Peer::Group(id) => id.to_string(),
        });
        peers.collect()
    }

    fn is_public(&self) -> bool {
        self.leads_to("203.0.113.9") == Some(Target::InternetGateway)
    }

    /// Where the subnet's table sends an address.
    fn leads_to(&self, address: &str) -> Option<Target> {
        let topology = self.topology();
        let table = topology.subnets[&self.subnet].route_table.unwrap();
        topology.route_tables[&table].lookup(address.parse::<std::net::IpAddr>().unwrap()).map(|(_, target)| target)
    }

    fn allow(&mut self, peer: resource::Peer) {
        let mut group = SecurityGroup::clone(&self.tx.security_groups[&GROUP]);
        let id = SecurityGroupRuleId::from_number(1);
        group.rules =
            vec![SecurityGroupRule { id, is_egress: false, protocol: Protocol::All, peer, description: None }];
        self.tx.put(group);
    }

    /// Gives the subnet's table these routes.
    fn route(&mut self, routes: Vec<Route>) {
        let subnet = self.tx.subnets[&self.subnet].clone();
        let table = routing::table_of(&self.tx, &subnet).unwrap().clone();
        self.tx.put(RouteTable { routes, ..RouteTable::clone(&table) });
    }
}

#[test]
fn a_rule_about_a_prefix_list_opens_its_blocks() {
    let mut world = World::new();
    world.allow(resource::Peer::PrefixList(LIST));
    assert_eq!(world.let_in(), ["203.0.113.0/24", "198.51.100.0/24"]);
    world.list(&["192.0.2.0/24"]);
    assert_eq!(world.let_in(), ["192.0.2.0/24"], "a new version is in force");
    world.list(&["2001:db8::/32"]);
    assert_eq!(world.let_in(), ["2001:db8::/32"]);
    world.allow(resource::Peer::PrefixList(PrefixListId::from_number(99)));
    assert!(world.let_in().is_empty(), "an unknown list opens nothing");
    world.allow(resource::Peer::Ipv6(types::Ipv6Cidr::ANY));
    assert_eq!(world.let_in(), ["::/0"]);
}

#[test]
fn the_blocks_of_a_list_are_in_the_plan_for_the_kernel() {
    let mut world = World::new();
    world.allow(resource::Peer::PrefixList(LIST));
    let mut topology = world.topology();
    topology.interfaces.values_mut().for_each(|interface| interface.link = LinkState::Attached);
    let plan = policy::plan(&topology).to_string();
    for block in ["203.0.113.0", "198.51.100.0"] {
        assert!(plan.contains(block), "{block} is not in\n{plan}");
    }
}

#[test]
fn a_subnet_is_public_by_an_active_route_to_everywhere() {
    let mut world = World::new();
    assert!(world.is_public());
    let igw = world.tx.internet_gateways.values().next().unwrap().id;
    let to = |destination: RouteDestination| Route { destination, target: RouteTarget::InternetGateway(igw) };
    world.route(vec![to(RouteDestination::PrefixList(LIST))]);
    assert!(world.is_public(), "an address of the list");
    assert_eq!(world.leads_to("192.0.2.1"), None, "the list does not have all addresses");
    world.list(&["0.0.0.0/0"]);
    assert!(world.is_public());
    // A block goes before a list, and what is no internet gateway opens nothing.
    let nat = RouteTarget::NatGateway(types::NatGatewayId::from_number(1));
    let elsewhere = Route { destination: Ipv4Cidr::ANY.into(), target: nat };
    world.route(vec![to(RouteDestination::PrefixList(LIST)), elsewhere]);
    assert_eq!(world.leads_to("203.0.113.9"), Some(Target::Blackhole), "there is no such gateway");
    world.route(vec![]);
    assert!(!world.is_public());
    world.route(vec![to(Ipv4Cidr::ANY.into())]);
    world.tx.put(resource::InternetGateway { id: igw, vpc: None });
    assert!(!world.is_public(), "a black hole");
}

#[test]
fn a_group_is_in_force_in_each_vpc_that_it_serves() {
    let mut world = World::new();
    let own = world.tx.subnets[&world.subnet].clone();
    let other = VpcId::from_number(9);
    let subnet = resource::Subnet::new(SubnetId::from_number(9), other, own.cidr, own.zone.clone());
    world.tx.put(resource::Vpc::new(other, "172.31.0.0/16".parse().unwrap()));
    let id = NetworkInterfaceId::from_number(9);
    let mut interface = NetworkInterface::new(id, &subnet, MacAddress::local(9), own.cidr.nth(20).unwrap());
    interface.groups = vec![GROUP];
    world.tx.put(subnet);
    world.tx.put(interface);
    assert_eq!(world.topology().groups[&GROUP].vpcs, [own.vpc].into());
    let mut group = SecurityGroup::clone(&world.tx.security_groups[&GROUP]);
    let state = SecurityGroupVpcState::Associated;
    group.vpc_associations.insert(other, SecurityGroupVpcAssociation { state, due: None });
    world.tx.put(group);
    let topology = world.topology();
    assert_eq!(topology.groups[&GROUP].vpcs, [own.vpc, other].into());
    let members = |vpc: VpcId| {
        let of_vpc = topology.interfaces.values().filter(|interface| interface.vpc == vpc);
        let members = of_vpc.filter(|interface| topology.carries(interface, GROUP));
        members.flat_map(|interface| interface.private_addresses()).collect::<Vec<_>>()
    };
    assert_eq!(members(other), [own.cidr.nth(20).unwrap()]);
    assert_eq!(members(own.vpc), [own.cidr.nth(10).unwrap()]);
}

/// A gateway with an attachment of the default VPC and one of an older VPC that has the block 10.1.0.0/16.
fn with_transit_gateway(world: &mut World) -> (TransitGatewayId, [TransitGatewayAttachmentId; 2]) {
    let (gateway, table) = (TransitGatewayId::from_number(1), TransitGatewayRouteTableId::from_number(1));
    let since = Timestamp::from_unix_ms(1_700_000_000_000);
    let options = resource::TransitGatewayOptions {
        amazon_side_asn: 64_512,
        auto_accept: false,
        association_table: Some(table),
        propagation_table: Some(table),
        vpn_ecmp: true,
        dns: true,
        security_group_referencing: false,
        multicast: false,
        cidrs: [].into(),
    };
    let state = resource::TransitGatewayState::Available;
    let made = resource::TransitGateway { id: gateway, description: None, options, state, since, created: since };
    world.tx.put(made);
    let own = world.tx.subnets[&world.subnet].clone();
    let other = VpcId::from_number(9);
    world.tx.put(resource::Vpc::new(other, "10.1.0.0/16".parse().unwrap()));
    let ids = [1, 2].map(TransitGatewayAttachmentId::from_number);
    for (id, vpc, created) in [(ids[0], own.vpc, since), (ids[1], other, since.plus_ms(-1000))] {
        let state = resource::TransitAssociationState::Associated;
        let association = Some(resource::TransitAssociation { table, state, since });
        let state = resource::TransitPropagationState::Enabled;
        let options = resource::TransitAttachmentOptions {
            dns: true,
            security_group_referencing: true,
            ipv6: false,
            appliance_mode: false,
        };
        world.tx.put(resource::TransitGatewayAttachment {
            id,
            gateway,
            vpc,
            subnets: [own.id].into(),
            options,
            association,
            propagations: [(table, resource::TransitPropagation { state, since })].into(),
            state: resource::TransitAttachmentState::Available,
            since,
            created,
        });
    }
    let routes = [("10.1.0.0/16".parse().unwrap(), None), ("192.0.2.0/24".parse().unwrap(), Some(ids[1]))];
    world.tx.put(resource::TransitGatewayRouteTable {
        id: table,
        gateway,
        routes: routes.into(),
        state: resource::TransitTableState::Available,
        since,
        created: since,
    });
    (gateway, ids)
}

#[test]
fn a_transit_gateway_has_static_routes_before_propagated_ones() {
    let mut world = World::new();
    let (gateway, [own, other]) = with_transit_gateway(&mut world);
    let told = world.topology().transit_gateways.remove(&gateway).unwrap();
    let table = TransitGatewayRouteTableId::from_number(1);
    assert_eq!(told.attachments[&own].table, Some(table));
    let leads_to = |address: &str| {
        told.tables[&table].lookup(address.parse::<std::net::IpAddr>().unwrap()).map(|(_, target)| target)
    };
    assert_eq!(leads_to("172.31.0.1"), Some(Some(own)), "propagated");
    assert_eq!(leads_to("10.1.0.1"), Some(None), "a static one to nowhere in place of the propagated one");
    assert_eq!(leads_to("192.0.2.1"), Some(Some(other)));
    assert_eq!(leads_to("8.8.8.8"), None);
    assert_eq!(leads_to("2001:db8::1"), None);
}

#[test]
fn a_transit_gateway_has_routes_of_ipv6() {
    let mut world = World::new();
    let (gateway, [own, _]) = with_transit_gateway(&mut world);
    let attachment = resource::TransitGatewayAttachment::clone(&world.tx.transit_gateway_attachments[&own]);
    let mut vpc = resource::Vpc::clone(&world.tx.vpcs[&attachment.vpc]);
    let cidr = "2001:db8:0:100::/56".parse().unwrap();
    vpc.ipv6_cidrs.push(resource::Ipv6Block { association: "vpc-cidr-assoc-00000000000000001".parse().unwrap(), cidr });
    world.tx.put(vpc);
    let table = TransitGatewayRouteTableId::from_number(1);
    let leads_to = |world: &World, address: &str| {
        let told = world.topology().transit_gateways.remove(&gateway).unwrap();
        told.tables[&table].lookup(address.parse::<std::net::IpAddr>().unwrap()).map(|(_, target)| target)
    };
    assert_eq!(leads_to(&world, "2001:db8:0:100::1"), None, "the attachment propagates none");
    let options = resource::TransitAttachmentOptions { ipv6: true, ..attachment.options };
    world.tx.put(resource::TransitGatewayAttachment { options, ..attachment });
    assert_eq!(leads_to(&world, "2001:db8:0:100::1"), Some(Some(own)));
    assert_eq!(leads_to(&world, "2001:db8::1"), None);
}

#[test]
fn a_route_to_a_transit_gateway_leads_to_the_attachment_while_there_is_one() {
    let mut world = World::new();
    let (gateway, [own, _]) = with_transit_gateway(&mut world);
    let target = RouteTarget::TransitGateway(gateway);
    world.route(vec![Route { destination: Ipv4Cidr::ANY.into(), target }]);
    assert_eq!(world.leads_to("10.1.0.1"), Some(Target::TransitGateway(own)));
    let attachment = resource::TransitGatewayAttachment::clone(&world.tx.transit_gateway_attachments[&own]);
    let association = resource::TransitAssociation {
        state: resource::TransitAssociationState::Disassociating,
        ..attachment.association.unwrap()
    };
    world.tx.put(resource::TransitGatewayAttachment { association: Some(association), ..attachment.clone() });
    assert_eq!(world.topology().transit_gateways[&gateway].attachments[&own].table, None, "cut at once");
    let state = resource::TransitAttachmentState::Deleting;
    world.tx.put(resource::TransitGatewayAttachment { state, ..attachment });
    assert_eq!(world.leads_to("10.1.0.1"), Some(Target::Blackhole));
    assert!(!world.topology().transit_gateways[&gateway].attachments.contains_key(&own));
}

#[test]
fn idle_connections_of_an_interface_are_remembered_as_it_says() {
    let mut world = World::new();
    let mut interface = NetworkInterface::clone(world.tx.interfaces.values().next().unwrap());
    assert!(world.topology().idle_timeouts.is_empty());
    let id = interface.id;
    interface.connection_tracking.udp_stream_s = Some(60);
    world.tx.put(interface);
    let wanted = IdleTimeouts { udp_stream: 60, ..IdleTimeouts::default() };
    assert_eq!(world.topology().idle_timeouts, BTreeMap::from([(id, wanted)]));
}

#[test]
fn a_nat_gateway_sends_by_the_addresses_that_are_in_use() {
    let mut world = World::new();
    let interface = NetworkInterface::clone(world.tx.interfaces.values().next().unwrap());
    let address = |last, status| NatGatewayAddress {
        interface: interface.id,
        private_ip: std::net::Ipv4Addr::new(172, 31, 0, last),
        elastic: None,
        status,
        until: None,
    };
    let now = Timestamp::from_unix_ms(0);
    let id = NatGatewayId::from_number(1);
    world.tx.put(resource::NatGateway {
        id,
        vpc: interface.vpc,
        subnet: interface.subnet,
        zone: interface.zone.clone(),
        is_public: false,
        state: NatGatewayState::Available,
        since: now,
        created: now,
        deleted: None,
        failure: None,
        addresses: vec![
            address(10, NatGatewayAddressStatus::Succeeded),
            address(11, NatGatewayAddressStatus::Assigning),
            address(12, NatGatewayAddressStatus::Unassigning),
            address(13, NatGatewayAddressStatus::Succeeded),
        ],
    });
    let sources = world.topology().nat_gateways[&id].sources.clone();
    assert_eq!(sources, [10, 13].map(|last| std::net::Ipv4Addr::new(172, 31, 0, last)));
}
