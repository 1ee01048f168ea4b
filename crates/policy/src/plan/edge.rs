//! The operator's namespace and the edge.

use std::collections::{BTreeMap, BTreeSet};

use types::Ipv4Cidr;

use super::build::{
    PRIORITY_FILTER, PRIORITY_RAW, PRIORITY_SRCNAT, TABLE, answers, arp_retry, base, in_set, link, not_link,
    router_sysctls, rule, set,
};
use super::nft::{Action, ChainKind, Field, FieldType, Hook, Match, Part, TablePlan};
use super::{EDGE_GATEWAY_ADDRESS, NamespacePlan, RouteKey, RoutePlan, VPC_GATEWAY_ADDRESS, ipv6};
use crate::names::{EDGE_OPERATOR_LINK, gateway_link_name};
use crate::topology::Topology;

/// The operator's namespace: a way to the public addresses, and a way out for machines.
///
/// A machine may call the operator's machine only in answer: what listens there is no business of the cloud's.
pub(super) fn operator_plan(topology: &Topology) -> NamespacePlan {
    let operator = &topology.operator;
    let ours = operator.tag.operator_link();
    let from_us = link(Field::InLink, &ours);
    let pool_source = |not| Match::Block { field: Field::Source, block: operator.pool.into(), not };
    let chains = BTreeMap::from([
        (
            "from_machines".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Input,
                PRIORITY_FILTER,
                false,
                vec![rule([from_us.clone(), answers()], Action::Accept), rule([from_us.clone()], Action::Drop)],
            ),
        ),
        (
            "through".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Forward,
                PRIORITY_FILTER,
                false,
                vec![
                    rule([from_us.clone(), pool_source(true)], Action::Drop),
                    rule([from_us, link(Field::OutLink, &ours)], Action::Drop),
                ],
            ),
        ),
        (
            "to_internet".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Postrouting,
                PRIORITY_SRCNAT,
                false,
                vec![rule([pool_source(false), not_link(Field::OutLink, &ours)], Action::Masquerade)],
            ),
        ),
    ]);
    let via_edge = RoutePlan::Via {
        gateway: operator.edge_address().into(),
        link: ours.clone(),
        source: Some(operator.address().into()),
    };
    let mut plan = NamespacePlan {
        sysctls: BTreeMap::from([("net/ipv4/ip_forward".to_owned(), "1".to_owned()), arp_retry(&ours)]),
        up: BTreeSet::from([ours.clone()]),
        addresses: BTreeSet::from([(ours, operator.address().into())]),
        routes: BTreeMap::from([(RouteKey::main(operator.pool), via_edge)]),
        table: TablePlan { name: operator.tag.operator_table(), chains, ..TablePlan::default() },
        ..NamespacePlan::default()
    };
    ipv6::add_to_operator(&mut plan, topology);
    plan
}

/// The edge: each public address leads to its VPC, everything else to the operator. Keeps no state.
pub(super) fn edge_plan(topology: &Topology) -> NamespacePlan {
    const PUBLIC_ADDRESSES: &str = "public_addresses";
    let operator = &topology.operator;
    let mut up = BTreeSet::from(["lo".to_owned(), EDGE_OPERATOR_LINK.to_owned()]);
    let mut routes = BTreeMap::from([
        (RouteKey::main(Ipv4Cidr::host(operator.address())), RoutePlan::Link { link: EDGE_OPERATOR_LINK.to_owned() }),
        (
            RouteKey::main(Ipv4Cidr::ANY),
            RoutePlan::Via {
                gateway: operator.address().into(),
                link: EDGE_OPERATOR_LINK.to_owned(),
                source: Some(operator.edge_address().into()),
            },
        ),
    ]);
    up.extend(topology.vpcs.iter().filter(|(_, v)| v.internet_gateway.is_some()).map(|(id, _)| gateway_link_name(*id)));
    let mut sysctls = router_sysctls();
    sysctls.extend(up.iter().filter(|link| *link != "lo").map(|link| arp_retry(link)));
    let mut sources = BTreeSet::new();
    for (public, (_, interface, _)) in topology.gateway_users() {
        let link = gateway_link_name(interface.vpc);
        sources.insert(vec![Part::Link(link.clone()), Part::address(public)]);
        let route = RoutePlan::Via { gateway: VPC_GATEWAY_ADDRESS.into(), link, source: None };
        routes.insert(RouteKey::main(Ipv4Cidr::host(public)), route);
    }
    let operator_side = |field| link(field, EDGE_OPERATOR_LINK);
    let chains = BTreeMap::from([
        (
            "check_source".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Prerouting,
                PRIORITY_RAW,
                true,
                vec![
                    rule([operator_side(Field::InLink)], Action::Accept),
                    rule([in_set(&[Field::InLink, Field::Source], PUBLIC_ADDRESSES)], Action::Accept),
                ],
            ),
        ),
        ("local".to_owned(), base(ChainKind::Filter, Hook::Input, PRIORITY_FILTER, true, vec![])),
        (
            "through".to_owned(),
            base(
                ChainKind::Filter,
                Hook::Forward,
                PRIORITY_FILTER,
                true,
                vec![
                    rule([in_set(&[Field::OutLink, Field::Destination], PUBLIC_ADDRESSES)], Action::Accept),
                    rule([not_link(Field::InLink, EDGE_OPERATOR_LINK), operator_side(Field::OutLink)], Action::Accept),
                ],
            ),
        ),
    ]);
    let sets = BTreeMap::from([(
        PUBLIC_ADDRESSES.to_owned(),
        set(&[FieldType::LinkName, FieldType::Address], false, sources),
    )]);
    let mut plan = NamespacePlan {
        sysctls,
        up,
        addresses: BTreeSet::from([
            ("lo".to_owned(), operator.edge_address().into()),
            ("lo".to_owned(), EDGE_GATEWAY_ADDRESS.into()),
        ]),
        routes,
        blackholes: BTreeSet::from([RouteKey::main(operator.pool)]),
        table: TablePlan { name: TABLE.to_owned(), sets, chains, ..TablePlan::default() },
        ..NamespacePlan::default()
    };
    ipv6::add_to_edge(&mut plan, topology);
    plan
}
