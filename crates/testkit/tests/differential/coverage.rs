//! What became of packets and why, counted: a draw that meets only half of what may happen proves half.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use policy::{ArrivedAt, Component, Endpoint, Outcome, Packet, Reason, Topology, Verdict, verdict_both_ways};

/// How often each fate was met.
#[derive(Debug, Default)]
pub struct Coverage {
    fates: BTreeMap<String, usize>,
    packets: usize,
}

impl Coverage {
    /// Counts packets of a cloud.
    pub fn add(&mut self, topology: &Topology, packets: &[Packet]) {
        for packet in packets {
            self.packets += 1;
            for fate in fates(topology, packet) {
                *self.fates.entry(fate).or_default() += 1;
            }
        }
    }

    /// The counts as a table.
    pub fn report(&self) -> String {
        let mut text = format!("{} packets, by what became of them:\n", self.packets);
        for (fate, count) in &self.fates {
            let _ = writeln!(text, "{count:8}  {fate}");
        }
        text
    }

    /// What was never met and should have been.
    pub fn missing(&self) -> BTreeSet<String> {
        let both = EITHER.iter().flat_map(|fate| ["IPv4", "IPv6"].map(|family| format!("{family} {fate}")));
        let one = ONE.iter().map(|fate| (*fate).to_owned());
        both.chain(one).filter(|fate| !self.fates.contains_key(fate)).collect()
    }
}

/// What packets of each family meet.
const EITHER: [&str; 32] = [
    "accepted: within a subnet",
    "accepted: between subnets",
    "accepted: by peering",
    "accepted: by a transit gateway",
    "accepted: to a machine that forwards",
    "accepted: in by the internet gateway",
    "accepted: out by the internet gateway",
    "accepted: out and in again",
    "answer accepted: between subnets",
    "answer accepted: by peering",
    "answer accepted: by a transit gateway",
    "answer accepted: in by the internet gateway",
    "answer accepted: out by the internet gateway",
    "answer dropped: AclDenies Egress",
    "answer dropped: AclDenies Ingress",
    "dropped: AclDenies Egress",
    "dropped: AclDenies Ingress",
    "dropped: BlackholeRoute",
    "dropped: Detached",
    "dropped: NoPublicAddress",
    "dropped: NoRouteBack",
    "dropped: NoRule Egress",
    "dropped: NoRule Ingress",
    "dropped: NoSuchAddress",
    "dropped: NoTransitRoute",
    "dropped: NotAssociated",
    "dropped: NotOnTheInternet",
    "dropped: NotTransitive",
    "dropped: OperatorAddress",
    "dropped: PublicAddressUnused",
    "dropped: SpoofedSource",
    "dropped: TransitBlackhole",
];

/// What those of one family meet.
const ONE: [&str; 14] = [
    "IPv4 accepted: by a NAT gateway",
    "IPv4 accepted: to a service",
    "IPv4 answer accepted: by a NAT gateway",
    "IPv4 dropped: NotTranslated",
    "IPv4 dropped: RouterAddress",
    "IPv4 dropped: SourceOfThisVpc",
    "IPv4 dropped: Unasked",
    "IPv4 dropped: Unrelated",
    "IPv6 accepted: by an egress-only gateway",
    "IPv6 accepted: to a service",
    "IPv6 answer accepted: by an egress-only gateway",
    "IPv6 dropped: EgressOnly",
    "IPv6 dropped: NoMetadataByIpv6",
    "IPv6 dropped: OfTheLink",
];

/// What packets that say much the same of the network have in common: what becomes of them and of the answers to them,
/// and, where they arrive, from whom they are and of which protocol.
pub fn class(topology: &Topology, packet: &Packet) -> String {
    let fates = fates(topology, packet);
    let what = if fates[0].contains(" accepted") {
        format!("{:?} {}", packet.from, packet.traffic.protocol())
    } else {
        String::new()
    };
    format!("{what} {}", fates.join(", "))
}

fn fates(topology: &Topology, packet: &Packet) -> Vec<String> {
    let family = if packet.to.is_ipv6() { "IPv6" } else { "IPv4" };
    let (first, answer) = verdict_both_ways(topology, packet, 20_000);
    let first_words = words(topology, packet, &first);
    let mut all: Vec<String> = match first.outcome {
        Outcome::Accept => first_words.iter().map(|way| format!("{family} accepted: {way}")).collect(),
        Outcome::Drop => vec![format!("{family} dropped: {}", reason(&first))],
    };
    match answer {
        // An answer goes the way of what it answers, which says more than its own.
        Some(answer) if answer.outcome == Outcome::Accept => {
            all.extend(first_words.iter().map(|way| format!("{family} answer accepted: {way}")));
        }
        Some(answer) => all.push(format!("{family} answer dropped: {}", reason(&answer))),
        None => {}
    }
    all
}

/// The name of the reason that ended a packet's way, with the direction where it has one.
fn reason(verdict: &Verdict) -> String {
    let Some(last) = verdict.path.last() else { return "nothing".to_owned() };
    let text = format!("{:?}", last.reason);
    let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
    match last.reason {
        Reason::NoRule { direction, .. } | Reason::AclDenies { direction, .. } => format!("{name} {direction:?}"),
        _ => name,
    }
}

/// The ways that an accepted packet went.
fn words(topology: &Topology, packet: &Packet, verdict: &Verdict) -> Vec<&'static str> {
    let passes = |is: fn(&Component) -> bool| verdict.path.iter().any(|stage| is(&stage.at));
    let mut words = Vec::new();
    let mut add = |is, word| words.extend(Some(word).filter(|_| is));
    let Some(arrival) = verdict.arrival else { return words };
    let outside = (packet.from == Endpoint::Outside, arrival.at == ArrivedAt::Outside);
    let gateway = passes(|at| matches!(at, Component::Gateway(_)));
    add(passes(|at| matches!(at, Component::Peering(_))), "by peering");
    add(passes(|at| matches!(at, Component::TransitGateway(_))), "by a transit gateway");
    add(passes(|at| matches!(at, Component::NatGateway(_))), "by a NAT gateway");
    add(passes(|at| matches!(at, Component::EgressOnlyGateway(_))), "by an egress-only gateway");
    add(gateway && outside == (true, false), "in by the internet gateway");
    add(gateway && outside == (false, true), "out by the internet gateway");
    add(gateway && outside == (false, false), "out and in again");
    add(arrival.at == ArrivedAt::Service, "to a service");
    if let ArrivedAt::Interface(id) = arrival.at {
        add(!topology.interfaces[&id].has(arrival.to), "to a machine that forwards");
    }
    if words.is_empty() {
        let crosses = passes(|at| matches!(at, Component::Subnet(_)));
        words.push(if crosses { "between subnets" } else { "within a subnet" });
    }
    words
}
