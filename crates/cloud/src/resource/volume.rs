//! Volumes and snapshots.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use types::{AccountId, AvailabilityZone, InstanceId, SnapshotId, Timestamp, VolumeId};

use super::{Image, ImageLayer};

/// What kind of disk a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// Magnetic, of the previous generation.
    Standard,
    /// Provisioned IOPS SSD.
    Io1,
    /// Provisioned IOPS SSD of the newer kind.
    Io2,
    /// General purpose SSD.
    Gp2,
    /// General purpose SSD of the newer kind.
    Gp3,
    /// Throughput optimised HDD.
    St1,
    /// Cold HDD.
    Sc1,
}

impl VolumeType {
    /// What a volume is unless something else is said.
    pub const DEFAULT: Self = Self::Gp2;

    /// Every type.
    pub const ALL: [Self; 7] = [Self::Standard, Self::Io1, Self::Io2, Self::Gp2, Self::Gp3, Self::St1, Self::Sc1];

    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Io1 => "io1",
            Self::Io2 => "io2",
            Self::Gp2 => "gp2",
            Self::Gp3 => "gp3",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|volume_type| volume_type.name() == name)
    }
}

/// How large and how fast a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Its size in GiB.
    pub size_gib: u32,
    /// Its type.
    pub volume_type: VolumeType,
    /// Operations a second, where the type lets them be set.
    pub iops: Option<u32>,
    /// MiB a second, where the type lets them be set.
    pub throughput: Option<u32>,
    /// Whether several instances may have it at once.
    pub multi_attach: bool,
}

impl VolumeSpec {
    /// A volume of this size and type with what the type has by itself.
    pub const fn new(size_gib: u32, volume_type: VolumeType) -> Self {
        let (iops, throughput) = match volume_type {
            VolumeType::Gp3 => (Some(3_000), Some(125)),
            _ => (None, None),
        };
        Self { size_gib, volume_type, iops, throughput, multi_attach: false }
    }

    /// Operations a second as answers show them: those that are set, or what follows from the size of a `gp2` volume.
    pub fn shown_iops(&self) -> Option<u32> {
        match self.volume_type {
            VolumeType::Gp2 => Some((self.size_gib.saturating_mul(3)).clamp(100, 16_000)),
            _ => self.iops,
        }
    }
}

/// Where a volume is in its life. One that instances have is `in-use`, which its attachments say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeLife {
    /// It is being made.
    Creating,
    /// It is there.
    Ready,
    /// It is going.
    Deleting,
}

/// How far a volume is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeAttachmentState {
    /// On its way to the instance.
    Attaching,
    /// The instance has it.
    Attached,
    /// On its way back.
    Detaching,
}

impl VolumeAttachmentState {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
        }
    }
}

/// That an instance has a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeAttachment {
    /// The instance.
    pub instance: InstanceId,
    /// The name of the device in its block device mapping, such as `/dev/sdf`.
    pub device: String,
    /// When attaching began.
    pub attach_time: Timestamp,
    /// Whether the volume goes with the instance.
    pub delete_on_termination: bool,
    /// How far it is.
    pub state: VolumeAttachmentState,
    /// Since when.
    pub since: Timestamp,
}

/// How far a change of a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModificationState {
    /// It begins.
    Modifying,
    /// The new size is there, the new speed is coming.
    Optimizing,
    /// It is done.
    Completed,
}

impl ModificationState {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modifying => "modifying",
            Self::Optimizing => "optimizing",
            Self::Completed => "completed",
        }
    }
}

/// One change of a volume's size, type or speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeModification {
    /// What the volume was.
    pub original: VolumeSpec,
    /// What it is to be.
    pub target: VolumeSpec,
    /// How far it is.
    pub state: ModificationState,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was done.
    pub ended: Option<Timestamp>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// The zone it is in; only instances there can have it.
    pub zone: AvailabilityZone,
    /// How large and how fast it is.
    pub spec: VolumeSpec,
    /// The snapshot it was made from.
    pub snapshot: Option<SnapshotId>,
    /// Where it is in its life.
    pub life: VolumeLife,
    /// Since when.
    pub life_since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// The instances that have it; several only where its spec says so.
    pub attachments: Vec<VolumeAttachment>,
    /// Its changes of the last day and, however old, the last one; the oldest first.
    pub modifications: Vec<VolumeModification>,
    /// Whether I/O goes on by itself after an event that could have harmed the data.
    pub auto_enable_io: bool,
    /// The instance on whose disk the root file system is that it holds: no other machine can do anything with it. None
    /// once that is kept by itself.
    pub root_of: Option<InstanceId>,
    /// The layers of the root file system it was made with, lowest first; none for a volume that began empty.
    pub layers: Vec<ImageLayer>,
}

