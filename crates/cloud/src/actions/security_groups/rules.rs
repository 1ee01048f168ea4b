//! Adding rules to groups and taking them away.

use std::sync::Arc;

use ec2_shapes::{
    AuthorizeSecurityGroupEgressRequest, AuthorizeSecurityGroupEgressResult, AuthorizeSecurityGroupIngressRequest,
    AuthorizeSecurityGroupIngressResult, IpPermission, RevokeSecurityGroupEgressRequest,
    RevokeSecurityGroupEgressResult, RevokeSecurityGroupIngressRequest, RevokeSecurityGroupIngressResult,
    RevokedSecurityGroupRule, TagSpecification,
};
use types::SecurityGroupRuleId;

use super::describe::{permissions_shape, revoked_shape, rule_shape};
use super::named;
use super::permissions::{self, Legacy, Sources, Wanted};
use crate::context::Context;
use crate::error::ApiError;
use crate::prefix_lists::weight;
use crate::quotas::Quota;
use crate::resource::{AddressFamily, Peer, SecurityGroup, SecurityGroupRule, Tags};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;

const RESOURCE_TYPE: &str = "security-group-rule";

/// What all four actions have in common.
struct Asked {
    is_egress: bool,
    group_id: Option<String>,
    group_name: Option<String>,
    permissions: Vec<IpPermission>,
    legacy: Legacy,
}

/// The common part of a request of either direction.
macro_rules! asked {
    ($request:ident, is_egress: $is_egress:literal, group: $id:expr, $name:expr) => {
        Asked {
            is_egress: $is_egress,
            group_id: $id,
            group_name: $name,
            permissions: $request.ip_permissions,
            legacy: Legacy {
                ip_protocol: $request.ip_protocol,
                from_port: $request.from_port,
                to_port: $request.to_port,
                cidr_ip: $request.cidr_ip,
                source_group_name: $request.source_security_group_name,
                source_group_owner: $request.source_security_group_owner_id,
            },
        }
    };
}

pub(in crate::actions) fn authorize_security_group_ingress(
    context: &Context,
    tx: &mut Transaction,
    request: AuthorizeSecurityGroupIngressRequest,
) -> Result<AuthorizeSecurityGroupIngressResult, ApiError> {
    let tags = request.tag_specifications;
    let asked = asked!(request, is_egress: false, group: request.group_id, request.group_name);
    let security_group_rules = authorize(context, tx, asked, &tags)?;
    Ok(AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules })
}

