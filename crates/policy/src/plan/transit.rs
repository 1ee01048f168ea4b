//! A transit gateway: a namespace of its own that routes between the links of its attachments, and does nothing else.
//!
//! A mark, set by the link that a packet came in by, says which of the gateway's tables decides, as in a VPC. What comes
//! from an attachment without a table meets the main one, where everything leads nowhere. It keeps no state.

use std::collections::{BTreeMap, BTreeSet};

use types::{Cidr, Ipv4Cidr, Ipv6Cidr, TransitGatewayAttachmentId, TransitGatewayId};

use super::build::{PRIORITY_CHOOSE, PRIORITY_FILTER, PRIORITY_RAW, TABLE, base, in_set, router_sysctls, rule, set};
use super::nft::{Action, ChainKind, Data, DataType, Field, FieldType, Hook, Part, SetPlan, TablePlan};
use super::senders::TABLE_OF;
use super::{
    FAR_END_ADDRESS, FAR_END_IPV6_ADDRESS, Family, HostPlan, LinkEnd, NamespacePlan, Place, RouteKey, RoutePlan,
    TableNumber, VethPlan, ipv6, shared_mac,
};
use crate::names::{route_table_number, transit_link_name};
use crate::ranges::{ipv6_never_routed, never_routed};
use crate::topology::{Topology, TransitGateway, TransitLink};

/// Adds the namespaces of transit gateways, and the links to the VPCs that are attached.
pub(super) fn add_transit_gateways(plan: &mut HostPlan, topology: &Topology) {
    for (&id, gateway) in &topology.transit_gateways {
        let links: BTreeMap<String, TransitLink> = topology
            .transit_links()
            .filter(|link| link.gateway == id)
            .map(|link| (transit_link_name(link.attachment), link))
            .collect();
        if links.is_empty() {
            continue;
        }
        plan.veths.extend(links.iter().map(|(name, link)| veth(id, name, link)));
        plan.namespaces.insert(Place::TransitGateway(id), namespace(gateway, &links));
    }
}

fn veth(gateway: TransitGatewayId, name: &str, link: &TransitLink) -> VethPlan {
    VethPlan {
        near: LinkEnd { place: Place::TransitGateway(gateway), name: name.to_owned() },
        far: LinkEnd { place: Place::Vpc(link.vpc), name: name.to_owned() },
        shared_mac: Some(shared_mac(link.attachment.number())),
    }
}

fn namespace(gateway: &TransitGateway, links: &BTreeMap<String, TransitLink>) -> NamespacePlan {
    let families: &[Family] =
        if links.values().any(|link| link.ipv6) { &[Family::Ipv4, Family::Ipv6] } else { &[Family::Ipv4] };
    let mut plan = NamespacePlan {
        sysctls: sysctls(links, families),
        up: links.keys().cloned().chain(["lo".to_owned()]).collect(),
        blackholes: families.iter().map(|family| RouteKey::main(everything(*family))).collect(),
        ..NamespacePlan::default()
    };
    let ways: BTreeMap<_, _> = links.iter().map(|(name, link)| (link.attachment, (name, link.ipv6))).collect();
    let mut numbers = BTreeMap::new();
    let mut taken: BTreeMap<TableNumber, String> = BTreeMap::new();
    for id in links.values().filter_map(|link| link.table).collect::<BTreeSet<_>>() {
        let Some(table) = gateway.tables.get(&id) else { continue };
        let way = |to: &Cidr, target: &Option<TransitGatewayAttachmentId>| {
            let (name, ipv6) = *ways.get(&(*target)?)?;
            (ipv6 || to.ipv4().is_some()).then_some(name)
        };
        let in_use = table.routes.iter().filter(|(to, _)| families.len() > 1 || to.ipv4().is_some());
        let found: Vec<(Cidr, Option<&String>)> = in_use.map(|(to, it)| (*to, way(to, it))).collect();
        // Tables of the same routes are one; of two others with one number the second is left out, and decides nothing.
        let text: String = found.iter().map(|(destination, link)| format!("{destination} {link:?}\n")).collect();
        let number = TableNumber(route_table_number(&text));
        if *taken.entry(number).or_insert_with(|| text.clone()) != text {
            continue;
        }
        numbers.insert(id, number);
        let key = |destination| RouteKey { table: number, destination };
        plan.tables.extend(families.iter().map(|family| (*family, number)));
        plan.blackholes.extend(families.iter().map(|family| key(everything(*family))));
        for (destination, link) in found {
            match link {
                Some(link) => drop(plan.routes.insert(key(destination), by(link, destination))),
                None => drop(plan.blackholes.insert(key(destination))),
            }
        }
    }
    let marks = links.iter().filter_map(|(name, link)| {
        let number = numbers.get(&link.table?)?;
        Some((vec![Part::Link(name.clone())], Some(Data::Mark(number.0))))
    });
    plan.table = rules(links, marks.collect(), families);
    plan
}

