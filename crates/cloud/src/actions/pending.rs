//! Actions on their way.

use ec2_shapes::*;

use crate::context::Context;
use crate::error::ApiError;
use crate::transaction::Transaction;
use crate::view::View;

pub(super) fn authorize_security_group_egress(
    _: &Context,
    _: &mut Transaction,
    _: AuthorizeSecurityGroupEgressRequest,
) -> Result<AuthorizeSecurityGroupEgressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn authorize_security_group_ingress(
    _: &Context,
    _: &mut Transaction,
    _: AuthorizeSecurityGroupIngressRequest,
) -> Result<AuthorizeSecurityGroupIngressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn create_security_group(
    _: &Context,
    _: &mut Transaction,
    _: CreateSecurityGroupRequest,
) -> Result<CreateSecurityGroupResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn delete_security_group(
    _: &Context,
    _: &mut Transaction,
    _: DeleteSecurityGroupRequest,
) -> Result<DeleteSecurityGroupResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_security_group_rules(
    _: &Context,
    _: &View<'_>,
    _: DescribeSecurityGroupRulesRequest,
) -> Result<DescribeSecurityGroupRulesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_security_groups(
    _: &Context,
    _: &View<'_>,
    _: DescribeSecurityGroupsRequest,
) -> Result<DescribeSecurityGroupsResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn revoke_security_group_egress(
    _: &Context,
    _: &mut Transaction,
    _: RevokeSecurityGroupEgressRequest,
) -> Result<RevokeSecurityGroupEgressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn revoke_security_group_ingress(
    _: &Context,
    _: &mut Transaction,
    _: RevokeSecurityGroupIngressRequest,
) -> Result<RevokeSecurityGroupIngressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_instance_attribute(
    _: &Context,
    _: &View<'_>,
    _: DescribeInstanceAttributeRequest,
) -> Result<InstanceAttribute, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_instance_status(
    _: &Context,
    _: &View<'_>,
    _: DescribeInstanceStatusRequest,
) -> Result<DescribeInstanceStatusResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_instance_types(
    _: &Context,
    _: &View<'_>,
    _: DescribeInstanceTypesRequest,
) -> Result<DescribeInstanceTypesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_instances(
    _: &Context,
    _: &View<'_>,
    _: DescribeInstancesRequest,
) -> Result<DescribeInstancesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn get_console_output(
    _: &Context,
    _: &View<'_>,
    _: GetConsoleOutputRequest,
) -> Result<GetConsoleOutputResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn reboot_instances(_: &Context, _: &mut Transaction, _: RebootInstancesRequest) -> Result<(), ApiError> {
    Err(ApiError::internal())
}

pub(super) fn run_instances(_: &Context, _: &mut Transaction, _: RunInstancesRequest) -> Result<Reservation, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn start_instances(
    _: &Context,
    _: &mut Transaction,
    _: StartInstancesRequest,
) -> Result<StartInstancesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn stop_instances(
    _: &Context,
    _: &mut Transaction,
    _: StopInstancesRequest,
) -> Result<StopInstancesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn terminate_instances(
    _: &Context,
    _: &mut Transaction,
    _: TerminateInstancesRequest,
) -> Result<TerminateInstancesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn allocate_address(
    _: &Context,
    _: &mut Transaction,
    _: AllocateAddressRequest,
) -> Result<AllocateAddressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn associate_address(
    _: &Context,
    _: &mut Transaction,
    _: AssociateAddressRequest,
) -> Result<AssociateAddressResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn describe_addresses(
    _: &Context,
    _: &View<'_>,
    _: DescribeAddressesRequest,
) -> Result<DescribeAddressesResult, ApiError> {
    Err(ApiError::internal())
}

pub(super) fn disassociate_address(
    _: &Context,
    _: &mut Transaction,
    _: DisassociateAddressRequest,
) -> Result<(), ApiError> {
    Err(ApiError::internal())
}

pub(super) fn release_address(_: &Context, _: &mut Transaction, _: ReleaseAddressRequest) -> Result<(), ApiError> {
    Err(ApiError::internal())
}
