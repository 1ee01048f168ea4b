//! The running daemon, found through its state directory.

use std::net::SocketAddr;

use anyhow::{Context, anyhow, bail};

use super::Session;
use crate::serve::DaemonInfo;
use crate::text::text;

/// The daemon of the session's state directory.
///
/// # Errors
/// If none runs, or in a network that is out of reach from here; both with what to do about it.
pub fn require(session: &Session) -> anyhow::Result<DaemonInfo> {
    let texts = &session.texts;
    let Some(info) = DaemonInfo::running(&session.state_dir) else {
        let state_dir = session.state_dir.display();
        let looked = std::fs::metadata(session.state_dir.join("daemon.json"));
        if looked.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
            bail!(text!(texts, "daemon-out-of-reach", state_dir = state_dir));
        }
        let command = session.command_line("serve");
        return Err(anyhow!(text!(texts, "daemon-not-running", state_dir = state_dir, command = command)));
    };
    if !info.shares_our_network() {
        let command = format!("nsenter --net=/proc/{}/ns/net", info.pid);
        bail!(text!(texts, "daemon-elsewhere", command = command));
    }
    Ok(info)
}

/// Where its API answers.
///
/// # Errors
/// If the daemon wrote down no address.
pub fn address(info: &DaemonInfo) -> anyhow::Result<SocketAddr> {
    let address = info.endpoint.strip_prefix("http://").unwrap_or(&info.endpoint);
    address.parse().with_context(|| format!("{:?} is no address", info.endpoint))
}
