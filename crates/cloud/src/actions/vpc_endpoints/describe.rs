//! What is said about VPC endpoints.

use ec2_shapes::{
    DescribeVpcEndpointsRequest, DescribeVpcEndpointsResult, DnsOptions, DnsRecordIpType, IpAddressType,
    VpcEndpointType,
};

use super::associated;
use crate::actions::show;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Listing, list};
use crate::resource::{Tags, VpcEndpoint};
use crate::state::Tables;
use crate::tagging;
use crate::view::View;

pub(in crate::actions) fn describe_vpc_endpoints(
    context: &Context,
    view: &View<'_>,
    request: DescribeVpcEndpointsRequest,
) -> Result<DescribeVpcEndpointsResult, ApiError> {
    let token = request.next_token.as_deref();
    // A page that is too large is no error here: the whole is given.
    let asked =
        Listing::paged(&request.vpc_endpoint_ids, &request.filters, request.max_results, token).limits(1, i32::MAX);
    let row = |endpoint| Row { context, tables: view.tables(), endpoint };
    let (rows, next_token) = list::<VpcEndpoint, _>(view.tables(), asked, row)?;
    let vpc_endpoints = rows.iter().map(|row| to_shape(context, row.tables, row.endpoint)).collect();
    Ok(DescribeVpcEndpointsResult { next_token, vpc_endpoints })
}

/// The endpoint as answers show it.
pub(super) fn to_shape(context: &Context, tables: &Tables, endpoint: &VpcEndpoint) -> ec2_shapes::VpcEndpoint {
    ec2_shapes::VpcEndpoint {
        creation_timestamp: Some(show::moment(endpoint.created)),
        dns_options: Some(DnsOptions { dns_record_ip_type: Some(DnsRecordIpType::Ipv4), ..DnsOptions::default() }),
        ip_address_type: Some(IpAddressType::Ipv4),
        owner_id: Some(context.account().to_string()),
        policy_document: Some(endpoint.policy.clone()),
        private_dns_enabled: Some(false),
        requester_managed: Some(false),
        route_table_ids: associated(tables, endpoint.id).map(|id| id.to_string()).collect(),
        service_name: Some(endpoint.service.clone()),
        service_region: Some(context.region.to_string()),
        state: ec2_shapes::State::from_wire(endpoint.state.as_str()),
        tags: tagging::to_shape(tables.tags_of(&endpoint.id.to_string())),
        vpc_endpoint_id: Some(endpoint.id.to_string()),
        vpc_endpoint_type: Some(VpcEndpointType::Gateway),
        vpc_id: Some(endpoint.vpc.to_string()),
        ..ec2_shapes::VpcEndpoint::default()
    }
}

pub(super) struct Row<'a> {
    context: &'a Context,
    tables: &'a Tables,
    endpoint: &'a VpcEndpoint,
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "ip-address-type",
        "service-name",
        "service-region",
        "vpc-endpoint-id",
        "vpc-endpoint-state",
        "vpc-endpoint-type",
        "vpc-id",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let endpoint = self.endpoint;
        match name {
            "ip-address-type" => found(IpAddressType::Ipv4.as_str()),
            "service-name" => found(&endpoint.service),
            "service-region" => found(self.context.region.as_str()),
            "vpc-endpoint-id" => found(&endpoint.id.to_string()),
            "vpc-endpoint-state" => found(endpoint.state.as_str()),
            "vpc-endpoint-type" => found(VpcEndpointType::Gateway.as_str()),
            "vpc-id" => found(&endpoint.vpc.to_string()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.endpoint.id.to_string()))
    }
}
