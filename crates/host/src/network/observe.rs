//! What a cloud has in the kernel now, as a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;

use policy::{
    HostPlan, LinkEnd, NamespacePlan, Place, RouteKey, RoutePlan, TABLE_PREFERENCE, TableNumber, TablePlan, VethPlan,
    eni_link_sysctls,
};
use serde_json::Value;
use types::Ipv4Cidr;

use super::linux::Namespaces;
use super::nft_read::read_table;
use super::program::{ip_json, nft_list};
use crate::{HostError, Result};

/// What was found.
pub(super) struct Observed {
    /// As far as it is ours, or in a namespace that is ours.
    pub plan: HostPlan,
    /// The links that exist, by namespace.
    pub links: BTreeMap<Place, BTreeSet<String>>,
}

/// One namespace as the programs show it.
struct Raw {
    /// Link name, whether it is up, whether it is a veth.
    links: BTreeMap<String, (bool, bool)>,
    addresses: BTreeSet<(String, Ipv4Addr)>,
    /// Which tables packets are routed by for their mark.
    tables: BTreeSet<TableNumber>,
    routes: BTreeMap<RouteKey, RoutePlan>,
    blackholes: BTreeSet<RouteKey>,
    sysctls: BTreeMap<String, String>,
    /// Links whose own settings are all as they shall be.
    set_up: BTreeSet<String>,
    table: TablePlan,
}

/// Looks at everything the plan names, and at everything else in the cloud's own namespaces.
pub(super) fn observe(namespaces: &Namespaces, wanted: &HostPlan) -> Result<Observed> {
    let mut raw = BTreeMap::new();
    let none = NamespacePlan::default();
    for place in namespaces.existing()? {
        let plan = wanted.namespaces.get(&place).unwrap_or(&none);
        let table = if place == Place::Operator { wanted.tag.operator_table() } else { "daemun".to_owned() };
        raw.insert(place, namespaces.run_in(place, || look(plan, &table))?);
    }
    let links = raw.iter().map(|(place, raw)| (*place, raw.links.keys().cloned().collect())).collect();
    let veths = find_veths(&raw, wanted);
    let plans = raw.into_iter().map(|(place, raw)| {
        let plan = wanted.namespaces.get(&place).unwrap_or(&none);
        let ours = (place == Place::Operator).then(|| wanted.tag.operator_link());
        (place, as_plan(raw, plan, ours.as_deref()))
    });
    let plan = HostPlan { tag: wanted.tag, namespaces: plans.collect(), veths };
    Ok(Observed { plan, links })
}

/// Reads the namespace of the calling thread.
fn look(plan: &NamespacePlan, table: &str) -> Result<Raw> {
    let mut raw = Raw {
        links: BTreeMap::new(),
        addresses: BTreeSet::new(),
        tables: BTreeSet::new(),
        routes: BTreeMap::new(),
        blackholes: BTreeSet::new(),
        sysctls: BTreeMap::new(),
        set_up: BTreeSet::new(),
        table: TablePlan::default(),
    };
    for link in ip_json(&["address", "show"])?.as_array().into_iter().flatten() {
        read_link(&mut raw, link);
    }
    for route in ip_json(&["-N", "-4", "route", "show", "table", "all"])?.as_array().into_iter().flatten() {
        match read_route(route) {
            Some((key, Some(plan))) => drop(raw.routes.insert(key, plan)),
            Some((key, None)) => drop(raw.blackholes.insert(key)),
            None => {}
        }
    }
    for rule in ip_json(&["-N", "-4", "rule", "show"])?.as_array().into_iter().flatten() {
        raw.tables.extend(read_choice(rule));
    }
    let has_ipv6 = Path::new("/proc/sys/net/ipv6").exists();
    for (path, wanted) in &plan.sysctls {
        // A kernel without IPv6 has no such setting, and needs none.
        let absent = (path.starts_with("net/ipv6/") && !has_ipv6).then(|| wanted.clone());
        raw.sysctls.extend(read_sysctl(path)?.or(absent).map(|value| (path.clone(), value)));
    }
    for (link, interface) in plan.interfaces.iter().filter(|(link, _)| raw.links.contains_key(*link)) {
        let right = |(directory, file, value): &(&str, &str, &str)| {
            let now = read_sysctl(&format!("net/{directory}/{link}/{file}"));
            now.map(|now| now.map_or(*directory == "ipv6/conf" && !has_ipv6, |now| now == *value))
        };
        if eni_link_sysctls(interface.source_dest_check)
            .iter()
            .map(right)
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .all(|ok| ok)
        {
            raw.set_up.insert(link.clone());
        }
    }
    if let Some(answer) = nft_list(&["table", "inet", table])? {
        raw.table = read_table(&answer);
    }
    Ok(raw)
}

