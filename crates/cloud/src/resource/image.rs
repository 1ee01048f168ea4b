//! What machines start from.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{AccountId, ImageId, InstanceId, Region, SnapshotId, Timestamp};

use super::{StateReason, VolumeSpec, VolumeType};

/// One immutable layer of a root filesystem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageLayer(pub Arc<str>);

/// Where an image is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageState {
    /// It is being made; nothing can be launched from it yet.
    Pending,
    /// It can be launched.
    #[default]
    Available,
    /// It could not be made; its reason says why.
    Failed,
    /// Its owner took it out of use.
    Disabled,
}

/// Who may launch an image beside its owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LaunchPermission {
    /// Everybody: the group `all`.
    Everybody,
    /// An account.
    Account(AccountId),
    /// An organization, by its ARN.
    Organization(String),
    /// An organizational unit, by its ARN.
    OrganizationalUnit(String),
}

/// Whether DeregisterImage is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeregistrationProtection {
    /// It is not.
    #[default]
    Off,
    /// It is, until the protection is taken away.
    On,
    /// It is, and for a day more after the protection is taken away.
    OnWithCooldown,
    /// The protection was taken away, and ends at this moment.
    OffAfter(Timestamp),
}

/// A volume that an image's instances get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageVolume {
    /// The snapshot it begins with; an empty volume has none.
    pub snapshot: Option<SnapshotId>,
    /// How large and how fast it is.
    pub spec: VolumeSpec,
    /// Whether it goes with its instance.
    pub delete_on_termination: bool,
}

impl ImageVolume {
    /// A volume of the usual type that begins with a snapshot and goes with its instance.
    pub const fn new(snapshot: SnapshotId, size_gib: u32) -> Self {
        let spec = VolumeSpec::new(size_gib, VolumeType::DEFAULT);
        Self { snapshot: Some(snapshot), spec, delete_on_termination: true }
    }
}

/// What stands behind a device of an image's instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageDevice {
    /// A volume.
    Volume(ImageVolume),
    /// A disk of the instance type's own, such as `ephemeral0`.
    InstanceStore(String),
}

/// A device of an image's instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageMapping {
    /// Such as `/dev/xvda`.
    pub device_name: String,
    /// What stands behind it.
    pub device: ImageDevice,
}

impl ImageMapping {
    /// The volume behind the device, if it is one.
    pub fn volume(&self) -> Option<&ImageVolume> {
        match &self.device {
            ImageDevice::Volume(volume) => Some(volume),
            ImageDevice::InstanceStore(_) => None,
        }
    }
}

/// A machine image.
///
/// An image made of an instance is pending until the host has kept the instance's root file system, which the snapshot of
/// its root volume waits for, too. Another becomes available by itself, at `ready_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// EC2's name of the architecture, such as `x86_64`.
    pub architecture: String,
    /// The layers of its root filesystem, lowest first.
    pub layers: Vec<ImageLayer>,
    /// The name of the root device.
    pub root_device: String,
    /// The devices of its instances; the root device is one of them.
    #[serde(default)]
    pub mappings: Vec<ImageMapping>,
    /// The user that its key pair opens.
    pub login_user: String,
    /// Whether it comes with Daemun; such images belong to `amazon` in filters by owner, and are public.
    pub is_builtin: bool,
    /// Where it is in its life.
    #[serde(default)]
    pub state: ImageState,
    /// Why it failed.
    #[serde(default)]
    pub state_reason: Option<StateReason>,
    /// Whether the instance it is made of is shut down for that and started again, if it runs.
    #[serde(default)]
    pub reboots_source: bool,
    /// When a pending image becomes available by itself.
    #[serde(default)]
    pub ready_at: Option<Timestamp>,
    /// Who may launch it beside its owner.
    #[serde(default)]
    pub launch_permissions: BTreeSet<LaunchPermission>,
    /// From when on it is deprecated.
    #[serde(default)]
    pub deprecation_time: Option<Timestamp>,
    /// Whether DeregisterImage is refused.
    #[serde(default)]
    pub deregistration_protection: DeregistrationProtection,
    /// EC2's name of the boot mode; none where nothing was said.
    #[serde(default)]
    pub boot_mode: Option<String>,
    /// Whether it was registered for virtualization of the older kind, which nothing can be launched with.
    #[serde(default)]
    pub is_paravirtual: bool,
    /// Whether it says that it supports ENA.
    #[serde(default = "yes")]
    pub ena_support: bool,
    /// Whether it says that it supports SR-IOV networking.
    #[serde(default = "yes")]
    pub sriov_net_support: bool,
    /// Whether its instances require session tokens for metadata (`ImdsSupport=v2.0`).
    #[serde(default)]
    pub requires_imds_v2: bool,
    /// Whether it says that it supports a TPM (`TpmSupport=v2.0`).
    #[serde(default)]
    pub tpm_support: bool,
    /// The UEFI variables it was registered with, base64.
    #[serde(default)]
    pub uefi_data: Option<String>,
    /// The image it was made from, and where that is.
    #[serde(default)]
    pub source_image: Option<(ImageId, Region)>,
    /// The instance it was made from.
    #[serde(default)]
    pub source_instance: Option<InstanceId>,
}

const fn yes() -> bool {
    true
}

impl Image {
    /// An available image with one device, and nothing else said about it.
    pub fn new(id: ImageId, name: &str, created: Timestamp, layers: Vec<ImageLayer>, root: ImageMapping) -> Self {
        Self {
            id,
            name: name.into(),
            description: String::new(),
            created,
            architecture: "x86_64".to_owned(),
            layers,
            root_device: root.device_name.clone(),
            mappings: vec![root],
            login_user: "admin".to_owned(),
            is_builtin: false,
            state: ImageState::Available,
            state_reason: None,
            reboots_source: false,
            ready_at: None,
            launch_permissions: BTreeSet::new(),
            deprecation_time: None,
            deregistration_protection: DeregistrationProtection::Off,
            boot_mode: None,
            is_paravirtual: false,
            ena_support: true,
            sriov_net_support: true,
            requires_imds_v2: false,
            tpm_support: false,
            uefi_data: None,
            source_image: None,
            source_instance: None,
        }
    }

    /// The volume of its root device.
    pub fn root_volume(&self) -> Option<&ImageVolume> {
        self.mappings.iter().find(|mapping| mapping.device_name == self.root_device).and_then(ImageMapping::volume)
    }

    /// The snapshot that its root volume begins with.
    pub fn root_snapshot(&self) -> Option<SnapshotId> {
        self.root_volume().and_then(|volume| volume.snapshot)
    }

    /// The size of its root volume in GiB.
    pub fn root_volume_gib(&self) -> u32 {
        self.root_volume().map_or(0, |volume| volume.spec.size_gib)
    }

    /// The snapshots that its volumes begin with.
    pub fn snapshots(&self) -> impl Iterator<Item = SnapshotId> + '_ {
        self.mappings.iter().filter_map(|mapping| mapping.volume()?.snapshot)
    }

    /// Whether everybody may launch it.
    pub fn is_public(&self) -> bool {
        self.is_builtin || self.launch_permissions.contains(&LaunchPermission::Everybody)
    }

    /// Whether it is deprecated at this moment.
    pub fn is_deprecated(&self, now: Timestamp) -> bool {
        self.deprecation_time.is_some_and(|at| at <= now)
    }
}
