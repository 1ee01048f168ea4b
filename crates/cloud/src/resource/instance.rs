//! Machines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{
    AvailabilityZone, ImageId, InstanceId, InstanceState, NetworkInterfaceId, ReservationId, SubnetId, Timestamp,
    VolumeId, VpcId,
};

use super::ImageLayer;
use super::options::{IamProfileAssociation, InstanceOptions};

/// Why an instance is in its state: a code such as `Client.UserInitiatedShutdown` and a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReason {
    /// EC2's code.
    pub code: String,
    /// The text, which by EC2's custom begins with the code.
    pub message: String,
}

impl StateReason {
    /// The reason with EC2's form of message, `CODE: text`.
    pub fn new(code: &str, text: &str) -> Self {
        Self { code: code.to_owned(), message: format!("{code}: {text}") }
    }
}

/// What a shutdown from inside does to the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownBehavior {
    /// It stops.
    Stop,
    /// It is terminated.
    Terminate,
}

impl ShutdownBehavior {
    /// EC2's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }
}

/// How the metadata service answers an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether it answers at all.
    pub enabled: bool,
    /// Whether a session token is required (`HttpTokens=required`).
    pub tokens_required: bool,
    /// The TTL of packets that carry a token, 1 to 64.
    pub hop_limit: u8,
    /// Whether the instance's tags are shown.
    pub instance_tags: bool,
    /// Whether it answers by IPv6, too.
    #[serde(default)]
    pub ipv6: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self { enabled: true, tokens_required: false, hop_limit: 1, instance_tags: false, ipv6: false }
    }
}

/// A disk of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// Such as `/dev/xvda`.
    pub device_name: String,
    /// The volume, whose record says all else.
    pub volume: VolumeId,
    /// What stood here before volumes had records of their own; a record is made from it.
    #[serde(flatten)]
    pub early: Option<EarlyDisk>,
}

impl BlockDevice {
    /// A disk of this name.
    pub fn new(device_name: impl Into<String>, volume: VolumeId) -> Self {
        Self { device_name: device_name.into(), volume, early: None }
    }
}

/// A disk as it was written down before volumes had records of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyDisk {
    /// Since when it is attached.
    pub attach_time: Timestamp,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// Its size in GiB.
    #[serde(default)]
    pub size_gib: u32,
    /// EC2's name of its type, such as `gp3`.
    #[serde(default)]
    pub volume_type: String,
}

/// An instance: what was asked for, and where it is in its life.
///
/// The daemon's controllers bring the machine to what `state` asks for: `pending` wants it running, `stopping`
/// stopped, `shutting-down` gone. They alone move it on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The call that made it.
    pub reservation: ReservationId,
    /// Its place among the instances of that call, from 0.
    pub launch_index: u32,
    /// The image it started from.
    pub image: ImageId,
    /// The root-filesystem layers it runs on, lowest first, as they were at launch.
    pub layers: Vec<ImageLayer>,
    /// Such as `t3.micro`.
    pub instance_type: Arc<str>,
    /// The name of its key pair at launch.
    pub key_name: Option<Arc<str>>,
    /// The public key of that pair as a line of `authorized_keys`; later deletion of the pair changes nothing.
    pub public_openssh: Option<String>,
    /// The VPC of its primary interface.
    pub vpc: VpcId,
    /// The subnet of its primary interface.
    pub subnet: SubnetId,
    /// The zone it runs in.
    pub zone: AvailabilityZone,
    /// Its interfaces, the primary one first. Empty once terminated.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Since when.
    #[serde(default)]
    pub state_since: Timestamp,
    /// Why.
    pub state_reason: Option<StateReason>,
    /// Why, in the older form: empty or `User initiated (TIME)`.
    pub transition_reason: String,
    /// When it was last started.
    pub launch_time: Timestamp,
    /// When it was terminated.
    pub terminated: Option<Timestamp>,
    /// How many times it was started; a boot that is reported for an older number is stale.
    pub starts: u32,
    /// How many reboots were asked for.
    pub reboots_wanted: u32,
    /// How many of them were carried out.
    pub reboots_done: u32,
    /// The id of the host's own boot during which it was last running.
    #[serde(default)]
    pub host_boot: Option<String>,
    /// Whether StopInstances must not shut it down cleanly first.
    #[serde(default)]
    pub force_stop: bool,
    /// Its user data, decoded.
    pub user_data: Option<Vec<u8>>,
    /// How the metadata service answers it.
    pub metadata: MetadataOptions,
    /// Whether detailed monitoring is on.
    pub monitoring: bool,
    /// Whether TerminateInstances is refused.
    pub disable_api_termination: bool,
    /// Whether StopInstances is refused.
    pub disable_api_stop: bool,
    /// What a shutdown from inside does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether EBS optimisation was asked for.
    pub ebs_optimized: bool,
    /// The name of the root device.
    pub root_device: String,
    /// Its disks.
    pub block_devices: Vec<BlockDevice>,
    /// The token of the call that made it.
    pub client_token: Option<Arc<str>>,
    /// What else it is set to.
    #[serde(default)]
    pub options: InstanceOptions,
    /// Its instance profile.
    #[serde(default)]
    pub iam_profile: Option<IamProfileAssociation>,
    /// The name of its placement group.
    #[serde(default)]
    pub placement_group: Option<Arc<str>>,
}

impl Instance {
    /// How long a terminated instance is still described, in milliseconds: about an hour, as on AWS.
    pub const TERMINATED_VISIBLE_MS: i64 = 3_600_000;

    /// Whether it has the volume that it boots from.
    pub fn has_root_volume(&self) -> bool {
        self.block_devices.iter().any(|device| device.device_name == self.root_device)
    }

    /// Counts one more start, from now on; what was left of the time before is void.
    pub fn begin_start(&mut self, now: Timestamp) {
        self.starts += 1;
        self.launch_time = now;
        self.reboots_done = self.reboots_wanted;
        self.host_boot = None;
        self.force_stop = false;
        self.state_reason = None;
        self.transition_reason.clear();
    }
}
