//! The files of `ec2-wire`: tables of the members' names.

use anyhow::Result;

use super::model::Model;
use super::selection::Selection;

/// Every file by name.
pub fn files(_model: &Model, _selection: &Selection<'_>) -> Result<Vec<(&'static str, String)>> {
    Ok(Vec::new())
}
