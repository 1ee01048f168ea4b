//! Instances as they were last shown: what was written of one is sent again for as long as it would be written so.
//!
//! Clients ask for the same instances again and again, and nearly always nothing has changed in between. An instance is
//! kept as XML together with every record it was made from (`cloud::Reads`); if one of these is another now, it is
//! written anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cloud::actions::shown_instance;
use cloud::resource::Instance;
use cloud::{Context, Reads, State};
use ec2_wire::instance_item;
use types::InstanceId;

/// How much is kept at most, in bytes of XML: some 15,000 instances. More are written anew each time.
const KEPT_BYTES: usize = 64 << 20;

/// How long an instance is kept that nobody asks for: once to twice this.
const UNUSED: Duration = Duration::from_secs(60);

/// What is kept of instances.
#[derive(Default)]
pub(super) struct Shown {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    instances: HashMap<InstanceId, Entry>,
    /// The length of all that is kept.
    bytes: usize,
}

/// What is kept of one instance.
struct Entry {
    instance: Arc<Instance>,
    reads: Reads,
    xml: Bytes,
    /// The newest State that it is known to be right for.
    revision: u64,
    /// Whether somebody asked for it since it was last looked through what is kept.
    used: bool,
}

impl Entry {
    /// The XML, if it is right for this State too.
    fn xml(&mut self, context: &Context, state: &State, instance: &Arc<Instance>) -> Option<Bytes> {
        if !Arc::ptr_eq(&self.instance, instance) {
            return None;
        }
        if self.revision != state.revision {
            let tables = state.regions.get(&context.region)?;
            if !self.reads.still_hold(tables) {
                return None;
            }
            self.revision = state.revision;
        }
        self.used = true;
        Some(self.xml.clone())
    }
}

impl Shown {
    /// An instance of the context's region, as an item of the list in an answer.
    ///
    /// All States must be of one ledger, which numbers them.
    pub(super) fn xml(&self, context: &Context, state: &State, instance: &Arc<Instance>) -> Bytes {
        let kept = self.lock().instances.get_mut(&instance.id).and_then(|entry| entry.xml(context, state, instance));
        kept.unwrap_or_else(|| self.write(context, state, instance))
    }

    /// Writes an instance, and keeps what was written if there is room.
    fn write(&self, context: &Context, state: &State, instance: &Arc<Instance>) -> Bytes {
        let Some(tables) = state.regions.get(&context.region) else { return Bytes::new() };
        let (shape, reads) = shown_instance(context, tables, instance);
        let xml = Bytes::from(instance_item(&shape).into_boxed_slice());
        let mut kept = self.lock();
        kept.remove(instance.id);
        if kept.bytes + xml.len() <= KEPT_BYTES {
            kept.bytes += xml.len();
            let (instance, xml) = (Arc::clone(instance), xml.clone());
            kept.instances.insert(instance.id, Entry { instance, reads, xml, revision: state.revision, used: true });
        }
        xml
    }

    /// Forgets what nobody asks for, now and then, for as long as anybody else holds on to this.
    pub(super) async fn keep_small(self: Arc<Self>) {
        while Arc::strong_count(&self) > 1 {
            tokio::time::sleep(UNUSED).await;
            self.forget_unused();
        }
    }

    /// Forgets what nobody asked for since this was called last.
    pub(super) fn forget_unused(&self) {
        self.lock().forget_unused();
    }

    /// How many instances are kept, and their length in bytes.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize) {
        let kept = self.lock();
        (kept.instances.len(), kept.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is kept is consistent between statements, so a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, id: InstanceId) {
        if let Some(entry) = self.instances.remove(&id) {
            self.bytes -= entry.xml.len();
        }
    }

    fn forget_unused(&mut self) {
        self.instances.retain(|_, entry| std::mem::take(&mut entry.used));
        self.instances.shrink_to_fit();
        self.bytes = self.instances.values().map(|entry| entry.xml.len()).sum();
    }
}
