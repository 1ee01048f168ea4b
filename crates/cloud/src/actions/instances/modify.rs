//! ModifyInstanceAttribute and ResetInstanceAttribute.
//!
//! A call changes one attribute, named by `Attribute` with a `Value` or by a parameter of its own. What the machine is
//! made from can be changed only while it is stopped.

use ec2_shapes::{
    InstanceAttributeName, InstanceBlockDeviceMappingSpecification, ModifyInstanceAttributeRequest,
    ResetInstanceAttributeRequest,
};
use types::{InstanceState, SecurityGroupId};

use super::launch::settings;
use super::{find_instance, parse_instance_id};
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::query;
use crate::quotas::Quota;
use crate::resource::{BlockDevice, Instance, NetworkInterface, SecurityGroup, ShutdownBehavior, Volume};
use crate::transaction::Transaction;

/// One attribute and what it is to be.
enum Edit<'r> {
    InstanceType(&'r str),
    Kernel(&'r str),
    Ramdisk(&'r str),
    UserData(Vec<u8>),
    Shutdown(ShutdownBehavior),
    DisableApiTermination(bool),
    DisableApiStop(bool),
    EbsOptimized(bool),
    EnaSupport(bool),
    SriovNetSupport(&'r str),
    EnclaveOptions(bool),
    SourceDestCheck(bool),
    Groups(&'r [String]),
    BlockDevices(&'r [InstanceBlockDeviceMappingSpecification]),
}

impl Edit<'_> {
    /// Whether the instance must be stopped for it.
    fn needs_stopped(&self) -> bool {
        matches!(
            self,
            Self::InstanceType(_)
                | Self::Kernel(_)
                | Self::Ramdisk(_)
                | Self::UserData(_)
                | Self::EbsOptimized(_)
                | Self::EnaSupport(_)
                | Self::SriovNetSupport(_)
                | Self::EnclaveOptions(_)
        )
    }
}

pub(in crate::actions) fn modify_instance_attribute(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyInstanceAttributeRequest,
) -> Result<(), ApiError> {
    let mut instance = Instance::clone(find_instance(tx, parse_instance_id(&request.instance_id)?)?);
    let edit = only_edit(&request)?;
    if edit.needs_stopped() {
        check_stopped(&instance)?;
    } else {
        check_alive(&instance)?;
    }
    match edit {
        Edit::SourceDestCheck(check) => return set_source_dest_check(tx, &instance, check),
        Edit::Groups(groups) => return set_groups(context, tx, &instance, groups),
        Edit::InstanceType(name) => set_type(tx, &mut instance, name)?,
        Edit::Kernel(id) | Edit::Ramdisk(id) => check_no_kernel(id)?,
        Edit::UserData(data) => instance.user_data = Some(data).filter(|data| !data.is_empty()),
        Edit::Shutdown(behavior) => instance.shutdown_behavior = behavior,
        Edit::DisableApiTermination(value) => instance.disable_api_termination = value,
        Edit::DisableApiStop(value) => instance.disable_api_stop = value,
        Edit::EbsOptimized(value) => set_ebs_optimized(&mut instance, value)?,
        Edit::EnaSupport(value) => check_ena(&instance, value)?,
        Edit::SriovNetSupport(value) => set_sriov(&mut instance, value)?,
        Edit::EnclaveOptions(value) => check_no_enclave(value)?,
        Edit::BlockDevices(mappings) => return set_block_devices(tx, &instance, mappings),
    }
    tx.put(instance);
    Ok(())
}

pub(in crate::actions) fn reset_instance_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ResetInstanceAttributeRequest,
) -> Result<(), ApiError> {
    let instance = Instance::clone(find_instance(tx, parse_instance_id(&request.instance_id)?)?);
    match request.attribute.ok_or_else(|| ApiError::missing("Attribute"))? {
        InstanceAttributeName::SourceDestCheck => {
            check_alive(&instance)?;
            set_source_dest_check(tx, &instance, true)
        }
        // Kernels are part of the image, always: there is nothing to go back from.
        InstanceAttributeName::Kernel | InstanceAttributeName::Ramdisk => check_stopped(&instance),
        other => Err(ApiError::invalid_value(format!(
            "Value ({other}) for parameter attribute is invalid. Only kernel, ramdisk and sourceDestCheck can be reset."
        ))),
    }
}

/// Checks that an instance is stopped.
pub(super) fn check_stopped(instance: &Instance) -> Result<(), ApiError> {
    if instance.state == InstanceState::Stopped {
        return Ok(());
    }
    let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
    Err(ApiError::new("IncorrectInstanceState", message))
}

/// Checks that an instance is not terminated, and not about to be.
pub(super) fn check_alive(instance: &Instance) -> Result<(), ApiError> {
    if !instance.state.is_ending() {
        return Ok(());
    }
    let message =
        format!("The instance '{}' is in the '{}' state and cannot be modified.", instance.id, instance.state.name());
    Err(ApiError::new("IncorrectInstanceState", message))
}

/// The attribute that the request changes, in whichever form it says so.
fn only_edit(request: &ModifyInstanceAttributeRequest) -> Result<Edit<'_>, ApiError> {
    let mut edits = own_parameters(request)?;
    if let Some(value) = request.value.as_deref() {
        let attribute = request.attribute.ok_or_else(|| ApiError::missing("Attribute"))?;
        edits.push(by_name(attribute, value)?);
    }
    match edits.len() {
        0 => Err(ApiError::invalid_combination("No attributes specified.")),
        1 => Ok(edits.remove(0)),
        _ => Err(ApiError::invalid_combination("Fields for multiple attribute types specified")),
    }
}

/// Attributes that have a parameter of their own in the request.
fn own_parameters(request: &ModifyInstanceAttributeRequest) -> Result<Vec<Edit<'_>>, ApiError> {
    let flag = |given: &Option<ec2_shapes::AttributeBooleanValue>| given.as_ref().and_then(|given| given.value);
    fn text(given: &Option<ec2_shapes::AttributeValue>) -> Option<&str> {
        given.as_ref().map(|given| given.value.as_deref().unwrap_or_default())
    }
    let behavior = text(&request.instance_initiated_shutdown_behavior).map(shutdown_behavior).transpose()?;
    let user_data = request.user_data.as_ref().map(|given| {
        let bytes = given.value.as_ref().map(|blob| blob.0.clone()).unwrap_or_default();
        settings::check_user_data(bytes)
    });
    let enclave = request.enclave_options.as_ref().and_then(|options| options.enabled);
    let groups = Some(request.groups.as_slice()).filter(|groups| !groups.is_empty());
    let devices = Some(request.block_device_mappings.as_slice()).filter(|mappings| !mappings.is_empty());
    let all = [
        text(&request.instance_type).map(Edit::InstanceType),
        text(&request.kernel).map(Edit::Kernel),
        text(&request.ramdisk).map(Edit::Ramdisk),
        user_data.transpose()?.map(Edit::UserData),
        behavior.map(Edit::Shutdown),
        flag(&request.disable_api_termination).map(Edit::DisableApiTermination),
        flag(&request.disable_api_stop).map(Edit::DisableApiStop),
        flag(&request.ebs_optimized).map(Edit::EbsOptimized),
        flag(&request.ena_support).map(Edit::EnaSupport),
        text(&request.sriov_net_support).map(Edit::SriovNetSupport),
        enclave.map(Edit::EnclaveOptions),
        flag(&request.source_dest_check).map(Edit::SourceDestCheck),
        groups.map(Edit::Groups),
        devices.map(Edit::BlockDevices),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// An attribute named by `Attribute`, with its `Value`.
fn by_name(attribute: InstanceAttributeName, value: &str) -> Result<Edit<'_>, ApiError> {
    use InstanceAttributeName as Name;
    let flag = || match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ApiError::invalid_value(format!(
            "Value ({value}) for parameter value is invalid. It must be true or false."
        ))),
    };
    Ok(match attribute {
        Name::InstanceType => Edit::InstanceType(value),
        Name::Kernel => Edit::Kernel(value),
        Name::Ramdisk => Edit::Ramdisk(value),
        Name::UserData => Edit::UserData(settings::user_data(Some(value))?.unwrap_or_default()),
        Name::DisableApiTermination => Edit::DisableApiTermination(flag()?),
        Name::DisableApiStop => Edit::DisableApiStop(flag()?),
        Name::InstanceInitiatedShutdownBehavior => Edit::Shutdown(shutdown_behavior(value)?),
        Name::SourceDestCheck => Edit::SourceDestCheck(flag()?),
        Name::EbsOptimized => Edit::EbsOptimized(flag()?),
        Name::EnaSupport => Edit::EnaSupport(flag()?),
        Name::SriovNetSupport => Edit::SriovNetSupport(value),
        Name::RootDeviceName
        | Name::BlockDeviceMapping
        | Name::ProductCodes
        | Name::GroupSet
        | Name::EnclaveOptions => {
            return Err(ApiError::invalid_combination(format!(
                "The attribute '{attribute}' cannot be modified with the parameter value"
            )));
        }
    })
}

