//! A lab with machines that only listen, and packets thrown between them.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use policy::{
    ArrivedAt, Component, Endpoint, Outcome, Packet, Reason, Target, Topology, Traffic, Verdict, verdict_both_ways,
};
use serde::{Deserialize, Serialize};
use testkit::{Guest, Kind, Lab, Seen, Sent, Wire};
use types::NetworkInterfaceId;

/// Clouds, one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    pub steps: Vec<Step>,
}

/// A cloud, and what it is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    pub topology: Topology,
    pub packets: Vec<Packet>,
}

/// How what happened differs from what shall.
#[derive(Debug)]
pub struct Difference {
    /// In which step, from zero.
    pub step: usize,
    /// The packet, if one fared otherwise.
    pub packet: Option<Packet>,
    /// In words.
    pub text: String,
}

impl Difference {
    fn new(packet: Option<Packet>, text: String) -> Self {
        Self { step: 0, packet, text }
    }
}

/// After how much silence nothing more is expected.
const QUIET: Duration = Duration::from_millis(60);
/// How long to wait for what shall arrive, each of the [`TRIES`] times.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often what shall arrive is sent: a link just made may lose packets.
const TRIES: usize = 4;
/// The first port that packets come from. Each has one of its own, so that no two are one connection.
const FIRST_PORT: u16 = 20_000;

/// A place that packets are seen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    Internet,
    Operator,
    Machine(NetworkInterfaceId),
}

/// The last of all places.
const LAST: At = At::Machine(NetworkInterfaceId::from_number(u128::MAX));

/// A lab in use.
pub struct Stage {
    lab: Lab,
    guests: BTreeMap<NetworkInterfaceId, Guest>,
    wires: BTreeMap<At, Wire>,
    /// The IPv6 addresses that machines have, or had in a cloud before.
    given: BTreeSet<(NetworkInterfaceId, Ipv6Addr)>,
    next: u32,
}

/// What one packet shall do.
struct Wanted {
    packet: Packet,
    verdict: Verdict,
    first: Option<(At, IpAddr, IpAddr)>,
    answer: Option<At>,
}

impl Stage {
    /// An empty stage.
    pub fn set(lab: Lab) -> Self {
        lab.let_everything_out();
        lab.let_ipv6_out();
        lab.let_ipv6_out_to("2a00::/16");
        let mut wires = BTreeMap::new();
        let places: [(At, PathBuf); 2] = [(At::Internet, lab.internet()), (At::Operator, lab.machine())];
        for (at, namespace) in places {
            wires.insert(at, Wire::tap(&namespace));
        }
        Self { lab, guests: BTreeMap::new(), wires, given: BTreeSet::new(), next: 0 }
    }

    /// Makes the cloud as the step says, sends its packets and tells what differs.
    pub fn play(&mut self, step: &Step) -> Vec<Difference> {
        let operator = self.lab.topology.operator.clone();
        self.lab.topology = Topology { operator, ..step.topology.clone() };
        let ids: Vec<_> = self.lab.topology.interfaces.keys().copied().collect();
        for id in ids {
            if self.lab.topology.interfaces[&id].kind == policy::InterfaceKind::Machine
                && !self.guests.contains_key(&id)
            {
                let guest = self.lab.adopt(id);
                self.wires.insert(At::Machine(id), Wire::tap(&guest.namespace));
                self.guests.insert(id, guest);
            }
        }
        self.lab.apply();
        self.give_ipv6();
        let mut left: Vec<Wanted> = step.packets.iter().map(|packet| self.wanted(packet)).collect();
        let mut differences = Vec::new();
        for attempt in 0..TRIES {
            let last = attempt + 1 == TRIES;
            left = self.throw(left, last, &mut differences);
            if left.is_empty() || !differences.is_empty() {
                break;
            }
        }
        let converged = self.lab.converge();
        if !converged.changes.is_empty() {
            let text = format!("an unchanged cloud was changed: {:#?}", converged.changes);
            differences.push(Difference::new(None, text));
        }
        differences
    }

