//! Addresses, ranges and protocols.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not an IPv4 CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IPv4 CIDR block")]
pub struct ParseCidrError(pub String);

/// An IPv4 CIDR block in canonical form: bits behind the prefix are zero.
///
/// EC2 stores `100.68.0.18/18` as `100.68.0.0/18`; so does this type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Cidr(ipnet::Ipv4Net);

impl Ipv4Cidr {
    /// All of IPv4, `0.0.0.0/0`.
    pub const ANY: Self = Self(ipnet::Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

    /// The block around `address` with a prefix of `length` bits; `None` if longer than 32.
    pub fn new(address: Ipv4Addr, length: u8) -> Option<Self> {
        ipnet::Ipv4Net::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// The block that holds one address.
    pub fn host(address: Ipv4Addr) -> Self {
        Self(ipnet::Ipv4Net::new_assert(address, 32))
    }

    /// The lowest address.
    pub fn first(self) -> Ipv4Addr {
        self.0.network()
    }

    /// The highest address.
    pub fn last(self) -> Ipv4Addr {
        self.0.broadcast()
    }

    /// The length of the prefix in bits.
    pub fn prefix_len(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the address is inside.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of the other block is inside.
    pub fn contains_cidr(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains_cidr(other) || other.contains_cidr(self)
    }

    /// How many addresses the block holds.
    pub fn size(self) -> u64 {
        1 << (32 - self.prefix_len())
    }

    /// The address `offset` places above the first; `None` outside the block.
    pub fn nth(self, offset: u32) -> Option<Ipv4Addr> {
        let address = u32::from(self.first()).checked_add(offset)?;
        Some(Ipv4Addr::from(address)).filter(|a| self.contains(*a))
    }
}

impl fmt::Display for Ipv4Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Ipv4Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Ipv4Cidr {
    type Err = ParseCidrError;
    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let read = || {
            let (address, prefix) = text.split_once('/')?;
            // Some programs read numbers with leading zeros as octal: they could mean another network.
            if prefix.len() > 2 || prefix.len() == 2 && prefix.starts_with('0') || prefix.starts_with('+') {
                return None;
            }
            ipnet::Ipv4Net::new(address.parse().ok()?, prefix.parse().ok()?).ok()
        };
        read().map(|net| Self(net.trunc())).ok_or_else(|| ParseCidrError(text.to_owned()))
    }
}

impl TryFrom<String> for Ipv4Cidr {
    type Error = ParseCidrError;
    fn try_from(text: String) -> Result<Self, ParseCidrError> {
        text.parse()
    }
}

impl From<Ipv4Cidr> for String {
    fn from(cidr: Ipv4Cidr) -> Self {
        cidr.to_string()
    }
}

/// A text that is not an IPv6 CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IPv6 CIDR block")]
pub struct ParseIpv6CidrError(pub String);

/// An IPv6 CIDR block, canonical: the bits after the prefix are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv6Cidr(ipnet::Ipv6Net);

impl Ipv6Cidr {
    /// `::/0`.
    pub const ANY: Self = Self(ipnet::Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0));

    /// The block of this prefix length that holds `address`; `None` for a length over 128.
    pub fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        ipnet::Ipv6Net::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// The block that holds one address.
    pub fn host(address: Ipv6Addr) -> Self {
        Self(ipnet::Ipv6Net::new_assert(address, 128))
    }

    /// Its lowest address.
    pub fn first(self) -> Ipv6Addr {
        self.0.network()
    }

    /// Its highest address.
    pub fn last(self) -> Ipv6Addr {
        self.0.broadcast()
    }

    /// The length of its prefix in bits.
    pub fn prefix_len(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the address lies inside.
    pub fn contains(self, address: Ipv6Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of `other` lies inside.
    pub fn contains_cidr(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains_cidr(other) || other.contains_cidr(self)
    }

    /// The address `offset` after the first one, if it is still inside.
    pub fn nth(self, offset: u128) -> Option<Ipv6Addr> {
        let address = u128::from(self.first()).checked_add(offset)?;
        Some(Ipv6Addr::from(address)).filter(|address| self.contains(*address))
    }
}

impl fmt::Display for Ipv6Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Ipv6Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Ipv6Cidr {
    type Err = ParseIpv6CidrError;
    fn from_str(text: &str) -> Result<Self, ParseIpv6CidrError> {
        let bad = || ParseIpv6CidrError(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let well_formed = (1..=3).contains(&prefix.len())
            && prefix.bytes().all(|b| b.is_ascii_digit())
            && (prefix == "0" || !prefix.starts_with('0'));
        let length = prefix.parse().ok().filter(|_| well_formed).ok_or_else(bad)?;
        Self::new(address.parse().map_err(|_| bad())?, length).ok_or_else(bad)
    }
}

impl TryFrom<String> for Ipv6Cidr {
    type Error = ParseIpv6CidrError;
    fn try_from(text: String) -> Result<Self, ParseIpv6CidrError> {
        text.parse()
    }
}

impl From<Ipv6Cidr> for String {
    fn from(cidr: Ipv6Cidr) -> Self {
        cidr.to_string()
    }
}

/// A CIDR block of either family, canonical.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cidr {
    /// IPv4 addresses.
    Ipv4(Ipv4Cidr),
    /// IPv6 addresses.
    Ipv6(Ipv6Cidr),
}

impl Cidr {
    /// The block that holds one address.
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::Ipv4(Ipv4Cidr::host(address)),
            IpAddr::V6(address) => Self::Ipv6(Ipv6Cidr::host(address)),
        }
    }

    /// The IPv4 block, if it is one.
    pub fn ipv4(self) -> Option<Ipv4Cidr> {
        if let Self::Ipv4(cidr) = self { Some(cidr) } else { None }
    }

    /// The IPv6 block, if it is one.
    pub fn ipv6(self) -> Option<Ipv6Cidr> {
        if let Self::Ipv6(cidr) = self { Some(cidr) } else { None }
    }

    /// Whether the address lies inside; never for one of the other family.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Ipv4(block), IpAddr::V4(address)) => block.contains(address),
            (Self::Ipv6(block), IpAddr::V6(address)) => block.contains(address),
            _ => false,
        }
    }

    /// Whether the two have an address in common; never those of different families.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains_cidr(other) || other.contains_cidr(self)
    }

    /// Whether all of `other` lies inside; never for a block of the other family.
    pub fn contains_cidr(self, other: Self) -> bool {
        match (self, other) {
            (Self::Ipv4(block), Self::Ipv4(other)) => block.contains_cidr(other),
            (Self::Ipv6(block), Self::Ipv6(other)) => block.contains_cidr(other),
            _ => false,
        }
    }
}

