//! Everything that can come in to a machine: which port, which program, from whom.
//!
//! Who reaches the machine is [`policy::sources`], exactly; what is behind the ports, and what none of it reaches, is
//! what was found inside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cloud::{State, Tables};
use policy::{Access, Admission, Endpoint, PacketBox, Peer, Reach, Topology, Traffic, TrafficRange};
use serde::{Deserialize, Serialize};
use types::{
    Cidr, Inside, InstanceId, InstanceState, Ipv4Cidr, Ipv6Cidr, ListeningSocket, NetworkInterfaceId, PortRange,
    Region, SecurityGroupId, SecurityGroupRuleId,
};

use crate::find::{Named, Names};
use crate::message::say;
use crate::why::Complaint;

/// SSH's port: the one that asks for a key.
const SSH: u16 = 22;

/// Whose a door is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorKind {
    /// The operator's alone.
    Operator,
    /// Open to others outside the cloud, too.
    Public,
    /// Open to machines of the cloud alone.
    Internal,
    /// Open to nobody.
    Nobody,
}

/// What is odd about a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Remark {
    /// A rule opens it, and no program is behind it.
    NothingListens,
    /// A program is behind it, and no rule lets anyone in.
    NobodyAllowed,
    /// Its program takes calls of the machine itself alone.
    LoopbackOnly,
}

/// A rule that lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The group of the rule.
    pub group: SecurityGroupId,
    /// The rule.
    pub rule: SecurityGroupRuleId,
    /// Whom it names: blocks of addresses, or a group.
    pub peers: Vec<String>,
    /// Whether that is everyone.
    pub everyone: bool,
    /// Whether that is the operator alone.
    pub operator: bool,
    /// Whether it lets in anyone from outside the cloud.
    pub outside: bool,
    /// The instances that it lets in, in fact.
    pub instances: BTreeSet<InstanceId>,
}

/// A port, or several, and what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The first port.
    pub from_port: u16,
    /// The last one.
    pub to_port: u16,
    /// The program behind it.
    pub program: Option<String>,
    /// Its process, as numbered inside the machine.
    pub pid: Option<u32>,
    /// The addresses that it takes calls on; `*` for all.
    pub listens_on: BTreeSet<String>,
    /// Whose it is.
    pub kind: DoorKind,
    /// Whether a key must be shown.
    pub asks_for_key: bool,
    /// The rules that open it.
    pub open_to: Vec<Opening>,
    /// What is odd about it.
    pub remark: Option<Remark>,
}

/// Everything that can come in to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// The machine.
    pub instance: InstanceId,
    /// The doors, those with a program first, by port.
    pub doors: Vec<Door>,
    /// Whether the machine itself was looked into; if not, programs are not known.
    pub looked_inside: bool,
}

/// A question about a machine, answered as far as the configuration leads.
#[derive(Debug)]
pub struct Visitors {
    instance: InstanceId,
    runs: bool,
    own: BTreeSet<IpAddr>,
    boxes: Vec<PacketBox<Access>>,
    openings: BTreeMap<Admission, (Vec<String>, bool, bool)>,
    owners: BTreeMap<NetworkInterfaceId, InstanceId>,
}

impl Visitors {
    /// Finds the machine, and all that reach it.
    ///
    /// # Errors
    /// If it cannot be told which machine is meant, or there is none any more.
    pub fn find(state: &State, topology: &Topology, region: &Region, target: &str) -> Result<Self, Complaint> {
        let empty = Tables::default();
        let tables = state.regions.get(region).unwrap_or(&empty);
        let names = Names { tables, region, topology };
        let id = machine(&names, target)?;
        let instance = names.instance(id).ok_or_else(|| Complaint::unknown(target, region))?;
        if instance.interfaces.is_empty() {
            return Err(Complaint::ended(target, id));
        }
        let reach = Reach::new(topology);
        let boxes: Vec<_> =
            instance.interfaces.iter().flat_map(|id| reach.sources(*id).boxes().collect::<Vec<_>>()).collect();
        let used: BTreeSet<Admission> = boxes.iter().flat_map(|it| it.label.rules.iter().copied()).collect();
        let operator = topology.operator.address();
        let openings = used.into_iter().map(|it| (it, peers(topology, it, operator.into()))).collect();
        let owner = |(id, it): (&NetworkInterfaceId, &std::sync::Arc<cloud::resource::NetworkInterface>)| {
            Some((*id, it.attachment.as_ref()?.instance))
        };
        let own = instance.interfaces.iter().filter_map(|id| topology.interfaces.get(id));
        Ok(Self {
            instance: id,
            runs: instance.state == InstanceState::Running,
            own: own.flat_map(|interface| interface.all_addresses()).collect(),
            boxes,
            openings,
            owners: tables.interfaces.iter().filter_map(owner).collect(),
        })
    }

