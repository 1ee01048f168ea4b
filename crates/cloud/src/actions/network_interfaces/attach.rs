//! Attaching network interfaces to instances, and taking them off.

use crate::resource::{Instance, NetworkInterface, TransitionKind};
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
