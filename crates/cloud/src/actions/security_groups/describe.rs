//! Groups and rules as answers show them.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2_shapes::{
    DescribeSecurityGroupRulesRequest, DescribeSecurityGroupRulesResult, DescribeSecurityGroupsRequest,
    DescribeSecurityGroupsResult, IpPermission, IpRange, Ipv6Range, PrefixListId, RevokedSecurityGroupRule,
};
use types::{Protocol, SecurityGroupId, SecurityGroupRuleId, VpcId};

use super::references::{pair_shape, referenced_shape};
use super::{arn, by_name};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, find_all, not_found, page, parse_id};
use crate::resource::{Peer, SecurityGroup, SecurityGroupRule, Tags};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

/// `FromPort` and `ToPort`: ports, or type and code; `None` where the protocol has no such thing. -1 stands for all.
fn port_fields(protocol: Protocol) -> Option<(i32, i32)> {
    let all = |value: Option<u8>| value.map_or(-1, i32::from);
    match protocol {
        Protocol::All | Protocol::Other(_) => None,
        Protocol::Tcp(ports) | Protocol::Udp(ports) => Some((i32::from(ports.from), i32::from(ports.to))),
        Protocol::Icmp { kind, code } | Protocol::Icmpv6 { kind, code } => Some((all(kind), all(code))),
    }
}

/// Rules as `IpPermissions`: what differs in the peer alone is put together, in the order of its first rule.
pub(super) fn permissions_shape<'a>(
    context: &Context,
    tables: &Tables,
    vpc: VpcId,
    rules: impl Iterator<Item = (Protocol, &'a Peer, Option<&'a str>)>,
) -> Vec<IpPermission> {
    let mut permissions: Vec<(Protocol, IpPermission)> = Vec::new();
    for (protocol, peer, description) in rules {
        let at = permissions.iter().position(|(other, _)| *other == protocol).unwrap_or_else(|| {
            let ports = port_fields(protocol);
            let permission = IpPermission {
                ip_protocol: Some(protocol.ec2_name()),
                from_port: ports.map(|(from, _)| from),
                to_port: ports.map(|(_, to)| to),
                ..IpPermission::default()
            };
            permissions.push((protocol, permission));
            permissions.len() - 1
        });
        let permission = &mut permissions[at].1;
        let description = description.map(str::to_owned);
        match peer {
            Peer::Ipv4(cidr) => permission.ip_ranges.push(IpRange { cidr_ip: Some(cidr.to_string()), description }),
            Peer::Ipv6(cidr) => {
                permission.ipv6_ranges.push(Ipv6Range { cidr_ipv6: Some(cidr.to_string()), description });
            }
            Peer::PrefixList(id) => {
                permission.prefix_list_ids.push(PrefixListId { prefix_list_id: Some(id.to_string()), description });
            }
            Peer::Group(id) => {
                permission.user_id_group_pairs.push(pair_shape(context, tables, vpc, *id, description));
            }
        }
    }
    permissions.into_iter().map(|(_, permission)| permission).collect()
}

fn permissions_of(context: &Context, tables: &Tables, group: &SecurityGroup, is_egress: bool) -> Vec<IpPermission> {
    let rules = group.rules.iter().filter(|rule| rule.is_egress == is_egress);
    permissions_shape(
        context,
        tables,
        group.vpc,
        rules.map(|rule| (rule.protocol, &rule.peer, rule.description.as_deref())),
    )
}

fn ipv4_of(peer: &Peer) -> Option<String> {
    if let Peer::Ipv4(cidr) = peer { Some(cidr.to_string()) } else { None }
}

fn ipv6_of(peer: &Peer) -> Option<String> {
    if let Peer::Ipv6(cidr) = peer { Some(cidr.to_string()) } else { None }
}

fn prefix_list_of(peer: &Peer) -> Option<String> {
    if let Peer::PrefixList(id) = peer { Some(id.to_string()) } else { None }
}

fn group_of(peer: &Peer) -> Option<SecurityGroupId> {
    if let Peer::Group(id) = peer { Some(*id) } else { None }
}

