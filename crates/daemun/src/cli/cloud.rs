//! What commands want to know of the cloud, in the few words they need.

use std::net::Ipv4Addr;

use ec2_shapes::{
    DescribeImagesRequest, DescribeInstancesRequest, DescribeSecurityGroupsRequest, Filter, Instance, IpPermission,
    Response, SecurityGroup, Tag,
};
use serde::Serialize;

use crate::client::{CallError, Client};

/// An instance.
#[derive(Debug, Clone, Serialize)]
pub struct InstanceView {
    pub id: String,
    pub name: Option<String>,
    pub state: String,
    pub instance_type: String,
    pub image_id: String,
    pub key_name: Option<String>,
    pub private_address: Option<Ipv4Addr>,
    pub public_address: Option<Ipv4Addr>,
    pub group_ids: Vec<String>,
}

impl InstanceView {
    fn new(instance: Instance) -> Self {
        let address = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            name: tag(&instance.tags, "Name"),
            state: instance.state.and_then(|s| s.name).map(|name| name.to_string()).unwrap_or_default(),
            id: instance.instance_id.unwrap_or_default(),
            instance_type: instance.instance_type.unwrap_or_default(),
            image_id: instance.image_id.unwrap_or_default(),
            key_name: instance.key_name,
            private_address: address(instance.private_ip_address),
            public_address: address(instance.public_ip_address),
            group_ids: instance.security_groups.into_iter().filter_map(|group| group.group_id).collect(),
        }
    }
}

/// A group with its rules for packets that come in, one line a rule.
#[derive(Debug, Clone, Serialize)]
pub struct GroupView {
    pub id: String,
    pub name: String,
    pub ingress: Vec<RuleView>,
}

/// A rule for packets that come in, from one peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RuleView {
    /// `tcp`, `udp`, `icmp`, another number, or `-1` for all.
    pub protocol: String,
    /// The lowest port, where the protocol has ports.
    pub from_port: Option<i32>,
    /// The highest port.
    pub to_port: Option<i32>,
    /// A CIDR block, a group or a prefix list.
    pub peer: String,
}

impl RuleView {
    /// Such as `tcp/22` or `all`.
    pub fn ports(&self) -> String {
        let protocol = if self.protocol == "-1" { "all" } else { &self.protocol };
        match (self.from_port, self.to_port) {
            (Some(from), Some(to)) if self.protocol != "-1" && from == to => format!("{protocol}/{from}"),
            (Some(from), Some(to)) if self.protocol != "-1" => format!("{protocol}/{from}-{to}"),
            _ => protocol.to_owned(),
        }
    }

    /// Whether it lets TCP to a port in.
    pub fn opens_tcp(&self, port: u16) -> bool {
        let port = i32::from(port);
        self.protocol == "-1"
            || (self.protocol == "tcp"
                && self.from_port.is_some_and(|f| f <= port)
                && self.to_port.is_some_and(|t| port <= t))
    }
}

/// An image.
#[derive(Debug, Clone, Serialize)]
pub struct ImageView {
    pub id: String,
    pub name: String,
    pub created: String,
    pub architecture: String,
}

