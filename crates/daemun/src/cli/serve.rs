//! `daemun serve`: starts the daemon.

use std::process::ExitCode;
use std::time::Duration;

use cloud::quotas::Quotas;

use super::{Session, args};
use crate::serve::{self, ServeOptions};

/// Runs the daemon until it is told to end.
pub fn run(session: &Session, serve: &args::Serve) -> anyhow::Result<ExitCode> {
    let mut quotas = Quotas::default();
    for setting in &serve.quotas {
        quotas.set(setting.quota, setting.value);
    }
    serve::run(&ServeOptions {
        state_dir: session.state_dir.clone(),
        image_dir: session.image_dir.clone(),
        listen: serve.listen,
        engine: match serve.engine {
            args::Engine::Container => serve::Engine::Container,
            args::Engine::Simulated => serve::Engine::Simulated,
        },
        public_pool: serve.public_pool,
        quotas,
        flow_log_interval: serve.flow_log_interval.map(Duration::from_secs),
    })?;
    Ok(ExitCode::SUCCESS)
}
