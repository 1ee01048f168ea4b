//! A transit gateway: a namespace of its own that routes between the links of its attachments, and does nothing else.
//!
//! A mark, set by the link that a packet came in by, says which of the gateway's tables decides, as in a VPC. What comes
//! from an attachment without a table meets the main one, where everything leads nowhere. It keeps no state.

use std::collections::{BTreeMap, BTreeSet};

use types::{Ipv4Cidr, TransitGatewayAttachmentId, TransitGatewayId};

use super::build::{PRIORITY_CHOOSE, PRIORITY_FILTER, PRIORITY_RAW, TABLE, base, in_set, router_sysctls, rule, set};
use super::nft::{Action, ChainKind, Data, DataType, Field, FieldType, Hook, Part, SetPlan, TablePlan};
use super::vpc::TABLE_OF;
use super::{
    FAR_END_ADDRESS, Family, HostPlan, LinkEnd, NamespacePlan, Place, RouteKey, RoutePlan, TableNumber, VethPlan,
    shared_mac,
};
use crate::names::{route_table_number, transit_link_name};
use crate::ranges::never_routed;
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
    let mut plan = NamespacePlan {
        sysctls: router_sysctls(),
        up: links.keys().cloned().chain(["lo".to_owned()]).collect(),
        blackholes: BTreeSet::from([RouteKey::main(Ipv4Cidr::ANY)]),
        ..NamespacePlan::default()
    };
    let ways: BTreeMap<_, _> = links.iter().map(|(name, link)| (link.attachment, name)).collect();
    let mut numbers = BTreeMap::new();
    let mut taken: BTreeMap<TableNumber, String> = BTreeMap::new();
    for id in links.values().filter_map(|link| link.table).collect::<BTreeSet<_>>() {
        let Some(table) = gateway.tables.get(&id) else { continue };
        let way = |target: &Option<TransitGatewayAttachmentId>| target.and_then(|id| ways.get(&id)).copied();
        let found: Vec<(Ipv4Cidr, Option<&String>)> = table.routes.iter().map(|(to, it)| (*to, way(it))).collect();
        // Tables of the same routes are one; of two others with one number the second is left out, and decides nothing.
        let text: String = found.iter().map(|(destination, link)| format!("{destination} {link:?}\n")).collect();
        let number = TableNumber(route_table_number(&text));
        if *taken.entry(number).or_insert_with(|| text.clone()) != text {
            continue;
        }
        numbers.insert(id, number);
        plan.tables.insert((Family::Ipv4, number));
        plan.blackholes.insert(RouteKey { table: number, destination: Ipv4Cidr::ANY.into() });
        for (destination, link) in found {
            let key = RouteKey { table: number, destination: destination.into() };
            match link {
                Some(link) => {
                    let via = RoutePlan::Via { gateway: FAR_END_ADDRESS.into(), link: link.clone(), source: None };
                    plan.routes.insert(key, via);
                }
                None => drop(plan.blackholes.insert(key)),
            }
        }
    }
    let marks = links.iter().filter_map(|(name, link)| {
        let number = numbers.get(&link.table?)?;
        Some((vec![Part::Link(name.clone())], Some(Data::Mark(number.0))))
    });
    plan.table = rules(links, marks.collect());
    plan
}

/// Only what comes in by an attachment goes out by one; nothing else is said or heard.
fn rules(links: &BTreeMap<String, TransitLink>, marks: BTreeMap<Vec<Part>, Option<Data>>) -> TablePlan {
    const ATTACHMENTS: &str = "attachments";
    const NEVER_ROUTED: &str = "never_routed";
    let filter = |hook, priority, shut, rules| base(ChainKind::Filter, hook, priority, shut, rules);
    let is_attached = |field| in_set(&[field], ATTACHMENTS);
    let never = |field| rule([in_set(&[field], NEVER_ROUTED)], Action::Drop);
    let through = vec![
        never(Field::Source),
        never(Field::Destination),
        rule([is_attached(Field::InLink), is_attached(Field::OutLink)], Action::Accept),
    ];
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
    let names = links.keys().map(|name| vec![Part::Link(name.clone())]);
    let never = never_routed().into_iter().map(|block| vec![Part::cidr(block)]);
    let table_of =
        SetPlan { key: vec![FieldType::LinkName], interval: false, data: Some(DataType::Mark), elements: marks };
    let sets = BTreeMap::from([
        (ATTACHMENTS.to_owned(), set(&[FieldType::LinkName], false, names)),
        (NEVER_ROUTED.to_owned(), set(&[FieldType::Address], true, never)),
        (TABLE_OF.to_owned(), table_of),
    ]);
    TablePlan { name: TABLE.to_owned(), sets, chains, ..TablePlan::default() }
}
