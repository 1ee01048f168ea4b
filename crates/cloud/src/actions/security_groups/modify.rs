//! Changing rules that are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use ec2_shapes::{
    IpPermission, IpRange, Ipv6Range, ModifySecurityGroupRulesRequest, ModifySecurityGroupRulesResult, PrefixListId,
    SecurityGroupRuleDescription, SecurityGroupRuleRequest, UpdateSecurityGroupRuleDescriptionsEgressRequest,
    UpdateSecurityGroupRuleDescriptionsEgressResult, UpdateSecurityGroupRuleDescriptionsIngressRequest,
    UpdateSecurityGroupRuleDescriptionsIngressResult, UserIdGroupPair,
};
use types::SecurityGroupRuleId;

use super::describe::{malformed_rule_id, unknown_rule_ids};
use super::permissions::{self, Sources, Wanted};
use super::rules::{check_quota, no_such_rule, rule_of};
use super::{by_id, given, named};
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::SecurityGroup;
use crate::state::Tables;
use crate::transaction::Transaction;

pub(in crate::actions) fn modify_security_group_rules(
    context: &Context,
    tx: &mut Transaction,
    request: ModifySecurityGroupRulesRequest,
) -> Result<ModifySecurityGroupRulesResult, ApiError> {
    let group = Arc::clone(by_id(tx, &request.group_id)?);
    let mut changed = SecurityGroup::clone(&group);
    if request.security_group_rules.is_empty() {
        return Err(ApiError::missing("SecurityGroupRule"));
    }
    let mut seen = BTreeSet::new();
    for update in &request.security_group_rules {
        let text = given(&update.security_group_rule_id).ok_or_else(|| ApiError::missing("SecurityGroupRuleId"))?;
        let id: SecurityGroupRuleId = text.parse().map_err(|_| malformed_rule_id(text))?;
        if !seen.insert(id) {
            let message = format!("The security group rule '{id}' must not appear multiple times");
            return Err(ApiError::invalid_value(message));
        }
        let at = changed.rules.iter().position(|rule| rule.id == id);
        let at = at.ok_or_else(|| unknown_rule_ids(&[id.to_string()]))?;
        let asked = update.security_group_rule.as_ref().ok_or_else(|| ApiError::missing("SecurityGroupRule"))?;
        let wanted = read_one(context, tx, &group, asked)?;
        let rule = &mut changed.rules[at];
        (rule.protocol, rule.peer, rule.description) = (wanted.protocol, wanted.peer, wanted.description);
    }
    check_distinct(&changed)?;
    for is_egress in [false, true] {
        check_quota(context, tx, &changed, is_egress)?;
    }
    tx.put(changed);
    Ok(ModifySecurityGroupRulesResult { r#return: Some(true) })
}

/// The one rule that a request states.
fn read_one(
    context: &Context,
    tables: &Tables,
    group: &SecurityGroup,
    asked: &SecurityGroupRuleRequest,
) -> Result<Wanted, ApiError> {
    let description = asked.description.clone();
    let mut permission = IpPermission {
        ip_protocol: asked.ip_protocol.clone(),
        from_port: asked.from_port,
        to_port: asked.to_port,
        ..IpPermission::default()
    };
    match (
        given(&asked.cidr_ipv4),
        given(&asked.cidr_ipv6),
        given(&asked.prefix_list_id),
        given(&asked.referenced_group_id),
    ) {
        (Some(cidr), None, None, None) => {
            permission.ip_ranges.push(IpRange { cidr_ip: Some(cidr.to_owned()), description });
        }
        (None, Some(cidr), None, None) => {
            permission.ipv6_ranges.push(Ipv6Range { cidr_ipv6: Some(cidr.to_owned()), description });
        }
        (None, None, Some(id), None) => {
            permission.prefix_list_ids.push(PrefixListId { prefix_list_id: Some(id.to_owned()), description });
        }
        (None, None, None, Some(id)) => {
            let group_id = Some(id.to_owned());
            permission.user_id_group_pairs.push(UserIdGroupPair { group_id, description, ..Default::default() });
        }
        (None, None, None, None) => {
            return Err(ApiError::missing("CidrIpv4, CidrIpv6, PrefixListId or ReferencedGroupId"));
        }
        _ => {
            return Err(ApiError::invalid_combination(
                "Only one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId can be specified",
            ));
        }
    }
    let mut wanted = permissions::read(context, tables, group, &[permission], Sources::MustBeThere)?;
    wanted.pop().ok_or_else(ApiError::internal)
}

/// No rule is there twice.
fn check_distinct(group: &SecurityGroup) -> Result<(), ApiError> {
    for (at, rule) in group.rules.iter().enumerate() {
        let wanted = Wanted { protocol: rule.protocol, peer: rule.peer, description: None };
        if group.rules[..at].iter().any(|other| other.is_egress == rule.is_egress && wanted.is(other)) {
            let message = format!("the specified rule \"{}\" already exists", wanted.in_words());
            return Err(ApiError::new("InvalidPermission.Duplicate", message));
        }
    }
    Ok(())
}

/// What the two actions about descriptions have in common.
struct Descriptions<'r> {
    is_egress: bool,
    group_id: &'r Option<String>,
    group_name: &'r Option<String>,
    permissions: &'r [IpPermission],
    by_rule: &'r [SecurityGroupRuleDescription],
}

pub(in crate::actions) fn update_security_group_rule_descriptions_ingress(
    context: &Context,
    tx: &mut Transaction,
    request: UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<UpdateSecurityGroupRuleDescriptionsIngressResult, ApiError> {
    let asked = Descriptions {
        is_egress: false,
        group_id: &request.group_id,
        group_name: &request.group_name,
        permissions: &request.ip_permissions,
        by_rule: &request.security_group_rule_descriptions,
    };
    describe_anew(context, tx, &asked)?;
    Ok(UpdateSecurityGroupRuleDescriptionsIngressResult { r#return: Some(true) })
}

pub(in crate::actions) fn update_security_group_rule_descriptions_egress(
    context: &Context,
    tx: &mut Transaction,
    request: UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<UpdateSecurityGroupRuleDescriptionsEgressResult, ApiError> {
    let asked = Descriptions {
        is_egress: true,
        group_id: &request.group_id,
        group_name: &request.group_name,
        permissions: &request.ip_permissions,
        by_rule: &request.security_group_rule_descriptions,
    };
    describe_anew(context, tx, &asked)?;
    Ok(UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
}

/// Gives rules other descriptions; without one, a rule loses its own.
fn describe_anew(context: &Context, tx: &mut Transaction, asked: &Descriptions<'_>) -> Result<(), ApiError> {
    let mut group = SecurityGroup::clone(named(tx, asked.group_id, asked.group_name)?);
    let mut new: Vec<(SecurityGroupRuleId, Option<String>)> = Vec::new();
    match (asked.permissions, asked.by_rule) {
        ([], []) => return Err(ApiError::missing("ipPermissions or securityGroupRuleDescriptions")),
        ([_, ..], [_, ..]) => {
            return Err(ApiError::invalid_combination(
                "The parameter ipPermissions cannot be used with the parameter securityGroupRuleDescriptions",
            ));
        }
        ([], by_rule) => {
            for it in by_rule {
                let id = given(&it.security_group_rule_id).ok_or_else(|| ApiError::missing("SecurityGroupRuleId"))?;
                new.push((rule_of(&group, asked.is_egress, id)?, permissions::description(&it.description)?));
            }
        }
        (permissions, []) => {
            for wanted in permissions::read(context, tx, &group, permissions, Sources::MayBeGone)? {
                let is_it = |rule: &&_| wanted.is(rule);
                let mut rules = group.rules.iter().filter(|rule| rule.is_egress == asked.is_egress);
                new.push((rules.find(is_it).ok_or_else(no_such_rule)?.id, wanted.description));
            }
        }
    }
    for (id, description) in new {
        if let Some(rule) = group.rules.iter_mut().find(|rule| rule.id == id) {
            rule.description = description;
        }
    }
    tx.put(group);
    Ok(())
}
