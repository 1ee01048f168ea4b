//! Instances.

mod attribute;
mod console;
mod credits;
mod describe;
mod instance_types;
mod launch;
mod listing;
mod modify;
mod monitoring;
mod options;
mod power;
mod profiles;
mod requirements;
pub(in crate::actions) mod shape;
mod status;
#[cfg(test)]
mod tests;
mod unknown;

use std::collections::BTreeSet;
use std::sync::Arc;

use types::InstanceId;

pub(super) use attribute::describe_instance_attribute;
pub(super) use console::get_console_output;
pub(super) use credits::{
    describe_instance_credit_specifications, get_default_credit_specification, modify_default_credit_specification,
    modify_instance_credit_specification,
};
pub(super) use describe::describe_instances;
pub(super) use instance_types::describe_instance_types;
pub(super) use launch::run_instances;
pub use listing::{InstanceListing, shown_instance};
pub(super) use modify::{modify_instance_attribute, reset_instance_attribute};
pub(super) use monitoring::{monitor_instances, report_instance_status, unmonitor_instances};
pub(super) use options::{
    modify_instance_capacity_reservation_attributes, modify_instance_cpu_options, modify_instance_maintenance_options,
    modify_instance_metadata_options, modify_instance_placement, modify_private_dns_name_options,
};
pub(super) use power::{reboot_instances, start_instances, stop_instances, terminate_instances};
pub(super) use profiles::{
    associate_iam_instance_profile, describe_iam_instance_profile_associations, disassociate_iam_instance_profile,
    replace_iam_instance_profile_association,
};
pub(super) use requirements::{describe_instance_type_offerings, get_instance_types_from_instance_requirements};
pub(super) use status::describe_instance_status;
pub(super) use unknown::{
    describe_classic_link_instances, describe_instance_event_windows, describe_instance_topology, get_password_data,
};

use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Instance;
use crate::state::Tables;

/// An instance as a record and as answers show it.
pub(super) fn described<'a>(
    context: &Context,
    tables: &'a Tables,
    text: &str,
) -> Result<(&'a Arc<Instance>, ec2_shapes::Instance), ApiError> {
    let instance = find_instance(tables, parse_instance_id(text)?)?;
    Ok((instance, shape::InstanceView::new(context, tables, instance).to_shape()))
}

/// The id of an instance.
pub(super) fn parse_instance_id(text: &str) -> Result<InstanceId, ApiError> {
    text.parse().map_err(|_| ApiError::new("InvalidInstanceID.Malformed", format!("Invalid id: \"{text}\"")))
}

/// The instance of this id.
pub(super) fn find_instance(tables: &Tables, id: InstanceId) -> Result<&Arc<Instance>, ApiError> {
    tables.instances.get(&id).ok_or_else(|| not_found(&[id]))
}

/// The instances with these ids, each once and in the order of ids; none where no id is named.
fn find_instances<'a>(tables: &'a Tables, ids: &[String]) -> Result<Vec<&'a Arc<Instance>>, ApiError> {
    let ids = ids.iter().map(|id| parse_instance_id(id)).collect::<Result<BTreeSet<_>, _>>()?;
    let missing: Vec<InstanceId> = ids.iter().copied().filter(|id| !tables.instances.contains_key(id)).collect();
    if missing.is_empty() {
        Ok(ids.iter().filter_map(|id| tables.instances.get(id)).collect())
    } else {
        Err(not_found(&missing))
    }
}

/// The instances that a describing request asks for: those with the ids, or all.
fn select<'a>(tables: &'a Tables, ids: &[String]) -> Result<Vec<&'a Arc<Instance>>, ApiError> {
    if ids.is_empty() { Ok(tables.instances.values().collect()) } else { find_instances(tables, ids) }
}

fn not_found(ids: &[InstanceId]) -> ApiError {
    let message = match ids {
        [one] => format!("The instance ID '{one}' does not exist"),
        many => {
            let many: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("The instance IDs '{}' do not exist", many.join(", "))
        }
    };
    ApiError::new("InvalidInstanceID.NotFound", message)
}