impl From<Ipv4Cidr> for Cidr {
    fn from(cidr: Ipv4Cidr) -> Self {
        Self::Ipv4(cidr)
    }
}

impl From<Ipv6Cidr> for Cidr {
    fn from(cidr: Ipv6Cidr) -> Self {
        Self::Ipv6(cidr)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(cidr) => fmt::Display::fmt(cidr, f),
            Self::Ipv6(cidr) => fmt::Display::fmt(cidr, f),
        }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;
    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        if text.contains(':') {
            text.parse().map(Self::Ipv6).map_err(|_| ParseCidrError(text.to_owned()))
        } else {
            text.parse().map(Self::Ipv4)
        }
    }
}

impl TryFrom<String> for Cidr {
    type Error = ParseCidrError;
    fn try_from(text: String) -> Result<Self, ParseCidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

/// An inclusive range of TCP or UDP ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// The lowest port.
    pub from: u16,
    /// The highest port; never below `from`.
    pub to: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// The range, unless it is upside down.
    pub fn new(from: u16, to: u16) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// Whether the port is inside.
    pub fn contains(self, port: u16) -> bool {
        (self.from..=self.to).contains(&port)
    }
}

/// What a rule says of the protocol, with the detail that protocol has.
///
/// As in EC2's `IpPermission`: only tcp and udp have ports, only ICMP has types and codes (`None` means all),
/// and any other number stands for all of its traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Every protocol, EC2's `-1`.
    All,
    /// TCP to these ports.
    Tcp(PortRange),
    /// UDP to these ports.
    Udp(PortRange),
    /// ICMP of this type and code.
    Icmp {
        /// The ICMP type, or all.
        kind: Option<u8>,
        /// The code within the type, or all.
        code: Option<u8>,
    },
    /// ICMPv6 of this type and code.
    Icmpv6 {
        /// The ICMPv6 type, or all.
        kind: Option<u8>,
        /// The code within the type, or all.
        code: Option<u8>,
    },
    /// Another IP protocol by its number.
    Other(u8),
}

