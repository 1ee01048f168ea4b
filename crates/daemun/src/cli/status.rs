//! `daemun status`: the daemon and what lives in its cloud.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;

use super::cloud::{self, GroupView, ImageView, InstanceView, RuleView};
use super::{Session, output};
use crate::client::Client;
use crate::serve::DaemonInfo;
use crate::text::text;

#[derive(Serialize)]
struct Status {
    daemon: Option<DaemonInfo>,
    region: String,
    instances: Vec<InstanceStatus>,
    images: Vec<ImageView>,
}

#[derive(Serialize)]
struct InstanceStatus {
    #[serde(flatten)]
    instance: InstanceView,
    /// The rules for what may come in, of all its groups.
    open: Vec<RuleView>,
}

/// Shows it; fails where no daemon runs.
pub fn run(session: &Session) -> anyhow::Result<ExitCode> {
    if session.is_json() && DaemonInfo::running(&session.state_dir).is_none() {
        let nothing = Status { daemon: None, region: session.region.clone(), instances: vec![], images: vec![] };
        output::json(&nothing)?;
        return Ok(ExitCode::FAILURE);
    }
    let (daemon, client) = session.connect()?;
    let status = collect(session, daemon, &client)?;
    if session.is_json() {
        output::json(&status)?;
    } else {
        show(session, &status);
    }
    Ok(ExitCode::SUCCESS)
}

fn collect(session: &Session, daemon: DaemonInfo, client: &Client) -> anyhow::Result<Status> {
    let groups: BTreeMap<String, GroupView> =
        cloud::groups(client, vec![])?.into_iter().map(|group| (group.id.clone(), group)).collect();
    let open = |instance: &InstanceView| {
        let rules = instance.group_ids.iter().filter_map(|id| groups.get(id)).flat_map(|group| &group.ingress);
        let mut open: Vec<_> = rules.cloned().collect();
        open.sort();
        open.dedup();
        open
    };
    let instances = cloud::instances(client, vec![])?;
    Ok(Status {
        daemon: Some(daemon),
        region: session.region.clone(),
        instances: instances.into_iter().map(|i| InstanceStatus { open: open(&i), instance: i }).collect(),
        images: cloud::images(client, vec![])?,
    })
}

fn show(session: &Session, status: &Status) {
    let texts = &session.texts;
    if let Some(daemon) = &status.daemon {
        output::line(text!(
            texts,
            "status-daemon",
            version = daemon.version,
            endpoint = daemon.endpoint,
            pid = daemon.pid
        ));
        output::line(text!(texts, "status-engine", engine = daemon.engine, started = daemon.started));
        output::line(text!(texts, "status-pool", pool = daemon.public_pool));
        output::line(text!(texts, "status-operator", address = daemon.operator_address));
    }
    output::line("");
    output::line(text!(texts, "status-instances", count = status.instances.len(), region = status.region));
    let headings = [
        text!(texts, "column-id"),
        text!(texts, "column-name"),
        text!(texts, "column-state"),
        text!(texts, "column-private"),
        text!(texts, "column-public"),
        text!(texts, "column-open"),
    ];
    let in_words = |rule: &RuleView| text!(texts, "status-open", ports = rule.ports(), peer = rule.peer);
    let dash = || "-".to_owned();
    let rows: Vec<_> = (status.instances.iter())
        .map(|InstanceStatus { instance, open }| {
            vec![
                instance.id.clone(),
                instance.name.clone().unwrap_or_else(dash),
                instance.state.clone(),
                instance.private_address.map_or_else(dash, |a| a.to_string()),
                instance.public_address.map_or_else(dash, |a| a.to_string()),
                if open.is_empty() { dash() } else { open.iter().map(in_words).collect::<Vec<_>>().join(", ") },
            ]
        })
        .collect();
    show_table(&headings, &rows);
    output::line("");
    output::line(text!(texts, "status-images", count = status.images.len()));
    let headings = [text!(texts, "column-id"), text!(texts, "column-name"), text!(texts, "column-created")];
    let rows: Vec<_> = status.images.iter().map(|i| vec![i.id.clone(), i.name.clone(), i.created.clone()]).collect();
    show_table(&headings, &rows);
}

fn show_table(headings: &[String], rows: &[Vec<String>]) {
    if !rows.is_empty() {
        output::table(headings, rows).iter().for_each(|row| output::line(format!("  {row}")));
    }
}
