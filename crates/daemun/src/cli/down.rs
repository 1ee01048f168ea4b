//! `daemun down`: stops the cloud.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;

use super::{Session, args, output};
use crate::serve;
use crate::text::text;

/// Stops daemon and machines; with `--purge`, deletes the state too.
pub fn run(session: &Session, down: &args::Down) -> anyhow::Result<ExitCode> {
    if down.purge && !down.yes && session.state_dir.exists() && !is_confirmed(session)? {
        return Ok(ExitCode::FAILURE);
    }
    let report = serve::down(&session.state_dir, down.purge)?;
    if session.is_json() {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let texts = &session.texts;
    match report.daemon {
        Some(pid) => output::line(text!(texts, "down-stopped", pid = pid)),
        None => output::line(text!(texts, "down-no-daemon")),
    }
    output::line(text!(texts, "down-machines", count = report.machines));
    if report.purged {
        output::line(text!(texts, "down-purged", state_dir = session.state_dir.display()));
    } else if session.state_dir.exists() {
        output::line(text!(texts, "down-kept", command = session.command_line("serve")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks whether everything is to be deleted. Where nobody can be asked, the answer is an error.
fn is_confirmed(session: &Session) -> anyhow::Result<bool> {
    let texts = &session.texts;
    if !io::stdin().is_terminal() || session.is_json() {
        bail!(text!(texts, "down-needs-yes"));
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{} ", text!(texts, "down-confirm", state_dir = session.state_dir.display()))?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "예" | "네");
    if !yes {
        output::line(text!(texts, "down-left"));
    }
    Ok(yes)
}
