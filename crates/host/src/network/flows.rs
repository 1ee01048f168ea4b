//! Reading the sets of flows that the kernel fills.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use types::NetworkInterfaceId;

use super::nft_read::flow_family;

/// What the packets of one flow have in common, at one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The interface that they left by or came to.
    pub interface: NetworkInterfaceId,
    /// Whether they were let through.
    pub accepted: bool,
    /// Their source: private, where it is of this VPC.
    pub source: IpAddr,
    /// Their destination: private, where it is of this VPC.
    pub destination: IpAddr,
    /// Their IP protocol.
    pub protocol: u8,
    /// The source port of TCP and UDP; 0 for others.
    pub source_port: u16,
    /// The destination port of TCP and UDP; 0 for others.
    pub destination_port: u16,
}

/// How much of a flow there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets.
    pub bytes: u64,
}

/// What the kernel has counted in one VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// How much of each flow since it began, or began anew after [`policy::FLOW_IDLE_SECONDS`] without a packet.
    pub flows: BTreeMap<Flow, Volume>,
    /// The interfaces with more flows than the kernel could count ([`policy::FLOWS_AT_ONCE`]).
    pub overflowed: BTreeSet<NetworkInterfaceId>,
}

/// The flows in the answer of `nft -j -n list table`.
pub(super) fn read_flows(table: &Value) -> Counted {
    let mut counted = Counted::default();
    let sets = table["nftables"].as_array().into_iter().flatten().filter_map(|item| item.get("set"));
    for set in sets.filter(|set| flow_family(set).is_some()) {
        let name = set["name"].as_str().and_then(|name| name.rsplit_once('.'));
        let Some((Ok(interface), end)) = name.map(|(id, end)| (id.parse::<NetworkInterfaceId>(), end)) else {
            continue;
        };
        let elements = set["elem"].as_array().map_or(&[][..], Vec::as_slice);
        if u64::try_from(elements.len()).is_ok_and(|held| held >= policy::FLOWS_AT_ONCE.into()) {
            counted.overflowed.insert(interface);
        }
        let read = |element: &Value| read_flow(interface, end.starts_with("accepted"), &element["elem"]);
        counted.flows.extend(elements.iter().filter_map(read));
    }
    counted
}

fn read_flow(interface: NetworkInterfaceId, accepted: bool, element: &Value) -> Option<(Flow, Volume)> {
    let key = element["val"]["concat"].as_array()?;
    let address = |at: usize| key.get(at)?.as_str()?.parse::<IpAddr>().ok();
    let number = |at: usize| key.get(at)?.as_u64();
    let flow = Flow {
        interface,
        accepted,
        source: address(0)?,
        destination: address(1)?,
        protocol: number(2)?.try_into().ok()?,
        source_port: number(3)?.try_into().ok()?,
        destination_port: number(4)?.try_into().ok()?,
    };
    let counter = &element["counter"];
    Some((flow, Volume { packets: counter["packets"].as_u64()?, bytes: counter["bytes"].as_u64()? }))
}
