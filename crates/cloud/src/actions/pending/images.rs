use super::*;

pending! {
    Write cancel_import_task CancelImportTaskRequest -> ec2_shapes::CancelImportTaskResult;
    Write copy_image CopyImageRequest -> ec2_shapes::CopyImageResult;
    Write create_image CreateImageRequest -> ec2_shapes::CreateImageResult;
    Write deregister_image DeregisterImageRequest -> ec2_shapes::DeregisterImageResult;
    Read describe_bundle_tasks DescribeBundleTasksRequest -> ec2_shapes::DescribeBundleTasksResult;
    Read describe_conversion_tasks DescribeConversionTasksRequest -> ec2_shapes::DescribeConversionTasksResult;
    Read describe_export_image_tasks DescribeExportImageTasksRequest -> ec2_shapes::DescribeExportImageTasksResult;
    Read describe_export_tasks DescribeExportTasksRequest -> ec2_shapes::DescribeExportTasksResult;
    Read describe_fast_launch_images DescribeFastLaunchImagesRequest -> ec2_shapes::DescribeFastLaunchImagesResult;
    Read describe_fpga_images DescribeFpgaImagesRequest -> ec2_shapes::DescribeFpgaImagesResult;
    Read describe_image_attribute DescribeImageAttributeRequest -> ec2_shapes::ImageAttribute;
    Read describe_image_usage_reports DescribeImageUsageReportsRequest -> ec2_shapes::DescribeImageUsageReportsResult;
    Read describe_import_image_tasks DescribeImportImageTasksRequest -> ec2_shapes::DescribeImportImageTasksResult;
    Read describe_import_snapshot_tasks DescribeImportSnapshotTasksRequest -> ec2_shapes::DescribeImportSnapshotTasksResult;
    Read describe_instance_image_metadata DescribeInstanceImageMetadataRequest -> ec2_shapes::DescribeInstanceImageMetadataResult;
    Read describe_store_image_tasks DescribeStoreImageTasksRequest -> ec2_shapes::DescribeStoreImageTasksResult;
    Write disable_allowed_images_settings DisableAllowedImagesSettingsRequest -> ec2_shapes::DisableAllowedImagesSettingsResult;
    Write disable_image DisableImageRequest -> ec2_shapes::DisableImageResult;
    Write disable_image_block_public_access DisableImageBlockPublicAccessRequest -> ec2_shapes::DisableImageBlockPublicAccessResult;
    Write disable_image_deprecation DisableImageDeprecationRequest -> ec2_shapes::DisableImageDeprecationResult;
    Write disable_image_deregistration_protection DisableImageDeregistrationProtectionRequest -> ec2_shapes::DisableImageDeregistrationProtectionResult;
    Write enable_allowed_images_settings EnableAllowedImagesSettingsRequest -> ec2_shapes::EnableAllowedImagesSettingsResult;
    Write enable_image EnableImageRequest -> ec2_shapes::EnableImageResult;
    Write enable_image_block_public_access EnableImageBlockPublicAccessRequest -> ec2_shapes::EnableImageBlockPublicAccessResult;
    Write enable_image_deprecation EnableImageDeprecationRequest -> ec2_shapes::EnableImageDeprecationResult;
    Write enable_image_deregistration_protection EnableImageDeregistrationProtectionRequest -> ec2_shapes::EnableImageDeregistrationProtectionResult;
    Read get_allowed_images_settings GetAllowedImagesSettingsRequest -> ec2_shapes::GetAllowedImagesSettingsResult;
    Read get_image_block_public_access_state GetImageBlockPublicAccessStateRequest -> ec2_shapes::GetImageBlockPublicAccessStateResult;
    Write import_image ImportImageRequest -> ec2_shapes::ImportImageResult;
    Write import_snapshot ImportSnapshotRequest -> ec2_shapes::ImportSnapshotResult;
    Read list_images_in_recycle_bin ListImagesInRecycleBinRequest -> ec2_shapes::ListImagesInRecycleBinResult;
    Write modify_image_attribute ModifyImageAttributeRequest -> ();
    Write register_image RegisterImageRequest -> ec2_shapes::RegisterImageResult;
    Write replace_image_criteria_in_allowed_images_settings ReplaceImageCriteriaInAllowedImagesSettingsRequest -> ec2_shapes::ReplaceImageCriteriaInAllowedImagesSettingsResult;
    Write reset_image_attribute ResetImageAttributeRequest -> ();
}
