//! What the controllers report about instances: how a State follows what happened to machines.
//!
//! The actions say what is wanted (`pending`, `stopping`, `shutting-down`); the functions here say that it came
//! about. A report can be late: each function checks that the instance still is where the report expects it, and
//! otherwise changes nothing. Each tells whether it changed anything.
//!
//! ```text
//!            mark_running            StopInstances            mark_stopped
//! pending ----------------> running ---------------> stopping -------------> stopped
//!   |  ^                     |  |  ^                    ^                       |
//!   |  | restart_after_host_ |  |  | (StartInstances makes it pending again) ---+
//!   |  +--------- boot ------+  |                       |
//!   |                           |     fail_launch of a later start
//!   | fail_launch               | begin_guest_shutdown
//!   v                           v
//! shutting-down --------------------> terminated --- an hour later ---> no record
//!                mark_terminated                    reap_terminated
//! ```

use std::sync::Arc;

use types::*;

use crate::actions::network_interfaces::delete_interface;
use crate::actions::spot;
use crate::idempotency;
use crate::resource::*;
use crate::state::Key;
use crate::storage;
use crate::transaction::Transaction;

/// Who stopped an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// StopInstances.
    ApiRequest,
    /// The instance itself.
    GuestShutdown,
}

impl StopReason {
    /// The reason as an answer shows it.
    pub fn state_reason(self) -> StateReason {
        match self {
            Self::ApiRequest => StateReason::new("Client.UserInitiatedShutdown", "User initiated shutdown"),
            Self::GuestShutdown => StateReason::new("Client.InstanceInitiatedShutdown", "Instance initiated shutdown"),
        }
    }
}

/// The init of a starting instance runs; `host_boot` is the id of the host's own boot.
///
/// Expects a pending instance whose number of starts is `starts`.
pub fn mark_running(tx: &mut Transaction, now: Timestamp, id: InstanceId, starts: u32, host_boot: String) -> bool {
    change(tx, now, id, InstanceState::Running, |instance| {
        let expected = instance.state == InstanceState::Pending && instance.starts == starts;
        if expected {
            instance.host_boot = Some(host_boot);
            instance.state_reason = None;
            instance.transition_reason.clear();
        }
        expected
    })
}

/// The machine of a stopping instance is down. Addresses that are not Elastic go back to the pool.
///
/// Expects a stopping instance; one that has a reason, such as a start that failed, keeps it.
pub fn mark_stopped(tx: &mut Transaction, now: Timestamp, id: InstanceId, reason: StopReason) -> bool {
    let stopped = change(tx, now, id, InstanceState::Stopped, |instance| {
        let expected = instance.state == InstanceState::Stopping;
        if expected {
            instance.state_reason.get_or_insert_with(|| reason.state_reason());
            instance.force_stop = false;
        }
        expected
    });
    if stopped {
        release_automatic_addresses(tx, id);
    }
    stopped
}

/// Nothing is left of the machine of a terminated instance. Its interfaces go with it or are detached, Elastic
/// addresses of those that go are free again, its volumes go with it or are free; its record stays for an hour.
///
/// Expects an instance that is shutting down.
pub fn mark_terminated(tx: &mut Transaction, now: Timestamp, id: InstanceId) -> bool {
    let Some(old) = tx.instances.get(&id).cloned() else { return false };
    let terminated = change(tx, now, id, InstanceState::Terminated, |instance| {
        let expected = instance.state == InstanceState::ShuttingDown;
        if expected {
            instance.terminated = Some(now);
            instance.interfaces.clear();
            instance.block_devices.clear();
            instance.iam_profile = None;
        }
        expected
    });
    if terminated {
        for interface in &old.interfaces {
            leave_interface(tx, *interface);
        }
        storage::leave_volumes(tx, id, &old.block_devices);
        if let Some(request) = old.options.spot_request {
            spot::end(tx, now, request);
        }
    }
    terminated
}

/// A pending instance could not be started, for this reason. Where it was its first start, it is on its way out;
/// an instance that ran before is on its way to stopped. Either way what was begun is still to be cleaned up.
///
/// Expects a pending instance whose number of starts is `starts`.
pub fn fail_launch(tx: &mut Transaction, now: Timestamp, id: InstanceId, starts: u32, reason: StateReason) -> bool {
    let next = if starts <= 1 { InstanceState::ShuttingDown } else { InstanceState::Stopping };
    change(tx, now, id, next, |instance| {
        let expected = instance.state == InstanceState::Pending && instance.starts == starts;
        if expected {
            instance.transition_reason = reason.code.clone();
            instance.state_reason = Some(reason);
        }
        expected
    })
}

