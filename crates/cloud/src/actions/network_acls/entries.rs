//! Entries of network ACLs.

use ec2_shapes::{
    CreateNetworkAclEntryRequest, DeleteNetworkAclEntryRequest, IcmpTypeCode, PortRange, ReplaceNetworkAclEntryRequest,
    RuleAction,
};
use types::{Cidr, Ipv4Cidr, Ipv6Cidr, Protocol};

use super::super::show::given;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::quotas::{self, Quota};
use crate::resource::{NetworkAcl, NetworkAclEntry};
use crate::transaction::Transaction;

/// The highest number of an entry; those above are EC2's own.
const MAX_NUMBER: u16 = 32_766;
/// The number of the final denial of IPv4.
const FINAL_IPV4: i32 = 32_767;
/// The number of the final denial of IPv6.
const FINAL_IPV6: i32 = 32_768;

/// What a request says of an entry.
macro_rules! entry_of {
    ($request:ident) => {
        NetworkAclEntry {
            number: read_number($request.rule_number)?,
            is_egress: $request.egress,
            allow: read_action($request.rule_action)?,
            cidr: read_cidr(given(&$request.cidr_block), given(&$request.ipv6_cidr_block))?,
            protocol: read_protocol(
                &$request.protocol,
                &$request.port_range,
                &$request.icmp_type_code,
                given(&$request.ipv6_cidr_block).is_some(),
            )?,
        }
    };
}

pub(in crate::actions) fn create_network_acl_entry(
    context: &Context,
    tx: &mut Transaction,
    request: CreateNetworkAclEntryRequest,
) -> Result<(), ApiError> {
    let mut acl = NetworkAcl::clone(get::<NetworkAcl>(tx, &request.network_acl_id)?);
    let entry = entry_of!(request);
    if position(&acl, entry.number, entry.is_egress).is_some() {
        let message = format!("The network acl entry identified by {} already exists.", entry.number);
        return Err(ApiError::new("NetworkAclEntryAlreadyExists", message));
    }
    let is_alike = |it: &&NetworkAclEntry| {
        it.is_egress == entry.is_egress && it.cidr.ipv4().is_some() == entry.cidr.ipv4().is_some()
    };
    quotas::check(context, Quota::EntriesPerNetworkAcl, acl.entries.iter().filter(is_alike).count())?;
    acl.entries.push(entry);
    tx.put(acl);
    Ok(())
}

pub(in crate::actions) fn replace_network_acl_entry(
    _: &Context,
    tx: &mut Transaction,
    request: ReplaceNetworkAclEntryRequest,
) -> Result<(), ApiError> {
    let mut acl = NetworkAcl::clone(get::<NetworkAcl>(tx, &request.network_acl_id)?);
    let entry = entry_of!(request);
    let at = position(&acl, entry.number, entry.is_egress).ok_or_else(|| unknown(request.rule_number))?;
    acl.entries[at] = entry;
    tx.put(acl);
    Ok(())
}

pub(in crate::actions) fn delete_network_acl_entry(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteNetworkAclEntryRequest,
) -> Result<(), ApiError> {
    let mut acl = NetworkAcl::clone(get::<NetworkAcl>(tx, &request.network_acl_id)?);
    let number = read_number(request.rule_number)?;
    let at = position(&acl, number, request.egress).ok_or_else(|| unknown(request.rule_number))?;
    acl.entries.remove(at);
    tx.put(acl);
    Ok(())
}

fn position(acl: &NetworkAcl, number: u16, is_egress: bool) -> Option<usize> {
    acl.entries.iter().position(|entry| entry.number == number && entry.is_egress == is_egress)
}

fn unknown(number: i32) -> ApiError {
    let message = format!("The network acl entry identified by {number} does not exist.");
    ApiError::new("InvalidNetworkAclEntry.NotFound", message)
}

fn read_number(number: i32) -> Result<u16, ApiError> {
    match u16::try_from(number) {
        Ok(number @ 1..=MAX_NUMBER) => Ok(number),
        _ if number > i32::from(MAX_NUMBER) => {
            let message = format!("The specified rule number must not be greater than {MAX_NUMBER}.");
            Err(ApiError::invalid_value(message))
        }
        _ => Err(ApiError::invalid_value("The specified rule number must not be less than 1.")),
    }
}

fn read_action(action: Option<RuleAction>) -> Result<bool, ApiError> {
    match action {
        Some(RuleAction::Allow) => Ok(true),
        Some(RuleAction::Deny) => Ok(false),
        None => Err(ApiError::missing("ruleAction")),
    }
}

fn read_cidr(ipv4: Option<&str>, ipv6: Option<&str>) -> Result<Cidr, ApiError> {
    let bad = |parameter: &str, text: &str| {
        let message = format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block.");
        ApiError::invalid_value(message)
    };
    match (ipv4, ipv6) {
        (Some(text), None) => {
            let cidr: Ipv4Cidr = text.parse().map_err(|_| bad("cidrBlock", text))?;
            Ok(cidr.into())
        }
        (None, Some(text)) => {
            let cidr: Ipv6Cidr = text.parse().map_err(|_| bad("ipv6CidrBlock", text))?;
            Ok(cidr.into())
        }
        (None, None) => Err(ApiError::missing("cidrBlock or ipv6CidrBlock")),
        (Some(_), Some(_)) => Err(ApiError::invalid_combination(
            "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock",
        )),
    }
}

