//! CPU credits: how instances of burstable types spend them, and how new ones will.
//!
//! The mode is what was asked for at launch, else what is set for the family, else what EC2 does by itself.

use ec2_shapes::{
    DescribeInstanceCreditSpecificationsRequest, DescribeInstanceCreditSpecificationsResult,
    GetDefaultCreditSpecificationRequest, GetDefaultCreditSpecificationResult, InstanceCreditSpecification,
    InstanceCreditSpecificationRequest, InstanceFamilyCreditSpecification, ModifyDefaultCreditSpecificationRequest,
    ModifyDefaultCreditSpecificationResult, ModifyInstanceCreditSpecificationRequest,
    ModifyInstanceCreditSpecificationResult, SuccessfulInstanceCreditSpecificationItem,
    UnlimitedSupportedInstanceFamily, UnsuccessfulInstanceCreditSpecificationErrorCode,
    UnsuccessfulInstanceCreditSpecificationItem, UnsuccessfulInstanceCreditSpecificationItemError,
};

use super::{find_instance, parse_instance_id, select};
use crate::actions::account;
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{CpuCredits, Instance, Tags};
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::view::View;

/// The mode of an instance; `None` where its type has no credits.
pub(super) fn of(instance: &Instance) -> Option<CpuCredits> {
    let kind = InstanceType::find(&instance.instance_type)?;
    let own = kind.default_credits().and_then(CpuCredits::from_name)?;
    Some(instance.options.credits.unwrap_or(own))
}

/// The mode that new instances of this type get; `None` where it has no credits.
pub(super) fn of_new(tables: &Tables, kind: &InstanceType) -> Option<CpuCredits> {
    let own = kind.default_credits().and_then(CpuCredits::from_name)?;
    let (family, _) = kind.name().split_once('.')?;
    let set = account::setting(tables, &setting_name(family)).and_then(CpuCredits::from_name);
    Some(set.unwrap_or(own))
}

/// The mode that a request names.
pub(super) fn parse(text: &str) -> Result<CpuCredits, ApiError> {
    CpuCredits::from_name(text).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "Value ({text}) for parameter CpuCredits is invalid. Valid values: standard, unlimited"
        ))
    })
}

fn setting_name(family: &str) -> String {
    format!("default-cpu-credits/{family}")
}

pub(in crate::actions) fn describe_instance_credit_specifications(
    _: &Context,
    view: &View<'_>,
    request: DescribeInstanceCreditSpecificationsRequest,
) -> Result<DescribeInstanceCreditSpecificationsResult, ApiError> {
    let filters = Filters::new::<CreditRow<'_>>(&request.filters)?;
    let named = !request.instance_ids.is_empty();
    let mut all = Vec::new();
    for instance in select(view.tables(), &request.instance_ids)? {
        match of(instance) {
            Some(credits) if named || (credits == CpuCredits::Unlimited && !instance.state.is_ending()) => {
                all.push((instance.id.to_string(), CreditRow { instance, credits }));
            }
            None if named => return Err(not_burstable(instance)),
            _ => {}
        }
    }
    let token = request.next_token.as_deref();
    let asked = Listing::paged(&request.instance_ids, &request.filters, request.max_results, token);
    let asked = Listing { ids_name: Some("instancesSet"), ..asked };
    let (found, next_token) = rows(all.into_iter(), &filters, asked)?;
    let shape = |row: CreditRow<'_>| InstanceCreditSpecification {
        cpu_credits: Some(row.credits.name().to_owned()),
        instance_id: Some(row.instance.id.to_string()),
    };
    let instance_credit_specifications = found.into_iter().map(shape).collect();
    Ok(DescribeInstanceCreditSpecificationsResult { instance_credit_specifications, next_token })
}

fn not_burstable(instance: &Instance) -> ApiError {
    ApiError::new(
        "InstanceCreditSpecification.NotSupported",
        format!("The instance '{}' of type {} has no CPU credits.", instance.id, instance.instance_type),
    )
}

