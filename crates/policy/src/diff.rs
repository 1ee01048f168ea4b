//! What has to be done to come from one plan to another.
//!
//! The first may be the plan that was applied last, or what was found on the host: both are plans. Changes come in an
//! order in which each is possible and nothing is ever open that shall be shut: rules before links, links before
//! routes, and what goes away goes last.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::plan::{
    BaseChain, Data, Element, FLOW_IDLE_SECONDS, FLOWS_AT_ONCE, Family, HostPlan, InterfaceLink, Joined, LinkEnd,
    NamespacePlan, Place, RouteKey, RoutePlan, Rule, SetPlan, TableNumber, TablePlan, TimeoutPlan, VethPlan, flow_key,
};
use crate::untracked::UntrackedFlows;
use table::table_change;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostChange {
    /// Make a namespace.
    CreateNamespace(Place),
    /// Write a kernel setting.
    SetSysctl {
        /// Where.
        place: Place,
        /// Path below `/proc/sys`.
        path: String,
        /// Value.
        value: String,
    },
    /// Change nftables, all of it or none.
    ChangeTable {
        /// Where.
        place: Place,
        /// The table's name.
        table: String,
        /// The commands of the transaction, in order.
        commands: Vec<NftCommand>,
    },
    /// Remove a link.
    DeleteLink(LinkEnd),
    /// Make a pair of links.
    CreateLink(VethPlan),
    /// Bring a link up.
    RaiseLink(LinkEnd),
    /// Take an address off a link.
    RemoveAddress {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
        /// The address.
        address: IpAddr,
    },
    /// Put an address on a link.
    AddAddress {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
        /// The address.
        address: IpAddr,
    },
    /// Let packets with a table's number as their mark be routed by it.
    AddTable {
        /// Where.
        place: Place,
        /// Of which packets.
        family: Family,
        /// The table.
        table: TableNumber,
    },
    /// Let no packets be routed by a table any more.
    RemoveTable {
        /// Where.
        place: Place,
        /// Of which packets.
        family: Family,
        /// The table.
        table: TableNumber,
    },
    /// Remove a route.
    RemoveRoute {
        /// Where.
        place: Place,
        /// Which packets it was for.
        key: RouteKey,
        /// Where it led.
        route: RoutePlan,
    },
    /// Add a route, or change where it leads.
    SetRoute {
        /// Where.
        place: Place,
        /// Which packets it is for.
        key: RouteKey,
        /// Where it leads.
        route: RoutePlan,
    },
    /// Let packets that no other route is for reach nothing.
    AddBlackhole {
        /// Where.
        place: Place,
        /// Which packets.
        key: RouteKey,
    },
    /// No longer let packets reach nothing.
    RemoveBlackhole {
        /// Where.
        place: Place,
        /// Which packets.
        key: RouteKey,
    },
    /// Remove routes that lead to an interface, if its link is still there.
    ForgetInterface {
        /// Where.
        place: Place,
        /// The host's end.
        link: String,
        /// Which packets they were for.
        routes: Vec<RouteKey>,
    },
    /// Give the host's end of an interface its settings and routes, if it is there already.
    ConfigureInterface {
        /// Where.
        place: Place,
        /// The host's end.
        link: String,
        /// What it shall be.
        interface: InterfaceLink,
    },
    /// Make the routes of a new table ready that lead to the machine behind an interface, if its link is there.
    PrepareForwards {
        /// Where.
        place: Place,
        /// The host's end.
        link: String,
        /// The routes.
        routes: Vec<(RouteKey, RoutePlan)>,
    },
    /// Forget the tracked connections that came by a public address which leads elsewhere now, or nowhere. The rules
    /// stop them anyway; forgotten, a machine's next packet makes a new connection instead of staying stuck.
    ForgetConnections {
        /// Where.
        place: Place,
        /// The public address.
        public: Ipv4Addr,
        /// The private address that it leads to now: connections that began since then go on.
        now: Option<Ipv4Addr>,
    },
    /// Forget the tracked connections that EC2 would not have tracked, and that no rule lets in any more.
    ForgetUntracked {
        /// Where.
        place: Place,
        /// Which ones.
        flows: UntrackedFlows,
    },
    /// Remove a namespace and all that is left in it.
    DeleteNamespace(Place),
}

