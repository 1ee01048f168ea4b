//! DescribeInstanceAttribute.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ec2_shapes::{
    AttributeBooleanValue, AttributeValue, DescribeInstanceAttributeRequest, EnclaveOptions, InstanceAttribute,
    InstanceAttributeName,
};

use super::shape::InstanceView;
use super::{find_instance, parse_instance_id};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::view::View;

/// Answers with one attribute. One that has no value has an empty element: clients read it without asking.
pub(in crate::actions) fn describe_instance_attribute(
    context: &Context,
    view: &View<'_>,
    request: DescribeInstanceAttributeRequest,
) -> Result<InstanceAttribute, ApiError> {
    let tables = view.tables();
    let instance = find_instance(tables, parse_instance_id(&request.instance_id)?)?;
    let primary = InstanceView::new(context, tables, instance).primary();
    let mut answer = InstanceAttribute { instance_id: Some(instance.id.to_string()), ..InstanceAttribute::default() };
    let text = |value: &str| Some(AttributeValue { value: Some(value.to_owned()) });
    let none = Some(AttributeValue::default());
    let flag = |value: bool| Some(AttributeBooleanValue { value: Some(value) });
    use InstanceAttributeName as Name;
    match request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? {
        Name::InstanceType => answer.instance_type = text(&instance.instance_type),
        Name::Kernel => answer.kernel_id = none,
        Name::Ramdisk => answer.ramdisk_id = none,
        Name::UserData => {
            let value = instance.user_data.as_ref().map(|bytes| STANDARD.encode(bytes));
            answer.user_data = Some(AttributeValue { value });
        }
        Name::DisableApiTermination => answer.disable_api_termination = flag(instance.disable_api_termination),
        Name::DisableApiStop => answer.disable_api_stop = flag(instance.disable_api_stop),
        Name::InstanceInitiatedShutdownBehavior => {
            answer.instance_initiated_shutdown_behavior = text(instance.shutdown_behavior.name());
        }
        Name::RootDeviceName => answer.root_device_name = text(&instance.root_device),
        Name::BlockDeviceMapping => {
            answer.block_device_mappings = InstanceView::new(context, tables, instance).block_devices();
        }
        // No image here has a product code.
        Name::ProductCodes => {}
        Name::SourceDestCheck => {
            let checked = primary.is_none_or(|view| view.interface.source_dest_check);
            answer.source_dest_check = flag(checked);
        }
        Name::GroupSet => {
            answer.groups =
                primary.map(|view| show::group_identifiers(tables, &view.interface.groups)).unwrap_or_default();
        }
        Name::EbsOptimized => answer.ebs_optimized = flag(instance.ebs_optimized),
        Name::SriovNetSupport => {
            answer.sriov_net_support = if instance.options.sriov_simple { text("simple") } else { none };
        }
        Name::EnaSupport => answer.ena_support = flag(true),
        Name::EnclaveOptions => answer.enclave_options = Some(EnclaveOptions { enabled: Some(false) }),
    }
    Ok(answer)
}