/// Changes each instance that can be changed, and says of the others why not.
pub(in crate::actions) fn modify_instance_credit_specification(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceCreditSpecificationRequest,
) -> Result<ModifyInstanceCreditSpecificationResult, ApiError> {
    if request.instance_credit_specifications.is_empty() {
        return Err(ApiError::missing("InstanceCreditSpecification"));
    }
    let mut answer = ModifyInstanceCreditSpecificationResult::default();
    for wanted in request.instance_credit_specifications {
        let credits = parse(wanted.cpu_credits.as_deref().ok_or_else(|| ApiError::missing("CpuCredits"))?)?;
        let instance_id = wanted.instance_id.clone();
        match modify_one(tx, &wanted, credits) {
            Ok(()) => answer
                .successful_instance_credit_specifications
                .push(SuccessfulInstanceCreditSpecificationItem { instance_id }),
            Err(error) => {
                let error = UnsuccessfulInstanceCreditSpecificationItemError {
                    code: UnsuccessfulInstanceCreditSpecificationErrorCode::from_wire(error.code),
                    message: Some(error.message),
                };
                let item = UnsuccessfulInstanceCreditSpecificationItem { error: Some(error), instance_id };
                answer.unsuccessful_instance_credit_specifications.push(item);
            }
        }
    }
    Ok(answer)
}

fn modify_one(
    tx: &mut Transaction,
    wanted: &InstanceCreditSpecificationRequest,
    credits: CpuCredits,
) -> Result<(), ApiError> {
    let id = parse_instance_id(wanted.instance_id.as_deref().unwrap_or_default())?;
    let mut instance = Instance::clone(find_instance(tx, id)?);
    super::modify::check_alive(&instance)?;
    of(&instance).ok_or_else(|| not_burstable(&instance))?;
    instance.options.credits = Some(credits);
    tx.put(instance);
    Ok(())
}

pub(in crate::actions) fn get_default_credit_specification(
    _: &Context,
    view: &View<'_>,
    request: GetDefaultCreditSpecificationRequest,
) -> Result<GetDefaultCreditSpecificationResult, ApiError> {
    let family = request.instance_family.ok_or_else(|| ApiError::missing("InstanceFamily"))?;
    let instance_family_credit_specification = Some(default_shape(view.tables(), family));
    Ok(GetDefaultCreditSpecificationResult { instance_family_credit_specification })
}

pub(in crate::actions) fn modify_default_credit_specification(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyDefaultCreditSpecificationRequest,
) -> Result<ModifyDefaultCreditSpecificationResult, ApiError> {
    let family = request.instance_family.ok_or_else(|| ApiError::missing("InstanceFamily"))?;
    let credits = parse(&request.cpu_credits)?;
    account::set(tx, &setting_name(family.as_str()), Some(credits.name()));
    let instance_family_credit_specification = Some(default_shape(tx, family));
    Ok(ModifyDefaultCreditSpecificationResult { instance_family_credit_specification })
}

fn default_shape(tables: &Tables, family: UnlimitedSupportedInstanceFamily) -> InstanceFamilyCreditSpecification {
    let own = match family {
        UnlimitedSupportedInstanceFamily::T2 => CpuCredits::Standard,
        _ => CpuCredits::Unlimited,
    };
    let set = account::setting(tables, &setting_name(family.as_str())).and_then(CpuCredits::from_name);
    InstanceFamilyCreditSpecification {
        cpu_credits: Some(set.unwrap_or(own).name().to_owned()),
        instance_family: Some(family),
    }
}

struct CreditRow<'a> {
    instance: &'a Instance,
    credits: CpuCredits,
}

impl Filterable for CreditRow<'_> {
    const NAMES: &'static [&'static str] = &["instance-id"];

    fn values(&self, _: &str, found: &mut dyn FnMut(&str)) {
        found(&self.instance.id.to_string());
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
