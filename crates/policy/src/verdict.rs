//! The fate of the first packet of a new connection, with every reason on its way.
//!
//! This is the other output of the one engine: what is said here is what the [`crate::plan()`] makes the kernel do.
//! Answers, and all later packets of a connection that was let through, pass without a look at the rules.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use types::{NetworkInterfaceId, Protocol, SecurityGroupId, SecurityGroupRuleId, VpcId};

use crate::plan::{METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS};
use crate::ranges::from_nowhere;
use crate::topology::{Direction, Interface, LinkState, Peer, Rule, Topology, Vpc};

/// Who sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The machine behind an interface.
    Interface(NetworkInterfaceId),
    /// Anyone outside the cloud: the operator, or a host of the internet.
    Outside,
}

/// The first packet of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Who sends it.
    pub from: Endpoint,
    /// The source address in it.
    pub source: Ipv4Addr,
    /// The destination address in it.
    pub to: Ipv4Addr,
    /// What it carries.
    pub traffic: Traffic,
}

/// What a packet carries, as far as rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// TCP to this port.
    Tcp(u16),
    /// UDP to this port.
    Udp(u16),
    /// ICMP.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Another protocol by its number.
    Other(u8),
}

impl Traffic {
    /// ICMP echo request: ping.
    pub const PING: Self = Self::Icmp { kind: 8, code: 0 };

    /// The IP protocol number.
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp(_) => 6,
            Self::Udp(_) => 17,
            Self::Icmp { .. } => 1,
            Self::Other(number) => number,
        }
    }

    /// Whether a rule for this protocol means such traffic.
    pub fn is_of(self, protocol: Protocol) -> bool {
        match (protocol, self) {
            (Protocol::All, _) => true,
            (Protocol::Tcp(ports), Self::Tcp(port)) | (Protocol::Udp(ports), Self::Udp(port)) => ports.contains(port),
            (Protocol::Icmp { kind: None, .. }, Self::Icmp { .. }) => true,
            (Protocol::Icmp { kind: Some(wanted), code }, Self::Icmp { kind, code: given }) => {
                wanted == kind && code.is_none_or(|code| code == given)
            }
            (Protocol::Other(number), _) => number == self.protocol(),
            _ => false,
        }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It arrives.
    Accept,
    /// It is dropped; the sender hears nothing.
    Drop,
}

/// What becomes of a packet, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What becomes of it.
    pub outcome: Outcome,
    /// Every stage it came through; if it was dropped, the last one dropped it.
    pub path: Vec<Stage>,
}

/// One stage on a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Where.
    pub at: Component,
    /// What was found there.
    pub reason: Reason,
}

/// Where something is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// A network interface.
    Interface(NetworkInterfaceId),
    /// The router of a VPC.
    Router(VpcId),
    /// The internet gateway of a VPC.
    Gateway(VpcId),
    /// Where public addresses live.
    Edge,
}

/// What was found at a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Passes: the source is the interface's own.
    OwnSource,
    /// Passes: the source is not looked at (the source/destination check is off).
    SourceNotChecked,
    /// Passes: a rule allows it.
    Rule {
        /// In or out.
        direction: Direction,
        /// The group the rule is of.
        group: SecurityGroupId,
        /// The rule.
        rule: SecurityGroupRuleId,
    },
    /// Passes: the instance metadata service and the resolver are never filtered.
    Service,
    /// Passes: the address is in the VPC, and this interface has it.
    Local(NetworkInterfaceId),
    /// Passes: an address was translated.
    Translated {
        /// What it was.
        from: Ipv4Addr,
        /// What it is now.
        to: Ipv4Addr,
    },
    /// Passes: it leaves the cloud.
    Leaves,
    /// Dropped: there is no such interface.
    NoSuchInterface,
    /// Dropped: no running machine is behind the interface.
    Detached,
    /// Dropped: the source is not the interface's own.
    SpoofedSource {
        /// The interface's address.
        own: Ipv4Addr,
    },
    /// Dropped: no rule of any group allows it, and what is not allowed is denied.
    NoRule {
        /// In or out.
        direction: Direction,
        /// The interface's groups.
        groups: Vec<SecurityGroupId>,
    },
    /// Dropped: the address is the VPC router's, or a service does not listen on that port. It never answers.
    RouterAddress,
    /// Dropped: the address is in the VPC, but no interface has it.
    NoSuchAddress,
    /// Dropped: the VPC has no internet gateway.
    NoInternetGateway,
    /// Dropped: the subnet's routes do not lead to the internet gateway.
    NoInternetRoute,
    /// Dropped: only a source with a public address passes the internet gateway.
    NoPublicAddress,
    /// Dropped: the gateway forwards nothing to or from this address, which is not one of the internet.
    NotOnTheInternet(Ipv4Addr),
    /// Dropped: the public address leads to no interface.
    PublicAddressUnused,
    /// Dropped: machines cannot call the operator's own machine.
    OperatorAddress,
}

