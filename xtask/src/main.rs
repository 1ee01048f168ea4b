//! The project's own chores: demo, test, bench, codegen, tidy.

mod arguments;
mod bench;
mod cloud;
mod codegen;
mod demo;
mod packages;
mod shell;
mod testing;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask CHORE

  demo [--isolated [--down]] [--lang en|ko]   from this machine to a running cloud, and its story
  test [--long] [LAYER...]                    every layer of tests
  bench [WHAT...]                             the figures that are measured
  tidy                                        the repository's own rules
  codegen [--check]                           the EC2 shapes, from the pinned service model";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", [].as_slice()),
    };
    let done = match command {
        "demo" => demo::run(rest),
        "test" => testing::run(rest),
        "bench" => bench::run(rest),
        "tidy" => tidy::run(rest),
        "codegen" => codegen::run(rest),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
