//! `cargo xtask demo`: from a machine with Rust to a cloud that has told its story.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::arguments::Arguments;
use crate::cloud::{Cloud, Namespace};
use crate::{packages, shell};

/// The image the demo's instance is made from. Building it builds the one below it, too.
const IMAGE: &str = "debian-12-web";
/// Where a cloud keeps its state unless told otherwise.
const STATE_DIR: &str = "/var/lib/daemun/state";
/// Where an isolated one does.
const ISOLATED_STATE_DIR: &str = "/var/lib/daemun/isolated";
const USAGE: &str =
    "usage: cargo xtask demo [--isolated [--down]] [--lang en|ko] [--state-dir DIR] [--image-dir DIR] [--listen ADDR]";

/// What was asked for.
struct Options {
    down: bool,
    korean: bool,
    cloud: Cloud,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut given = Arguments::new(arguments);
        let isolated = given.flag("--isolated");
        let down = given.flag("--down");
        let korean = match given.value("--lang")?.as_deref() {
            Some("ko") => true,
            Some("en") => false,
            Some(other) => bail!("--lang is en or ko, not {other}"),
            None => ["LC_ALL", "LC_MESSAGES", "LANG"]
                .iter()
                .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
                .is_some_and(|locale| locale.starts_with("ko")),
        };
        let usual = if isolated { ISOLATED_STATE_DIR } else { STATE_DIR };
        let state_dir = given.value("--state-dir")?.map_or_else(|| PathBuf::from(usual), PathBuf::from);
        let image_dir = given.value("--image-dir")?.map(PathBuf::from);
        let listen = given.value("--listen")?;
        given.done()?;
        ensure!(isolated || !down, "--down removes an isolated demo; a usual one ends with `daemun down`");
        // The daemon is started from elsewhere, so the folders must not depend on where we stand.
        let state_dir = std::path::absolute(&state_dir)?;
        let image_dir = image_dir.map(std::path::absolute).transpose()?;
        let namespace = isolated.then(|| Namespace::of(&state_dir));
        let daemun = shell::target_dir().join("release/daemun");
        Ok(Self { down, korean, cloud: Cloud { daemun, state_dir, image_dir, listen, namespace } })
    }

    fn say(&self, english: &str, korean: &str) {
        println!("{}", if self.korean { korean } else { english });
    }
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments).context(USAGE)?;
    if !shell::is_root() {
        bail!(
            "the demo makes network namespaces, containers and firewall rules, and only root may do that.\n\
             Nothing was changed. Run it like this:\n\n    sudo -E env \"PATH=$PATH\" cargo xtask demo {}\n",
            arguments.join(" ")
        );
    }
    if options.down {
        return take_down(&options);
    }
    let start = Instant::now();
    let mut stages = Stages::new(options.korean);
    stages.run("packages", "패키지", || {
        let installed = packages::install_missing(&[packages::RUN])?;
        Ok(if installed == 0 { "nothing missing".to_owned() } else { format!("{installed} installed") })
    })?;
    stages.run("build", "빌드", || {
        shell::run(shell::cargo().args(["build", "--release", "--quiet", "--package", "daemun"]))?;
        Ok(options.cloud.daemun.display().to_string())
    })?;
    stages.run("image", "이미지", || {
        let mut build = std::process::Command::new(&options.cloud.daemun);
        build.args(["image", "build", IMAGE]);
        if let Some(folder) = &options.cloud.image_dir {
            build.arg("--image-dir").arg(folder);
        }
        shell::run(&mut build)?;
        Ok(IMAGE.to_owned())
    })?;
    stages.run("cloud", "클라우드", || start_cloud(&options))?;
    stages.run("demo", "데모", || {
        let mut demo = options.cloud.command(&["demo", "--lang", if options.korean { "ko" } else { "en" }]);
        shell::run(demo.current_dir(shell::root()))?;
        Ok(String::new())
    })?;
    stages.summary(start);
    say_how_to_go_on(&options);
    Ok(())
}

fn start_cloud(options: &Options) -> Result<String> {
    if let Some(namespace) = &options.cloud.namespace {
        namespace.ensure()?;
    }
    if options.cloud.answers() {
        return Ok("already running".to_owned());
    }
    let (_outlives_us, address) = options.cloud.start(&[])?;
    Ok(format!("ready at {address}"))
}

fn take_down(options: &Options) -> Result<()> {
    let Some(namespace) = &options.cloud.namespace else { return Ok(()) };
    if namespace.path().exists() && options.cloud.daemun.exists() {
        shell::run(&mut options.cloud.command(&["down", "--purge", "--yes"]))?;
    }
    namespace.remove()?;
    if options.cloud.state_dir.exists() {
        let folder = options.cloud.state_dir.display();
        std::fs::remove_dir_all(&options.cloud.state_dir).with_context(|| folder.to_string())?;
    }
    options.say("The isolated demo is gone.", "격리된 데모를 모두 지웠습니다.");
    Ok(())
}

/// What `daemun demo` cannot know when it says how to go on.
fn say_how_to_go_on(options: &Options) {
    println!();
    if let Some(namespace) = &options.cloud.namespace {
        options.say(
            "The cloud lives in a network of its own. A shell in that network, for the commands above:",
            "클라우드는 자기만의 네트워크 안에 있습니다. 위의 명령을 쓸 수 있는, 그 네트워크 안의 셸:",
        );
        println!("    sudo nsenter --net={} bash", namespace.path().display());
        options.say("To stop it and remove everything:", "멈추고 모두 지우려면:");
        let state = match options.cloud.state_dir.as_path() {
            usual if usual == Path::new(ISOLATED_STATE_DIR) => String::new(),
            other => format!(" --state-dir {}", other.display()),
        };
        println!("    sudo -E env \"PATH=$PATH\" cargo xtask demo --isolated --down{state}");
    }
    options.say("The daemon's log:", "데몬의 로그:");
    println!("    {}", options.cloud.log().display());
}

/// The stages of the demo and how long each took.
struct Stages {
    korean: bool,
    done: Vec<(String, f64)>,
}

impl Stages {
    fn new(korean: bool) -> Self {
        Self { korean, done: Vec::new() }
    }

    fn run(&mut self, english: &str, korean: &str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        let name = if self.korean { korean } else { english };
        println!("== {name}");
        let start = Instant::now();
        let result = work().with_context(|| format!("stage `{name}`"))?;
        let seconds = start.elapsed().as_secs_f64();
        if !result.is_empty() {
            println!("   {result}");
        }
        println!("   {seconds:.1} s");
        self.done.push((name.to_owned(), seconds));
        Ok(())
    }

    fn summary(&self, start: Instant) {
        println!();
        for (name, seconds) in &self.done {
            println!("{seconds:>8.1} s  {name}");
        }
        println!("{:>8.1} s  {}", start.elapsed().as_secs_f64(), if self.korean { "모두" } else { "in all" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn an_isolated_demo_shares_nothing_with_the_usual_one() {
        let usual = parse("--lang en").unwrap();
        let isolated = parse("--isolated --lang ko").unwrap();
        assert!(usual.cloud.namespace.is_none() && isolated.cloud.namespace.is_some());
        assert_ne!(usual.cloud.state_dir, isolated.cloud.state_dir);
        assert!(isolated.korean && !usual.korean);
    }

    #[test]
    fn unclear_wishes_are_refused() {
        assert!(parse("--lang fr").is_err());
        assert!(parse("--down").is_err());
        assert!(parse("--insolated").is_err());
    }
}
