//! `daemun image`: what instances are made from.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use host::image::{DEFAULT_USER, Image, ImageStore, Progress, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Session, args, output};
use crate::text::{Texts, text};

/// How often a stage shows that it is alive.
const TICK: Duration = Duration::from_millis(200);
const MIB: u64 = 1024 * 1024;

#[derive(Serialize)]
struct Built<'a> {
    image: &'a Image,
    was_up_to_date: bool,
    seconds: f64,
}

/// Does one of the subcommands.
pub fn run(session: &Session, command: &args::Image) -> anyhow::Result<ExitCode> {
    match command {
        args::Image::Build(build) => self::build(session, &build.name)?,
        args::Image::List => list(session)?,
        args::Image::Import(import) => {
            let image = store(session)?.import(&import.name, &import.tarball)?;
            if session.is_json() {
                output::json(&image)?;
            } else {
                output::line(text!(session.texts, "image-imported", name = image.name, size = mib(&image)));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The images of the session's directory.
pub fn store(session: &Session) -> host::Result<ImageStore> {
    ImageStore::open(&session.image_dir)
}

/// The user whom an image gives key pairs to.
pub fn user_of(session: &Session, name: &str) -> String {
    let image = store(session).and_then(|store| store.get(name)).ok().flatten();
    image.map_or_else(|| DEFAULT_USER.to_owned(), |image| image.user)
}

fn build(session: &Session, name: &str) -> anyhow::Result<()> {
    let store = store(session)?;
    let started = Instant::now();
    let was_up_to_date = store.is_up_to_date(name)?;
    let image = if session.is_json() {
        store.build(name, &mut |_| {})?
    } else {
        let mut bars = Bars::new(&session.texts);
        let built = store.build(name, &mut |progress| bars.show(&progress));
        bars.finish();
        built?
    };
    let seconds = started.elapsed().as_secs_f64();
    if session.is_json() {
        return output::json(&Built { image: &image, was_up_to_date, seconds });
    }
    output::line(if was_up_to_date {
        text!(session.texts, "image-up-to-date", name = name)
    } else {
        text!(session.texts, "image-built", name = name, size = mib(&image), seconds = format!("{seconds:.0}"))
    });
    Ok(())
}

fn list(session: &Session) -> anyhow::Result<()> {
    let images = store(session)?.list()?;
    if session.is_json() {
        return output::json(&images);
    }
    let texts = &session.texts;
    if images.is_empty() {
        output::line(text!(texts, "image-none", command = session.command_line("image build debian-12-web")));
        return Ok(());
    }
    let headings = [
        text!(texts, "column-name"),
        text!(texts, "column-created"),
        text!(texts, "column-size"),
        text!(texts, "column-user"),
        text!(texts, "column-description"),
    ];
    let row = |image: &Image| {
        let size = format!("{} MiB", mib(image));
        vec![image.name.clone(), image.created.to_string(), size, image.user.clone(), image.description.clone()]
    };
    let rows: Vec<_> = images.iter().map(row).collect();
    output::table(&headings, &rows).iter().for_each(output::line);
    Ok(())
}

fn mib(image: &Image) -> u64 {
    image.size_bytes.div_ceil(MIB)
}

/// One bar a stage on a terminal, one line a stage elsewhere.
struct Bars<'a> {
    texts: &'a Texts,
    all: MultiProgress,
    is_terminal: bool,
    current: Option<(String, Stage, ProgressBar)>,
}

impl<'a> Bars<'a> {
    fn new(texts: &'a Texts) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { texts, all: MultiProgress::with_draw_target(target), is_terminal, current: None }
    }

    fn show(&mut self, progress: &Progress) {
        let is_same = |(image, stage, _): &(String, Stage, _)| *image == progress.image && *stage == progress.stage;
        if !self.current.as_ref().is_some_and(is_same) {
            self.begin(progress);
        }
        let Some((_, _, bar)) = &self.current else { return };
        if progress.total > 0 {
            bar.set_length(progress.total.into());
            bar.set_position(progress.done.into());
        }
    }

    fn begin(&mut self, progress: &Progress) {
        let previous = self.current.as_ref().map(|(image, _, _)| image.clone());
        self.finish();
        if previous.as_ref() != Some(&progress.image) {
            let line = text!(self.texts, "image-building", name = progress.image);
            if self.is_terminal {
                // Fails only if the terminal is gone, and then nobody reads it.
                let _terminal_gone = self.all.println(line);
            } else {
                output::line(line);
            }
        }
        let name = self.stage_name(progress.stage);
        if !self.is_terminal {
            output::line(format!("  {name}"));
        }
        let style = ProgressStyle::with_template("  {elapsed:>4} {bar:32} {pos:>4}/{len:<4} {msg}");
        let bar = self.all.add(ProgressBar::new(1));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(name);
        bar.enable_steady_tick(TICK);
        self.current = Some((progress.image.clone(), progress.stage, bar));
    }

    /// The stage that was shown is over.
    fn finish(&mut self) {
        if let Some((_, _, bar)) = self.current.take() {
            bar.set_position(bar.length().unwrap_or(1));
            bar.abandon();
        }
    }

    fn stage_name(&self, stage: Stage) -> String {
        match stage {
            Stage::Prepare => text!(self.texts, "stage-prepare"),
            Stage::Download => text!(self.texts, "stage-download"),
            Stage::Unpack => text!(self.texts, "stage-unpack"),
            Stage::Configure => text!(self.texts, "stage-configure"),
            Stage::Customise => text!(self.texts, "stage-customise"),
            Stage::Finish => text!(self.texts, "stage-finish"),
        }
    }
}