impl HostChange {
    /// The namespace it happens in; for a pair of links the nearer end's.
    pub fn place(&self) -> Place {
        match self {
            Self::CreateNamespace(place) | Self::DeleteNamespace(place) => *place,
            Self::DeleteLink(end) | Self::RaiseLink(end) => end.place,
            Self::CreateLink(veth) => veth.near.place,
            Self::SetSysctl { place, .. }
            | Self::ChangeTable { place, .. }
            | Self::RemoveAddress { place, .. }
            | Self::AddAddress { place, .. }
            | Self::AddTable { place, .. }
            | Self::RemoveTable { place, .. }
            | Self::RemoveRoute { place, .. }
            | Self::SetRoute { place, .. }
            | Self::AddBlackhole { place, .. }
            | Self::RemoveBlackhole { place, .. }
            | Self::ForgetInterface { place, .. }
            | Self::PrepareForwards { place, .. }
            | Self::ConfigureInterface { place, .. }
            | Self::ForgetConnections { place, .. }
            | Self::ForgetUntracked { place, .. } => *place,
        }
    }
}

/// One command of an nftables transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NftCommand {
    /// Make the table; nothing happens if it is there.
    AddTable,
    /// Remove the table with all in it.
    DeleteTable,
    /// Make a set or map, empty.
    AddSet {
        /// Its name.
        name: String,
        /// Its types; the elements are not looked at.
        set: SetPlan,
    },
    /// Make a set of flows, empty.
    AddFlows {
        /// Its name.
        name: String,
        /// The family of their addresses.
        family: Family,
    },
    /// Make settings of how long connections are remembered.
    AddTimeout(TimeoutPlan),
    /// Remove such settings.
    DeleteTimeout(TimeoutPlan),
    /// Make a chain, empty.
    AddChain {
        /// Its name.
        name: String,
        /// Where the kernel calls it.
        base: Option<BaseChain>,
    },
    /// Remove all rules of a chain.
    FlushChain(String),
    /// Add a rule at a chain's end.
    AddRule {
        /// The chain.
        chain: String,
        /// The rule.
        rule: Rule,
    },
    /// Remove elements.
    DeleteElements {
        /// The set.
        set: String,
        /// Their keys.
        elements: Vec<Element>,
    },
    /// Add elements.
    AddElements {
        /// The set.
        set: String,
        /// Their keys and, in a map, data.
        elements: Vec<(Element, Option<Data>)>,
    },
    /// Remove a chain, which nothing refers to any more.
    DeleteChain(String),
    /// Remove a set, which nothing refers to any more.
    DeleteSet(String),
}

/// Writes `{ a, b }`.
fn braces<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("{ ")?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    f.write_str(" }")
}

/// A command as `nft` reads it, in its table.
pub struct InTable<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The command.
    pub command: &'a NftCommand,
}

impl fmt::Display for InTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table;
        match self.command {
            NftCommand::AddTable => write!(f, "add table inet {table}"),
            NftCommand::DeleteTable => write!(f, "delete table inet {table}"),
            NftCommand::AddSet { name, set } => {
                let kind = if set.data.is_some() { "map" } else { "set" };
                write!(f, "add {kind} inet {table} {name} {set}")
            }
            NftCommand::AddFlows { name, family } => write!(
                f,
                "add set inet {table} {name} {{ type {}; flags dynamic,timeout; size {FLOWS_AT_ONCE}; timeout {FLOW_IDLE_SECONDS}s; }}",
                Joined(&flow_key(*family), " . ")
            ),
            NftCommand::AddTimeout(it) => write!(f, "add ct timeout inet {table} {it} {}", it.declaration()),
            NftCommand::DeleteTimeout(it) => write!(f, "delete ct timeout inet {table} {it}"),
            NftCommand::AddChain { name, base: None } => write!(f, "add chain inet {table} {name}"),
            NftCommand::AddChain { name, base: Some(base) } => write!(f, "add chain inet {table} {name} {base}"),
            NftCommand::FlushChain(name) => write!(f, "flush chain inet {table} {name}"),
            NftCommand::AddRule { chain, rule } => write!(f, "add rule inet {table} {chain} {rule}"),
            NftCommand::DeleteElements { set, elements } => {
                write!(f, "delete element inet {table} {set} ")?;
                braces(f, elements, |f, element| write!(f, "{}", Joined(element, " . ")))
            }
            NftCommand::AddElements { set, elements } => {
                write!(f, "add element inet {table} {set} ")?;
                braces(f, elements, |f, (element, data)| {
                    write!(f, "{}", Joined(element, " . "))?;
                    data.iter().try_for_each(|data| write!(f, " : {data}"))
                })
            }
            NftCommand::DeleteChain(name) => write!(f, "delete chain inet {table} {name}"),
            NftCommand::DeleteSet(name) => write!(f, "delete set inet {table} {name}"),
        }
    }
}

