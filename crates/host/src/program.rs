//! Programs that are run on the operator's behalf, such as `ssh`, `curl` and `git`.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{HostError, Result};

/// A program with its arguments, ready to be run.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    package: String,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    directory: Option<PathBuf>,
    input: Vec<u8>,
}

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code, or `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error, likewise.
    pub stderr: String,
}

impl Finished {
    /// Whether it ended with 0.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

impl Program {
    /// A program by name, looked for in `PATH`, and the package that brings it.
    pub fn new(name: &str, package: &str) -> Self {
        Self {
            name: name.to_owned(),
            package: package.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            input: Vec::new(),
        }
    }

    /// With these arguments after the ones it has.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// With this environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// In this directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// With this on its standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// [`HostError::Missing`] if it is not installed, [`HostError::TimedOut`] if it takes longer than `timeout`; it is
    /// killed then.
    pub fn run(&self, timeout: Duration) -> Result<Finished> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.not_started(e))?;
        let (sender, receiver) = mpsc::channel();
        collect(child.stdout.take(), true, sender.clone());
        collect(child.stderr.take(), false, sender);
        if let Some(mut stdin) = child.stdin.take() {
            let input = self.input.clone();
            // A program that ends before it has read everything is not an error here: its exit code says what happened.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let deadline = Instant::now() + timeout;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        for _ in 0..2 {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((true, text)) => stdout = text,
                Ok((false, text)) => stderr = text,
                Err(_) => {
                    let _already_dead = child.kill();
                    let _reaped = child.wait();
                    return Err(HostError::TimedOut { what: self.name.clone(), seconds: timeout.as_secs() });
                }
            }
        }
        let status = child.wait().map_err(|e| HostError::system(format!("waiting for {}", self.name), e))?;
        Ok(Finished { code: status.code(), stdout, stderr })
    }

    /// Runs it on this process's own terminal and waits for it.
    ///
    /// # Errors
    /// [`HostError::Missing`] if it is not installed.
    pub fn run_on_terminal(&self) -> Result<ExitStatus> {
        self.command().status().map_err(|e| self.not_started(e))
    }

    /// Becomes the program; only returns, with the reason, if that fails.
    pub fn replace_this_process(&self) -> HostError {
        let error = self.command().exec();
        self.not_started(error)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn not_started(&self, error: io::Error) -> HostError {
        if error.kind() == io::ErrorKind::NotFound {
            HostError::Missing { program: self.name.clone(), package: self.package.clone() }
        } else {
            HostError::system(format!("starting {}", self.name), error)
        }
    }
}

/// Reads a pipe to its end on a thread of its own, so that neither pipe can fill up and stop the program.
fn collect(pipe: Option<impl Read + Send + 'static>, is_stdout: bool, sender: mpsc::Sender<(bool, String)>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _read = pipe.read_to_end(&mut bytes);
        }
        // Nobody listens any more after a timeout.
        let _sent = sender.send((is_stdout, String::from_utf8_lossy(&bytes).into_owned()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh", "dash").args(["-c", script])
    }

    #[test]
    fn output_and_exit_code_come_back() {
        let finished = shell("cat; echo oops >&2; exit 3").input("in").run(Duration::from_secs(10)).unwrap();
        assert_eq!(finished, Finished { code: Some(3), stdout: "in".into(), stderr: "oops\n".into() });
    }

    #[test]
    fn large_outputs_on_both_pipes_do_not_block() {
        let script = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        let finished = shell(script).run(Duration::from_secs(10)).unwrap();
        assert_eq!((finished.stdout.len(), finished.stderr.len()), (300_000, 300_000));
    }

    #[test]
    fn one_that_takes_too_long_is_killed() {
        let started = Instant::now();
        let error = Program::new("sleep", "coreutils").args(["60"]).run(Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, HostError::TimedOut { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn one_that_is_missing_is_named_with_its_package() {
        let error = Program::new("no-such-program", "a-package").run(Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program is missing; install a-package");
    }

    #[test]
    fn environment_and_directory_are_given() {
        let finished =
            shell("echo $NAME; pwd").env("NAME", "gate").directory("/").run(Duration::from_secs(10)).unwrap();
        assert_eq!(finished.stdout, "gate\n/\n");
    }
}
