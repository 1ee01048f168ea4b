//! `daemun demo`: from a key pair to a table of who can come in, with real packets all the way.

mod doors;
mod example;
mod instance;
mod probe;
mod program;
mod scene;
mod story;
mod web;

use std::fs;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use serde::Serialize;

use super::{Session, args, output};
use crate::serve::Engine;
use crate::text::{Language, text};
use scene::{NAME, Scene};
use story::{Step, Story};

#[derive(Serialize)]
struct Told<'a> {
    language: &'static str,
    ok: bool,
    seconds: f64,
    steps: &'a [Step],
}

/// Tells the story; fails at the first step whose result is not the expected one.
pub fn run(session: &Session, demo: &args::Demo) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let (daemon, client) = session.connect()?;
    if demo.clean_up {
        let count = scene::remove_earlier(&session.texts, &client)?;
        if session.is_json() {
            output::json(&serde_json::json!({ "removed": count }))?;
        } else {
            output::line(text!(session.texts, "demo-cleaned", count = count));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if daemon.engine != Engine::Container.name() {
        bail!(text!(session.texts, "demo-needs-machines", engine = daemon.engine));
    }
    let dir = session.state_dir.join("demo");
    let key_dir = demo.key_dir.clone().unwrap_or_else(|| dir.clone());
    for directory in [&dir, &key_dir] {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    // Host keys of earlier instances, which may have had the same address.
    match fs::remove_file(dir.join("known_hosts")) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).context("cannot forget old host keys"),
        _ => {}
    }
    let mut scene = Scene {
        texts: &session.texts,
        client: &client,
        key_path: std::path::absolute(key_dir)?.join(format!("{NAME}.pem")),
        dir,
        image: demo.image.clone(),
        instance_type: demo.instance_type.clone(),
        user: super::image::user_of(session, &demo.image),
        operator: daemon.operator_address,
        group_id: String::new(),
        instance: None,
    };
    let mut story = Story::new(session);
    let outcome = tell(session, &mut story, &mut scene);
    let seconds = story::seconds_since(started);
    if session.is_json() {
        let language = match session.language {
            Language::En => "en",
            Language::Ko => "ko",
        };
        output::json(&Told { language, ok: outcome.is_ok(), seconds, steps: story.steps() })?;
    } else if outcome.is_ok() {
        how_to_go_on(session, &story, &scene, seconds)?;
    }
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Its step has said what was expected and what came.
        Err(_) if !story.steps().is_empty() => Ok(ExitCode::FAILURE),
        Err(error) => Err(error),
    }
}

fn tell(session: &Session, story: &mut Story<'_>, scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let t = &session.texts;
    story.say(&text!(t, "demo-intro"));
    story.say(&text!(t, "demo-intro-env", command = format!("eval \"$({})\"", session.command_line("env"))));
    if !session.sudo().is_empty() {
        story.say(&text!(t, "demo-intro-sudo"));
    }
    story.say(&text!(t, "demo-intro-user", operator = scene.operator));
    let removed = scene::remove_earlier(t, scene.client).map_err(|error| anyhow!("{error:#}"))?;
    if removed > 0 {
        story.say(&text!(t, "demo-cleaned", count = removed));
    }
    let operator = scene.operator;
    story.step(text!(t, "demo-1-title"), text!(t, "demo-1-why"), |acts| instance::key_pair(scene, acts))?;
    story.step(text!(t, "demo-2-title"), text!(t, "demo-2-why"), |acts| instance::security_group(scene, acts))?;
    story.step(text!(t, "demo-3-title"), text!(t, "demo-3-why"), |acts| instance::run_instance(scene, acts))?;
    story.step(text!(t, "demo-4-title"), text!(t, "demo-4-why"), |acts| instance::ssh_times_out(scene, acts))?;
    let why = text!(t, "demo-5-why", operator = operator);
    story.step(text!(t, "demo-5-title"), why, |acts| instance::ssh_with_key(scene, acts))?;
    story.step(text!(t, "demo-6-title"), text!(t, "demo-6-why"), |acts| program::install(scene, acts))?;
    story.step(text!(t, "demo-7-title"), text!(t, "demo-7-why"), |acts| program::open_api(scene, acts))?;
    story.step(text!(t, "demo-8-title"), text!(t, "demo-8-why"), |acts| program::second_service(scene, acts))?;
    story.step(text!(t, "demo-9-title"), text!(t, "demo-9-why"), |acts| web::nginx(scene, acts))?;
    story.step(text!(t, "demo-10-title"), text!(t, "demo-10-why"), |acts| web::close_api(scene, acts))?;
    let why = text!(t, "demo-11-why", operator = operator);
    story.step(text!(t, "demo-11-title"), why, |acts| doors::table(scene, acts))
}

fn how_to_go_on(session: &Session, story: &Story<'_>, scene: &Scene<'_>, seconds: f64) -> anyhow::Result<()> {
    let t = &session.texts;
    story.say("");
    story.say(&text!(t, "demo-done", seconds = format!("{seconds:.1}")));
    let commands = [
        (text!(t, "demo-go-on-ssh"), session.command_line(&format!("ssh {NAME}"))),
        (text!(t, "demo-go-on-curl"), format!("{}{}", session.sudo(), web::encrypted(scene)?.command_line())),
        (text!(t, "demo-go-on-env"), format!("eval \"$({})\"", session.command_line("env"))),
        (text!(t, "demo-go-on-aws"), "aws ec2 describe-instances".to_owned()),
        (text!(t, "demo-go-on-clean-up"), session.command_line("demo --clean-up")),
        (text!(t, "demo-go-on-down"), session.command_line("down")),
    ];
    for (what, command) in commands {
        story.say(&format!("  {what}\n    {command}"));
    }
    Ok(())
}
