//! The way of many packets at once: those that one sender sends to one destination.
//!
//! It is the way of [`crate::verdict()`], stage by stage, but instead of one packet it carries all traffic that has come
//! so far, and each stage takes out what it drops. Reasons are not noted. The sender's address is one of which a whole
//! range fares alike: whatever is asked about it narrows the range to where the answer is the same. Nothing else of a
//! packet decides where it goes, so its way is a line.

mod gateways;
mod lists;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use types::{Cidr, NatGatewayId, NetworkInterfaceId, RouteTableId, SubnetId, VpcId, VpcPeeringConnectionId};

use super::index::Index;
use super::range::{self, AddressRange, Line, number_of};
use crate::plan::{METADATA_ADDRESS, METADATA_IPV6_ADDRESS, OF_THE_LINK, ROUTER_IPV6_ADDRESS, TRANSLATED, spread};
use crate::topology::{Direction, Interface, InterfaceKind, LinkState, Target, Vpc};
use crate::verdict::{ArrivedAt, Endpoint, ICMP_REQUESTS, ICMPV6_REQUESTS, Link, MOST_GATEWAYS, Next};

/// An address in the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) address: IpAddr,
    /// Whether it is the sender's, as it was sent: a range of addresses fares like it.
    pub(super) as_sent: bool,
}

/// What the kernel remembers of a connection after its first packet.
#[derive(Debug, Clone, Default)]
struct Memory {
    vpcs: BTreeSet<VpcId>,
    entered: BTreeSet<VpcId>,
    sources: Vec<(NatGatewayId, Held)>,
}

/// What of the packets came to the interface; its groups were not asked yet.
pub(super) struct Arrived {
    pub(super) traffic: Line,
    pub(super) source: Held,
    to: Held,
    /// The link they came by.
    pub(super) link: Link,
    memory: Memory,
}

/// Addresses that fare alike.
pub(super) type Alike = (u128, u128);

/// Packets to an interface, and answers from it.
pub(super) struct Question<'i, 'a> {
    pub(super) index: &'i Index<'a>,
    pub(super) from: Endpoint,
    pub(super) to: IpAddr,
    pub(super) interface: NetworkInterfaceId,
    /// Which of its addresses a NAT gateway gives those packets whose sources it spreads over several.
    pub(super) choice: usize,
    /// How many of those there are.
    pub(super) choices: Cell<usize>,
}

impl Question<'_, '_> {
    /// What of the packets from an address arrives; and which addresses fare like it, of a sender that may use any.
    pub(super) fn first(&self, source: Held, alike: &mut Alike) -> Option<Arrived> {
        let to = Held { address: self.to, as_sent: false };
        let traffic = range::line_of_family(self.to.is_ipv4());
        let mut way = Way::new(self, alike, source, to, traffic);
        way.awaited_at = Some(self.interface);
        let at = match self.from {
            Endpoint::Interface(id) => way.leave_machine(id),
            Endpoint::Outside => way.enter_public(),
        };
        let link = way.link.filter(|_| at == Some(ArrivedAt::Interface(self.interface)))?;
        Some(Arrived { traffic: way.traffic, source: way.source, to: way.to, link, memory: way.memory })
    }

    /// Of all that answers carry, what gets back; nothing if nobody there has the destination.
    pub(super) fn answers(&self, arrived: &Arrived, alike: &mut Alike) -> Line {
        let interface = self.index.topology.interfaces.get(&self.interface);
        if !interface.is_some_and(|interface| interface.has(arrived.to.address)) {
            return Line::default();
        }
        let traffic = range::answers().and(&range::line_of_family(self.to.is_ipv4()));
        let mut way = Way::new(self, alike, arrived.to, arrived.source, traffic);
        way.answers = Some(arrived.memory.clone());
        way.leave_machine(self.interface).map(|_| way.traffic).unwrap_or_default()
    }
}

/// The way so far. A step gives `None` exactly where nothing passes.
struct Way<'w, 'a> {
    question: &'w Question<'w, 'a>,
    index: &'w Index<'a>,
    alike: &'w mut Alike,
    source: Held,
    to: Held,
    traffic: Line,
    /// For answers, what is remembered of what they answer.
    answers: Option<Memory>,
    memory: Memory,
    gateways: usize,
    /// The interface whose own groups are not asked.
    awaited_at: Option<NetworkInterfaceId>,
    /// The link by which the packets came to an interface.
    link: Option<Link>,
}

impl<'w, 'a> Way<'w, 'a> {
    fn new(question: &'w Question<'w, 'a>, alike: &'w mut Alike, source: Held, to: Held, traffic: Line) -> Self {
        let (index, answers, memory) = (question.index, None, Memory::default());
        Self { question, index, alike, source, to, traffic, answers, memory, gateways: 0, awaited_at: None, link: None }
    }

