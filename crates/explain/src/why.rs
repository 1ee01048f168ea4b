//! The walk from a caller to a program, up to the first obstacle.

use std::net::IpAddr;

use cloud::{State, Tables};
use policy::{Arrival, ArrivedAt, Endpoint, Outcome, Packet, Topology, Traffic, Verdict, verdict_both_ways};
use serde::{Deserialize, Serialize};
use types::{Inside, InstanceId, InstanceState, Region};

use crate::find::{ANYONE_BY_IPV6, Caller, Named, Names, resolution};
use crate::firewall::Call;
use crate::machine::{self, Found};
use crate::message::{Message, say};
use crate::remedy::{Case, associate};
use crate::{login, network};

/// The port that is meant where none is named: SSH's.
const SSH: u16 = 22;
/// The ports that Linux lets clients call from, ends and middle (`net.ipv4.ip_local_port_range`): an answer must come
/// back to any of them.
const CLIENT_PORTS: [u16; 3] = [32_768, 60_999, 50_000];
/// How many machines that forward a call may pass.
const MOST_FORWARDERS: usize = 4;

/// The protocol that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// A ping.
    Icmp,
}

/// A private key file on the caller's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    /// Its path, as it was given.
    pub path: String,
    /// Its public half, as `authorized_keys` has it: type and data.
    pub public: String,
    /// Its permission bits.
    pub mode: u32,
}

/// Who wants to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginQuestion {
    /// As which user; `None`: the one that the image gives key pairs to.
    pub user: Option<String>,
    /// With which key.
    pub key: Option<KeyFile>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who calls: an instance, an address or `internet`; the operator's machine where nothing is said.
    #[serde(default)]
    pub from: Option<String>,
    /// Who is called: an instance by id or name, an address, a DNS name of the cloud.
    pub target: String,
    /// On which port; SSH's where nothing is said.
    #[serde(default)]
    pub port: Option<u16>,
    /// By which protocol.
    #[serde(default)]
    pub protocol: Asked,
    /// The login that is wanted on SSH's port.
    #[serde(default)]
    pub login: Option<LoginQuestion>,
}

/// What the client will see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientError {
    /// Nothing ever answers.
    TimedOut,
    /// The machine answers that nobody is there.
    Refused,
    /// There is no way for the packet.
    NoRoute,
    /// SSH's server turns the key down.
    PermissionDenied,
    /// The name leads to no address.
    Unresolved,
    /// The certificate is not believed.
    Tls,
}

/// Which part of the walk a stage belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Finding out who is meant.
    Name,
    /// The call on its way.
    Call,
    /// The answer on its way back.
    Answer,
    /// Inside the machine that is called.
    Machine,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// The part of the walk.
    pub way: Way,
    /// The id of what decides there.
    pub component: String,
    /// Whether the call goes on.
    pub passes: bool,
    /// What it is called where it does not.
    pub code: Option<String>,
    /// What was found.
    pub message: Message,
}

/// The first thing in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Its name: AWS's explanation code where there is one, else one of ours.
    pub code: String,
    /// The id of what is in the way.
    pub component: String,
    /// What it is.
    pub message: Message,
    /// The command that removes it, where one does.
    pub remedy: Option<String>,
}

/// Why a connection comes to be or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it does.
    pub reachable: bool,
    /// What the client sees if not.
    pub client_error: Option<ClientError>,
    /// What is in the way.
    pub obstacle: Option<Obstacle>,
    /// Every stage, up to that.
    pub path: Vec<StageView>,
    /// The address that is called, if there is one.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// The instance that calls, if one does.
    pub from_instance: Option<InstanceId>,
    /// Whether the caller is the operator's own machine.
    pub from_operator: bool,
    /// The instance that is called, if one is.
    pub instance: Option<InstanceId>,
    /// Whether the machine itself was looked into.
    pub looked_inside: bool,
    /// The user whose login was looked at, if one was.
    pub user: Option<String>,
}

/// A question that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Its name.
    pub code: String,
    /// What is wrong with it.
    pub message: Message,
}

impl Complaint {
    pub(crate) fn new(code: &str, message: Message) -> Self {
        Self { code: code.to_owned(), message }
    }

    pub(crate) fn unknown(word: &str, region: &Region) -> Self {
        Self::new("UNKNOWN_TARGET", say!("why-unknown", name = word, region = region))
    }

    pub(crate) fn ended(word: &str, id: InstanceId) -> Self {
        Self::new("TERMINATED", say!("why-caller-ended", name = word, id = id))
    }