    /// Gives machines the IPv6 addresses that the cloud says are theirs.
    fn give_ipv6(&mut self) {
        for (id, guest) in &self.guests {
            for address in self.lab.topology.interfaces.get(id).into_iter().flat_map(|interface| &interface.ipv6) {
                if !self.given.contains(&(*id, *address)) && self.lab.give_ipv6(guest, *address) {
                    self.given.insert((*id, *address));
                }
            }
        }
    }

    /// Goes from one cloud to another while packets of the second step run all the time, and tells which of them a change
    /// lost or let slip: those that both clouds let through, and those that neither does. Also how many were sent.
    pub fn change_under_traffic(&mut self, old: &Step, new: &Step) -> (Vec<Difference>, usize) {
        let mut differences = self.play(&Step { topology: old.topology.clone(), packets: new.packets.clone() });
        let before: Vec<_> = new.packets.iter().map(|packet| self.wanted(packet)).collect();
        let operator = self.lab.topology.operator.clone();
        self.lab.topology = Topology { operator, ..new.topology.clone() };
        self.give_ipv6();
        let both: Vec<(Wanted, Wanted)> = before
            .into_iter()
            .filter_map(|one| {
                let after = self.wanted(&one.packet);
                let same = one.first == after.first && one.verdict.outcome == after.verdict.outcome;
                let same = same && one.verdict.arrival == after.verdict.arrival;
                // Two namespaces are two tables, which no transaction changes together: between them a packet may meet the
                // new rules of the one and the old rules of the other.
                let one_table = |verdict: &Verdict| tables(verdict).len() < 2;
                let arrives = after.first.is_some();
                let told = (one_table(&one.verdict) && one_table(&after.verdict))
                    || (arrives && way(&one.verdict) == way(&after.verdict));
                let whole = arrives || one.verdict.outcome == Outcome::Drop;
                (same && told && whole).then_some((one, after))
            })
            .collect();
        let (wires, lab, next) = (&self.wires, &mut self.lab, &mut self.next);
        let stop = AtomicBool::new(false);
        let (sent, seen) = std::thread::scope(|scope| {
            let traffic = scope.spawn(|| run(wires, &both, next, &stop));
            std::thread::sleep(Duration::from_millis(30));
            lab.apply();
            std::thread::sleep(Duration::from_millis(30));
            stop.store(true, Ordering::Relaxed);
            traffic.join().expect("the traffic")
        });
        let mut wrong: BTreeMap<usize, (usize, BTreeSet<At>)> = BTreeMap::new();
        for (number, at) in &sent {
            let found: Vec<At> = seen.range((*number, At::Internet)..=(*number, LAST)).map(|(_, at)| *at).collect();
            if found.is_empty() == both[*at].1.first.is_some() {
                let (count, places) = wrong.entry(*at).or_default();
                *count += 1;
                places.extend(found);
            }
        }
        // The kernel replaces the sets of one transaction one after another: in these microseconds a packet may find a rule
        // in the set it has left already. One packet of a flow is not a gap; two are.
        wrong.retain(|at, (count, _)| both[*at].1.first.is_none() || *count > 1);
        differences.extend(wrong.into_iter().map(|(at, (count, places))| {
            let (one, after) = &both[at];
            let what = if after.first.is_some() { "lost".to_owned() } else { format!("let through to {places:?}") };
            let (packet, before, after) = (one.packet, &one.verdict.path, &after.verdict.path);
            let text = format!("{count} were {what} in the change: {packet:?}\n  {before:#?}\n  and then {after:#?}");
            Difference::new(Some(packet), text)
        }));
        (differences, sent.len())
    }

    /// What shall become of a packet.
    fn wanted(&self, packet: &Packet) -> Wanted {
        let (verdict, answer) = verdict_both_ways(&self.lab.topology, packet, FIRST_PORT);
        let first = verdict.arrival.and_then(|arrival| match arrival.at {
            ArrivedAt::Interface(id) => Some((At::Machine(id), arrival.source, arrival.to)),
            // The operator's machine translates what leaves it.
            ArrivedAt::Outside if arrival.to.is_ipv6() => Some((At::Internet, Lab::IPV6_MACHINE.into(), arrival.to)),
            ArrivedAt::Outside => Some((At::Internet, Lab::MACHINE.into(), arrival.to)),
            ArrivedAt::Service => None,
        });
        Wanted { packet: *packet, first, answer: self.answer(packet, &verdict, answer), verdict }
    }

