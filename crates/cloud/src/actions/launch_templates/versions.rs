//! The versions of launch templates.

use std::sync::Arc;

use ec2_shapes::{
    CreateLaunchTemplateVersionRequest, CreateLaunchTemplateVersionResult, DeleteLaunchTemplateVersionsRequest,
    DeleteLaunchTemplateVersionsResponseErrorItem, DeleteLaunchTemplateVersionsResponseSuccessItem,
    DeleteLaunchTemplateVersionsResult, DescribeLaunchTemplateVersionsRequest, DescribeLaunchTemplateVersionsResult,
    LaunchTemplateErrorCode, ResponseError,
};

use super::{check_description, data, find};
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency;
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::{LaunchTemplate, LaunchTemplateVersion, Tags};
use crate::transaction::Transaction;
use crate::view::View;

/// How many versions one call may delete.
const MAX_DELETED: usize = 200;

pub(in crate::actions) fn create_launch_template_version(
    context: &Context,
    tx: &mut Transaction,
    request: CreateLaunchTemplateVersionRequest,
) -> Result<CreateLaunchTemplateVersionResult, ApiError> {
    check_description(request.version_description.as_deref())?;
    let named = (request.launch_template_id.as_deref(), request.launch_template_name.as_deref());
    let id = find::one(tx, named.0, named.1)?.id;
    let token = request.client_token.as_deref();
    let asked = CreateLaunchTemplateVersionRequest { client_token: None, dry_run: None, ..request.clone() };
    let number = idempotency::once(context, tx, "CreateLaunchTemplateVersion", token, &asked, |tx| {
        let mut template = LaunchTemplate::clone(tx.launch_templates.get(&id).ok_or_else(ApiError::internal)?);
        let source = request.source_version.as_deref().filter(|source| !source.is_empty());
        let base = source.map(|source| find::version(&template, source)).transpose()?.map(|version| &version.data);
        let data = data::over(base, data::keep(request.launch_template_data.as_ref())?);
        template.latest_version += 1;
        template.versions.push(LaunchTemplateVersion {
            number: template.latest_version,
            description: request.version_description.clone(),
            created: context.now,
            created_by: context.caller.arn(context.account()),
            data,
        });
        let number = template.latest_version;
        tx.put(template);
        Ok(number.to_string())
    })?;
    let template = tx.launch_templates.get(&id).ok_or_else(ApiError::internal)?;
    let row = VersionRow { template, version: find::version(template, &number)?, image: None };
    Ok(CreateLaunchTemplateVersionResult { launch_template_version: Some(row.to_shape()?), warning: None })
}

pub(in crate::actions) fn delete_launch_template_versions(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteLaunchTemplateVersionsRequest,
) -> Result<DeleteLaunchTemplateVersionsResult, ApiError> {
    if request.versions.len() > MAX_DELETED {
        return Err(ApiError::invalid_value(format!(
            "No more than {MAX_DELETED} versions can be deleted in one call."
        )));
    }
    let named = (request.launch_template_id.as_deref(), request.launch_template_name.as_deref());
    let mut template = LaunchTemplate::clone(find::one(tx, named.0, named.1)?);
    let (id, name) = (template.id.to_string(), template.name.to_string());
    let mut result = DeleteLaunchTemplateVersionsResult::default();
    for text in &request.versions {
        match deletable(&template, text) {
            Ok(number) => {
                template.versions.retain(|version| version.number != number);
                let deleted = DeleteLaunchTemplateVersionsResponseSuccessItem {
                    launch_template_id: Some(id.clone()),
                    launch_template_name: Some(name.clone()),
                    version_number: Some(number),
                };
                result.successfully_deleted_launch_template_versions.push(deleted);
            }
            Err((number, code, message)) => {
                let refused = DeleteLaunchTemplateVersionsResponseErrorItem {
                    launch_template_id: Some(id.clone()),
                    launch_template_name: Some(name.clone()),
                    response_error: Some(ResponseError { code: Some(code), message: Some(message) }),
                    version_number: number,
                };
                result.unsuccessfully_deleted_launch_template_versions.push(refused);
            }
        }
    }
    tx.put(template);
    Ok(result)
}

/// The number of a version that may be deleted: it is there, and not the default one.
fn deletable(template: &LaunchTemplate, text: &str) -> Result<i64, (Option<i64>, LaunchTemplateErrorCode, String)> {
    let Some(number) = find::number(template, text) else {
        let message = format!("Launch template version '{text}' is invalid.");
        return Err((None, LaunchTemplateErrorCode::UnexpectedError, message));
    };
    if number == template.default_version {
        let message = "The default version of a launch template cannot be deleted.".to_owned();
        return Err((Some(number), LaunchTemplateErrorCode::UnexpectedError, message));
    }
    if template.version(number).is_none() {
        let message = format!("Could not find launch template version {number}.");
        return Err((Some(number), LaunchTemplateErrorCode::LaunchTemplateVersionDoesNotExist, message));
    }
    Ok(number)
}

