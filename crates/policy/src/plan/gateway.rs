//! The internet gateway at a VPC's end: what it drops whatever the groups say, and the translation of public addresses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::build::{PRIORITY_DSTNAT, PRIORITY_SRCNAT, answers, base, in_set, link, not_in_set, rule, set};
use super::nft::{
    Action, ChainKind, CtDirection, CtState, Data, DataType, Field, FieldType, Hook, Match, Part, Rule, SetPlan,
};
use super::senders::TABLE_OF;
use super::vpc::VpcCompiler;
use crate::names::VPC_GATEWAY_LINK;

/// The map from public addresses to the private ones they lead to.
pub(crate) const PRIVATE_OF: &str = "private_of";
/// The private addresses that may go out by the gateway.
const GATEWAY_USERS: &str = "gateway_users";
/// Private addresses with the public addresses that lead to them.
const GATEWAY_PAIRS: &str = "gateway_pairs";

impl VpcCompiler<'_> {
    /// A machine that calls its own public address, by a protocol without ports: what comes back in cannot be told from
    /// an answer to what went out, so that groups would not be asked.
    pub(super) fn self_check(&mut self, inward: Match) -> Rule {
        const SELF: &str = "public_to_itself";
        const WITH_PORTS: &str = "protocols_with_ports";
        let users = self.topology.gateway_users();
        let own = users.iter().filter(|(_, (_, interface, _))| interface.vpc == self.id).map(|(public, _)| *public);
        let own = own.map(|public| vec![Part::address(public), Part::address(public)]);
        let own = set(&[FieldType::Address, FieldType::Address], false, own);
        let numbers = super::TRANSLATED.map(|number| vec![Part::Number(number)]);
        self.table.sets.insert(SELF.to_owned(), own);
        self.table.sets.insert(WITH_PORTS.to_owned(), set(&[FieldType::Protocol], false, numbers));
        let to_itself = in_set(&[Field::Source, Field::Destination], SELF);
        rule([inward, to_itself, not_in_set(&[Field::Protocol], WITH_PORTS)], Action::Drop)
    }

    /// What the internet gateway drops.
    pub(super) fn add_internet_gateway_checks(&mut self) {
        self.add_gateway_checks(VPC_GATEWAY_LINK, gateway_checks());
    }

    /// What a gateway drops of what comes in by it and of what goes out by it, in chains of their own: what has nothing to
    /// do with it is compared with its link alone.
    pub(super) fn add_gateway_checks(&mut self, name: &str, [inward, outward]: [Vec<Rule>; 2]) {
        for (field, suffix, rules) in [(Field::OutLink, "outward", outward), (Field::InLink, "inward", inward)] {
            let chain = format!("{name}_{suffix}");
            let is_new = !self.table.chains.contains_key(&chain);
            self.table.chains.entry(chain.clone()).or_default().rules.extend(rules);
            if is_new {
                let egress = &mut self.table.chains.entry("egress".to_owned()).or_default().rules;
                egress.insert(0, rule([link(field, name)], Action::Jump(chain)));
            }
        }
    }

    /// The 1:1 translation of the internet gateway: public to private coming in, private to public going out. Groups
    /// therefore see private addresses of this side, and the other side's as they are on the internet. A machine that
    /// calls a neighbour's public address goes out to the edge and comes in again, with its own public address.
    pub(super) fn add_translation(&mut self) {
        let mut private_of = BTreeMap::new();
        let mut public_of = BTreeMap::new();
        for (public, (_, interface, private)) in self.topology.gateway_users() {
            if interface.vpc == self.id {
                private_of.insert(public, private);
                public_of.insert(private, public);
            }
        }
        let map = |pairs: &BTreeMap<Ipv4Addr, Ipv4Addr>| SetPlan {
            key: vec![FieldType::Address],
            interval: false,
            data: Some(DataType::Address),
            elements: pairs.iter().map(|(k, v)| (vec![Part::address(*k)], Some(Data::Address(*v)))).collect(),
        };
        let sets = &mut self.table.sets;
        sets.insert(PRIVATE_OF.to_owned(), map(&private_of));
        sets.insert("public_of".to_owned(), map(&public_of));
        sets.insert(
            GATEWAY_USERS.to_owned(),
            set(&[FieldType::Address], false, public_of.keys().map(|private| vec![Part::address(*private)])),
        );
        let pairs = public_of.iter().map(|(private, public)| vec![Part::address(*private), Part::address(*public)]);
        sets.insert(GATEWAY_PAIRS.to_owned(), set(&[FieldType::Address, FieldType::Address], false, pairs));
        let chains = &mut self.table.chains;
        let inward = Action::TranslateDestination { map: PRIVATE_OF.to_owned() };
        let outward = Action::TranslateSource { map: "public_of".to_owned() };
        chains.insert(
            "translate_in".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Prerouting,
                PRIORITY_DSTNAT,
                false,
                vec![rule([link(Field::InLink, VPC_GATEWAY_LINK)], inward)],
            ),
        );
        chains.insert(
            "translate_out".to_owned(),
            base(
                ChainKind::Nat,
                Hook::Postrouting,
                PRIORITY_SRCNAT,
                false,
                vec![rule([link(Field::OutLink, VPC_GATEWAY_LINK)], outward)],
            ),
        );
    }
}

/// What the internet gateway drops whatever the groups say, and for established connections, too: packets to public
/// addresses that are nobody's, from machines without a public address, to addresses that are not on the internet, and
/// those of connections whose public address has since moved (VPC guide, "Internet gateways"; Reachability Analyzer,
/// explanation codes `IGW_*`). A connection starts only towards a subnet whose routes lead back out the same way.
fn gateway_checks() -> [Vec<Rule>; 2] {
    let going = Match::Direction;
    let pair = |own, public| not_in_set(&[own, public], GATEWAY_PAIRS);
    let starts = Match::State(vec![CtState::New]);
    let inward = vec![
        rule([link(Field::OutLink, VPC_GATEWAY_LINK)], Action::Drop),
        rule([going(CtDirection::Original), pair(Field::Destination, Field::OriginalDestination)], Action::Drop),
        rule([going(CtDirection::Reply), pair(Field::Destination, Field::ReplyDestination)], Action::Drop),
        rule([starts.clone()], Action::Mark { field: Field::OutLink, map: TABLE_OF.to_owned() }),
        rule([starts, Match::WayBack { link: VPC_GATEWAY_LINK.to_owned(), not: true }], Action::Drop),
    ];
    let outward = vec![
        rule([not_in_set(&[Field::Source], GATEWAY_USERS)], Action::Drop),
        rule([in_set(&[Field::Destination], "not_on_the_internet")], Action::Drop),
        rule([answers(), going(CtDirection::Original), pair(Field::Source, Field::ReplyDestination)], Action::Drop),
        rule([going(CtDirection::Reply), pair(Field::Source, Field::OriginalDestination)], Action::Drop),
    ];
    [inward, outward]
}
