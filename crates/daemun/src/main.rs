//! Daemun: an EC2 you own.
//!
//! One program: `daemun serve` is the daemon, every other command talks to it through the same API that any AWS
//! client uses, or looks after the machine it runs on.

mod cli;
mod client;
mod credentials;
mod dns;
mod imds;
mod quota;
mod serve;
mod text;

use std::process::ExitCode;

/// Answers are made of many small texts, from several threads: this allocator takes half the time of glibc's for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
