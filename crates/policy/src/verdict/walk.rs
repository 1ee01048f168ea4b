//! A packet's way, step by step.

mod ipv6;
mod service;
mod transit;

use std::collections::BTreeSet;
use std::net::IpAddr;

use types::{
    Cidr, NatGatewayId, NetworkInterfaceId, RouteTableId, SubnetId, TransitGatewayAttachmentId, VpcId,
    VpcPeeringConnectionId,
};

use super::reason::{Component, Reason, Stage};
use super::{Arrival, ArrivedAt, Endpoint, Outcome, Packet, Traffic, Verdict};
use crate::plan::spread;
use crate::ranges::{from_nowhere, ipv6_from_nowhere};
use crate::topology::{Direction, Interface, InterfaceKind, LinkState, Peer, Rule, Target, Topology, TransitLink, Vpc};

/// After how many gateways a packet is taken to go round in circles. The kernel counts to 64.
pub(crate) const MOST_GATEWAYS: usize = 16;
/// ICMP types that a connection may begin with: requests (`nf_conntrack_proto_icmp.c`).
pub(crate) const ICMP_REQUESTS: [u8; 4] = [8, 13, 15, 17];

/// The same for ICMPv6 (`nf_conntrack_proto_icmpv6.c`).
pub(crate) const ICMPV6_REQUESTS: [u8; 2] = [128, 139];

/// What the kernel remembers of a connection after its first packet.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The VPCs that saw it.
    vpcs: BTreeSet<VpcId>,
    /// The VPCs whose internet gateway it came in by.
    entered: BTreeSet<VpcId>,
    /// The NAT gateways that changed its source, with what it was before.
    sources: Vec<(NatGatewayId, IpAddr)>,
}

/// The way of the first packet.
pub(super) fn first(topology: &Topology, packet: &Packet) -> (Verdict, Memory) {
    let mut way = Way::new(topology, packet.source, packet.to, packet.traffic, None);
    let arrived = match packet.from {
        Endpoint::Interface(id) => way.leave_machine(id),
        Endpoint::Outside => way.enter_public(),
    };
    way.end(arrived)
}

/// The way of the answer to a packet that arrived: `None` where nobody there answers it.
pub(super) fn answer(topology: &Topology, arrival: Arrival, traffic: Traffic, memory: Memory) -> Option<Verdict> {
    let mut way = Way::new(topology, arrival.to, arrival.source, traffic, Some(memory));
    let arrived = match arrival.at {
        ArrivedAt::Interface(id) => {
            topology.interfaces.get(&id).filter(|interface| interface.has(arrival.to))?;
            way.leave_machine(id)
        }
        ArrivedAt::Outside => way.enter_public(),
        // Services are the router's own: their answers go straight to the interface.
        ArrivedAt::Service => Some(ArrivedAt::Service),
    };
    Some(way.end(arrived).0)
}

/// The link that a packet comes by or goes out by, as its VPC sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    Interface(NetworkInterfaceId),
    Peering(VpcPeeringConnectionId),
    Transit(TransitGatewayAttachmentId),
    Gateway,
    EgressOnlyGateway,
}

/// Where the router of a VPC sends a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next<'a> {
    Interface(NetworkInterfaceId, &'a Interface),
    Gateway,
    EgressOnlyGateway,
    Peering(VpcPeeringConnectionId, VpcId),
    Transit(TransitLink),
}

impl Next<'_> {
    pub(crate) fn link(&self) -> Link {
        match self {
            Self::Interface(id, _) => Link::Interface(*id),
            Self::Gateway => Link::Gateway,
            Self::EgressOnlyGateway => Link::EgressOnlyGateway,
            Self::Peering(id, _) => Link::Peering(*id),
            Self::Transit(link) => Link::Transit(link.attachment),
        }
    }

    /// The subnet that it is in, if it is in one.
    pub(crate) fn subnet(&self) -> Option<SubnetId> {
        match self {
            Self::Interface(_, interface) => Some(interface.subnet),
            Self::Transit(link) => Some(link.subnet),
            Self::Gateway | Self::EgressOnlyGateway | Self::Peering(..) => None,
        }
    }
}

/// A packet's way so far. A step gives `None` exactly where a stage drops the packet.
struct Way<'a> {
    topology: &'a Topology,
    source: IpAddr,
    to: IpAddr,
    traffic: Traffic,
    /// For an answer, what is remembered of what it answers.
    answers: Option<Memory>,
    memory: Memory,
    path: Vec<Stage>,
    gateways: usize,
}

