//! Machine images: ordered, immutable root-filesystem layers and what is known about them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// An image that machines can be made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its name, such as `debian-12`; unique in a store.
    pub name: String,
    /// What it is, in one line.
    pub description: String,
    /// When it was built or imported.
    pub created: Timestamp,
    /// The processor it runs on, in EC2's words: `x86_64` or `arm64`.
    pub architecture: String,
    /// Its layers' root directories, lowest first.
    pub layers: Vec<PathBuf>,
    /// What it was made from, as 64 hexadecimal digits: two images with the same digest came from the same recipe.
    pub digest: String,
    /// How much the layers hold together, in bytes.
    pub size_bytes: u64,
    /// The user whom key pairs are given to.
    pub user: String,
}
