//! Starting other programs, and what several chores ask of the machine.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

/// The root folder of the repository.
pub fn root() -> &'static Path {
    // The folder of this package is one below, wherever the repository was cloned to.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The cargo that started this program.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    // Field 2 of `Uid:` is the effective user id.
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        (status.lines().find_map(|line| line.strip_prefix("Uid:")))
            .and_then(|ids| ids.split_whitespace().nth(1))
            .is_some_and(|effective| effective == "0")
    })
}

/// Runs a program to its end, its output going where ours goes.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Runs a program to its end and gives its standard output.
///
/// # Errors
/// If it cannot be started or does not succeed; what it wrote to standard error is in the message.
pub fn read(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed ({}): {}", output.status, said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a program printed, and whether it succeeded.
pub struct Watched {
    /// Both of its outputs, line by line, in the order they came.
    pub text: String,
    /// Whether it ended with status 0.
    pub success: bool,
}

/// Runs a program, shows what it prints as it comes, and keeps it.
///
/// # Errors
/// If it cannot be started.
pub fn watch(command: &mut Command) -> Result<Watched> {
    let shown = show(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let errors = child.stderr.take().map(|stream| thread::spawn(move || echo(stream)));
    let mut text = child.stdout.take().map(echo).unwrap_or_default();
    if let Some(said) = errors.and_then(|reader| reader.join().ok()) {
        text.push_str(&said);
    }
    let status = child.wait().with_context(|| shown)?;
    Ok(Watched { text, success: status.success() })
}

fn echo(stream: impl Read) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let mut out = std::io::stdout().lock();
        // Whoever reads our output may have gone; the tests still run to their end.
        let _ = out.write_all(&line).and_then(|()| out.flush());
        kept.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    kept
}

/// A command line as it would be typed.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Where a program is, if it is installed.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The folders for system programs are missing from the PATH of ordinary users on Debian.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}