fn shutdown_behavior(text: &str) -> Result<ShutdownBehavior, ApiError> {
    [ShutdownBehavior::Stop, ShutdownBehavior::Terminate].into_iter().find(|b| b.name() == text).ok_or_else(|| {
        ApiError::invalid_value(format!("Invalid value '{text}' for InstanceInitiatedShutdownBehavior."))
    })
}

/// Makes a stopped instance one of another type, where the new type can carry what it has.
fn set_type(tx: &Transaction, instance: &mut Instance, name: &str) -> Result<(), ApiError> {
    let invalid =
        || ApiError::new("InvalidInstanceAttributeValue", format!("Invalid value '{name}' for InstanceType."));
    let new = InstanceType::find(name).ok_or_else(invalid)?;
    let old = InstanceType::find(&instance.instance_type);
    let architecture = old.and_then(|old| old.architectures().last().copied()).unwrap_or("x86_64");
    if !new.architectures().contains(&architecture) {
        return Err(ApiError::invalid_value(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{architecture}' of \
             the instance.",
            new.architectures().join(", ")
        )));
    }
    let interfaces = tx.interfaces_of(instance).count();
    if interfaces > new.maximum_interfaces() as usize {
        return Err(ApiError::new(
            "AttachmentLimitExceeded",
            format!("Interface count {interfaces} exceeds the limit for {name}"),
        ));
    }
    if instance.ebs_optimized && !new.is_ebs_optimized() {
        return Err(not_ebs_optimized());
    }
    if *instance.instance_type != *name {
        instance.instance_type = name.into();
        // The processors are those of the new type, all of them, as on AWS.
        instance.options.cpu = None;
    }
    Ok(())
}

