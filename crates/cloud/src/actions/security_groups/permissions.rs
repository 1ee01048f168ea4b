//! Rules as requests state them.

use ec2_shapes::{IpPermission, IpRange, UserIdGroupPair};
use types::{Ipv4Cidr, Ipv6Cidr, PortRange, Protocol, SecurityGroupId};

use super::super::prefix_lists;
use super::{by_id, by_name, given, is_plain, references, unknown_id};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{Peer, SecurityGroup, SecurityGroupRule, VpcPeeringConnection};
use crate::state::Tables;

/// What a request says of one rule: what makes it this rule, and its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub protocol: Protocol,
    pub peer: Peer,
    pub description: Option<String>,
}

impl Wanted {
    /// Whether a rule of the same direction is the same rule.
    pub fn is(&self, rule: &SecurityGroupRule) -> bool {
        (self.protocol, &self.peer) == (rule.protocol, &rule.peer)
    }

    /// The rule in the words of EC2's messages.
    pub fn in_words(&self) -> String {
        let peer = match &self.peer {
            Peer::Ipv4(cidr) => cidr.to_string(),
            Peer::Ipv6(cidr) => cidr.to_string(),
            Peer::PrefixList(id) => id.to_string(),
            Peer::Group(id) => id.to_string(),
        };
        let all = |value: Option<u8>| value.map_or("ALL".to_owned(), |value| value.to_string());
        let what = match self.protocol {
            Protocol::All => "ALL".to_owned(),
            Protocol::Tcp(ports) => format!("TCP, from port: {}, to port: {}", ports.from, ports.to),
            Protocol::Udp(ports) => format!("UDP, from port: {}, to port: {}", ports.from, ports.to),
            Protocol::Icmp { kind, code } => format!("ICMP, type: {}, code: {}", all(kind), all(code)),
            Protocol::Icmpv6 { kind, code } => format!("ICMPv6, type: {}, code: {}", all(kind), all(code)),
            Protocol::Other(number) => format!("protocol: {number}"),
        };
        format!("peer: {peer}, {what}, ALLOW")
    }
}

/// The parameters that older clients send instead of `IpPermissions`.
#[derive(Debug, Default)]
pub(super) struct Legacy {
    pub ip_protocol: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<String>,
    pub source_group_name: Option<String>,
    pub source_group_owner: Option<String>,
}

impl Legacy {
    fn speaks_of_addresses(&self) -> bool {
        self.ip_protocol.is_some() || self.from_port.is_some() || self.to_port.is_some() || self.cidr_ip.is_some()
    }

    /// Whether any of them is there.
    pub fn is_given(&self) -> bool {
        self.speaks_of_addresses() || self.source_group_name.is_some() || self.source_group_owner.is_some()
    }

    /// The same as `IpPermissions`. A source group without more opens all of TCP, UDP and ICMP.
    ///
    /// # Errors
    /// `InvalidParameterCombination` where a source group comes with a protocol, ports or addresses.
    pub fn into_permissions(self) -> Result<Vec<IpPermission>, ApiError> {
        if self.source_group_name.is_none() && self.source_group_owner.is_none() {
            let range = IpRange { cidr_ip: self.cidr_ip, description: None };
            return Ok(vec![IpPermission {
                ip_protocol: self.ip_protocol,
                from_port: self.from_port,
                to_port: self.to_port,
                ip_ranges: vec![range],
                ..IpPermission::default()
            }]);
        }
        if self.speaks_of_addresses() {
            return Err(ApiError::invalid_combination(
                "The parameter sourceSecurityGroupName cannot be used with ipProtocol, fromPort, toPort or cidrIp",
            ));
        }
        let pair = UserIdGroupPair {
            group_name: self.source_group_name,
            user_id: self.source_group_owner,
            ..UserIdGroupPair::default()
        };
        let all = [("tcp", 0, 65_535), ("udp", 0, 65_535), ("icmp", -1, -1)].map(|(protocol, from, to)| IpPermission {
            ip_protocol: Some(protocol.to_owned()),
            from_port: Some(from),
            to_port: Some(to),
            user_id_group_pairs: vec![pair.clone()],
            ..IpPermission::default()
        });
        Ok(all.to_vec())
    }
}