    /// Takes out what is not in a set.
    fn keep(&mut self, traffic: &Line) -> Option<()> {
        self.traffic = self.traffic.and(traffic);
        (!self.traffic.is_empty()).then_some(())
    }

    /// Takes out what is in a set.
    fn leave_out(&mut self, traffic: &Line) -> Option<()> {
        self.traffic = self.traffic.without(traffic);
        (!self.traffic.is_empty()).then_some(())
    }

    /// Whether an address is in a range. Those that fare like it are then, too, or are not.
    fn is_in(&mut self, held: Held, range: impl Into<AddressRange>) -> bool {
        let range = range.into();
        let inside = range.contains(held.address);
        if held.as_sent && range.first().is_ipv4() == held.address.is_ipv4() {
            let (first, last) = range.numbers();
            let number = number_of(held.address);
            if inside {
                self.alike.0 = self.alike.0.max(first);
                self.alike.1 = self.alike.1.min(last);
            } else if last < number {
                self.alike.0 = self.alike.0.max(last + 1);
            } else {
                self.alike.1 = self.alike.1.min(first - 1);
            }
        }
        inside
    }

    /// Whether an address is another one.
    fn is(&mut self, held: Held, address: IpAddr) -> bool {
        self.is_in(held, Cidr::host(address))
    }

    /// Notes that an address was looked up among others, of which these are the nearest, and itself if it is one.
    fn looked_up(&mut self, held: Held, beside: [Option<IpAddr>; 2], is_one: bool) {
        let own = Some(held.address).filter(|_| is_one);
        beside.into_iter().chain([own]).flatten().for_each(|it| {
            self.is(held, it);
        });
    }

    /// What a map says of an address.
    fn find<T: Copy>(&mut self, held: Held, map: &BTreeMap<IpAddr, T>) -> Option<T> {
        let found = map.get(&held.address).copied();
        if held.as_sent {
            let before = map.range(..held.address).next_back().map(|(it, _)| *it);
            let after = map.range(held.address..).map(|(it, _)| *it).find(|it| *it != held.address);
            self.looked_up(held, [before, after], found.is_some());
        }
        found
    }

    /// Whether an address is in one of the blocks of a VPC.
    fn is_of_vpc(&mut self, held: Held, vpc: &Vpc) -> bool {
        let blocks: Vec<Cidr> = vpc.blocks().collect();
        blocks.into_iter().filter(|block| self.is_in(held, *block)).count() > 0
    }

    /// The route of the longest prefix that holds an address.
    fn lookup<T: Copy>(
        &mut self,
        held: Held,
        found: Option<(Cidr, T)>,
        routes: &BTreeMap<Cidr, T>,
    ) -> Option<(Cidr, T)> {
        if held.as_sent {
            // Those that hold the longest prefix hold all that fares alike.
            let inside = |block: &&Cidr| found.is_none_or(|(longest, _)| longest.contains_cidr(**block));
            routes.keys().filter(inside).for_each(|block| {
                self.is_in(held, *block);
            });
        }
        found
    }

    /// Whether the packets belong to connections that this VPC saw begin.
    fn is_tracked(&self, vpc: VpcId) -> bool {
        self.answers.as_ref().is_some_and(|memory| memory.vpcs.contains(&vpc))
    }

    /// Connection tracking in a VPC: what neither begins a connection nor belongs to one is dropped.
    fn track(&mut self, vpc: VpcId) -> Option<()> {
        self.memory.vpcs.insert(vpc);
        if self.is_tracked(vpc) {
            return Some(());
        }
        self.keep_beginnings()
    }

    /// Takes out what no connection begins with.
    fn keep_beginnings(&mut self) -> Option<()> {
        let icmpv6 = ICMPV6_REQUESTS.map(|kind| (kind, kind));
        let mut beginnings = range::udp_and_others().or(&range::line_of_types(&ICMP_REQUESTS, &icmpv6));
        if self.answers.is_none() {
            beginnings = beginnings.or(&range::tcp());
        }
        self.keep(&beginnings)
    }

