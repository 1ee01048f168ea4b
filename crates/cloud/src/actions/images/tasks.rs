//! Bringing images in: from files that lie in S3, which is not here. `daemun image import` makes images of files.

use ec2_shapes::*;

use super::all;
use crate::context::Context;
use crate::error::ApiError;
use crate::tagging::NewTags;
use crate::transaction::Transaction;
use crate::view::View;

/// The formats that disks of an image, and of a snapshot, may be in.
const IMAGE_FORMATS: &[&str] = &["OVA", "VHD", "VHDX", "VMDK", "RAW"];
const SNAPSHOT_FORMATS: &[&str] = &["VHD", "VMDK", "RAW"];

pub(in crate::actions) fn import_image(
    _: &Context,
    tx: &mut Transaction,
    request: ImportImageRequest,
) -> Result<ImportImageResult, ApiError> {
    NewTags::new(&request.tag_specifications, &["import-image-task"])?;
    if request.disk_containers.is_empty() {
        return Err(ApiError::missing("DiskContainers"));
    }
    for disk in &request.disk_containers {
        check_format(disk.format.as_deref(), IMAGE_FORMATS)?;
        if let Some(snapshot) = disk.snapshot_id.as_deref() {
            crate::actions::snapshots::find(&tx.view(), snapshot)?;
            let message = "Importing an image from a snapshot is not available: register it with RegisterImage.";
            return Err(ApiError::new("UnsupportedOperation", message));
        }
    }
    let disk = &request.disk_containers[0];
    Err(no_such_file(disk.url.as_deref(), disk.user_bucket.as_ref()))
}

pub(in crate::actions) fn import_snapshot(
    _: &Context,
    _: &mut Transaction,
    request: ImportSnapshotRequest,
) -> Result<ImportSnapshotResult, ApiError> {
    NewTags::new(&request.tag_specifications, &["import-snapshot-task"])?;
    let disk = request.disk_container.as_ref().ok_or_else(|| ApiError::missing("DiskContainer"))?;
    check_format(disk.format.as_deref(), SNAPSHOT_FORMATS)?;
    Err(no_such_file(disk.url.as_deref(), disk.user_bucket.as_ref()))
}

fn check_format(format: Option<&str>, known: &[&str]) -> Result<(), ApiError> {
    match format {
        Some(format) if !known.iter().any(|name| name.eq_ignore_ascii_case(format)) => Err(ApiError::invalid_value(
            format!("Unsupported disk image format '{format}'. Valid: {}", known.join(", ")),
        )),
        _ => Ok(()),
    }
}

/// As EC2 answers for a bucket that it cannot find: there is none here.
fn no_such_file(url: Option<&str>, bucket: Option<&UserBucket>) -> ApiError {
    let message = match (url, bucket.and_then(|bucket| bucket.s3_bucket.as_deref())) {
        (_, Some(bucket)) => format!("The given S3 bucket '{bucket}' does not exist: S3 is not available here."),
        (Some(url), None) => format!("The given S3 object '{url}' does not exist: S3 is not available here."),
        (None, None) => return ApiError::missing("DiskContainer.UserBucket"),
    };
    ApiError::invalid_value(message)
}

/// There never is a task that could be cancelled.
pub(in crate::actions) fn cancel_import_task(
    _: &Context,
    _: &mut Transaction,
    request: CancelImportTaskRequest,
) -> Result<CancelImportTaskResult, ApiError> {
    let id = request.import_task_id.ok_or_else(|| ApiError::missing("ImportTaskId"))?;
    Err(ApiError::new("InvalidConversionTaskId", format!("The import task ID '{id}' does not exist")))
}

/// There never is a task that could be looked at.
pub(in crate::actions) fn describe_conversion_tasks(
    _: &Context,
    _: &View<'_>,
    request: DescribeConversionTasksRequest,
) -> Result<DescribeConversionTasksResult, ApiError> {
    match request.conversion_task_ids.first() {
        Some(id) => {
            Err(ApiError::new("InvalidConversionTaskId", format!("The conversion task ID '{id}' does not exist")))
        }
        None => Ok(DescribeConversionTasksResult::default()),
    }
}

/// Images are never stored in S3; asking about one still needs that one to be there.
pub(in crate::actions) fn describe_store_image_tasks(
    _: &Context,
    view: &View<'_>,
    request: DescribeStoreImageTasksRequest,
) -> Result<DescribeStoreImageTasksResult, ApiError> {
    if !request.image_ids.is_empty() && request.max_results.is_some() {
        let message = "The parameter imageIds cannot be used with the parameter maxResults";
        return Err(ApiError::invalid_combination(message));
    }
    check_images(view, &request.image_ids)?;
    let page = (request.max_results, request.next_token.as_deref());
    crate::actions::absent::check(&request.filters, &["task-state", "bucket"], 1..=200, page)?;
    Ok(DescribeStoreImageTasksResult::default())
}

/// Nothing is deregistered into a bin: who lists one is told that there is none.
pub(in crate::actions) fn list_images_in_recycle_bin(
    _: &Context,
    _: &View<'_>,
    request: ListImagesInRecycleBinRequest,
) -> Result<ListImagesInRecycleBinResult, ApiError> {
    for text in &request.image_ids {
        super::parse_image_id(text)?;
    }
    if let [first, ..] = request.image_ids.as_slice() {
        return Err(super::not_found(&[first]));
    }
    let page = (request.max_results, request.next_token.as_deref());
    crate::actions::absent::check(&[], &[], 1..=1000, page)?;
    Ok(ListImagesInRecycleBinResult::default())
}

fn check_images(view: &View<'_>, ids: &[String]) -> Result<(), ApiError> {
    for text in ids {
        let id = super::parse_image_id(text)?;
        if !all(view).any(|image| image.id == id) {
            return Err(super::not_found(&[text]));
        }
    }
    Ok(())
}
