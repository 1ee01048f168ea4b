//! Small pieces that plans are made of.

use std::collections::BTreeMap;

use super::ARP_RETRY_MS;
use super::nft::{
    Action, BaseChain, ChainKind, ChainPlan, CtState, Field, FieldType, Hook, Match, Part, Rule, SetPlan,
};

/// The table's name in namespaces that are ours alone.
pub(super) const TABLE: &str = "daemun";
pub(super) const PRIORITY_RAW: i32 = -300;
pub(super) const PRIORITY_CHOOSE: i32 = -290;
pub(super) const PRIORITY_DSTNAT: i32 = -100;
pub(super) const PRIORITY_ACL_OUT: i32 = -20;
pub(super) const PRIORITY_FILTER: i32 = 0;
pub(super) const PRIORITY_LOG_SENT: i32 = 3;
pub(super) const PRIORITY_ACL_IN: i32 = 5;
pub(super) const PRIORITY_INGRESS: i32 = 10;
pub(super) const PRIORITY_LOG_RECEIVED: i32 = 20;
pub(super) const PRIORITY_TIMEOUTS: i32 = 30;
pub(super) const PRIORITY_SRCNAT: i32 = 100;

/// A set of one kind of element without data.
pub(super) fn set(key: &[FieldType], interval: bool, elements: impl IntoIterator<Item = Vec<Part>>) -> SetPlan {
    SetPlan {
        key: key.to_vec(),
        interval,
        data: None,
        elements: elements.into_iter().map(|element| (element, None)).collect(),
    }
}

pub(super) fn base(kind: ChainKind, hook: Hook, priority: i32, drop_by_default: bool, rules: Vec<Rule>) -> ChainPlan {
    ChainPlan { base: Some(BaseChain { kind, hook, priority, drop_by_default }), rules }
}

pub(super) fn rule(matches: impl Into<Vec<Match>>, action: Action) -> Rule {
    Rule { matches: matches.into(), action }
}

pub(super) fn link(field: Field, name: &str) -> Match {
    Match::Link { field, name: name.to_owned(), not: false }
}

pub(super) fn not_link(field: Field, name: &str) -> Match {
    Match::Link { field, name: name.to_owned(), not: true }
}

pub(super) fn in_set(key: &[Field], set: &str) -> Match {
    Match::InSet { key: key.to_vec(), set: set.to_owned(), not: false }
}

pub(super) fn not_in_set(key: &[Field], set: &str) -> Match {
    Match::InSet { key: key.to_vec(), set: set.to_owned(), not: true }
}

/// Settings of the namespaces that are ours alone. `default` is what new links get.
pub(super) fn router_sysctls() -> BTreeMap<String, String> {
    let mut sysctls = BTreeMap::from([("net/ipv4/ip_forward".to_owned(), "1".to_owned())]);
    for of in ["all", "default"] {
        sysctls.insert(format!("net/ipv4/conf/{of}/rp_filter"), "0".to_owned());
        sysctls.insert(format!("net/ipv4/conf/{of}/send_redirects"), "0".to_owned());
        sysctls.insert(format!("net/ipv4/conf/{of}/accept_redirects"), "0".to_owned());
        sysctls.insert(format!("net/ipv6/conf/{of}/disable_ipv6"), "1".to_owned());
    }
    sysctls
}

/// The setting that makes ARP on a link ask again soon.
pub(super) fn arp_retry(link: &str) -> (String, String) {
    (format!("net/ipv4/neigh/{link}/retrans_time_ms"), ARP_RETRY_MS.to_owned())
}

/// What belongs to a connection that was let through.
pub(super) fn answers() -> Match {
    Match::State(vec![CtState::Established, CtState::Related])
}
