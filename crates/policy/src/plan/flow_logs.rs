//! Counting for flow logs: what becomes of the packets of an interface, by flow.
//!
//! Each interface that a log watches has two sets of each family that the kernel fills: flows that were let through,
//! and flows that were refused, each with a counter of packets and bytes. A packet counts as sent once the list and the
//! groups of its sender let it out, as received once those of its receiver let it in, and as refused where the first of
//! them drops it: right before it does. What the daemon itself answers (metadata, resolver) is never forwarded, so it
//! is never counted (VPC guide, "Flow log limitations"). Where no log watches, nothing of this is there.

use std::collections::BTreeMap;

use types::NetworkInterfaceId;

use super::Family;
use super::build::{PRIORITY_LOG_RECEIVED, PRIORITY_LOG_SENT, base, in_set, not_in_set, rule, set};
use super::groups::suffix;
use super::nft::{
    Action, ChainKind, ChainPlan, CtState, Data, DataType, Field, FieldType, Hook, Match, Part, Rule, SetPlan,
    TablePlan,
};

const ACCEPTED_OF: &str = "accepted_of";
const REJECTED_OF: &str = "rejected_of";
/// The protocols whose flows differ by ports. Of others the ports are 0.
const WITH_PORTS: &str = "with_ports";

/// The name of the chain that counts flows of an interface that were let through (or not), and what the names of the sets
/// begin with that it fills.
fn flow_chain_name(interface: NetworkInterfaceId, accepted: bool) -> String {
    format!("{interface}.{}", if accepted { "accepted" } else { "rejected" })
}

/// Makes a finished table count the packets of these interfaces, which are there by link name. `outer` is the set of
/// links that no groups are looked up for.
pub(super) fn add_flow_logs(
    table: &mut TablePlan,
    watched: &BTreeMap<String, NetworkInterfaceId>,
    outer: &str,
    families: &[Family],
) {
    if watched.is_empty() {
        return;
    }
    count_refused(table, watched, outer);
    for accepted in [true, false] {
        let mut elements = BTreeMap::new();
        for (link, id) in watched {
            let name = flow_chain_name(*id, accepted);
            elements.insert(vec![Part::Link(link.clone())], Some(Data::Jump(name.clone())));
            let mut rules = Vec::new();
            for &family in families {
                let set = name.clone() + suffix(family);
                let count = |ports| Action::Count { set: set.clone(), family, ports };
                rules.push(rule([in_set(&[Field::Protocol], WITH_PORTS)], count(true)));
                rules.push(rule([not_in_set(&[Field::Protocol], WITH_PORTS)], count(false)));
                table.flows.insert(set, family);
            }
            table.chains.insert(name, ChainPlan { base: None, rules });
        }
        let name = if accepted { ACCEPTED_OF } else { REJECTED_OF };
        let key = vec![FieldType::LinkName];
        table.sets.insert(name.to_owned(), SetPlan { key, interval: false, data: Some(DataType::Verdict), elements });
    }
    let protocols = [vec![Part::Number(6)], vec![Part::Number(17)]];
    table.sets.insert(WITH_PORTS.to_owned(), set(&[FieldType::Protocol], false, protocols));
    for (name, field, priority) in
        [("log_sent", Field::InLink, PRIORITY_LOG_SENT), ("log_received", Field::OutLink, PRIORITY_LOG_RECEIVED)]
    {
        let rules = vec![rule([], Action::Dispatch { field, map: ACCEPTED_OF.to_owned() })];
        table.chains.insert(name.to_owned(), base(ChainKind::Filter, Hook::Forward, priority, false, rules));
    }
}

/// Lets every rule that drops a packet for an interface count it first.
fn count_refused(table: &mut TablePlan, watched: &BTreeMap<String, NetworkInterfaceId>, outer: &str) {
    let refuse =
        |field, matches: &[Match]| rule(matches.to_vec(), Action::Dispatch { field, map: REJECTED_OF.to_owned() });
    for (name, chain) in table.chains.iter_mut().filter(|(_, chain)| chain.base.is_none()) {
        let field = match name.rsplit_once('.') {
            Some((_, "out")) => Field::InLink,
            Some((_, "in")) => Field::OutLink,
            _ => continue,
        };
        let rules = std::mem::take(&mut chain.rules);
        let counted = |rule: Rule| {
            let before = (rule.action == Action::Drop).then(|| refuse(field, &rule.matches));
            before.into_iter().chain([rule])
        };
        chain.rules = rules.into_iter().flat_map(counted).collect();
    }
    // What the groups of an interface do not let pass comes to the end of its chain, and is dropped there.
    for id in watched.values() {
        for direction in ["in", "out"] {
            if let Some(chain) = table.chains.get_mut(&format!("{id}.{direction}")) {
                chain.rules.push(rule([], Action::Jump(flow_chain_name(*id, false))));
            }
        }
    }
    let invalid = Match::State(vec![CtState::Invalid]);
    let Some(egress) = table.chains.get_mut("egress") else { return };
    let dropped = |rule: &Rule| rule.action == Action::Drop && rule.matches == [invalid.clone()];
    if let Some(at) = egress.rules.iter().position(dropped) {
        let from_outside = [invalid.clone(), in_set(&[Field::InLink], outer)];
        let counts = [refuse(Field::InLink, &[invalid]), refuse(Field::OutLink, &from_outside)];
        egress.rules.splice(at..at, counts);
    }
}
