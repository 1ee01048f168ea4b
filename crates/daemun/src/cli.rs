//! The command line.

mod actions;
mod args;
mod cloud;
mod daemon;
mod demo;
mod doctor;
mod down;
mod env;
mod image;
mod output;
mod quotas;
mod serve;
mod ssh;
mod status;
mod who;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

#[cfg(test)]
pub use args::help_text_ids;
use args::{Arguments, Command};
use output::Output;

use crate::client::Client;
use crate::credentials;
use crate::serve::DaemonInfo;
use crate::text::{Language, Texts};

/// The region that is meant where none is named.
const DEFAULT_REGION: &str = "us-east-1";

/// What every command knows: where the cloud is and how to speak to the reader.
struct Session {
    texts: Texts,
    language: Language,
    output: Output,
    state_dir: PathBuf,
    image_dir: PathBuf,
    region: String,
}

impl Session {
    fn new(common: &args::Common) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let language = common.lang.unwrap_or_else(|| Language::of_environment(variable));
        let region =
            common.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        Ok(Self {
            texts: Texts::new(language),
            language,
            output: common.output,
            // Paths are handed to programs that run elsewhere.
            state_dir: std::path::absolute(&common.state_dir).context("cannot tell the current directory")?,
            image_dir: std::path::absolute(&common.image_dir).context("cannot tell the current directory")?,
            region: region.unwrap_or_else(|| DEFAULT_REGION.to_owned()),
        })
    }

    fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// The daemon of the state directory and a client for it.
    ///
    /// # Errors
    /// If none runs there, or its access key cannot be read.
    fn connect(&self) -> anyhow::Result<(DaemonInfo, Client)> {
        let daemon = daemon::require(self)?;
        let key = credentials::read(&self.state_dir)?;
        let client = Client::new(daemon::address(&daemon)?, key, &self.region)?;
        Ok((daemon, client))
    }

    /// What has to stand before commands that touch the state directory: whoever came here by sudo needs it again.
    fn sudo(&self) -> &'static str {
        if std::env::var_os("SUDO_USER").is_some() { "sudo " } else { "" }
    }

    /// How a command of this program is to be typed for the same cloud.
    fn command_line(&self, command: &str) -> String {
        let default = std::path::Path::new("/var/lib/daemun/state");
        let state = if self.state_dir == default {
            String::new()
        } else {
            format!(" --state-dir {}", output::shell_word(&self.state_dir.to_string_lossy()))
        };
        let program = std::env::args().next().unwrap_or_else(|| "daemun".to_owned());
        format!("{}{} {command}{state}", self.sudo(), output::shell_word(&program))
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let arguments = match args::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(help_or_complaint) => help_or_complaint.exit(),
    };
    if let Command::MachineHook(hook) = &arguments.command {
        return ExitCode::from(host::machine::hook_main(&hook.arguments));
    }
    let is_json = arguments.common.output == Output::Json;
    match run(arguments) {
        Ok(code) => code,
        Err(error) if is_json => {
            eprintln!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("daemun: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let session = Session::new(&arguments.common)?;
    match arguments.command {
        Command::Serve(serve) => serve::run(&session, &serve),
        Command::Demo(demo) => demo::run(&session, &demo),
        Command::Status => status::run(&session),
        Command::Doctor(doctor) => doctor::run(&session, &doctor),
        Command::Image(image) => image::run(&session, &image),
        Command::Ssh(ssh) => ssh::run(&session, &ssh),
        Command::Why(why) => why::run(&session, &why),
        Command::Who(who) => who::run(&session, &who),
        Command::Env => env::run(&session),
        Command::Down(down) => down::run(&session, &down),
        Command::Actions => actions::run(&session),
        Command::Quotas => quotas::run(&session),
        Command::MachineHook(hook) => Ok(ExitCode::from(host::machine::hook_main(&hook.arguments))),
    }
}
