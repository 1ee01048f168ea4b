//! Controllers: they make the host match the State.
//!
//! A controller takes no input. It reads the State, reads what exists, and brings the second closer to the first;
//! it is woken by each new State and by a timer. It may die at any instruction: the next one goes on from what it
//! finds. What the host did comes back as Changes, through the same ledger that every action writes to.
//!
//! - [`network`](crate): keeps namespaces, links and rules as `policy` plans them, and opens the doors (metadata,
//!   resolver) inside each VPC.
//! - [`instances`](crate): one task at a time owns an instance and moves its machine along.
//! - [`layers`](crate): removes copies of root file systems that nothing stands on any more.
//! - [`flow_logs`](crate): writes what the kernel counts for flow logs.
//! - [`settle`](crate): moves on what only waits for time.

#![deny(missing_docs)]

mod clock;
mod doors;
mod flow_logs;
mod instances;
mod layers;
mod machine_spec;
mod network;
mod nics;
mod settle;
mod topology;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloud::context::Config;
use host::image::Layers;
use host::machine::Machines;
use host::network::Network;
use host::uid_ranges::UidRanges;
use policy::CloudTag;
use store::Ledger;
use tokio::task::JoinHandle;

pub use clock::now;
pub use doors::{DoorSockets, VpcDoors};
pub use topology::topology;

/// What the controllers work with.
#[derive(Clone)]
pub struct Parts {
    /// The State.
    pub ledger: Ledger,
    /// The machines of this host.
    pub machines: Arc<dyn Machines>,
    /// The layers that were copied from machines.
    pub layers: Arc<dyn Layers>,
    /// The network of this host.
    pub network: Arc<dyn Network>,
    /// Who owns which user ids on this host.
    pub uid_ranges: Arc<UidRanges>,
    /// What opens metadata and resolver inside a VPC; `None` where machines only pretend.
    pub doors: Option<Arc<dyn VpcDoors>>,
    /// The tag of this cloud's kernel objects.
    pub tag: CloudTag,
    /// What is the same for all of the cloud.
    pub config: Arc<Config>,
    /// The id of the host's present boot; machines of an earlier one are gone.
    pub host_boot: String,
    /// The state directory; flow logs are written below it.
    pub state_dir: PathBuf,
    /// The longest time that a record of a flow log speaks of, where that is to be shorter than was asked for: tests
    /// cannot wait for a minute.
    pub flow_log_interval: Option<Duration>,
}

/// The running controllers. They stop when this is dropped; machines, links and rules stay as they are.
#[derive(Debug)]
pub struct Controllers {
    tasks: Vec<JoinHandle<()>>,
}

impl Controllers {
    /// Starts all controllers.
    pub fn start(parts: Parts) -> Self {
        let (network, follower) = network::spawn(parts.clone());
        let instances = instances::spawn(parts.clone(), follower);
        Self {
            tasks: vec![
                network,
                instances,
                layers::spawn(parts.clone()),
                flow_logs::spawn(parts.clone()),
                settle::spawn(parts),
            ],
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// An error with all its sources, for the log: messages of ours never repeat their source.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
