//! Runs `ip` and `nft`, which are the interface of this module to the kernel.
//!
//! Both read a whole batch from standard input, so a change costs one process of a few milliseconds. `nft` is given the
//! text that a plan prints, so that what tests and operators read is what the kernel gets, and asked for JSON, which
//! needs no parser of ours.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{HostError, Result};

/// How many programs this process has started.
static COMMANDS: AtomicU32 = AtomicU32::new(0);

/// How many programs of the network this process has started so far, for measurements.
pub fn commands_run() -> u32 {
    COMMANDS.load(Ordering::Relaxed)
}

/// Runs a program with this input in the namespace of the calling thread; gives its standard output.
fn run(program: &'static str, package: &'static str, args: &[&str], input: &str) -> Result<Vec<u8>> {
    COMMANDS.fetch_add(1, Ordering::Relaxed);
    let spawned = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|e| match e.kind() {
        ErrorKind::NotFound => HostError::Missing { program: program.to_owned(), package: package.to_owned() },
        _ => HostError::system(format!("starting {program}"), e),
    })?;
    // Written by a thread of its own: a program that answers while it still reads would otherwise block with us.
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A program that fails early closes its end; what it says on stderr is the better message.
                let _ = stdin.write_all(input.as_bytes());
            }
        });
        child.wait_with_output()
    });
    let output = output.map_err(|e| HostError::system(format!("waiting for {program}"), e))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let first_lines: Vec<&str> = stderr.lines().take(6).collect();
    Err(HostError::Command {
        program: format!("{program} {}", args.join(" ")),
        status: output.status.to_string(),
        stderr: first_lines.join("; "),
    })
}

/// Runs the lines of a batch with `ip -batch`; stops at the first that fails.
pub(crate) fn ip_batch(lines: &[String]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    run("ip", "iproute2", &["-batch", "-"], &(lines.join("\n") + "\n")).map(drop)
}

/// Runs one `ip -6` command: what of a batch's commands would be taken for IPv4.
pub(crate) fn ipv6_command(words: &str) -> Result<()> {
    run("ip", "iproute2", &["-6", "-batch", "-"], &format!("{words}\n")).map(drop)
}

/// What an `ip -json` command answers.
pub(crate) fn ip_json(args: &[&str]) -> Result<serde_json::Value> {
    let mut all = vec!["-json", "-details"];
    all.extend(args);
    let output = run("ip", "iproute2", &all, "")?;
    if output.iter().all(u8::is_ascii_whitespace) {
        return Ok(serde_json::Value::Array(Vec::new()));
    }
    serde_json::from_slice(&output).map_err(|e| HostError::Other(format!("ip {}: {e}", args.join(" "))))
}

/// Runs the lines as one nftables transaction: all of them or none.
pub(crate) fn nft_transaction(script: &str) -> Result<()> {
    run("nft", "nftables", &["-f", "-"], script).map(drop).map_err(|e| match e {
        HostError::Command { stderr, .. } => HostError::Nft(stderr),
        other => other,
    })
}

/// What `nft -j list` answers for this, with numbers instead of names; `None` where it does not exist.
pub(crate) fn nft_list(what: &[&str]) -> Result<Option<serde_json::Value>> {
    let mut args = vec!["-j", "-n", "list"];
    args.extend(what);
    match run("nft", "nftables", &args, "") {
        Ok(output) => serde_json::from_slice(&output)
            .map(Some)
            .map_err(|e| HostError::Nft(format!("listing {}: {e}", what.join(" ")))),
        Err(HostError::Command { stderr, .. }) if stderr.contains("No such file or directory") => Ok(None),
        Err(HostError::Command { stderr, .. }) => Err(HostError::Nft(stderr)),
        Err(other) => Err(other),
    }
}

/// What a program that may not be installed says; `None` if it is not, or fails.
pub(crate) fn program_output(program: &'static str, args: &[&str]) -> Option<String> {
    run(program, program, args, "").ok().and_then(|output| String::from_utf8(output).ok())
}
