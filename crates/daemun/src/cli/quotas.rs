//! `daemun quotas`: how much of each thing a region may have.

use std::process::ExitCode;

use cloud::quotas::Quota;
use serde::Serialize;

use super::{Session, output};
use crate::serve::DaemonInfo;
use crate::text::text;

#[derive(Serialize)]
struct QuotaRow {
    name: &'static str,
    /// What it is on AWS unless raised.
    default: u32,
    /// What it is in the cloud of this state directory; the default where no daemon runs.
    value: u32,
}

/// Lists them by name.
pub fn run(session: &Session) -> anyhow::Result<ExitCode> {
    let set = DaemonInfo::running(&session.state_dir).map(|daemon| daemon.quotas).unwrap_or_default();
    let rows: Vec<QuotaRow> = (Quota::ALL.iter())
        .map(|quota| {
            let default = quota.default_value();
            QuotaRow { name: quota.name(), default, value: set.get(quota.name()).copied().unwrap_or(default) }
        })
        .collect();
    if session.is_json() {
        output::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(text!(session.texts, "quotas-title"));
    for row in &rows {
        let was = if row.value == row.default { String::new() } else { format!("  ({})", row.default) };
        output::line(format!("  {:<34} {:>7}{was}", row.name, row.value));
    }
    output::line(text!(session.texts, "quotas-how"));
    Ok(ExitCode::SUCCESS)
}
