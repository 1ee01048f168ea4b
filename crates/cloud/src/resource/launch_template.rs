//! Launch templates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{LaunchTemplateId, Timestamp};

/// What a launch template says about a launch, exactly as it was given: no default is added.
///
/// A JSON object with the members of the model's `RequestLaunchTemplateData`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaunchData(pub serde_json::Value);

/// One version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchTemplateVersion {
    /// Its number, from 1; never given twice.
    pub number: i64,
    /// What its author says about it.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// The ARN of who made it.
    pub created_by: String,
    /// What it says.
    pub data: LaunchData,
}

/// A launch template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchTemplate {
    /// Its id.
    pub id: LaunchTemplateId,
    /// Its name; unique in the region.
    pub name: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
    /// The ARN of who made it.
    pub created_by: String,
    /// The number of the version that is used where none is named.
    pub default_version: i64,
    /// The highest number that a version ever had.
    pub latest_version: i64,
    /// Its versions, by rising number.
    pub versions: Vec<LaunchTemplateVersion>,
}

impl LaunchTemplate {
    /// The version of this number, unless it was deleted.
    pub fn version(&self, number: i64) -> Option<&LaunchTemplateVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}
