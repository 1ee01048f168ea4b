//! nftables as data: a table with sets, maps and chains, and the few forms of rules that Daemun uses.
//!
//! [`std::fmt::Display`] gives the text that `nft` reads; what the tests show is what the kernel gets. Names come from
//! typed ids and constants only, so no text of a user can reach a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use types::Cidr;

use super::Family;
use super::spread::SEED;
use super::timeouts::TimeoutPlan;

/// One nftables table of family `inet`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TablePlan {
    /// Its name.
    pub name: String,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, SetPlan>,
    /// The names of the sets of flows, each with a counter, that the kernel fills by itself, with the family of their
    /// addresses: what they hold is not part of a plan.
    pub flows: BTreeMap<String, Family>,
    /// For how long connections may be remembered, where that is not as everywhere in the namespace.
    pub timeouts: BTreeSet<TimeoutPlan>,
    /// Chains by name.
    pub chains: BTreeMap<String, ChainPlan>,
}

/// A named set, or a map where `data` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPlan {
    /// The types of its key, one for each part.
    pub key: Vec<FieldType>,
    /// Whether parts of an element may be ranges. Elements then must not overlap.
    pub interval: bool,
    /// What a map's keys lead to.
    pub data: Option<DataType>,
    /// Its elements; each has data exactly if the set is a map.
    pub elements: BTreeMap<Element, Option<Data>>,
}

/// The types of the key of a set of flows: source, destination, protocol, source port, destination port.
pub const fn flow_key(family: Family) -> [FieldType; 5] {
    let address = match family {
        Family::Ipv4 => FieldType::Address,
        Family::Ipv6 => FieldType::Ipv6Address,
    };
    [address, address, FieldType::Protocol, FieldType::Port, FieldType::Port]
}
/// How many flows a set holds at most. Further ones are not counted until others have been idle for long enough.
pub const FLOWS_AT_ONCE: u32 = 16_384;
/// How long a flow must be idle to leave its set, in seconds. Sets are to be read more often than this.
pub const FLOW_IDLE_SECONDS: u32 = 180;

/// The type of one part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldType {
    /// An IPv4 address.
    Address,
    /// An IPv6 address.
    Ipv6Address,
    /// An IP protocol number.
    Protocol,
    /// A TCP or UDP port.
    Port,
    /// An ICMP type.
    IcmpType,
    /// An ICMP code.
    IcmpCode,
    /// An ICMPv6 type.
    Icmpv6Type,
    /// An ICMPv6 code.
    Icmpv6Code,
    /// The name of a link.
    LinkName,
}

/// The type of a map's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// An IPv4 address.
    Address,
    /// A mark: which route table decides.
    Mark,
    /// What becomes of the packet.
    Verdict,
}

/// One key of a set: as many parts as its key has types.
pub type Element = Vec<Part>;

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// One address.
    Address(IpAddr),
    /// A block of addresses; never of one address, that is [`Part::Address`].
    Prefix(Cidr),
    /// One number.
    Number(u16),
    /// Numbers from the first to the last; never just one, that is [`Part::Number`].
    Range(u16, u16),
    /// A link.
    Link(String),
}

impl Part {
    /// A block in its one form.
    pub fn cidr(cidr: impl Into<Cidr>) -> Self {
        match cidr.into() {
            Cidr::Ipv4(block) if block.prefix_len() == 32 => Self::Address(block.first().into()),
            Cidr::Ipv6(block) if block.prefix_len() == 128 => Self::Address(block.first().into()),
            block => Self::Prefix(block),
        }
    }

    /// An address of either family.
    pub fn address(address: impl Into<IpAddr>) -> Self {
        Self::Address(address.into())
    }

    /// A range of numbers in its one form.
    pub fn range(first: u16, last: u16) -> Self {
        if first == last { Self::Number(first) } else { Self::Range(first, last) }
    }
}

/// What a key of a map leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Data {
    /// An address.
    Address(Ipv4Addr),
    /// A mark.
    Mark(u32),
    /// On in this chain, without return.
    Goto(String),
    /// On in this chain, and back if it decides nothing.
    Jump(String),
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainPlan {
    /// Where the kernel calls it; `None` for a chain that only other chains call.
    pub base: Option<BaseChain>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// Where the kernel calls a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseChain {
    /// What it may do.
    pub kind: ChainKind,
    /// Where on a packet's way.
    pub hook: Hook,
    /// Its place among the chains of the same hook; lower comes first.
    pub priority: i32,
    /// Whether a packet that no rule decides on is dropped.
    pub drop_by_default: bool,
}

/// What a base chain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// Accept and drop.
    Filter,
    /// Translate addresses of connections.
    Nat,
}

/// A place on a packet's way through a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Just arrived.
    Prerouting,
    /// For a local socket.
    Input,
    /// Passing through.
    Forward,
    /// From a local socket, or from the kernel itself.
    Output,
    /// Just before it leaves.
    Postrouting,
}

