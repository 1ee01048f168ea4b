//! Groups that are used in further VPCs beside their own.

use ec2_shapes::{
    AssociateSecurityGroupVpcRequest, AssociateSecurityGroupVpcResult, DescribeSecurityGroupVpcAssociationsRequest,
    DescribeSecurityGroupVpcAssociationsResult, DisassociateSecurityGroupVpcRequest,
    DisassociateSecurityGroupVpcResult, GetSecurityGroupsForVpcRequest, GetSecurityGroupsForVpcResult,
    SecurityGroupForVpc, SecurityGroupVpcAssociationState,
};
use types::{Timestamp, VpcId};

use super::{DEFAULT_NAME, by_id};
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, get, rows};
use crate::resource::{SecurityGroup, SecurityGroupVpcAssociation, SecurityGroupVpcState, Tags, Vpc};
use crate::settle::SETTLE_MS;
use crate::state::Tables;
use crate::tagging;
use crate::transaction::Transaction;
use crate::view::View;

const fn state_shape(state: SecurityGroupVpcState) -> SecurityGroupVpcAssociationState {
    match state {
        SecurityGroupVpcState::Associating => SecurityGroupVpcAssociationState::Associating,
        SecurityGroupVpcState::Associated => SecurityGroupVpcAssociationState::Associated,
        SecurityGroupVpcState::Disassociating => SecurityGroupVpcAssociationState::Disassociating,
    }
}

pub(in crate::actions) fn associate_security_group_vpc(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateSecurityGroupVpcRequest,
) -> Result<AssociateSecurityGroupVpcResult, ApiError> {
    let mut group = SecurityGroup::clone(by_id(tx, &request.group_id)?);
    let vpc = get::<Vpc>(tx, &request.vpc_id)?;
    let of_default_vpc = vpc.is_default || tx.vpcs.get(&group.vpc).is_some_and(|own| own.is_default);
    if *group.name == *DEFAULT_NAME || of_default_vpc {
        let message = "Default security groups and default VPCs are not supported for security group VPC associations.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    let vpc = vpc.id;
    if vpc == group.vpc {
        let message = format!("The security group '{}' was created in VPC '{vpc}'", group.id);
        return Err(ApiError::invalid_value(message));
    }
    let state = match group.vpc_associations.get(&vpc) {
        Some(present) if present.state != SecurityGroupVpcState::Disassociating => present.state,
        _ => {
            let state = SecurityGroupVpcState::Associating;
            let due = Some(context.now.plus_ms(SETTLE_MS));
            group.vpc_associations.insert(vpc, SecurityGroupVpcAssociation { state, due });
            tx.put(group);
            state
        }
    };
    Ok(AssociateSecurityGroupVpcResult { state: Some(state_shape(state)) })
}

pub(in crate::actions) fn disassociate_security_group_vpc(
    context: &Context,
    tx: &mut Transaction,
    request: DisassociateSecurityGroupVpcRequest,
) -> Result<DisassociateSecurityGroupVpcResult, ApiError> {
    let mut group = SecurityGroup::clone(by_id(tx, &request.group_id)?);
    let vpc = get::<Vpc>(tx, &request.vpc_id)?.id;
    if !group.vpc_associations.contains_key(&vpc) {
        let message = format!("The security group '{}' is not associated with VPC '{vpc}'", group.id);
        return Err(ApiError::invalid_value(message));
    }
    if tx.interfaces.values().any(|interface| interface.vpc == vpc && interface.groups.contains(&group.id)) {
        return Err(ApiError::dependency(format!("resource {} has a dependent object", group.id)));
    }
    let state = SecurityGroupVpcState::Disassociating;
    let due = Some(context.now.plus_ms(SETTLE_MS));
    group.vpc_associations.insert(vpc, SecurityGroupVpcAssociation { state, due });
    tx.put(group);
    Ok(DisassociateSecurityGroupVpcResult { state: Some(state_shape(state)) })
}

/// When the next association of a group comes to its next state.
pub(crate) fn due(group: &SecurityGroup) -> Option<Timestamp> {
    group.vpc_associations.values().filter_map(|association| association.due).min()
}

/// Brings the associations of a group to where they are `now`.
pub(crate) fn advance(tx: &mut Transaction, now: Timestamp, group: &SecurityGroup) {
    let mut group = group.clone();
    group.vpc_associations.retain(|_, association| {
        let is_ripe = association.due.is_some_and(|due| due <= now);
        if is_ripe && association.state == SecurityGroupVpcState::Associating {
            *association = SecurityGroupVpcAssociation { state: SecurityGroupVpcState::Associated, due: None };
        }
        !(is_ripe && association.state == SecurityGroupVpcState::Disassociating)
    });
    tx.put(group);
}

pub(super) struct AssociationRow<'a> {
    group: &'a SecurityGroup,
    vpc: VpcId,
    state: SecurityGroupVpcState,
    owner: &'a str,
}

