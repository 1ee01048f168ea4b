//! `daemun actions`: the actions that are answered.

use std::process::ExitCode;

use cloud::services::{Run, Service};
use ec2_shapes::{Action, ActionKind};
use serde::Serialize;

use super::{Session, output};
use crate::text::text;

#[derive(Serialize)]
struct Answered {
    service: &'static str,
    action: &'static str,
    kind: &'static str,
    /// 1: packets, processes and disks behind it; 2: state; 3: the right answer about what cannot exist here.
    tier: u8,
}

/// Lists them by service, each sorted by name.
pub fn run(session: &Session) -> anyhow::Result<ExitCode> {
    let kind = |action: &Action| match action.kind() {
        ActionKind::Read => "read",
        ActionKind::Write => "write",
    };
    let ec2 = Action::ALL.iter().map(|action| Answered {
        service: "ec2",
        action: action.name(),
        kind: kind(action),
        tier: action.tier(),
    });
    let others = Service::ALL.into_iter().flat_map(|service| {
        service.actions().iter().map(move |action| Answered {
            service: service.name(),
            action: action.name,
            kind: match action.run {
                Run::Read(_) => "read",
                Run::Write(_) => "write",
            },
            tier: action.tier,
        })
    });
    let all: Vec<_> = ec2.chain(others).collect();
    if session.is_json() {
        output::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(text!(session.texts, "actions-title", count = all.len()));
    for answered in all {
        output::line(format!("  {}  {}:{}", answered.tier, answered.service, answered.action));
    }
    Ok(ExitCode::SUCCESS)
}
