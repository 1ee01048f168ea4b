//! `cargo xtask bench`: the figures that are measured, on a release build, in a network of its own.
//!
//! The part that speaks to the cloud needs `ec2-wire`, which is generated. `codegen` must work when the generated code
//! does not compile, so that part is behind the feature `bench`, and this program builds itself once more with it.

#[cfg(feature = "bench")]
mod api;
#[cfg(feature = "bench")]
mod client;
#[cfg(feature = "bench")]
mod launch;
#[cfg(feature = "bench")]
mod memory;
#[cfg(feature = "bench")]
mod rivals;
#[cfg(feature = "bench")]
mod rule;
#[cfg(feature = "bench")]
mod wrk;

use anyhow::Result;
#[cfg(feature = "bench")]
use anyhow::{Context, bail, ensure};

#[cfg(not(feature = "bench"))]
use crate::shell;

/// Runs the command.
#[cfg(not(feature = "bench"))]
pub fn run(arguments: &[String]) -> Result<()> {
    let own = ["run", "--quiet", "--package", "xtask", "--features", "bench", "--", "bench"];
    shell::run(shell::cargo().args(own).args(arguments))
}

#[cfg(feature = "bench")]
pub use with_cloud::run;

/// What a benchmark found: what, how much, of which unit, and what is wanted.
#[cfg(feature = "bench")]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The most it should be, if there is such a wish.
    pub target: Option<f64>,
}

#[cfg(feature = "bench")]
mod with_cloud {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use serde_json::json;

    use super::*;
    use crate::arguments::Arguments;
    use crate::cloud::{self, Cloud, Namespace};
    use crate::{packages, shell};

    const USAGE: &str = "usage: cargo xtask bench [api] [net] [rule] [launch] [memory] [size]";
    const IMAGE: &str = "debian-12";
    const ALL: [&str; 6] = ["api", "net", "rule", "launch", "memory", "size"];
    /// Set for the process that measures, which is inside the network namespace: its state directory.
    const INSIDE: &str = "DAEMUN_BENCH_STATE_DIR";

    /// Runs the command.
    pub fn run(arguments: &[String]) -> Result<()> {
        let mut wanted = Arguments::new(arguments).words().context(USAGE)?;
        if wanted.is_empty() {
            wanted = ALL.map(str::to_owned).to_vec();
        }
        if let Some(unknown) = wanted.iter().find(|name| !ALL.contains(&name.as_str())) {
            bail!("there is no benchmark {unknown}; {USAGE}");
        }
        if let Some(state_dir) = std::env::var_os(INSIDE) {
            return measure(Path::new(&state_dir), &wanted);
        }
        // Machines that only pretend need neither root nor a network of their own.
        if wanted.iter().any(|name| name == "api") {
            packages::install_missing(&[packages::BENCH])?;
            build()?;
            super::api::run(&daemun())?;
        }
        if wanted.iter().any(|name| name == "net") {
            network()?;
        }
        wanted.retain(|name| name != "api" && name != "net");
        if wanted.is_empty() { Ok(()) } else { prepare(&wanted) }
    }

    fn build() -> Result<()> {
        shell::run(shell::cargo().args(["build", "--release", "--quiet", "--package", "daemun"]))
    }

    /// The network alone, between probes; its figures are the last line that the program prints.
    fn network() -> Result<()> {
        ensure!(shell::is_root(), "the kernel's network needs root: sudo -E env \"PATH=$PATH\" cargo xtask bench net");
        packages::install_missing(&[packages::RUN])?;
        println!("\nnet");
        let watched =
            shell::watch(shell::cargo().args(["bench", "--quiet", "--package", "testkit", "--bench", "net"]))?;
        ensure!(watched.success, "the network could not be measured");
        let figures = watched.text.lines().rev().find(|line| line.starts_with('[')).context("no figures were told")?;
        let folder = shell::target_dir().join("bench");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("net.json"), figures)?;
        Ok(())
    }

    fn daemun() -> PathBuf {
        shell::target_dir().join("release/daemun")
    }

    /// Builds what is measured, makes a network for it, and starts this program in there.
    fn prepare(wanted: &[String]) -> Result<()> {
        ensure!(shell::is_root(), "machines need root: sudo -E env \"PATH=$PATH\" cargo xtask bench");
        packages::install_missing(&[packages::RUN])?;
        build()?;
        shell::run(Command::new(daemun()).args(["image", "build", IMAGE]))?;
        let state_dir = PathBuf::from(format!("/var/lib/daemun/bench-{}", std::process::id()));
        let namespace = Namespace::of(&state_dir);
        namespace.ensure()?;
        let mut inside = namespace.enter();
        inside.arg(std::env::current_exe()?).arg("bench").args(wanted).env(INSIDE, &state_dir);
        let measured = shell::run(&mut inside);
        namespace.remove()?;
        let _ = fs::remove_dir_all(&state_dir);
        measured
    }

    /// Measures; whatever happens, the cloud is taken down.
    fn measure(state_dir: &Path, wanted: &[String]) -> Result<()> {
        let cloud =
            Cloud { daemun: daemun(), state_dir: state_dir.to_owned(), image_dir: None, listen: None, namespace: None };
        let (mut daemon, address) = cloud.start(&[])?;
        let result = client::Client::new(&address, state_dir).and_then(|client| {
            for name in wanted {
                let figures = match name.as_str() {
                    "rule" => rule::measure(&client, IMAGE)?,
                    "launch" => launch::measure(&client, IMAGE)?,
                    "memory" => memory::measure(&client, IMAGE, daemon.id())?,
                    _ => vec![Figure {
                        name: "size of the program",
                        value: mib(fs::metadata(daemun())?.len()),
                        unit: "MiB",
                        target: None,
                    }],
                };
                report(name, &figures)?;
            }
            Ok(())
        });
        let down = shell::read(&mut cloud.command(&["down", "--purge", "--yes"]));
        if daemon.try_wait()?.is_none() && down.is_err() {
            cloud::stop(&mut daemon)?;
        }
        result.and(down.map(drop))
    }

    fn report(name: &str, figures: &[Figure]) -> Result<()> {
        println!("\n{name}");
        for Figure { name, value, unit, target } in figures {
            let wish = target.map(|target| format!("   (wanted: under {target} {unit})")).unwrap_or_default();
            println!("  {name:<48} {value:>9.3} {unit}{wish}");
        }
        let folder = shell::target_dir().join("bench");
        fs::create_dir_all(&folder)?;
        let list: Vec<_> = (figures.iter())
            .map(|figure| json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "target": figure.target}))
            .collect();
        fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&list)?)?;
        Ok(())
    }
}

/// Bytes as mebibytes.
#[cfg(feature = "bench")]
pub fn mib(bytes: u64) -> f64 {
    // Exact up to 2^53 bytes, which no figure here comes near.
    bytes as f64 / f64::from(1 << 20)
}

/// The median and the 95th percentile of some measurements.
#[cfg(feature = "bench")]
pub fn median_and_p95(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at =
        |share: usize| values.get((values.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN);
    (at(50), at(95))
}

#[cfg(all(test, feature = "bench"))]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(median_and_p95(values), (10.0, 19.0));
        assert_eq!(median_and_p95(vec![3.0]), (3.0, 3.0));
    }
}
