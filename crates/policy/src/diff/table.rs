//! The transaction between two states of an nftables table.

use std::collections::BTreeMap;

use super::{HostChange, NftCommand};
use crate::plan::{ChainPlan, DataType, Element, Place, SetPlan, TablePlan};

/// How many elements one command carries at most.
const ELEMENTS_AT_ONCE: usize = 1000;

/// The transaction between two states of a table; none if they are equal.
pub(super) fn table_change(place: Place, old: &TablePlan, new: &TablePlan) -> Option<HostChange> {
    let mut commands = Vec::new();
    let change = |commands: Vec<NftCommand>| {
        let table = new.name.clone();
        (!commands.is_empty()).then_some(HostChange::ChangeTable { place, table, commands })
    };
    if old.name == new.name && !same_kinds(old, new) {
        // A set or base chain cannot change its type: all anew, in one transaction.
        commands.extend([NftCommand::AddTable, NftCommand::DeleteTable]);
        add_table_commands(&mut commands, &TablePlan::default(), new);
    } else {
        add_table_commands(&mut commands, old, new);
    }
    change(commands)
}

/// Whether what both tables have is of the same type in both.
fn same_kinds(old: &TablePlan, new: &TablePlan) -> bool {
    let kind = |set: &SetPlan| (set.key.clone(), set.interval, set.data);
    let sets = new.sets.iter().all(|(name, set)| old.sets.get(name).is_none_or(|other| kind(set) == kind(other)));
    let flows = new
        .flows
        .iter()
        .all(|(name, family)| !old.sets.contains_key(name) && old.flows.get(name).is_none_or(|other| other == family));
    sets && flows
        && new.chains.iter().all(|(name, chain)| old.chains.get(name).is_none_or(|other| chain.base == other.base))
}

fn add_table_commands(commands: &mut Vec<NftCommand>, old: &TablePlan, new: &TablePlan) {
    if old.name != new.name {
        commands.push(NftCommand::AddTable);
    }
    for (name, set) in new.sets.iter().filter(|(name, _)| !old.sets.contains_key(*name)) {
        let set = SetPlan { elements: BTreeMap::new(), ..set.clone() };
        commands.push(NftCommand::AddSet { name: name.clone(), set });
    }
    let new_flows = new.flows.iter().filter(|(name, _)| !old.flows.contains_key(*name));
    commands.extend(new_flows.map(|(name, family)| NftCommand::AddFlows { name: name.clone(), family: *family }));
    commands.extend(new.timeouts.difference(&old.timeouts).copied().map(NftCommand::AddTimeout));
    for (name, chain) in new.chains.iter().filter(|(name, _)| !old.chains.contains_key(*name)) {
        commands.push(NftCommand::AddChain { name: name.clone(), base: chain.base });
    }
    let gone_chains: Vec<&String> = old.chains.keys().filter(|name| !new.chains.contains_key(*name)).collect();
    commands.extend(gone_chains.iter().map(|name| NftCommand::FlushChain((*name).clone())));
    for (name, chain) in &new.chains {
        add_chain_commands(commands, name, old.chains.get(name), chain);
    }
    for (name, set) in &new.sets {
        add_element_commands(commands, name, old.sets.get(name), set);
    }
    let gone_sets = old.sets.keys().filter(|name| !new.sets.contains_key(*name));
    for name in gone_sets.clone().filter(|name| old.sets[*name].data == Some(DataType::Verdict)) {
        // A map holds on to the chains it leads to.
        let empty = SetPlan { elements: BTreeMap::new(), ..old.sets[name].clone() };
        add_element_commands(commands, name, old.sets.get(name), &empty);
    }
    commands.extend(gone_chains.into_iter().cloned().map(NftCommand::DeleteChain));
    let gone_flows = old.flows.keys().filter(|name| !new.flows.contains_key(*name));
    commands.extend(gone_sets.chain(gone_flows).cloned().map(NftCommand::DeleteSet));
    commands.extend(old.timeouts.difference(&new.timeouts).copied().map(NftCommand::DeleteTimeout));
}

fn add_chain_commands(commands: &mut Vec<NftCommand>, name: &str, old: Option<&ChainPlan>, new: &ChainPlan) {
    let old_rules = old.map_or(&[][..], |chain| &chain.rules);
    if old_rules == new.rules {
        return;
    }
    // Rules at the end of what is there already need no flush.
    let added = new.rules.strip_prefix(old_rules);
    if added.is_none() {
        commands.push(NftCommand::FlushChain(name.to_owned()));
    }
    for rule in added.unwrap_or(&new.rules) {
        commands.push(NftCommand::AddRule { chain: name.to_owned(), rule: rule.clone() });
    }
}

fn add_element_commands(commands: &mut Vec<NftCommand>, name: &str, old: Option<&SetPlan>, new: &SetPlan) {
    let none = BTreeMap::new();
    let old = old.map_or(&none, |set| &set.elements);
    let gone: Vec<Element> =
        old.iter().filter(|(key, data)| new.elements.get(*key) != Some(data)).map(|(key, _)| key.clone()).collect();
    let added: Vec<_> = new
        .elements
        .iter()
        .filter(|(key, data)| old.get(*key) != Some(data))
        .map(|(key, data)| (key.clone(), data.clone()))
        .collect();
    for elements in gone.chunks(ELEMENTS_AT_ONCE) {
        commands.push(NftCommand::DeleteElements { set: name.to_owned(), elements: elements.to_vec() });
    }
    for elements in added.chunks(ELEMENTS_AT_ONCE) {
        commands.push(NftCommand::AddElements { set: name.to_owned(), elements: elements.to_vec() });
    }
}
