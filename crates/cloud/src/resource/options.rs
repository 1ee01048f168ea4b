//! What an instance is set to beside what runs it.

use std::sync::Arc;

use super::FleetTie;
use serde::{Deserialize, Serialize};
use types::{CapacityReservationId, HostId, IamInstanceProfileAssociationId, SpotInstanceRequestId, Timestamp};

/// How an instance of a burstable type spends CPU credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CpuCredits {
    /// Only what it has earned.
    Standard,
    /// As much as it likes.
    Unlimited,
}

impl CpuCredits {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Unlimited => "unlimited",
        }
    }

    /// The mode of this name; `None` for a text that names none.
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Standard, Self::Unlimited].into_iter().find(|mode| mode.name() == text)
    }
}

/// Fewer processors than the type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuOptions {
    /// How many cores are in use.
    pub cores: u32,
    /// How many threads each of them runs.
    pub threads_per_core: u32,
}

/// What may be done about an instance whose hardware is ailing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MaintenanceOptions {
    /// Whether it must not be recovered on other hardware (`AutoRecovery=disabled`).
    pub no_auto_recovery: bool,
    /// Whether a reboot must not move it to other hardware (`RebootMigration=disabled`).
    pub no_reboot_migration: bool,
}

/// What an instance is called, and which of its names the resolver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PrivateDnsOptions {
    /// Whether it is called by its id (`resource-name`) instead of its address (`ip-name`).
    pub resource_name: bool,
    /// Whether the name by id leads to its IPv4 address.
    pub a_record: bool,
    /// Whether the name by id leads to its IPv6 address.
    pub aaaa_record: bool,
}

/// Who shares the hardware of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceTenancy {
    /// Anybody.
    #[default]
    Default,
    /// Only the account.
    Dedicated,
    /// The account, which says on which of its hosts.
    Host,
}

impl InstanceTenancy {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Dedicated => "dedicated",
            Self::Host => "host",
        }
    }
}

/// Where an instance stands, beside its zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InstancePlacement {
    /// Who shares its hardware.
    #[serde(default)]
    pub tenancy: InstanceTenancy,
    /// Its dedicated host.
    #[serde(default)]
    pub host: Option<HostId>,
    /// Whether it comes back to the same host when it is started again (`Affinity=host`).
    #[serde(default)]
    pub host_affinity: bool,
    /// Its partition of a partition placement group, from 1.
    #[serde(default)]
    pub partition: Option<u32>,
}

/// Which capacity reservations an instance uses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityChoice {
    /// Any open one that fits.
    #[default]
    Open,
    /// None.
    None,
    /// Only reserved capacity, whichever.
    ReservationsOnly,
    /// This one.
    Reservation(CapacityReservationId),
}

/// How far the association of an instance with its profile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssociationState {
    /// Just made.
    Associating,
    /// In force.
    Associated,
}

impl AssociationState {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Associating => "associating",
            Self::Associated => "associated",
        }
    }
}

/// The instance profile of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamProfileAssociation {
    /// The id of the association.
    pub id: IamInstanceProfileAssociationId,
    /// The ARN of the profile.
    pub profile_arn: String,
    /// The id of the profile.
    pub profile_id: String,
    /// The name of the profile.
    pub profile_name: Arc<str>,
    /// How far it is.
    pub state: AssociationState,
    /// Since when it is associated.
    pub since: Timestamp,
}

/// What an instance is set to, beyond what its machine is made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InstanceOptions {
    /// How it spends CPU credits; `None` for what its type does by itself.
    #[serde(default)]
    pub credits: Option<CpuCredits>,
    /// Its processors, where they are not those of its type.
    #[serde(default)]
    pub cpu: Option<CpuOptions>,
    /// What may be done when its hardware ails.
    #[serde(default)]
    pub maintenance: MaintenanceOptions,
    /// Its names.
    #[serde(default)]
    pub private_dns: PrivateDnsOptions,
    /// Where it stands.
    #[serde(default)]
    pub placement: InstancePlacement,
    /// Which reserved capacity it uses.
    #[serde(default)]
    pub capacity: CapacityChoice,
    /// The Spot Instance request that it was launched for.
    #[serde(default)]
    pub spot_request: Option<SpotInstanceRequestId>,
    /// The fleet that launched it.
    #[serde(default)]
    pub fleet: Option<FleetTie>,
    /// Whether enhanced networking with the Intel 82599 was asked for (`sriovNetSupport=simple`).
    #[serde(default)]
    pub sriov_simple: bool,
    /// Whether detailed monitoring is just being switched on or off.
    #[serde(default)]
    pub monitoring_changes: bool,
    /// Whether the metadata options are just being changed.
    #[serde(default)]
    pub metadata_changes: bool,
    /// When what was changed last has taken effect.
    #[serde(default)]
    pub settles: Option<Timestamp>,
}
