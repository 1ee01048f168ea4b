//! What is set for the account in a region, and what the account is.

mod id_formats;
pub(super) mod metadata_defaults;
#[cfg(test)]
mod tests;

use ec2_shapes::{
    AccountAttribute, AccountAttributeName, AccountAttributeValue, DescribeAccountAttributesRequest,
    DescribeAccountAttributesResult, DisableSerialConsoleAccessRequest, DisableSerialConsoleAccessResult,
    EnableSerialConsoleAccessRequest, EnableSerialConsoleAccessResult, GetSerialConsoleAccessStatusRequest,
    GetSerialConsoleAccessStatusResult, ManagedBy, ModifyAvailabilityZoneGroupRequest,
    ModifyAvailabilityZoneGroupResult, ModifyAvailabilityZoneOptInStatus,
};

pub(super) use id_formats::{describe_aggregate_id_format, describe_id_format, describe_principal_id_format};
pub(super) use metadata_defaults::{get_instance_metadata_defaults, modify_instance_metadata_defaults};

use super::places;
use crate::context::Context;
use crate::error::ApiError;
use crate::quotas::Quota;
use crate::resource::Setting;
use crate::state::{Key, Tables};
use crate::transaction::Transaction;
use crate::view::View;

/// The name of the setting that opens the serial console; it is there while the console is open.
const SERIAL_CONSOLE: &str = "serial-console-access";

/// What is set under this name in the region.
pub(super) fn setting<'a>(tables: &'a Tables, name: &str) -> Option<&'a str> {
    tables.settings.get(name).map(|setting| setting.value.as_str())
}

/// Sets this in the region, or takes the setting away.
pub(super) fn set(tx: &mut Transaction, name: &str, value: Option<&str>) {
    match value {
        Some(value) => tx.put(Setting { name: name.into(), value: value.to_owned() }),
        None if tx.settings.contains_key(name) => tx.delete(Key::Setting(name.into())),
        None => {}
    }
}

/// Without names, all attributes are given, also those that the model no longer names.
pub(super) fn describe_account_attributes(
    context: &Context,
    view: &View<'_>,
    request: DescribeAccountAttributesRequest,
) -> Result<DescribeAccountAttributesResult, ApiError> {
    let quota = |quota| context.config.quotas.get(quota).to_string();
    let default_vpc = view.default_vpc().map_or_else(|| "none".to_owned(), |vpc| vpc.id.to_string());
    let supported_platforms = AccountAttributeName::SupportedPlatforms.as_str();
    let all = [
        (supported_platforms, "VPC".to_owned()),
        (AccountAttributeName::DefaultVpc.as_str(), default_vpc),
        ("max-instances", context.config.max_instances.to_string()),
        ("vpc-max-security-groups-per-interface", quota(Quota::SecurityGroupsPerInterface)),
        ("max-elastic-ips", quota(Quota::ElasticIps)),
        ("vpc-max-elastic-ips", quota(Quota::ElasticIps)),
    ];
    let names = &request.attribute_names;
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted.as_str() == name);
    let shape = |(name, value): (&str, String)| AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: vec![AccountAttributeValue { attribute_value: Some(value) }],
    };
    let account_attributes = all.into_iter().filter(|(name, _)| is_wanted(name)).map(shape).collect();
    Ok(DescribeAccountAttributesResult { account_attributes })
}

pub(super) fn get_serial_console_access_status(
    _: &Context,
    view: &View<'_>,
    _: GetSerialConsoleAccessStatusRequest,
) -> Result<GetSerialConsoleAccessStatusResult, ApiError> {
    Ok(GetSerialConsoleAccessStatusResult {
        managed_by: Some(ManagedBy::Account),
        serial_console_access_enabled: Some(setting(view.tables(), SERIAL_CONSOLE).is_some()),
    })
}

pub(super) fn enable_serial_console_access(
    _: &Context,
    tx: &mut Transaction,
    _: EnableSerialConsoleAccessRequest,
) -> Result<EnableSerialConsoleAccessResult, ApiError> {
    set(tx, SERIAL_CONSOLE, Some("enabled"));
    Ok(EnableSerialConsoleAccessResult { serial_console_access_enabled: Some(true) })
}

pub(super) fn disable_serial_console_access(
    _: &Context,
    tx: &mut Transaction,
    _: DisableSerialConsoleAccessRequest,
) -> Result<DisableSerialConsoleAccessResult, ApiError> {
    set(tx, SERIAL_CONSOLE, None);
    Ok(DisableSerialConsoleAccessResult { serial_console_access_enabled: Some(false) })
}

/// The zones here are always opted in to, and EC2 lets nobody opt out by itself.
pub(super) fn modify_availability_zone_group(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyAvailabilityZoneGroupRequest,
) -> Result<ModifyAvailabilityZoneGroupResult, ApiError> {
    let name = &request.group_name;
    if *name != places::zone_group(tx.view().region()) {
        return Err(ApiError::invalid_value(format!("The availability zone group '{name}' does not exist")));
    }
    match request.opt_in_status.ok_or_else(|| ApiError::missing("OptInStatus"))? {
        ModifyAvailabilityZoneOptInStatus::OptedIn => Ok(ModifyAvailabilityZoneGroupResult { r#return: Some(true) }),
        ModifyAvailabilityZoneOptInStatus::NotOptedIn => {
            let message = "Opting out of Local Zones is not currently supported. Contact AWS Support for additional \
                           assistance.";
            Err(ApiError::new("UnsupportedOperation", message))
        }
    }
}
