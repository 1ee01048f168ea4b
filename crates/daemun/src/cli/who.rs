//! `daemun who`: everything that can come in to a machine.

use std::process::ExitCode;

use explain::{Complaint, Door, DoorKind, Doors, Opening, Remark};
use serde_json::json;

use super::{Session, args, output, why};
use crate::text::text;

/// Asks and shows.
pub fn run(session: &Session, who: &args::Who) -> anyhow::Result<ExitCode> {
    let (_, client) = session.connect()?;
    let found: Result<Doors, Complaint> = client.ask("Who", &json!({ "target": who.target }))?;
    let found = match found {
        Ok(found) => found,
        Err(complaint) => return why::complain(session, &complaint),
    };
    if session.is_json() {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    show(session, &found);
    Ok(ExitCode::SUCCESS)
}

fn show(session: &Session, found: &Doors) {
    let texts = &session.texts;
    if !found.looked_inside {
        output::line(text!(texts, "who-not-looked", id = found.instance));
    }
    if found.doors.is_empty() {
        output::line(text!(texts, "who-no-doors", id = found.instance));
        return;
    }
    let headings = [
        text!(texts, "who-port"),
        text!(texts, "who-program"),
        text!(texts, "who-door"),
        text!(texts, "who-proof"),
        text!(texts, "who-open-to"),
    ];
    let mut rows = Vec::new();
    for door in &found.doors {
        let openings = if door.open_to.is_empty() {
            vec![nobody(session, door)]
        } else {
            door.open_to.iter().map(|it| opening(session, it)).collect()
        };
        for (at, opening) in openings.into_iter().enumerate() {
            let first = |text: String| if at == 0 { text } else { String::new() };
            rows.push(vec![
                first(port(door)),
                first(program(session, door)),
                first(kind(session, door.kind)),
                first(proof(session, door)),
                opening,
            ]);
        }
    }
    output::table(&headings, &rows).into_iter().for_each(output::line);
}

fn port(door: &Door) -> String {
    let Door { protocol, from_port, to_port, .. } = door;
    if from_port == to_port { format!("{protocol}/{from_port}") } else { format!("{protocol}/{from_port}-{to_port}") }
}

fn program(session: &Session, door: &Door) -> String {
    match (&door.program, door.remark) {
        (Some(program), _) => program.clone(),
        (None, Some(Remark::NothingListens)) => text!(session.texts, "who-nothing-listens"),
        (None, _) => "?".to_owned(),
    }
}

fn kind(session: &Session, kind: DoorKind) -> String {
    match kind {
        DoorKind::Operator => text!(session.texts, "who-operator"),
        DoorKind::Public => text!(session.texts, "who-public"),
        DoorKind::Internal => text!(session.texts, "who-internal"),
        DoorKind::Nobody => "-".to_owned(),
    }
}

fn proof(session: &Session, door: &Door) -> String {
    match (door.asks_for_key, &door.program) {
        (true, _) => text!(session.texts, "who-key"),
        (false, Some(_)) => text!(session.texts, "who-none-known"),
        (false, None) => "-".to_owned(),
    }
}

fn nobody(session: &Session, door: &Door) -> String {
    match door.remark {
        Some(Remark::LoopbackOnly) => text!(session.texts, "who-loopback"),
        _ => text!(session.texts, "who-nobody-allowed"),
    }
}

/// The peers of a rule, and whom of them there really is.
fn opening(session: &Session, opening: &Opening) -> String {
    let texts = &session.texts;
    let peers = opening.peers.join(", ");
    let who = match opening {
        Opening { everyone: true, outside: true, .. } => text!(texts, "who-everyone", peers = peers),
        Opening { operator: true, .. } => text!(texts, "who-the-operator", peers = peers),
        _ => peers,
    };
    if opening.outside || opening.instances.is_empty() {
        return who;
    }
    let instances = opening.instances.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{who}: {instances}")
}