impl<'a> Way<'a> {
    fn new(topology: &'a Topology, source: IpAddr, to: IpAddr, traffic: Traffic, answers: Option<Memory>) -> Self {
        let traffic = traffic.within(to);
        Self { topology, source, to, traffic, answers, memory: Memory::default(), path: Vec::new(), gateways: 0 }
    }

    fn end(self, arrived: Option<ArrivedAt>) -> (Verdict, Memory) {
        let outcome = if arrived.is_some() { Outcome::Accept } else { Outcome::Drop };
        let arrival = arrived.map(|at| Arrival { at, source: self.source, to: self.to });
        (Verdict { outcome, arrival, path: self.path }, self.memory)
    }

    /// Notes a stage; `None` if it drops the packet.
    fn stage(&mut self, at: Component, reason: Reason) -> Option<()> {
        let passes = reason.passes();
        self.path.push(Stage { at, reason });
        passes.then_some(())
    }

    /// Notes a stage that drops the packet.
    fn dropped<T>(&mut self, at: Component, reason: Reason) -> Option<T> {
        self.path.push(Stage { at, reason });
        None
    }

    /// Whether the packet belongs to a connection that this VPC saw begin.
    fn is_tracked(&self, vpc: VpcId) -> bool {
        self.answers.as_ref().is_some_and(|memory| memory.vpcs.contains(&vpc))
    }

    /// Connection tracking in a VPC: what neither begins a connection nor belongs to one is dropped.
    fn track(&mut self, vpc: VpcId) -> Option<()> {
        self.memory.vpcs.insert(vpc);
        if self.is_tracked(vpc) || self.may_begin() {
            return Some(());
        }
        self.dropped(Component::Router(vpc), Reason::Unrelated)
    }

    /// Whether a connection may begin with this packet. The answers of TCP and ICMP may not.
    fn may_begin(&self) -> bool {
        match self.traffic {
            Traffic::Tcp(_) => self.answers.is_none(),
            Traffic::Icmp { kind, .. } => ICMP_REQUESTS.contains(&kind),
            Traffic::Icmpv6 { kind, .. } => ICMPV6_REQUESTS.contains(&kind),
            Traffic::Udp(_) | Traffic::Other(_) => true,
        }
    }

    fn leave_machine(&mut self, id: NetworkInterfaceId) -> Option<ArrivedAt> {
        let at = Component::Interface(id);
        let topology = self.topology;
        let known = topology.interfaces.get(&id).filter(|interface| interface.kind == InterfaceKind::Machine);
        let Some((interface, vpc)) = known.and_then(|i| Some((i, topology.vpcs.get(&i.vpc)?))) else {
            return self.dropped(at, Reason::NoSuchInterface);
        };
        if interface.link == LinkState::Detached {
            return self.dropped(at, Reason::Detached);
        }
        let own = interface.has(self.source);
        let of_router = matches!(self.source, IpAddr::V4(source) if self.is_router(interface.vpc, vpc, source));
        let spoofed = || Reason::SpoofedSource { own: interface.all_addresses().collect() };
        if self.is_of_the_link() {
            return self.dropped(at, Reason::OfTheLink);
        }
        // A link without an address of a family does not speak it.
        let speaks = self.source.is_ipv4() || (vpc.has_ipv6() && !interface.ipv6.is_empty());
        self.stage(
            at,
            match own {
                true if speaks => Reason::OwnSource,
                // Checked or not, nobody speaks for the router.
                false if speaks && !interface.source_dest_check && !of_router => Reason::SourceNotChecked,
                _ => spoofed(),
            },
        )?;
        if let Some(answers) = self.local_service(interface.vpc, vpc) {
            let reason = match (answers, own) {
                (true, true) if self.lacks_metadata(id) => Reason::NoMetadataByIpv6,
                (true, true) => Reason::Service,
                // The source is how a service knows who asks.
                (true, false) => spoofed(),
                (false, _) => Reason::RouterAddress,
            };
            return self.stage(Component::Router(interface.vpc), reason).map(|()| ArrivedAt::Service);
        }
        if let Some(address) = self.never_routed_ipv6() {
            return self.dropped(Component::Router(interface.vpc), Reason::NeverRouted(address));
        }
        self.leave_interface(id, interface)
    }

