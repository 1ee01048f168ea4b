//! Rules as short text: `tcp 22 10.0.0.0/8`, `udp 1000-2000 sg-...`, `icmp 8/0 0.0.0.0/0`, `all sg-...`, `47 ...`.

use std::fmt;

use types::{PortRange, Protocol, SecurityGroupRuleId};

use crate::topology::{Peer, Rule};

/// A text that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a rule like \"tcp 22 10.0.0.0/8\"")]
pub struct ParseRuleError(pub String);

impl Rule {
    /// The rule that a text in the form of this type's `Display` stands for.
    ///
    /// # Errors
    /// The text has another form, or its ports are upside down.
    pub fn read(id: SecurityGroupRuleId, text: &str) -> Result<Self, ParseRuleError> {
        parse(text).map(|(protocol, peer)| Self { id, protocol, peer }).ok_or_else(|| ParseRuleError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<(Protocol, Peer)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (protocol, peer) = match words.as_slice() {
        ["all", peer] => (Protocol::All, peer),
        ["tcp", ports, peer] => (Protocol::Tcp(parse_ports(ports)?), peer),
        ["udp", ports, peer] => (Protocol::Udp(parse_ports(ports)?), peer),
        ["icmp", peer] => (Protocol::Icmp { kind: None, code: None }, peer),
        ["icmp", kind, peer] => {
            let (kind, code) = parse_icmp(kind)?;
            (Protocol::Icmp { kind: Some(kind), code }, peer)
        }
        ["icmpv6", kind, peer] => {
            let (kind, code) = parse_icmp(kind)?;
            (Protocol::Icmpv6 { kind: Some(kind), code }, peer)
        }
        ["icmpv6", peer] => (Protocol::Icmpv6 { kind: None, code: None }, peer),
        [number, peer] => (Protocol::Other(number.parse().ok()?), peer),
        _ => return None,
    };
    let group = || peer.parse().ok().map(Peer::Group);
    Some((protocol, peer.parse().ok().map(Peer::Cidr).or_else(group)?))
}

/// A type, and perhaps a code: `8`, `8/0`.
fn parse_icmp(text: &str) -> Option<(u8, Option<u8>)> {
    let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
    let code = code.map(|code| code.parse().ok()).map_or(Some(None), |code| code.map(Some))?;
    Some((kind.parse().ok()?, code))
}

fn parse_ports(text: &str) -> Option<PortRange> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(from.parse().ok()?, to.parse().ok()?)
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => fmt::Display::fmt(cidr, f),
            Self::Group(group) => fmt::Display::fmt(group, f),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = |ports: PortRange| match ports.from == ports.to {
            true => ports.from.to_string(),
            false => format!("{}-{}", ports.from, ports.to),
        };
        let peer = self.peer;
        match self.protocol {
            Protocol::All => write!(f, "all {peer}"),
            Protocol::Tcp(range) => write!(f, "tcp {} {peer}", ports(range)),
            Protocol::Udp(range) => write!(f, "udp {} {peer}", ports(range)),
            Protocol::Icmp { kind: Some(kind), code: Some(code) } => write!(f, "icmp {kind}/{code} {peer}"),
            Protocol::Icmp { kind: Some(kind), code: None } => write!(f, "icmp {kind} {peer}"),
            Protocol::Icmp { kind: None, .. } => write!(f, "icmp {peer}"),
            Protocol::Icmpv6 { kind: Some(kind), code: Some(code) } => write!(f, "icmpv6 {kind}/{code} {peer}"),
            Protocol::Icmpv6 { kind: Some(kind), code: None } => write!(f, "icmpv6 {kind} {peer}"),
            Protocol::Icmpv6 { kind: None, .. } => write!(f, "icmpv6 {peer}"),
            Protocol::Other(number) => write!(f, "{number} {peer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_back_as_written() {
        for text in [
            "all 0.0.0.0/0",
            "tcp 22 10.0.0.0/8",
            "udp 1000-2000 sg-00000000000000001",
            "icmp 8/0 0.0.0.0/0",
            "icmp 3 0.0.0.0/0",
            "icmpv6 128/0 2001:db8::/32",
            "icmpv6 ::/0",
            "icmp sg-00000000000000002",
            "47 10.0.0.0/8",
        ] {
            let rule = Rule::read(SecurityGroupRuleId::from_number(1), text).unwrap();
            assert_eq!(rule.to_string(), text);
        }
        for bad in ["", "tcp", "tcp 22", "tcp 30-20 0.0.0.0/0", "tcp 65536 0.0.0.0/0", "icmp 8/x 0.0.0.0/0", "x 1 2"] {
            assert!(Rule::read(SecurityGroupRuleId::from_number(1), bad).is_err(), "{bad:?}");
        }
    }
}
