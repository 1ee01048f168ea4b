//! A lab with machines that only listen, and packets thrown between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use policy::{ArrivedAt, Endpoint, Outcome, Packet, Topology, Traffic, Verdict, verdict_both_ways};
use serde::{Deserialize, Serialize};
use testkit::{Guest, Kind, Lab, Seen, Sent, Wire};
use types::NetworkInterfaceId;

/// Clouds, one after the other.
#[derive(Debug, Serialize, Deserialize)]
pub struct Case {
    pub steps: Vec<Step>,
}

/// A cloud, and what it is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Step {
    pub topology: Topology,
    pub packets: Vec<Packet>,
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

/// A lab in use.
pub struct Stage {
    lab: Lab,
    guests: BTreeMap<NetworkInterfaceId, Guest>,
    wires: BTreeMap<At, Wire>,
    next: u32,
}

/// What one packet shall do.
struct Wanted {
    packet: Packet,
    verdict: Verdict,
    first: Option<(At, Ipv4Addr, Ipv4Addr)>,
    answer: Option<At>,
}

impl Stage {
    /// An empty stage.
    pub fn set(lab: Lab) -> Self {
        lab.let_everything_out();
        let mut wires = BTreeMap::new();
        let places: [(At, PathBuf); 2] = [(At::Internet, lab.internet()), (At::Operator, lab.machine())];
        for (at, namespace) in places {
            wires.insert(at, Wire::tap(&namespace));
        }
        Self { lab, guests: BTreeMap::new(), wires, next: 0 }
    }

