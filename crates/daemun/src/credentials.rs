//! The root access key of a cloud.
//!
//! It comes from `DAEMUN_ACCESS_KEY_ID` and `DAEMUN_SECRET_ACCESS_KEY` at the first start, else it is made, and it
//! is kept in `DIR/credentials`, readable by its owner alone, in the AWS shared-credentials format: any AWS client
//! reads it as it is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rand::Rng;

/// An access key of AWS's form.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half, such as `AKIA…`.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

/// Shows no secret, so that none reaches a log.
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a state directory keeps its access key.
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("credentials")
}

/// The access key of this state directory.
///
/// # Errors
/// If the file cannot be read or holds no key.
pub fn read(state_dir: &Path) -> anyhow::Result<AccessKey> {
    let path = path_in(state_dir);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(AccessKey { id, secret }),
        _ => bail!("{} holds no access key; delete it to have a new one made", path.display()),
    }
}

/// The access key of this state directory, made first if there is none.
///
/// # Errors
/// If the file cannot be read or written.
pub fn read_or_create(state_dir: &Path) -> anyhow::Result<AccessKey> {
    let path = path_in(state_dir);
    if path.exists() {
        return read(state_dir);
    }
    let from_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = match (from_environment("DAEMUN_ACCESS_KEY_ID"), from_environment("DAEMUN_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => AccessKey { id, secret },
        (None, None) => generate(),
        _ => bail!("set both DAEMUN_ACCESS_KEY_ID and DAEMUN_SECRET_ACCESS_KEY, or neither"),
    };
    let text = format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret);
    // Written beside and renamed, so that a file half written is never read.
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("cannot write {}", draft.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("cannot write the access key")?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}

fn generate() -> AccessKey {
    const ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const SECRET_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rng = rand::rng();
    let mut draw = |letters: &[u8], count: usize| -> String {
        (0..count).map(|_| char::from(letters[rng.random_range(0..letters.len())])).collect()
    };
    AccessKey { id: format!("AKIA{}", draw(ID_LETTERS, 16)), secret: draw(SECRET_LETTERS, 40) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let key = read_or_create(dir.path()).unwrap();
        assert_eq!((key.id.len(), key.secret.len()), (20, 40));
        assert_eq!(read_or_create(dir.path()).unwrap(), key);
        let mode = fs::metadata(path_in(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{key:?}").contains(&key.secret));
    }
}
