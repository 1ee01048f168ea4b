//! `cargo xtask test`: every layer of tests, all of their failures, and nothing left behind.
//!
//! DEVELOPERS.md says what each layer is for. A layer that fails does not keep the others from running.

mod count;
mod leftovers;
mod python;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::arguments::Arguments;
use crate::{codegen, packages, shell, tidy};
use count::Counts;
use leftovers::Traces;

const USAGE: &str = "usage: cargo xtask test [--long] [LAYER...]";

/// A layer: its name, and what runs it.
struct Layer {
    name: &'static str,
    needs_root: bool,
    run: fn(&Plan) -> Result<Counts>,
}

const LAYERS: &[Layer] = &[
    Layer { name: "fmt", needs_root: false, run: fmt },
    Layer { name: "clippy", needs_root: false, run: clippy },
    Layer { name: "tidy", needs_root: false, run: |_| checked(tidy::run(&[])) },
    Layer { name: "codegen", needs_root: false, run: |_| checked(codegen::run(&["--check".to_owned()])) },
    Layer { name: "unit", needs_root: false, run: unit },
    Layer { name: "clients", needs_root: false, run: clients },
    Layer { name: "images", needs_root: true, run: images },
    Layer { name: "kernel", needs_root: true, run: kernel },
    Layer { name: "e2e", needs_root: true, run: e2e },
    Layer { name: "faults", needs_root: true, run: faults },
];

/// What the layers need to know.
struct Plan {
    long: bool,
    nextest: bool,
}

