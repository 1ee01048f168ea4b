//! Attributes of network interfaces, one a call.

use std::sync::Arc;

use ec2_shapes::{
    AttributeBooleanValue, AttributeValue, DescribeNetworkInterfaceAttributeRequest,
    DescribeNetworkInterfaceAttributeResult, ModifyNetworkInterfaceAttributeRequest, NetworkInterfaceAttachmentChanges,
    NetworkInterfaceAttribute, ResetNetworkInterfaceAttributeRequest,
};
use types::InstanceState;

use super::attach::{attachment_not_found, parse_attachment_id};
use super::create::{check_description, connection_tracking, find_groups};
use super::{InterfaceView, check_ours, unavailable};
use crate::actions::addresses::give_automatic_address;
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::get;
use crate::resource::{Attachment, NetworkInterface};
use crate::transaction::Transaction;
use crate::view::View;

fn no_attribute() -> ApiError {
    ApiError::invalid_combination("No attributes specified.")
}

pub(in crate::actions) fn describe_network_interface_attribute(
    context: &Context,
    view: &View<'_>,
    request: DescribeNetworkInterfaceAttributeRequest,
) -> Result<DescribeNetworkInterfaceAttributeResult, ApiError> {
    let interface = get::<NetworkInterface>(view.tables(), &request.network_interface_id)?;
    let mut answer = DescribeNetworkInterfaceAttributeResult {
        network_interface_id: Some(interface.id.to_string()),
        ..DescribeNetworkInterfaceAttributeResult::default()
    };
    match request.attribute.ok_or_else(no_attribute)? {
        NetworkInterfaceAttribute::Description => {
            answer.description = Some(AttributeValue { value: Some(interface.description.clone()) });
        }
        NetworkInterfaceAttribute::GroupSet => answer.groups = show::group_identifiers(view, &interface.groups),
        NetworkInterfaceAttribute::SourceDestCheck => {
            answer.source_dest_check = Some(AttributeBooleanValue { value: Some(interface.source_dest_check) });
        }
        NetworkInterfaceAttribute::Attachment => {
            answer.attachment =
                InterfaceView { account: context.account(), tables: view.tables().into(), interface }.attachment();
        }
        NetworkInterfaceAttribute::AssociatePublicIpAddress => {
            answer.associate_public_ip_address = Some(interface.auto_public);
        }
    }
    Ok(answer)
}

pub(in crate::actions) fn modify_network_interface_attribute(
    context: &Context,
    tx: &mut Transaction,
    request: ModifyNetworkInterfaceAttributeRequest,
) -> Result<(), ApiError> {
    let old = Arc::clone(get::<NetworkInterface>(tx, &request.network_interface_id)?);
    check_only_one(&request)?;
    check_ours(&old)?;
    let mut new = NetworkInterface::clone(&old);
    if let Some(description) = request.description {
        new.description = description.value.unwrap_or_default();
        check_description(&new.description)?;
    }
    if !request.groups.is_empty() {
        new.groups = find_groups(context, tx, old.vpc, old.subnet, &request.groups)?;
    }
    if let Some(check) = request.source_dest_check {
        new.source_dest_check = check.value.ok_or_else(|| ApiError::missing("SourceDestCheck.Value"))?;
    }
    if let Some(changes) = &request.attachment {
        new.attachment = Some(changed_attachment(&old, changes)?);
    }
    if let Some(is_primary) = request.enable_primary_ipv6 {
        new.primary_ipv6 = primary_ipv6(&old, is_primary)?;
    }
    if request.connection_tracking_specification.is_some() {
        new.connection_tracking = connection_tracking(request.connection_tracking_specification.as_ref())?;
    }
    if let Some(wanted) = request.associate_public_ip_address {
        return set_automatic_address(context, tx, &new, wanted);
    }
    tx.put(new);
    Ok(())
}

