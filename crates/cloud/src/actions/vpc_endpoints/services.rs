//! The services that a VPC can have an endpoint for: those with a prefix list of AWS's.

use ec2_shapes::{
    DescribeVpcEndpointServicesRequest, DescribeVpcEndpointServicesResult, ServiceConnectivityType, ServiceDetail,
    ServiceType, ServiceTypeDetail,
};
use types::Region;

use crate::context::Context;
use crate::error::ApiError;
use crate::prefix_lists::{AwsPrefixList, aws_lists};
use crate::query::{Filterable, Filters, Listing, rows};
use crate::resource::Tags;
use crate::view::View;

/// Who owns the services.
const OWNER: &str = "amazon";

/// The error for a service that does not exist.
pub(super) fn unknown(name: &str) -> ApiError {
    ApiError::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

pub(in crate::actions) fn describe_vpc_endpoint_services(
    context: &Context,
    _: &View<'_>,
    request: DescribeVpcEndpointServicesRequest,
) -> Result<DescribeVpcEndpointServicesResult, ApiError> {
    let filters = Filters::new::<Row<'_>>(&request.filters)?;
    let services = aws_lists(&context.region);
    let missing = request.service_names.iter().find(|name| !services.iter().any(|service| service.name == **name));
    if let Some(missing) = missing {
        return Err(unknown(missing));
    }
    let names = &request.service_names;
    let regions = &request.service_regions;
    let is_asked_for = |service: &&AwsPrefixList| {
        (names.is_empty() || names.contains(&service.name))
            && (regions.is_empty() || regions.iter().any(|region| region == context.region.as_str()))
    };
    let mut found: Vec<&AwsPrefixList> = services.iter().filter(is_asked_for).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let found = found.into_iter().map(|service| (service.name.clone(), Row { region: &context.region, service }));
    let asked =
        Listing::paged(&[], &request.filters, request.max_results, request.next_token.as_deref()).limits(1, i32::MAX);
    let (rows, next_token) = rows(found, &filters, asked)?;
    Ok(DescribeVpcEndpointServicesResult {
        next_token,
        service_details: rows.iter().map(Row::to_shape).collect(),
        service_names: rows.iter().map(|row| row.service.name.clone()).collect(),
    })
}

pub(super) struct Row<'a> {
    region: &'a Region,
    service: &'a AwsPrefixList,
}

impl Row<'_> {
    fn to_shape(&self) -> ServiceDetail {
        let zones = Region::ZONE_LETTERS.map(|letter| self.region.zone(letter));
        let word = self.service.name.rsplit('.').next().unwrap_or_default();
        ServiceDetail {
            acceptance_required: Some(false),
            availability_zone_ids: zones.iter().map(|zone| zone.zone_id()).collect(),
            availability_zones: zones.iter().map(ToString::to_string).collect(),
            base_endpoint_dns_names: vec![format!("{word}.{}.amazonaws.com", self.region)],
            manages_vpc_endpoints: Some(false),
            owner: Some(OWNER.to_owned()),
            service_id: Some(format!("vpce-svc-{:017x}", self.service.id.number())),
            service_name: Some(self.service.name.clone()),
            service_region: Some(self.region.to_string()),
            service_type: vec![ServiceTypeDetail { service_type: Some(ServiceType::Gateway) }],
            supported_ip_address_types: vec![ServiceConnectivityType::Ipv4],
            vpc_endpoint_policy_supported: Some(true),
            ..ServiceDetail::default()
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] =
        &["owner", "service-name", "service-region", "service-type", "supported-ip-address-types"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "owner" => found(OWNER),
            "service-name" => found(&self.service.name),
            "service-region" => found(self.region.as_str()),
            "service-type" => found(ServiceType::Gateway.as_str()),
            "supported-ip-address-types" => found(ServiceConnectivityType::Ipv4.as_str()),
            _ => {}
        }
    }

    /// Nobody here can tag them.
    fn tags(&self) -> Option<&Tags> {
        None
    }
}
