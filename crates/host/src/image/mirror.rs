//! Where this host's apt finds Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process;

/// Used where the host has no Debian mirror of its own, as on Ubuntu.
const DEBIAN: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";

/// Debian's package keys, on Debian and on Ubuntu.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
pub(super) const KEYRING_PACKAGE: &str = "debian-archive-keyring";

/// The apt settings that say how to reach a mirror; a build takes the host's.
const CARRIED_OVER: [&str; 7] = [
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::http::Proxy-Auto-Detect",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Retries",
    "Acquire::ForceIPv4",
];

/// How a build reaches Debian's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    debian: String,
    security: String,
    /// apt settings as `Name "value";`.
    pub(super) settings: Vec<String>,
}

impl Mirror {
    /// As this host is set up.
    pub(super) fn of_this_host() -> Result<Self> {
        let mut uris = Vec::new();
        for path in source_files(Path::new("/etc/apt")) {
            uris.extend(uris_in(&fs::read_to_string(path).unwrap_or_default()));
        }
        let dump = process::run(Command::new("apt-config").arg("dump"), "apt")?;
        Ok(Self::from_parts(&uris, &String::from_utf8_lossy(&dump)))
    }

    fn from_parts(uris: &[String], apt_config: &str) -> Self {
        let ending = |end: &str| uris.iter().map(|uri| uri.trim_end_matches('/')).find(|uri| uri.ends_with(end));
        let settings = apt_config
            .lines()
            .filter(|line| {
                let name = line.split(' ').next().unwrap_or_default();
                CARRIED_OVER.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            })
            .map(str::to_owned)
            .collect();
        Self {
            debian: ending("/debian").unwrap_or(DEBIAN).to_owned(),
            security: ending("/debian-security").unwrap_or(SECURITY).to_owned(),
            settings,
        }
    }

    /// The lines of a `sources.list` for a release.
    pub(super) fn sources(&self, suite: &str) -> Vec<String> {
        let Self { debian, security, .. } = self;
        vec![
            format!("deb [signed-by={KEYRING}] {debian} {suite} main"),
            format!("deb [signed-by={KEYRING}] {debian} {suite}-updates main"),
            format!("deb [signed-by={KEYRING}] {security} {suite}-security main"),
        ]
    }
}

fn source_files(apt: &Path) -> Vec<PathBuf> {
    let mut files = vec![apt.join("sources.list")];
    let parts = fs::read_dir(apt.join("sources.list.d")).into_iter().flatten().flatten();
    let mut parts: Vec<PathBuf> = parts
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "list" || e == "sources"))
        .collect();
    parts.sort();
    files.extend(parts);
    files
}

/// The URIs of both forms of apt's source files that this build can use: plain http and https.
fn uris_in(text: &str) -> Vec<String> {
    let mut uris = Vec::new();
    for line in text.lines().map(str::trim) {
        let is_source = line.starts_with("deb ") || line.starts_with("deb\t") || line.starts_with("URIs:");
        if is_source {
            let words = line.split_whitespace().filter(|w| w.starts_with("http://") || w.starts_with("https://"));
            uris.extend(words.map(str::to_owned));
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_mirror_is_taken() {
        let uris = uris_in("# deb http://old/debian x\nTypes: deb\nURIs: http://mirror.example/debian/\n");
        let more = uris_in("deb [arch=amd64] https://mirror.example/debian-security bookworm-security main\n");
        let mirror = Mirror::from_parts(
            &[uris, more].concat(),
            "Acquire::http::Proxy \"http://proxy:3128\";\nAPT::Architecture \"amd64\";\n",
        );
        assert_eq!(mirror.debian, "http://mirror.example/debian");
        assert_eq!(mirror.security, "https://mirror.example/debian-security");
        assert_eq!(mirror.settings, ["Acquire::http::Proxy \"http://proxy:3128\";"]);
    }

    #[test]
    fn another_distributions_mirror_is_not() {
        let uris = uris_in("deb http://archive.ubuntu.com/ubuntu noble main\n");
        assert_eq!(Mirror::from_parts(&uris, "").debian, DEBIAN);
    }
}