/// The machine of a running instance powered itself off: the instance is stopped, or on its way out, as its
/// shutdown behaviour says.
///
/// Expects a running instance.
pub fn begin_guest_shutdown(tx: &mut Transaction, now: Timestamp, id: InstanceId) -> bool {
    let Some(behavior) = tx.instances.get(&id).map(|instance| instance.shutdown_behavior) else { return false };
    let next = match behavior {
        ShutdownBehavior::Stop => InstanceState::Stopped,
        ShutdownBehavior::Terminate => InstanceState::ShuttingDown,
    };
    let begun = change(tx, now, id, next, |instance| {
        let expected = instance.state == InstanceState::Running;
        if expected {
            instance.state_reason = Some(StopReason::GuestShutdown.state_reason());
            instance.transition_reason.clear();
        }
        expected
    });
    if begun && behavior == ShutdownBehavior::Stop {
        release_automatic_addresses(tx, id);
    }
    begun
}

/// The first `reboots_done` reboots of the instance were carried out.
///
/// Expects a running instance of which that many were wanted and fewer were reported.
pub fn mark_rebooted(tx: &mut Transaction, id: InstanceId, reboots_done: u32) -> bool {
    let Some(old) = tx.instances.get(&id) else { return false };
    let expected =
        old.state == InstanceState::Running && (old.reboots_done + 1..=old.reboots_wanted).contains(&reboots_done);
    if expected {
        let mut instance = Instance::clone(old);
        instance.reboots_done = reboots_done;
        tx.put(instance);
    }
    expected
}

/// The instance went down with its host: it is to be started again, with the addresses it has.
///
/// Expects a running instance.
pub fn restart_after_host_boot(tx: &mut Transaction, now: Timestamp, id: InstanceId) -> bool {
    change(tx, now, id, InstanceState::Pending, |instance| {
        let expected = instance.state == InstanceState::Running;
        if expected {
            instance.begin_start(now);
        }
        expected
    })
}

/// Forgets instances that were terminated more than [`Instance::TERMINATED_VISIBLE_MS`] ago, with their tags, and
/// client tokens older than [`idempotency::LIFETIME_MS`]. Tells how many records went.
pub fn reap_terminated(tx: &mut Transaction, now: Timestamp) -> usize {
    let instance_limit = now.plus_ms(-Instance::TERMINATED_VISIBLE_MS);
    let token_limit = now.plus_ms(-idempotency::LIFETIME_MS);
    let instances: Vec<InstanceId> =
        tx.instances.values().filter(|i| i.terminated.is_some_and(|at| at < instance_limit)).map(|i| i.id).collect();
    let tokens: Vec<Arc<str>> =
        tx.client_tokens.values().filter(|token| token.created < token_limit).map(|token| token.key.clone()).collect();
    let count = instances.len() + tokens.len();
    for id in instances {
        tx.delete(Key::Instance(id));
    }
    for key in tokens {
        tx.delete(Key::ClientToken(key));
    }
    count
}

/// What was changed about the instance has taken effect, where the moment for that has come.
pub(crate) fn settle_options(tx: &mut Transaction, now: Timestamp, id: InstanceId) {
    let Some(old) = tx.instances.get(&id).filter(|instance| instance.options.settles.is_some_and(|at| at <= now))
    else {
        return;
    };
    let mut instance = Instance::clone(old);
    instance.options.settles = None;
    instance.options.monitoring_changes = false;
    instance.options.metadata_changes = false;
    if let Some(association) = &mut instance.iam_profile {
        association.state = AssociationState::Associated;
    }
    tx.put(instance);
}

/// Moves the instance to `next` where `edit` finds it as expected.
fn change(
    tx: &mut Transaction,
    now: Timestamp,
    id: InstanceId,
    next: InstanceState,
    edit: impl FnOnce(&mut Instance) -> bool,
) -> bool {
    let Some(old) = tx.instances.get(&id) else { return false };
    let mut instance = Instance::clone(old);
    let expected = edit(&mut instance);
    if expected {
        instance.state = next;
        instance.state_since = now;
        tx.put(instance);
    }
    expected
}

/// Gives the automatic public addresses of an instance back to the pool.
fn release_automatic_addresses(tx: &mut Transaction, id: InstanceId) {
    let Some(instance) = tx.instances.get(&id).cloned() else { return };
    let changed: Vec<NetworkInterface> = tx
        .interfaces_of(&instance)
        .filter(|i| i.public.as_ref().is_some_and(|p| p.elastic.is_none()))
        .map(|i| NetworkInterface { public: None, ..NetworkInterface::clone(i) })
        .collect();
    for interface in changed {
        tx.put(interface);
    }
}

/// What becomes of an interface when its instance is gone. An interface that stays keeps its Elastic address, as
/// the attributes of an interface follow it.
fn leave_interface(tx: &mut Transaction, id: NetworkInterfaceId) {
    let Some(old) = tx.interfaces.get(&id).cloned() else { return };
    if old.attachment.as_ref().is_some_and(|attachment| attachment.delete_on_termination) {
        return delete_interface(tx, id);
    }
    let public = old.public.clone().filter(|public| public.elastic.is_some());
    tx.put(NetworkInterface {
        attachment: None,
        auto_public: false,
        public,
        transition: None,
        ..NetworkInterface::clone(&old)
    });
}
