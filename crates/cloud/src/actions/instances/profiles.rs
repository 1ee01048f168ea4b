//! Instance profiles of instances: which role an instance has.
//!
//! Profiles themselves are IAM's. An association that is undone is gone at once, so that another can follow it, as
//! clients that replace the profile of a stopped instance expect.

use std::sync::Arc;

use ec2_shapes::{
    AssociateIamInstanceProfileRequest, AssociateIamInstanceProfileResult,
    DescribeIamInstanceProfileAssociationsRequest, DescribeIamInstanceProfileAssociationsResult,
    DisassociateIamInstanceProfileRequest, DisassociateIamInstanceProfileResult, IamInstanceProfile,
    IamInstanceProfileAssociation, IamInstanceProfileAssociationState, IamInstanceProfileSpecification,
    ReplaceIamInstanceProfileAssociationRequest, ReplaceIamInstanceProfileAssociationResult,
};
use types::IamInstanceProfileAssociationId;

use super::modify::check_alive;
use super::{find_instance, parse_instance_id};
use crate::access;
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{AssociationState, IamProfileAssociation, Instance, InstanceProfile, Tags};
use crate::settle::SETTLE_MS;
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::view::View;

/// The profile that a request names, if the caller may hand out its role.
///
/// # Errors
/// `InvalidParameterValue` for a name or ARN of no profile, or of one without a role; `UnauthorizedOperation`.
pub(super) fn find_profile(
    context: &Context,
    view: &View<'_>,
    wanted: &IamInstanceProfileSpecification,
) -> Result<Arc<InstanceProfile>, ApiError> {
    let profiles = &view.state().shared.instance_profiles;
    let invalid = |value: &str, member: &str, what: &str| {
        ApiError::invalid_value(format!(
            "Value ({value}) for parameter iamInstanceProfile.{member} is invalid. Invalid IAM Instance Profile {what}"
        ))
    };
    let found = match (wanted.name.as_deref(), wanted.arn.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
            ));
        }
        (None, None) => return Err(ApiError::missing("iamInstanceProfile.name")),
        (Some(name), None) => profiles.get(name).ok_or_else(|| invalid(name, "name", "name"))?,
        (None, Some(arn)) => {
            profiles.values().find(|profile| profile.arn == arn).ok_or_else(|| invalid(arn, "arn", "ARN"))?
        }
    };
    if found.roles.is_empty() {
        let message = format!("IAM Instance Profile \"{}\" has no associated IAM Roles", found.arn);
        return Err(ApiError::invalid_value(message));
    }
    access::check_pass_role(view.state(), &context.caller)?;
    Ok(Arc::clone(found))
}

/// The profile that a launch names. Some clients always send a name; an empty one is none.
///
/// # Errors
/// As [`find_profile`].
pub(super) fn find_for_launch(
    context: &Context,
    view: &View<'_>,
    wanted: Option<&IamInstanceProfileSpecification>,
) -> Result<Option<Arc<InstanceProfile>>, ApiError> {
    let named = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
    let wanted = wanted.filter(|wanted| named(&wanted.name) || named(&wanted.arn));
    wanted.map(|wanted| find_profile(context, view, wanted)).transpose()
}

/// The association of a new instance, which is in force from the start.
pub(super) fn at_launch(context: &Context, profile: &InstanceProfile) -> IamProfileAssociation {
    IamProfileAssociation { state: AssociationState::Associated, ..associate(context, profile) }
}

fn associate(context: &Context, profile: &InstanceProfile) -> IamProfileAssociation {
    IamProfileAssociation {
        id: IamInstanceProfileAssociationId::from_number(context.id_number()),
        profile_arn: profile.arn.clone(),
        profile_id: profile.id.clone(),
        profile_name: profile.name.clone(),
        state: AssociationState::Associating,
        since: context.now,
    }
}

/// A profile as instances and associations show it.
pub(super) fn profile_shape(association: &IamProfileAssociation) -> IamInstanceProfile {
    IamInstanceProfile { arn: Some(association.profile_arn.clone()), id: Some(association.profile_id.clone()) }
}

