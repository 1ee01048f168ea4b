//! The life of an instance, as EC2 names it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an instance is in its life (`InstanceState` of the EC2 service model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being made or started.
    Pending,
    /// Its init runs.
    Running,
    /// Being terminated.
    ShuttingDown,
    /// Gone; still described for an hour.
    Terminated,
    /// Being stopped.
    Stopping,
    /// Not running; its disk and private address are kept.
    Stopped,
}

impl InstanceState {
    /// The number EC2 gives with the name.
    pub const fn code(self) -> i32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// EC2's name of the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Whether the instance is on its way out or gone.
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