    fn leave_machine(&mut self, id: NetworkInterfaceId) -> Option<ArrivedAt> {
        let topology = self.index.topology;
        let interface = topology.interfaces.get(&id).filter(|interface| interface.kind == InterfaceKind::Machine)?;
        let vpc = topology.vpcs.get(&interface.vpc)?;
        if interface.link == LinkState::Detached {
            return None;
        }
        self.leave_out_the_links_own()?;
        let speaks = self.source.address.is_ipv4() || (vpc.has_ipv6() && !interface.ipv6.is_empty());
        let own = interface.has(self.source.address);
        // Checked or not, nobody speaks for the router.
        let speaks_for_router = !own && self.source.address.is_ipv4() && self.is_service(interface.vpc, self.source);
        if !speaks || (!own && interface.source_dest_check) || speaks_for_router {
            return None;
        }
        if let Some(answered) = self.service(interface.vpc, vpc) {
            // Only answers are asked for when they arrive there, and those come from an own address.
            let lacks = self.to.address == METADATA_IPV6_ADDRESS && !topology.metadata_by_ipv6.contains(&id);
            let hears = own && !lacks && self.awaited_at.is_none();
            return self.keep(&answered).filter(|()| hears).map(|()| ArrivedAt::Service);
        }
        if self.to.address.is_ipv6() && self.is_never_routed() {
            return None;
        }
        self.leave_interface(id, interface)
    }

    fn leave_out_the_links_own(&mut self) -> Option<()> {
        let byte = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
        let types = OF_THE_LINK.map(|(first, last)| (byte(first), byte(last)));
        self.leave_out(&range::line_of_types(&[], &types))
    }

    /// For an address of the VPC's router or services: what something there answers.
    fn service(&mut self, id: VpcId, vpc: &Vpc) -> Option<Line> {
        if !self.is_service(id, self.to) {
            return None;
        }
        Some(match self.to.address {
            IpAddr::V4(METADATA_ADDRESS) | IpAddr::V6(METADATA_IPV6_ADDRESS) => range::line_of_port(80, false),
            IpAddr::V6(ROUTER_IPV6_ADDRESS) => Line::default(),
            IpAddr::V6(_) if vpc.dns_support => range::line_of_port(53, true),
            IpAddr::V4(to)
                if vpc.dns_support && (to == crate::plan::RESOLVER_ADDRESS || vpc.resolver() == Some(to)) =>
            {
                range::line_of_port(53, true)
            }
            _ => Line::default(),
        })
    }

    /// Whether an address is one of a VPC's router or of its services.
    fn is_service(&mut self, id: VpcId, held: Held) -> bool {
        let index = self.index;
        // Each is asked about, so that none is among what fares alike.
        index.services(id).filter(|own| self.is(held, *own)).count() > 0
    }

    /// Whether no router forwards the packets, by their source or their destination.
    fn is_never_routed(&mut self) -> bool {
        let (index, ends) = (self.index, [self.source, self.to]);
        ends.into_iter().any(|held| index.never_routed.iter().filter(|it| self.is_in(held, **it)).count() > 0)
    }

    /// Out of an interface: groups, ACL, route.
    fn leave_interface(&mut self, id: NetworkInterfaceId, interface: &'a Interface) -> Option<ArrivedAt> {
        self.gateways += 1;
        if self.gateways > MOST_GATEWAYS {
            return None;
        }
        let vpc = interface.vpc;
        let subnet = self.index.topology.subnets.get(&interface.subnet);
        let next = self.route(vpc, subnet.and_then(|subnet| subnet.route_table))?;
        self.groups(interface, Direction::Egress, next.link())?;
        if next.subnet() != Some(interface.subnet) {
            self.acl(interface.subnet, Direction::Egress)?;
        }
        self.go_on(vpc, Link::Interface(id), next)
    }