impl fmt::Display for HostChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        match self {
            Self::CreateNamespace(_) => write!(f, "{place}: make the namespace"),
            Self::DeleteNamespace(_) => write!(f, "{place}: remove the namespace"),
            Self::SetSysctl { path, value, .. } => write!(f, "{place}: set {path} to {value}"),
            Self::ChangeTable { table, commands, .. } => {
                write!(f, "{place}: ")?;
                for (at, command) in commands.iter().enumerate() {
                    if at > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{}", InTable { table, command })?;
                }
                Ok(())
            }
            Self::DeleteLink(end) => write!(f, "{place}: remove link {}", end.name),
            Self::CreateLink(veth) => {
                write!(f, "{place}: make link {} to {} in {}", veth.near.name, veth.far.name, veth.far.place)
            }
            Self::RaiseLink(end) => write!(f, "{place}: bring up link {}", end.name),
            Self::RemoveAddress { link, address, .. } => write!(f, "{place}: remove address {address} from {link}"),
            Self::AddAddress { link, address, .. } => write!(f, "{place}: add address {address} to {link}"),
            Self::AddTable { family, table, .. } => {
                write!(f, "{place}: let mark {table} be routed by table {table} ({family:?})")
            }
            Self::RemoveTable { family, table, .. } => {
                write!(f, "{place}: let nothing be routed by table {table} ({family:?})")
            }
            Self::RemoveRoute { key, .. } => write!(f, "{place}: remove route {key}"),
            Self::SetRoute { key, route, .. } => write!(f, "{place}: route {key} {route}"),
            Self::AddBlackhole { key, .. } => write!(f, "{place}: route {key} to nowhere"),
            Self::RemoveBlackhole { key, .. } => write!(f, "{place}: remove route {key} to nowhere"),
            Self::ForgetInterface { link, routes, .. } => {
                write!(f, "{place}: remove routes {} to link {link}", Joined(routes, ", "))
            }
            Self::PrepareForwards { link, routes, .. } => {
                let keys: Vec<RouteKey> = routes.iter().map(|(key, _)| *key).collect();
                write!(f, "{place}: make routes {} to link {link} ready", Joined(&keys, ", "))
            }
            Self::ConfigureInterface { link, interface, .. } => {
                let addresses = Joined(&interface.addresses, ", ");
                write!(f, "{place}: set up link {link} of {} for {addresses}", interface.interface)
            }
            Self::ForgetConnections { public, .. } => write!(f, "{place}: forget connections by {public}"),
            Self::ForgetUntracked { .. } => write!(f, "{place}: forget untracked connections without a rule"),
        }
    }
}

/// The steps from one plan to another; none if they are equal. Both must be of the same cloud.
pub fn diff(old: &HostPlan, new: &HostPlan) -> Vec<HostChange> {
    let empty = NamespacePlan::default();
    let before = |place: &Place| old.namespaces.get(place).unwrap_or(&empty);
    let mut changes = Vec::new();
    for place in new.namespaces.keys() {
        if !old.namespaces.contains_key(place) {
            changes.push(HostChange::CreateNamespace(*place));
        }
    }
    for (place, plan) in &new.namespaces {
        // Settings of connection tracking exist once rules that need it do; settings of links once these do.
        let mut sysctls = Sysctls::new(*place, before(place), plan);
        changes.extend(sysctls.take(|path| !path.starts_with("net/netfilter/") && !sysctls_of_link(path)));
        prepare_routes(&mut changes, *place, before(place), plan);
        if let Some(change) = table_change(*place, &before(place).table, &plan.table) {
            changes.push(change);
            let flows = UntrackedFlows::between(*place, old, new);
            changes.extend(flows.map(|flows| HostChange::ForgetUntracked { place: *place, flows }));
        }
        changes.extend(sysctls.take(|path| path.starts_with("net/netfilter/")));
    }
    let mut gone = BTreeSet::new();
    for veth in old.veths.difference(&new.veths) {
        changes.push(HostChange::DeleteLink(veth.near.clone()));
        gone.extend([&veth.near, &veth.far]);
    }
    changes.extend(new.veths.difference(&old.veths).cloned().map(HostChange::CreateLink));
    for (place, plan) in &new.namespaces {
        changes.extend(Sysctls::new(*place, before(place), plan).take(sysctls_of_link));
    }
    for (place, plan) in &new.namespaces {
        add_link_changes(&mut changes, *place, before(place), plan, &gone);
    }
    for (place, plan) in &old.namespaces {
        match new.namespaces.get(place) {
            Some(after) => {
                let forget = |(public, now)| HostChange::ForgetConnections { place: *place, public, now };
                changes.extend(moved_addresses(&plan.table, &after.table).into_iter().map(forget));
            }
            None => changes.push(HostChange::DeleteNamespace(*place)),
        }
    }
    changes
}