fn not_ebs_optimized() -> ApiError {
    ApiError::new("Unsupported", "EBS-optimized instances are not supported for your requested configuration.")
}

fn set_ebs_optimized(instance: &mut Instance, value: bool) -> Result<(), ApiError> {
    let kind = InstanceType::find(&instance.instance_type);
    if value && !kind.is_some_and(InstanceType::is_ebs_optimized) {
        return Err(not_ebs_optimized());
    }
    instance.ebs_optimized = value;
    Ok(())
}

/// Images here boot by themselves: there are no kernels or RAM disks to choose, only the image's own.
fn check_no_kernel(id: &str) -> Result<(), ApiError> {
    if id.is_empty() {
        return Ok(());
    }
    Err(ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))
}

fn check_ena(instance: &Instance, value: bool) -> Result<(), ApiError> {
    if value {
        return Ok(());
    }
    let name = &instance.instance_type;
    Err(ApiError::invalid_combination(format!(
        "Enhanced networking with the Elastic Network Adapter (ENA) is required for the '{name}' instance type. Ensure \
         that you are using an AMI that is enabled for ENA."
    )))
}

fn set_sriov(instance: &mut Instance, value: &str) -> Result<(), ApiError> {
    if value != "simple" {
        return Err(ApiError::new(
            "InvalidInstanceAttributeValue",
            format!("Invalid value '{value}' for SriovNetSupport. Valid values: simple"),
        ));
    }
    instance.options.sriov_simple = true;
    Ok(())
}