    /// The machine to look into, if it runs.
    pub fn machine(&self) -> Option<InstanceId> {
        self.runs.then_some(self.instance)
    }

    /// The doors, with what was found behind them.
    pub fn doors(self, inside: Option<&Inside>) -> Doors {
        let mut behind: BTreeMap<(u8, u16), Vec<&ListeningSocket>> = BTreeMap::new();
        for socket in inside.into_iter().flat_map(|inside| &inside.sockets) {
            behind.entry((socket.protocol, socket.port)).or_default().push(socket);
        }
        let mut doors: Vec<Door> =
            behind.iter().map(|((protocol, port), sockets)| self.door(*protocol, *port, sockets)).collect();
        let taken = |protocol: u8, ports: PortRange| {
            behind.iter().any(|((of, port), sockets)| {
                *of == protocol && ports.contains(*port) && sockets.iter().any(|socket| !socket.is_loopback())
            })
        };
        doors.extend(self.empty_doors(inside.is_some(), taken));
        Doors { instance: self.instance, doors, looked_inside: inside.is_some() }
    }

    fn door(&self, protocol: u8, port: u16, sockets: &[&ListeningSocket]) -> Door {
        let traffic = if protocol == 17 { Traffic::Udp(port) } else { Traffic::Tcp(port) };
        let takes = |address: IpAddr| sockets.iter().any(|socket| socket.takes(address));
        let is_heard = |it: &PacketBox<Access>| it.traffic.contains(traffic) && self.destination(it).is_none_or(takes);
        let loopback = sockets.iter().all(|socket| socket.is_loopback());
        let open_to = if loopback { Vec::new() } else { self.openings(self.boxes.iter().filter(|it| is_heard(it))) };
        let remark = match (loopback, open_to.is_empty()) {
            (true, _) => Some(Remark::LoopbackOnly),
            (false, true) => Some(Remark::NobodyAllowed),
            (false, false) => None,
        };
        let program = sockets.iter().find_map(|socket| socket.program.clone());
        Door {
            protocol: name(protocol),
            from_port: port,
            to_port: port,
            pid: sockets.iter().find_map(|socket| socket.pid),
            listens_on: sockets.iter().map(|it| it.address.map_or("*".to_owned(), |own| own.to_string())).collect(),
            kind: kind(&open_to),
            asks_for_key: protocol == 6 && (port == SSH || program.as_deref() == Some("sshd")),
            program,
            open_to,
            remark,
        }
    }

    /// The machine's own address that packets come to, where they are sent to one of its own; a public address is
    /// translated to one of those.
    fn destination(&self, it: &PacketBox<Access>) -> Option<IpAddr> {
        self.own.contains(&it.to).then_some(it.to)
    }