/// Ports count for TCP and UDP, types and codes for ICMP and, with IPv6 addresses, ICMPv6; otherwise they say nothing.
fn read_protocol(
    text: &str,
    ports: &Option<PortRange>,
    icmp: &Option<IcmpTypeCode>,
    is_ipv6: bool,
) -> Result<Protocol, ApiError> {
    match text.to_ascii_lowercase().as_str() {
        "" => Err(ApiError::missing("protocol")),
        "-1" | "all" => Ok(Protocol::All),
        "6" | "tcp" => Ok(Protocol::Tcp(read_ports(ports)?)),
        "17" | "udp" => Ok(Protocol::Udp(read_ports(ports)?)),
        "1" | "icmp" => {
            let (kind, code) = read_icmp(icmp)?;
            Ok(Protocol::Icmp { kind, code })
        }
        "58" | "icmpv6" if is_ipv6 => {
            let (kind, code) = read_icmp(icmp)?;
            Ok(Protocol::Icmpv6 { kind, code })
        }
        "58" | "icmpv6" => Ok(Protocol::Icmpv6 { kind: None, code: None }),
        number => number
            .parse()
            .map(Protocol::Other)
            .map_err(|_| ApiError::invalid_value(format!("Invalid value '{text}' for IP protocol. Unknown protocol."))),
    }
}

fn read_ports(ports: &Option<PortRange>) -> Result<types::PortRange, ApiError> {
    let Some(PortRange { from: Some(from), to: Some(to) }) = *ports else {
        let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
        return Err(ApiError::invalid_value(message));
    };
    let port = |end: &str, port: i32| {
        u16::try_from(port).map_err(|_| ApiError::invalid_value(format!("TCP/UDP ({end}) port ({port}) out of range")))
    };
    types::PortRange::new(port("from", from)?, port("to", to)?).ok_or_else(|| {
        ApiError::invalid_value(format!("Invalid TCP/UDP port range: from port ({from}) is above to port ({to})"))
    })
}

/// An ICMP type and code, each `None` for all.
fn read_icmp(icmp: &Option<IcmpTypeCode>) -> Result<(Option<u8>, Option<u8>), ApiError> {
    let Some(IcmpTypeCode { r#type: Some(kind), code: Some(code) }) = *icmp else {
        let message = "Invalid value 'Must specify both type and code with ICMP.' for icmpTypeCode.";
        return Err(ApiError::invalid_value(message));
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
        both => Ok(both),
    }
}

/// The name of a protocol that filters know beside its number.
pub(super) fn protocol_name(number: &str) -> Option<&'static str> {
    match number {
        "6" => Some("tcp"),
        "17" => Some("udp"),
        "1" => Some("icmp"),
        _ => None,
    }
}

/// All entries of a list as answers show them, the final denials included: those of what leaves first, by number.
pub(super) fn shapes(acl: &NetworkAcl, has_ipv6: bool) -> Vec<ec2_shapes::NetworkAclEntry> {
    let mut entries: Vec<_> = acl.entries.iter().map(shape).collect();
    for is_egress in [true, false] {
        let denial = |number, cidr| ec2_shapes::NetworkAclEntry {
            rule_number: Some(number),
            ..shape(&NetworkAclEntry { number: 0, is_egress, allow: false, protocol: Protocol::All, cidr })
        };
        entries.push(denial(FINAL_IPV4, Ipv4Cidr::ANY.into()));
        if has_ipv6 {
            entries.push(denial(FINAL_IPV6, Ipv6Cidr::ANY.into()));
        }
    }
    entries.sort_by_key(|entry| (entry.egress == Some(false), entry.rule_number));
    entries
}

fn shape(entry: &NetworkAclEntry) -> ec2_shapes::NetworkAclEntry {
    let ports = |range: types::PortRange| PortRange { from: Some(range.from.into()), to: Some(range.to.into()) };
    let all = |value: Option<u8>| Some(value.map_or(-1, i32::from));
    let icmp = |kind, code| IcmpTypeCode { r#type: all(kind), code: all(code) };
    let (port_range, icmp_type_code) = match entry.protocol {
        Protocol::Tcp(range) | Protocol::Udp(range) => (Some(ports(range)), None),
        Protocol::Icmp { kind, code } => (None, Some(icmp(kind, code))),
        Protocol::Icmpv6 { kind, code } if entry.cidr.ipv6().is_some() => (None, Some(icmp(kind, code))),
        _ => (None, None),
    };
    ec2_shapes::NetworkAclEntry {
        cidr_block: entry.cidr.ipv4().map(|cidr| cidr.to_string()),
        egress: Some(entry.is_egress),
        icmp_type_code,
        ipv6_cidr_block: entry.cidr.ipv6().map(|cidr| cidr.to_string()),
        port_range,
        protocol: Some(entry.protocol.number().map_or_else(|| "-1".to_owned(), |number| number.to_string())),
        rule_action: Some(if entry.allow { RuleAction::Allow } else { RuleAction::Deny }),
        rule_number: Some(entry.number.into()),
    }
}
