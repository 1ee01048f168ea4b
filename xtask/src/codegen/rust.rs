//! Rust text: the types that stand for shapes, and rustfmt.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::model::{Member, Model, Shape};
use super::{names, selection};

/// The Rust type of one value of this shape. Lists of lists do not occur in EC2's model.
pub fn value_type(model: &Model, shape: &str) -> Result<String> {
    Ok(match model.shape(shape)? {
        Shape::Structure(_) => names::type_name(shape),
        Shape::Enum(values) if selection::is_rust_enum(values) => names::type_name(shape),
        Shape::Enum(_) => "String".to_owned(),
        Shape::Scalar(scalar) => (*scalar).to_owned(),
        Shape::List { .. } => bail!("{shape} is a list inside a list, which this generator does not know"),
    })
}

/// The Rust type of a member. `in_input` says that it belongs to an action's whole request.
pub fn member_type(model: &Model, member: &Member, in_input: bool) -> Result<String> {
    Ok(match model.shape(&member.shape)? {
        Shape::List { of, .. } => format!("Vec<{}>", value_type(model, of)?),
        Shape::Scalar(scalar) if in_input && member.required => (*scalar).to_owned(),
        _ => format!("Option<{}>", value_type(model, &member.shape)?),
    })
}

/// The text as the repository's rustfmt writes it.
pub fn format(root: &Path, text: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt")?;
    let mut stdin = rustfmt.stdin.take().context("rustfmt without standard input")?;
    let text = text.to_owned();
    // Written beside the reading, so that neither side waits on a full pipe.
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output().context("rustfmt")?;
    let written = writer.join().map_err(|_| anyhow::anyhow!("the thread that feeds rustfmt panicked"))?;
    ensure!(output.status.success(), "rustfmt refused the generated text");
    written.context("rustfmt")?;
    Ok(String::from_utf8(output.stdout)?)
}