/// What became of a layer.
struct Outcome {
    name: &'static str,
    counts: Counts,
    seconds: f64,
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut given = Arguments::new(arguments);
    let long = given.flag("--long");
    let layers = chosen(&given.words().context(USAGE)?)?;
    let root_needed = layers.iter().any(|layer| layer.needs_root);
    if root_needed && !shell::is_root() {
        let unprivileged: Vec<_> = LAYERS.iter().filter(|layer| !layer.needs_root).map(|layer| layer.name).collect();
        bail!(
            "the layers with real packets and machines need root: sudo -E env \"PATH=$PATH\" cargo xtask test\n\
             Without root these run: cargo xtask test {}",
            unprivileged.join(" ")
        );
    }
    if shell::is_root() {
        packages::install_missing(&[packages::RUN, packages::TEST])?;
    }
    let nextest = has_nextest();
    if !nextest {
        println!("cargo-nextest is not installed: `cargo test` runs the Rust tests instead, with the same result.");
    }
    let plan = Plan { long, nextest };
    let before = Traces::now();
    let mut outcomes: Vec<Outcome> = layers.iter().map(|layer| run_layer(layer, &plan)).collect();
    let start = Instant::now();
    let left = before.left_behind();
    for trace in &left {
        println!("left behind: {trace}");
    }
    let counts = Counts { passed: u32::from(left.is_empty()), failed: u32::from(!left.is_empty()) };
    outcomes.push(Outcome { name: "nothing left", counts, seconds: start.elapsed().as_secs_f64() });
    summary(&outcomes)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Layer>> {
    if names.is_empty() {
        return Ok(LAYERS.iter().collect());
    }
    let known = || LAYERS.iter().map(|layer| layer.name).collect::<Vec<_>>().join(" ");
    for name in names {
        ensure!(LAYERS.iter().any(|layer| layer.name == name), "there is no layer {name}; there are: {}", known());
    }
    Ok(LAYERS.iter().filter(|layer| names.iter().any(|name| name == layer.name)).collect())
}

fn run_layer(layer: &Layer, plan: &Plan) -> Outcome {
    println!("\n== {}", layer.name);
    let start = Instant::now();
    let counts = (layer.run)(plan).unwrap_or_else(|error| {
        println!("{}: {error:#}", layer.name);
        Counts { passed: 0, failed: 1 }
    });
    Outcome { name: layer.name, counts, seconds: start.elapsed().as_secs_f64() }
}

fn summary(outcomes: &[Outcome]) -> Result<()> {
    println!("\n{:<14} {:>8} {:>8} {:>9}", "layer", "passed", "failed", "seconds");
    let mut total = Counts::default();
    for Outcome { name, counts, seconds } in outcomes {
        println!("{name:<14} {:>8} {:>8} {seconds:>9.1}", counts.passed, counts.failed);
        total.passed += counts.passed;
        total.failed += counts.failed;
    }
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    println!("{:<14} {:>8} {:>8} {seconds:>9.1}", "all", total.passed, total.failed);
    // Machines read this line: it is always the last one.
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 || total.passed == 0 {
        // The line above is the report; an error message after it would only hide it.
        std::process::exit(1);
    }
    Ok(())
}

fn checked(result: Result<()>) -> Result<Counts> {
    result.map(|()| Counts { passed: 1, failed: 0 })
}

fn has_nextest() -> bool {
    shell::read(shell::cargo().args(["nextest", "--version"])).is_ok()
}

fn fmt(_: &Plan) -> Result<Counts> {
    checked(shell::run(shell::cargo().args(["fmt", "--all", "--check"])))
}

/// Lints of what is shipped, on top of those of everything: nothing in it gives up where it could return an error.
const SHIPPED: [&str; 5] =
    ["clippy::unwrap_used", "clippy::panic", "clippy::todo", "clippy::unimplemented", "clippy::dbg_macro"];

fn clippy(_: &Plan) -> Result<Counts> {
    let clippy = ["clippy", "--quiet", "--workspace", "--all-features"];
    shell::run(shell::cargo().args(clippy).args(["--all-targets", "--", "-D", "warnings"]))?;
    let denied = SHIPPED.iter().flat_map(|lint| ["-D", lint]);
    let shipped = ["--lib", "--bins", "--exclude", "testkit", "--"];
    checked(shell::run(shell::cargo().args(clippy).args(shipped).args(denied)))
}

/// Which tests ask the kernel: all of `testkit`, and those whose names say so.
const ASKS_KERNEL: &str = "package(testkit) or test(/(^|::)kernel_/)";

fn unit(plan: &Plan) -> Result<Counts> {
    if plan.nextest {
        return nextest(plan, &format!("not ({ASKS_KERNEL})"));
    }
    libtest(plan, &["--workspace", "--exclude", "testkit"], &["--skip", "kernel_"])
}

fn kernel(plan: &Plan) -> Result<Counts> {
    if plan.nextest {
        return nextest(plan, ASKS_KERNEL);
    }
    let named = libtest(plan, &["--workspace", "--exclude", "testkit"], &["kernel_", "--test-threads=1"])?;
    let testkit = libtest(plan, &["--package", "testkit"], &["--test-threads=1"])?;
    Ok(Counts { passed: named.passed + testkit.passed, failed: named.failed + testkit.failed })
}

fn nextest(plan: &Plan, filter: &str) -> Result<Counts> {
    let mut command = shell::cargo();
    command.args(["nextest", "run", "--workspace", "--no-fail-fast", "--color=never", "-E", filter]);
    if plan.long {
        command.args(["--profile", "long"]);
    }
    if std::env::var_os("CI").is_some() {
        command.args(["--show-progress=none", "--status-level=slow"]);
    }
    let watched = rust_tests(plan, &mut command)?;
    count::nextest(&watched.text).checked(watched.success)
}

fn libtest(plan: &Plan, packages: &[&str], filter: &[&str]) -> Result<Counts> {
    let mut command = shell::cargo();
    command.arg("test").args(packages).args(["--no-fail-fast", "--quiet", "--"]).args(filter);
    let watched = rust_tests(plan, &mut command)?;
    count::libtest(&watched.text).checked(watched.success)
}

fn rust_tests(plan: &Plan, command: &mut Command) -> Result<shell::Watched> {
    if plan.long {
        command.env("PROPTEST_CASES", "5000").env("DAEMUN_DIFFERENTIAL_PACKETS", "100000");
    }
    shell::watch(command)
}

/// Builds the daemon that the layers with clients share.
fn build_daemon() -> Result<()> {
    shell::run(shell::cargo().args(["build", "--quiet", "--package", "daemun"]))
}

fn clients(plan: &Plan) -> Result<Counts> {
    build_daemon()?;
    python::tests("clients", plan.long)
}

fn images(_: &Plan) -> Result<Counts> {
    build_daemon()?;
    let daemun = shell::target_dir().join("debug/daemun");
    checked(shell::run(Command::new(daemun).args(["image", "build", "debian-12-web"])))
}

fn e2e(plan: &Plan) -> Result<Counts> {
    build_daemon()?;
    python::tests("e2e", plan.long)
}

fn faults(plan: &Plan) -> Result<Counts> {
    build_daemon()?;
    python::tests("faults", plan.long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_run_in_their_order_whatever_the_order_asked_for() {
        let asked = ["unit".to_owned(), "fmt".to_owned()];
        let names: Vec<_> = chosen(&asked).unwrap().iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["fmt", "unit"]);
        assert_eq!(chosen(&[]).unwrap().len(), LAYERS.len());
        assert!(chosen(&["nosuch".to_owned()]).is_err());
    }
}