/// Whether the groups that a request names must be there: rules about others can only be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// They must, and a rule of the group may name them.
    MustBeThere,
    /// Those that a rule of the group names already need not.
    MayBeGone,
}

/// The rules that the permissions state for `group`: one for each peer.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`, `InvalidPermission.Malformed` for what is missing or wrong in a
/// permission, the peer's own `NotFound` where it does not exist.
pub(super) fn read(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    permissions: &[IpPermission],
    sources: Sources,
) -> Result<Vec<Wanted>, ApiError> {
    let mut wanted = Vec::new();
    for permission in permissions {
        let protocol = protocol(permission)?;
        let before = wanted.len();
        let mut add = |peer: Peer, description: &Option<String>| {
            wanted.push(Wanted { protocol, peer, description: self::description(description)? });
            Ok::<(), ApiError>(())
        };
        for range in &permission.ip_ranges {
            add(Peer::Ipv4(ipv4(range.cidr_ip.as_deref())?), &range.description)?;
        }
        for range in &permission.ipv6_ranges {
            add(Peer::Ipv6(ipv6(range.cidr_ipv6.as_deref())?), &range.description)?;
        }
        for list in &permission.prefix_list_ids {
            let id = given(&list.prefix_list_id).ok_or_else(|| ApiError::missing("prefixListId"))?;
            add(Peer::PrefixList(prefix_lists::read_id(context, tables, id)?), &list.description)?;
        }
        for pair in &permission.user_id_group_pairs {
            let source = match sources {
                Sources::MayBeGone => named_already(group, pair),
                Sources::MustBeThere => None,
            };
            let source = source.map_or_else(|| source_group(context, tables, group, pair), Ok)?;
            add(Peer::Group(source), &pair.description)?;
        }
        if wanted.len() == before {
            let message = "A permission must name a CIDR block, a prefix list or a security group";
            return Err(ApiError::new("InvalidPermission.Malformed", message));
        }
    }
    Ok(wanted)
}

fn protocol(permission: &IpPermission) -> Result<Protocol, ApiError> {
    let name = given(&permission.ip_protocol).ok_or_else(|| ApiError::missing("ipProtocol"))?;
    match name.to_ascii_lowercase().as_str() {
        "-1" => Ok(Protocol::All),
        "tcp" | "6" => Ok(Protocol::Tcp(ports(permission)?)),
        "udp" | "17" => Ok(Protocol::Udp(ports(permission)?)),
        "icmp" | "1" => {
            let missing = || bad_port_range("Must specify both type and code with ICMP.");
            let (kind, code) = icmp(permission)?.ok_or_else(missing)?;
            Ok(Protocol::Icmp { kind, code })
        }
        "icmpv6" | "58" => {
            let (kind, code) = icmp(permission)?.unwrap_or((None, None));
            Ok(Protocol::Icmpv6 { kind, code })
        }
        number => number
            .parse()
            .map(Protocol::Other)
            .map_err(|_| ApiError::invalid_value(format!("Invalid value '{name}' for IP protocol. Unknown protocol."))),
    }
}

fn bad_port_range(why: &str) -> ApiError {
    ApiError::invalid_value(format!("Invalid value '{why}' for portRange."))
}

fn ports(permission: &IpPermission) -> Result<PortRange, ApiError> {
    let (Some(from), Some(to)) = (permission.from_port, permission.to_port) else {
        return Err(bad_port_range("Must specify both from and to ports with TCP/UDP."));
    };
    let port = |end: &str, port: i32| {
        u16::try_from(port).map_err(|_| ApiError::invalid_value(format!("TCP/UDP ({end}) port ({port}) out of range")))
    };
    PortRange::new(port("from", from)?, port("to", to)?).ok_or_else(|| {
        ApiError::invalid_value(format!("Invalid TCP/UDP port range: from port ({from}) is above to port ({to})"))
    })
}