impl Filterable for AssociationRow<'_> {
    const NAMES: &'static [&'static str] = &["group-id", "group-owner-id", "state", "vpc-id", "vpc-owner-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "group-id" => found(&self.group.id.to_string()),
            "group-owner-id" | "vpc-owner-id" => found(self.owner),
            "state" => found(state_shape(self.state).as_str()),
            "vpc-id" => found(&self.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

pub(in crate::actions) fn describe_security_group_vpc_associations(
    context: &Context,
    view: &View<'_>,
    request: DescribeSecurityGroupVpcAssociationsRequest,
) -> Result<DescribeSecurityGroupVpcAssociationsResult, ApiError> {
    let filters = Filters::new::<AssociationRow<'_>>(&request.filters)?;
    let owner = context.account().as_str();
    let found = view.tables().security_groups.values().flat_map(|group| {
        group.vpc_associations.iter().map(move |(vpc, association)| {
            let row = AssociationRow { group, vpc: *vpc, state: association.state, owner };
            (format!("{}/{vpc}", group.id), row)
        })
    });
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = rows(found, &filters, asked)?;
    let shape = |row: &AssociationRow<'_>| ec2_shapes::SecurityGroupVpcAssociation {
        group_id: Some(row.group.id.to_string()),
        group_owner_id: Some(owner.to_owned()),
        state: Some(state_shape(row.state)),
        state_reason: None,
        vpc_id: Some(row.vpc.to_string()),
        vpc_owner_id: Some(owner.to_owned()),
    };
    Ok(DescribeSecurityGroupVpcAssociationsResult {
        next_token,
        security_group_vpc_associations: rows.iter().map(shape).collect(),
    })
}

pub(super) struct GroupForVpc<'a> {
    group: &'a SecurityGroup,
    tables: &'a Tables,
    owner: &'a str,
}

impl Filterable for GroupForVpc<'_> {
    const NAMES: &'static [&'static str] = &["description", "group-id", "group-name", "owner-id", "primary-vpc-id"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "description" => found(&self.group.description),
            "group-id" => found(&self.group.id.to_string()),
            "group-name" => found(&self.group.name),
            "owner-id" => found(self.owner),
            "primary-vpc-id" => found(&self.group.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.group.id.to_string()))
    }
}

pub(in crate::actions) fn get_security_groups_for_vpc(
    context: &Context,
    view: &View<'_>,
    request: GetSecurityGroupsForVpcRequest,
) -> Result<GetSecurityGroupsForVpcResult, ApiError> {
    let filters = Filters::new::<GroupForVpc<'_>>(&request.filters)?;
    let (vpc, tables, owner) = (get::<Vpc>(view, &request.vpc_id)?.id, view.tables(), context.account().as_str());
    let groups = tables.security_groups.values().filter(|group| group.serves(vpc));
    let found = groups.map(|group| (group.id.to_string(), GroupForVpc { group, tables, owner }));
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = rows(found, &filters, asked)?;
    let shape = |row: &GroupForVpc<'_>| SecurityGroupForVpc {
        description: Some(row.group.description.clone()),
        group_id: Some(row.group.id.to_string()),
        group_name: Some(row.group.name.to_string()),
        owner_id: Some(owner.to_owned()),
        primary_vpc_id: Some(row.group.vpc.to_string()),
        tags: tagging::to_shape(tables.tags_of(&row.group.id.to_string())),
    };
    Ok(GetSecurityGroupsForVpcResult { next_token, security_group_for_vpcs: rows.iter().map(shape).collect() })
}
