//! What may stand on the command line.
//!
//! The help texts are messages like all others: `help-COMMAND` says what a command does, `help-COMMAND--ARGUMENT` what
//! one of its arguments is, and `help--ARGUMENT` what an argument of every command is.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use cloud::quotas::QuotaSetting;
use types::Ipv4Cidr;

use super::output::Output;
use crate::text::{Language, Texts};

#[derive(Debug, Parser)]
#[command(name = "daemun", version, propagate_version = true, disable_help_flag = true, disable_version_flag = true)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Common {
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Language>,
    #[arg(long, global = true, env = "DAEMUN_STATE_DIR", value_name = "DIR", default_value = "/var/lib/daemun/state")]
    pub state_dir: PathBuf,
    #[arg(long, global = true, env = "DAEMUN_IMAGE_DIR", value_name = "DIR", default_value = "/var/lib/daemun/images")]
    pub image_dir: PathBuf,
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    #[arg(short = 'V', long, global = true, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(Serve),
    Demo(Demo),
    Status,
    Doctor(Doctor),
    #[command(subcommand)]
    Image(Image),
    Ssh(Ssh),
    Why(Why),
    Who(Who),
    Env,
    Down(Down),
    Actions,
    Quotas,
    #[command(hide = true)]
    MachineHook(MachineHook),
}

#[derive(Debug, Args)]
pub struct Serve {
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    #[arg(long, value_enum, default_value_t = Engine::Container)]
    pub engine: Engine,
    #[arg(long, value_name = "CIDR", default_value = "198.18.0.0/16")]
    pub public_pool: Ipv4Cidr,
    #[arg(long = "quota", value_name = "NAME=VALUE")]
    pub quotas: Vec<QuotaSetting>,
    /// For tests, which cannot wait for a minute: the longest time that a record of a flow log speaks of.
    #[arg(long, hide = true, value_name = "SECONDS")]
    pub flow_log_interval: Option<u64>,
}

/// What the machines are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Container,
    // Nothing: they only pretend.
    Simulated,
}

#[derive(Debug, Args)]
pub struct Demo {
    #[arg(long, value_name = "DIR")]
    pub key_dir: Option<PathBuf>,
    #[arg(long, value_name = "NAME", default_value = "debian-12-web")]
    pub image: String,
    #[arg(long, value_name = "TYPE", default_value = "t3.small")]
    pub instance_type: String,
    #[arg(long)]
    pub clean_up: bool,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub enum Image {
    Build(ImageBuild),
    List,
    Import(ImageImport),
}

#[derive(Debug, Args)]
pub struct ImageBuild {
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Debug, Args)]
pub struct ImageImport {
    #[arg(value_name = "NAME")]
    pub name: String,
    #[arg(value_name = "TARBALL")]
    pub tarball: PathBuf,
}

#[derive(Debug, Args)]
pub struct Ssh {
    #[arg(value_name = "NAME|ID")]
    pub instance: String,
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    #[arg(last = true, value_name = "COMMAND")]
    pub arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct Why {
    #[arg(value_name = "[FROM ->] TARGET[:PORT][/PROTO]", required = true)]
    pub question: Vec<String>,
    #[arg(long, value_name = "FROM")]
    pub from: Option<String>,
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    #[arg(long)]
    pub no_probe: bool,
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=30))]
    pub wait: u16,
}

#[derive(Debug, Args)]
pub struct Who {
    #[arg(value_name = "TARGET")]
    pub target: String,
}

#[derive(Debug, Args)]
pub struct Down {
    #[arg(long)]
    pub purge: bool,
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct MachineHook {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Where options of every command stand in help.
const COMMON_ORDER: usize = 1000;

/// Reads the command line, with help in the language that it or the environment asks for.
///
/// # Errors
/// What clap has to say: help that was asked for, or what is wrong.
pub fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    let language =
        asked_language(arguments).unwrap_or_else(|| Language::of_environment(|name| std::env::var(name).ok()));
    let mut command = with_help(Arguments::command(), &Texts::new(language));
    let matches = command.try_get_matches_from_mut(arguments)?;
    Arguments::from_arg_matches(&matches)
}

/// The `--lang` of a command line that may be wrong elsewhere.
fn asked_language(arguments: &[OsString]) -> Option<Language> {
    let words: Vec<&str> = arguments.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str()).collect();
    let given = words.iter().enumerate().find_map(|(at, word)| match *word {
        "--lang" => words.get(at + 1).copied(),
        word => word.strip_prefix("--lang="),
    })?;
    Language::from_str(given, true).ok()
}

fn with_help(command: clap::Command, texts: &Texts) -> clap::Command {
    let about = texts.find("help", &[]).unwrap_or_default();
    described(command.about(about), "help", texts)
}

fn described(command: clap::Command, id: &str, texts: &Texts) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let mut command = command.mut_args(|argument| {
        let help = texts.find(&format!("{id}--{}", argument_name(&argument)), &[]);
        // What every command has comes after what is the command's own.
        let order = if argument.is_global_set() { COMMON_ORDER } else { 0 };
        help.into_iter().fold(argument.display_order(order), |argument, help| argument.help(help))
    });
    for name in names {
        command = command.mut_subcommand(&name, |inner| {
            let id = format!("{id}-{name}");
            let about = texts.find(&id, &[]).unwrap_or_default();
            described(inner.about(about), &id, texts)
        });
    }
    command
}

fn argument_name(argument: &clap::Arg) -> String {
    argument.get_id().as_str().replace('_', "-")
}

/// The ids of every help text that the command line needs.
#[cfg(test)]
pub fn help_text_ids() -> Vec<String> {
    fn collect(command: &clap::Command, id: &str, ids: &mut Vec<String>) {
        ids.push(id.to_owned());
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        ids.extend(shown.map(|argument| format!("{id}--{}", argument_name(argument))));
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            collect(inner, &format!("{id}-{}", inner.get_name()), ids);
        }
    }
    let mut ids = Vec::new();
    collect(&Arguments::command(), "help", &mut ids);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_help_text_exists_in_both_languages() {
        for language in [Language::En, Language::Ko] {
            let texts = Texts::new(language);
            let missing: Vec<_> = help_text_ids().into_iter().filter(|id| texts.find(id, &[]).is_none()).collect();
            assert_eq!(missing, Vec::<String>::new(), "{language:?}");
        }
    }

    #[test]
    fn help_comes_in_the_language_asked_for() {
        for (line, wanted) in [("daemun --lang ko --help", "인스턴스"), ("daemun status --help --lang=en", "instances")]
        {
            let help = parsed(line).unwrap_err();
            assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
            assert!(help.to_string().contains(wanted), "{help}");
        }
    }

    #[test]
    fn options_of_every_command_may_stand_anywhere() {
        for line in ["daemun --output json status --state-dir /s", "daemun status --state-dir /s --output json"] {
            let arguments = parsed(line).unwrap();
            assert_eq!(arguments.common.output, Output::Json);
            assert_eq!(arguments.common.state_dir, PathBuf::from("/s"));
        }
    }

    #[test]
    fn ssh_passes_what_follows_the_dashes() {
        let Command::Ssh(ssh) = parsed("daemun ssh web -i k.pem -- ls --all").unwrap().command else { panic!() };
        assert_eq!((ssh.instance.as_str(), ssh.identity), ("web", Some(PathBuf::from("k.pem"))));
        assert_eq!(ssh.arguments, ["ls", "--all"]);
    }

    #[test]
    fn malformed_values_are_refused() {
        for line in
            ["daemun serve --listen here", "daemun serve --public-pool 1.2.3.4/33", "daemun serve --engine warp"]
        {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