/// An ICMP type and code, each `None` for all.
type IcmpKind = (Option<u8>, Option<u8>);

/// Type and code; nothing where neither is given.
fn icmp(permission: &IpPermission) -> Result<Option<IcmpKind>, ApiError> {
    let (kind, code) = match (permission.from_port, permission.to_port) {
        (None, None) => return Ok(None),
        (Some(kind), Some(code)) => (kind, code),
        _ => return Err(bad_port_range("Must specify both type and code with ICMP.")),
    };
    let number = |what: &str, number: i32| match number {
        -1 => Ok(None),
        _ => u8::try_from(number)
            .map(Some)
            .map_err(|_| ApiError::invalid_value(format!("ICMP {what} ({number}) out of range"))),
    };
    match (number("type", kind)?, number("code", code)?) {
        (None, Some(code)) => {
            Err(ApiError::invalid_value(format!("ICMP code ({code}) must be -1 where the type is -1, which means all")))
        }
        both => Ok(Some(both)),
    }
}

fn malformed_cidr(text: &str) -> ApiError {
    ApiError::invalid_value(format!("CIDR block {text} is malformed"))
}

fn ipv4(text: Option<&str>) -> Result<Ipv4Cidr, ApiError> {
    let text = text.ok_or_else(|| ApiError::missing("cidrIp"))?;
    text.parse().map_err(|_| malformed_cidr(text))
}

fn ipv6(text: Option<&str>) -> Result<Ipv6Cidr, ApiError> {
    let text = text.ok_or_else(|| ApiError::missing("cidrIpv6"))?;
    text.parse().map_err(|_| malformed_cidr(text))
}

/// The group a pair names by id, where a rule of the group names it already.
fn named_already(group: &SecurityGroup, pair: &UserIdGroupPair) -> Option<SecurityGroupId> {
    let id: SecurityGroupId = given(&pair.group_id)?.parse().ok()?;
    group.rules.iter().any(|rule| rule.peer == Peer::Group(id)).then_some(id)
}

/// The group a pair names: by id in the VPC of the rule's own group or one that is connected with it, by name in the
/// default VPC.
fn source_group(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    pair: &UserIdGroupPair,
) -> Result<SecurityGroupId, ApiError> {
    let peering =
        given(&pair.vpc_peering_connection_id).map(|id| get::<VpcPeeringConnection>(tables, id)).transpose()?;
    let other_account = given(&pair.user_id).is_some_and(|owner| owner != context.account().as_str());
    let source = match (given(&pair.group_id), given(&pair.group_name)) {
        // There are no other accounts.
        (Some(name), _) | (None, Some(name)) if other_account => return Err(unknown_id(name)),
        // Another account's group may be named with its owner.
        (Some(id), _) => match id.split_once('/') {
            Some((owner, id)) if owner == context.account().as_str() => by_id(tables, id)?,
            Some(_) => return Err(unknown_id(id)),
            None => by_id(tables, id)?,
        },
        (None, Some(name)) => by_name(tables, name)?,
        (None, None) => return Err(ApiError::missing("groupId")),
    };
    let other_vpc = given(&pair.vpc_id).is_some_and(|vpc| vpc != source.vpc.to_string());
    let other_peering = peering
        .is_some_and(|peering| !peering.is_alive() || peering.peer_of(group.vpc).is_none_or(|peer| peer != source.vpc));
    if !references::may_name(tables, group, source) || other_vpc || other_peering {
        let message = "You have specified two resources that belong to different networks.";
        return Err(ApiError::new("InvalidGroup.NotFound", message));
    }
    Ok(source.id)
}

/// A description, checked; an empty one is none.
pub(super) fn description(text: &Option<String>) -> Result<Option<String>, ApiError> {
    match given(text) {
        Some(text) if !is_plain(text) => Err(ApiError::invalid_value(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following \
             set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )),
        text => Ok(text.map(str::to_owned)),
    }
}
