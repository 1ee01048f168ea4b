//! The forms of ids: all are long, for everybody, and nobody can have it otherwise any more.

use ec2_shapes::{
    DescribeAggregateIdFormatRequest, DescribeAggregateIdFormatResult, DescribeIdFormatRequest, DescribeIdFormatResult,
    DescribePrincipalIdFormatRequest, DescribePrincipalIdFormatResult, IdFormat,
};

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{PageLimits, page};
use crate::view::View;

/// The kinds of resources that once had short ids.
const RESOURCES: [&str; 31] = [
    "bundle",
    "conversion-task",
    "customer-gateway",
    "dhcp-options",
    "elastic-ip-allocation",
    "elastic-ip-association",
    "export-task",
    "flow-log",
    "image",
    "import-task",
    "instance",
    "internet-gateway",
    "network-acl",
    "network-acl-association",
    "network-interface",
    "network-interface-attachment",
    "prefix-list",
    "reservation",
    "route-table",
    "route-table-association",
    "security-group",
    "snapshot",
    "subnet",
    "subnet-cidr-block-association",
    "volume",
    "vpc",
    "vpc-cidr-block-association",
    "vpc-endpoint",
    "vpc-peering-connection",
    "vpn-connection",
    "vpn-gateway",
];

fn check_resource(name: &str) -> Result<(), ApiError> {
    if RESOURCES.contains(&name) {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!("Value ({name}) for parameter resource is invalid.")))
}

fn status(resource: &str) -> IdFormat {
    IdFormat { resource: Some(resource.to_owned()), use_long_ids: Some(true), ..IdFormat::default() }
}

pub(in crate::actions) fn describe_id_format(
    _: &Context,
    _: &View<'_>,
    request: DescribeIdFormatRequest,
) -> Result<DescribeIdFormatResult, ApiError> {
    let statuses = match request.resource.as_deref() {
        None => RESOURCES.into_iter().map(status).collect(),
        Some(name) => {
            check_resource(name)?;
            vec![status(name)]
        }
    };
    Ok(DescribeIdFormatResult { statuses })
}

pub(in crate::actions) fn describe_aggregate_id_format(
    _: &Context,
    _: &View<'_>,
    _: DescribeAggregateIdFormatRequest,
) -> Result<DescribeAggregateIdFormatResult, ApiError> {
    Ok(DescribeAggregateIdFormatResult {
        statuses: RESOURCES.into_iter().map(status).collect(),
        use_long_ids_aggregated: Some(true),
    })
}

/// Only principals that set something for themselves are listed, and none can.
pub(in crate::actions) fn describe_principal_id_format(
    _: &Context,
    _: &View<'_>,
    request: DescribePrincipalIdFormatRequest,
) -> Result<DescribePrincipalIdFormatResult, ApiError> {
    request.resources.iter().try_for_each(|name| check_resource(name))?;
    let limits = PageLimits { min: 1, max: 1000 };
    let token = request.next_token.as_deref();
    let (principals, next_token) =
        page(std::iter::empty(), |_| String::new(), limits, request.max_results, token, None)?;
    Ok(DescribePrincipalIdFormatResult { next_token, principals })
}