/// Checks that a request changes one attribute, and one that can be changed here.
fn check_only_one(request: &ModifyNetworkInterfaceAttributeRequest) -> Result<(), ApiError> {
    let srd = request.ena_srd_specification.as_ref();
    let asked = [
        (request.associate_public_ip_address.is_some(), "associatePublicIpAddress"),
        (!request.associated_subnet_ids.is_empty(), "associatedSubnetIds"),
        (request.attachment.is_some(), "attachment"),
        (request.connection_tracking_specification.is_some(), "connectionTrackingSpecification"),
        (request.description.is_some(), "description"),
        (srd.is_some(), "enaSrdSpecification"),
        (request.enable_primary_ipv6.is_some(), "enablePrimaryIpv6"),
        (!request.groups.is_empty(), "groupSet"),
        (request.source_dest_check.is_some(), "sourceDestCheck"),
    ];
    let asked: Vec<&str> = asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name).collect();
    if !request.associated_subnet_ids.is_empty() {
        return Err(unavailable("AssociatedSubnetIds"));
    }
    if srd.is_some_and(|srd| srd.ena_srd_enabled == Some(true)) {
        return Err(unavailable("EnaSrdSpecification"));
    }
    match asked.as_slice() {
        [] => Err(no_attribute()),
        [_] => Ok(()),
        names => Err(ApiError::invalid_combination(format!(
            "Fields for multiple attribute types specified: {}",
            names.join(", ")
        ))),
    }
}

fn changed_attachment(
    interface: &NetworkInterface,
    changes: &NetworkInterfaceAttachmentChanges,
) -> Result<Attachment, ApiError> {
    let text = changes.attachment_id.as_deref().ok_or_else(|| ApiError::missing("Attachment.AttachmentId"))?;
    let id = parse_attachment_id(text)?;
    let attachment = interface.attachment.as_ref().filter(|attachment| attachment.id == id);
    let attachment = attachment.ok_or_else(|| attachment_not_found(text))?;
    if changes.ena_queue_count.is_some() {
        return Err(unavailable("Attachment.EnaQueueCount"));
    }
    let delete_on_termination = match changes.delete_on_termination {
        Some(wanted) => wanted,
        None if changes.default_ena_queue_count == Some(true) => attachment.delete_on_termination,
        None => return Err(ApiError::missing("Attachment.DeleteOnTermination")),
    };
    Ok(Attachment { delete_on_termination, ..attachment.clone() })
}

fn primary_ipv6(interface: &NetworkInterface, wanted: bool) -> Result<bool, ApiError> {
    if interface.primary_ipv6 && !wanted {
        return Err(ApiError::invalid_value("A primary IPv6 address cannot be disabled once it was enabled."));
    }
    if wanted && interface.ipv6.is_empty() {
        return Err(ApiError::invalid_value(format!(
            "The network interface {} has no IPv6 address that could be its primary one.",
            interface.id
        )));
    }
    Ok(wanted)
}

/// Sets whether the interface is to have a public address of the pool, and gives or takes it where its instance is up.
/// An Elastic IP address stays what it is.
fn set_automatic_address(
    context: &Context,
    tx: &mut Transaction,
    interface: &NetworkInterface,
    wanted: bool,
) -> Result<(), ApiError> {
    let is_automatic = interface.public.as_ref().is_some_and(|public| public.elastic.is_none());
    let public = interface.public.clone().filter(|_| wanted || !is_automatic);
    let new = NetworkInterface { auto_public: wanted, public, ..interface.clone() };
    let instance = new.attachment.as_ref().filter(|at| at.device_index == 0).map(|attachment| attachment.instance);
    let is_up = instance
        .and_then(|id| tx.instances.get(&id))
        .is_some_and(|instance| matches!(instance.state, InstanceState::Pending | InstanceState::Running));
    if wanted && is_up && new.public.is_none() {
        return give_automatic_address(context, tx, &new);
    }
    tx.put(new);
    Ok(())
}

pub(in crate::actions) fn reset_network_interface_attribute(
    _: &Context,
    tx: &mut Transaction,
    request: ResetNetworkInterfaceAttributeRequest,
) -> Result<(), ApiError> {
    let old = Arc::clone(get::<NetworkInterface>(tx, &request.network_interface_id)?);
    request.source_dest_check.ok_or_else(no_attribute)?;
    check_ours(&old)?;
    tx.put(NetworkInterface { source_dest_check: true, ..NetworkInterface::clone(&old) });
    Ok(())
}