pub(in crate::actions) fn describe_launch_template_versions(
    _: &Context,
    view: &View<'_>,
    request: DescribeLaunchTemplateVersionsRequest,
) -> Result<DescribeLaunchTemplateVersionsResult, ApiError> {
    let filters = Filters::new::<VersionRow<'_>>(&request.filters)?;
    let bounds = (bound(request.min_version.as_deref())?, bound(request.max_version.as_deref())?);
    let within = |version: &LaunchTemplateVersion| {
        bounds.0.is_none_or(|min| version.number >= min) && bounds.1.is_none_or(|max| version.number <= max)
    };
    let (id, name) = (request.launch_template_id.as_deref(), request.launch_template_name.as_deref());
    let found: Vec<(&Arc<LaunchTemplate>, &LaunchTemplateVersion)> = if id.is_none() && name.is_none() {
        of_all_templates(view, &request.versions)?
    } else {
        let template = find::one(view, id, name)?;
        let all = template.versions.iter().rev().filter(|version| within(version));
        let named = request.versions.iter().map(|text| find::version(template, text));
        let versions = if request.versions.is_empty() { Ok(all.collect()) } else { named.collect() };
        versions.map(|versions: Vec<_>| versions.into_iter().map(|version| (template, version)).collect())?
    };
    let resolve = request.resolve_alias == Some(true);
    // Newest first, as on AWS: pages go by what is left to count down.
    let key = |template: &LaunchTemplate, number: i64| format!("{}/{:019}", template.id, i64::MAX - number);
    let mut all = found
        .into_iter()
        .map(|(template, version)| {
            let image = if resolve { data::resolved_image(view, version)? } else { None };
            Ok((key(template, version.number), VersionRow { template, version, image }))
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.dedup_by(|one, other| one.0 == other.0);
    let asked = Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref());
    let (rows, next_token) = rows(all.into_iter(), &filters, asked.limits(1, 200))?;
    let launch_template_versions = rows.iter().map(VersionRow::to_shape).collect::<Result<_, _>>()?;
    Ok(DescribeLaunchTemplateVersionsResult { launch_template_versions, next_token })
}

/// Versions of every template: only the latest or the default ones can be asked for.
fn of_all_templates<'a>(
    view: &View<'a>,
    versions: &[String],
) -> Result<Vec<(&'a Arc<LaunchTemplate>, &'a LaunchTemplateVersion)>, ApiError> {
    if versions.is_empty() || versions.iter().any(|text| text != "$Latest" && text != "$Default") {
        return Err(ApiError::new(
            "MissingParameter",
            "Without a launch template, the versions must be $Latest, $Default or both.",
        ));
    }
    let templates = view.tables().launch_templates.values();
    Ok(templates
        .flat_map(|template| {
            let numbers = versions.iter().filter_map(|text| find::number(template, text));
            numbers.filter_map(move |number| Some((template, template.version(number)?)))
        })
        .collect())
}

fn bound(text: Option<&str>) -> Result<Option<i64>, ApiError> {
    text.map(|text| text.parse().map_err(|_| ApiError::invalid_value(format!("Invalid version number '{text}'."))))
        .transpose()
}

struct VersionRow<'a> {
    template: &'a LaunchTemplate,
    version: &'a LaunchTemplateVersion,
    /// The image that its alias leads to, where that was asked for.
    image: Option<String>,
}

impl VersionRow<'_> {
    fn to_shape(&self) -> Result<ec2_shapes::LaunchTemplateVersion, ApiError> {
        let mut data = data::told(&self.version.data)?;
        if let Some(image) = &self.image {
            data.image_id = Some(image.clone());
        }
        Ok(ec2_shapes::LaunchTemplateVersion {
            create_time: Some(show::moment(self.version.created)),
            created_by: Some(self.version.created_by.clone()),
            default_version: Some(self.is_default()),
            launch_template_data: Some(data),
            launch_template_id: Some(self.template.id.to_string()),
            launch_template_name: Some(self.template.name.to_string()),
            operator: Some(ec2_shapes::OperatorResponse { managed: Some(false), ..Default::default() }),
            version_description: self.version.description.clone(),
            version_number: Some(self.version.number),
        })
    }

    fn is_default(&self) -> bool {
        self.version.number == self.template.default_version
    }
}

impl Filterable for VersionRow<'_> {
    const NAMES: &'static [&'static str] = &[
        "create-time",
        "ebs-optimized",
        "host-resource-group-arn",
        "http-endpoint",
        "http-protocol-ipv4",
        "http-tokens",
        "iam-instance-profile",
        "image-id",
        "instance-type",
        "is-default-version",
        "kernel-id",
        "license-configuration-arn",
        "network-card-index",
        "ram-disk-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let path: &[&str] = match name {
            "create-time" => return found(&self.version.created.to_string()),
            "is-default-version" => return found(show::boolean(self.is_default())),
            "ebs-optimized" => &["ebs_optimized"],
            "host-resource-group-arn" => &["placement", "host_resource_group_arn"],
            "http-endpoint" | "http-protocol-ipv4" => &["metadata_options", "http_endpoint"],
            "http-tokens" => &["metadata_options", "http_tokens"],
            "iam-instance-profile" => &["iam_instance_profile", "arn"],
            "image-id" => &["image_id"],
            "instance-type" => &["instance_type"],
            "kernel-id" => &["kernel_id"],
            "license-configuration-arn" => &["license_specifications", "license_configuration_arn"],
            "network-card-index" => &["network_interfaces", "network_card_index"],
            "ram-disk-id" => &["ram_disk_id"],
            _ => return,
        };
        data::values_at(&self.version.data.0, path, found);
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
