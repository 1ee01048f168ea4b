//! The machine hook alone, small and quick to start, for this crate's own tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    ExitCode::from(host::machine::hook_main(&args))
}
