//! Knocking at the instance's doors with the programs that anyone would use: `ssh` and `curl`.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use host::program::{Finished, Program};

use super::scene::NAME;
use super::story::Unexpected;
use crate::cli::output::shell_word;
use crate::cli::ssh;

/// How long a knock at a closed door is kept up, in seconds.
pub const PATIENCE_SECONDS: u64 = 3;
/// How often a door that should open or close soon is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// `curl`'s exit code for having waited in vain.
const CURL_TIMED_OUT: i32 = 28;

/// `ssh` to one instance.
pub struct Shell {
    user: String,
    address: Ipv4Addr,
    key: PathBuf,
    dir: PathBuf,
}

/// Whether and how `ssh` identifies itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// With the private key.
    Key,
    /// Not at all.
    None,
}

impl Shell {
    /// To this user at this address, with this private key; host keys and settings are kept in `dir`.
    pub fn new(user: &str, address: Ipv4Addr, key: &Path, dir: &Path) -> Self {
        Self { user: user.to_owned(), address, key: key.to_owned(), dir: dir.to_owned() }
    }

    /// Where [`Shell::write_settings`] writes.
    pub fn settings_path(&self) -> PathBuf {
        self.dir.join("ssh_config")
    }

    /// Writes all options down under the name [`NAME`], so that later calls are short.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_settings(&self) -> anyhow::Result<()> {
        let (user, address) = (&self.user, self.address);
        let (key, known_hosts) = (self.key.display(), ssh::known_hosts(&self.dir));
        let settings = format!(
            "Host {NAME}\n  HostName {address}\n  User {user}\n  IdentityFile \"{key}\"\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile \"{}\"\n  StrictHostKeyChecking accept-new\n  BatchMode yes\n  ConnectTimeout 10\n",
            known_hosts.display()
        );
        let path = self.settings_path();
        fs::write(&path, settings).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The arguments for one call.
    fn arguments(&self, identity: Identity, patience: Option<u64>) -> Vec<String> {
        let mut arguments = match identity {
            Identity::Key => ssh::options(&self.dir, Some(&self.key)),
            Identity::None => {
                let mut options = ssh::options(&self.dir, None);
                options.extend(["-o".to_owned(), "PubkeyAuthentication=no".to_owned()]);
                options
            }
        };
        arguments.extend(patience.into_iter().flat_map(|s| ["-o".to_owned(), format!("ConnectTimeout={s}")]));
        arguments.push(format!("{}@{}", self.user, self.address));
        arguments
    }

    /// The call as it is typed.
    pub fn command_line(&self, identity: Identity, patience: Option<u64>, remote: &str) -> String {
        let mut words = vec!["ssh".to_owned()];
        words.extend(self.arguments(identity, patience));
        words.extend((!remote.is_empty()).then(|| remote.to_owned()));
        words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    }

    /// The call itself. Nothing is asked on the terminal, and the operator's own configuration plays no part.
    pub fn program(&self, identity: Identity, patience: Option<u64>, remote: &str) -> Program {
        Program::new("ssh", "openssh-client")
            .args(["-F", "none", "-o", "BatchMode=yes"])
            .args(self.arguments(identity, patience))
            .args((!remote.is_empty()).then_some(remote))
    }

    /// `ssh` with the settings written down; also for programs that call it by themselves, such as git.
    pub fn short(&self) -> String {
        format!("ssh -F {}", shell_word(&self.settings_path().to_string_lossy()))
    }

    /// A call with the settings written down, as it is typed.
    pub fn short_command_line(&self, remote: &str) -> String {
        format!("{} {NAME} {}", self.short(), shell_word(remote))
    }

    fn short_program(&self, remote: &str) -> Program {
        Program::new("ssh", "openssh-client").args(["-F"]).args([self.settings_path()]).args([NAME, remote])
    }

    /// Runs a script there with the key; its standard output, if it succeeds.
    ///
    /// # Errors
    /// If it fails or takes longer than `limit`.
    pub fn run(&self, script: &str, limit: Duration) -> anyhow::Result<String> {
        let finished = self.short_program(script).run(limit)?;
        if !finished.succeeded() {
            bail!("`{script}`: {}", said(&finished));
        }
        Ok(finished.stdout)
    }

    /// Runs a script there until its output is the wanted one.
    ///
    /// # Errors
    /// If that does not come to pass within `limit`.
    pub fn run_until(&self, script: &str, wanted: impl Fn(&str) -> bool, limit: Duration) -> anyhow::Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            let finished = self.short_program(script).run(limit)?;
            if finished.succeeded() && wanted(&finished.stdout) {
                return Ok(finished.stdout);
            }
            if Instant::now() > deadline {
                bail!("`{script}`: {}", said(&finished));
            }
            std::thread::sleep(AGAIN);
        }
    }
}

/// What a program said, in one line.
pub fn said(finished: &Finished) -> String {
    let text = if finished.stderr.trim().is_empty() { &finished.stdout } else { &finished.stderr };
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_chatter(line)).collect();
    let code = finished.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    if lines.is_empty() { format!("exit {code}") } else { format!("{} (exit {code})", lines.join(" / ")) }
}

/// `ssh` says this once for every new host.
fn is_chatter(line: &str) -> bool {
    line.starts_with("Warning: Permanently added")
}

/// Whether `ssh` got no answer from the other end at all.
pub fn timed_out(finished: &Finished) -> bool {
    finished.code == Some(255) && finished.stderr.contains("timed out")
}