impl Reason {
    /// Whether a packet goes on after this.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::OwnSource
                | Self::SourceNotChecked
                | Self::Rule { .. }
                | Self::Service
                | Self::Local(_)
                | Self::Translated { .. }
                | Self::Leaves
        )
    }
}

/// The fate of a packet.
pub fn verdict(topology: &Topology, packet: &Packet) -> Verdict {
    let mut way = Way { topology, path: Vec::new() };
    // A way ends early exactly where a stage drops the packet.
    let end = match packet.from {
        Endpoint::Interface(id) => way.leave_interface(id, packet),
        Endpoint::Outside => way.enter_public(packet.source, packet.to, packet.traffic),
    };
    let outcome = if end.is_some() { Outcome::Accept } else { Outcome::Drop };
    Verdict { outcome, path: way.path }
}

/// A packet's way so far.
struct Way<'a> {
    topology: &'a Topology,
    path: Vec<Stage>,
}

impl<'a> Way<'a> {
    /// Notes a stage; `None` if it drops the packet.
    fn stage(&mut self, at: Component, reason: Reason) -> Option<()> {
        let passes = reason.passes();
        self.path.push(Stage { at, reason });
        passes.then_some(())
    }

    fn leave_interface(&mut self, id: NetworkInterfaceId, packet: &Packet) -> Option<()> {
        let at = Component::Interface(id);
        let topology = self.topology;
        let known = topology.interfaces.get(&id).and_then(|i| Some((i, topology.vpcs.get(&i.vpc)?)));
        let Some((interface, vpc)) = known else { return self.stage(at, Reason::NoSuchInterface) };
        if interface.link == LinkState::Detached {
            return self.stage(at, Reason::Detached);
        }
        let own = packet.source == interface.address;
        self.stage(
            at,
            match own {
                true => Reason::OwnSource,
                false if !interface.source_dest_check => Reason::SourceNotChecked,
                false => Reason::SpoofedSource { own: interface.address },
            },
        )?;
        let router = Component::Router(interface.vpc);
        if let Some(answers) = self.local_service(interface.vpc, vpc, packet) {
            let reason = match (answers, own) {
                (true, true) => Reason::Service,
                // The source is how a service knows who asks.
                (true, false) => Reason::SpoofedSource { own: interface.address },
                (false, _) => Reason::RouterAddress,
            };
            return self.stage(router, reason);
        }
        self.groups(id, interface, Direction::Egress, packet.to, packet.traffic)?;
        if vpc.cidrs.iter().any(|cidr| cidr.contains(packet.to)) {
            return match self.attached_at(interface.vpc, packet.to) {
                Some((id, target)) => {
                    self.stage(router, Reason::Local(id))?;
                    self.groups(id, target, Direction::Ingress, packet.source, packet.traffic)
                }
                None => self.stage(router, Reason::NoSuchAddress),
            };
        }
        self.out_by_gateway(interface, vpc, packet)
    }

    /// For an address of the VPC's router or services: whether something answers there.
    fn local_service(&self, id: VpcId, vpc: &Vpc, packet: &Packet) -> Option<bool> {
        let resolver = packet.to == RESOLVER_ADDRESS || vpc.resolver() == Some(packet.to);
        let router = || self.topology.subnets.values().any(|s| s.vpc == id && s.router() == Some(packet.to));
        if packet.to == METADATA_ADDRESS {
            Some(packet.traffic == Traffic::Tcp(80))
        } else if resolver {
            Some(vpc.dns_support && matches!(packet.traffic, Traffic::Tcp(53) | Traffic::Udp(53)))
        } else {
            (packet.to == VPC_GATEWAY_ADDRESS || router()).then_some(false)
        }
    }

