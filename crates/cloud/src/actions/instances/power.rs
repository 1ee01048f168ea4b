//! Starting, stopping, rebooting and terminating instances.
//!
//! A call names the state it wants; the controllers bring the machine there. One instance that cannot follow fails
//! the whole call, and then nothing has changed; only terminations go zone by zone.

use std::sync::Arc;

use ec2_shapes::{
    InstanceStateChange, RebootInstancesRequest, StartInstancesRequest, StartInstancesResult, StopInstancesRequest,
    StopInstancesResult, TerminateInstancesRequest, TerminateInstancesResult,
};
use types::{InstanceId, InstanceState};

use super::{find_instances, shape};
use crate::actions::addresses::give_automatic_address;
use crate::actions::{capacity_reservations, hosts, spot};
use crate::context::Context;
use crate::error::ApiError;
use crate::lifecycle::StopReason;
use crate::resource::{Instance, NetworkInterface};
use crate::transaction::Transaction;

/// Starts stopped instances; those that run already, or are about to, stay as they are.
pub(in crate::actions) fn start_instances(
    context: &Context,
    tx: &mut Transaction,
    request: StartInstancesRequest,
) -> Result<StartInstancesResult, ApiError> {
    let starting_instances = change_each(context, tx, &request.instance_ids, |instance| match instance.state {
        InstanceState::Pending | InstanceState::Running => Ok(()),
        InstanceState::Stopped if !instance.has_root_volume() => Err(ApiError::invalid_value(format!(
            "Invalid value '{}' for instanceId. Instance does not have a volume attached at root ({})",
            instance.id, instance.root_device
        ))),
        InstanceState::Stopped => {
            instance.state = InstanceState::Pending;
            instance.begin_start(context.now);
            Ok(())
        }
        _ => {
            let message = format!("The instance '{}' is not in a state from which it can be started.", instance.id);
            Err(ApiError::new("IncorrectInstanceState", message))
        }
    })?;
    let started: Vec<InstanceId> = starting_instances
        .iter()
        .filter(|change| change.current_state != change.previous_state)
        .filter_map(|change| change.instance_id.as_deref()?.parse().ok())
        .collect();
    started.iter().try_for_each(|id| hosts::return_to(tx, *id))?;
    capacity_reservations::check_started(tx, &started)?;
    give_addresses(context, tx, &starting_instances)?;
    Ok(StartInstancesResult { starting_instances })
}

/// Gives new public addresses to the interfaces of those instances that did not have to stay as they were.
fn give_addresses(context: &Context, tx: &mut Transaction, changes: &[InstanceStateChange]) -> Result<(), ApiError> {
    let changed = changes.iter().filter(|change| change.current_state != change.previous_state);
    let ids: Vec<String> = changed.filter_map(|change| change.instance_id.clone()).collect();
    let interfaces: Vec<NetworkInterface> = find_instances(tx, &ids)?
        .into_iter()
        .flat_map(|instance| tx.interfaces_of(instance))
        .filter(|interface| interface.auto_public && interface.public.is_none())
        .map(|interface| NetworkInterface::clone(interface))
        .collect();
    interfaces.iter().try_for_each(|interface| give_automatic_address(context, tx, interface))
}

/// Stops running instances; those that are stopped already, or are about to be, stay as they are.
pub(in crate::actions) fn stop_instances(
    context: &Context,
    tx: &mut Transaction,
    request: StopInstancesRequest,
) -> Result<StopInstancesResult, ApiError> {
    if request.hibernate == Some(true) {
        return Err(ApiError::new("UnsupportedOperation", "Hibernate is not available: instances cannot hibernate."));
    }
    let is_forced = request.force == Some(true) || request.skip_os_shutdown == Some(true);
    find_instances(tx, &request.instance_ids)?.into_iter().try_for_each(|i| spot::check_stoppable(tx, i))?;
    let stopping_instances = change_each(context, tx, &request.instance_ids, |instance| match instance.state {
        InstanceState::Stopped => Ok(()),
        InstanceState::Stopping => {
            instance.force_stop |= is_forced;
            Ok(())
        }
        InstanceState::Running if instance.disable_api_stop => Err(ApiError::new(
            "OperationNotPermitted",
            format!(
                "The instance '{}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
                instance.id
            ),
        )),
        InstanceState::Running => {
            instance.state = InstanceState::Stopping;
            instance.force_stop = is_forced;
            explain(context, instance);
            Ok(())
        }
        _ => {
            let message = format!("This instance '{}' is not in a state from which it can be stopped.", instance.id);
            Err(ApiError::new("IncorrectInstanceState", message))
        }
    })?;
    Ok(StopInstancesResult { stopping_instances })
}