    /// Makes the cloud as the step says, sends its packets and tells what differs.
    pub fn play(&mut self, step: &Step) -> Vec<String> {
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
            differences.push(format!("an unchanged cloud was changed: {:#?}", converged.changes));
        }
        differences
    }

    /// Goes from one cloud to another while packets of the second step run all the time, and tells which of them a change
    /// lost or let slip: those that both clouds let through, and those that neither does. Also how many were sent.
    pub fn change_under_traffic(&mut self, old: &Step, new: &Step) -> (Vec<String>, usize) {
        let mut differences = self.play(&Step { topology: old.topology.clone(), packets: new.packets.clone() });
        let before: Vec<_> = new.packets.iter().map(|packet| self.wanted(packet)).collect();
        let operator = self.lab.topology.operator.clone();
        self.lab.topology = Topology { operator, ..new.topology.clone() };
        let both: Vec<(Wanted, bool)> = before
            .into_iter()
            .filter_map(|one| {
                let after = self.wanted(&one.packet);
                let same = one.first == after.first && one.verdict.outcome == after.verdict.outcome;
                (same && one.verdict.arrival == after.verdict.arrival).then(|| (one, after.first.is_some()))
            })
            .filter(|(one, arrives)| *arrives || one.verdict.outcome == Outcome::Drop)
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
        let mut wrong = BTreeMap::new();
        for (number, at) in &sent {
            let (one, arrives) = &both[*at];
            let mut found = seen.range((*number, At::Internet)..).take_while(|(other, _)| other == number);
            // Two VPCs are two tables, which no transaction changes together: between them a packet may meet the new rules
            // of the one and the old rules of the other.
            let found = found.any(|(_, at)| *arrives || !self.crosses(sender(&one.packet), *at));
            if found != *arrives {
                *wrong.entry(*at).or_insert(0usize) += 1;
            }
        }
        // The kernel replaces the sets of one transaction one after another: in these microseconds a packet may find a rule
        // in the set it has left already. One packet of a flow is not a gap; two are.
        wrong.retain(|at, count| !both[*at].1 || *count > 1);
        differences.extend(wrong.into_iter().map(|(at, count)| {
            let (one, arrives) = &both[at];
            let what = if *arrives { "lost" } else { "let through" };
            format!("{count} were {what} in the change: {:?}\n  {:#?}", one.packet, one.verdict.path)
        }));
        (differences, sent.len())
    }

    /// Whether two machines are in different VPCs.
    fn crosses(&self, from: At, to: At) -> bool {
        let vpc = |at| match at {
            At::Machine(id) => Some(self.lab.topology.interfaces[&id].vpc),
            At::Internet | At::Operator => None,
        };
        vpc(from).zip(vpc(to)).is_some_and(|(from, to)| from != to)
    }

    /// What shall become of a packet.
    fn wanted(&self, packet: &Packet) -> Wanted {
        let (verdict, answer) = verdict_both_ways(&self.lab.topology, packet, FIRST_PORT);
        let first = verdict.arrival.and_then(|arrival| match arrival.at {
            ArrivedAt::Interface(id) => Some((At::Machine(id), ipv4(arrival.source), ipv4(arrival.to))),
            // The operator's machine translates what leaves it.
            ArrivedAt::Outside => Some((At::Internet, Lab::MACHINE, ipv4(arrival.to))),
            ArrivedAt::Service => None,
        });
        Wanted { packet: *packet, first, answer: self.answer(packet, &verdict, answer), verdict }
    }

    /// Where an answer shall be seen, if the packet is of a kind that machines answer and the sender can tell.
    fn answer(&self, packet: &Packet, first: &Verdict, answer: Option<Verdict>) -> Option<At> {
        let answered = matches!(packet.traffic, Traffic::Tcp(_) | Traffic::Icmp { kind: 8 | 13, .. });
        let hears = match first.arrival?.at {
            ArrivedAt::Interface(_) => true,
            // Hosts of the internet other than this one do not exist.
            ArrivedAt::Outside => packet.to == IpAddr::V4(Lab::INTERNET),
            // The router refuses connections to services that nobody serves here, and answers nothing else.
            ArrivedAt::Service => matches!(packet.traffic, Traffic::Tcp(_)),
        };
        let arrival = answer?.arrival.filter(|_| answered && hears)?;
        match arrival.at {
            ArrivedAt::Interface(id) => Some(At::Machine(id)),
            ArrivedAt::Outside if ipv4(arrival.to) == self.lab.topology.operator.address() => Some(At::Operator),
            ArrivedAt::Outside => Some(At::Internet),
            ArrivedAt::Service => Some(sender(packet)),
        }
    }

    /// Sends packets and gives back those that shall have arrived and have not.
    fn throw(&mut self, wanted: Vec<Wanted>, last: bool, differences: &mut Vec<String>) -> Vec<Wanted> {
        let mut numbered = BTreeMap::new();
        for one in wanted {
            let number = 0x4441_0000 + self.next;
            let source_port = FIRST_PORT + u16::try_from(self.next % 20_000).unwrap_or_default();
            self.next += 1;
            let Packet { source, to, traffic, .. } = one.packet;
            let (source, to) = (ipv4(source), ipv4(to));
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
                // What passes through the operator's machine is not for it.
                let operator = self.lab.topology.operator.address();
                let passes = |one: &Seen| *at == At::Operator && one.to != operator;
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
    packets: &[(Wanted, bool)],
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
            let (source, to) = (ipv4(source), ipv4(to));
            wires[&sender(&one.packet)].send(&Sent { number, source, to, traffic, source_port });
            sent.insert(number, at);
            look(Duration::from_micros(100));
        }
    }
    look(QUIET * 2);
    (sent, seen)
}

/// An address of a cloud drawn here: all are of IPv4.
fn ipv4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address}: no cloud drawn here has IPv6"),
    }
}

/// Where a packet is sent from.
fn sender(packet: &Packet) -> At {
    match packet.from {
        Endpoint::Interface(id) => At::Machine(id),
        Endpoint::Outside if packet.source == IpAddr::V4(Lab::INTERNET) => At::Internet,
        Endpoint::Outside => At::Operator,
    }
}

/// How what was seen of a packet differs from what shall be. What is to be sent again may be missing.
fn difference(wanted: &Wanted, arrived: &BTreeSet<(At, Seen)>, again: bool) -> Option<String> {
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
        format!(
            "{:?}\n  shall be {outcome} and seen at {first_wanted:?}, its answer at {answer_wanted:?}\n  \
             was seen at {first:?}, its answer at {answers:?}\n  {:#?}",
            wanted.packet, wanted.verdict.path
        )
    })
}
