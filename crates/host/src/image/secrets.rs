//! No image holds what each machine must have for itself.

use std::fs;
use std::path::Path;

use crate::{HostError, Result};

/// Refuses a layer with a key, a password or an identity in it.
///
/// # Errors
/// [`HostError::Invalid`] naming every such file.
pub(super) fn refuse(root: &Path) -> Result<()> {
    let found = find(root);
    if found.is_empty() {
        return Ok(());
    }
    Err(HostError::Invalid(format!(
        "the image would hold what each machine must have for itself: {}",
        found.join(", ")
    )))
}

/// The secrets and identities in a layer, as paths inside with a word on each.
pub fn find(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut tell = |path: &str, what: &str| found.push(format!("/{path} ({what})"));
    for (directory, prefix, what) in [
        ("etc/ssh", "ssh_host_", "host key"),
        ("etc/ssl/private", "", "private key"),
        ("root/.ssh", "", "root's SSH files"),
        ("var/lib/cloud/instances", "", "another instance's data"),
    ] {
        for name in names_in(&root.join(directory)).filter(|name| name.starts_with(prefix)) {
            tell(&format!("{directory}/{name}"), what);
        }
    }
    for home in names_in(&root.join("home")) {
        for name in names_in(&root.join("home").join(&home).join(".ssh")) {
            tell(&format!("home/{home}/.ssh/{name}"), "a user's SSH file");
        }
    }
    for (path, what) in [
        ("etc/machine-id", "machine id"),
        ("var/lib/dbus/machine-id", "machine id"),
        ("var/lib/systemd/random-seed", "random seed"),
        ("var/lib/systemd/credential.secret", "secret"),
    ] {
        let file = root.join(path);
        let is_file = file.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() > 0);
        let says_nothing = fs::read_to_string(&file).is_ok_and(|text| text.trim() == "uninitialized");
        if is_file && !says_nothing {
            tell(path, what);
        }
    }
    let shadow = fs::read_to_string(root.join("etc/shadow")).unwrap_or_default();
    for line in shadow.lines() {
        let mut fields = line.split(':');
        if let (Some(user), Some(hash)) = (fields.next(), fields.next())
            && (hash.is_empty() || hash.contains('$'))
        {
            tell("etc/shadow", &format!("password of {user}"));
        }
    }
    found
}

fn names_in(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_secret_is_found() {
        let root = std::env::temp_dir().join(format!("daemun-secrets-{}", std::process::id()));
        for directory in ["etc/ssh", "home/admin/.ssh", "var/lib/systemd"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("etc/machine-id"), "").unwrap();
        fs::write(root.join("etc/shadow"), "root:*:1::\nadmin:!:1::\n").unwrap();
        assert_eq!(find(&root), [""; 0]);
        fs::write(root.join("etc/machine-id"), "9f6e\n").unwrap();
        fs::write(root.join("etc/shadow"), "root::1::\nadmin:$y$j9T$x:1::\n").unwrap();
        fs::write(root.join("etc/ssh/ssh_host_rsa_key"), "x").unwrap();
        fs::write(root.join("home/admin/.ssh/authorized_keys"), "x").unwrap();
        fs::write(root.join("var/lib/systemd/random-seed"), "x").unwrap();
        assert_eq!(find(&root).len(), 6, "{:?}", find(&root));
        assert!(refuse(&root).is_err());
        fs::remove_dir_all(&root).unwrap();
    }
}