    /// Where an answer shall be seen, if the packet is of a kind that machines answer and the sender can tell.
    fn answer(&self, packet: &Packet, first: &Verdict, answer: Option<Verdict>) -> Option<At> {
        let answered = matches!(
            packet.traffic,
            Traffic::Tcp(_) | Traffic::Icmp { kind: 8 | 13, .. } | Traffic::Icmpv6 { kind: 128, .. }
        );
        let hears = match first.arrival?.at {
            ArrivedAt::Interface(_) => true,
            // Hosts of the internet other than this one do not exist.
            ArrivedAt::Outside => [Lab::INTERNET.into(), Lab::IPV6_INTERNET.into()].contains(&packet.to),
            // The router refuses connections to services that nobody serves here, and answers nothing else.
            ArrivedAt::Service => matches!(packet.traffic, Traffic::Tcp(_)),
        };
        let arrival = answer?.arrival.filter(|_| answered && hears)?;
        match arrival.at {
            ArrivedAt::Interface(id) => Some(At::Machine(id)),
            ArrivedAt::Outside if self.is_operator(arrival.to) => Some(At::Operator),
            ArrivedAt::Outside => Some(At::Internet),
            ArrivedAt::Service => Some(sender(packet)),
        }
    }

    fn is_operator(&self, address: IpAddr) -> bool {
        let operator = &self.lab.topology.operator;
        [operator.address().into(), operator.ipv6_address().into()].contains(&address)
    }

    /// Sends packets and gives back those that shall have arrived and have not.
    fn throw(&mut self, wanted: Vec<Wanted>, last: bool, differences: &mut Vec<Difference>) -> Vec<Wanted> {
        let mut numbered = BTreeMap::new();
        for one in wanted {
            let number = 0x4441_0000 + self.next;
            let source_port = FIRST_PORT + u16::try_from(self.next % 20_000).unwrap_or_default();
            self.next += 1;
            let Packet { source, to, traffic, .. } = one.packet;
            self.wires[&sender(&one.packet)].send(&Sent { number, source, to, traffic, source_port });
            numbered.insert(number, one);
        }
        let (seen, missing) = self.listen(&numbered);
        for (number, one) in &numbered {
            let arrived: BTreeSet<_> = seen.iter().filter(|(_, seen)| seen.number == *number).copied().collect();
            differences.extend(difference(one, &arrived, !last && missing.contains(number)));
        }
        numbered.into_iter().filter(|(number, _)| !last && missing.contains(number)).map(|(_, one)| one).collect()
    }

