//! The network's stages in words and codes.
//!
//! Codes are those of AWS's Reachability Analyzer ("Explanation codes") where it has one for it; the others are ours.

use policy::{Component, Direction, Reason, Stage, Target, Topology};

use crate::message::{Message, say};

/// What a stage is called, of which component it is, and what was found there.
pub(crate) struct Told {
    pub(crate) code: Option<&'static str>,
    pub(crate) component: String,
    pub(crate) message: Message,
}

/// A stage of a verdict.
pub(crate) fn tell(topology: &Topology, stage: &Stage) -> Told {
    let component = component(topology, stage.at);
    let message = message(&stage.reason, &component);
    Told { code: code(topology, &stage.reason), component, message }
}

/// The id of what decides.
fn component(topology: &Topology, at: Component) -> String {
    match at {
        Component::Interface(id) => id.to_string(),
        Component::Subnet(id) => id.to_string(),
        Component::Router(id) => id.to_string(),
        Component::Gateway(vpc) => {
            let gateway = topology.vpcs.get(&vpc).and_then(|vpc| vpc.internet_gateway);
            gateway.map_or_else(|| vpc.to_string(), |gateway| gateway.to_string())
        }
        Component::EgressOnlyGateway(vpc) => vpc.to_string(),
        Component::NatGateway(id) => id.to_string(),
        Component::Peering(id) => id.to_string(),
        Component::TransitGateway(id) => id.to_string(),
        Component::Edge => "edge".to_owned(),
    }
}

fn code(topology: &Topology, reason: &Reason) -> Option<&'static str> {
    if reason.passes() {
        return None;
    }
    Some(match reason {
        Reason::NoSuchInterface | Reason::NoSuchAddress => "NO_POSSIBLE_DESTINATION",
        Reason::Detached => "BAD_STATE",
        Reason::SpoofedSource { .. } => "ENI_SOURCE_DEST_CHECK_RESTRICTION",
        Reason::NoRule { direction, groups } => {
            let rules = |id| topology.groups.get(id).is_some_and(|group| !group.rules(*direction).is_empty());
            if groups.iter().any(rules) { "ENI_SG_RULES_MISMATCH" } else { "SG_HAS_NO_RULES" }
        }
        Reason::AclDenies { .. } => "SUBNET_ACL_RESTRICTION",
        Reason::NoRoute { .. } | Reason::NoRouteBack { .. } | Reason::NoTransitRoute { .. } => {
            "NO_ROUTE_TO_DESTINATION"
        }
        Reason::BlackholeRoute { .. } | Reason::TransitBlackhole { .. } => "BAD_STATE_ROUTE",
        Reason::NoPublicAddress => "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
        Reason::NotOnTheInternet(_) => "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
        Reason::PublicAddressUnused => "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
        Reason::NotTranslated => "PROTOCOL_RESTRICTION",
        Reason::Unasked => "NGW_REQUIRES_SOURCE_IN_VPC",
        Reason::NotTransitive => "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
        Reason::NotAssociated(_) => "UNASSOCIATED_COMPONENT",
        Reason::SourceOfThisVpc => "GATEWAY_REJECTS_SPOOFED_TRAFFIC",
        Reason::NeverRouted(_) | Reason::Loop => "CANNOT_ROUTE",
        Reason::RouterAddress => "ROUTER_ADDRESS",
        Reason::NoMetadataByIpv6 => "METADATA_BY_IPV4_ONLY",
        Reason::EgressOnly => "EGRESS_ONLY_GATEWAY",
        Reason::OfTheLink => "LINK_LOCAL_ONLY",
        Reason::OperatorAddress => "OPERATOR_ADDRESS",
        Reason::Unrelated => "UNRELATED",
        // Those that pass were told apart above.
        _ => return None,
    })
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where a route leads, by the id that the API knows it by.
pub(crate) fn target(target: Target) -> String {
    match target {
        Target::Local => "local".to_owned(),
        Target::InternetGateway => "igw".to_owned(),
        Target::EgressOnlyGateway => "eigw".to_owned(),
        Target::NatGateway(id) => id.to_string(),
        Target::Interface(id) => id.to_string(),
        Target::Peering(id) => id.to_string(),
        Target::TransitGateway(id) => id.to_string(),
        Target::Blackhole => "blackhole".to_owned(),
    }
}

