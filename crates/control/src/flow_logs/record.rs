//! One record of a flow log as a line of text (VPC guide, "Flow log records").

use std::fmt::Write;
use std::net::IpAddr;

use cloud::Tables;
use cloud::resource::{FlowLog, NetworkInterface};
use host::network::{Flow, Volume};
use types::{AccountId, NetworkInterfaceId, Region};

/// What a record tells of.
pub(super) enum Content<'a> {
    /// Packets of a flow.
    Flow(&'a Flow, Volume),
    /// There were none.
    NoData,
    /// Some could not be counted.
    SkipData,
}

/// What the records of one log and window have in common.
pub(super) struct Recorder<'a> {
    pub account: &'a AccountId,
    pub region: &'a Region,
    pub tables: &'a Tables,
    pub log: &'a FlowLog,
    /// The window in Unix seconds.
    pub window: (i64, i64),
}

impl Recorder<'_> {
    /// The record, without a line end. A field that says nothing here, or is not known, is `-`.
    pub(super) fn line(&self, interface: NetworkInterfaceId, content: &Content<'_>) -> String {
        let version = version(&self.log.format);
        let known = self.tables.interfaces.get(&interface).map(AsRef::as_ref);
        let mut line = String::new();
        for word in self.log.format.split_whitespace() {
            let name = word.trim_start_matches("${").trim_end_matches('}');
            let separator = if line.is_empty() { "" } else { " " };
            let text = match name {
                "version" => Some(version.to_string()),
                "account-id" => Some(self.account.to_string()),
                "interface-id" => Some(interface.to_string()),
                "start" => Some(self.window.0.to_string()),
                "end" => Some(self.window.1.to_string()),
                "log-status" => Some(content.status().to_owned()),
                _ => match content {
                    Content::Flow(flow, volume) => self.of_flow(name, flow, *volume, known),
                    Content::NoData | Content::SkipData => None,
                },
            };
            // Writing into a text cannot fail.
            let _ = write!(line, "{separator}{}", text.as_deref().unwrap_or("-"));
        }
        line
    }

    fn of_flow(&self, name: &str, flow: &Flow, volume: Volume, known: Option<&NetworkInterface>) -> Option<String> {
        match name {
            "srcaddr" | "pkt-srcaddr" => Some(flow.source.to_string()),
            "dstaddr" | "pkt-dstaddr" => Some(flow.destination.to_string()),
            "srcport" => Some(flow.source_port.to_string()),
            "dstport" => Some(flow.destination_port.to_string()),
            "protocol" => Some(flow.protocol.to_string()),
            "packets" => Some(volume.packets.to_string()),
            "bytes" => Some(volume.bytes.to_string()),
            "action" => Some(if flow.accepted { "ACCEPT" } else { "REJECT" }.to_owned()),
            "type" => Some(if flow.source.is_ipv6() { "IPv6" } else { "IPv4" }.to_owned()),
            "region" => Some(self.region.to_string()),
            "vpc-id" => known.map(|it| it.vpc.to_string()),
            "subnet-id" => known.map(|it| it.subnet.to_string()),
            "az-id" => known.map(|it| it.zone.zone_id()),
            "instance-id" => known.and_then(|it| it.attachment.as_ref()).map(|it| it.instance.to_string()),
            "flow-direction" => known.and_then(|it| direction(it, flow)).map(str::to_owned),
            _ => None,
        }
    }
}

impl Content<'_> {
    fn status(&self) -> &'static str {
        match self {
            Self::Flow(..) => "OK",
            Self::NoData => "NODATA",
            Self::SkipData => "SKIPDATA",
        }
    }
}

/// Which way a flow goes, seen from the interface; `None` for what its machine forwards for others.
fn direction(interface: &NetworkInterface, flow: &Flow) -> Option<&'static str> {
    let own = |address: IpAddr| match address {
        IpAddr::V4(address) => interface.private_ips().any(|own| own == address),
        IpAddr::V6(address) => interface.ipv6.contains(&address),
    };
    match () {
        () if own(flow.source) => Some("egress"),
        () if own(flow.destination) => Some("ingress"),
        () => None,
    }
}

/// The version of a record: the highest that one of its fields came with.
fn version(format: &str) -> u8 {
    let of = |name: &str| match name {
        "vpc-id" | "subnet-id" | "instance-id" | "tcp-flags" | "type" | "pkt-srcaddr" | "pkt-dstaddr" => 3,
        "region" | "az-id" | "sublocation-type" | "sublocation-id" => 4,
        "pkt-src-aws-service" | "pkt-dst-aws-service" | "flow-direction" | "traffic-path" => 5,
        "reject-reason" => 8,
        ecs if ecs.starts_with("ecs-") => 7,
        _ => 2,
    };
    let words = format.split_whitespace().map(|word| word.trim_start_matches("${").trim_end_matches('}'));
    words.map(of).max().unwrap_or(2)
}
