use super::*;

pending! {
    Write associate_iam_instance_profile AssociateIamInstanceProfileRequest -> ec2_shapes::AssociateIamInstanceProfileResult;
    Read describe_account_attributes DescribeAccountAttributesRequest -> ec2_shapes::DescribeAccountAttributesResult;
    Read describe_aggregate_id_format DescribeAggregateIdFormatRequest -> ec2_shapes::DescribeAggregateIdFormatResult;
    Read describe_classic_link_instances DescribeClassicLinkInstancesRequest -> ec2_shapes::DescribeClassicLinkInstancesResult;
    Read describe_iam_instance_profile_associations DescribeIamInstanceProfileAssociationsRequest -> ec2_shapes::DescribeIamInstanceProfileAssociationsResult;
    Read describe_id_format DescribeIdFormatRequest -> ec2_shapes::DescribeIdFormatResult;
    Read describe_instance_credit_specifications DescribeInstanceCreditSpecificationsRequest -> ec2_shapes::DescribeInstanceCreditSpecificationsResult;
    Read describe_instance_event_windows DescribeInstanceEventWindowsRequest -> ec2_shapes::DescribeInstanceEventWindowsResult;
    Read describe_instance_topology DescribeInstanceTopologyRequest -> ec2_shapes::DescribeInstanceTopologyResult;
    Read describe_instance_type_offerings DescribeInstanceTypeOfferingsRequest -> ec2_shapes::DescribeInstanceTypeOfferingsResult;
    Read describe_principal_id_format DescribePrincipalIdFormatRequest -> ec2_shapes::DescribePrincipalIdFormatResult;
    Write disable_serial_console_access DisableSerialConsoleAccessRequest -> ec2_shapes::DisableSerialConsoleAccessResult;
    Write disassociate_iam_instance_profile DisassociateIamInstanceProfileRequest -> ec2_shapes::DisassociateIamInstanceProfileResult;
    Write enable_serial_console_access EnableSerialConsoleAccessRequest -> ec2_shapes::EnableSerialConsoleAccessResult;
    Read get_default_credit_specification GetDefaultCreditSpecificationRequest -> ec2_shapes::GetDefaultCreditSpecificationResult;
    Read get_instance_metadata_defaults GetInstanceMetadataDefaultsRequest -> ec2_shapes::GetInstanceMetadataDefaultsResult;
    Read get_instance_types_from_instance_requirements GetInstanceTypesFromInstanceRequirementsRequest -> ec2_shapes::GetInstanceTypesFromInstanceRequirementsResult;
    Read get_password_data GetPasswordDataRequest -> ec2_shapes::GetPasswordDataResult;
    Read get_serial_console_access_status GetSerialConsoleAccessStatusRequest -> ec2_shapes::GetSerialConsoleAccessStatusResult;
    Write modify_availability_zone_group ModifyAvailabilityZoneGroupRequest -> ec2_shapes::ModifyAvailabilityZoneGroupResult;
    Write modify_default_credit_specification ModifyDefaultCreditSpecificationRequest -> ec2_shapes::ModifyDefaultCreditSpecificationResult;
    Write modify_instance_attribute ModifyInstanceAttributeRequest -> ();
    Write modify_instance_capacity_reservation_attributes ModifyInstanceCapacityReservationAttributesRequest -> ec2_shapes::ModifyInstanceCapacityReservationAttributesResult;
    Write modify_instance_cpu_options ModifyInstanceCpuOptionsRequest -> ec2_shapes::ModifyInstanceCpuOptionsResult;
    Write modify_instance_credit_specification ModifyInstanceCreditSpecificationRequest -> ec2_shapes::ModifyInstanceCreditSpecificationResult;
    Write modify_instance_maintenance_options ModifyInstanceMaintenanceOptionsRequest -> ec2_shapes::ModifyInstanceMaintenanceOptionsResult;
    Write modify_instance_metadata_defaults ModifyInstanceMetadataDefaultsRequest -> ec2_shapes::ModifyInstanceMetadataDefaultsResult;
    Write modify_instance_metadata_options ModifyInstanceMetadataOptionsRequest -> ec2_shapes::ModifyInstanceMetadataOptionsResult;
    Write modify_instance_placement ModifyInstancePlacementRequest -> ec2_shapes::ModifyInstancePlacementResult;
    Write modify_private_dns_name_options ModifyPrivateDnsNameOptionsRequest -> ec2_shapes::ModifyPrivateDnsNameOptionsResult;
    Write monitor_instances MonitorInstancesRequest -> ec2_shapes::MonitorInstancesResult;
    Write replace_iam_instance_profile_association ReplaceIamInstanceProfileAssociationRequest -> ec2_shapes::ReplaceIamInstanceProfileAssociationResult;
    Write report_instance_status ReportInstanceStatusRequest -> ();
    Write reset_instance_attribute ResetInstanceAttributeRequest -> ();
    Write unmonitor_instances UnmonitorInstancesRequest -> ec2_shapes::UnmonitorInstancesResult;
}
