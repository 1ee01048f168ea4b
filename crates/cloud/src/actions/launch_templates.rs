//! Launch templates: made, versioned, described, deleted, and launched from.
//!
//! What a template says is kept as it was given and given back as it is kept. Codes follow the error code page of the
//! API reference; texts are those that AWS is seen to send.

mod data;
mod find;
mod launch;
#[cfg(test)]
mod tests;
mod versions;

use std::sync::Arc;

use ec2_shapes::{
    CreateLaunchTemplateRequest, CreateLaunchTemplateResult, DeleteLaunchTemplateRequest, DeleteLaunchTemplateResult,
    DescribeLaunchTemplatesRequest, DescribeLaunchTemplatesResult, ModifyLaunchTemplateRequest,
    ModifyLaunchTemplateResult,
};
use types::LaunchTemplateId;

pub(super) use self::data::{get_launch_template_data, values_at};
pub(super) use self::launch::resolve;
pub(super) use self::versions::{
    create_launch_template_version, delete_launch_template_versions, describe_launch_template_versions,
};
use super::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{LaunchTemplate, LaunchTemplateVersion, Tags};
use crate::state::Key;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// EC2's name of the type of resource.
const RESOURCE_TYPE: &str = "launch-template";
/// The longest description of a version, in characters.
const MAX_DESCRIPTION: usize = 255;

pub(super) fn create_launch_template(
    context: &Context,
    tx: &mut Transaction,
    request: CreateLaunchTemplateRequest,
) -> Result<CreateLaunchTemplateResult, ApiError> {
    check_name(&request.launch_template_name)?;
    check_description(request.version_description.as_deref())?;
    let tags = NewTags::new(&request.tag_specifications, &[RESOURCE_TYPE])?;
    let data = data::keep(request.launch_template_data.as_ref())?;
    let token = request.client_token.clone();
    let asked = CreateLaunchTemplateRequest { client_token: None, dry_run: None, ..request.clone() };
    let id = idempotency::once(context, tx, "CreateLaunchTemplate", token.as_deref(), &asked, |tx| {
        let name = request.launch_template_name.as_str();
        if tx.launch_templates.values().any(|template| &*template.name == name) {
            let message = "Launch template name already in use.";
            return Err(ApiError::new("InvalidLaunchTemplateName.AlreadyExistsException", message));
        }
        quotas::check(context, Quota::LaunchTemplates, tx.launch_templates.len())?;
        let id = LaunchTemplateId::from_number(context.id_number());
        let created_by = context.caller.arn(context.account());
        let description = request.version_description;
        let version = LaunchTemplateVersion {
            number: 1,
            description,
            created: context.now,
            created_by: created_by.clone(),
            data,
        };
        tags.put(tx, RESOURCE_TYPE, id);
        tx.put(LaunchTemplate {
            id,
            name: name.into(),
            created: context.now,
            created_by,
            default_version: 1,
            latest_version: 1,
            versions: vec![version],
        });
        Ok(id.to_string())
    })?;
    let template = get::<LaunchTemplate>(tx, &id)?;
    Ok(CreateLaunchTemplateResult { launch_template: Some(shape(template, tx.tags_of(&id))), warning: None })
}

pub(super) fn delete_launch_template(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteLaunchTemplateRequest,
) -> Result<DeleteLaunchTemplateResult, ApiError> {
    let named = (request.launch_template_id.as_deref(), request.launch_template_name.as_deref());
    let template = Arc::clone(find::one(tx, named.0, named.1)?);
    let told = shape(&template, tx.tags_of(&template.id.to_string()));
    tx.delete(Key::LaunchTemplate(template.id));
    Ok(DeleteLaunchTemplateResult { launch_template: Some(told) })
}

pub(super) fn modify_launch_template(
    _: &Context,
    tx: &mut Transaction,
    request: ModifyLaunchTemplateRequest,
) -> Result<ModifyLaunchTemplateResult, ApiError> {
    let named = (request.launch_template_id.as_deref(), request.launch_template_name.as_deref());
    let mut template = LaunchTemplate::clone(find::one(tx, named.0, named.1)?);
    let wanted = request.default_version.as_deref().ok_or_else(|| ApiError::missing("SetDefaultVersion"))?;
    template.default_version = find::version(&template, wanted)?.number;
    let told = shape(&template, tx.tags_of(&template.id.to_string()));
    tx.put(template);
    Ok(ModifyLaunchTemplateResult { launch_template: Some(told) })
}

pub(super) fn describe_launch_templates(
    _: &Context,
    view: &View<'_>,
    request: DescribeLaunchTemplatesRequest,
) -> Result<DescribeLaunchTemplatesResult, ApiError> {
    let by_name = request.launch_template_names.iter();
    let by_name = by_name.map(|name| find::one(view, None, Some(name)).map(|template| template.id.to_string()));
    let mut ids = request.launch_template_ids;
    ids.extend(by_name.collect::<Result<Vec<_>, _>>()?);
    let asked = Listing::paged(&ids, &request.filters, request.max_results, request.next_token.as_deref());
    let row = |template| TemplateRow { template, tags: view.tables().tags_of(&LaunchTemplate::id_of(template)) };
    let (rows, next_token) = list::<LaunchTemplate, _>(view.tables(), asked.limits(1, 200), row)?;
    let launch_templates = rows.iter().map(|row| shape(row.template, row.tags)).collect();
    Ok(DescribeLaunchTemplatesResult { launch_templates, next_token })
}

impl LaunchTemplate {
    fn id_of(template: &Self) -> String {
        template.id.to_string()
    }
}

struct TemplateRow<'a> {
    template: &'a LaunchTemplate,
    tags: &'a Tags,
}

impl Filterable for TemplateRow<'_> {
    const NAMES: &'static [&'static str] = &["create-time", "launch-template-name"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "create-time" => found(&self.template.created.to_string()),
            "launch-template-name" => found(&self.template.name),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tags)
    }
}

/// A template as answers show it.
fn shape(template: &LaunchTemplate, tags: &Tags) -> ec2_shapes::LaunchTemplate {
    ec2_shapes::LaunchTemplate {
        create_time: Some(show::moment(template.created)),
        created_by: Some(template.created_by.clone()),
        default_version_number: Some(template.default_version),
        latest_version_number: Some(template.latest_version),
        launch_template_id: Some(template.id.to_string()),
        launch_template_name: Some(template.name.to_string()),
        operator: Some(ec2_shapes::OperatorResponse { managed: Some(false), ..Default::default() }),
        tags: tagging::to_shape(tags),
    }
}

/// Names have 3 to 128 letters, digits and `()./_-`, as the model says.
fn check_name(name: &str) -> Result<(), ApiError> {
    let well_formed = (3..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"()./_-".contains(&byte));
    if well_formed {
        return Ok(());
    }
    let message = format!(
        "The launch template name '{name}' is not valid: it must have 3 to 128 characters, which may be letters, \
         numbers and ( ) . / _ -"
    );
    Err(ApiError::new("InvalidLaunchTemplateName.MalformedException", message))
}

fn check_description(description: Option<&str>) -> Result<(), ApiError> {
    match description {
        Some(text) if text.chars().count() > MAX_DESCRIPTION => {
            Err(ApiError::invalid_value(format!("The version description has more than {MAX_DESCRIPTION} characters.")))
        }
        _ => Ok(()),
    }
}
