//! What the kernel of the host shall look like: namespaces, links, addresses, routes, settings and rules, as data.
//!
//! A plan is a value: two plans compare, print as text, and have a difference ([`crate::diff`]). It says what shall be
//! there, never how to get there. Everything in it is ordered, so one topology has exactly one plan.

mod compile;
mod cover;
mod groups;
mod nft;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use types::{Ipv4Cidr, NetworkInterfaceId, VpcId};

use crate::CloudTag;

pub(crate) use compile::PRIVATE_OF;
pub use compile::{EDGE_GATEWAY_ADDRESS, METADATA_ADDRESS, RESOLVER_ADDRESS, VPC_GATEWAY_ADDRESS, plan};
pub(crate) use nft::Joined;
pub use nft::{
    Action, BaseChain, ChainKind, ChainPlan, CtDirection, CtState, Data, DataType, Element, Field, FieldType, Hook,
    Key, Match, Part, Rule, SetPlan, TablePlan,
};

/// Everything a cloud has in the kernel, except the machines themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Whose plan it is.
    pub tag: CloudTag,
    /// What each namespace holds.
    pub namespaces: BTreeMap<Place, NamespacePlan>,
    /// The links between them.
    pub veths: BTreeSet<VethPlan>,
}

/// One of the namespaces of a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The namespace the daemon runs in. Shared with everything else there: only what the plan names is ours.
    Operator,
    /// Where public addresses live.
    Edge,
    /// A VPC.
    Vpc(VpcId),
}

impl Place {
    /// The name below `/run/netns`; `None` for the operator's, which has none.
    pub fn namespace_name(self, tag: CloudTag) -> Option<String> {
        match self {
            Self::Operator => None,
            Self::Edge => Some(tag.edge_namespace()),
            Self::Vpc(vpc) => Some(tag.vpc_namespace(vpc)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Edge => f.write_str("edge"),
            Self::Vpc(vpc) => fmt::Display::fmt(vpc, f),
        }
    }
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEnd {
    /// The namespace the end is in.
    pub place: Place,
    /// Its name there.
    pub name: String,
}

/// A pair of links that are each other's far end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VethPlan {
    /// The end nearer to the operator.
    pub near: LinkEnd,
    /// The end nearer to the machines.
    pub far: LinkEnd,
}

/// What one namespace holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespacePlan {
    /// Kernel settings: path below `/proc/sys`, value.
    pub sysctls: BTreeMap<String, String>,
    /// Links that are up.
    pub up: BTreeSet<String>,
    /// Addresses, each as /32, on the link that is named.
    pub addresses: BTreeSet<(String, Ipv4Addr)>,
    /// Routes by destination.
    pub routes: BTreeMap<Ipv4Cidr, RoutePlan>,
    /// The host's ends of network interfaces by link name. Whoever starts a machine makes them; once they are there
    /// they get the settings of [`eni_link_sysctls`] and a route.
    pub interfaces: BTreeMap<String, InterfaceLink>,
    /// The nftables table.
    pub table: TablePlan,
}

/// Where packets for a destination go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutePlan {
    /// To a neighbour on a link, which need not be in a subnet of ours (`onlink`).
    Via {
        /// The neighbour's address.
        gateway: Ipv4Addr,
        /// The link it is on.
        link: String,
        /// The address that our own packets take.
        source: Option<Ipv4Addr>,
    },
    /// To whoever answers on a link.
    Link {
        /// The link.
        link: String,
    },
    /// Nowhere, without an answer.
    Blackhole,
}

/// The host's end of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceLink {
    /// Which interface.
    pub interface: NetworkInterfaceId,
    /// The private address behind it; a /32 route leads there.
    pub address: Ipv4Addr,
    /// Whether the machine may only speak for its own address.
    pub source_dest_check: bool,
}

/// Settings of the host's end of a network interface: directory below `/proc/sys/net`, file, value.
///
/// `proxy_arp`: the host answers for every neighbour, so that nothing is ever exchanged behind its back. `rp_filter`:
/// the check of source addresses is a rule, but rules do not see ARP, and without this a machine that asks under ever
/// new addresses fills the one table of neighbours that all namespaces of a kernel share. No redirects: the host *is*
/// the only way. No IPv6 yet. And a machine that was not up yet when it was first asked for is asked again soon, not
/// after a second.
pub fn eni_link_sysctls(source_dest_check: bool) -> [(&'static str, &'static str, &'static str); 6] {
    [
        ("ipv4/conf", "proxy_arp", "1"),
        ("ipv4/conf", "rp_filter", if source_dest_check { "1" } else { "0" }),
        ("ipv4/conf", "send_redirects", "0"),
        ("ipv4/conf", "accept_redirects", "0"),
        ("ipv4/neigh", "retrans_time_ms", ARP_RETRY_MS),
        ("ipv6/conf", "disable_ipv6", "1"),
    ]
}

/// How long to wait for an answer to ARP before asking again, in milliseconds. Links here are a memory copy long. A
/// whole number of ticks whatever the kernel's clock rate (100, 250, 300 or 1,000), or it would read back as another.
pub(crate) const ARP_RETRY_MS: &str = "100";