    pub(crate) fn ambiguous(word: &str, ids: impl Iterator<Item = InstanceId>) -> Self {
        let ids = ids.map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
        Self::new("AMBIGUOUS_TARGET", say!("why-ambiguous", name = word, ids = ids))
    }
}

/// A walk that came as far as the configuration leads.
#[derive(Debug)]
pub struct Walk {
    answer: Answer,
    protocol: Asked,
    call: Option<Call>,
    login: Option<LoginQuestion>,
}

/// What is called.
struct Target {
    address: Option<IpAddr>,
    instance: Option<InstanceId>,
}

impl Walk {
    /// Walks through the network.
    ///
    /// # Errors
    /// If it cannot be told who is meant.
    pub fn start(state: &State, topology: &Topology, region: &Region, question: Question) -> Result<Self, Complaint> {
        let empty = Tables::default();
        let tables = state.regions.get(region).unwrap_or(&empty);
        let names = Names { tables, region, topology };
        let caller = names.caller(question.from.as_deref())?;
        let named = names.named(&question.target)?;
        let target = target(&names, &caller, &named);
        let port = question.port.unwrap_or(SSH);
        let mut walk = Self {
            answer: Answer {
                reachable: true,
                client_error: None,
                obstacle: None,
                path: Vec::new(),
                address: target.address,
                port,
                from_instance: caller.instance,
                from_operator: question.from.is_none(),
                instance: target.instance,
                looked_inside: false,
                user: None,
            },
            protocol: question.protocol,
            call: None,
            login: question.login,
        };
        if walk.looks_at_states(&names, &caller, &target) {
            walk.resolves(&names, &caller, &question.target, &named, &target);
        }
        if let (None, Some(address)) = (&walk.answer.obstacle, target.address) {
            walk.passes_network(&names, &caller, address);
        }
        Ok(walk)
    }

    /// The machine that must be looked into to go on, and the user whose login is asked about.
    pub fn machine(&self) -> Option<(InstanceId, Option<&LoginQuestion>)> {
        self.call?;
        let login = self.login.as_ref().filter(|_| self.answer.port == SSH && self.protocol == Asked::Tcp);
        Some((self.answer.instance?, login))
    }

    /// Goes on inside the machine, with what was found there; without where nothing could be.
    pub fn finish(mut self, inside: Option<&Inside>) -> Answer {
        if let (Some(call), Some(inside)) = (self.call, inside) {
            self.enters_machine(call, inside);
        }
        self.answer.looked_inside = self.call.is_some() && inside.is_some();
        self.answer.user = inside.and_then(|inside| inside.login.as_ref()).map(|login| login.user.clone());
        self.answer
    }

    fn note(&mut self, way: Way, component: impl ToString, found: Found) {
        let component = component.to_string();
        let code = found.obstacle.map(|(_, code)| code.to_owned());
        if let Some((client, code)) = found.obstacle {
            self.answer.reachable = false;
            self.answer.client_error = Some(client);
            self.answer.obstacle = Some(Obstacle {
                code: code.to_owned(),
                component: component.clone(),
                message: found.message.clone(),
                remedy: found.remedy,
            });
        }
        self.answer.path.push(StageView { way, component, passes: code.is_none(), code, message: found.message });
    }

    /// Whether both machines run.
    fn looks_at_states(&mut self, names: &Names<'_>, caller: &Caller, target: &Target) -> bool {
        for (id, is_caller) in [(caller.instance, true), (target.instance, false)] {
            let Some(instance) = id.and_then(|id| names.instance(id)) else { continue };
            if instance.state == InstanceState::Running {
                continue;
            }
            let start = format!("aws ec2 start-instances --instance-ids {}", instance.id);
            let remedy = (instance.state == InstanceState::Stopped).then_some(start);
            let message = match is_caller {
                true => say!("why-caller-state", id = instance.id, state = instance.state),
                false => say!("why-state", id = instance.id, state = instance.state),
            };
            let client = if is_caller { ClientError::NoRoute } else { ClientError::TimedOut };
            self.note(Way::Name, instance.id, Found::stops(client, "BAD_STATE", message, remedy));
            return false;
        }
        true
    }

