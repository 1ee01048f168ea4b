//! Security groups.
//!
//! Follows the user guide's and the VPC guide's pages on security groups, the service model, and the texts that AWS is
//! seen to answer.

mod describe;
mod modify;
mod permissions;
mod references;
mod rules;
#[cfg(test)]
mod tests;
pub(crate) mod vpc_associations;

use std::collections::BTreeMap;
use std::sync::Arc;

use ec2_shapes::{
    CreateSecurityGroupRequest, CreateSecurityGroupResult, DeleteSecurityGroupRequest, DeleteSecurityGroupResult,
};
use types::{Ipv4Cidr, Ipv6Cidr, Protocol, SecurityGroupId, SecurityGroupRuleId, VpcId};

use super::show::given;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::parse_id;
use crate::quotas::{self, Quota};
use crate::resource::{Peer, SecurityGroup, SecurityGroupRule, Tags};
use crate::state::{Key, Tables};
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;

pub(super) use describe::{describe_security_group_rules, describe_security_groups};
pub(super) use modify::{
    modify_security_group_rules, update_security_group_rule_descriptions_egress,
    update_security_group_rule_descriptions_ingress,
};
pub(super) use references::{describe_security_group_references, describe_stale_security_groups};
pub(super) use rules::{
    authorize_security_group_egress, authorize_security_group_ingress, check_quota, revoke_security_group_egress,
    revoke_security_group_ingress,
};
pub(super) use vpc_associations::{
    associate_security_group_vpc, describe_security_group_vpc_associations, disassociate_security_group_vpc,
    get_security_groups_for_vpc,
};

/// How many characters a name or a description may have.
const MAX_TEXT_LEN: usize = 255;
const RESOURCE_TYPE: &str = "security-group";
/// The name of the group that every VPC begins with.
const DEFAULT_NAME: &str = "default";

/// Whether EC2 takes the text in names and descriptions.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_TEXT_LEN
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-:/()#,@[]+=&;{}!$*".contains(&byte))
}

fn arn(context: &Context, id: SecurityGroupId) -> String {
    format!("arn:aws:ec2:{}:{}:security-group/{id}", context.region, context.account())
}

pub(super) fn create_security_group(
    context: &Context,
    tx: &mut Transaction,
    request: CreateSecurityGroupRequest,
) -> Result<CreateSecurityGroupResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let name = request.group_name.trim_end_matches(' ');
    check_texts(name, &request.description)?;
    let vpc = match given(&request.vpc_id) {
        Some(id) => {
            let id: VpcId = parse_id(id, VpcId::PREFIX, "InvalidVpcID.Malformed")?;
            let unknown = || ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"));
            tx.vpcs.get(&id).ok_or_else(unknown)?
        }
        None => tx.default_vpc().ok_or_else(no_default_vpc)?,
    };
    let has_ipv6 = !vpc.ipv6_cidrs.is_empty();
    let vpc = vpc.id;
    // The model calls names case-insensitive.
    if tx.security_groups.values().any(|group| group.vpc == vpc && group.name.eq_ignore_ascii_case(name)) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ApiError::new("InvalidGroup.Duplicate", message));
    }
    quotas::check(context, Quota::SecurityGroups, tx.security_groups.len())?;
    let id = SecurityGroupId::from_number(context.id_number());
    // Everything is let out, by IPv6 too where the VPC has it, as with a VPC's default group.
    let peers = [Some(Peer::Ipv4(Ipv4Cidr::ANY)), has_ipv6.then_some(Peer::Ipv6(Ipv6Cidr::ANY))];
    let let_out = |peer| SecurityGroupRule {
        id: SecurityGroupRuleId::from_number(context.id_number()),
        is_egress: true,
        protocol: Protocol::All,
        peer,
        description: None,
    };
    tx.put(SecurityGroup {
        id,
        name: name.into(),
        description: request.description,
        vpc,
        rules: peers.into_iter().flatten().map(let_out).collect(),
        vpc_associations: BTreeMap::new(),
    });
    tags.put(tx, RESOURCE_TYPE, id);
    Ok(CreateSecurityGroupResult {
        group_id: Some(id.to_string()),
        security_group_arn: Some(arn(context, id)),
        tags: tagging::to_shape(tags.of(RESOURCE_TYPE)),
    })
}