fn or_none<T: ToString>(item: Option<T>) -> String {
    item.map_or_else(|| "-".to_owned(), |item| item.to_string())
}

fn message(reason: &Reason, component: &str) -> Message {
    match reason {
        Reason::OwnSource => say!("why-own-source", component = component),
        Reason::SourceNotChecked => say!("why-source-not-checked", component = component),
        Reason::Rule { direction: Direction::Ingress, group, rule } => {
            say!("why-rule-in", group = group, rule = rule)
        }
        Reason::Rule { direction: Direction::Egress, group, rule } => {
            say!("why-rule-out", group = group, rule = rule)
        }
        Reason::Tracked => say!("why-tracked"),
        Reason::AclEntry { direction: Direction::Ingress, acl, number } => {
            say!("why-acl-in", acl = acl, number = number)
        }
        Reason::AclEntry { direction: Direction::Egress, acl, number } => {
            say!("why-acl-out", acl = acl, number = number)
        }
        Reason::Route { table, destination, target: to } => {
            say!("why-route", table = table, destination = destination, target = target(*to))
        }
        Reason::Service => say!("why-service"),
        Reason::Local(interface) => say!("why-local", interface = interface),
        Reason::Translated { from, to } => say!("why-translated", from = from, to = to),
        Reason::AsItIs => say!("why-as-it-is"),
        Reason::Peer(vpc) => say!("why-peer", vpc = vpc),
        Reason::TransitRoute { table, destination, attachment } => {
            say!("why-transit-route", table = table, destination = destination, attachment = attachment)
        }
        Reason::Leaves => say!("why-leaves"),
        refused => refusal(refused, component),
    }
}

fn refusal(reason: &Reason, component: &str) -> Message {
    match reason {
        Reason::NoSuchInterface => say!("why-no-interface", component = component),
        Reason::Detached => say!("why-detached", component = component),
        Reason::SpoofedSource { own } => say!("why-spoofed", own = list(own)),
        Reason::NoRule { direction: Direction::Ingress, groups } => say!("why-no-rule-in", groups = list(groups)),
        Reason::NoRule { direction: Direction::Egress, groups } => say!("why-no-rule-out", groups = list(groups)),
        Reason::AclDenies { direction: Direction::Ingress, acl, number } => {
            say!("why-acl-denies-in", acl = or_none(*acl), number = number.map_or("*".to_owned(), |n| n.to_string()))
        }
        Reason::AclDenies { direction: Direction::Egress, acl, number } => {
            say!("why-acl-denies-out", acl = or_none(*acl), number = number.map_or("*".to_owned(), |n| n.to_string()))
        }
        Reason::RouterAddress => say!("why-router-address"),
        Reason::NoMetadataByIpv6 => say!("why-no-metadata-by-ipv6"),
        Reason::NoSuchAddress => say!("why-no-such-address"),
        Reason::NoRoute { table } => say!("why-no-route", table = or_none(*table)),
        Reason::BlackholeRoute { table, destination, target: to } => {
            say!("why-blackhole", table = table, destination = destination, target = target(*to))
        }
        Reason::NoRouteBack { table } => say!("why-no-route-back", table = or_none(*table)),
        Reason::NoPublicAddress => say!("why-no-public-address"),
        Reason::NotOnTheInternet(address) => say!("why-not-on-the-internet", address = address),
        Reason::PublicAddressUnused => say!("why-public-address-unused"),
        Reason::EgressOnly => say!("why-egress-only"),
        Reason::OfTheLink => say!("why-of-the-link"),
        Reason::OperatorAddress => say!("why-operator-address"),
        Reason::NotTranslated => say!("why-not-translated"),
        Reason::Unasked => say!("why-unasked"),
        Reason::NotTransitive => say!("why-not-transitive"),
        Reason::NotAssociated(attachment) => say!("why-not-associated", attachment = attachment),
        Reason::NoTransitRoute { table } => say!("why-no-transit-route", table = table),
        Reason::TransitBlackhole { table, destination, .. } => {
            say!("why-transit-blackhole", table = table, destination = destination)
        }
        Reason::SourceOfThisVpc => say!("why-source-of-this-vpc"),
        Reason::NeverRouted(address) => say!("why-never-routed", address = address),
        Reason::Unrelated => say!("why-unrelated"),
        _ => say!("why-loop"),
    }
}