    /// The address that the name leads to, for this caller.
    fn resolves(&mut self, names: &Names<'_>, caller: &Caller, word: &str, named: &Named, target: &Target) {
        match (named, target.address) {
            (Named::Address(_), _) => {}
            (Named::Name { .. }, _) if caller.endpoint == Endpoint::Outside => {
                let message = say!("why-name-unknown-outside", name = word);
                self.note(Way::Name, word, Found::stops(ClientError::Unresolved, "NAME_UNKNOWN", message, None));
            }
            (Named::Name { .. }, _) if !resolves_inside(names, caller) => {
                let message = say!("why-no-dns", name = word);
                self.note(Way::Name, word, Found::stops(ClientError::Unresolved, "DNS_SUPPORT_OFF", message, None));
            }
            (_, Some(address)) => self.note(Way::Name, word, Found::passes(resolution(word, address))),
            (_, None) => {
                let id = target.instance.map_or_else(|| word.to_owned(), |id| id.to_string());
                let message = say!("why-target-without-public", id = id);
                let remedy = target.instance.map(associate);
                let code = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS";
                self.note(Way::Name, id, Found::stops(ClientError::TimedOut, code, message, remedy));
            }
        }
    }

    fn traffic(&self, address: IpAddr) -> Traffic {
        match self.protocol {
            Asked::Tcp => Traffic::Tcp(self.answer.port),
            Asked::Udp => Traffic::Udp(self.answer.port),
            Asked::Icmp if address.is_ipv6() => Traffic::IPV6_PING,
            Asked::Icmp => Traffic::PING,
        }
    }

    /// The call through the network, and the answer back.
    fn passes_network(&mut self, names: &Names<'_>, caller: &Caller, address: IpAddr) {
        let traffic = self.traffic(address);
        let source = source_for(names, caller, address);
        if source.is_ipv4() != address.is_ipv4() {
            let message = say!("why-families", source = source, address = address);
            self.note(Way::Call, source, Found::stops(ClientError::NoRoute, "ADDRESS_FAMILY", message, None));
            return;
        }
        let mut packet = Packet { from: caller.endpoint, source, to: address, traffic };
        for _ in 0..MOST_FORWARDERS {
            let both = CLIENT_PORTS.map(|port| (port, verdict_both_ways(names.topology, &packet, port)));
            let (_, (call, _)) = &both[0];
            if !self.notes(names, caller, Way::Call, call, &packet) {
                return;
            }
            let Some(arrival) = call.arrival else { return };
            let refused = |(_, (_, answer)): &&(u16, (Verdict, Option<Verdict>))| {
                answer.as_ref().is_some_and(|answer| answer.outcome == Outcome::Drop)
            };
            let (port, (_, answer)) = both.iter().find(refused).unwrap_or(&both[2]);
            if let Some(answer) = answer {
                let traffic = traffic.answer(*port).unwrap_or(traffic);
                let back = Packet { from: at(arrival), source: arrival.to, to: arrival.source, traffic };
                if !self.notes(names, caller, Way::Answer, answer, &back) {
                    return;
                }
            }
            let ArrivedAt::Interface(id) = arrival.at else { return };
            let Some(interface) = names.interface(id) else { return };
            let instance = interface.attachment.as_ref().map(|attachment| attachment.instance);
            if names.topology.interfaces.get(&id).is_some_and(|interface| interface.has(arrival.to)) {
                self.answer.instance = instance;
                let protocol = traffic.protocol();
                let (port, source) = (self.answer.port, arrival.source);
                self.call = Some(Call { protocol, port, source, destination: arrival.to });
                return;
            }
            // A machine that forwards: what it does with the packet is its own affair; it is taken to send it on.
            let name = instance.map_or_else(|| id.to_string(), |instance| instance.to_string());
            self.note(Way::Call, &name, Found::passes(say!("why-forwards", id = name)));
            packet = Packet { from: Endpoint::Interface(id), source: arrival.source, to: arrival.to, traffic };
        }
        let found = Found::stops(ClientError::TimedOut, "CANNOT_ROUTE", say!("why-loop"), None);
        self.note(Way::Call, address, found);
    }

    /// Notes the stages of a verdict; whether the packet arrives.
    fn notes(&mut self, names: &Names<'_>, caller: &Caller, way: Way, verdict: &Verdict, packet: &Packet) -> bool {
        for stage in &verdict.path {
            let told = network::tell(names.topology, stage);
            let case = Case {
                tables: names.tables,
                topology: names.topology,
                packet: *packet,
                is_answer: way == Way::Answer,
                instance: self.answer.instance,
                is_from_anyone: caller.is_anyone,
            };
            let found = match told.code {
                None => Found::passes(told.message),
                Some(code) => Found::stops(ClientError::TimedOut, code, told.message, case.command(stage)),
            };
            self.note(way, told.component, found);
        }
        verdict.outcome == Outcome::Accept
    }

