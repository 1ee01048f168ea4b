//! Steps 6 to 8: programs on the instance, and the ports that lead to them.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, bail};
use host::program::Program;
use serde_json::Value;

use super::example;
use super::probe::{Curl, Shell, said};
use super::scene::{EVERYONE, NAME, Scene};
use super::story::{Acts, Unexpected};
use crate::cli::output::shell_word;
use crate::text::text;

/// How long a command on the instance may take.
const REMOTE: Duration = Duration::from_secs(60);
/// How long a service may take to answer after it was started, or a rule to take effect.
pub const SOON: Duration = Duration::from_secs(20);
/// How much of an answer is shown, in letters.
const SHOWN: usize = 110;

/// git, node and MySQL; the API brought over with git, its settings in `.env`, run by systemd.
pub fn install(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let shell = scene.shell()?;
    let versions = "git --version; echo node $(node --version); mariadb --version; systemctl is-active mariadb";
    acts.command(shell.short_command_line(versions));
    let found = shell.run_until(versions, |text| text.lines().any(|line| line == "active"), REMOTE)?;
    acts.results(&found, 4);

    push(scene, &shell, acts)?;
    let clone =
        "sudo install -d -o $(id -un) /srv/api && git clone --quiet api.git /srv/api && git -C /srv/api log --oneline";
    acts.command(shell.short_command_line(clone));
    // An account may be on the instance a moment before it may use sudo.
    shell.run_until("sudo -n true && echo yes", |text| text.trim() == "yes", REMOTE)?;
    acts.results(&shell.run(clone, REMOTE)?, 1);

    let install =
        "sudo /srv/api/deploy/install.sh && stat -c '%A %U %n' /srv/api/.env && systemctl is-active mariadb api";
    acts.command(shell.short_command_line(install));
    acts.results(&shell.run(install, REMOTE)?, 4);
    let settings = "sudo sed 's/^\\(DB_PASSWORD\\)=..*/\\1=********/' /srv/api/.env | grep =";
    acts.command(shell.short_command_line(settings));
    let shown = shell.run(settings, REMOTE)?;
    acts.results(&shown, 5);
    let missing: Vec<_> = ["PORT=3005", "DB_HOST=", "DB_USER=", "DB_PASSWORD=*", "DB_NAME="]
        .into_iter()
        .filter(|setting| !shown.lines().any(|line| line.starts_with(setting)))
        .collect();
    if !missing.is_empty() {
        return Err(Unexpected { expected: missing.join(", "), got: shown }.into());
    }
    let health = "curl -sS --fail http://127.0.0.1:3005/health";
    acts.command(shell.short_command_line(health));
    acts.results(&shell.run_until(health, |text| text.contains("\"healthy\":true"), SOON)?, 1);
    Ok(())
}

/// Makes a repository of the example here and pushes it to a bare one there.
fn push(scene: &Scene<'_>, shell: &Shell, acts: &mut Acts) -> anyhow::Result<()> {
    let directory = scene.dir.join("api");
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", directory.display()));
        }
        _ => {}
    }
    example::write_to(&directory)?;
    let git = |arguments: &[&str]| -> anyhow::Result<()> {
        let finished = Program::new("git", "git")
            .args(["-c", "user.name=Daemun demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgSign=false"])
            .args(arguments)
            .directory(&directory)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_SSH_COMMAND", shell.short())
            .run(REMOTE)?;
        if finished.succeeded() { Ok(()) } else { bail!("git {}: {}", arguments.join(" "), said(&finished)) }
    };
    git(&["init", "--quiet", "--initial-branch=main"])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--no-verify", "--message=The example API"])?;

    let bare = "git init --quiet --bare --initial-branch=main api.git";
    acts.command(shell.short_command_line(bare));
    shell.run(bare, REMOTE)?;
    let remote = format!("{NAME}:api.git");
    acts.command(format!(
        "GIT_SSH_COMMAND={} git -C {} push {remote} main",
        shell_word(&shell.short()),
        shell_word(&directory.to_string_lossy())
    ));
    git(&["push", "--quiet", &remote, "main"])?;
    acts.result("main -> main");
    Ok(())
}

/// 3005 times out until it is opened to everyone; then rows from MySQL come back.
pub fn open_api(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let curl = Curl::new(&scene.url(3005)?, None);
    acts.command(curl.command_line());
    let expected = text!(scene.texts, "demo-expect-curl-timeout", port = 3005);
    acts.result(curl.until_unanswered(&expected, Duration::ZERO)?);
    scene.open(acts, &[3005], EVERYONE)?;
    rows(scene, acts, &curl)
}

/// A second service of the same address on 3004 answers differently.
pub fn second_service(scene: &mut Scene<'_>, acts: &mut Acts) -> anyhow::Result<()> {
    let shell = scene.shell()?;
    let install = "sudo /srv/api/deploy/install-clock.sh && systemctl is-active clock";
    acts.command(shell.short_command_line(install));
    acts.results(&shell.run(install, REMOTE)?, 1);
    scene.open(acts, &[3004], EVERYONE)?;
    let curl = Curl::new(&scene.url(3004)?, None);
    acts.command(curl.command_line());
    let body = curl.until_answered(&text!(scene.texts, "demo-expect-answer", port = 3004), SOON)?;
    acts.result(abridged(&body));
    let service = parsed(&body).and_then(|value| Some(value.get("service")?.as_str()?.to_owned()));
    if service.as_deref() != Some("clock") {
        let expected = text!(scene.texts, "demo-expect-service", name = "clock");
        return Err(Unexpected { expected, got: abridged(&body) }.into());
    }
    rows(scene, acts, &Curl::new(&scene.url(3005)?, None))
}

/// Asks until rows come back.
pub fn rows(scene: &Scene<'_>, acts: &mut Acts, curl: &Curl) -> anyhow::Result<()> {
    acts.command(curl.command_line());
    let expected = text!(scene.texts, "demo-expect-rows");
    let body = curl.until_answered(&expected, SOON)?;
    let count = parsed(&body).and_then(|value| Some(value.get("rows")?.as_array()?.len())).unwrap_or(0);
    if count == 0 {
        return Err(Unexpected { expected, got: abridged(&body) }.into());
    }
    acts.result(abridged(&body));
    acts.result(text!(scene.texts, "demo-rows", count = count));
    Ok(())
}

fn parsed(body: &str) -> Option<Value> {
    serde_json::from_str(body).ok()
}

/// The start of an answer, in one line.
fn abridged(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_cut_between_letters() {
        assert_eq!(abridged("{\n \"a\": 1 }\n"), "{ \"a\": 1 }");
        let cut = abridged(&"가".repeat(SHOWN + 1));
        assert_eq!(cut.chars().count(), SHOWN + 1);
        assert!(cut.ends_with('…'));
    }
}
