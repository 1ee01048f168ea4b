//! Clouds drawn at random, small enough that everything meets everything: three VPCs, of which two have the same block.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use policy::{
    Acl, AclEntry, Address, CloudTag, Group, GroupRule, Interface, InterfaceKind, LinkState, NatGateway, Operator,
    Peer, Peering, RouteTable, Subnet, Target, Topology, TransitAttachment, TransitGateway, TransitRouteTable, Vpc,
};
use types::{
    Cidr, InternetGatewayId, MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, PortRange, Protocol,
    RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId, VpcPeeringConnectionId,
};

/// The blocks of each VPC.
const VPCS: [&[&str]; 3] = [
    &["10.0.0.0/16", "2001:db8:0:100::/56"],
    &["10.1.0.0/16", "100.64.0.0/24", "2001:db8:0:200::/56"],
    &["10.0.0.0/16", "2001:db8:0:300::/56"],
];
/// Each subnet's VPC and block.
const SUBNETS: [(u128, &str); 5] =
    [(1, "10.0.1.0/24"), (1, "10.0.2.0/24"), (2, "10.1.1.0/24"), (2, "10.1.2.0/24"), (3, "10.0.1.0/24")];
/// Each machine's subnet and addresses.
const MACHINES: [(u128, &[&str], &str); 7] = [
    (1, &["10.0.1.10", "10.0.1.110"], "2001:db8:0:100::a"),
    (1, &["10.0.1.11"], "2001:db8:0:100::b"),
    (2, &["10.0.2.10"], "2001:db8:0:101::a"),
    (3, &["10.1.1.10"], "2001:db8:0:200::a"),
    (3, &["10.1.1.11"], "2001:db8:0:200::b"),
    (4, &["10.1.2.10"], "2001:db8:0:201::a"),
    (5, &["10.0.1.10"], "2001:db8:0:300::a"),
];
/// Each NAT gateway's subnet and address.
const NATS: [(u128, &str); 2] = [(2, "10.0.2.200"), (3, "10.1.1.200")];
const GROUPS: u128 = 4;
const BLOCKS: [&str; 23] = [
    "0.0.0.0/0",
    "0.0.0.0/0",
    "0.0.0.0/0",
    "0.0.0.0/0",
    "::/0",
    "::/0",
    "::/0",
    "::/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.10/32",
    "10.0.2.200/32",
    "10.1.1.200/31",
    "10.1.0.0/16",
    "100.64.0.0/10",
    "198.18.0.0/16",
    "198.18.1.1/32",
    "203.0.113.0/24",
    "2001:db8::/32",
    "2001:db8:0:100::/56",
    "2001:db8:0:200::a/128",
    "2620::/16",
];
/// Ports around which rules differ.
const PORTS: [u16; 10] = [0, 22, 80, 1023, 1024, 30_000, 30_001, 40_000, 65_534, 65_535];

pub fn machine_id(at: usize) -> NetworkInterfaceId {
    NetworkInterfaceId::from_number(at as u128 + 0xa0)
}

/// How many machines there are.
pub const MACHINES_COUNT: usize = MACHINES.len();

/// Choices, one after the other.
pub struct Draw {
    numbers: Vec<u32>,
    at: usize,
}

impl Draw {
    pub fn new(numbers: Vec<u32>) -> Self {
        Self { numbers, at: 0 }
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.at += 1;
        // What was used up is used again, but not in step.
        let number = self.numbers[self.at % self.numbers.len()];
        let turned = number.rotate_left(u32::try_from(self.at / self.numbers.len() * 7 % 32).unwrap());
        turned as usize % end
    }