impl Volume {
    /// Its state by EC2's name.
    pub fn state(&self) -> &'static str {
        match self.life {
            VolumeLife::Creating => "creating",
            VolumeLife::Deleting => "deleting",
            VolumeLife::Ready if self.attachments.is_empty() => "available",
            VolumeLife::Ready => "in-use",
        }
    }

    /// How this instance has it.
    pub fn attachment_to(&self, instance: InstanceId) -> Option<&VolumeAttachment> {
        self.attachments.iter().find(|attachment| attachment.instance == instance)
    }
}

/// Where a snapshot is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotState {
    /// It is being made.
    Pending,
    /// It is there.
    Completed,
    /// It could not be made.
    Error,
}

impl SnapshotState {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotContent {
    /// A disk that nothing was written to.
    Blank,
    /// A root file system: its layers, lowest first.
    Layers(Vec<ImageLayer>),
    /// The root file system of this instance, which the host is still to keep: the snapshot is pending until then.
    Capture(InstanceId),
}

/// The last move of a snapshot between its tiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tiering {
    /// Which.
    pub operation: TieringOperation,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was done; `None` while it goes on.
    pub completed: Option<Timestamp>,
    /// When it was last archived.
    pub archived: Option<Timestamp>,
    /// When a temporary restore ends.
    pub expires: Option<Timestamp>,
}

/// A move of a snapshot between its tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieringOperation {
    /// Into the archive.
    Archival,
    /// Out of it for good.
    PermanentRestore,
    /// Out of it for some days.
    TemporaryRestore,
}

/// That volumes made from a snapshot in one zone are at their full speed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastRestore {
    /// When it was asked for.
    pub enabling: Timestamp,
    /// When its end was asked for.
    pub disabling: Option<Timestamp>,
}

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The volume it was made of; the number of a copy's names none.
    pub volume: VolumeId,
    /// The size of that volume in GiB.
    pub size_gib: u32,
    /// Where it is in its life.
    pub state: SnapshotState,
    /// Why it could not be made.
    pub state_message: Option<String>,
    /// The moment it shows.
    pub started: Timestamp,
    /// When it was complete.
    pub completed: Option<Timestamp>,
    /// What its maker says about it.
    pub description: String,
    /// What it holds.
    pub content: SnapshotContent,
    /// Whether it comes with Daemun; such snapshots belong to `amazon`.
    pub is_builtin: bool,
    /// Whether it is the copy of another.
    pub is_copy: bool,
    /// For a copy, how many minutes it may take, where that was said.
    #[serde(default)]
    pub completion_minutes: Option<u32>,
    /// Whether everybody may make volumes from it.
    pub is_public: bool,
    /// The accounts that may make volumes from it.
    pub shared_with: BTreeSet<AccountId>,
    /// Whether it is in the archive.
    pub is_archived: bool,
    /// Its last move into the archive or out of it.
    pub tiering: Option<Tiering>,
    /// The zones in which volumes made from it are at full speed at once.
    pub fast_restores: BTreeMap<AvailabilityZone, FastRestore>,
}

impl Snapshot {
    /// A snapshot that begins now.
    pub fn new(id: SnapshotId, volume: VolumeId, size_gib: u32, content: SnapshotContent, now: Timestamp) -> Self {
        Self {
            id,
            volume,
            size_gib,
            state: SnapshotState::Pending,
            state_message: None,
            started: now,
            completed: None,
            description: String::new(),
            content,
            is_builtin: false,
            is_copy: false,
            completion_minutes: None,
            is_public: false,
            shared_with: BTreeSet::new(),
            is_archived: false,
            tiering: None,
            fast_restores: BTreeMap::new(),
        }
    }

    /// The snapshot that the root volumes of an image are said to come from, where it has no record of its own.
    pub fn of_image(image: &Image) -> Option<Self> {
        let id = image.root_snapshot()?;
        let content = SnapshotContent::Layers(image.layers.clone());
        // A number of its own, so that no volume of a cloud is taken for it.
        let volume = VolumeId::from_number(!id.number());
        Some(Self {
            state: SnapshotState::Completed,
            completed: Some(image.created),
            description: format!("Root volume of {}", image.name),
            is_builtin: image.is_builtin,
            is_public: image.is_builtin,
            ..Self::new(id, volume, image.root_volume_gib(), content, image.created)
        })
    }
}

impl Snapshot {
    /// The layers of the root file system it holds; none for another disk.
    pub fn layers(&self) -> &[ImageLayer] {
        match &self.content {
            SnapshotContent::Layers(layers) => layers,
            SnapshotContent::Blank | SnapshotContent::Capture(_) => &[],
        }
    }
}