fn check_texts(name: &str, description: &str) -> Result<(), ApiError> {
    for (parameter, noun, text) in [("GroupName", "name", name), ("GroupDescription", "description", description)] {
        if text.is_empty() {
            return Err(ApiError::missing(parameter));
        }
        if !text.is_ascii() {
            return Err(ApiError::invalid_value(format!(
                "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
            )));
        }
        if !is_plain(text) {
            return Err(ApiError::invalid_value(format!(
                "Invalid security group {noun}. Valid {noun}s are strings less than 256 characters from the following \
                 set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
            )));
        }
    }
    if name.starts_with("sg-") {
        return Err(ApiError::invalid_value(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        )));
    }
    if name.eq_ignore_ascii_case(DEFAULT_NAME) {
        return Err(ApiError::new("InvalidGroup.Reserved", format!("The security group '{name}' is reserved")));
    }
    Ok(())
}

fn no_default_vpc() -> ApiError {
    ApiError::new("VPCIdNotSpecified", "No default VPC for this user")
}

fn unknown_id(id: impl std::fmt::Display) -> ApiError {
    ApiError::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// The group of this id.
///
/// # Errors
/// `InvalidGroupId.Malformed`, `InvalidGroup.NotFound`.
fn by_id<'a>(tables: &'a Tables, id: &str) -> Result<&'a Arc<SecurityGroup>, ApiError> {
    let id: SecurityGroupId = parse_id(id, SecurityGroupId::PREFIX, "InvalidGroupId.Malformed")?;
    tables.security_groups.get(&id).ok_or_else(|| unknown_id(id))
}

/// The group of this name in the default VPC: elsewhere groups are known by their ids alone.
///
/// # Errors
/// `InvalidGroup.NotFound`, `VPCIdNotSpecified` where there is no default VPC.
fn by_name<'a>(tables: &'a Tables, name: &str) -> Result<&'a Arc<SecurityGroup>, ApiError> {
    let vpc = tables.default_vpc().ok_or_else(no_default_vpc)?.id;
    tables.security_groups.values().find(|group| group.vpc == vpc && *group.name == *name).ok_or_else(|| {
        let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
        ApiError::new("InvalidGroup.NotFound", message)
    })
}

/// The group that a request names by id or, failing that, by name.
fn named<'a>(
    tables: &'a Tables,
    id: &Option<String>,
    name: &Option<String>,
) -> Result<&'a Arc<SecurityGroup>, ApiError> {
    match (given(id), given(name)) {
        (Some(id), _) => by_id(tables, id),
        (None, Some(name)) => by_name(tables, name),
        (None, None) => Err(ApiError::missing("groupName or groupId")),
    }
}

pub(super) fn delete_security_group(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteSecurityGroupRequest,
) -> Result<DeleteSecurityGroupResult, ApiError> {
    let group = named(tx, &request.group_id, &request.group_name).map_err(|error| match given(&request.group_id) {
        // This action words it differently from all others.
        Some(id) if error.code == "InvalidGroupId.Malformed" => {
            ApiError::new(error.code, format!("The security-group ID '{id}' is malformed"))
        }
        _ => error,
    })?;
    let group = Arc::clone(group);
    if *group.name == *DEFAULT_NAME {
        let message = format!("the specified group: \"{}\" name: \"default\" cannot be deleted by a user", group.id);
        return Err(ApiError::new("CannotDelete", message));
    }
    if is_in_use(tx, &group) {
        return Err(ApiError::dependency(format!("resource {} has a dependent object", group.id)));
    }
    for rule in &group.rules {
        tagging::replace(tx, &rule.id.to_string(), Tags::new());
    }
    tx.delete(Key::SecurityGroup(group.id));
    Ok(DeleteSecurityGroupResult { r#return: Some(true), group_id: Some(group.id.to_string()) })
}

/// Whether an interface carries the group, or another group of the VPC names it in a rule.
fn is_in_use(tables: &Tables, group: &SecurityGroup) -> bool {
    let names_it = |other: &SecurityGroup| other.rules.iter().any(|rule| rule.peer == Peer::Group(group.id));
    tables.interfaces.values().any(|interface| interface.groups.contains(&group.id))
        || tables
            .security_groups
            .values()
            .any(|other| other.id != group.id && other.vpc == group.vpc && names_it(other))
}
