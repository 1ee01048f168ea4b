//! Looking templates and their versions up.

use std::sync::Arc;

use crate::error::ApiError;
use crate::query::get;
use crate::resource::{LaunchTemplate, LaunchTemplateVersion};
use crate::state::Tables;

/// The template that a request names by id or by name.
///
/// # Errors
/// `MissingParameter` where it names none, `InvalidParameterCombination` where it does so both ways,
/// `InvalidLaunchTemplateId.NotFound` or `InvalidLaunchTemplateName.NotFoundException` where it does not exist.
pub(super) fn one<'a>(
    tables: &'a Tables,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'a Arc<LaunchTemplate>, ApiError> {
    match (id.filter(|id| !id.is_empty()), name.filter(|name| !name.is_empty())) {
        (Some(_), Some(_)) => Err(ApiError::invalid_combination(
            "The parameters LaunchTemplateId and LaunchTemplateName cannot be used together.",
        )),
        (None, None) => Err(ApiError::missing("LaunchTemplateId or LaunchTemplateName")),
        (Some(id), None) => get::<LaunchTemplate>(tables, id),
        (None, Some(name)) => {
            tables.launch_templates.values().find(|template| &*template.name == name).ok_or_else(|| {
                ApiError::new(
                    "InvalidLaunchTemplateName.NotFoundException",
                    "The specified launch template, with template name ".to_owned() + name + ", does not exist.",
                )
            })
        }
    }
}

/// The number that a text means for this template: a number, `$Latest` or `$Default`.
pub(super) fn number(template: &LaunchTemplate, text: &str) -> Option<i64> {
    match text {
        "$Latest" => Some(template.latest_version),
        "$Default" => Some(template.default_version),
        digits => digits.parse().ok().filter(|number| *number > 0),
    }
}

/// The version that a text names.
///
/// # Errors
/// `InvalidLaunchTemplateId.VersionNotFound`, `InvalidParameterValue` for a text that is no version.
pub(super) fn version<'a>(template: &'a LaunchTemplate, text: &str) -> Result<&'a LaunchTemplateVersion, ApiError> {
    let number = number(template, text).ok_or_else(|| {
        ApiError::invalid_value(format!(
            "Launch template version '{text}' is invalid. It must be a number, $Latest or $Default."
        ))
    })?;
    template.version(number).ok_or_else(|| {
        let message = format!("Could not find launch template version {number} of the template {}.", template.id);
        ApiError::new("InvalidLaunchTemplateId.VersionNotFound", message)
    })
}