    /// Out of an interface: groups, ACL, route.
    fn leave_interface(&mut self, id: NetworkInterfaceId, interface: &'a Interface) -> Option<ArrivedAt> {
        self.gateways += 1;
        if self.gateways > MOST_GATEWAYS {
            return self.dropped(Component::Interface(id), Reason::Loop);
        }
        let vpc = interface.vpc;
        let subnet = self.topology.subnets.get(&interface.subnet);
        let (stages, next) = self.route(vpc, subnet.and_then(|subnet| subnet.route_table));
        let link = next.as_ref().map(Next::link);
        self.groups(id, interface, Direction::Egress, link)?;
        if next.as_ref().and_then(Next::subnet) != Some(interface.subnet) {
            self.acl(interface.subnet, Direction::Egress)?;
        }
        self.path.extend(stages);
        self.go_on(vpc, Link::Interface(id), next?)
    }

    /// What the router of a VPC does with the packet, as a table says, or else just inside the VPC.
    fn route(&self, vpc: VpcId, table: Option<RouteTableId>) -> (Vec<Stage>, Option<Next<'a>>) {
        let router = |reason| Stage { at: Component::Router(vpc), reason };
        let known = table.and_then(|id| Some((id, self.topology.route_tables.get(&id)?)));
        let Some((id, table)) = known else {
            return match self.attached_at(vpc, self.to) {
                Some((to, interface)) => (vec![router(Reason::Local(to))], Some(Next::Interface(to, interface))),
                None => (vec![router(self.nobody(vpc))], None),
            };
        };
        let Some((destination, target)) = table.lookup(self.to) else {
            return (vec![router(Reason::NoRoute { table: Some(id) })], None);
        };
        let by = router(Reason::Route { table: id, destination, target });
        let blackhole = || (vec![router(Reason::BlackholeRoute { table: id, destination, target })], None);
        match target {
            Target::Local => match self.attached_at(vpc, self.to) {
                Some((to, interface)) => (vec![by, router(Reason::Local(to))], Some(Next::Interface(to, interface))),
                None => (vec![by, router(self.nobody(vpc))], None),
            },
            Target::EgressOnlyGateway => {
                let has_gateway = |vpc: &Vpc| vpc.has_ipv6() && vpc.egress_only_gateway;
                if self.to.is_ipv6() && self.topology.vpcs.get(&vpc).is_some_and(has_gateway) {
                    (vec![by], Some(Next::EgressOnlyGateway))
                } else {
                    blackhole()
                }
            }
            Target::InternetGateway => {
                let has_gateway = |vpc: &Vpc| vpc.internet_gateway.is_some();
                if self.topology.vpcs.get(&vpc).is_some_and(has_gateway) {
                    (vec![by], Some(Next::Gateway))
                } else {
                    blackhole()
                }
            }
            Target::NatGateway(_) | Target::Interface(_) => match self.topology.forwarder(vpc, target, destination) {
                Some((to, interface)) => (vec![by], Some(Next::Interface(to, interface))),
                None => blackhole(),
            },
            Target::Peering(peering) => match self.topology.peers(vpc).find(|(id, _)| *id == peering) {
                Some((_, other)) => (vec![by], Some(Next::Peering(peering, other))),
                None => blackhole(),
            },
            Target::TransitGateway(attachment) => match self.topology.transit_link(vpc, attachment) {
                Some(link) => (vec![by], Some(Next::Transit(link))),
                None => blackhole(),
            },
            Target::Blackhole => blackhole(),
        }
    }

    /// Why an address reaches nobody in a VPC.
    fn nobody(&self, vpc: VpcId) -> Reason {
        let inside = self.topology.vpcs.get(&vpc).is_some_and(|vpc| vpc.contains(self.to));
        if inside { Reason::NoSuchAddress } else { Reason::NoRoute { table: None } }
    }

    /// The attached interface of a VPC that has the address: a machine's, or that of a NAT gateway that is there.
    fn attached_at(&self, vpc: VpcId, address: IpAddr) -> Option<(NetworkInterfaceId, &'a Interface)> {
        let topology = self.topology;
        let there = |id: NetworkInterfaceId, interface: &Interface| match interface.kind {
            InterfaceKind::Machine => true,
            InterfaceKind::NatGateway(nat) => topology.nat_gateways.get(&nat).is_some_and(|nat| nat.interface == id),
        };
        let of_vpc = topology.interfaces.iter().filter(|(_, i)| i.vpc == vpc && i.link == LinkState::Attached);
        let mut found = of_vpc.filter(|(id, interface)| interface.has(address) && there(**id, interface));
        found.next().map(|(id, interface)| (*id, interface))
    }

