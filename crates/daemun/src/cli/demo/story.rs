//! Telling a story step by step, and keeping what happened.

use std::io::IsTerminal;
use std::time::Instant;

use serde::Serialize;

use crate::cli::{Session, output};
use crate::text::text;

/// How wide the explanations are, in columns.
const WIDTH: usize = 96;

/// A result that is not the expected one. Both sides are in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("expected {expected}; got {got}")]
pub struct Unexpected {
    /// What should have happened.
    pub expected: String,
    /// What did.
    pub got: String,
}

/// Something that was typed, and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// The command, ready to be copied.
    pub command: String,
    /// What came back, abridged, one line each.
    pub result: Vec<String>,
}

/// One step of the story.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Counted from 1.
    pub number: usize,
    /// What it is about.
    pub title: String,
    /// What was done.
    pub commands: Vec<Act>,
    /// Why it came out that way.
    pub why: String,
    /// Whether the result was the expected one.
    pub ok: bool,
    /// How long it took.
    pub seconds: f64,
    /// What was expected instead, where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Unexpected>,
}

/// The story as far as it has been told.
pub struct Story<'a> {
    session: &'a Session,
    steps: Vec<Step>,
    look: Look,
}

/// The step that is being told.
pub struct Acts {
    acts: Vec<Act>,
    /// Nothing is shown while the whole story is to become one JSON document.
    look: Option<Look>,
}

impl<'a> Story<'a> {
    /// A story that has not begun.
    pub fn new(session: &'a Session) -> Self {
        let is_terminal = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { session, steps: Vec::new(), look: Look { coloured: is_terminal } }
    }

    /// Every step that was told.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Says something between the steps.
    pub fn say(&self, line: &str) {
        if !self.session.is_json() {
            output::line(line);
        }
    }

    /// Tells a step.
    ///
    /// # Errors
    /// Whatever `body` fails with; the step is kept and shown as failed.
    pub fn step(
        &mut self,
        title: String,
        why: String,
        body: impl FnOnce(&mut Acts) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let number = self.steps.len() + 1;
        self.say(&format!("\n{}\n", self.look.title(&format!("{number}. {title}"))));
        let started = Instant::now();
        let mut acts = Acts { acts: Vec::new(), look: (!self.session.is_json()).then_some(self.look) };
        let outcome = body(&mut acts);
        let seconds = seconds_since(started);
        let failure = outcome.as_ref().err().map(|error| self.as_unexpected(error));
        if let Some(Unexpected { expected, got }) = &failure {
            let texts = &self.session.texts;
            self.say(&format!("\n  {}", self.look.bad(&text!(texts, "demo-failed", number = number))));
            self.say(&format!("  {}", text!(texts, "demo-expected", what = expected)));
            self.say(&format!("  {}", text!(texts, "demo-got", what = got)));
        } else {
            self.say("");
            output::wrapped(&why, WIDTH).iter().for_each(|line| self.say(&format!("  {line}")));
            self.say(&format!("  {}", self.look.faint(&format!("{seconds:.1} s"))));
        }
        self.steps.push(Step { number, title, commands: acts.acts, why, ok: outcome.is_ok(), seconds, failure });
        outcome
    }

    fn as_unexpected(&self, error: &anyhow::Error) -> Unexpected {
        error.downcast_ref::<Unexpected>().cloned().unwrap_or_else(|| Unexpected {
            expected: text!(self.session.texts, "demo-expect-success"),
            got: format!("{error:#}"),
        })
    }
}

impl Acts {
    /// Shows a command that is about to be run.
    pub fn command(&mut self, command: impl Into<String>) {
        let command = command.into();
        if let Some(look) = self.look {
            let lines = folded(&command, WIDTH);
            let lines: Vec<_> = lines.iter().map(|line| format!("  {}", look.command(line))).collect();
            output::line(lines.join("\n"));
        }
        self.acts.push(Act { command, result: Vec::new() });
    }

    /// Shows a line of what came back.
    pub fn result(&mut self, line: impl Into<String>) {
        let line = line.into();
        if let Some(look) = self.look {
            output::line(format!("    {}", look.faint(&line)));
        }
        if let Some(act) = self.acts.last_mut() {
            act.result.push(line);
        }
    }

    /// Shows the first lines of what came back.
    pub fn results(&mut self, text: &str, most: usize) {
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).take(most).for_each(|line| self.result(line));
    }
}

/// Colours, where there is a terminal for them.
#[derive(Debug, Clone, Copy)]
struct Look {
    coloured: bool,
}

impl Look {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn title(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn command(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }
}

/// The seconds since then, to the millisecond.
pub fn seconds_since(moment: Instant) -> f64 {
    (moment.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

/// A command as the shell reads it over several lines: `$ ` before the first, and broken before options.
fn folded(command: &str, width: usize) -> Vec<String> {
    let mut lines = vec!["$".to_owned()];
    for word in words(command) {
        let fits = lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() <= width);
        if !fits && word.starts_with('-') {
            if let Some(line) = lines.last_mut() {
                line.push_str(" \\");
            }
            lines.push("     ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(&word);
        }
    }
    lines
}

/// The words of a command, each option together with its value, quotes left as they are.
fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        if letter == '\'' {
            quoted = !quoted;
        }
        match words.last_mut() {
            Some(word) if letter != ' ' || quoted => word.push(letter),
            _ => words.push(String::new()),
        }
    }
    let mut grouped: Vec<String> = Vec::new();
    for word in words {
        match grouped.last_mut() {
            Some(option) if option.starts_with('-') && !option.contains(' ') && !word.starts_with('-') => {
                option.push(' ');
                option.push_str(&word);
            }
            _ => grouped.push(word),
        }
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_break_before_options_only() {
        let command = "aws ec2 run-instances --image-id ami-1 --tags 'a b --c' --count 1";
        assert_eq!(folded(command, 200), [format!("$ {command}")]);
        assert_eq!(
            folded(command, 40),
            ["$ aws ec2 run-instances --image-id ami-1 \\", "      --tags 'a b --c' --count 1"]
        );
    }
}