/// Whether a setting belongs to one link, and exists only once the link does.
fn sysctls_of_link(path: &str) -> bool {
    let link = ["net/ipv4/conf/", "net/ipv6/conf/", "net/ipv4/neigh/"].iter().find_map(|of| path.strip_prefix(of));
    link.is_some_and(|rest| !rest.starts_with("all/") && !rest.starts_with("default/"))
}

/// The settings that differ.
struct Sysctls<'a> {
    place: Place,
    changed: BTreeMap<&'a str, &'a str>,
}

impl<'a> Sysctls<'a> {
    fn new(place: Place, old: &NamespacePlan, new: &'a NamespacePlan) -> Self {
        let changed = new.sysctls.iter().filter(|(path, value)| old.sysctls.get(*path) != Some(value));
        Self { place, changed: changed.map(|(path, value)| (path.as_str(), value.as_str())).collect() }
    }

    fn take(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<HostChange> {
        let change = |(path, value): (&&str, &&str)| HostChange::SetSysctl {
            place: self.place,
            path: (*path).to_owned(),
            value: (*value).to_owned(),
        };
        self.changed.iter().filter(|(path, _)| wanted(path)).map(change).collect()
    }
}

/// Links, addresses and routes of one namespace. The links that are `gone` took their routes along.
fn add_link_changes(
    changes: &mut Vec<HostChange>,
    place: Place,
    old: &NamespacePlan,
    new: &NamespacePlan,
    gone: &BTreeSet<&LinkEnd>,
) {
    let end = |name: &String| LinkEnd { place, name: name.clone() };
    let was_up = |name: &&String| old.up.contains(*name) && !gone.contains(&end(name));
    changes.extend(new.up.iter().filter(|name| !was_up(name)).map(|name| HostChange::RaiseLink(end(name))));
    for (link, address) in old.addresses.difference(&new.addresses) {
        changes.push(HostChange::RemoveAddress { place, link: link.clone(), address: *address });
    }
    for (link, address) in new.addresses.difference(&old.addresses) {
        changes.push(HostChange::AddAddress { place, link: link.clone(), address: *address });
    }
    let went_along = |route: &RoutePlan| match route {
        RoutePlan::Via { link, .. } | RoutePlan::Link { link } => gone.contains(&end(link)),
        RoutePlan::Main => false,
    };
    changes.extend(old.tables.difference(&new.tables).map(|(family, table)| HostChange::RemoveTable {
        place,
        family: *family,
        table: *table,
    }));
    for (link, interface) in &old.interfaces {
        let routes: Vec<RouteKey> = interface.routes(link).into_keys().filter(|key| leaves(new, *key)).collect();
        if !routes.is_empty() {
            changes.push(HostChange::ForgetInterface { place, link: link.clone(), routes });
        }
    }
    for (key, route) in &old.routes {
        if !closes(new, *key) && !new.routes.contains_key(key) && !went_along(route) {
            changes.push(HostChange::RemoveRoute { place, key: *key, route: route.clone() });
        }
    }
    // Routes straight to a link first: those by way of a gateway may need them.
    let early = early_routes(old, new);
    let is_there = |key: &RouteKey, route: &RoutePlan| old.routes.get(key) == Some(route) && !went_along(route);
    let mut routes: Vec<_> = new.routes.iter().filter(|(key, route)| !is_there(key, route)).collect();
    routes.retain(|(key, _)| !early.contains(key));
    routes.sort_by_key(|(key, route)| (matches!(route, RoutePlan::Via { .. }), **key));
    for (key, route) in routes {
        changes.push(HostChange::SetRoute { place, key: *key, route: route.clone() });
    }
    for (link, interface) in &new.interfaces {
        if old.interfaces.get(link) != Some(interface) {
            let (link, interface) = (link.clone(), interface.clone());
            changes.push(HostChange::ConfigureInterface { place, link, interface });
        }
    }
    for key in old.blackholes.difference(&new.blackholes) {
        changes.push(HostChange::RemoveBlackhole { place, key: *key });
    }
}

/// What comes before the rules change: what shall reach nothing stops, and the tables that rules will choose are ready.
fn prepare_routes(changes: &mut Vec<HostChange>, place: Place, old: &NamespacePlan, new: &NamespacePlan) {
    for key in new.blackholes.difference(&old.blackholes) {
        changes.push(HostChange::AddBlackhole { place, key: *key });
    }
    for (key, route) in old.routes.iter().filter(|(key, _)| closes(new, **key)) {
        changes.push(HostChange::RemoveRoute { place, key: *key, route: route.clone() });
    }
    for (link, interface) in &old.interfaces {
        // What another route takes over is replaced, not removed.
        let after = new.interfaces.get(link).map(|interface| interface.routes(link)).unwrap_or_default();
        let stays = |key: &RouteKey| after.contains_key(key) || new.routes.contains_key(key) || leaves(new, *key);
        let routes: Vec<RouteKey> = interface.routes(link).into_keys().filter(|key| !stays(key)).collect();
        if !routes.is_empty() {
            changes.push(HostChange::ForgetInterface { place, link: link.clone(), routes });
        }
    }
    for key in early_routes(old, new) {
        let route = new.routes[&key].clone();
        changes.push(HostChange::SetRoute { place, key, route });
    }
    for (link, interface) in new.interfaces.iter().filter(|(link, _)| old.interfaces.contains_key(*link)) {
        let routes = interface.routes(link).into_iter();
        let routes: Vec<_> = routes.filter(|(key, _)| is_new_table(old, new, *key)).collect();
        if !routes.is_empty() {
            changes.push(HostChange::PrepareForwards { place, link: link.clone(), routes });
        }
    }
    changes.extend(new.tables.difference(&old.tables).map(|(family, table)| HostChange::AddTable {
        place,
        family: *family,
        table: *table,
    }));
}

/// Whether a route's table is none of a plan's: it goes once nothing chooses it any more.
fn leaves(new: &NamespacePlan, key: RouteKey) -> bool {
    key.table != TableNumber::MAIN && !new.tables.contains(&(key.family(), key.table))
}

/// Whether a destination reaches nothing in a plan.
fn closes(new: &NamespacePlan, key: RouteKey) -> bool {
    new.blackholes.contains(&key) && !new.routes.contains_key(&key)
}

/// Whether a route is in a table that is only just made.
fn is_new_table(old: &NamespacePlan, new: &NamespacePlan, key: RouteKey) -> bool {
    let table = (key.family(), key.table);
    new.tables.contains(&table) && !old.tables.contains(&table)
}

/// The routes of new tables by links that are there already.
fn early_routes(old: &NamespacePlan, new: &NamespacePlan) -> BTreeSet<RouteKey> {
    // A link that does not speak IPv6 yet takes no route of it.
    let speaks = |family, link: &str| {
        let off = old.sysctls.get(&format!("net/ipv6/conf/{link}/disable_ipv6"));
        family == Family::Ipv4 || off.is_some_and(|off| off == "0")
    };
    let ready = |key: &RouteKey, route: &RoutePlan| match route {
        RoutePlan::Via { link, .. } | RoutePlan::Link { link } => old.up.contains(link) && speaks(key.family(), link),
        RoutePlan::Main => true,
    };
    new.routes
        .iter()
        .filter(|(key, route)| is_new_table(old, new, **key) && old.routes.get(key) != Some(route) && ready(key, route))
        .map(|(key, _)| *key)
        .collect()
}

/// The public addresses that led elsewhere before, and where they lead now.
fn moved_addresses(old: &TablePlan, new: &TablePlan) -> Vec<(Ipv4Addr, Option<Ipv4Addr>)> {
    let pairs = |table: &TablePlan| -> BTreeMap<Ipv4Addr, Ipv4Addr> {
        let elements = table.sets.get(crate::plan::PRIVATE_OF).into_iter().flat_map(|map| &map.elements);
        elements
            .filter_map(|(key, data)| match (key.as_slice(), data) {
                ([crate::plan::Part::Address(IpAddr::V4(public))], Some(Data::Address(private))) => {
                    Some((*public, *private))
                }
                _ => None,
            })
            .collect()
    };
    let (old, new) = (pairs(old), pairs(new));
    let now = |public: &Ipv4Addr| new.get(public).copied();
    let moved = old.iter().filter(|(public, private)| now(public) != Some(**private));
    moved.map(|(public, _)| (*public, now(public))).collect()
}