    /// The machine's own part.
    fn enters_machine(&mut self, call: Call, inside: &Inside) {
        let id = self.answer.instance.map_or_else(String::new, |id| id.to_string());
        if let Some(found) = machine::firewall(inside, call) {
            self.note(Way::Machine, &id, found);
        }
        if self.answer.obstacle.is_some() || self.protocol == Asked::Icmp {
            return;
        }
        let (found, _) = machine::listener(inside, call);
        self.note(Way::Machine, &id, found);
        if self.answer.obstacle.is_none()
            && let (Some(login), Some(asked)) = (&inside.login, self.login.clone())
        {
            self.note(Way::Machine, &id, login::judge(login, asked.key.as_ref()));
        }
    }
}

fn at(arrival: Arrival) -> Endpoint {
    match arrival.at {
        ArrivedAt::Interface(id) => Endpoint::Interface(id),
        ArrivedAt::Service | ArrivedAt::Outside => Endpoint::Outside,
    }
}

/// Whether the resolver of the caller's VPC answers at all.
fn resolves_inside(names: &Names<'_>, caller: &Caller) -> bool {
    let Endpoint::Interface(id) = caller.endpoint else { return false };
    let vpc = names.topology.interfaces.get(&id).and_then(|interface| names.topology.vpcs.get(&interface.vpc));
    vpc.is_some_and(|vpc| vpc.dns_support)
}

/// The address that a caller calls when it means this, and the instance that has it.
fn target(names: &Names<'_>, caller: &Caller, named: &Named) -> Target {
    let caller_vpc = match caller.endpoint {
        Endpoint::Interface(id) => names.interface(id).map(|interface| interface.vpc),
        Endpoint::Outside => None,
    };
    let instance_of = |id| names.interface(id).and_then(|it| it.attachment.as_ref()).map(|it| it.instance);
    match named {
        Named::Address(address) => {
            let users = names.topology.gateway_users();
            let by_public = users.iter().find(|(public, _)| IpAddr::V4(**public) == *address).map(|(_, (id, ..))| *id);
            let in_vpc = || {
                let own = |(_, it): &(_, &policy::Interface)| Some(it.vpc) == caller_vpc && it.has(*address);
                names.topology.interfaces.iter().find(|(id, it)| own(&(*id, *it))).map(|(id, _)| *id)
            };
            let holder = by_public.or_else(in_vpc).or_else(|| names.holder(*address));
            Target { address: Some(*address), instance: holder.and_then(instance_of) }
        }
        Named::Name { public, interface, private } => {
            let same_vpc = names.interface(*interface).map(|interface| interface.vpc) == caller_vpc;
            let address = public.filter(|_| !same_vpc).unwrap_or(*private);
            Target { address: Some(address.into()), instance: instance_of(*interface) }
        }
        Named::Instance(id) => {
            let instance = names.instance(*id);
            let primary = instance.and_then(|it| it.interfaces.first()).and_then(|id| names.interface(*id));
            let address = primary.and_then(|interface| {
                let public = interface.public_addresses().next().map(|public| public.ip);
                let private = || inside_address(names, caller, caller_vpc, interface);
                match caller_vpc {
                    None => public.map(IpAddr::V4),
                    Some(_) => private().or(public.map(IpAddr::V4)).or(Some(interface.private_ip.into())),
                }
            });
            Target { address, instance: Some(*id) }
        }
    }
}

/// The private address, where the caller is in the same VPC or its routes lead to it.
fn inside_address(
    names: &Names<'_>,
    caller: &Caller,
    caller_vpc: Option<types::VpcId>,
    interface: &cloud::resource::NetworkInterface,
) -> Option<IpAddr> {
    let private = IpAddr::V4(interface.private_ip);
    if caller_vpc == Some(interface.vpc) {
        return Some(private);
    }
    let packet = Packet { from: caller.endpoint, source: caller.address, to: private, traffic: Traffic::Tcp(SSH) };
    let leads_there = policy::verdict(names.topology, &packet).path.iter().any(|stage| {
        matches!(stage.reason, policy::Reason::Peer(vpc) if vpc == interface.vpc)
            || matches!(stage.reason, policy::Reason::TransitRoute { .. })
    });
    leads_there.then_some(private)
}

/// The source of what the caller sends to this address.
fn source_for(names: &Names<'_>, caller: &Caller, to: IpAddr) -> IpAddr {
    match caller.endpoint {
        Endpoint::Interface(id) if to.is_ipv6() => {
            let own = names.interface(id).and_then(|interface| interface.ipv6.first().copied());
            own.map_or(caller.address, IpAddr::V6)
        }
        Endpoint::Outside if to.is_ipv6() && caller.is_anyone => ANYONE_BY_IPV6.into(),
        Endpoint::Outside if to.is_ipv6() && caller.address == IpAddr::V4(names.topology.operator.address()) => {
            names.topology.operator.ipv6_address().into()
        }
        _ => caller.address,
    }
}