/// All addresses of a family.
fn everything(family: Family) -> Cidr {
    match family {
        Family::Ipv4 => Ipv4Cidr::ANY.into(),
        Family::Ipv6 => Ipv6Cidr::ANY.into(),
    }
}

/// By the link of an attachment.
fn by(link: &str, destination: Cidr) -> RoutePlan {
    let gateway = if destination.ipv6().is_some() { FAR_END_IPV6_ADDRESS.into() } else { FAR_END_ADDRESS.into() };
    RoutePlan::Via { gateway, link: link.to_owned(), source: None }
}

/// IPv6 is on where a VPC that is attached has it, and on the links to such.
fn sysctls(links: &BTreeMap<String, TransitLink>, families: &[Family]) -> BTreeMap<String, String> {
    let has_ipv6 = families.contains(&Family::Ipv6);
    let mut sysctls = router_sysctls();
    sysctls.extend(ipv6::link_sysctls("lo", has_ipv6));
    sysctls.extend(links.iter().flat_map(|(name, link)| ipv6::link_sysctls(name, link.ipv6)));
    if has_ipv6 {
        sysctls.extend(ipv6::router_sysctls());
    }
    sysctls
}

/// Only what comes in by an attachment goes out by one; nothing else is said or heard.
fn rules(
    links: &BTreeMap<String, TransitLink>,
    marks: BTreeMap<Vec<Part>, Option<Data>>,
    families: &[Family],
) -> TablePlan {
    const ATTACHMENTS: &str = "attachments";
    let filter = |hook, priority, shut, rules| base(ChainKind::Filter, hook, priority, shut, rules);
    let is_attached = |field| in_set(&[field], ATTACHMENTS);
    let names = links.keys().map(|name| vec![Part::Link(name.clone())]);
    let table_of =
        SetPlan { key: vec![FieldType::LinkName], interval: false, data: Some(DataType::Mark), elements: marks };
    let mut sets = BTreeMap::from([
        (ATTACHMENTS.to_owned(), set(&[FieldType::LinkName], false, names)),
        (TABLE_OF.to_owned(), table_of),
    ]);
    let mut through = Vec::new();
    for family in families {
        let (name, address, fields, blocks): (_, _, _, Vec<Cidr>) = match family {
            Family::Ipv4 => {
                let blocks = never_routed().into_iter().map(Cidr::from).collect();
                ("never_routed", FieldType::Address, [Field::Source, Field::Destination], blocks)
            }
            Family::Ipv6 => {
                let blocks = ipv6_never_routed().into_iter().map(Cidr::from).collect();
                ("never_routed6", FieldType::Ipv6Address, [Field::Ipv6Source, Field::Ipv6Destination], blocks)
            }
        };
        through.extend(fields.map(|field| rule([in_set(&[field], name)], Action::Drop)));
        sets.insert(name.to_owned(), set(&[address], true, blocks.into_iter().map(|block| vec![Part::cidr(block)])));
    }
    through.push(rule([is_attached(Field::InLink), is_attached(Field::OutLink)], Action::Accept));
    let choose = vec![rule([], Action::Mark { field: Field::InLink, map: TABLE_OF.to_owned() })];
    let chains = BTreeMap::from([
        (
            "check_source".to_owned(),
            filter(Hook::Prerouting, PRIORITY_RAW, true, vec![rule([is_attached(Field::InLink)], Action::Accept)]),
        ),
        ("choose_table".to_owned(), filter(Hook::Prerouting, PRIORITY_CHOOSE, false, choose)),
        ("local".to_owned(), filter(Hook::Input, PRIORITY_FILTER, true, Vec::new())),
        ("silent".to_owned(), filter(Hook::Output, PRIORITY_FILTER, true, Vec::new())),
        ("through".to_owned(), filter(Hook::Forward, PRIORITY_FILTER, true, through)),
    ]);
    TablePlan { name: TABLE.to_owned(), sets, chains, ..TablePlan::default() }
}