pub(in crate::actions) fn associate_iam_instance_profile(
    context: &Context,
    tx: &mut Transaction,
    request: AssociateIamInstanceProfileRequest,
) -> Result<AssociateIamInstanceProfileResult, ApiError> {
    let instance = Instance::clone(find_instance(tx, parse_instance_id(&request.instance_id)?)?);
    check_alive(&instance)?;
    if instance.iam_profile.is_some() {
        let message = format!("There is an existing association for instance {}", instance.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    let profile =
        find_profile(context, &tx.view(), request.iam_instance_profile.as_ref().unwrap_or(&Default::default()))?;
    let iam_instance_profile_association = Some(put(context, tx, instance, &profile));
    Ok(AssociateIamInstanceProfileResult { iam_instance_profile_association })
}

pub(in crate::actions) fn replace_iam_instance_profile_association(
    context: &Context,
    tx: &mut Transaction,
    request: ReplaceIamInstanceProfileAssociationRequest,
) -> Result<ReplaceIamInstanceProfileAssociationResult, ApiError> {
    let instance = Instance::clone(find_association(tx, &request.association_id)?);
    check_alive(&instance)?;
    let profile =
        find_profile(context, &tx.view(), request.iam_instance_profile.as_ref().unwrap_or(&Default::default()))?;
    let iam_instance_profile_association = Some(put(context, tx, instance, &profile));
    Ok(ReplaceIamInstanceProfileAssociationResult { iam_instance_profile_association })
}

pub(in crate::actions) fn disassociate_iam_instance_profile(
    _: &Context,
    tx: &mut Transaction,
    request: DisassociateIamInstanceProfileRequest,
) -> Result<DisassociateIamInstanceProfileResult, ApiError> {
    let mut instance = Instance::clone(find_association(tx, &request.association_id)?);
    let association = instance.iam_profile.take().ok_or_else(ApiError::internal)?;
    let mut shape = shape(&instance, &association);
    shape.state = Some(IamInstanceProfileAssociationState::Disassociating);
    tx.put(instance);
    Ok(DisassociateIamInstanceProfileResult { iam_instance_profile_association: Some(shape) })
}

pub(in crate::actions) fn describe_iam_instance_profile_associations(
    _: &Context,
    view: &View<'_>,
    request: DescribeIamInstanceProfileAssociationsRequest,
) -> Result<DescribeIamInstanceProfileAssociationsResult, ApiError> {
    let filters = Filters::new::<AssociationRow<'_>>(&request.filters)?;
    let wanted = &request.association_ids;
    for id in wanted {
        find_association(view.tables(), id)?;
    }
    let all = view.instances.values().filter_map(|instance| {
        let association = instance.iam_profile.as_ref()?;
        Some((association.id.to_string(), AssociationRow { instance, association }))
    });
    let mut all: Vec<_> = all.filter(|(id, _)| wanted.is_empty() || wanted.contains(id)).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let token = request.next_token.as_deref();
    let asked = Listing::paged(wanted, &request.filters, request.max_results, token);
    let (found, next_token) = rows(all.into_iter(), &filters, asked)?;
    let iam_instance_profile_associations = found.iter().map(|row| shape(row.instance, row.association)).collect();
    Ok(DescribeIamInstanceProfileAssociationsResult { iam_instance_profile_associations, next_token })
}

/// Gives the instance this profile, in a new association.
fn put(
    context: &Context,
    tx: &mut Transaction,
    mut instance: Instance,
    profile: &InstanceProfile,
) -> IamInstanceProfileAssociation {
    let association = associate(context, profile);
    let shape = shape(&instance, &association);
    instance.iam_profile = Some(association);
    instance.options.settles = Some(context.now.plus_ms(SETTLE_MS));
    tx.put(instance);
    shape
}

/// The instance that has the association of this id.
fn find_association<'a>(tables: &'a Tables, id: &str) -> Result<&'a Instance, ApiError> {
    let wanted: Option<IamInstanceProfileAssociationId> = id.parse().ok();
    let has_it = |instance: &&Arc<Instance>| {
        instance.iam_profile.as_ref().is_some_and(|association| Some(association.id) == wanted)
    };
    tables.instances.values().find(has_it).map(AsRef::as_ref).ok_or_else(|| {
        let message = format!("An invalid association-id of '{id}' was given");
        ApiError::new("InvalidAssociationID.NotFound", message)
    })
}

fn shape(instance: &Instance, association: &IamProfileAssociation) -> IamInstanceProfileAssociation {
    IamInstanceProfileAssociation {
        association_id: Some(association.id.to_string()),
        iam_instance_profile: Some(profile_shape(association)),
        instance_id: Some(instance.id.to_string()),
        state: IamInstanceProfileAssociationState::from_wire(association.state.name()),
        timestamp: Some(show::moment(association.since)),
    }
}

struct AssociationRow<'a> {
    instance: &'a Instance,
    association: &'a IamProfileAssociation,
}

impl Filterable for AssociationRow<'_> {
    const NAMES: &'static [&'static str] = &["instance-id", "state"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "instance-id" => found(&self.instance.id.to_string()),
            "state" => found(self.association.state.name()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