    /// On from the router of a VPC.
    fn go_on(&mut self, vpc: VpcId, from: Link, next: Next<'a>) -> Option<ArrivedAt> {
        self.track(vpc)?;
        match next {
            Next::Interface(id, interface) => self.enter_interface(from, id, interface),
            Next::Gateway if self.to.is_ipv6() => self.leave_by_ipv6_gateway(vpc, Component::Gateway(vpc)),
            Next::Gateway => self.leave_by_gateway(vpc),
            Next::EgressOnlyGateway => self.leave_by_ipv6_gateway(vpc, Component::EgressOnlyGateway(vpc)),
            Next::Peering(peering, other) => self.cross(vpc, peering, other),
            Next::Transit(link) => self.enter_transit(from, link),
        }
    }

    /// Into an interface: ACL, groups; then to its machine, or through its NAT gateway.
    fn enter_interface(&mut self, from: Link, id: NetworkInterfaceId, interface: &'a Interface) -> Option<ArrivedAt> {
        if self.subnet_of(interface.vpc, from) != Some(interface.subnet) {
            self.acl(interface.subnet, Direction::Ingress)?;
        }
        match interface.kind {
            InterfaceKind::Machine => {
                self.groups(id, interface, Direction::Ingress, Some(from))?;
                Some(ArrivedAt::Interface(id))
            }
            InterfaceKind::NatGateway(gateway) => self.translate(gateway, id, interface),
        }
    }

    /// The subnet that a link of a VPC is in, if it is in one.
    fn subnet_of(&self, vpc: VpcId, link: Link) -> Option<SubnetId> {
        match link {
            Link::Interface(id) => self.topology.interfaces.get(&id).map(|interface| interface.subnet),
            Link::Transit(attachment) => self.topology.transit_link(vpc, attachment).map(|link| link.subnet),
            Link::Peering(_) | Link::Gateway | Link::EgressOnlyGateway => None,
        }
    }