/// One rule. Unlike in `IpPermissions`, ports are -1 where the protocol has none.
pub(super) fn rule_shape(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
) -> ec2_shapes::SecurityGroupRule {
    let (from_port, to_port) = port_fields(rule.protocol).unwrap_or((-1, -1));
    let owner = context.account().to_string();
    ec2_shapes::SecurityGroupRule {
        cidr_ipv4: ipv4_of(&rule.peer),
        cidr_ipv6: ipv6_of(&rule.peer),
        description: rule.description.clone(),
        from_port: Some(from_port),
        group_id: Some(group.id.to_string()),
        group_owner_id: Some(owner.clone()),
        ip_protocol: Some(rule.protocol.ec2_name()),
        is_egress: Some(rule.is_egress),
        prefix_list_id: prefix_list_of(&rule.peer),
        referenced_group_info: group_of(&rule.peer).map(|id| referenced_shape(context, tables, group.vpc, id)),
        security_group_rule_arn: Some(format!(
            "arn:aws:ec2:{}:{owner}:security-group-rule/{}",
            context.region, rule.id
        )),
        security_group_rule_id: Some(rule.id.to_string()),
        tags: tagging::to_shape(tables.tags_of(&rule.id.to_string())),
        to_port: Some(to_port),
    }
}

/// A rule that was taken away.
pub(super) fn revoked_shape(group: &SecurityGroup, rule: &SecurityGroupRule) -> RevokedSecurityGroupRule {
    let (from_port, to_port) = port_fields(rule.protocol).unwrap_or((-1, -1));
    RevokedSecurityGroupRule {
        cidr_ipv4: ipv4_of(&rule.peer),
        cidr_ipv6: ipv6_of(&rule.peer),
        description: rule.description.clone(),
        from_port: Some(from_port),
        group_id: Some(group.id.to_string()),
        ip_protocol: Some(rule.protocol.ec2_name()),
        is_egress: Some(rule.is_egress),
        prefix_list_id: prefix_list_of(&rule.peer),
        referenced_group_id: group_of(&rule.peer).map(|id| id.to_string()),
        security_group_rule_id: Some(rule.id.to_string()),
        to_port: Some(to_port),
    }
}

/// A group as filters see it.
pub(super) struct GroupRow<'a> {
    group: &'a SecurityGroup,
    tables: &'a Tables,
    owner: &'a str,
}

impl GroupRow<'_> {
    /// The values of a filter about rules, such as `cidr` of `ip-permission.cidr`.
    fn rule_values(&self, is_egress: bool, field: &str, found: &mut dyn FnMut(&str)) {
        for rule in self.group.rules.iter().filter(|rule| rule.is_egress == is_egress) {
            let ports = port_fields(rule.protocol);
            let value = match field {
                "cidr" => ipv4_of(&rule.peer),
                "ipv6-cidr" => ipv6_of(&rule.peer),
                "prefix-list-id" => prefix_list_of(&rule.peer),
                "from-port" => ports.map(|(from, _)| from.to_string()),
                "to-port" => ports.map(|(_, to)| to.to_string()),
                "group-id" => group_of(&rule.peer).map(|id| id.to_string()),
                "group-name" => group_of(&rule.peer)
                    .and_then(|id| self.tables.security_groups.get(&id))
                    .map(|group| group.name.to_string()),
                "user-id" => group_of(&rule.peer).map(|_| self.owner.to_owned()),
                "protocol" => {
                    // By name or by number.
                    rule.protocol.number().iter().for_each(|number| found(&number.to_string()));
                    Some(rule.protocol.ec2_name())
                }
                _ => None,
            };
            value.iter().for_each(|value| found(value));
        }
    }
}

impl Filterable for GroupRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "description",
        "egress.ip-permission.cidr",
        "egress.ip-permission.from-port",
        "egress.ip-permission.group-id",
        "egress.ip-permission.group-name",
        "egress.ip-permission.ipv6-cidr",
        "egress.ip-permission.prefix-list-id",
        "egress.ip-permission.protocol",
        "egress.ip-permission.to-port",
        "egress.ip-permission.user-id",
        "group-id",
        "group-name",
        "ip-permission.cidr",
        "ip-permission.from-port",
        "ip-permission.group-id",
        "ip-permission.group-name",
        "ip-permission.ipv6-cidr",
        "ip-permission.prefix-list-id",
        "ip-permission.protocol",
        "ip-permission.to-port",
        "ip-permission.user-id",
        "owner-id",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        if let Some(field) = name.strip_prefix("ip-permission.") {
            return self.rule_values(false, field, found);
        }
        if let Some(field) = name.strip_prefix("egress.ip-permission.") {
            return self.rule_values(true, field, found);
        }
        match name {
            "description" => found(&self.group.description),
            "group-id" => found(&self.group.id.to_string()),
            "group-name" => found(&self.group.name),
            "owner-id" => found(self.owner),
            "vpc-id" => found(&self.group.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.group.id.to_string()))
    }
}