/// Whether `ssh` reached a server that does not yet take logins.
pub fn not_yet(finished: &Finished) -> bool {
    let stderr = &finished.stderr;
    finished.code == Some(255)
        && [
            "timed out",
            "Connection refused",
            "Connection reset",
            "Connection closed",
            "No route to host",
            "booting up",
        ]
        .iter()
        .any(|sign| stderr.contains(sign))
}

/// Runs a program over and over until `wanted`, and gives its last result either way.
pub fn retry(
    limit: Duration,
    mut attempt: impl FnMut() -> anyhow::Result<Finished>,
    wanted: impl Fn(&Finished) -> bool,
) -> anyhow::Result<Finished> {
    let deadline = Instant::now() + limit;
    loop {
        let finished = attempt()?;
        if wanted(&finished) || Instant::now() > deadline {
            return Ok(finished);
        }
        std::thread::sleep(AGAIN);
    }
}

/// `curl` to one address.
pub struct Curl {
    arguments: Vec<String>,
}

impl Curl {
    /// With a few seconds of patience, and with a certificate to believe in if one is given.
    pub fn new(url: &str, certificate: Option<&Path>) -> Self {
        let mut arguments: Vec<String> = ["-sS", "--fail", "--max-time"]
            .into_iter()
            .map(str::to_owned)
            .chain([PATIENCE_SECONDS.to_string()])
            .collect();
        if let Some(path) = certificate {
            arguments.extend(["--cacert".to_owned(), path.display().to_string()]);
        }
        arguments.push(url.to_owned());
        Self { arguments }
    }

    /// The call as it is typed.
    pub fn command_line(&self) -> String {
        let words = std::iter::once("curl").chain(self.arguments.iter().map(String::as_str));
        words.map(shell_word).collect::<Vec<_>>().join(" ")
    }

    /// The call itself. The instance is never behind a proxy.
    pub fn run(&self) -> anyhow::Result<Finished> {
        let limit = Duration::from_secs(PATIENCE_SECONDS + 10);
        Ok(Program::new("curl", "curl").args(["-q"]).args(&self.arguments).env("no_proxy", "*").run(limit)?)
    }

    /// Knocks until something answers; its body.
    ///
    /// # Errors
    /// [`Unexpected`] if nothing does within `limit`.
    pub fn until_answered(&self, expected: &str, limit: Duration) -> anyhow::Result<String> {
        let finished = retry(limit, || self.run(), Finished::succeeded)?;
        if finished.succeeded() {
            return Ok(finished.stdout);
        }
        Err(Unexpected { expected: expected.to_owned(), got: said(&finished) }.into())
    }

    /// Knocks until nothing answers; what `curl` says then. A rule may take a moment to reach the kernel.
    ///
    /// # Errors
    /// [`Unexpected`] if something still answers, or refuses, after `limit`.
    pub fn until_unanswered(&self, expected: &str, limit: Duration) -> anyhow::Result<String> {
        let finished = retry(limit, || self.run(), |f| f.code == Some(CURL_TIMED_OUT))?;
        if finished.code == Some(CURL_TIMED_OUT) {
            return Ok(said(&finished));
        }
        Err(Unexpected { expected: expected.to_owned(), got: said(&finished) }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell::new("admin", Ipv4Addr::new(198, 18, 0, 4), Path::new("/s/k.pem"), Path::new("/s"))
    }

    fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
        Finished { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn without_the_key_none_is_named() {
        let line = shell().command_line(Identity::None, Some(3), "");
        assert!(!line.contains("k.pem") && line.ends_with("ConnectTimeout=3 admin@198.18.0.4"), "{line}");
        let line = shell().command_line(Identity::Key, None, "whoami; hostname");
        assert!(line.contains("-i /s/k.pem") && line.ends_with("admin@198.18.0.4 'whoami; hostname'"), "{line}");
    }

    #[test]
    fn what_ssh_says_is_told_apart() {
        let time_out = finished(255, "", "ssh: connect to host 198.18.0.4 port 22: Connection timed out");
        let refused = finished(255, "", "ssh: connect to host 198.18.0.4 port 22: Connection refused");
        let denied = finished(255, "", "Warning: Permanently added 'x'.\nadmin@h: Permission denied (publickey).");
        assert_eq!([&time_out, &refused, &denied].map(timed_out), [true, false, false]);
        assert_eq!([&time_out, &refused, &denied].map(not_yet), [true, true, false]);
        assert_eq!(said(&denied), "admin@h: Permission denied (publickey). (exit 255)");
        assert_eq!(said(&finished(3, "", "")), "exit 3");
    }

    #[test]
    fn trying_again_ends_with_the_wanted_result_or_with_time() {
        let last_code = |limit| {
            let mut calls = 0;
            let attempt = || {
                calls += 1;
                Ok(finished(calls, "", ""))
            };
            retry(limit, attempt, |f| f.code == Some(2)).unwrap().code
        };
        assert_eq!(last_code(Duration::from_secs(60)), Some(2));
        assert_eq!(last_code(Duration::ZERO), Some(1));
    }

    #[test]
    fn curl_is_patient_for_a_while_only() {
        let line = Curl::new("https://198.18.0.4/", Some(Path::new("/s/api.crt"))).command_line();
        assert_eq!(line, "curl -sS --fail --max-time 3 --cacert /s/api.crt https://198.18.0.4/");
    }
}