    /// Through a NAT gateway, one way or the other.
    fn translate(
        &mut self,
        gateway: NatGatewayId,
        id: NetworkInterfaceId,
        interface: &'a Interface,
    ) -> Option<ArrivedAt> {
        let at = Component::NatGateway(gateway);
        let sources = self.topology.nat_gateways.get(&gateway).map(|it| it.sources(interface)).unwrap_or_default();
        let chosen = |source, destination| match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => spread(&sources, source, destination).map(IpAddr::V4),
            _ => None,
        };
        if interface.has(self.to) {
            let sources = self.answers.as_mut().map(|memory| &mut memory.sources);
            let known = sources.and_then(|sources| {
                let at = sources.iter().rposition(|(nat, _)| *nat == gateway)?;
                Some(sources.remove(at).1)
            });
            let asked_as = |source: &IpAddr| chosen(*source, self.source) == Some(self.to);
            let Some(source) = known.filter(asked_as) else {
                return self.dropped(at, Reason::Unasked);
            };
            self.stage(at, Reason::Translated { from: self.to, to: source })?;
            self.to = source;
        } else {
            if !crate::plan::TRANSLATED.contains(&self.traffic.protocol().into()) {
                return self.dropped(at, Reason::NotTranslated);
            }
            if !self.may_begin() {
                return self.dropped(at, Reason::Unrelated);
            }
            let Some(own) = chosen(self.source, self.to) else { return self.dropped(at, Reason::NotTranslated) };
            if interface.has(self.source) {
                return self.dropped(at, Reason::Loop);
            }
            // What comes out is another connection than what went in.
            self.answers = None;
            self.memory.sources.push((gateway, self.source));
            self.stage(at, Reason::Translated { from: self.source, to: own })?;
            self.source = own;
        }
        self.leave_interface(id, interface)
    }

    /// Into the other VPC of a peering connection.
    fn cross(&mut self, vpc: VpcId, peering: VpcPeeringConnectionId, other: VpcId) -> Option<ArrivedAt> {
        let at = Component::Peering(peering);
        let from_there = self.topology.vpcs.get(&vpc).is_some_and(|vpc| vpc.contains(self.source));
        if !from_there {
            return self.dropped(at, Reason::NotTransitive);
        }
        self.stage(at, Reason::Peer(other))?;
        let router = Component::Router(other);
        let known = self.topology.vpcs.get(&other);
        if known.is_some_and(|vpc| self.local_service(other, vpc).is_some()) {
            return self.dropped(router, Reason::RouterAddress);
        }
        let Some((id, interface)) = self.attached_at(other, self.to) else {
            let reason = match self.nobody(other) {
                Reason::NoSuchAddress => Reason::NoSuchAddress,
                _ => Reason::NotTransitive,
            };
            return self.dropped(router, reason);
        };
        self.stage(router, Reason::Local(id))?;
        self.track(other)?;
        self.enter_interface(Link::Peering(peering), id, interface)
    }

    fn leave_by_gateway(&mut self, id: VpcId) -> Option<ArrivedAt> {
        let topology = self.topology;
        let gateway = Component::Gateway(id);
        let pool = topology.operator.pool;
        let mut users = topology.gateway_users().into_iter();
        let is_source = |private| IpAddr::V4(private) == self.source;
        let public = users.find(|(_, (_, interface, private))| interface.vpc == id && is_source(*private));
        // The gateway takes an answer out only where the call came in by it.
        if self.is_tracked(id) && self.answers.as_ref().is_some_and(|memory| !memory.entered.contains(&id)) {
            return self.dropped(gateway, Reason::Unrelated);
        }
        let Some((public, _)) = public else { return self.dropped(gateway, Reason::NoPublicAddress) };
        if self.is_nowhere(id, self.to) {
            return self.dropped(gateway, Reason::NotOnTheInternet(self.to));
        }
        let public = IpAddr::V4(public);
        self.stage(gateway, Reason::Translated { from: self.source, to: public })?;
        self.source = public;
        self.reach_edge(topology.operator.address().into(), pool.into())
    }

    /// On from the edge: back into the cloud, whose public addresses are the pool's, or out of it.
    fn reach_edge(&mut self, operator: IpAddr, pool: Cidr) -> Option<ArrivedAt> {
        if self.to == operator {
            // It hears answers, and nothing else.
            let reason = if self.answers.is_some() { Reason::Leaves } else { Reason::OperatorAddress };
            self.stage(Component::Edge, reason).map(|()| ArrivedAt::Outside)
        } else if pool.contains(self.to) {
            self.enter_public()
        } else {
            self.stage(Component::Edge, Reason::Leaves).map(|()| ArrivedAt::Outside)
        }
    }

    /// From the edge to a public address.
    fn enter_public(&mut self) -> Option<ArrivedAt> {
        let topology = self.topology;
        let public = match self.to {
            IpAddr::V4(public) => public,
            IpAddr::V6(address) => return self.enter_ipv6(address),
        };
        let target = topology.gateway_users().remove(&public);
        let target = target.map(|(_, interface, private)| (interface.vpc, private));
        let Some((id, private, vpc)) = target.and_then(|(id, private)| Some((id, private, topology.vpcs.get(&id)?)))
        else {
            return self.dropped(Component::Edge, Reason::PublicAddressUnused);
        };
        let gateway = Component::Gateway(id);
        if self.is_nowhere(id, self.source) {
            return self.dropped(gateway, Reason::NotOnTheInternet(self.source));
        }
        if self.source == self.to && !crate::plan::TRANSLATED.contains(&self.traffic.protocol().into()) {
            return self.dropped(gateway, Reason::Loop);
        }
        self.memory.entered.insert(id);
        let private = IpAddr::V4(private);
        self.stage(gateway, Reason::Translated { from: self.to, to: private })?;
        self.to = private;
        self.come_in(id, vpc)
    }

    /// From the internet gateway on into its VPC.
    fn come_in(&mut self, id: VpcId, vpc: &Vpc) -> Option<ArrivedAt> {
        let (stages, next) = self.route(id, vpc.gateway_table);
        self.path.extend(stages);
        let next = next?;
        if !self.is_tracked(id) {
            self.way_back(id, next)?;
        }
        self.go_on(id, Link::Gateway, next)
    }

    /// Whether a gateway of a VPC takes nothing from an address, and forwards nothing to it.
    fn is_nowhere(&self, id: VpcId, address: IpAddr) -> bool {
        let Some(vpc) = self.topology.vpcs.get(&id) else { return true };
        match address {
            IpAddr::V4(address) => {
                let blocks = from_nowhere(self.topology.operator.pool, &vpc.cidrs);
                blocks.iter().any(|block| block.contains(address))
            }
            IpAddr::V6(address) => ipv6_from_nowhere(&vpc.ipv6_cidrs).iter().any(|block| block.contains(address)),
        }
    }

    /// Whether the subnet that a packet from the internet gateway goes to sends answers back there.
    fn way_back(&mut self, vpc: VpcId, next: Next<'a>) -> Option<()> {
        let Some(subnet) = next.subnet() else {
            return self.dropped(Component::Gateway(vpc), Reason::NotTransitive);
        };
        let table = self.topology.subnets.get(&subnet).and_then(|subnet| subnet.route_table);
        let route = table.and_then(|id| self.topology.route_tables.get(&id)?.lookup(self.source));
        match route {
            Some((_, Target::InternetGateway)) => Some(()),
            _ => self.dropped(Component::Router(vpc), Reason::NoRouteBack { table }),
        }
    }

    /// Asks the network ACL at the boundary of a subnet.
    fn acl(&mut self, subnet: SubnetId, direction: Direction) -> Option<()> {
        let at = Component::Subnet(subnet);
        let acl = self.topology.subnets.get(&subnet).and_then(|subnet| subnet.acl);
        let Some((id, acl)) = acl.and_then(|id| Some((id, self.topology.acls.get(&id)?))) else {
            return self.stage(at, Reason::AclDenies { direction, acl: None, number: None });
        };
        let other = match direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.to,
        };
        let traffic = self.traffic;
        let mut met = acl.entries(direction).iter();
        let met = met.find(|entry| entry.cidr.contains(other) && traffic.is_of(entry.protocol));
        let reason = match met {
            Some(entry) if entry.allow => Reason::AclEntry { direction, acl: id, number: entry.number },
            denied => Reason::AclDenies { direction, acl: Some(id), number: denied.map(|entry| entry.number) },
        };
        self.stage(at, reason)
    }

    /// Asks the groups of an interface about traffic from or to the other side, which is behind the link.
    fn groups(
        &mut self,
        id: NetworkInterfaceId,
        interface: &Interface,
        direction: Direction,
        link: Option<Link>,
    ) -> Option<()> {
        if interface.kind != InterfaceKind::Machine {
            return Some(());
        }
        if self.is_tracked(interface.vpc) {
            return self.stage(Component::Interface(id), Reason::Tracked);
        }
        let topology = self.topology;
        let (other, traffic) = match direction {
            Direction::Ingress => (self.source, self.traffic),
            Direction::Egress => (self.to, self.traffic),
        };
        let is_peer = |peer: Peer| match peer {
            Peer::Cidr(_) => peer.holds(other),
            Peer::Group(group) => link.is_some_and(|link| self.is_member(group, link, other)),
        };
        let allows = |rule: &&Rule| traffic.is_of(rule.protocol) && is_peer(rule.peer);
        let groups = interface.groups.iter().filter_map(|id| Some((*id, topology.groups.get(id)?)));
        let mut groups = groups.filter(|(_, group)| group.vpcs.contains(&interface.vpc));
        let found = groups.find_map(|(id, group)| Some((id, group.rules(direction).iter().find(allows)?.id)));
        let reason = match found {
            Some((group, rule)) => Reason::Rule { direction, group, rule },
            None => Reason::NoRule { direction, groups: interface.groups.iter().copied().collect() },
        };
        self.stage(Component::Interface(id), reason)
    }

    /// Whether an address behind a link is that of a group's member.
    fn is_member(&self, group: types::SecurityGroupId, link: Link, address: IpAddr) -> bool {
        let topology = self.topology;
        match link {
            Link::Interface(id) => topology
                .interfaces
                .get(&id)
                .is_some_and(|member| member.has(address) && topology.carries(member, group)),
            Link::Peering(peering) => {
                let sides = topology.peerings.get(&peering).map(|peering| [peering.requester, peering.accepter]);
                // The two VPCs have no address in common; the member is on the side that has it.
                topology.interfaces.values().any(|member| {
                    sides.is_some_and(|sides| sides.contains(&member.vpc))
                        && member.has(address)
                        && topology.carries(member, group)
                })
            }
            // What comes from beyond a transit gateway is a member of no group.
            Link::Gateway | Link::EgressOnlyGateway | Link::Transit(_) => false,
        }
    }
}
