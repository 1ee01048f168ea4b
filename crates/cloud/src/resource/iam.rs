//! What the other services keep: roles, instance profiles, and keys that are pushed to an instance for a moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{InstanceId, Timestamp};

use super::Tags;

/// A role of IAM. Roles belong to the account as a whole, so they are in what all regions share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Its unique id, `AROA` and 17 letters and digits: a role made later under the same name has another.
    pub id: String,
    /// Its Amazon resource name.
    pub arn: String,
    /// Its path, `/` unless given.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who may assume it: a policy document, as it was given.
    pub trust_policy: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The longest session that may be asked for, in seconds.
    pub max_session_seconds: u32,
    /// The ARNs of the policies that are attached, all of them AWS's own.
    #[serde(default)]
    pub policies: BTreeSet<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A profile that gives an instance its role. Shared by all regions, as roles are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// Its name.
    pub name: Arc<str>,
    /// Its unique id, `AIPA` and 17 letters and digits.
    pub id: String,
    /// Its Amazon resource name.
    pub arn: String,
    /// Its path, `/` unless given.
    pub path: String,
    /// When it was made.
    pub created: Timestamp,
    /// The names of the roles in it: one at most.
    #[serde(default)]
    pub roles: Vec<Arc<str>>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A public key that opens an instance for a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedKey {
    /// As a line of `authorized_keys`, without options or comment.
    pub openssh: String,
    /// When it stops opening anything.
    pub expires: Timestamp,
}

/// The keys that EC2 Instance Connect has pushed to one user of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedKeys {
    /// Instance and user, joined: `i-0123456789abcdef0/admin`.
    pub target: Arc<str>,
    /// The instance.
    pub instance: InstanceId,
    /// The user of its operating system.
    pub user: String,
    /// The keys, the oldest first; never empty.
    pub keys: Vec<PushedKey>,
}

impl PushedKeys {
    /// The key under which those of this user of this instance are stored.
    pub fn target(instance: InstanceId, user: &str) -> Arc<str> {
        format!("{instance}/{user}").into()
    }
}