/// Terminates instances in whatever state they are. One that is protected keeps those of its zone from it; those of
/// other zones go all the same, and the caller is told of the first that may not (User Guide, "Enable termination
/// protection").
pub(in crate::actions) fn terminate_instances(
    context: &Context,
    tx: &mut Transaction,
    request: TerminateInstancesRequest,
) -> Result<TerminateInstancesResult, ApiError> {
    let is_forced = request.force == Some(true) || request.skip_os_shutdown == Some(true);
    let named = find_instances(tx, &request.instance_ids)?;
    let is_protected = |instance: &&&Arc<Instance>| instance.disable_api_termination && !instance.state.is_ending();
    let protected: Vec<_> = named.iter().filter(is_protected).collect();
    let refusal = protected.first().map(|instance| {
        let message = format!(
            "The instance '{}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try \
             again.",
            instance.id
        );
        ApiError::new("OperationNotPermitted", message)
    });
    let is_spared = |instance: &&Arc<Instance>| protected.iter().any(|other| other.zone == instance.zone);
    let ids: Vec<String> =
        named.iter().filter(|instance| !is_spared(instance)).map(|instance| instance.id.to_string()).collect();
    if let Some(refusal) = refusal {
        if ids.is_empty() {
            return Err(refusal);
        }
        tx.complain(refusal);
    }
    let terminating_instances = change_each(context, tx, &ids, |instance| {
        if !instance.state.is_ending() {
            instance.state = InstanceState::ShuttingDown;
            instance.force_stop |= is_forced;
            explain(context, instance);
        }
        Ok(())
    })?;
    Ok(TerminateInstancesResult { terminating_instances })
}

/// Reboots running instances; those that are terminated are passed over.
pub(in crate::actions) fn reboot_instances(
    context: &Context,
    tx: &mut Transaction,
    request: RebootInstancesRequest,
) -> Result<(), ApiError> {
    change_each(context, tx, &request.instance_ids, |instance| match instance.state {
        InstanceState::Running => {
            instance.reboots_wanted += 1;
            Ok(())
        }
        InstanceState::ShuttingDown | InstanceState::Terminated => Ok(()),
        _ => {
            let message = format!("This instance '{}' is not in a state from which it can be rebooted.", instance.id);
            Err(ApiError::new("IncorrectInstanceState", message))
        }
    })?;
    Ok(())
}

/// Writes down that a caller wanted it.
fn explain(context: &Context, instance: &mut Instance) {
    instance.state_reason = Some(StopReason::ApiRequest.state_reason());
    instance.transition_reason = format!("User initiated ({})", context.now.gmt());
}

/// Changes every named instance with `edit`, and tells from which state to which each went.
fn change_each(
    context: &Context,
    tx: &mut Transaction,
    ids: &[String],
    edit: impl Fn(&mut Instance) -> Result<(), ApiError>,
) -> Result<Vec<InstanceStateChange>, ApiError> {
    let before: Vec<_> = find_instances(tx, ids)?.into_iter().cloned().collect();
    if before.is_empty() {
        return Err(ApiError::missing("InstanceId"));
    }
    let mut changes = Vec::with_capacity(before.len());
    for old in before {
        let mut new = Instance::clone(&old);
        edit(&mut new)?;
        changes.push(InstanceStateChange {
            current_state: Some(shape::state(new.state)),
            instance_id: Some(new.id.to_string()),
            previous_state: Some(shape::state(old.state)),
        });
        if new.state != old.state {
            new.state_since = context.now;
        }
        if new != *old {
            tx.put(new);
        }
    }
    Ok(changes)
}