/// A filter of a Describe call.
pub fn filter(name: &str, values: &[&str]) -> Filter {
    Filter { name: Some(name.to_owned()), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

/// The value of a tag.
pub fn tag(tags: &[Tag], key: &str) -> Option<String> {
    tags.iter().find(|tag| tag.key.as_deref() == Some(key)).and_then(|tag| tag.value.clone())
}

/// The instances that these filters choose.
///
/// # Errors
/// As [`Client::call`].
pub fn instances(client: &Client, filters: Vec<Filter>) -> Result<Vec<InstanceView>, CallError> {
    match client.call(DescribeInstancesRequest { filters, ..Default::default() })? {
        Response::DescribeInstances(answer) => {
            Ok(answer.reservations.into_iter().flat_map(|r| r.instances).map(InstanceView::new).collect())
        }
        other => Err(CallError::unexpected(&other)),
    }
}

/// The groups that these filters choose.
///
/// # Errors
/// As [`Client::call`].
pub fn groups(client: &Client, filters: Vec<Filter>) -> Result<Vec<GroupView>, CallError> {
    match client.call(DescribeSecurityGroupsRequest { filters, ..Default::default() })? {
        Response::DescribeSecurityGroups(answer) => Ok(answer.security_groups.into_iter().map(group).collect()),
        other => Err(CallError::unexpected(&other)),
    }
}

/// The images that these filters choose.
///
/// # Errors
/// As [`Client::call`].
pub fn images(client: &Client, filters: Vec<Filter>) -> Result<Vec<ImageView>, CallError> {
    match client.call(DescribeImagesRequest { filters, ..Default::default() })? {
        Response::DescribeImages(answer) => Ok(answer
            .images
            .into_iter()
            .map(|image| ImageView {
                id: image.image_id.unwrap_or_default(),
                name: image.name.unwrap_or_default(),
                created: image.creation_date.unwrap_or_default(),
                architecture: image.architecture.map(|a| a.to_string()).unwrap_or_default(),
            })
            .collect()),
        other => Err(CallError::unexpected(&other)),
    }
}

fn group(group: SecurityGroup) -> GroupView {
    GroupView {
        id: group.group_id.unwrap_or_default(),
        name: group.group_name.unwrap_or_default(),
        ingress: group.ip_permissions.into_iter().flat_map(rules).collect(),
    }
}

/// One permission names any number of peers.
fn rules(permission: IpPermission) -> Vec<RuleView> {
    let cidrs = permission.ip_ranges.into_iter().filter_map(|range| range.cidr_ip);
    let cidrs6 = permission.ipv6_ranges.into_iter().filter_map(|range| range.cidr_ipv6);
    let lists = permission.prefix_list_ids.into_iter().filter_map(|list| list.prefix_list_id);
    let groups = permission.user_id_group_pairs.into_iter().filter_map(|pair| pair.group_id);
    let protocol = permission.ip_protocol.unwrap_or_default();
    let (from_port, to_port) = (permission.from_port, permission.to_port);
    let rule = |peer| RuleView { protocol: protocol.clone(), from_port, to_port, peer };
    cidrs.chain(cidrs6).chain(lists).chain(groups).map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec2_shapes::{IpRange, UserIdGroupPair};

    fn rule(protocol: &str, from_port: Option<i32>, to_port: Option<i32>) -> RuleView {
        RuleView { protocol: protocol.to_owned(), from_port, to_port, peer: "0.0.0.0/0".to_owned() }
    }

    #[test]
    fn a_permission_with_several_peers_is_several_rules() {
        let permission = IpPermission {
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(22),
            to_port: Some(22),
            ip_ranges: vec![IpRange { cidr_ip: Some("10.0.0.0/8".to_owned()), ..Default::default() }],
            user_id_group_pairs: vec![UserIdGroupPair { group_id: Some("sg-1".to_owned()), ..Default::default() }],
            ..Default::default()
        };
        let peers: Vec<_> = rules(permission).into_iter().map(|rule| rule.peer).collect();
        assert_eq!(peers, ["10.0.0.0/8", "sg-1"]);
    }

    #[test]
    fn ports_in_words() {
        assert_eq!(rule("tcp", Some(22), Some(22)).ports(), "tcp/22");
        assert_eq!(rule("udp", Some(1), Some(9)).ports(), "udp/1-9");
        assert_eq!(rule("-1", None, None).ports(), "all");
        assert_eq!(rule("-1", Some(-1), Some(-1)).ports(), "all");
    }

    #[test]
    fn which_ports_a_rule_opens() {
        assert!(rule("tcp", Some(3000), Some(3005)).opens_tcp(3005));
        assert!(!rule("tcp", Some(3000), Some(3005)).opens_tcp(3006));
        assert!(!rule("udp", Some(3000), Some(3005)).opens_tcp(3005));
        assert!(rule("-1", None, None).opens_tcp(1));
    }
}
