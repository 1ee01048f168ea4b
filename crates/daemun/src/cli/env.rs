//! `daemun env`: what any AWS client needs to know.

use std::process::ExitCode;

use super::output::shell_word;
use super::{Session, daemon, output};
use crate::credentials;
use crate::text::text;

/// The function that AWS CLIs older than 2.13 need: they do not read `AWS_ENDPOINT_URL`.
const AWS_FUNCTION: &str = r#"aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }"#;

/// Prints exports for the shell, or an object of them.
pub fn run(session: &Session) -> anyhow::Result<ExitCode> {
    let daemon = daemon::require(session)?;
    let key = credentials::read(&session.state_dir)?;
    let variables = [
        ("AWS_ENDPOINT_URL", daemon.endpoint),
        ("AWS_ACCESS_KEY_ID", key.id),
        ("AWS_SECRET_ACCESS_KEY", key.secret),
        ("AWS_DEFAULT_REGION", session.region.clone()),
        ("AWS_REGION", session.region.clone()),
        // No key may come from elsewhere, and no answer may wait in a pager.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_PAGER", String::new()),
    ];
    if session.is_json() {
        let object: serde_json::Map<_, _> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        output::json(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("# {}", text!(session.texts, "env-usage", command = session.command_line("env"))));
    for (name, value) in variables {
        output::line(format!("export {name}={}", shell_word(&value)));
    }
    // Left over from other accounts, it would travel with the key and spoil it.
    output::line("unset AWS_SESSION_TOKEN AWS_PROFILE");
    output::line(format!("# {}", text!(session.texts, "env-old-cli")));
    output::line(AWS_FUNCTION);
    Ok(ExitCode::SUCCESS)
}