    fn attached_at(&self, vpc: VpcId, address: Ipv4Addr) -> Option<(NetworkInterfaceId, &'a Interface)> {
        let mut all = self.topology.interfaces.iter();
        let found = all.find(|(_, i)| i.vpc == vpc && i.address == address && i.link == LinkState::Attached);
        found.map(|(id, interface)| (*id, interface))
    }

    fn out_by_gateway(&mut self, interface: &Interface, vpc: &Vpc, packet: &Packet) -> Option<()> {
        let topology = self.topology;
        if vpc.internet_gateway.is_none() {
            return self.stage(Component::Router(interface.vpc), Reason::NoInternetGateway);
        }
        if !topology.subnets.get(&interface.subnet).is_some_and(|subnet| subnet.internet_route) {
            return self.stage(Component::Router(interface.vpc), Reason::NoInternetRoute);
        }
        let gateway = Component::Gateway(interface.vpc);
        let pool = topology.operator.pool;
        let mut users = topology.gateway_users().into_iter();
        let public = users.find(|(_, (_, i))| i.vpc == interface.vpc && i.address == packet.source);
        let Some((public, _)) = public else { return self.stage(gateway, Reason::NoPublicAddress) };
        if from_nowhere(pool, &vpc.cidrs).iter().any(|block| block.contains(packet.to)) {
            return self.stage(gateway, Reason::NotOnTheInternet(packet.to));
        }
        self.stage(gateway, Reason::Translated { from: packet.source, to: public })?;
        if packet.to == topology.operator.address() {
            self.stage(Component::Edge, Reason::OperatorAddress)
        } else if pool.contains(packet.to) {
            self.enter_public(public, packet.to, packet.traffic)
        } else {
            self.stage(Component::Edge, Reason::Leaves)
        }
    }

    /// From the edge to a public address.
    fn enter_public(&mut self, source: Ipv4Addr, public: Ipv4Addr, traffic: Traffic) -> Option<()> {
        let topology = self.topology;
        let target = topology.gateway_users().remove(&public);
        let target = target.and_then(|(id, interface)| Some((id, interface, topology.vpcs.get(&interface.vpc)?)));
        let Some((id, interface, vpc)) = target else {
            return self.stage(Component::Edge, Reason::PublicAddressUnused);
        };
        let gateway = Component::Gateway(interface.vpc);
        if from_nowhere(topology.operator.pool, &vpc.cidrs).iter().any(|block| block.contains(source)) {
            return self.stage(gateway, Reason::NotOnTheInternet(source));
        }
        self.stage(gateway, Reason::Translated { from: public, to: interface.address })?;
        self.groups(id, interface, Direction::Ingress, source, traffic)
    }

    /// Asks the groups of an interface about traffic from or to `other`.
    fn groups(
        &mut self,
        id: NetworkInterfaceId,
        interface: &Interface,
        direction: Direction,
        other: Ipv4Addr,
        traffic: Traffic,
    ) -> Option<()> {
        let topology = self.topology;
        let allows = |rule: &&Rule| traffic.is_of(rule.protocol) && is_peer(topology, interface.vpc, rule.peer, other);
        let groups = interface.groups.iter().filter_map(|id| Some((*id, topology.groups.get(id)?)));
        let mut groups = groups.filter(|(_, group)| group.vpcs.contains(&interface.vpc));
        let found = groups.find_map(|(id, group)| Some((id, group.rules(direction).iter().find(allows)?.id)));
        let reason = match found {
            Some((group, rule)) => Reason::Rule { direction, group, rule },
            None => Reason::NoRule { direction, groups: interface.groups.iter().copied().collect() },
        };
        self.stage(Component::Interface(id), reason)
    }
}

/// Whether an address is one of a rule's peers. A group means private addresses of its members, in the same VPC.
fn is_peer(topology: &Topology, vpc: VpcId, peer: Peer, address: Ipv4Addr) -> bool {
    match peer {
        Peer::Cidr(cidr) => cidr.contains(address),
        Peer::Group(id) => {
            let serves = topology.groups.get(&id).is_some_and(|group| group.vpcs.contains(&vpc));
            serves && topology.members(id, vpc).contains(&address)
        }
    }
}