    /// What is seen until all is that shall be, and then for a while; and the numbers of what was not.
    fn listen(&self, numbered: &BTreeMap<u32, Wanted>) -> (BTreeSet<(At, Seen)>, BTreeSet<u32>) {
        let mut seen = BTreeSet::new();
        let deadline = Instant::now() + PATIENCE;
        let mut quiet_since = Instant::now();
        loop {
            let before = seen.len();
            for (at, wire) in &self.wires {
                // What passes through the operator's machine is not for it. Nor does it take calls: whether it dropped
                // one is seen by the answer alone.
                let passes = |one: &Seen| *at == At::Operator && (!self.is_operator(one.to) || one.kind == Kind::First);
                let ours = wire.seen().into_iter().filter(|one| numbered.contains_key(&one.number) && !passes(one));
                seen.extend(ours.map(|one| (*at, one)));
            }
            if seen.len() > before {
                quiet_since = Instant::now();
            }
            let has =
                |number: u32, kind| seen.iter().any(|(_, one): &(At, Seen)| one.number == number && one.kind == kind);
            let lacks = |number: u32, one: &Wanted| {
                (one.first.is_some() && !has(number, Kind::First))
                    || (one.answer.is_some() && !has(number, Kind::Answer))
            };
            let missing: BTreeSet<u32> =
                numbered.iter().filter(|(number, one)| lacks(**number, one)).map(|(number, _)| *number).collect();
            let quiet = quiet_since.elapsed() > QUIET;
            if quiet && (missing.is_empty() || Instant::now() > deadline) {
                return (seen, missing);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Sends these packets again and again until it is to stop. The numbers of what was sent, with which packet each is, and
/// of what arrived, with where.
fn run(
    wires: &BTreeMap<At, Wire>,
    packets: &[(Wanted, Wanted)],
    next: &mut u32,
    stop: &AtomicBool,
) -> (BTreeMap<u32, usize>, BTreeSet<(u32, At)>) {
    let (mut sent, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let mut look = |wait: Duration| {
        let until = Instant::now() + wait;
        loop {
            // What passes through the operator's machine has not arrived.
            for (at, wire) in wires.iter().filter(|(at, _)| **at != At::Operator) {
                let firsts = wire.seen().into_iter().filter(|one| one.kind == Kind::First);
                seen.extend(firsts.map(|one| (one.number, *at)));
            }
            if Instant::now() >= until {
                break;
            }
        }
    };
    while !stop.load(Ordering::Relaxed) && !packets.is_empty() {
        for (at, (one, _)) in packets.iter().enumerate() {
            let number = 0x4441_0000 + *next;
            let source_port = FIRST_PORT + u16::try_from(*next % 20_000).unwrap_or_default();
            *next += 1;
            let Packet { source, to, traffic, .. } = one.packet;
            wires[&sender(&one.packet)].send(&Sent { number, source, to, traffic, source_port });
            sent.insert(number, at);
            look(Duration::from_micros(100));
        }
    }
    look(QUIET * 2);
    (sent, seen)
}

/// What decides about a packet, each with a table of its own: VPCs, what connects them, and the edge behind gateways.
fn tables(verdict: &Verdict) -> BTreeSet<Component> {
    let of = |at: Component| match at {
        Component::Gateway(vpc) | Component::EgressOnlyGateway(vpc) => vec![Component::Router(vpc), Component::Edge],
        Component::Router(_) | Component::Peering(_) | Component::TransitGateway(_) | Component::Edge => vec![at],
        _ => Vec::new(),
    };
    verdict.path.iter().flat_map(|stage| of(stage.at)).collect()
}

/// Where a packet came by, whatever rule let it through.
fn way(verdict: &Verdict) -> Vec<(Component, Discriminant<Reason>, Option<Target>)> {
    let target = |reason: &Reason| match reason {
        Reason::Route { target, .. } => Some(*target),
        _ => None,
    };
    verdict.path.iter().map(|stage| (stage.at, discriminant(&stage.reason), target(&stage.reason))).collect()
}

/// Where a packet is sent from.
fn sender(packet: &Packet) -> At {
    match packet.from {
        Endpoint::Interface(id) => At::Machine(id),
        Endpoint::Outside if [Lab::INTERNET.into(), Lab::IPV6_INTERNET.into()].contains(&packet.source) => At::Internet,
        Endpoint::Outside => At::Operator,
    }
}

/// How what was seen of a packet differs from what shall be. What is to be sent again may be missing.
fn difference(wanted: &Wanted, arrived: &BTreeSet<(At, Seen)>, again: bool) -> Option<Difference> {
    let of_kind = |kind| arrived.iter().filter(move |(_, seen)| seen.kind == kind);
    let first: BTreeSet<_> = of_kind(Kind::First).map(|(at, seen)| (*at, seen.source, seen.to)).collect();
    let answers: BTreeSet<_> = of_kind(Kind::Answer).map(|(at, _)| *at).collect();
    let as_wanted = |found: bool, is_there: bool| found || (again && !is_there);
    let first_wanted: BTreeSet<_> = wanted.first.into_iter().collect();
    let answer_wanted: BTreeSet<_> = wanted.answer.into_iter().collect();
    let right =
        as_wanted(first == first_wanted, !first.is_empty()) && as_wanted(answers == answer_wanted, !answers.is_empty());
    let outcome = match wanted.verdict.outcome {
        Outcome::Accept => "accepted",
        Outcome::Drop => "dropped",
    };
    (!right).then(|| {
        let text = format!(
            "{:?}\n  shall be {outcome} and seen at {first_wanted:?}, its answer at {answer_wanted:?}\n  \
             was seen at {first:?}, its answer at {answers:?}\n  {:#?}",
            wanted.packet, wanted.verdict.path
        );
        Difference::new(Some(wanted.packet), text)
    })
}