impl Protocol {
    /// The IP protocol number, or `None` for all.
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::All => None,
            Self::Tcp(_) => Some(6),
            Self::Udp(_) => Some(17),
            Self::Icmp { .. } => Some(1),
            Self::Icmpv6 { .. } => Some(58),
            Self::Other(number) => Some(number),
        }
    }

    /// The name in EC2's answers: `tcp`, `udp`, `icmp`, `icmpv6`, `-1` or a number.
    pub fn ec2_name(self) -> String {
        match self {
            Self::All => "-1".to_owned(),
            Self::Tcp(_) => "tcp".to_owned(),
            Self::Udp(_) => "udp".to_owned(),
            Self::Icmp { .. } => "icmp".to_owned(),
            Self::Icmpv6 { .. } => "icmpv6".to_owned(),
            Self::Other(number) => number.to_string(),
        }
    }
}

/// A text that is not a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a MAC address")]
pub struct ParseMacError(pub String);

/// The hardware address of a network interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A locally administered unicast address from a number; the top bits are fixed to `02`.
    pub fn local(number: u64) -> Self {
        let b = number.to_be_bytes();
        Self([0x02, b[3], b[4], b[5], b[6], b[7]])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = ParseMacError;
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let bad = || ParseMacError(text.to_owned());
        let mut bytes = [0u8; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(bad)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = ParseMacError;
    fn try_from(text: String) -> Result<Self, ParseMacError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cidrs_are_canonical() {
        assert_eq!("100.68.0.18/18".parse::<Ipv4Cidr>().unwrap().to_string(), "100.68.0.0/18");
        assert_eq!("0.0.0.0/0".parse::<Ipv4Cidr>().unwrap(), Ipv4Cidr::ANY);
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/0",
            "10.0.0.0/-1",
            "010.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/",
        ] {
            assert!(bad.parse::<Ipv4Cidr>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cidr_arithmetic() {
        let vpc: Ipv4Cidr = "172.31.0.0/16".parse().unwrap();
        assert_eq!(vpc.nth(2), Some(Ipv4Addr::new(172, 31, 0, 2)));
        assert_eq!(vpc.nth(65_536), None);
        assert_eq!(vpc.size(), 65_536);
        assert!(vpc.overlaps(Ipv4Cidr::ANY));
    }

    #[test]
    fn ipv6_blocks_are_canonical() {
        let block: Ipv6Cidr = "2001:DB8:0:1234::5/56".parse().unwrap();
        assert_eq!(block.to_string(), "2001:db8:0:1200::/56");
        assert_eq!(block.nth(0x34 << 64).unwrap().to_string(), "2001:db8:0:1234::");
        assert_eq!(block.nth(1 << 72), None);
        assert!(Ipv6Cidr::ANY.contains_cidr(block) && !block.contains_cidr(Ipv6Cidr::ANY) && block.overlaps(block));
        for bad in ["", "::", "::/129", "::/", "::/08", "::/+8", "10.0.0.0/8", "::g/64", "::/1234"] {
            assert!(bad.parse::<Ipv6Cidr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_block_is_of_the_family_that_its_text_is_of() {
        let (four, six): (Cidr, Cidr) = ("10.1.2.3/8".parse().unwrap(), "2001:DB8::1/32".parse().unwrap());
        assert_eq!((four.to_string(), six.to_string()), ("10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()));
        assert!(four.ipv4().is_some() && four.ipv6().is_none() && six.ipv6().is_some() && six.ipv4().is_none());
        assert!(four.contains_cidr("10.2.0.0/16".parse().unwrap()) && !four.contains_cidr(six));
        assert!(Cidr::from(Ipv6Cidr::ANY).contains_cidr(six) && !Cidr::from(Ipv6Cidr::ANY).contains_cidr(four));
        assert_eq!(serde_json::from_str::<Cidr>("\"::/0\"").unwrap(), Cidr::from(Ipv6Cidr::ANY));
        assert!(four.contains("10.255.0.1".parse().unwrap()) && !four.contains("2001:db8::1".parse().unwrap()));
        assert!(
            six.contains("2001:db8::1".parse().unwrap()) && six.overlaps(Ipv6Cidr::ANY.into()) && !six.overlaps(four)
        );
        assert!("::/x".parse::<Cidr>().is_err() && "10.0.0.0".parse::<Cidr>().is_err());
    }

    #[test]
    fn macs_read_back() {
        let mac = MacAddress::local(0x0102_0304_0506);
        assert_eq!(mac.to_string(), "02:02:03:04:05:06");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        assert!("02:02:03:04:05".parse::<MacAddress>().is_err());
    }
}