    /// What rules open where no program is.
    fn empty_doors(&self, known: bool, taken: impl Fn(u8, PortRange) -> bool) -> Vec<Door> {
        let mut ranges: BTreeMap<(u8, u16, u16), Vec<&PacketBox<Access>>> = BTreeMap::new();
        for it in &self.boxes {
            let (protocol, ports) = match it.traffic {
                TrafficRange::Tcp(ports) => (6, ports),
                TrafficRange::Udp(ports) => (17, ports),
                _ => continue,
            };
            if !taken(protocol, ports) {
                ranges.entry((protocol, ports.from, ports.to)).or_default().push(it);
            }
        }
        let door = |((protocol, from_port, to_port), boxes): (_, Vec<&PacketBox<Access>>)| {
            let open_to = self.openings(boxes.into_iter());
            Door {
                protocol: name(protocol),
                from_port,
                to_port,
                program: None,
                pid: None,
                listens_on: BTreeSet::new(),
                kind: kind(&open_to),
                asks_for_key: false,
                open_to,
                remark: known.then_some(Remark::NothingListens),
            }
        };
        ranges.into_iter().map(door).collect()
    }

    /// The rules that let these packets in, with whom.
    fn openings<'a>(&self, boxes: impl Iterator<Item = &'a PacketBox<Access>>) -> Vec<Opening> {
        let mut found: BTreeMap<Admission, Opening> = BTreeMap::new();
        for it in boxes {
            for admission in it.label.rules.iter() {
                let opening = found.entry(*admission).or_insert_with(|| {
                    let (peers, everyone, operator) = self.openings.get(admission).cloned().unwrap_or_default();
                    let Admission { group, rule } = *admission;
                    Opening { group, rule, peers, everyone, operator, outside: false, instances: BTreeSet::new() }
                });
                match it.from {
                    Endpoint::Outside => opening.outside = true,
                    Endpoint::Interface(id) => {
                        let other = self.owners.get(&id).filter(|owner| **owner != self.instance);
                        opening.instances.extend(other);
                    }
                }
            }
        }
        // A rule that lets in nobody but the machine itself opens nothing.
        found.into_values().filter(|opening| opening.outside || !opening.instances.is_empty()).collect()
    }
}

fn name(protocol: u8) -> String {
    if protocol == 17 { "udp".to_owned() } else { "tcp".to_owned() }
}

fn kind(open_to: &[Opening]) -> DoorKind {
    match open_to.iter().filter(|opening| opening.outside).map(|opening| opening.operator).reduce(|a, b| a && b) {
        Some(true) => DoorKind::Operator,
        Some(false) => DoorKind::Public,
        None if open_to.is_empty() => DoorKind::Nobody,
        None => DoorKind::Internal,
    }
}

/// Whom a rule names, whether that is everyone, and whether the operator alone.
fn peers(topology: &Topology, admission: Admission, operator: IpAddr) -> (Vec<String>, bool, bool) {
    let rules = topology.groups.get(&admission.group).map_or(&[][..], |group| &group.ingress);
    let named: Vec<Peer> = rules.iter().filter(|rule| rule.id == admission.rule).map(|rule| rule.peer).collect();
    let is_everyone = |peer: &Peer| matches!(peer, Peer::Cidr(block) if *block == Ipv4Cidr::ANY.into() || *block == Ipv6Cidr::ANY.into());
    let everyone = named.iter().any(is_everyone);
    let is_operator = |peer: &Peer| matches!(peer, Peer::Cidr(block) if *block == Cidr::host(operator));
    let alone = !named.is_empty() && named.iter().all(is_operator);
    let text = |peer: &Peer| match peer {
        Peer::Cidr(block) => block.to_string(),
        Peer::Group(group) => group.to_string(),
    };
    (named.iter().map(text).collect(), everyone, alone)
}

/// The machine that a word means.
fn machine(names: &Names<'_>, word: &str) -> Result<InstanceId, Complaint> {
    let owner =
        |id: NetworkInterfaceId| names.interface(id).and_then(|it| it.attachment.as_ref()).map(|it| it.instance);
    let found = match names.named(word)? {
        Named::Instance(id) => Some(id),
        Named::Name { interface, .. } => owner(interface),
        Named::Address(address) => {
            let users = names.topology.gateway_users();
            let by_public = users.iter().find(|(public, _)| IpAddr::V4(**public) == address).map(|(_, (id, ..))| *id);
            by_public.or_else(|| names.holder(address)).and_then(owner)
        }
    };
    found.ok_or_else(|| Complaint::new("UNKNOWN_TARGET", say!("who-nobody", name = word)))
}