fn check_no_enclave(value: bool) -> Result<(), ApiError> {
    if value {
        let message = "The parameter EnclaveOptions asks for something that is not available.";
        return Err(ApiError::new("UnsupportedOperation", message));
    }
    Ok(())
}

/// The only interface of the instance; what is said of an instance with several must be said of one of them.
fn only_interface(tx: &Transaction, instance: &Instance) -> Result<NetworkInterface, ApiError> {
    let mut interfaces = tx.interfaces_of(instance);
    match (interfaces.next(), interfaces.next()) {
        (Some(only), None) => Ok(NetworkInterface::clone(only)),
        (None, _) => Err(ApiError::internal()),
        (Some(_), Some(_)) => Err(ApiError::new(
            "InvalidInstanceID",
            format!(
                "There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the \
                 operation instead.",
                instance.id
            ),
        )),
    }
}

fn set_source_dest_check(tx: &mut Transaction, instance: &Instance, value: bool) -> Result<(), ApiError> {
    let interface = only_interface(tx, instance)?;
    tx.put(NetworkInterface { source_dest_check: value, ..interface });
    Ok(())
}

fn set_groups(context: &Context, tx: &mut Transaction, instance: &Instance, ids: &[String]) -> Result<(), ApiError> {
    let interface = only_interface(tx, instance)?;
    let mut groups: Vec<SecurityGroupId> = Vec::new();
    for text in ids {
        let group = query::get::<SecurityGroup>(tx, text)?;
        if !group.serves(interface.vpc) {
            return Err(ApiError::new(
                "InvalidGroup.NotFound",
                "You have specified two resources that belong to different networks.",
            ));
        }
        if !groups.contains(&group.id) {
            groups.push(group.id);
        }
    }
    let limit = context.config.quotas.get(Quota::SecurityGroupsPerInterface) as usize;
    if groups.len() > limit {
        return Err(Quota::SecurityGroupsPerInterface.exceeded());
    }
    tx.put(NetworkInterface { groups, ..interface });
    Ok(())
}

/// Says of disks that are there whether they go with the instance; unless told otherwise, they do.
fn set_block_devices(
    tx: &mut Transaction,
    instance: &Instance,
    mappings: &[InstanceBlockDeviceMappingSpecification],
) -> Result<(), ApiError> {
    for mapping in mappings {
        let name = mapping.device_name.as_deref().ok_or_else(|| ApiError::missing("BlockDeviceMapping.DeviceName"))?;
        if mapping.no_device.is_some() || mapping.virtual_name.is_some() {
            let message = "Only the DeleteOnTermination attribute of attached volumes can be modified.";
            return Err(ApiError::new("UnsupportedOperation", message));
        }
        let ebs = mapping.ebs.clone().unwrap_or_default();
        let is_it = |device: &&BlockDevice| {
            device.device_name == name && ebs.volume_id.as_deref().is_none_or(|id| device.volume.to_string() == *id)
        };
        let volume = instance.block_devices.iter().find(is_it).and_then(|device| tx.volumes.get(&device.volume));
        let mut volume = volume.map(|volume| Volume::clone(volume)).ok_or_else(|| {
            ApiError::new("InvalidInstanceAttributeValue", format!("No device is currently mapped at {name}"))
        })?;
        for attachment in volume.attachments.iter_mut().filter(|attachment| attachment.instance == instance.id) {
            attachment.delete_on_termination = ebs.delete_on_termination.unwrap_or(true);
        }
        tx.put(volume);
    }
    Ok(())
}