pub(in crate::actions) fn describe_security_groups(
    context: &Context,
    view: &View<'_>,
    request: DescribeSecurityGroupsRequest,
) -> Result<DescribeSecurityGroupsResult, ApiError> {
    let filters = Filters::new::<GroupRow<'_>>(&request.filters)?;
    let groups = wanted_groups(view.tables(), &request.group_ids, &request.group_names)?;
    let owner = context.account().as_str();
    let rows = groups.into_iter().map(|group| GroupRow { group, tables: view.tables(), owner });
    let (rows, next_token) = page(
        rows.filter(|row| filters.matches(row)),
        |row| row.group.id.to_string(),
        PageLimits::USUAL,
        request.max_results,
        request.next_token.as_deref(),
        None,
    )?;
    Ok(DescribeSecurityGroupsResult {
        next_token,
        security_groups: rows.iter().map(|row| group_shape(context, row)).collect(),
    })
}

/// The groups with these ids and, in the default VPC, these names; all where nothing is named. In the order of ids.
fn wanted_groups<'a>(
    tables: &'a Tables,
    ids: &[String],
    names: &[String],
) -> Result<Vec<&'a Arc<SecurityGroup>>, ApiError> {
    let mut groups = if ids.is_empty() && !names.is_empty() {
        Vec::new()
    } else {
        find_all(
            &tables.security_groups,
            ids,
            |id| parse_id(id, SecurityGroupId::PREFIX, "InvalidGroupId.Malformed"),
            |missing| not_found("InvalidGroup.NotFound", "security group", missing),
        )?
    };
    for name in names {
        groups.push(by_name(tables, name)?);
    }
    groups.sort_by_key(|group| group.id);
    groups.dedup_by_key(|group| group.id);
    Ok(groups)
}

fn group_shape(context: &Context, row: &GroupRow<'_>) -> ec2_shapes::SecurityGroup {
    let group = row.group;
    ec2_shapes::SecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.to_string()),
        ip_permissions: permissions_of(context, row.tables, group, false),
        ip_permissions_egress: permissions_of(context, row.tables, group, true),
        owner_id: Some(row.owner.to_owned()),
        security_group_arn: Some(arn(context, group.id)),
        tags: tagging::to_shape(row.tables.tags_of(&group.id.to_string())),
        vpc_id: Some(group.vpc.to_string()),
    }
}

struct RuleRow<'a> {
    group: &'a SecurityGroup,
    rule: &'a SecurityGroupRule,
    tables: &'a Tables,
}

impl Filterable for RuleRow<'_> {
    const NAMES: &'static [&'static str] = &["group-id", "security-group-rule-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "group-id" => found(&self.group.id.to_string()),
            "security-group-rule-id" => found(&self.rule.id.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.rule.id.to_string()))
    }
}

pub(super) fn malformed_rule_id(id: &str) -> ApiError {
    let message = format!("The security group rule ID '{id}' is malformed");
    ApiError::new("InvalidSecurityGroupRuleId.Malformed", message)
}

pub(super) fn unknown_rule_ids(ids: &[String]) -> ApiError {
    not_found("InvalidSecurityGroupRuleId.NotFound", "security group rule ID", ids)
}

pub(in crate::actions) fn describe_security_group_rules(
    context: &Context,
    view: &View<'_>,
    request: DescribeSecurityGroupRulesRequest,
) -> Result<DescribeSecurityGroupRulesResult, ApiError> {
    let filters = Filters::new::<RuleRow<'_>>(&request.filters)?;
    let ids = request.security_group_rule_ids.iter();
    let mut missing = ids
        .map(|id| id.parse::<SecurityGroupRuleId>().map_err(|_| malformed_rule_id(id)))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let wanted = missing.clone();
    let tables = view.tables();
    let mut rows: Vec<RuleRow<'_>> = tables
        .security_groups
        .values()
        .flat_map(|group| group.rules.iter().map(move |rule| RuleRow { group, rule, tables }))
        .filter(|row| wanted.is_empty() || missing.remove(&row.rule.id))
        .collect();
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(unknown_rule_ids(&missing));
    }
    rows.sort_by_key(|row| row.rule.id);
    let (rows, next_token) = page(
        rows.into_iter().filter(|row| filters.matches(row)),
        |row| row.rule.id.to_string(),
        PageLimits::USUAL,
        request.max_results,
        request.next_token.as_deref(),
        None,
    )?;
    Ok(DescribeSecurityGroupRulesResult {
        next_token,
        security_group_rules: rows.iter().map(|row| rule_shape(context, tables, row.group, row.rule)).collect(),
    })
}
