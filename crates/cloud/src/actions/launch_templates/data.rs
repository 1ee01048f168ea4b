//! What a template says: kept, laid over other data, and told.
//!
//! The structures of requests and of answers have the same members, so what one writes the other reads.

use ec2_shapes::{
    CreditSpecification, GetLaunchTemplateDataRequest, GetLaunchTemplateDataResult, Instance as InstanceShape,
    LaunchTemplateBlockDeviceMapping, LaunchTemplateEbsBlockDevice, LaunchTemplateIamInstanceProfileSpecification,
    LaunchTemplateInstanceNetworkInterfaceSpecification, LaunchTemplatePlacement, LaunchTemplatesMonitoring,
    MonitoringState, RequestLaunchTemplateData, ResponseLaunchTemplateData, ShutdownBehavior, VolumeType,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use types::VolumeId;

use crate::actions::instances;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::{Instance, LaunchData, LaunchTemplateVersion};
use crate::services::ssm;
use crate::state::Tables;
use crate::view::View;

/// The data of a request, to be kept.
///
/// # Errors
/// `MissingParameter` where there is none, `InvalidParameterCombination` where it contradicts itself.
pub(super) fn keep(data: Option<&RequestLaunchTemplateData>) -> Result<LaunchData, ApiError> {
    let data = data.ok_or_else(|| ApiError::missing("LaunchTemplateData"))?;
    if data.instance_type.is_some() && data.instance_requirements.is_some() {
        return Err(ApiError::invalid_combination(
            "The parameters InstanceType and InstanceRequirements cannot be used together.",
        ));
    }
    serde_json::to_value(data).map(LaunchData).map_err(|_| ApiError::internal())
}

/// Data laid over other data: what it says counts, and what it does not say is as below.
pub(super) fn over(base: Option<&LaunchData>, data: LaunchData) -> LaunchData {
    let Some(LaunchData(base)) = base else { return data };
    LaunchData(Value::Object(laid_over(base, &data.0)))
}

/// Two objects as one, the members of the second before those of the first.
pub(super) fn laid_over(base: &Value, top: &Value) -> Map<String, Value> {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut all = members(base);
    all.extend(members(top));
    all
}

/// Data as another structure with the same members.
///
/// # Errors
/// `InternalError` where the members are not the same.
pub(super) fn read<T: DeserializeOwned>(data: Value) -> Result<T, ApiError> {
    serde_json::from_value(data).map_err(|_| ApiError::internal())
}

/// The data as answers show it.
pub(super) fn told(data: &LaunchData) -> Result<ResponseLaunchTemplateData, ApiError> {
    read(data.0.clone())
}

/// The image that a version's alias leads to now; `None` where it names an image itself, or none.
///
/// # Errors
/// `InvalidParameterValue` for an alias that leads nowhere.
pub(super) fn resolved_image(view: &View<'_>, version: &LaunchTemplateVersion) -> Result<Option<String>, ApiError> {
    let Some(text) = version.data.0.get("image_id").and_then(Value::as_str) else { return Ok(None) };
    let found = ssm::resolve_image(view.state(), view.region(), text).transpose()?;
    Ok(found.map(|id| id.to_string()))
}

/// Hands what lies at a path to `found`; of a list, what each of its items has there.
pub(in crate::actions) fn values_at(data: &Value, path: &[&str], found: &mut dyn FnMut(&str)) {
    match (data, path) {
        (Value::Array(items), _) => items.iter().for_each(|item| values_at(item, path, found)),
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(member) = members.get(*name) {
                values_at(member, rest, found);
            }
        }
        (Value::String(text), []) => found(text),
        (Value::Bool(_) | Value::Number(_), []) => found(&data.to_string()),
        _ => {}
    }
}

