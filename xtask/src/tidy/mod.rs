//! `cargo xtask tidy`: the repository's own rules, as code. Each says why it is there.

mod crates;
mod files;
mod rust;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Breach {
    /// Where: a path relative to the root of the repository, or a crate.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
}

/// A file of the repository, as text.
pub struct TextFile {
    /// Its path, relative to the root of the repository.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "usage: cargo xtask tidy");
    let root = shell::root();
    let files = text_files(root)?;
    let metadata = metadata()?;
    let mut breaches = crates::dependencies(&metadata);
    breaches.extend(crates::licences(&metadata));
    breaches.extend(rust::sources(&files));
    breaches.extend(files::lengths(&files));
    breaches.extend(files::machine_paths(&files));
    breaches.extend(files::translations(&files));
    breaches.extend(files::actions(&files));
    if breaches.is_empty() {
        println!("{} files keep to the rules", files.len());
        return Ok(());
    }
    for Breach { place, what, why } in &breaches {
        println!("{place}: {what}\n    because {why}");
    }
    bail!("{} breaches of the repository's rules", breaches.len())
}

/// Every text file that git knows or would add.
fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut git = Command::new("git");
    // A checkout by another user is what CI has; reading its list of files is harmless.
    git.current_dir(root).arg("-c").arg(format!("safe.directory={}", root.display()));
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let mut files = Vec::new();
    for path in shell::read(&mut git)?.split('\0').filter(|path| !path.is_empty()) {
        // A file that was removed and is not yet committed so is still listed.
        let Ok(bytes) = fs::read(root.join(path)) else { continue };
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile { path: path.to_owned(), text });
        }
    }
    ensure!(!files.is_empty(), "git lists no files in {}", root.display());
    Ok(files)
}

fn metadata() -> Result<serde_json::Value> {
    let json = shell::read(shell::cargo().args(["metadata", "--format-version", "1", "--locked", "--all-features"]))?;
    serde_json::from_str(&json).context("cargo metadata")
}
