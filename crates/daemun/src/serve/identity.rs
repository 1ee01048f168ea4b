//! What makes this cloud itself: the tag of its kernel objects and the secret behind metadata tokens.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use policy::CloudTag;
use serde::{Deserialize, Serialize};

const FILE: &str = "cloud.json";

/// Kept for as long as the state directory is.
pub(super) struct Identity {
    /// Part of the names of namespaces, links and tables.
    pub tag: CloudTag,
    /// Signs the metadata service's session tokens.
    pub token_secret: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Stored {
    tag: CloudTag,
    token_secret: String,
}

/// The identity in this state directory, made first if there is none.
pub(super) fn read_or_create(state_dir: &Path) -> anyhow::Result<Identity> {
    if let Some(identity) = read(state_dir)? {
        return Ok(identity);
    }
    let path = state_dir.join(FILE);
    let identity = Identity { tag: CloudTag::from_number(rand::random()), token_secret: rand::random() };
    let stored = Stored { tag: identity.tag, token_secret: hex::encode(identity.token_secret) };
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    file.as_mut()
        .map_err(|error| std::io::Error::new(error.kind(), error.to_string()))
        .and_then(|file| file.write_all(&serde_json::to_vec(&stored)?).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(identity)
}

/// The identity in this state directory, if there is one.
pub(super) fn read(state_dir: &Path) -> anyhow::Result<Option<Identity>> {
    let path = state_dir.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let damaged = || format!("{} is damaged", path.display());
    let stored: Stored = serde_json::from_slice(&text).with_context(damaged)?;
    let mut token_secret = [0; 32];
    hex::decode_to_slice(&stored.token_secret, &mut token_secret).with_context(damaged)?;
    Ok(Some(Identity { tag: stored.tag, token_secret }))
}
