//! Hardware that is set aside for the account: Dedicated Hosts and Capacity Reservations.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{AvailabilityZone, CapacityReservationId, HostId, Timestamp};

use super::InstanceTenancy;

/// A Dedicated Host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// Where it stands.
    pub zone: AvailabilityZone,
    /// The family of the instances it takes, such as `m5`.
    pub family: Arc<str>,
    /// The only type of instances it takes; `None` for all of the family.
    pub instance_type: Option<Arc<str>>,
    /// Whether it takes instances that name no host.
    pub auto_placement: bool,
    /// Whether its instances are to be restarted elsewhere when it fails.
    pub recovery: bool,
    /// Whether its instances are to be moved away when its hardware ails.
    pub maintenance: bool,
    /// The token of the call that allocated it.
    pub client_token: Option<String>,
    /// When it was allocated.
    pub allocated: Timestamp,
    /// When it was released.
    pub released: Option<Timestamp>,
}

/// How a Capacity Reservation came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReservationEnd {
    /// Its end date passed.
    Expired,
    /// Its owner cancelled it.
    Cancelled,
}

/// A Capacity Reservation. Which instances use it follows from what they are and is not written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityReservation {
    /// Its id.
    pub id: CapacityReservationId,
    /// The type of the instances.
    pub instance_type: Arc<str>,
    /// EC2's name of their platform.
    pub platform: String,
    /// Where they run.
    pub zone: AvailabilityZone,
    /// Who shares their hardware: anybody or only the account.
    pub tenancy: InstanceTenancy,
    /// How many there is room for.
    pub count: u32,
    /// Whether only instances that name it use it (`targeted`, not `open`).
    pub is_targeted: bool,
    /// Whether EBS-optimised instances were asked for.
    pub ebs_optimized: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    pub end_date: Option<Timestamp>,
    /// How and when it ended.
    pub ended: Option<(ReservationEnd, Timestamp)>,
}
