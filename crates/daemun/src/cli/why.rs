//! `daemun why`: why a connection comes to be or not, and whether a real one agrees.

mod probe;
mod question;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use explain::{Answer, ClientError, Complaint, Message, Obstacle, StageView, Way};
use serde::Serialize;

use super::{Session, args, output};
use crate::text::text;

use self::probe::Probe;

/// How wide lines are.
const COLUMNS: usize = 80;

/// How often an explanation that the world does not agree with is made and tried again, and after how long: what was
/// changed a moment ago may not be in force yet, and a server may be starting.
const TRIES: u32 = 5;
/// See [`TRIES`].
const PAUSE: Duration = Duration::from_millis(400);

/// What is printed for programs.
#[derive(Serialize)]
struct Report {
    reachable: bool,
    client_error: Option<ClientError>,
    obstacle: Option<ObstacleText>,
    path: Vec<StageText>,
    probe: Option<Probe>,
    looked_inside: bool,
}

#[derive(Serialize)]
struct ObstacleText {
    code: String,
    component: String,
    text: String,
    remedy: Option<String>,
}

#[derive(Serialize)]
struct StageText {
    way: Way,
    component: String,
    passes: bool,
    code: Option<String>,
    text: String,
}

/// Asks, tries, and says.
pub fn run(session: &Session, why: &args::Why) -> anyhow::Result<ExitCode> {
    let question = question::read(session, why)?;
    let (daemon, client) = session.connect()?;
    let (protocol, identity) = (question.protocol, why.identity.as_deref());
    let tried = probe::Tried { protocol, identity, wait: why.wait };
    let mut tries = 0;
    let (answer, probe) = loop {
        let answer: Result<Answer, Complaint> = client.ask("Why", &question)?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(complaint) => return complain(session, &complaint),
        };
        let probe = if why.no_probe { None } else { probe::send(session, &daemon, &client, &answer, &tried)? };
        tries += 1;
        if tries == TRIES || probe.as_ref().is_none_or(|probe| probe.agrees) {
            break (answer, probe);
        }
        std::thread::sleep(PAUSE);
    };
    let agrees = probe.as_ref().is_none_or(|probe| probe.agrees);
    let code = if answer.reachable && agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if session.is_json() {
        output::json(&report(session, answer, probe))?;
    } else {
        show(session, &answer, probe.as_ref());
    }
    Ok(code)
}

/// Says what is wrong with a question.
pub fn complain(session: &Session, complaint: &Complaint) -> anyhow::Result<ExitCode> {
    let text = say(session, &complaint.message);
    if session.is_json() {
        eprintln!("{}", serde_json::json!({ "error": text, "code": complaint.code }));
        return Ok(ExitCode::FAILURE);
    }
    bail!(text)
}

fn say(session: &Session, message: &Message) -> String {
    session.texts.say(message)
}

fn report(session: &Session, answer: Answer, probe: Option<Probe>) -> Report {
    let stage = |stage: StageView| StageText {
        text: say(session, &stage.message),
        way: stage.way,
        component: stage.component,
        passes: stage.passes,
        code: stage.code,
    };
    let obstacle = |obstacle: Obstacle| ObstacleText {
        text: say(session, &obstacle.message),
        code: obstacle.code,
        component: obstacle.component,
        remedy: obstacle.remedy,
    };
    Report {
        reachable: answer.reachable,
        client_error: answer.client_error,
        obstacle: answer.obstacle.map(obstacle),
        path: answer.path.into_iter().map(stage).collect(),
        probe,
        looked_inside: answer.looked_inside,
    }
}

/// Colours of a terminal.
struct Colours(bool);

impl Colours {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(&self, text: &str) -> String {
        self.paint("31", text)
    }
}

fn show(session: &Session, answer: &Answer, probe: Option<&Probe>) {
    let texts = &session.texts;
    let colours = Colours(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let mut way = None;
    for stage in &answer.path {
        if way != Some(stage.way) {
            way = Some(stage.way);
            output::line(match stage.way {
                Way::Name => text!(texts, "why-way-name"),
                Way::Call => text!(texts, "why-way-call"),
                Way::Answer => text!(texts, "why-way-answer"),
                Way::Machine => text!(texts, "why-way-machine"),
            });
        }
        let mark = if stage.passes { colours.good("✓") } else { colours.bad("✗") };
        let mut lines = output::wrapped(&say(session, &stage.message), COLUMNS - 6).into_iter();
        output::line(format!("  {mark} {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| output::line(format!("      {line}")));
    }
    output::line("");
    let verdict = match (&answer.obstacle, answer.client_error) {
        (None, _) if answer.looked_inside || answer.instance.is_none() => colours.good(&text!(texts, "why-reachable")),
        (None, _) => colours.good(&text!(texts, "why-reachable-network")),
        (Some(_), error) => colours.bad(&client_sees(session, error)),
    };
    output::line(verdict);
    if let Some(obstacle) = &answer.obstacle {
        output::line(text!(texts, "why-code", code = obstacle.code, component = obstacle.component));
        if let Some(remedy) = &obstacle.remedy {
            output::line(text!(texts, "why-remedy"));
            output::line(format!("  {remedy}"));
        }
    }
    if let Some(probe) = probe {
        let met = probe.text(session);
        let line = if probe.agrees {
            text!(texts, "why-probe-agrees", met = met)
        } else {
            text!(texts, "why-probe-disagrees", met = met)
        };
        let lines = output::wrapped(&line, COLUMNS);
        lines.iter().for_each(|line| output::line(if probe.agrees { line.clone() } else { colours.bad(line) }));
    }
}

/// What the client sees, in its own words.
fn client_sees(session: &Session, error: Option<ClientError>) -> String {
    let texts = &session.texts;
    match error {
        Some(ClientError::Refused) => text!(texts, "why-client-refused"),
        Some(ClientError::NoRoute) => text!(texts, "why-client-no-route"),
        Some(ClientError::PermissionDenied) => text!(texts, "why-client-denied"),
        Some(ClientError::Unresolved) => text!(texts, "why-client-unresolved"),
        Some(ClientError::Tls) => text!(texts, "why-client-tls"),
        Some(ClientError::TimedOut) | None => text!(texts, "why-client-timed-out"),
    }
}
