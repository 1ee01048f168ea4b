//! Machine images: ordered, immutable root-filesystem layers and what is known about them.

mod build;
mod layers;
mod mirror;
mod progress;
mod recipe;
mod secrets;
mod store;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::{HostError, Result};

pub use layers::{CapturedLayers, Layers, SimulatedLayers};
pub use progress::{Progress, Stage};
pub use recipe::{Base, Recipe};
pub use secrets::find as find_secrets;
pub use store::ImageStore;

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

/// Whom key pairs are given to where an image does not say: the user of Debian's own cloud images.
pub const DEFAULT_USER: &str = "admin";

/// The images that pretended machines are made from: the same as real ones, without layers.
pub fn simulated_images() -> Vec<Image> {
    let Ok(recipes) = Recipe::built_in() else { return Vec::new() };
    let images = recipes.into_iter().map(|recipe| Image {
        digest: recipe.digest(None),
        name: recipe.name,
        description: recipe.description,
        created: Timestamp::from_unix_ms(1_686_355_200_000),
        architecture: store::architecture().to_owned(),
        layers: Vec::new(),
        size_bytes: 0,
        user: DEFAULT_USER.to_owned(),
    });
    images.collect()
}

/// Refuses what is not an image's name: 1 to 64 lower-case letters, digits, dots and dashes, a letter or digit first.
fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let starts_well = name.bytes().next().is_some_and(plain);
    if starts_well && name.len() <= 64 && name.bytes().all(|b| plain(b) || b == b'.' || b == b'-') {
        return Ok(());
    }
    Err(HostError::Invalid(format!("{name:?} is not an image name")))
}
