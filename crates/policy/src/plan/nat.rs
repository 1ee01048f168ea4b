//! A NAT gateway: a namespace of its own behind an interface of its subnet, as on EC2.
//!
//! What is routed to it comes out of the same interface again with a private address of the gateway as its source, and
//! goes on as its subnet's route table says: to the internet gateway, which knows the address's Elastic one, or
//! anywhere inside. So the ACLs of its subnet apply to both halves, and a private gateway is the same thing.

use std::collections::{BTreeMap, BTreeSet};

use types::{Ipv4Cidr, NatGatewayId, NetworkInterfaceId, VpcId};

use super::build::{PRIORITY_FILTER, PRIORITY_SRCNAT, TABLE, answers, base, in_set, link, router_sysctls, rule, set};
use super::nft::{Action, ChainKind, CtState, Field, FieldType, Hook, Match, Part, TablePlan};
use super::{FAR_END_ADDRESS, LinkEnd, NamespacePlan, Place, RouteKey, RoutePlan, VethPlan, shared_mac};
use crate::names::{NAT_LINK, eni_link_name};
use crate::topology::Topology;

/// The protocols that a NAT gateway translates (VPC guide, "NAT gateways"): ICMP, TCP, UDP.
pub(crate) const TRANSLATED: [u16; 3] = [1, 6, 17];

/// For how long it remembers a connection without packets, in seconds (VPC guide, "NAT gateway basics").
const IDLE_SECONDS: u32 = 350;

/// The gateway's namespace, and the link of its interface.
pub(super) fn nat_plan(
    topology: &Topology,
    vpc: VpcId,
    gateway: NatGatewayId,
    interface: NetworkInterfaceId,
) -> (NamespacePlan, VethPlan) {
    const PROTOCOLS: &str = "protocols";
    let all: Vec<_> = topology.interfaces.get(&interface).into_iter().flat_map(|i| i.private_addresses()).collect();
    let gateway_of = |interface| Some(topology.nat_gateways.get(&gateway)?.sources(interface));
    let sources = topology.interfaces.get(&interface).and_then(gateway_of).unwrap_or_default();
    let mut sysctls = router_sysctls();
    for name in ["tcp_timeout_established", "udp_timeout", "udp_timeout_stream"] {
        sysctls.insert(format!("net/netfilter/nf_conntrack_{name}"), IDLE_SECONDS.to_string());
    }
    let by_link = |field| link(field, NAT_LINK);
    let forward = vec![
        rule([answers()], Action::Accept),
        rule([Match::State(vec![CtState::Invalid])], Action::Drop),
        rule([by_link(Field::InLink), by_link(Field::OutLink), in_set(&[Field::Protocol], PROTOCOLS)], Action::Accept),
    ];
    let translate = match sources.as_slice() {
        [] => None,
        [own] => Some(Action::Source(*own)),
        _ => Some(Action::SpreadSource(sources)),
    };
    let translate = translate.map(|action| rule([by_link(Field::OutLink)], action));
    let chains = BTreeMap::from([
        // It answers nobody, and takes no connection from outside: what is for its own address is an answer, or lost.
        ("local".to_owned(), base(ChainKind::Filter, Hook::Input, PRIORITY_FILTER, true, Vec::new())),
        ("silent".to_owned(), base(ChainKind::Filter, Hook::Output, PRIORITY_FILTER, true, Vec::new())),
        ("through".to_owned(), base(ChainKind::Filter, Hook::Forward, PRIORITY_FILTER, true, forward)),
        (
            "translate".to_owned(),
            base(ChainKind::Nat, Hook::Postrouting, PRIORITY_SRCNAT, false, translate.into_iter().collect()),
        ),
    ]);
    let protocols = set(&[FieldType::Protocol], false, TRANSLATED.map(|number| vec![Part::Number(number)]));
    let via = RoutePlan::Via { gateway: FAR_END_ADDRESS.into(), link: NAT_LINK.to_owned(), source: None };
    let namespace = NamespacePlan {
        sysctls,
        up: BTreeSet::from(["lo".to_owned(), NAT_LINK.to_owned()]),
        addresses: all.into_iter().map(|own| ("lo".to_owned(), own.into())).collect(),
        routes: BTreeMap::from([(RouteKey::main(Ipv4Cidr::ANY), via)]),
        table: TablePlan {
            name: TABLE.to_owned(),
            sets: BTreeMap::from([(PROTOCOLS.to_owned(), protocols)]),
            chains,
            ..TablePlan::default()
        },
        ..NamespacePlan::default()
    };
    let veth = VethPlan {
        near: LinkEnd { place: Place::Vpc(vpc), name: eni_link_name(interface) },
        far: LinkEnd { place: Place::Nat(gateway), name: NAT_LINK.to_owned() },
        shared_mac: Some(shared_mac(gateway.number())),
    };
    (namespace, veth)
}