    pub fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// True so many times of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn ports(&mut self) -> PortRange {
        let (one, other) = (self.of(&PORTS), self.of(&PORTS));
        PortRange::new(one.min(other), one.max(other)).unwrap()
    }

    fn protocol(&mut self) -> Protocol {
        match self.below(12) {
            0..=3 => Protocol::All,
            4 | 5 => Protocol::Tcp(self.ports()),
            6 => Protocol::Udp(self.ports()),
            7 => Protocol::Icmp { kind: Some(self.of(&[0, 8, 13])), code: self.of(&[None, Some(0)]) },
            8 => Protocol::Icmpv6 { kind: Some(self.of(&[128, 129, 139, 135])), code: self.of(&[None, Some(0)]) },
            9 => self.of(&[Protocol::Icmp { kind: None, code: None }, Protocol::Icmpv6 { kind: None, code: None }]),
            _ => Protocol::Other(self.of(&[1, 6, 17, 50, 58])),
        }
    }

    fn block(&mut self) -> Cidr {
        self.of(&BLOCKS).parse().unwrap()
    }

    fn rules(&mut self, first: u128) -> Vec<GroupRule> {
        let count = self.below(5) as u128;
        let ids = (first..first + count).map(SecurityGroupRuleId::from_number);
        ids.map(|id| {
            let group = SecurityGroupId::from_number(self.below(4) as u128 + 1);
            let peer = if self.chance(25) { Peer::Group(group) } else { Peer::Cidr(self.block()) };
            GroupRule { id, protocol: self.protocol(), peer }
        })
        .collect()
    }

    fn entries(&mut self) -> Vec<AclEntry> {
        let all =
            |number, cidr: &str| AclEntry { number, allow: true, protocol: Protocol::All, cidr: cidr.parse().unwrap() };
        let open = [all(100, "0.0.0.0/0"), all(101, "::/0")];
        if self.chance(50) {
            return open.into();
        }
        let count = u16::try_from(self.below(5)).unwrap();
        let mut entries: Vec<AclEntry> = Vec::new();
        for number in 1..=count {
            let ports = self.ports();
            let protocol = self.protocol();
            let protocol = if self.chance(40) { Protocol::Tcp(ports) } else { protocol };
            let (allow, cidr) = (self.chance(50), self.block());
            entries.push(AclEntry { number, allow, protocol, cidr });
        }
        if self.chance(70) {
            entries.extend(open);
        }
        entries
    }

    fn target(&mut self, vpc: u128) -> Target {
        let peering = VpcPeeringConnectionId::from_number(self.below(2) as u128 + 1);
        match self.below(13) {
            0..=4 => Target::InternetGateway,
            5 => Target::NatGateway(NatGatewayId::from_number(self.below(2) as u128 + 1)),
            6 => Target::Interface(machine_id(self.below(MACHINES.len()))),
            7 | 8 => Target::Peering(peering),
            9 | 10 => Target::TransitGateway(TransitGatewayAttachmentId::from_number(vpc)),
            11 => Target::EgressOnlyGateway,
            _ => self.of(&[Target::Blackhole, Target::Local]),
        }
    }

    fn table(&mut self, vpc: u128) -> RouteTable {
        let own = VPCS[usize::try_from(vpc).unwrap() - 1];
        let mut table = RouteTable::default();
        for block in ["0.0.0.0/0", "::/0"] {
            let target = if self.chance(60) { Target::InternetGateway } else { self.target(vpc) };
            table.routes.insert(block.parse().unwrap(), target);
        }
        for _ in 0..self.below(5) {
            let block = self.block();
            table.routes.insert(block, self.target(vpc));
        }
        for block in own {
            let target = match self.below(20) {
                0..=16 => Target::Local,
                // Its neighbours, too, may be behind a NAT gateway.
                17 | 18 => Target::NatGateway(NatGatewayId::from_number(vpc)),
                _ => self.target(vpc),
            };
            table.routes.insert(block.parse().unwrap(), target);
        }
        table
    }

    /// A cloud.
    pub fn topology(&mut self) -> Topology {
        let operator = Operator { tag: CloudTag::from_number(1), pool: "198.18.0.0/16".parse().unwrap() };
        let mut topology = Topology::new(operator);
        for (number, blocks) in (1u128..).zip(VPCS) {
            let blocks: Vec<Cidr> = blocks.iter().map(|block| block.parse().unwrap()).collect();
            let mut vpc = Vpc::new(blocks.iter().filter_map(|block| block.ipv4()).collect());
            if self.chance(90) {
                vpc.ipv6_cidrs = blocks.iter().filter_map(|block| block.ipv6()).collect();
            }
            vpc.internet_gateway = self.chance(80).then(|| InternetGatewayId::from_number(number));
            vpc.egress_only_gateway = self.chance(50);
            vpc.dns_support = self.chance(50);
            if self.chance(20) {
                let table = RouteTableId::from_number(number + 90);
                vpc.gateway_table = Some(table);
                let routes = self.table(number);
                topology.route_tables.insert(table, routes);
            }
            topology.vpcs.insert(VpcId::from_number(number), vpc);
        }
        for (number, (vpc, cidr)) in (1u128..).zip(SUBNETS) {
            let (table, acl) = (RouteTableId::from_number(number), NetworkAclId::from_number(number));
            topology.route_tables.insert(table, self.table(vpc));
            topology.acls.insert(acl, Acl { ingress: self.entries(), egress: self.entries() });
            let (route_table, acl) = (self.chance(97).then_some(table), self.chance(97).then_some(acl));
            let subnet = Subnet { vpc: VpcId::from_number(vpc), cidr: cidr.parse().unwrap(), route_table, acl };
            topology.subnets.insert(SubnetId::from_number(number), subnet);
        }
        for number in 1..=GROUPS {
            let vpcs = (1..=3).filter(|_| self.chance(85)).map(VpcId::from_number).collect();
            let (ingress, mut egress) = (self.rules(number * 100), self.rules(number * 100 + 50));
            for (at, block) in ["0.0.0.0/0", "::/0"].into_iter().enumerate().filter(|_| self.chance(70)) {
                let id = SecurityGroupRuleId::from_number(number * 100 + 90 + at as u128);
                egress.push(GroupRule { id, protocol: Protocol::All, peer: Peer::Cidr(block.parse().unwrap()) });
            }
            topology.groups.insert(SecurityGroupId::from_number(number), Group { vpcs, ingress, egress });
        }
        self.add_interfaces(&mut topology);
        for (number, sides) in [(1, (1, 2)), (2, (2, 3))].into_iter().filter(|_| self.chance(80)) {
            let peering = Peering { requester: VpcId::from_number(sides.0), accepter: VpcId::from_number(sides.1) };
            topology.peerings.insert(VpcPeeringConnectionId::from_number(number), peering);
        }
        self.add_transit_gateway(&mut topology);
        topology
    }

    fn add_interfaces(&mut self, topology: &mut Topology) {
        for (at, (subnet, own, ipv6)) in MACHINES.into_iter().enumerate() {
            let mut public = (1u8..)
                .map(|last| Ipv4Addr::new(198, 18, u8::try_from(at).unwrap() + 1, last))
                .map(|address| self.chance(70).then_some(address));
            let addresses =
                own.iter().map(|text| Address { private: text.parse().unwrap(), public: public.next().unwrap() });
            let addresses = addresses.collect();
            drop(public);
            let groups: BTreeSet<_> =
                (1..=GROUPS).filter(|_| self.chance(50)).map(SecurityGroupId::from_number).collect();
            let number = NetworkInterfaceId::from_number(at as u128 + 0xa0);
            if self.chance(30) {
                topology.metadata_by_ipv6.insert(number);
            }
            let interface = Interface {
                vpc: VpcId::from_number(SUBNETS[usize::try_from(subnet).unwrap() - 1].0),
                subnet: SubnetId::from_number(subnet),
                addresses,
                ipv6: if self.chance(90) { vec![ipv6.parse().unwrap()] } else { Vec::new() },
                mac: MacAddress::local(at as u64),
                groups,
                source_dest_check: self.chance(65),
                link: if self.chance(92) { LinkState::Attached } else { LinkState::Detached },
                kind: InterfaceKind::Machine,
            };
            topology.interfaces.insert(number, interface);
        }
        for (number, (subnet, own)) in (1u128..).zip(NATS) {
            let nat = NatGatewayId::from_number(number);
            let id = NetworkInterfaceId::from_number(number + 0xf0);
            let public = Ipv4Addr::new(198, 18, 100, u8::try_from(number).unwrap());
            let private: Ipv4Addr = own.parse().unwrap();
            let more = Address { private: Ipv4Addr::from(u32::from(private) + 1), public: None };
            let addresses = vec![Address { private, public: self.chance(80).then_some(public) }, more];
            let all = addresses.iter().map(|address| address.private).collect();
            let sources = if self.chance(40) { all } else { Vec::new() };
            let interface = Interface {
                vpc: VpcId::from_number(SUBNETS[usize::try_from(subnet).unwrap() - 1].0),
                subnet: SubnetId::from_number(subnet),
                addresses,
                ipv6: Vec::new(),
                mac: MacAddress::local(u64::try_from(number).unwrap() + 100),
                groups: BTreeSet::new(),
                source_dest_check: false,
                link: LinkState::Attached,
                kind: InterfaceKind::NatGateway(nat),
            };
            topology.interfaces.insert(id, interface);
            if self.chance(90) {
                topology.nat_gateways.insert(nat, NatGateway { interface: id, sources });
            }
        }
    }

    fn add_transit_gateway(&mut self, topology: &mut Topology) {
        let mut gateway = TransitGateway::default();
        for number in [1, 2] {
            let mut table = TransitRouteTable::default();
            let attachment = |draw: &mut Self| {
                draw.chance(85).then(|| TransitGatewayAttachmentId::from_number(draw.below(3) as u128 + 1))
            };
            for block in ["10.0.0.0/16", "10.1.0.0/16", "2001:db8:0:100::/56", "2001:db8:0:200::/56", "0.0.0.0/0"] {
                if self.chance(70) {
                    table.routes.insert(block.parse().unwrap(), attachment(self));
                }
            }
            let block = self.block();
            table.routes.insert(block, attachment(self));
            gateway.tables.insert(TransitGatewayRouteTableId::from_number(number), table);
        }
        for (number, subnets) in [(1, [1, 2]), (2, [3, 4]), (3, [5, 5])] {
            let subnets = subnets.into_iter().filter(|_| self.chance(60)).map(SubnetId::from_number).collect();
            let table = self.chance(95).then(|| TransitGatewayRouteTableId::from_number(self.below(2) as u128 + 1));
            let it = TransitAttachment { vpc: VpcId::from_number(number), subnets, table };
            if self.chance(85) {
                gateway.attachments.insert(TransitGatewayAttachmentId::from_number(number), it);
            }
        }
        topology.transit_gateways.insert(TransitGatewayId::from_number(1), gateway);
    }
}