    /// Where the router of a VPC sends the packets, as a table says, or else just inside the VPC.
    fn route(&mut self, vpc: VpcId, table: Option<RouteTableId>) -> Option<Next<'a>> {
        let topology = self.index.topology;
        let Some(table) = table.and_then(|id| topology.route_tables.get(&id)) else { return self.local(vpc) };
        let (destination, target) = self.lookup(self.to, table.lookup(self.to.address), &table.routes)?;
        match target {
            Target::Local => self.local(vpc),
            Target::EgressOnlyGateway => {
                let has_gateway = |vpc: &Vpc| vpc.has_ipv6() && vpc.egress_only_gateway;
                let leads = self.to.address.is_ipv6() && topology.vpcs.get(&vpc).is_some_and(has_gateway);
                leads.then_some(Next::EgressOnlyGateway)
            }
            Target::InternetGateway => topology.vpcs.get(&vpc)?.internet_gateway.is_some().then_some(Next::Gateway),
            Target::NatGateway(_) | Target::Interface(_) => {
                topology.forwarder(vpc, target, destination).map(|(id, interface)| Next::Interface(id, interface))
            }
            Target::Peering(peering) => {
                let (_, other) = topology.peers(vpc).find(|(id, _)| *id == peering)?;
                Some(Next::Peering(peering, other))
            }
            Target::TransitGateway(attachment) => {
                let mut links = self.index.transit.iter();
                links.find(|link| link.vpc == vpc && link.attachment == attachment).map(|link| Next::Transit(*link))
            }
            Target::Blackhole => None,
        }
    }

    fn local(&mut self, vpc: VpcId) -> Option<Next<'a>> {
        self.attached(vpc).map(|(id, interface)| Next::Interface(id, interface))
    }

    /// The attached interface of a VPC that has the destination.
    fn attached(&mut self, vpc: VpcId) -> Option<(NetworkInterfaceId, &'a Interface)> {
        let to = self.to;
        if to.as_sent {
            let is_one = !self.index.having(vpc, to.address).is_empty();
            self.looked_up(to, self.index.beside(vpc, to.address), is_one);
        }
        self.index.attached_at(vpc, to.address)
    }

    /// On from the router of a VPC.
    fn go_on(&mut self, vpc: VpcId, from: Link, next: Next<'a>) -> Option<ArrivedAt> {
        self.track(vpc)?;
        match next {
            Next::Interface(id, interface) => self.enter_interface(from, id, interface),
            Next::Gateway if self.to.address.is_ipv6() => self.leave_by_ipv6_gateway(vpc),
            Next::Gateway => self.leave_by_gateway(vpc),
            Next::EgressOnlyGateway => self.leave_by_ipv6_gateway(vpc),
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
                if self.awaited_at != Some(id) {
                    self.groups(interface, Direction::Ingress, from)?;
                }
                self.link = Some(from);
                Some(ArrivedAt::Interface(id))
            }
            InterfaceKind::NatGateway(gateway) => self.translate(gateway, id, interface),
        }
    }

    /// The subnet that a link of a VPC is in, if it is in one.
    fn subnet_of(&self, vpc: VpcId, link: Link) -> Option<SubnetId> {
        match link {
            Link::Interface(id) => self.index.topology.interfaces.get(&id).map(|interface| interface.subnet),
            Link::Transit(attachment) => {
                let mut links = self.index.transit.iter();
                links.find(|link| link.vpc == vpc && link.attachment == attachment).map(|link| link.subnet)
            }
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
        let gateways = &self.index.topology.nat_gateways;
        let own = gateways.get(&gateway).map(|it| it.sources(interface)).unwrap_or_default();
        let to = self.to;
        if interface.all_addresses().filter(|own| self.is(to, *own)).count() > 0 {
            let sources = &mut self.answers.as_mut()?.sources;
            let at = sources.iter().rposition(|(nat, _)| *nat == gateway)?;
            let source = sources.remove(at).1;
            if self.chosen(&own, source, self.source) != Some(to.address) {
                return None;
            }
            self.to = source;
        } else {
            self.keep_translated()?;
            self.keep_beginnings()?;
            let source = self.source;
            if interface.all_addresses().filter(|own| self.is(source, *own)).count() > 0 {
                return None;
            }
            let own = self.chosen(&own, self.source, to)?;
            // What comes out is another connection than what went in.
            self.answers = None;
            self.memory.sources.push((gateway, self.source));
            self.source = Held { address: own, as_sent: false };
        }
        self.leave_interface(id, interface)
    }

    /// The address of a NAT gateway that takes the place of a source. Of several the kernel takes one by a hash, which
    /// no range of addresses has in common: then the question says which.
    fn chosen(&self, own: &[Ipv4Addr], source: Held, to: Held) -> Option<IpAddr> {
        let are_many = (source.as_sent || to.as_sent) && self.alike.0 != self.alike.1;
        if are_many && own.len() > 1 {
            self.question.choices.set(self.question.choices.get().max(own.len()));
            return own.get(self.question.choice % own.len()).copied().map(IpAddr::V4);
        }
        match (source.address, to.address) {
            (IpAddr::V4(source), IpAddr::V4(to)) => spread(own, source, to).map(IpAddr::V4),
            _ => None,
        }
    }

    /// Takes out what is never translated.
    fn keep_translated(&mut self) -> Option<()> {
        let numbers = TRANSLATED.iter().filter_map(|number| u8::try_from(*number).ok());
        let translated = numbers.map(range::line_of_number).fold(Line::default(), |all, it| all.or(&it));
        self.keep(&translated)
    }

    /// Into the other VPC of a peering connection.
    fn cross(&mut self, vpc: VpcId, peering: VpcPeeringConnectionId, other: VpcId) -> Option<ArrivedAt> {
        let topology = self.index.topology;
        if !self.is_of_vpc(self.source, topology.vpcs.get(&vpc)?) {
            return None;
        }
        if topology.vpcs.get(&other).is_some_and(|vpc| self.service(other, vpc).is_some()) {
            return None;
        }
        let (id, interface) = self.attached(other)?;
        self.track(other)?;
        self.enter_interface(Link::Peering(peering), id, interface)
    }
}