fn read_link(raw: &mut Raw, link: &Value) {
    let Some(name) = link["ifname"].as_str() else { return };
    let up = link["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "UP"));
    raw.links.insert(name.to_owned(), (up, link["linkinfo"]["info_kind"] == "veth"));
    for address in link["addr_info"].as_array().into_iter().flatten() {
        let local = address["local"].as_str().and_then(|text| text.parse::<Ipv4Addr>().ok());
        if let Some(local) = local.filter(|_| address["prefixlen"] == 32) {
            raw.addresses.insert((name.to_owned(), local));
        }
    }
}

/// A route, or `None` for what reaches nothing; those the kernel makes by itself are left out.
fn read_route(route: &Value) -> Option<(RouteKey, Option<RoutePlan>)> {
    let table = match &route["table"] {
        Value::Null => TableNumber::MAIN,
        table => read_number(table).map(TableNumber)?,
    };
    if is_kernels(&route["protocol"]) {
        return None;
    }
    let destination = match route["dst"].as_str()? {
        "default" => Ipv4Cidr::ANY,
        text => text.parse().ok().or_else(|| text.parse().ok().map(Ipv4Cidr::host))?,
    };
    let key = RouteKey { table, destination };
    match route["type"].as_str() {
        Some("blackhole" | "6") => return Some((key, None)),
        Some("throw" | "9") => return Some((key, Some(RoutePlan::Main))),
        _ => {}
    }
    let link = route["dev"].as_str().unwrap_or_default().to_owned();
    let address = |key: &str| route[key].as_str().and_then(|text| text.parse().ok());
    let plan = match address("gateway") {
        Some(gateway) => RoutePlan::Via { gateway, link, source: address("prefsrc") },
        None => RoutePlan::Link { link },
    };
    Some((key, Some(plan)))
}

/// A number that `ip` writes as one or as a text.
fn read_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// Whether the kernel made a route by itself (`RTPROT_KERNEL`).
fn is_kernels(protocol: &Value) -> bool {
    protocol == "kernel" || read_number(protocol) == Some(2)
}

/// The table that a rule of ours chooses.
fn read_choice(rule: &Value) -> Option<TableNumber> {
    let ours = read_number(&rule["priority"]) == Some(TABLE_PREFERENCE);
    let table = read_number(&rule["table"]).filter(|_| ours)?;
    (read_number(&rule["fwmark"]) == Some(table)).then_some(TableNumber(table))
}

/// A setting of the calling thread's namespace; `None` where the kernel has no such setting.
fn read_sysctl(path: &str) -> Result<Option<String>> {
    let path = Path::new("/proc/sys").join(path);
    match std::fs::read_to_string(&path) {
        Ok(value) => Ok(Some(value.trim().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(HostError::io("reading", &path, e)),
    }
}

/// The pairs of links of which both ends are there, and what is left of gateways that no plan has any more.
fn find_veths(raw: &BTreeMap<Place, Raw>, wanted: &HostPlan) -> BTreeSet<VethPlan> {
    let is_veth =
        |end: &LinkEnd| raw.get(&end.place).and_then(|raw| raw.links.get(&end.name)).is_some_and(|(_, veth)| *veth);
    let mut found: BTreeSet<VethPlan> =
        wanted.veths.iter().filter(|veth| is_veth(&veth.near) && is_veth(&veth.far)).cloned().collect();
    let known: BTreeSet<&LinkEnd> = wanted.veths.iter().flat_map(|veth| [&veth.near, &veth.far]).collect();
    for (place, raw) in raw.iter().filter(|(place, _)| **place != Place::Operator) {
        for name in raw.links.keys().filter(|name| OWN_LINKS.iter().any(|prefix| name.starts_with(prefix))) {
            let end = LinkEnd { place: *place, name: name.clone() };
            if !known.contains(&end) {
                found.insert(VethPlan { near: end.clone(), far: end, shared_mac: None });
            }
        }
    }
    found
}

/// What the names of links begin with that lead from one namespace of a cloud to another.
const OWN_LINKS: [&str; 3] = ["igw", "pcx", "tga"];

/// What was seen in a namespace, as a plan. `only` is the one link that is ours where the namespace is not.
fn as_plan(mut raw: Raw, wanted: &NamespacePlan, only: Option<&str>) -> NamespacePlan {
    let mut interfaces = BTreeMap::new();
    for (link, interface) in &wanted.interfaces {
        let routes = interface.routes(link);
        let routed = routes.iter().all(|(key, route)| raw.routes.get(key) == Some(route));
        let up = raw.links.get(link).is_some_and(|(up, _)| *up);
        if routed && up && raw.set_up.contains(link) {
            interfaces.insert(link.clone(), interface.clone());
        }
        // What is as it shall be stays, even where something else about the interface is not.
        raw.routes.retain(|key, route| routes.get(key) != Some(route));
    }
    if let Some(ours) = only {
        raw.addresses.retain(|(link, _)| link == ours);
        raw.routes.retain(|_, route| match route {
            RoutePlan::Via { link, .. } | RoutePlan::Link { link } => link == ours,
            RoutePlan::Main => false,
        });
        raw.blackholes.retain(|key| wanted.blackholes.contains(key));
        raw.tables.retain(|table| wanted.tables.contains(table));
    }
    NamespacePlan {
        up: wanted.up.iter().filter(|link| raw.links.get(*link).is_some_and(|(up, _)| *up)).cloned().collect(),
        sysctls: raw.sysctls,
        addresses: raw.addresses,
        tables: raw.tables,
        routes: raw.routes,
        blackholes: raw.blackholes,
        interfaces,
        table: raw.table,
    }
}
