//! Attaching network interfaces to instances, and taking them off.

use std::sync::Arc;

use ec2_shapes::{AttachNetworkInterfaceRequest, AttachNetworkInterfaceResult, DetachNetworkInterfaceRequest};
use types::{InstanceState, NetworkInterfaceAttachmentId};

use super::addressing::check_room_for;
use super::unavailable;
use crate::catalog::InstanceType;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{get, parse_id};
use crate::resource::{Attachment, Instance, InterfaceTransition, NetworkInterface, TransitionKind};
use crate::settle::SETTLE_MS;
use crate::state::Tables;
use crate::transaction::Transaction;

/// Brings an interface to the end of what it is in the middle of.
pub(crate) fn end_transition(tx: &mut Transaction, interface: &NetworkInterface) {
    let mut after = NetworkInterface { transition: None, ..interface.clone() };
    if interface.is_in(TransitionKind::Detaching)
        && let Some(attachment) = after.attachment.take()
        && let Some(instance) = tx.instances.get(&attachment.instance)
    {
        let mut instance = Instance::clone(instance);
        instance.interfaces.retain(|id| *id != interface.id);
        tx.put(instance);
    }
    tx.put(after);
}

pub(in crate::actions) fn attach_network_interface(
    context: &Context,
    tx: &mut Transaction,
    request: AttachNetworkInterfaceRequest,
) -> Result<AttachNetworkInterfaceResult, ApiError> {
    if request.ena_srd_specification.as_ref().and_then(|srd| srd.ena_srd_enabled) == Some(true) {
        return Err(unavailable("EnaSrdSpecification"));
    }
    if request.ena_queue_count.is_some() {
        return Err(unavailable("EnaQueueCount"));
    }
    let interface = Arc::clone(get::<NetworkInterface>(tx, &request.network_interface_id)?);
    let instance = Arc::clone(get::<Instance>(tx, &request.instance_id)?);
    check_free(&interface)?;
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        let message = format!("Instance '{}' is not 'running' or 'stopped'.", instance.id);
        return Err(ApiError::new("IncorrectState", message));
    }
    if interface.zone != instance.zone {
        return Err(ApiError::invalid_combination(
            "You may not attach a network interface to an instance if they are not in the same availability zone",
        ));
    }
    let device_index = check_device_index(tx, &instance, request.device_index)?;
    let instance_type = InstanceType::find(&instance.instance_type).ok_or_else(ApiError::internal)?;
    check_network_card(instance_type, request.network_card_index)?;
    check_interface_count(instance_type, instance.interfaces.len() + 1)?;
    check_room_for(instance_type, interface.private_ips().count(), interface.ipv6.len())?;
    let id = NetworkInterfaceAttachmentId::from_number(context.id_number());
    let attachment = Some(Attachment {
        id,
        instance: instance.id,
        device_index,
        attach_time: context.now,
        delete_on_termination: false,
    });
    let transition =
        Some(InterfaceTransition { kind: TransitionKind::Attaching, until: context.now.plus_ms(SETTLE_MS) });
    tx.put(NetworkInterface { attachment, transition, ..NetworkInterface::clone(&interface) });
    let mut instance = Instance::clone(&instance);
    instance.interfaces.push(interface.id);
    instance.interfaces.sort_by_key(|id| device_index_of(tx, id));
    tx.put(instance);
    Ok(AttachNetworkInterfaceResult { attachment_id: Some(id.to_string()), network_card_index: Some(0) })
}

fn device_index_of(tables: &Tables, id: &types::NetworkInterfaceId) -> Option<u32> {
    tables.interfaces.get(id)?.attachment.as_ref().map(|attachment| attachment.device_index)
}

/// Checks that an interface is on nothing.
pub(in crate::actions) fn check_free(interface: &NetworkInterface) -> Result<(), ApiError> {
    if interface.attachment.is_some() || interface.manager.is_some() {
        let message = format!("Interface: [{}] in use.", interface.id);
        return Err(ApiError::new("InvalidNetworkInterface.InUse", message));
    }
    Ok(())
}

fn check_device_index(tables: &Tables, instance: &Instance, wanted: i32) -> Result<u32, ApiError> {
    let index = u32::try_from(wanted)
        .map_err(|_| ApiError::invalid_value(format!("Value ({wanted}) for parameter deviceIndex is invalid.")))?;
    if instance.interfaces.iter().any(|id| device_index_of(tables, id) == Some(index)) {
        return Err(ApiError::invalid_value(format!(
            "Instance '{}' already has an interface attached at device index '{index}'.",
            instance.id
        )));
    }
    Ok(index)
}

/// Checks that instances of the type have a network card of this number.
pub(in crate::actions) fn check_network_card(
    instance_type: &InstanceType,
    wanted: Option<i32>,
) -> Result<(), ApiError> {
    match wanted {
        Some(index) if index != 0 => Err(ApiError::invalid_value(format!(
            "Network card index {index} exceeds the limit for {}.",
            instance_type.name()
        ))),
        _ => Ok(()),
    }
}

/// Checks that instances of the type can have so many interfaces.
pub(in crate::actions) fn check_interface_count(instance_type: &InstanceType, count: usize) -> Result<(), ApiError> {
    if count > instance_type.maximum_interfaces() as usize {
        let message = format!("Interface count {count} exceeds the limit for {}", instance_type.name());
        return Err(ApiError::new("AttachmentLimitExceeded", message));
    }
    Ok(())
}

pub(in crate::actions) fn detach_network_interface(
    context: &Context,
    tx: &mut Transaction,
    request: DetachNetworkInterfaceRequest,
) -> Result<(), ApiError> {
    let id = parse_attachment_id(&request.attachment_id)?;
    if tx.interfaces.values().any(|i| i.manager.as_ref().is_some_and(|manager| manager.attachment == id)) {
        let message = "You do not have permission to access the specified resource.";
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    let found = tx.interfaces.values().find(|i| i.attachment.as_ref().is_some_and(|attachment| attachment.id == id));
    let interface = Arc::clone(found.ok_or_else(|| attachment_not_found(&request.attachment_id))?);
    if device_index_of(tx, &interface.id) == Some(0) {
        let message = "The network interface at device index 0 cannot be detached.";
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    if interface.is_in(TransitionKind::Detaching) && request.force != Some(true) {
        let message = format!("The attachment '{id}' is already being detached.");
        return Err(ApiError::new("IncorrectState", message));
    }
    let transition =
        Some(InterfaceTransition { kind: TransitionKind::Detaching, until: context.now.plus_ms(SETTLE_MS) });
    tx.put(NetworkInterface { transition, ..NetworkInterface::clone(&interface) });
    Ok(())
}

/// The id of an attachment.
pub(super) fn parse_attachment_id(text: &str) -> Result<NetworkInterfaceAttachmentId, ApiError> {
    parse_id(text, NetworkInterfaceAttachmentId::PREFIX, "InvalidAttachmentID.Malformed")
}

/// The error for an attachment that does not exist.
pub(super) fn attachment_not_found(id: &str) -> ApiError {
    let message = format!("The network interface attachment ID '{id}' does not exist");
    ApiError::new("InvalidAttachmentID.NotFound", message)
}