/// One rule: if all matches hold, the action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// What must hold.
    pub matches: Vec<Match>,
    /// What then happens.
    pub action: Action,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// The connection is in one of these states.
    State(Vec<CtState>),
    /// Which way of its connection the packet goes.
    Direction(CtDirection),
    /// The link it came in by or goes out by.
    Link {
        /// [`Field::InLink`] or [`Field::OutLink`].
        field: Field,
        /// The name.
        name: String,
        /// True: any link but this.
        not: bool,
    },
    /// Addresses of one block.
    Block {
        /// The source or the destination, of the block's family.
        field: Field,
        /// The block.
        block: Cidr,
        /// True: any address outside.
        not: bool,
    },
    /// It is an IPv4 packet.
    Ipv4,
    /// It is an IPv6 packet.
    Ipv6,
    /// One of its numbers is in a range.
    Number {
        /// [`Field::Protocol`], or a type or code of ICMP or ICMPv6.
        field: Field,
        /// The first and the last of them.
        range: (u16, u16),
    },
    /// It goes to one of these ports, by this protocol.
    Ports {
        /// TCP or UDP.
        transport: Transport,
        /// The first and the last of them.
        range: (u16, u16),
    },
    /// What the packet's mark says of the way back to its source: it does (or does not) begin with this link.
    WayBack {
        /// The link.
        link: String,
        /// True: by any other link, or not at all.
        not: bool,
    },
    /// The map holds what the packet carries in these fields, and the packet gets its mark from there.
    Marked {
        /// The fields, as the map's key wants them.
        key: Key,
        /// A map with [`DataType::Mark`].
        map: String,
    },
    /// What the packet carries in these fields is (or is not) in the set.
    InSet {
        /// The fields, as the set's key wants them.
        key: Key,
        /// The set.
        set: String,
        /// True: it is not in the set.
        not: bool,
    },
}

/// A protocol that has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Fields that together make a key.
pub type Key = Vec<Field>;

/// Something a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The link it came in by.
    InLink,
    /// The link it goes out by.
    OutLink,
    /// Its source address, if it is an IPv4 packet.
    Source,
    /// Its destination address, if it is an IPv4 packet.
    Destination,
    /// Its source address, if it is an IPv6 packet.
    Ipv6Source,
    /// Its destination address, if it is an IPv6 packet.
    Ipv6Destination,
    /// Its IP protocol.
    Protocol,
    /// Its TCP or UDP destination port.
    DestinationPort,
    /// Its ICMP type; packets of other protocols have none.
    IcmpType,
    /// Its ICMP code; packets of other protocols have none.
    IcmpCode,
    /// Its ICMPv6 type; packets of other protocols have none.
    Icmpv6Type,
    /// Its ICMPv6 code; packets of other protocols have none.
    Icmpv6Code,
    /// Whom the connection's first packet called, before any translation.
    OriginalDestination,
    /// Whom the connection's answers call, before they are translated back.
    ReplyDestination,
}

/// What connection tracking says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtState {
    /// It belongs to no connection and makes no sense.
    Invalid,
    /// It belongs to a connection that was let through.
    Established,
    /// It is about one: an ICMP error.
    Related,
    /// It starts one.
    New,
}

/// Which way of its connection a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtDirection {
    /// As the first packet went.
    Original,
    /// As the answers go.
    Reply,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Let it pass this base chain.
    Accept,
    /// Drop it without an answer.
    Drop,
    /// Ask another chain, and come back if that decides nothing.
    Jump(String),
    /// On in another chain, without return.
    Goto(String),
    /// Go on as the map says for this field.
    Dispatch {
        /// The field.
        field: Field,
        /// A map with [`DataType::Verdict`].
        map: String,
    },
    /// Change the destination to what the map says for it; nothing happens to addresses it does not hold.
    TranslateDestination {
        /// A map with [`DataType::Address`].
        map: String,
    },
    /// Change the source to what the map says for it; nothing happens to addresses it does not hold.
    TranslateSource {
        /// A map with [`DataType::Address`].
        map: String,
    },
    /// Change the source to this address.
    Source(Ipv4Addr),
    /// Change the source to one of these addresses, as `plan/spread.rs` chooses it.
    SpreadSource(Vec<Ipv4Addr>),
    /// Change the source to the address of the link it goes out by.
    Masquerade,
    /// Set the packet's mark to what the map says for this field; nothing happens for what it does not hold.
    Mark {
        /// The field.
        field: Field,
        /// A map with [`DataType::Mark`].
        map: String,
    },
    /// Count the packet for its flow, if it is of the set's family.
    Count {
        /// One of [`TablePlan::flows`].
        set: String,
        /// The family of its addresses.
        family: Family,
        /// Whether its ports are part of the flow; 0 stands for them otherwise.
        ports: bool,
    },
    /// Let the connection that begins be remembered for so long.
    Remember(TimeoutPlan),
    /// Something found on a host that Daemun never writes; no plan holds it.
    Foreign(String),
}

/// Writes things with a separator between them.
fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// A value that prints as parts joined by a separator: a key, an element, a key's types.
pub(crate) struct Joined<'a, T>(pub &'a [T], pub &'static str);

impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.0, self.1)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "ipv4_addr",
            Self::Ipv6Address => "ipv6_addr",
            Self::Protocol => "inet_proto",
            Self::Port => "inet_service",
            Self::IcmpType => "icmp_type",
            Self::IcmpCode => "icmp_code",
            Self::Icmpv6Type => "icmpv6_type",
            Self::Icmpv6Code => "icmpv6_code",
            Self::LinkName => "ifname",
        })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "ipv4_addr",
            Self::Mark => "mark",
            Self::Verdict => "verdict",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Prefix(cidr) => write!(f, "{cidr}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
            Self::Link(name) => write!(f, "\"{name}\""),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Mark(mark) => write!(f, "{mark}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
        }
    }
}

impl fmt::Display for SetPlan {
    /// The declaration behind the name: `{ type ...; flags interval; }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{ type {}", Joined(&self.key, " . "))?;
        if let Some(data) = self.data {
            write!(f, " : {data}")?;
        }
        f.write_str(if self.interval { "; flags interval; }" } else { "; }" })
    }
}

impl fmt::Display for BaseChain {
    /// The declaration behind the name: `{ type filter hook ...; }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChainKind::Filter => "filter",
            ChainKind::Nat => "nat",
        };
        let hook = match self.hook {
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
        };
        let policy = if self.drop_by_default { "drop" } else { "accept" };
        write!(f, "{{ type {kind} hook {hook} priority {}; policy {policy}; }}", self.priority)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InLink => "iifname",
            Self::OutLink => "oifname",
            Self::Source => "ip saddr",
            Self::Destination => "ip daddr",
            Self::Ipv6Source => "ip6 saddr",
            Self::Ipv6Destination => "ip6 daddr",
            Self::Protocol => "meta l4proto",
            Self::DestinationPort => "th dport",
            Self::IcmpType => "icmp type",
            Self::IcmpCode => "icmp code",
            Self::Icmpv6Type => "icmpv6 type",
            Self::Icmpv6Code => "icmpv6 code",
            Self::OriginalDestination => "ct original ip daddr",
            Self::ReplyDestination => "ct reply ip daddr",
        })
    }
}

impl fmt::Display for CtState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "invalid",
            Self::Established => "established",
            Self::Related => "related",
            Self::New => "new",
        })
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unless = |not: &bool| if *not { "!= " } else { "" };
        let range = |(first, last): &(u16, u16)| Part::range(*first, *last);
        match self {
            Self::Ipv4 => f.write_str("meta nfproto ipv4"),
            Self::Ipv6 => f.write_str("meta nfproto ipv6"),
            Self::Number { field, range: numbers } => write!(f, "{field} {}", range(numbers)),
            Self::Ports { transport: Transport::Tcp, range: ports } => write!(f, "tcp dport {}", range(ports)),
            Self::Ports { transport: Transport::Udp, range: ports } => write!(f, "udp dport {}", range(ports)),
            Self::WayBack { link, not } => write!(f, "fib saddr . mark oifname {}\"{link}\"", unless(not)),
            Self::State(states) => write!(f, "ct state {}", Joined(states, ",")),
            Self::Direction(CtDirection::Original) => f.write_str("ct direction original"),
            Self::Direction(CtDirection::Reply) => f.write_str("ct direction reply"),
            Self::Link { field, name, not } => write!(f, "{field} {}\"{name}\"", unless(not)),
            Self::Block { field, block, not } => write!(f, "{field} {}{block}", unless(not)),
            Self::Marked { key, map } => write!(f, "meta mark set {} map @{map}", Joined(key, " . ")),
            Self::InSet { key, set, not } => write!(f, "{} {}@{set}", Joined(key, " . "), unless(not)),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Dispatch { field, map } => write!(f, "{field} vmap @{map}"),
            Self::TranslateDestination { map } => write!(f, "dnat ip to ip daddr map @{map}"),
            Self::TranslateSource { map } => write!(f, "snat ip to ip saddr map @{map}"),
            Self::Source(address) => write!(f, "snat ip to {address}"),
            Self::SpreadSource(all) => {
                write!(f, "snat ip to jhash ip saddr . ip daddr mod {} seed {SEED:#x} map {{ ", all.len())?;
                let numbered: Vec<String> = (0..).zip(all).map(|(n, own): (usize, _)| format!("{n} : {own}")).collect();
                write!(f, "{} }}", Joined(&numbered, ", "))
            }
            Self::Masquerade => f.write_str("masquerade"),
            Self::Mark { field, map } => write!(f, "meta mark set {field} map @{map}"),
            Self::Count { set, family, ports } => {
                let ports = if *ports { "th sport . th dport" } else { "0 . 0" };
                let addresses = match family {
                    Family::Ipv4 => "ip saddr . ip daddr",
                    Family::Ipv6 => "ip6 saddr . ip6 daddr",
                };
                write!(f, "update @{set} {{ {addresses} . meta l4proto . {ports} counter }}")
            }
            Self::Remember(timeout) => write!(f, "ct timeout set \"{timeout}\""),
            Self::Foreign(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for condition in &self.matches {
            write!(f, "{condition} ")?;
        }
        write!(f, "{}", self.action)
    }
}
