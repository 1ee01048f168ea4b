//! What a cloud has in the kernel now, as a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use policy::{
    Family, HostPlan, LinkEnd, NamespacePlan, Place, ROUTER_IPV6_ADDRESS, RouteKey, RoutePlan, TABLE_PREFERENCE,
    TableNumber, TablePlan, VethPlan, eni_link_sysctls,
};
use serde_json::Value;
use types::{Cidr, Ipv4Cidr, Ipv6Cidr, MacAddress};

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

/// One link.
struct Link {
    is_up: bool,
    is_veth: bool,
    mac: Option<MacAddress>,
}

/// One namespace as the programs show it.
struct Raw {
    links: BTreeMap<String, Link>,
    addresses: BTreeSet<(String, IpAddr)>,
    /// The links that have the router's IPv6 address.
    routers: BTreeSet<String>,
    /// Which tables packets are routed by for their mark.
    tables: BTreeSet<(Family, TableNumber)>,
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
        routers: BTreeSet::new(),
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
    let has_ipv6 = has_ipv6();
    for (family, flag) in [(Family::Ipv4, "-4"), (Family::Ipv6, "-6")].into_iter().take(if has_ipv6 { 2 } else { 1 }) {
        for route in ip_json(&["-N", flag, "route", "show", "table", "all"])?.as_array().into_iter().flatten() {
            match read_route(route, family) {
                Some((key, Some(plan))) => drop(raw.routes.insert(key, plan)),
                Some((key, None)) => drop(raw.blackholes.insert(key)),
                None => {}
            }
        }
        for rule in ip_json(&["-N", flag, "rule", "show"])?.as_array().into_iter().flatten() {
            raw.tables.extend(read_choice(rule).map(|table| (family, table)));
        }
    }
    if !has_ipv6 {
        assume_ipv6(&mut raw, plan);
    }
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
        let is_router = !has_ipv6 || raw.routers.contains(link) == interface.has_ipv6();
        let settings = eni_link_sysctls(interface.source_dest_check, interface.has_ipv6());
        if settings.iter().map(right).collect::<Result<Vec<_>>>()?.into_iter().all(|ok| ok && is_router) {
            raw.set_up.insert(link.clone());
        }
    }
    if let Some(answer) = nft_list(&["table", "inet", table])? {
        raw.table = read_table(&answer);
    }
    Ok(raw)
}

/// A kernel without IPv6 takes nothing of it, and is as it shall be.
fn assume_ipv6(raw: &mut Raw, plan: &NamespacePlan) {
    let of_ipv6 = |key: &RouteKey| key.family() == Family::Ipv6;
    raw.tables.extend(plan.tables.iter().filter(|(family, _)| *family == Family::Ipv6));
    raw.addresses.extend(plan.addresses.iter().filter(|(_, address)| address.is_ipv6()).cloned());
    raw.blackholes.extend(plan.blackholes.iter().filter(|key| of_ipv6(key)));
    let routes = plan.routes.iter().map(|(key, route)| (*key, route.clone()));
    let by_interfaces = plan.interfaces.iter().flat_map(|(link, interface)| interface.routes(link));
    raw.routes.extend(routes.chain(by_interfaces).filter(|(key, _)| of_ipv6(key)));
}

fn read_link(raw: &mut Raw, link: &Value) {
    let Some(name) = link["ifname"].as_str() else { return };
    let up = link["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "UP"));
    let is_veth = link["linkinfo"]["info_kind"] == "veth";
    let mac = link["address"].as_str().and_then(|text| text.parse().ok());
    raw.links.insert(name.to_owned(), Link { is_up: up, is_veth, mac });
    for address in link["addr_info"].as_array().into_iter().flatten() {
        let local = address["local"].as_str().and_then(|text| text.parse::<IpAddr>().ok());
        match local {
            // The kernel's own.
            Some(IpAddr::V6(local)) if local.is_loopback() => {}
            Some(IpAddr::V6(ROUTER_IPV6_ADDRESS)) => drop(raw.routers.insert(name.to_owned())),
            Some(local) if address["prefixlen"] == if local.is_ipv4() { 32 } else { 128 } => {
                raw.addresses.insert((name.to_owned(), local));
            }
            _ => {}
        }
    }
}

/// A route, or `None` for what reaches nothing; those the kernel makes by itself are left out.
fn read_route(route: &Value, family: Family) -> Option<(RouteKey, Option<RoutePlan>)> {
    let table = match &route["table"] {
        Value::Null => TableNumber::MAIN,
        table => read_number(table).map(TableNumber)?,
    };
    if is_kernels(&route["protocol"]) {
        return None;
    }
    let destination = match route["dst"].as_str()? {
        "default" if family == Family::Ipv6 => Ipv6Cidr::ANY.into(),
        "default" => Ipv4Cidr::ANY.into(),
        text => text.parse().ok().or_else(|| text.parse().ok().map(Cidr::host))?,
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

/// Whether the kernel has IPv6.
pub(super) fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
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

/// The pairs of links of which both ends are there with the hardware address that they share, and what is left of gateways that no plan has any more.
fn find_veths(raw: &BTreeMap<Place, Raw>, wanted: &HostPlan) -> BTreeSet<VethPlan> {
    let is_there = |end: &LinkEnd, mac: Option<MacAddress>| {
        let link = raw.get(&end.place).and_then(|raw| raw.links.get(&end.name)).filter(|link| link.is_veth);
        link.map(|link| mac.is_none() || mac == link.mac)
    };
    let mut found = BTreeSet::new();
    for veth in &wanted.veths {
        match [&veth.near, &veth.far].map(|end| is_there(end, veth.shared_mac)) {
            [Some(true), Some(true)] => drop(found.insert(veth.clone())),
            // One of an older Daemun: it is made anew.
            [Some(_), Some(_)] => drop(found.insert(VethPlan { shared_mac: None, ..veth.clone() })),
            _ => {}
        }
    }
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
const OWN_LINKS: [&str; 4] = ["igw", "eig", "pcx", "tga"];

/// What was seen in a namespace, as a plan. `only` is the one link that is ours where the namespace is not.
fn as_plan(mut raw: Raw, wanted: &NamespacePlan, only: Option<&str>) -> NamespacePlan {
    let mut interfaces = BTreeMap::new();
    for (link, interface) in &wanted.interfaces {
        let routes = interface.routes(link);
        let routed = routes.iter().all(|(key, route)| raw.routes.get(key) == Some(route));
        let up = raw.links.get(link).is_some_and(|link| link.is_up);
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
        up: wanted.up.iter().filter(|link| raw.links.get(*link).is_some_and(|link| link.is_up)).cloned().collect(),
        sysctls: raw.sysctls,
        addresses: raw.addresses,
        tables: raw.tables,
        routes: raw.routes,
        blackholes: raw.blackholes,
        interfaces,
        table: raw.table,
    }
}
