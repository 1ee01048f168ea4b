//! `daemun doctor`: what this machine has and what it lacks.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use host::doctor::{Finding, Role};
use host::network::{LinuxNetwork, Network};
use policy::CloudTag;
use serde::Serialize;

use super::{Session, args, output};
use crate::serve::DaemonInfo;
use crate::text::text;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: String,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// Looks at everything; fails where something that is needed is missing.
pub fn run(session: &Session, doctor: &args::Doctor) -> anyhow::Result<ExitCode> {
    let mut checks: Vec<Check> = host::doctor::look().iter().map(|finding| host_check(session, finding)).collect();
    checks.push(port(session, doctor.listen));
    checks.push(state_dir(session));
    checks.extend(forwarding(session));
    let bad = checks.iter().filter(|check| !check.ok).count();
    if session.is_json() {
        output::json(&checks)?;
    } else {
        checks.iter().for_each(|check| show(session, check));
        output::line("");
        output::line(match bad {
            0 => text!(session.texts, "doctor-all-well"),
            count => text!(session.texts, "doctor-not-well", count = count),
        });
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(session: &Session, check: &Check) {
    let texts = &session.texts;
    let mark = if check.ok { text!(texts, "doctor-ok") } else { text!(texts, "doctor-bad") };
    output::line(format!("[{mark}] {}: {}", check.name, check.found));
    if let Some(remedy) = &check.remedy {
        output::line(format!("    {}", text!(texts, "doctor-remedy", remedy = remedy)));
    }
}

/// What was found on the host, in words.
fn host_check(session: &Session, finding: &Finding) -> Check {
    let texts = &session.texts;
    let ok = finding.is_ok();
    let there = |ok: bool| if ok { text!(texts, "doctor-there") } else { text!(texts, "doctor-not-there") };
    let (name, found, remedy) = match finding {
        Finding::Root { ok } => {
            let remedy = text!(texts, "doctor-root-remedy", command = session.command_line("doctor"));
            (text!(texts, "doctor-root"), if *ok { "root".to_owned() } else { there(false) }, remedy)
        }
        Finding::Program { name, package, role, path } => {
            let found = path.as_ref().map_or_else(|| there(false), |path| path.display().to_string());
            (needed(session, name, *role), found, text!(texts, "doctor-install", package = package))
        }
        Finding::File { path, package, role, ok } => {
            (needed(session, path, *role), there(*ok), text!(texts, "doctor-install", package = package))
        }
        Finding::Kernel { release, .. } => {
            let (major, minor) = host::doctor::OLDEST_KERNEL;
            let remedy = text!(texts, "doctor-kernel-remedy", major = major, minor = minor);
            (text!(texts, "doctor-kernel"), release.clone(), remedy)
        }
        Finding::Overlay { ok } => (text!(texts, "doctor-overlay"), there(*ok), text!(texts, "doctor-overlay-remedy")),
        Finding::UserNamespaces { ok } => {
            let command = "sysctl -w user.max_user_namespaces=65536";
            (text!(texts, "doctor-user-namespaces"), there(*ok), command.to_owned())
        }
        Finding::ControlGroups { missing } => {
            let found =
                if missing.is_empty() { there(true) } else { format!("{}: {}", there(false), missing.join(", ")) };
            (text!(texts, "doctor-control-groups"), found, text!(texts, "doctor-control-groups-remedy"))
        }
    };
    Check { name, ok, found, remedy: (!ok).then_some(remedy) }
}

/// A program or file and what it is for.
fn needed(session: &Session, name: &str, role: Role) -> String {
    let texts = &session.texts;
    let what_for = match role {
        Role::Machines => text!(texts, "doctor-for-machines"),
        Role::Network => text!(texts, "doctor-for-network"),
        Role::Images => text!(texts, "doctor-for-images"),
        Role::Demo => text!(texts, "doctor-for-demo"),
    };
    format!("{name} ({what_for})")
}

fn port(session: &Session, address: SocketAddr) -> Check {
    let texts = &session.texts;
    let name = text!(texts, "doctor-port", address = address);
    let ours = DaemonInfo::running(&session.state_dir).is_some_and(|info| info.endpoint == format!("http://{address}"));
    if ours {
        return Check { name, ok: true, found: text!(texts, "doctor-port-ours"), remedy: None };
    }
    match TcpListener::bind(address) {
        Ok(_) => Check { name, ok: true, found: text!(texts, "doctor-port-free"), remedy: None },
        Err(error) => {
            Check { name, ok: false, found: error.to_string(), remedy: Some(text!(texts, "doctor-port-remedy")) }
        }
    }
}

fn state_dir(session: &Session) -> Check {
    let texts = &session.texts;
    let name = text!(texts, "doctor-state-dir", directory = session.state_dir.display());
    match writable(&session.state_dir) {
        Ok(()) => Check { name, ok: true, found: text!(texts, "doctor-state-dir-ok"), remedy: None },
        Err(error) => {
            Check { name, ok: false, found: error.to_string(), remedy: Some(text!(texts, "doctor-state-dir-remedy")) }
        }
    }
}

/// Whether other programs' firewalls let instances out; nothing where that cannot be asked, which other checks tell.
fn forwarding(session: &Session) -> Option<Check> {
    // Our own exceptions are known by the cloud's tag; before the first start there are none.
    let tag = DaemonInfo::read(&session.state_dir).map_or(CloudTag::from_number(0), |info| info.tag);
    if !host::system::is_root() {
        return None;
    }
    let problems = LinuxNetwork::new(tag).forward_filter_check().ok()?;
    let texts = &session.texts;
    let name = text!(texts, "doctor-forwarding");
    if problems.is_empty() {
        return Some(Check { name, ok: true, found: text!(texts, "doctor-forwarding-ok"), remedy: None });
    }
    let (found, remedies): (Vec<_>, Vec<_>) =
        problems.into_iter().map(|problem| (problem.what, problem.remedy)).unzip();
    Some(Check { name, ok: false, found: found.join(", "), remedy: Some(remedies.join("; ")) })
}

/// Tries to write below a directory, or below the first one above it that exists; leaves nothing behind.
fn writable(directory: &Path) -> std::io::Result<()> {
    let existing = directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(directory);
    let probe = existing.join(format!(".daemun-doctor-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(&probe)
}