pub(in crate::actions) fn get_launch_template_data(
    context: &Context,
    view: &View<'_>,
    request: GetLaunchTemplateDataRequest,
) -> Result<GetLaunchTemplateDataResult, ApiError> {
    let (instance, shape) = instances::described(context, view.tables(), &request.instance_id)?;
    Ok(GetLaunchTemplateDataResult { launch_template_data: Some(of_instance(view.tables(), instance, shape)) })
}

/// What a template must say to launch another instance like this one.
fn of_instance(tables: &Tables, instance: &Instance, shape: InstanceShape) -> ResponseLaunchTemplateData {
    use base64::Engine as _;
    let encode = |bytes: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(bytes);
    let monitoring = shape.monitoring.as_ref().and_then(|monitoring| monitoring.state);
    let profile = shape
        .iam_instance_profile
        .as_ref()
        .map(|profile| LaunchTemplateIamInstanceProfileSpecification { arn: profile.arn.clone(), name: None });
    ResponseLaunchTemplateData {
        block_device_mappings: disks(tables, &shape),
        credit_specification: instance
            .options
            .credits
            .map(|credits| CreditSpecification { cpu_credits: Some(credits.name().to_owned()) }),
        disable_api_stop: Some(instance.disable_api_stop),
        disable_api_termination: Some(instance.disable_api_termination),
        ebs_optimized: shape.ebs_optimized,
        iam_instance_profile: profile,
        image_id: shape.image_id.clone(),
        instance_initiated_shutdown_behavior: ShutdownBehavior::from_wire(instance.shutdown_behavior.name()),
        instance_type: shape.instance_type.clone(),
        key_name: shape.key_name.clone(),
        monitoring: Some(LaunchTemplatesMonitoring {
            enabled: Some(monitoring == Some(MonitoringState::Enabled)),
            ..Default::default()
        }),
        network_interfaces: interfaces(&shape),
        placement: shape.placement.map(|placement| LaunchTemplatePlacement {
            availability_zone: placement.availability_zone,
            group_name: placement.group_name,
            tenancy: placement.tenancy,
            ..Default::default()
        }),
        user_data: instance.user_data.as_ref().map(encode),
        ..Default::default()
    }
}

fn disks(tables: &Tables, shape: &InstanceShape) -> Vec<LaunchTemplateBlockDeviceMapping> {
    let whole = |number: u32| i32::try_from(number).ok();
    let disk = |mapping: &ec2_shapes::InstanceBlockDeviceMapping| {
        let ebs = mapping.ebs.as_ref()?;
        let volume = ebs.volume_id.as_deref().and_then(|id| tables.volumes.get(&id.parse::<VolumeId>().ok()?))?;
        Some(LaunchTemplateBlockDeviceMapping {
            device_name: mapping.device_name.clone(),
            ebs: Some(LaunchTemplateEbsBlockDevice {
                delete_on_termination: ebs.delete_on_termination,
                encrypted: Some(false),
                snapshot_id: volume.snapshot.map(|id| id.to_string()),
                volume_size: whole(volume.spec.size_gib),
                volume_type: VolumeType::from_wire(volume.spec.volume_type.name()),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    shape.block_device_mappings.iter().filter_map(disk).collect()
}

fn interfaces(shape: &InstanceShape) -> Vec<LaunchTemplateInstanceNetworkInterfaceSpecification> {
    let interface = |interface: &ec2_shapes::InstanceNetworkInterface| {
        let attachment = interface.attachment.as_ref();
        LaunchTemplateInstanceNetworkInterfaceSpecification {
            associate_public_ip_address: interface.association.is_some().then_some(true),
            delete_on_termination: attachment.and_then(|attachment| attachment.delete_on_termination),
            description: interface.description.clone(),
            device_index: attachment.and_then(|attachment| attachment.device_index),
            groups: interface.groups.iter().filter_map(|group| group.group_id.clone()).collect(),
            subnet_id: interface.subnet_id.clone(),
            ..Default::default()
        }
    };
    shape.network_interfaces.iter().map(interface).collect()
}