pub(in crate::actions) fn authorize_security_group_egress(
    context: &Context,
    tx: &mut Transaction,
    request: AuthorizeSecurityGroupEgressRequest,
) -> Result<AuthorizeSecurityGroupEgressResult, ApiError> {
    let tags = request.tag_specifications;
    let asked = asked!(request, is_egress: true, group: Some(request.group_id), None);
    let security_group_rules = authorize(context, tx, asked, &tags)?;
    Ok(AuthorizeSecurityGroupEgressResult { r#return: Some(true), security_group_rules })
}

pub(in crate::actions) fn revoke_security_group_ingress(
    context: &Context,
    tx: &mut Transaction,
    request: RevokeSecurityGroupIngressRequest,
) -> Result<RevokeSecurityGroupIngressResult, ApiError> {
    let rule_ids = request.security_group_rule_ids;
    let asked = asked!(request, is_egress: false, group: request.group_id, request.group_name);
    let (revoked_security_group_rules, unknown_ip_permissions) = revoke(context, tx, asked, &rule_ids)?;
    Ok(RevokeSecurityGroupIngressResult { r#return: Some(true), revoked_security_group_rules, unknown_ip_permissions })
}

pub(in crate::actions) fn revoke_security_group_egress(
    context: &Context,
    tx: &mut Transaction,
    request: RevokeSecurityGroupEgressRequest,
) -> Result<RevokeSecurityGroupEgressResult, ApiError> {
    let rule_ids = request.security_group_rule_ids;
    let asked = asked!(request, is_egress: true, group: Some(request.group_id), None);
    let (revoked_security_group_rules, unknown_ip_permissions) = revoke(context, tx, asked, &rule_ids)?;
    Ok(RevokeSecurityGroupEgressResult { r#return: Some(true), revoked_security_group_rules, unknown_ip_permissions })
}

impl Asked {
    /// The rules that the request states, however it does.
    fn wanted(
        self,
        context: &Context,
        tx: &Transaction,
        group: &SecurityGroup,
        sources: Sources,
    ) -> Result<Vec<Wanted>, ApiError> {
        let permissions = match (self.permissions.is_empty(), self.legacy.is_given()) {
            (false, false) => self.permissions,
            (false, true) => {
                return Err(ApiError::invalid_combination(
                    "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol', 'fromPort', \
                     'toPort', 'cidrIp' or 'sourceSecurityGroupName'",
                ));
            }
            // The model says of these that egress does not know them.
            (true, true) if self.is_egress => {
                return Err(ApiError::invalid_value("Egress rules can only be stated by the parameter ipPermissions"));
            }
            (true, true) => self.legacy.into_permissions()?,
            (true, false) => return Err(ApiError::missing("ipPermissions")),
        };
        permissions::read(context, tx, group, &permissions, sources)
    }
}

/// Adds all rules or, on any error, none.
fn authorize(
    context: &Context,
    tx: &mut Transaction,
    asked: Asked,
    tags: &[TagSpecification],
) -> Result<Vec<ec2_shapes::SecurityGroupRule>, ApiError> {
    let tags = NewTags::new(tags, &[RESOURCE_TYPE])?;
    let mut group = SecurityGroup::clone(named(tx, &asked.group_id, &asked.group_name)?);
    let is_egress = asked.is_egress;
    let wanted = asked.wanted(context, tx, &group, Sources::MustBeThere)?;
    let existing = group.rules.len();
    for wanted in wanted {
        let same = group.rules.iter().position(|rule| rule.is_egress == is_egress && wanted.is(rule));
        if let Some(at) = same {
            return Err(match at < existing {
                true => {
                    let message = format!("the specified rule \"{}\" already exists", wanted.in_words());
                    ApiError::new("InvalidPermission.Duplicate", message)
                }
                false => ApiError::invalid_value("The same permission must not appear multiple times"),
            });
        }
        group.rules.push(SecurityGroupRule {
            id: SecurityGroupRuleId::from_number(context.id_number()),
            is_egress,
            protocol: wanted.protocol,
            peer: wanted.peer,
            description: wanted.description,
        });
    }
    check_quota(context, tx, &group, is_egress)?;
    let group = Arc::new(group);
    tx.put(crate::state::Record::SecurityGroup(Arc::clone(&group)));
    let added = &group.rules[existing..];
    for rule in added {
        tags.put(tx, RESOURCE_TYPE, rule.id);
    }
    Ok(added.iter().map(|rule| rule_shape(context, tx, &group, rule)).collect())
}

/// IPv4 and IPv6 are counted apart; a rule about a group counts as one of each, and a prefix list as many times as it may
/// have blocks.
pub(in crate::actions) fn check_quota(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    is_egress: bool,
) -> Result<(), ApiError> {
    let (mut ipv4, mut ipv6) = (0, 0);
    for rule in group.rules.iter().filter(|rule| rule.is_egress == is_egress) {
        let (of_ipv4, of_ipv6) = match rule.peer {
            Peer::Ipv4(_) => (1, 0),
            Peer::Ipv6(_) => (0, 1),
            Peer::Group(_) => (1, 1),
            Peer::PrefixList(id) => match weight(tables, id) {
                (AddressFamily::Ipv4, count) => (count, 0),
                (AddressFamily::Ipv6, count) => (0, count),
            },
        };
        (ipv4, ipv6) = (ipv4 + of_ipv4, ipv6 + of_ipv6);
    }
    let allowed = usize::try_from(context.config.quotas.get(Quota::RulesPerSecurityGroup)).unwrap_or(usize::MAX);
    if ipv4.max(ipv6) > allowed { Err(Quota::RulesPerSecurityGroup.exceeded()) } else { Ok(()) }
}

/// Takes rules away. Where a rule is not there, a group of a default VPC loses the others and the answer lists what was
/// unknown; any other group stays as it is, and the call fails.
fn revoke(
    context: &Context,
    tx: &mut Transaction,
    asked: Asked,
    rule_ids: &[String],
) -> Result<(Vec<RevokedSecurityGroupRule>, Vec<IpPermission>), ApiError> {
    let group = Arc::clone(named(tx, &asked.group_id, &asked.group_name)?);
    let is_egress = asked.is_egress;
    let mut unknown = Vec::new();
    let mut gone: Vec<SecurityGroupRuleId> = Vec::new();
    if rule_ids.is_empty() {
        for wanted in asked.wanted(context, tx, &group, Sources::MayBeGone)? {
            match group.rules.iter().find(|rule| rule.is_egress == is_egress && wanted.is(rule)) {
                Some(rule) => gone.push(rule.id),
                None => unknown.push(wanted),
            }
        }
    } else {
        if !asked.permissions.is_empty() || asked.legacy.is_given() {
            return Err(ApiError::invalid_combination(
                "The parameter 'securityGroupRuleIds' may not be used in combination with 'ipPermissions'",
            ));
        }
        for id in rule_ids {
            gone.push(rule_of(&group, is_egress, id)?);
        }
    }
    let in_default_vpc = tx.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.is_default);
    if !unknown.is_empty() && !in_default_vpc {
        return Err(no_such_rule());
    }
    let (revoked, kept): (Vec<_>, Vec<_>) = group.rules.iter().cloned().partition(|rule| gone.contains(&rule.id));
    for rule in &revoked {
        tagging::replace(tx, &rule.id.to_string(), Tags::new());
    }
    if !revoked.is_empty() {
        tx.put(SecurityGroup { rules: kept, ..SecurityGroup::clone(&group) });
    }
    let revoked = revoked.iter().map(|rule| revoked_shape(&group, rule)).collect();
    let unknown = permissions_shape(
        context,
        tx,
        group.vpc,
        unknown.iter().map(|wanted| (wanted.protocol, &wanted.peer, wanted.description.as_deref())),
    );
    Ok((revoked, unknown))
}

/// The error for a rule that is not there.
pub(super) fn no_such_rule() -> ApiError {
    ApiError::new("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

/// A rule of the group in this direction, by its id.
pub(super) fn rule_of(group: &SecurityGroup, is_egress: bool, id: &str) -> Result<SecurityGroupRuleId, ApiError> {
    let id: SecurityGroupRuleId = id.parse().map_err(|_| super::describe::malformed_rule_id(id))?;
    let is_there = group.rules.iter().any(|rule| rule.id == id && rule.is_egress == is_egress);
    if is_there { Ok(id) } else { Err(super::describe::unknown_rule_ids(&[id.to_string()])) }
}
