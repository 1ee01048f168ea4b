//! wrk: the same signed request again and again over a few connections.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use ec2_shapes::Request;

use super::client::Client;
use crate::shell;

/// How often a second the request is answered, over so many connections, measured for so many seconds.
///
/// # Errors
/// If wrk fails, or any answer is an error.
pub fn rate(client: &Client, request: impl Into<Request>, connections: u32, seconds: u32) -> Result<f64> {
    let (body, headers) = client.signed(&request.into())?;
    // Neither a signature nor an encoded form has anything that Lua would read another way inside [==[ ]==].
    let mut script = format!("wrk.method = \"POST\"\nwrk.body = [==[{body}]==]\n");
    for (name, value) in headers {
        script.push_str(&format!("wrk.headers[\"{name}\"] = [==[{value}]==]\n"));
    }
    let path = shell::target_dir().join("bench/request.lua");
    fs::create_dir_all(shell::target_dir().join("bench"))?;
    fs::write(&path, script)?;
    let said = shell::read(
        Command::new("wrk")
            .args(["--threads", "1", "--timeout", "30s"])
            .arg(format!("--connections={connections}"))
            .arg(format!("--duration={seconds}s"))
            .arg("--script")
            .arg(&path)
            .arg(format!("http://{}/", client.host())),
    )?;
    ensure!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "not every request was answered:\n{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk gave no rate")?;
    line.trim().parse().with_context(|| format!("a rate: {line:?}"))
}
