//! Launching from a template: what the template says counts where the request says nothing.

use ec2_shapes::{LaunchTemplateSpecification, RunInstancesRequest, TagSpecification};
use serde_json::{Value, json};
use types::LaunchTemplateId;

use super::{data, find};
use crate::error::ApiError;
use crate::resource::{LaunchData, Tags};
use crate::state::Tables;

/// The version that is used where a launch names none.
const DEFAULT: &str = "$Default";

/// Which template a launch came from.
#[derive(Debug, Clone, Copy)]
pub(in crate::actions) struct FromTemplate {
    id: LaunchTemplateId,
    version: i64,
}

impl FromTemplate {
    /// The tags that tell so on the instances, as AWS puts them there.
    pub(in crate::actions) fn tags(self) -> Tags {
        Tags::from([
            ("aws:ec2launchtemplate:id".to_owned(), self.id.to_string()),
            ("aws:ec2launchtemplate:version".to_owned(), self.version.to_string()),
        ])
    }
}

/// A request for a launch with what its template says, and which template that was; unchanged where it names none.
///
/// # Errors
/// As [`find::one`] and [`find::version`]; `InvalidParameterCombination` for a template that does not say a type.
pub(in crate::actions) fn resolve(
    tables: &Tables,
    request: RunInstancesRequest,
) -> Result<(RunInstancesRequest, Option<FromTemplate>), ApiError> {
    let Some(named) = request.launch_template.clone() else { return Ok((request, None)) };
    let LaunchTemplateSpecification { launch_template_id, launch_template_name, version } = named;
    let template = find::one(tables, launch_template_id.as_deref(), launch_template_name.as_deref())?;
    let version = find::version(template, version.as_deref().filter(|text| !text.is_empty()).unwrap_or(DEFAULT))?;
    let request = under(&version.data, request)?;
    Ok((request, Some(FromTemplate { id: template.id, version: version.number })))
}

/// The request laid over what a template says.
fn under(LaunchData(said): &LaunchData, request: RunInstancesRequest) -> Result<RunInstancesRequest, ApiError> {
    if said.get("instance_requirements").is_some() && request.instance_type.is_none() {
        let message = "A launch template with InstanceRequirements can be used for fleets only; name an instance type.";
        return Err(ApiError::invalid_combination(message));
    }
    let said_tags: Vec<TagSpecification> =
        data::read(said.get("tag_specifications").cloned().unwrap_or_else(|| json!([])))?;
    let tags = joined(said_tags, request.tag_specifications.clone());
    let request = serde_json::to_value(RunInstancesRequest { launch_template: None, ..request });
    let mut all = data::laid_over(&as_launch(said), &request.map_err(|_| ApiError::internal())?);
    place_network(&mut all);
    data::read(Value::Object(all)).map(|request| RunInstancesRequest { tag_specifications: tags, ..request })
}

/// A template's data under the names that a launch has for it.
fn as_launch(said: &Value) -> Value {
    let mut said = said.clone();
    if let Some(members) = said.as_object_mut() {
        for (name, launch_name) in
            [("ram_disk_id", "ramdisk_id"), ("elastic_gpu_specifications", "elastic_gpu_specification")]
        {
            if let Some(value) = members.remove(name) {
                members.insert(launch_name.to_owned(), value);
            }
        }
    }
    said
}

/// A template names subnet and groups inside its interface; a request may name others beside it, as the CLI does.
/// Inside is where a launch looks, so they go there.
fn place_network(all: &mut serde_json::Map<String, Value>) {
    let has_interface = all.get("network_interfaces").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if !has_interface {
        return;
    }
    for (outside, inside) in
        [("subnet_id", "subnet_id"), ("security_group_ids", "groups"), ("private_ip_address", "private_ip_address")]
    {
        let Some(value) = all.remove(outside) else { continue };
        let primary = all.get_mut("network_interfaces").and_then(|list| list.get_mut(0));
        if let Some(primary) = primary.and_then(Value::as_object_mut) {
            primary.insert(inside.to_owned(), value);
        }
    }
}

/// Tags of both, by type of resource; where both set a key the second counts.
fn joined(said: Vec<TagSpecification>, asked: Vec<TagSpecification>) -> Vec<TagSpecification> {
    let mut all = asked;
    for specification in said {
        match all.iter_mut().find(|other| other.resource_type == specification.resource_type) {
            None => all.push(specification),
            Some(other) => {
                let new: Vec<_> =
                    specification.tags.into_iter().filter(|tag| other.tags.iter().all(|t| t.key != tag.key)).collect();
                other.tags.extend(new);
            }
        }
    }
    all
}
