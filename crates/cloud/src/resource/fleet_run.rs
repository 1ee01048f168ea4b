//! What EC2 Fleets and Spot Fleet requests have in common: where they are in their life, and what they have launched.

use serde::{Deserialize, Serialize};
use types::{FleetId, InstanceId, SpotFleetRequestId, Timestamp};

/// Where a fleet is in its life. Spot Fleets are cancelled where EC2 Fleets are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetState {
    /// Just made; nothing is launched yet.
    Submitted,
    /// It launches what it is to have.
    #[default]
    Active,
    /// It was changed and has not followed yet.
    Modifying,
    /// Deleted; its instances stay.
    DeletedRunning,
    /// Deleted; its instances go.
    DeletedTerminating,
    /// Deleted, and all of its instances are gone.
    Deleted,
}

impl FleetState {
    /// Whether its owner has deleted it, or its time is up.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::DeletedRunning | Self::DeletedTerminating | Self::Deleted)
    }
}

/// An instance of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetMember {
    /// Which.
    pub instance: InstanceId,
    /// Whether it is a Spot Instance.
    pub is_spot: bool,
    /// How much of the fleet's capacity it is, in thousandths of a unit.
    pub weight: i64,
    /// From what it was launched: its place among all that the fleet may launch from.
    pub pool: usize,
    /// Whether the fleet gave it up because it had too much.
    pub is_excess: bool,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetEventKind {
    /// An instance came or went.
    Instance,
    /// The fleet itself changed.
    Fleet,
    /// Something went wrong.
    Error,
    /// Something that is good to know.
    Information,
}

/// One event of a fleet's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetEvent {
    /// Its number in the history, rising.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub kind: FleetEventKind,
    /// EC2's name of what happened.
    pub sub_type: String,
    /// The same in words, where there is more to say.
    pub description: Option<String>,
    /// The instance, where it is about one.
    pub instance: Option<InstanceId>,
}

/// The life of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FleetRun {
    /// Where it is.
    pub state: FleetState,
    /// Its instances, the oldest first, until they are gone.
    pub members: Vec<FleetMember>,
    /// What happened in the last two days, in order.
    pub events: Vec<FleetEvent>,
    /// Whether its last attempt to launch left something missing.
    pub is_failing: bool,
    /// When it moves on by itself.
    pub due: Option<Timestamp>,
    /// Whether all who made it what it is may hand roles to instances. It launches when nobody asks any more.
    #[serde(default)]
    pub may_pass_roles: bool,
}

/// Whose an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetOwner {
    /// An EC2 Fleet's.
    Fleet(FleetId),
    /// A Spot Fleet's.
    SpotFleet(SpotFleetRequestId),
}

/// What ties an instance to its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetTie {
    /// The fleet.
    pub owner: FleetOwner,
    /// Whether the fleet knows it to be stopped or on its way out.
    pub is_away: bool,
}

/// A Spot Fleet request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotFleetRequest {
    /// Its id.
    pub id: SpotFleetRequestId,
    /// When it was made.
    pub created: Timestamp,
    /// What was asked for: the members of the model's `SpotFleetRequestConfigData`.
    pub config: serde_json::Value,
    /// Where it is in its life, and what it has.
    pub run: FleetRun,
}
