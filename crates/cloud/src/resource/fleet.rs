//! Where instances are placed, and the requests and fleets that launch them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::FleetRun;
use types::{AvailabilityZone, FleetId, InstanceId, PlacementGroupId, SpotInstanceRequestId, Timestamp};

/// How the instances of a placement group are to lie to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementStrategy {
    /// Close together.
    Cluster,
    /// Apart.
    Spread,
    /// In partitions that lie apart.
    Partition,
}

impl PlacementStrategy {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Spread => "spread",
            Self::Partition => "partition",
        }
    }
}

/// A placement group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementGroup {
    /// Its id.
    pub id: PlacementGroupId,
    /// Its name; unique in the region.
    pub name: Arc<str>,
    /// How its instances are to lie.
    pub strategy: PlacementStrategy,
    /// How many partitions it has; for the strategy `partition` alone.
    pub partitions: Option<u32>,
    /// Until when it is pending; `None` once it is available.
    pub pending_until: Option<Timestamp>,
}

/// Where a Spot Instance request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpotState {
    /// Being looked at.
    Open,
    /// It has its instance.
    Active,
    /// Its instance is gone.
    Closed,
    /// Its owner has cancelled it.
    Cancelled,
}

impl SpotState {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Active => "active",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more comes of it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Cancelled)
    }
}

/// Why a Spot Instance request is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpotStatus {
    /// It was just made.
    PendingEvaluation,
    /// Its instance was launched.
    Fulfilled,
    /// It was cancelled, which leaves the instance.
    CanceledInstanceRunning,
    /// Its instance was terminated.
    TerminatedByUser,
}

impl SpotStatus {
    /// EC2's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PendingEvaluation => "pending-evaluation",
            Self::Fulfilled => "fulfilled",
            Self::CanceledInstanceRunning => "request-canceled-and-instance-running",
            Self::TerminatedByUser => "instance-terminated-by-user",
        }
    }

    /// The same in words.
    pub const fn message(self) -> &'static str {
        match self {
            Self::PendingEvaluation => "Your Spot request has been submitted for review, and is pending evaluation.",
            Self::Fulfilled => "Your Spot request is fulfilled.",
            Self::CanceledInstanceRunning => "Your Spot request is canceled, but your instance is still running.",
            Self::TerminatedByUser => "Your Spot instance was terminated by you.",
        }
    }
}

/// A Spot Instance request. Its instance is like any other: there is no market that could interrupt it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotRequest {
    /// Its id.
    pub id: SpotInstanceRequestId,
    /// Where it is in its life.
    pub state: SpotState,
    /// Why.
    pub status: SpotStatus,
    /// Since when.
    pub updated: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// The instance that was launched for it.
    pub instance: InstanceId,
    /// Where that was.
    pub zone: AvailabilityZone,
    /// The highest price its owner would pay for an hour, in dollars, as it was given.
    pub price: Option<String>,
    /// Whether it was to outlive an interruption (`persistent`, not `one-time`).
    pub persistent: bool,
    /// EC2's name of what an interruption would do: `terminate`, `stop` or `hibernate`.
    pub interruption: String,
    /// When it was to begin.
    pub valid_from: Option<Timestamp>,
    /// When it was to end.
    pub valid_until: Option<Timestamp>,
    /// The group of requests that are to be launched together.
    pub launch_group: Option<String>,
    /// What is launched: the members of the model's `LaunchSpecification`.
    pub launch: serde_json::Value,
    /// When it moves on by itself: from open to active, from over to forgotten.
    pub due: Option<Timestamp>,
}

/// One attempt of a fleet to launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetLaunch {
    /// Whether Spot Instances were wanted.
    pub is_spot: bool,
    /// From what: the members of the model's `LaunchTemplateAndOverridesResponse`.
    pub source: serde_json::Value,
    /// What was launched.
    pub instances: Vec<InstanceId>,
    /// The code and message of what went wrong.
    pub error: Option<(String, String)>,
}

/// An EC2 Fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Its id.
    pub id: FleetId,
    /// When it was made.
    pub created: Timestamp,
    /// What was asked for: the members of the model's `CreateFleetRequest`.
    pub request: serde_json::Value,
    /// Every attempt of an `instant` fleet to launch, in order.
    pub launches: Vec<FleetLaunch>,
    /// Where it is in its life, and what it has.
    #[serde(default)]
    pub run: FleetRun,
}
