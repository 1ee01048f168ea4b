//! A Daemun in the background: started, waited for, stopped; in the machine's own network or in one of its own.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell;

/// How long a daemon may take to say that it is ready. It makes an access key and opens its ledger; seconds at most.
const READY: Duration = Duration::from_secs(60);
/// How many lines of its log are shown when it does not get ready.
const TAIL: usize = 30;

/// A network namespace without any way out.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// The namespace that belongs to this state directory: the same one every time.
    pub fn of(state_dir: &Path) -> Self {
        let digest = Sha256::digest(state_dir.as_os_str().as_encoded_bytes());
        let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("daemun-iso-{short}") }
    }

    /// The file that stands for it.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Makes it, with nothing but a loopback, unless it is there.
    ///
    /// # Errors
    /// If the kernel or `ip` refuses.
    pub fn ensure(&self) -> Result<()> {
        if !self.path().exists() {
            shell::read(Command::new("ip").args(["netns", "add", &self.name]))?;
        }
        shell::read(Command::new("ip").args(["-n", &self.name, "link", "set", "lo", "up"]))?;
        Ok(())
    }

    /// Removes it if it is there.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn remove(&self) -> Result<()> {
        if self.path().exists() {
            shell::read(Command::new("ip").args(["netns", "del", &self.name]))?;
        }
        Ok(())
    }

    /// How to start a program inside. `ip netns exec` would put another `/sys` in place, without the control groups.
    pub fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display()));
        command
    }
}

/// Where a cloud lives and how to speak to it.
pub struct Cloud {
    /// The program.
    pub daemun: PathBuf,
    /// Its state directory.
    pub state_dir: PathBuf,
    /// Its images, if not in the usual place.
    pub image_dir: Option<PathBuf>,
    /// The address it answers at, if not the usual one.
    pub listen: Option<String>,
    /// The network it lives in, if not the machine's own.
    pub namespace: Option<Namespace>,
}

impl Cloud {
    /// A command of the program, in this cloud's network, about this cloud.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = self.program();
        command.args(arguments).arg("--state-dir").arg(&self.state_dir);
        command
    }

    fn program(&self) -> Command {
        match &self.namespace {
            Some(namespace) => {
                let mut command = namespace.enter();
                command.arg(&self.daemun);
                command
            }
            None => Command::new(&self.daemun),
        }
    }

    /// Where the daemon's log goes.
    pub fn log(&self) -> PathBuf {
        self.state_dir.join("daemun.log")
    }

    /// Whether a daemon answers for this state directory.
    pub fn answers(&self) -> bool {
        self.command(&["status"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Starts the daemon so that it outlives us, and gives its address once it answers.
    ///
    /// # Errors
    /// If it ends instead, or says nothing for too long; the end of its log is in the message.
    pub fn start(&self, more: &[&str]) -> Result<(Child, String)> {
        fs::create_dir_all(&self.state_dir).with_context(|| self.state_dir.display().to_string())?;
        let log = self.log();
        let to_log =
            OpenOptions::new().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
        let start = to_log.metadata()?.len();
        // A session of its own: neither Ctrl-C nor the end of this terminal reaches it.
        let mut command = Command::new("setsid");
        let inner = self.program();
        command.arg(inner.get_program()).args(inner.get_args()).arg("serve").arg("--state-dir").arg(&self.state_dir);
        if let Some(image_dir) = &self.image_dir {
            command.arg("--image-dir").arg(image_dir);
        }
        if let Some(listen) = &self.listen {
            command.args(["--listen", listen]);
        }
        command.args(more).stdin(Stdio::null()).stdout(to_log.try_clone()?).stderr(to_log);
        let mut child = command.spawn().context("cannot start the daemon")?;
        let deadline = Instant::now() + READY;
        loop {
            let said = read_from(&log, start)?;
            let ready = said.lines().find_map(|line| line.strip_prefix("ready "));
            if let Some(address) = ready {
                return Ok((child, address.trim().to_owned()));
            }
            if let Some(status) = child.try_wait()? {
                bail!(
                    "the daemon ended ({status}) before it was ready; the end of {}:\n{}",
                    log.display(),
                    tail(&said)
                );
            }
            if Instant::now() > deadline {
                stop(&mut child)?;
                bail!("the daemon was not ready after {READY:?}; the end of {}:\n{}", log.display(), tail(&said));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Asks a daemon that we started to end, and waits until it has.
///
/// # Errors
/// If it could not be signalled.
pub fn stop(child: &mut Child) -> Result<()> {
    shell::read(Command::new("kill").arg(child.id().to_string()))?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the daemon did not end when asked to, and was killed");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn read_from(path: &Path, start: u64) -> Result<String> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_has_one_namespace_and_no_other_has_it() {
        let first = Namespace::of(Path::new("/a"));
        assert_eq!(first.path(), Namespace::of(Path::new("/a")).path());
        assert_ne!(first.path(), Namespace::of(Path::new("/b")).path());
        assert!(first.path().starts_with("/run/netns"));
    }

    #[test]
    fn the_tail_is_the_end() {
        let text: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(tail(&text).lines().count(), TAIL);
        assert!(tail(&text).ends_with("99"));
        assert_eq!(tail("one"), "one");
    }
}
