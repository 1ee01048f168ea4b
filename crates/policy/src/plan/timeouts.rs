//! For how long a connection is remembered without packets, where an interface has it otherwise than usual.
//!
//! A connection is tracked once for both its ends, so the shorter time counts, as it would where each end tracks it for
//! itself. The kernel looks at the settings that a connection has; they are given to it with its first packet, after the
//! groups have let that pass. Where every interface has the usual times nothing of this is there.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use types::NetworkInterfaceId;

use super::build::{PRIORITY_TIMEOUTS, base, in_set, rule, set};
use super::nft::{Action, ChainKind, CtState, Field, FieldType, Hook, Match, Part, TablePlan};
use crate::topology::{IdleTimeouts, Topology};

/// For how long the connections of a protocol are remembered, in seconds. Its text is its name in the kernel, which says
/// all of it: one is never changed, but another one takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeoutPlan {
    /// TCP.
    Tcp {
        /// An established connection.
        established: u32,
    },
    /// UDP.
    Udp {
        /// A flow of more than one exchange.
        stream: u32,
        /// Another flow.
        single: u32,
    },
}

impl fmt::Display for TimeoutPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { established } => write!(f, "tcp.{established}"),
            Self::Udp { stream, single } => write!(f, "udp.{single}.{stream}"),
        }
    }
}

impl TimeoutPlan {
    /// The one that has a name.
    pub fn read(name: &str) -> Option<Self> {
        let numbers = |text: &str| text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok();
        let (protocol, rest) = name.split_once('.')?;
        let plan = match (protocol, numbers(rest)?.as_slice()) {
            ("tcp", [established]) => Self::Tcp { established: *established },
            ("udp", [single, stream]) => Self::Udp { stream: *stream, single: *single },
            _ => return None,
        };
        (plan.to_string() == name).then_some(plan)
    }

    /// The declaration behind the name.
    pub(crate) fn declaration(self) -> String {
        match self {
            Self::Tcp { established } => format!("{{ protocol tcp; policy = {{ established : {established} }}; }}"),
            Self::Udp { stream, single } => {
                format!("{{ protocol udp; policy = {{ unreplied : {single}, replied : {stream} }}; }}")
            }
        }
    }

    /// Those of an interface, by protocol.
    fn of(timeouts: IdleTimeouts) -> [Self; 2] {
        let IdleTimeouts { tcp_established: established, udp_stream: stream, udp: single } = timeouts;
        [Self::Tcp { established }, Self::Udp { stream, single }]
    }
}

/// Adds for how long the interfaces of machines, by their links, remember connections of a protocol, if one of them has
/// it otherwise than usual.
pub(super) fn add_timeouts<'a>(
    table: &mut TablePlan,
    topology: &Topology,
    machines: impl Iterator<Item = (&'a String, NetworkInterfaceId)>,
) {
    let own = |id| TimeoutPlan::of(topology.idle_timeouts.get(&id).copied().unwrap_or_default());
    let all: Vec<(&String, [TimeoutPlan; 2])> = machines.map(|(link, id)| (link, own(id))).collect();
    let mut links: BTreeMap<TimeoutPlan, Vec<&String>> = BTreeMap::new();
    for (at, usual) in TimeoutPlan::of(IdleTimeouts::default()).iter().enumerate() {
        if all.iter().any(|(_, timeouts)| timeouts[at] != *usual) {
            all.iter().for_each(|(link, timeouts)| links.entry(timeouts[at]).or_default().push(link));
        }
    }
    if links.is_empty() {
        return;
    }
    let mut rules = Vec::new();
    // Of several the last one counts: the shortest.
    let mut longest_first: Vec<_> = links.keys().copied().collect();
    longest_first.sort_by_key(|timeout| Reverse(*timeout));
    for timeout in longest_first {
        for field in [Field::InLink, Field::OutLink] {
            let begins = Match::State(vec![CtState::New]);
            rules.push(rule([begins, in_set(&[field], &set_name(timeout))], Action::Remember(timeout)));
        }
    }
    for (timeout, links) in links {
        let links = links.into_iter().map(|link| vec![Part::Link(link.clone())]);
        table.sets.insert(set_name(timeout), set(&[FieldType::LinkName], false, links));
        table.timeouts.insert(timeout);
    }
    let chain = base(ChainKind::Filter, Hook::Forward, PRIORITY_TIMEOUTS, false, rules);
    table.chains.insert("timeouts".to_owned(), chain);
}

/// The set of the links whose interfaces have a timeout.
fn set_name(timeout: TimeoutPlan) -> String {
    format!("{timeout}.links")
}
