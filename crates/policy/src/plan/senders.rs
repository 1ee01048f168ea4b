//! Who may send what into a VPC, and which route table decides about it: the first thing that happens to a packet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Family;
use super::build::{PRIORITY_RAW, base, in_set, link, not_in_set, rule, set};
use super::groups::suffix;
use super::nft::{Action, ChainKind, ChainPlan, Data, DataType, Field, FieldType, Hook, Match, Part, SetPlan};
use super::vpc::VpcCompiler;
use crate::names::VPC_GATEWAY_LINK;
use crate::ranges::{from_nowhere, not_from_transit};

/// Every interface's link with its addresses: who may send what, and the number of the route table that decides about it.
const SENDERS: &str = "senders";
/// The chain for what comes in by a link whose packets are not all from addresses that are known.
pub(super) const CHOOSE_TABLE: &str = "choose_table";
/// The number of the route table that decides about what comes in by a link.
pub(crate) const TABLE_OF: &str = "table_of";

/// The links of its attachments to transit gateways.
pub(super) const TRANSIT_LINKS: &str = "transit_links";

/// The number of the route table that decides about what comes in by a link.
pub(super) type Marks = BTreeMap<String, u32>;

impl VpcCompiler<'_> {
    /// Before anything else: nobody sends with a source that is not theirs, and an unknown link sends nothing. One look
    /// at a map is all that a machine's packets take here, since it also tells their route table.
    pub(super) fn add_source_check(&mut self, marks: &Marks) {
        const NOT_ON_THE_INTERNET: &str = "not_on_the_internet";
        const UNCHECKED: &str = "unchecked_interfaces";
        const PEER_BLOCKS: &str = "peer_blocks";
        const NOT_FROM_TRANSIT: &str = "not_from_transit";
        let by_link = || Action::Goto(CHOOSE_TABLE.to_owned());
        let mut rules = vec![rule([is_sender(Family::Ipv4)], Action::Accept)];
        let own = self.interfaces().flat_map(|(name, i)| i.private_addresses().map(move |own| (name, own.into())));
        let own = senders(Family::Ipv4, own, marks);
        self.table.sets.insert(senders_name(Family::Ipv4), own);
        if self.vpc.internet_gateway.is_some() {
            let inward = link(Field::InLink, VPC_GATEWAY_LINK);
            rules.push(self.self_check(inward.clone()));
            rules.push(rule([inward, not_in_set(&[Field::Source], NOT_ON_THE_INTERNET)], by_link()));
        }
        if !self.peers.is_empty() {
            // Nobody calls through a peering connection from beyond the other VPC: it is not transitive.
            let blocks = self.peers.iter().flat_map(|(name, other)| {
                let blocks = self.topology.vpcs.get(other).into_iter().flat_map(|vpc| &vpc.cidrs);
                blocks.map(move |block| vec![Part::Link(name.clone()), Part::cidr(*block)])
            });
            let blocks = set(&[FieldType::LinkName, FieldType::Address], true, blocks);
            self.table.sets.insert(PEER_BLOCKS.to_owned(), blocks);
            rules.push(rule([in_set(&[Field::InLink, Field::Source], PEER_BLOCKS)], by_link()));
        }
        if !self.transits.is_empty() {
            // What a machine of this VPC says does not come back by a transit gateway.
            let links = self.transits.keys().map(|name| vec![Part::Link(name.clone())]);
            self.table.sets.insert(TRANSIT_LINKS.to_owned(), set(&[FieldType::LinkName], false, links));
            let blocks = not_from_transit(&self.vpc.cidrs).into_iter().map(|block| vec![Part::cidr(block)]);
            self.table.sets.insert(NOT_FROM_TRANSIT.to_owned(), set(&[FieldType::Address], true, blocks));
            rules.push(rule(
                [in_set(&[Field::InLink], TRANSIT_LINKS), not_in_set(&[Field::Source], NOT_FROM_TRANSIT)],
                by_link(),
            ));
        }
        let ranges = from_nowhere(self.topology.operator.pool, &self.vpc.cidrs);
        let ranges = ranges.into_iter().map(|block| vec![Part::cidr(block)]);
        self.table.sets.insert(NOT_ON_THE_INTERNET.to_owned(), set(&[FieldType::Address], true, ranges));
        // What NAT gateways bring back is from anywhere.
        let forwarders = self.machines.iter().filter(|(_, (_, i))| !i.source_dest_check).map(|(name, _)| name);
        let unchecked: Vec<_> =
            forwarders.chain(self.gateways.keys()).map(|name| vec![Part::Link(name.clone())]).collect();
        if !unchecked.is_empty() {
            rules.push(rule([in_set(&[Field::InLink], UNCHECKED)], by_link()));
            self.table.sets.insert(UNCHECKED.to_owned(), set(&[FieldType::LinkName], false, unchecked));
        }
        self.table
            .chains
            .insert("check_source".to_owned(), base(ChainKind::Filter, Hook::Prerouting, PRIORITY_RAW, true, rules));
    }

    /// The mark that says which route table decides, before any route is looked up.
    pub(super) fn add_choice_of_table(&mut self, marks: &Marks) {
        let number = |(link, number): (&String, &u32)| (vec![Part::Link(link.clone())], Some(Data::Mark(*number)));
        let elements = marks.iter().map(number).collect();
        let key = vec![FieldType::LinkName];
        let map = SetPlan { key, interval: false, data: Some(DataType::Mark), elements };
        self.table.sets.insert(TABLE_OF.to_owned(), map);
        let mark = rule([], Action::Mark { field: Field::InLink, map: TABLE_OF.to_owned() });
        let chain = ChainPlan { base: None, rules: vec![mark, rule([], Action::Accept)] };
        self.table.chains.insert(CHOOSE_TABLE.to_owned(), chain);
    }
}

/// The name of the map of senders of a family.
pub(super) fn senders_name(family: Family) -> String {
    format!("{SENDERS}{}", suffix(family))
}

/// That a packet is from an address of the interface it came in by; it then also knows its route table.
pub(super) fn is_sender(family: Family) -> Match {
    let address = if family == Family::Ipv6 { Field::Ipv6Source } else { Field::Source };
    Match::Marked { key: vec![Field::InLink, address], map: senders_name(family) }
}

/// The map of the addresses of links to route tables. Where no table decides, the main one does.
pub(super) fn senders<'a>(
    family: Family,
    own: impl IntoIterator<Item = (&'a String, IpAddr)>,
    marks: &Marks,
) -> SetPlan {
    let address = if family == Family::Ipv6 { FieldType::Ipv6Address } else { FieldType::Address };
    let element = |(name, own): (&String, IpAddr)| {
        let mark = marks.get(name).copied().unwrap_or_default();
        (vec![Part::Link(name.clone()), Part::address(own)], Some(Data::Mark(mark)))
    };
    SetPlan {
        key: vec![FieldType::LinkName, address],
        interval: false,
        data: Some(DataType::Mark),
        elements: own.into_iter().map(element).collect(),
    }
}