/// Addresses at which something may change: the ends of blocks and what is beside them.
pub fn addresses(is_ipv4: bool) -> Vec<IpAddr> {
    let more = ["169.254.169.254", "169.254.169.253", "169.254.0.2", "10.0.0.2", "10.1.0.2", "10.0.1.1", "198.18.0.1"];
    let ipv6 = ["fd00:ec2::254", "fd00:ec2::253", "fe80::1", "2001:db8::1", "::1", "ff02::1", "fd00::7"];
    let others = ["127.0.0.1", "172.16.0.1", "224.0.0.1", "8.8.8.8", "198.18.0.2", "198.18.3.1", "198.18.100.1"];
    let hosts = MACHINES.iter().flat_map(|(_, own, ipv6)| own.iter().copied().chain([*ipv6]));
    let hosts = hosts.chain(NATS.map(|(_, own)| own)).chain(more).chain(ipv6).chain(others);
    let hosts = hosts.map(|text| text.parse::<IpAddr>().unwrap()).map(|host| (host, host));
    let blocks = BLOCKS.into_iter().chain(VPCS.into_iter().flatten().copied()).chain(SUBNETS.map(|(_, block)| block));
    let blocks = blocks.map(|text| match text.parse().unwrap() {
        Cidr::Ipv4(block) => (block.first().into(), block.last().into()),
        Cidr::Ipv6(block) => (block.first().into(), block.last().into()),
    });
    let ends =
        hosts.chain(blocks).flat_map(|(first, last)| [Some(first), beside(first, -1), Some(last), beside(last, 1)]);
    let all: BTreeSet<IpAddr> = ends.flatten().filter(|address| address.is_ipv4() == is_ipv4).collect();
    all.into_iter().collect()
}

/// The next address, or the one before.
pub fn beside(address: IpAddr, step: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            u32::from(address).checked_add_signed(step.into()).map(|number| Ipv4Addr::from(number).into())
        }
        IpAddr::V6(address) => {
            u128::from(address).checked_add_signed(step.into()).map(|number| Ipv6Addr::from(number).into())
        }
    }
}

/// All ports beside which a rule or an entry begins or ends.
pub fn ports() -> BTreeSet<u16> {
    PORTS.into_iter().flat_map(|port| [port.saturating_sub(1), port, port.saturating_add(1)]).collect()
}
