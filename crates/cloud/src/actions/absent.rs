//! Actions about what cannot exist here: hardware, contracts and networks that only AWS has.
//!
//! Each gives the right answer about nothing: an empty list, `NotFound` for whoever names one, and the errors of a
//! filter, page size or token that EC2 would refuse, too. Codes as the error code page of the API reference forms them.

use std::ops::RangeInclusive;

use ec2_shapes::*;

use crate::context::Context;
use crate::error::ApiError;
use crate::query::{PageLimits, page};
use crate::view::View;

/// What a request names, however it holds it.
trait Named {
    fn names(&self) -> Vec<&str>;
}

impl Named for Vec<String> {
    fn names(&self) -> Vec<&str> {
        self.iter().map(String::as_str).collect()
    }
}

impl Named for String {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Named for Option<String> {
    fn names(&self) -> Vec<&str> {
        self.as_deref().into_iter().collect()
    }
}

/// Refuses ids, since none of the kind exists.
fn refuse_ids(ids: &impl Named, code: &'static str, noun: &str) -> Result<(), ApiError> {
    let names = ids.names();
    let list = names.join(", ");
    match names.as_slice() {
        [] => Ok(()),
        [_] => Err(ApiError::new(code, format!("The {noun} '{list}' does not exist"))),
        _ => Err(ApiError::new(code, format!("The {noun}s '{list}' do not exist"))),
    }
}

/// Checks the names of filters; where the model documents none, any will do.
fn check_filters(filters: &[Filter], known: &[&str]) -> Result<(), ApiError> {
    for filter in filters {
        let name = filter.name.as_deref().ok_or_else(|| ApiError::missing("Filter.Name"))?;
        let is_known = known.is_empty() || known.contains(&name) || name == "tag-key" || name.starts_with("tag:");
        if !is_known {
            return Err(ApiError::invalid_value(format!("The filter '{name}' is invalid")));
        }
    }
    Ok(())
}

/// Checks what a request says about its page. No token was ever given out, so none is known.
fn check_page(limits: RangeInclusive<i32>, max_results: Option<i32>, next_token: Option<&str>) -> Result<(), ApiError> {
    let limits = PageLimits { min: *limits.start(), max: *limits.end() };
    page(std::iter::empty::<String>(), Clone::clone, limits, max_results, None, None)?;
    match next_token.filter(|token| !token.is_empty()) {
        Some(token) => Err(ApiError::new("InvalidNextToken", format!("The token '{token}' is invalid"))),
        None => Ok(()),
    }
}

/// Checks filters and page of a request about what is never there.
///
/// # Errors
/// Those of a filter, page size or token that EC2 would refuse, too.
pub(super) fn check(
    filters: &[Filter],
    known: &[&str],
    limits: RangeInclusive<i32>,
    (max_results, next_token): (Option<i32>, Option<&str>),
) -> Result<(), ApiError> {
    check_filters(filters, known)?;
    check_page(limits, max_results, next_token)
}

macro_rules! asked_page {
    ($request:ident) => {
        (None, None)
    };
    ($request:ident next_token) => {
        (None, $request.next_token.as_deref())
    };
    ($request:ident max_results next_token) => {
        ($request.max_results, $request.next_token.as_deref())
    };
}

macro_rules! absent {
    ($($action:ident($request:ident -> $result:ident):
        $([$ids:ident $code:literal $noun:literal])*
        pages ($($page:ident)*) $limits:expr, filters [$($filter:literal),*];)*) => {$(
        pub(super) fn $action(_: &Context, _: &View<'_>, request: $request) -> Result<$result, ApiError> {
            check_filters(&request.filters, &[$($filter),*])?;
            $(refuse_ids(&request.$ids, $code, $noun)?;)*
            let (max_results, next_token) = asked_page!(request $($page)*);
            check_page($limits, max_results, next_token)?;
            Ok($result::default())
        }
    )*};
}

absent! {
    describe_capacity_reservation_fleets(DescribeCapacityReservationFleetsRequest -> DescribeCapacityReservationFleetsResult):
        [capacity_reservation_fleet_ids "InvalidCapacityReservationFleetId.NotFound" "capacity reservation fleet"]
        pages (max_results next_token) 1..=100, filters ["state", "instance-match-criteria", "tenancy", "allocation-strategy"];
    describe_bundle_tasks(DescribeBundleTasksRequest -> DescribeBundleTasksResult):
        [bundle_ids "InvalidBundleID.NotFound" "bundle task ID"]
        pages () 5..=1000, filters ["bundle-id", "error-code", "error-message", "instance-id", "progress", "s3-bucket", "s3-prefix", "start-time", "state", "update-time"];
    describe_export_image_tasks(DescribeExportImageTasksRequest -> DescribeExportImageTasksResult):
        [export_image_task_ids "InvalidExportTaskID.NotFound" "export task ID"]
        pages (max_results next_token) 1..=500, filters ["task-state"];
    describe_export_tasks(DescribeExportTasksRequest -> DescribeExportTasksResult):
        [export_task_ids "InvalidExportTaskID.NotFound" "export task ID"]
        pages () 5..=1000, filters [];
    describe_fast_launch_images(DescribeFastLaunchImagesRequest -> DescribeFastLaunchImagesResult):
        [image_ids "InvalidAMIID.NotFound" "image id"]
        pages (max_results next_token) 0..=200, filters ["owner-id", "resource-type", "state"];
    describe_fpga_images(DescribeFpgaImagesRequest -> DescribeFpgaImagesResult):
        [fpga_image_ids "InvalidFpgaImageID.NotFound" "FPGA image ID"]
        pages (max_results next_token) 5..=1000, filters ["create-time", "fpga-image-global-id", "fpga-image-id", "name", "owner-id", "product-code", "shell-version", "state", "update-time"];
    describe_image_usage_reports(DescribeImageUsageReportsRequest -> DescribeImageUsageReportsResult):
        [report_ids "InvalidImageUsageReportId.NotFound" "image usage report ID"]
        pages (max_results next_token) 1..=1000, filters ["creation-time", "state"];
    describe_import_image_tasks(DescribeImportImageTasksRequest -> DescribeImportImageTasksResult):
        [import_task_ids "InvalidConversionTaskId" "import task ID"]
        pages (max_results next_token) 1..=1000, filters ["task-state"];
    describe_import_snapshot_tasks(DescribeImportSnapshotTasksRequest -> DescribeImportSnapshotTasksResult):
        [import_task_ids "InvalidConversionTaskId" "import task ID"]
        pages (max_results next_token) 1..=1000, filters [];
    describe_aws_network_performance_metric_subscriptions(DescribeAwsNetworkPerformanceMetricSubscriptionsRequest -> DescribeAwsNetworkPerformanceMetricSubscriptionsResult):
        pages (max_results next_token) 1..=100, filters [];
    describe_carrier_gateways(DescribeCarrierGatewaysRequest -> DescribeCarrierGatewaysResult):
        [carrier_gateway_ids "InvalidCarrierGatewayID.NotFound" "carrierGateway ID"]
        pages (max_results next_token) 5..=1000, filters ["carrier-gateway-id", "state", "owner-id", "vpc-id"];
    describe_coip_pools(DescribeCoipPoolsRequest -> DescribeCoipPoolsResult):
        [pool_ids "InvalidCoipPoolID.NotFound" "coip pool ID"]
        pages (max_results next_token) 5..=1000, filters ["coip-pool.local-gateway-route-table-id", "coip-pool.pool-id"];
    describe_client_vpn_endpoints(DescribeClientVpnEndpointsRequest -> DescribeClientVpnEndpointsResult):
        [client_vpn_endpoint_ids "InvalidClientVpnEndpointId.NotFound" "client VPN endpoint ID"]
        pages (max_results next_token) 5..=1000, filters ["endpoint-id", "transport-protocol"];
    describe_instance_connect_endpoints(DescribeInstanceConnectEndpointsRequest -> DescribeInstanceConnectEndpointsResult):
        [instance_connect_endpoint_ids "InvalidInstanceConnectEndpointId.NotFound" "instance connect endpoint ID"]
        pages (max_results next_token) 1..=50, filters ["instance-connect-endpoint-id", "state", "subnet-id", "tag-value", "vpc-id"];
    describe_ipam_pools(DescribeIpamPoolsRequest -> DescribeIpamPoolsResult):
        [ipam_pool_ids "InvalidIpamPoolId.NotFound" "ipam-pool ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_ipam_resource_discoveries(DescribeIpamResourceDiscoveriesRequest -> DescribeIpamResourceDiscoveriesResult):
        [ipam_resource_discovery_ids "InvalidIpamResourceDiscoveryId.NotFound" "ipam-resource-discovery ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_ipam_resource_discovery_associations(DescribeIpamResourceDiscoveryAssociationsRequest -> DescribeIpamResourceDiscoveryAssociationsResult):
        [ipam_resource_discovery_association_ids "InvalidIpamResourceDiscoveryAssociationId.NotFound" "ipam-resource-discovery-association ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_ipam_scopes(DescribeIpamScopesRequest -> DescribeIpamScopesResult):
        [ipam_scope_ids "InvalidIpamScopeId.NotFound" "ipam-scope ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_ipams(DescribeIpamsRequest -> DescribeIpamsResult):
        [ipam_ids "InvalidIpamId.NotFound" "ipam ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_ipv6_pools(DescribeIpv6PoolsRequest -> DescribeIpv6PoolsResult):
        [pool_ids "InvalidIpv6PoolId.NotFound" "ipv6 pool ID"]
        pages (max_results next_token) 1..=1000, filters ["tag-key"];
    describe_local_gateway_route_table_virtual_interface_group_associations(DescribeLocalGatewayRouteTableVirtualInterfaceGroupAssociationsRequest -> DescribeLocalGatewayRouteTableVirtualInterfaceGroupAssociationsResult):
        [local_gateway_route_table_virtual_interface_group_association_ids "InvalidLocalGatewayRouteTableVirtualInterfaceGroupAssociationID.NotFound" "local gateway route table virtual interface group association ID"]
        pages (max_results next_token) 5..=1000, filters ["local-gateway-id", "local-gateway-route-table-arn", "local-gateway-route-table-id", "local-gateway-route-table-virtual-interface-group-association-id", "local-gateway-route-table-virtual-interface-group-id", "owner-id", "state"];
    describe_local_gateway_route_table_vpc_associations(DescribeLocalGatewayRouteTableVpcAssociationsRequest -> DescribeLocalGatewayRouteTableVpcAssociationsResult):
        [local_gateway_route_table_vpc_association_ids "InvalidLocalGatewayRouteTableVpcAssociationID.NotFound" "local gateway route table VPC association ID"]
        pages (max_results next_token) 5..=1000, filters ["local-gateway-id", "local-gateway-route-table-arn", "local-gateway-route-table-id", "local-gateway-route-table-vpc-association-id", "owner-id", "state", "vpc-id"];
    describe_local_gateway_route_tables(DescribeLocalGatewayRouteTablesRequest -> DescribeLocalGatewayRouteTablesResult):
        [local_gateway_route_table_ids "InvalidLocalGatewayRouteTableID.NotFound" "local gateway route table ID"]
        pages (max_results next_token) 5..=1000, filters ["local-gateway-id", "local-gateway-route-table-arn", "local-gateway-route-table-id", "outpost-arn", "owner-id", "state"];
    describe_local_gateway_virtual_interface_groups(DescribeLocalGatewayVirtualInterfaceGroupsRequest -> DescribeLocalGatewayVirtualInterfaceGroupsResult):
        [local_gateway_virtual_interface_group_ids "InvalidLocalGatewayVirtualInterfaceGroupID.NotFound" "local gateway virtual interface group ID"]
        pages (max_results next_token) 5..=1000, filters ["local-gateway-id", "local-gateway-virtual-interface-group-id", "local-gateway-virtual-interface-id", "owner-id"];
    describe_local_gateway_virtual_interfaces(DescribeLocalGatewayVirtualInterfacesRequest -> DescribeLocalGatewayVirtualInterfacesResult):
        [local_gateway_virtual_interface_ids "InvalidLocalGatewayVirtualInterfaceID.NotFound" "local gateway virtual interface ID"]
        pages (max_results next_token) 5..=1000, filters ["local-address", "local-bgp-asn", "local-gateway-id", "local-gateway-virtual-interface-id", "owner-id", "peer-address", "peer-bgp-asn", "vlan"];
    describe_local_gateways(DescribeLocalGatewaysRequest -> DescribeLocalGatewaysResult):
        [local_gateway_ids "InvalidLocalGatewayID.NotFound" "local gateway ID"]
        pages (max_results next_token) 5..=1000, filters ["local-gateway-id", "outpost-arn", "owner-id", "state"];
    describe_mac_hosts(DescribeMacHostsRequest -> DescribeMacHostsResult):
        [host_ids "InvalidHostID.NotFound" "host ID"]
        pages (max_results next_token) 5..=500, filters ["availability-zone", "instance-type"];
    describe_network_insights_access_scope_analyses(DescribeNetworkInsightsAccessScopeAnalysesRequest -> DescribeNetworkInsightsAccessScopeAnalysesResult):
        [network_insights_access_scope_analysis_ids "InvalidNetworkInsightsAccessScopeAnalysisId.NotFound" "network-insights-access-scope-analysis ID"]
        [network_insights_access_scope_id "InvalidNetworkInsightsAccessScopeId.NotFound" "network-insights-access-scope ID"]
        pages (max_results next_token) 1..=100, filters [];
    describe_network_insights_access_scopes(DescribeNetworkInsightsAccessScopesRequest -> DescribeNetworkInsightsAccessScopesResult):
        [network_insights_access_scope_ids "InvalidNetworkInsightsAccessScopeId.NotFound" "network-insights-access-scope ID"]
        pages (max_results next_token) 1..=100, filters [];
    describe_network_insights_analyses(DescribeNetworkInsightsAnalysesRequest -> DescribeNetworkInsightsAnalysesResult):
        [network_insights_analysis_ids "InvalidNetworkInsightsAnalysisId.NotFound" "network-insights-analysis ID"]
        [network_insights_path_id "InvalidNetworkInsightsPathId.NotFound" "network-insights-path ID"]
        pages (max_results next_token) 1..=100, filters [];
    describe_network_insights_paths(DescribeNetworkInsightsPathsRequest -> DescribeNetworkInsightsPathsResult):
        [network_insights_path_ids "InvalidNetworkInsightsPathId.NotFound" "network-insights-path ID"]
        pages (max_results next_token) 1..=100, filters [];
    describe_public_ipv4_pools(DescribePublicIpv4PoolsRequest -> DescribePublicIpv4PoolsResult):
        [pool_ids "InvalidPublicIpv4PoolID.NotFound" "public ipv4 pool ID"]
        pages (max_results next_token) 1..=10, filters ["tag-key"];
    describe_replace_root_volume_tasks(DescribeReplaceRootVolumeTasksRequest -> DescribeReplaceRootVolumeTasksResult):
        [replace_root_volume_task_ids "InvalidReplaceRootVolumeTaskId.NotFound" "replace root volume task ID"]
        pages (max_results next_token) 1..=50, filters ["instance-id"];
    describe_reserved_instances(DescribeReservedInstancesRequest -> DescribeReservedInstancesResult):
        [reserved_instances_ids "InvalidReservedInstancesId" "reserved instances ID"]
        pages () 5..=1000, filters ["availability-zone", "availability-zone-id", "duration", "end", "fixed-price", "instance-type", "scope", "product-description", "reserved-instances-id", "start", "state", "usage-price"];
    describe_reserved_instances_listings(DescribeReservedInstancesListingsRequest -> DescribeReservedInstancesListingsResult):
        [reserved_instances_id "InvalidReservedInstancesId" "reserved instances ID"]
        [reserved_instances_listing_id "InvalidReservedInstancesListingId" "reserved instances listing ID"]
        pages () 5..=1000, filters ["reserved-instances-id", "reserved-instances-listing-id", "status", "status-message"];
    describe_reserved_instances_modifications(DescribeReservedInstancesModificationsRequest -> DescribeReservedInstancesModificationsResult):
        [reserved_instances_modification_ids "InvalidReservedInstancesModificationId" "reserved instances modification ID"]
        pages (next_token) 5..=1000, filters ["client-token", "create-date", "effective-date", "modification-result.reserved-instances-id", "modification-result.target-configuration.availability-zone", "modification-result.target-configuration.availability-zone-id", "modification-result.target-configuration.instance-type", "reserved-instances-id", "reserved-instances-modification-id", "status", "status-message", "update-date"];
    describe_reserved_instances_offerings(DescribeReservedInstancesOfferingsRequest -> DescribeReservedInstancesOfferingsResult):
        [reserved_instances_offering_ids "InvalidReservedInstancesOfferingId" "reserved instances offering ID"]
        pages (max_results next_token) 5..=1000, filters ["availability-zone", "availability-zone-id", "duration", "fixed-price", "instance-type", "marketplace", "product-description", "reserved-instances-offering-id", "scope", "usage-price"];
    describe_route_server_endpoints(DescribeRouteServerEndpointsRequest -> DescribeRouteServerEndpointsResult):
        [route_server_endpoint_ids "InvalidRouteServerEndpointId.NotFound" "route server endpoint ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_route_server_peers(DescribeRouteServerPeersRequest -> DescribeRouteServerPeersResult):
        [route_server_peer_ids "InvalidRouteServerPeerId.NotFound" "route server peer ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_route_servers(DescribeRouteServersRequest -> DescribeRouteServersResult):
        [route_server_ids "InvalidRouteServerId.NotFound" "route server ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_scheduled_instances(DescribeScheduledInstancesRequest -> DescribeScheduledInstancesResult):
        [scheduled_instance_ids "InvalidScheduledInstanceId.NotFound" "scheduled instance ID"]
        pages (max_results next_token) 5..=1000, filters ["availability-zone", "instance-type", "platform"];
    describe_secondary_networks(DescribeSecondaryNetworksRequest -> DescribeSecondaryNetworksResult):
        [secondary_network_ids "InvalidSecondaryNetworkId.NotFound" "secondary network ID"]
        pages (max_results next_token) 5..=1000, filters ["ipv4-cidr-block-association.association-id", "ipv4-cidr-block-association.cidr-block", "ipv4-cidr-block-association.state", "owner-id", "secondary-network-id", "secondary-network-arn", "state", "type"];
    describe_secondary_subnets(DescribeSecondarySubnetsRequest -> DescribeSecondarySubnetsResult):
        [secondary_subnet_ids "InvalidSecondarySubnetId.NotFound" "secondary subnet ID"]
        pages (max_results next_token) 5..=1000, filters ["ipv4-cidr-block-association.association-id", "ipv4-cidr-block-association.cidr-block", "ipv4-cidr-block-association.state", "owner-id", "secondary-network-id", "secondary-network-type", "secondary-subnet-id", "secondary-subnet-arn", "state"];
    describe_traffic_mirror_filters(DescribeTrafficMirrorFiltersRequest -> DescribeTrafficMirrorFiltersResult):
        [traffic_mirror_filter_ids "InvalidTrafficMirrorFilterId.NotFound" "traffic mirror filter ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_traffic_mirror_sessions(DescribeTrafficMirrorSessionsRequest -> DescribeTrafficMirrorSessionsResult):
        [traffic_mirror_session_ids "InvalidTrafficMirrorSessionId.NotFound" "traffic mirror session ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_traffic_mirror_targets(DescribeTrafficMirrorTargetsRequest -> DescribeTrafficMirrorTargetsResult):
        [traffic_mirror_target_ids "InvalidTrafficMirrorTargetId.NotFound" "traffic mirror target ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_transit_gateway_connect_peers(DescribeTransitGatewayConnectPeersRequest -> DescribeTransitGatewayConnectPeersResult):
        [transit_gateway_connect_peer_ids "InvalidTransitGatewayConnectPeerID.NotFound" "transitGatewayConnectPeer ID"]
        pages (max_results next_token) 5..=1000, filters ["state", "transit-gateway-attachment-id", "transit-gateway-connect-peer-id"];
    describe_transit_gateway_connects(DescribeTransitGatewayConnectsRequest -> DescribeTransitGatewayConnectsResult):
        [transit_gateway_attachment_ids "InvalidTransitGatewayAttachmentID.NotFound" "transitGatewayAttachment ID"]
        pages (max_results next_token) 5..=1000, filters ["options.protocol", "state", "transit-gateway-attachment-id", "transit-gateway-id", "transport-transit-gateway-attachment-id"];
    describe_transit_gateway_multicast_domains(DescribeTransitGatewayMulticastDomainsRequest -> DescribeTransitGatewayMulticastDomainsResult):
        [transit_gateway_multicast_domain_ids "InvalidTransitGatewayMulticastDomainId.NotFound" "transitGatewayMulticastDomain ID"]
        pages (max_results next_token) 5..=1000, filters ["state", "transit-gateway-id", "transit-gateway-multicast-domain-id"];
    describe_transit_gateway_peering_attachments(DescribeTransitGatewayPeeringAttachmentsRequest -> DescribeTransitGatewayPeeringAttachmentsResult):
        [transit_gateway_attachment_ids "InvalidTransitGatewayAttachmentID.NotFound" "transitGatewayAttachment ID"]
        pages (max_results next_token) 5..=1000, filters ["transit-gateway-attachment-id", "local-owner-id", "remote-owner-id", "state", "transit-gateway-id"];
    describe_transit_gateway_policy_tables(DescribeTransitGatewayPolicyTablesRequest -> DescribeTransitGatewayPolicyTablesResult):
        [transit_gateway_policy_table_ids "InvalidTransitGatewayPolicyTableId.NotFound" "transitGatewayPolicyTable ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_verified_access_endpoints(DescribeVerifiedAccessEndpointsRequest -> DescribeVerifiedAccessEndpointsResult):
        [verified_access_endpoint_ids "InvalidVerifiedAccessEndpointId.NotFound" "verified access endpoint ID"]
        [verified_access_instance_id "InvalidVerifiedAccessInstanceId.NotFound" "verified access instance ID"]
        [verified_access_group_id "InvalidVerifiedAccessGroupId.NotFound" "verified access group ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_verified_access_groups(DescribeVerifiedAccessGroupsRequest -> DescribeVerifiedAccessGroupsResult):
        [verified_access_group_ids "InvalidVerifiedAccessGroupId.NotFound" "verified access group ID"]
        [verified_access_instance_id "InvalidVerifiedAccessInstanceId.NotFound" "verified access instance ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_verified_access_instances(DescribeVerifiedAccessInstancesRequest -> DescribeVerifiedAccessInstancesResult):
        [verified_access_instance_ids "InvalidVerifiedAccessInstanceId.NotFound" "verified access instance ID"]
        pages (max_results next_token) 5..=200, filters [];
    describe_verified_access_trust_providers(DescribeVerifiedAccessTrustProvidersRequest -> DescribeVerifiedAccessTrustProvidersResult):
        [verified_access_trust_provider_ids "InvalidVerifiedAccessTrustProviderId.NotFound" "verified access trust provider ID"]
        pages (max_results next_token) 5..=200, filters [];
    describe_vpc_block_public_access_exclusions(DescribeVpcBlockPublicAccessExclusionsRequest -> DescribeVpcBlockPublicAccessExclusionsResult):
        [exclusion_ids "InvalidVpcBlockPublicAccessExclusionId.NotFound" "VPC block public access exclusion ID"]
        pages (max_results next_token) 5..=1000, filters ["resource-arn", "internet-gateway-exclusion-mode", "state"];
    describe_vpc_endpoint_connection_notifications(DescribeVpcEndpointConnectionNotificationsRequest -> DescribeVpcEndpointConnectionNotificationsResult):
        [connection_notification_id "InvalidConnectionNotification" "connection notification ID"]
        pages (max_results next_token) 1..=i32::MAX, filters ["connection-notification-arn", "connection-notification-id", "connection-notification-state", "connection-notification-type", "service-id", "vpc-endpoint-id"];
    describe_vpc_endpoint_connections(DescribeVpcEndpointConnectionsRequest -> DescribeVpcEndpointConnectionsResult):
        pages (max_results next_token) 5..=i32::MAX, filters ["ip-address-type", "service-id", "transit-gateway-attachment-id", "vpc-endpoint-owner", "vpc-endpoint-region", "vpc-endpoint-state", "vpc-endpoint-id"];
    describe_vpc_endpoint_service_configurations(DescribeVpcEndpointServiceConfigurationsRequest -> DescribeVpcEndpointServiceConfigurationsResult):
        [service_ids "InvalidVpcEndpointServiceId.NotFound" "VpcEndpointService Id"]
        pages (max_results next_token) 5..=i32::MAX, filters ["service-name", "service-id", "service-state", "supported-ip-address-types"];
    describe_vpc_endpoint_service_permissions(DescribeVpcEndpointServicePermissionsRequest -> DescribeVpcEndpointServicePermissionsResult):
        [service_id "InvalidVpcEndpointServiceId.NotFound" "VpcEndpointService Id"]
        pages (max_results next_token) 5..=i32::MAX, filters ["permission-type", "principal", "principal-type"];
    describe_vpc_encryption_controls(DescribeVpcEncryptionControlsRequest -> DescribeVpcEncryptionControlsResult):
        [vpc_encryption_control_ids "InvalidVpcEncryptionControlId.NotFound" "VPC encryption control ID"]
        pages (max_results next_token) 5..=1000, filters [];
    describe_vpn_connections(DescribeVpnConnectionsRequest -> DescribeVpnConnectionsResult):
        [vpn_connection_ids "InvalidVpnConnectionID.NotFound" "vpnConnection ID"]
        pages () 5..=1000, filters ["customer-gateway-configuration", "customer-gateway-id", "state", "option.static-routes-only", "route.destination-cidr-block", "bgp-asn", "type", "vpn-connection-id", "vpn-gateway-id", "transit-gateway-id"];
}

/// Blocking of public access for the whole account: off, as it cannot be turned on here.
pub(super) fn describe_vpc_block_public_access_options(
    context: &Context,
    _: &View<'_>,
    _: DescribeVpcBlockPublicAccessOptionsRequest,
) -> Result<DescribeVpcBlockPublicAccessOptionsResult, ApiError> {
    Ok(DescribeVpcBlockPublicAccessOptionsResult {
        vpc_block_public_access_options: Some(VpcBlockPublicAccessOptions {
            aws_account_id: Some(context.account().to_string()),
            aws_region: Some(context.region.to_string()),
            exclusions_allowed: Some(VpcBlockPublicAccessExclusionsAllowed::Allowed),
            internet_gateway_block_mode: Some(InternetGatewayBlockMode::Off),
            state: Some(VpcBlockPublicAccessState::DefaultState),
            ..VpcBlockPublicAccessOptions::default()
        }),
    })
}

pub(super) fn describe_byoip_cidrs(
    _: &Context,
    _: &View<'_>,
    request: DescribeByoipCidrsRequest,
) -> Result<DescribeByoipCidrsResult, ApiError> {
    check_page(1..=100, Some(request.max_results), request.next_token.as_deref())?;
    Ok(DescribeByoipCidrsResult::default())
}

pub(super) fn describe_host_reservations(
    _: &Context,
    _: &View<'_>,
    request: DescribeHostReservationsRequest,
) -> Result<DescribeHostReservationsResult, ApiError> {
    let known = ["instance-family", "payment-option", "state"];
    check(&request.filter, &known, 5..=500, (request.max_results, request.next_token.as_deref()))?;
    refuse_ids(&request.host_reservation_id_set, "InvalidHostReservationId.NotFound", "host reservation ID")?;
    Ok(DescribeHostReservationsResult::default())
}

pub(super) fn describe_host_reservation_offerings(
    _: &Context,
    _: &View<'_>,
    request: DescribeHostReservationOfferingsRequest,
) -> Result<DescribeHostReservationOfferingsResult, ApiError> {
    let known = ["instance-family", "payment-option"];
    check(&request.filter, &known, 5..=500, (request.max_results, request.next_token.as_deref()))?;
    refuse_ids(&request.offering_id, "InvalidHostReservationOfferingId.NotFound", "host reservation offering ID")?;
    Ok(DescribeHostReservationOfferingsResult::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, seeded};

    #[test]
    fn there_is_none_and_whoever_names_one_is_told() {
        let (context, state) = seeded();
        let view = View::new(&state, &context.region).unwrap();
        let ask = |request| describe_transit_gateway_connects(&context, &view, request).map_err(|error| error.code);
        let none = DescribeTransitGatewayConnectsRequest::default;
        assert_eq!(ask(none()), Ok(DescribeTransitGatewayConnectsResult::default()));
        let named = DescribeTransitGatewayConnectsRequest {
            transit_gateway_attachment_ids: vec!["tgw-attach-1".to_owned()],
            ..none()
        };
        assert_eq!(ask(named), Err("InvalidTransitGatewayAttachmentID.NotFound"));
        for (name, expected) in [("state", None), ("tag:Name", None), ("colour", Some("InvalidParameterValue"))] {
            let asked = ask(DescribeTransitGatewayConnectsRequest { filters: vec![filter(name, &["x"])], ..none() });
            assert_eq!(asked.err(), expected, "{name}");
        }
        let sized = |max| ask(DescribeTransitGatewayConnectsRequest { max_results: Some(max), ..none() }).err();
        assert_eq!(
            [sized(4), sized(5), sized(1001)],
            [Some("InvalidParameterValue"), None, Some("InvalidParameterValue")]
        );
        let next = DescribeTransitGatewayConnectsRequest { next_token: Some("x".to_owned()), ..none() };
        assert_eq!(ask(next), Err("InvalidNextToken"));
    }

    #[test]
    fn several_ids_are_named_in_one_message() {
        let ids = vec!["tgw-1".to_owned(), "tgw-2".to_owned()];
        let error = refuse_ids(&ids, "InvalidTransitGatewayID.NotFound", "transitGateway ID").unwrap_err();
        assert_eq!(error.message, "The transitGateway IDs 'tgw-1, tgw-2' do not exist");
    }

    #[test]
    fn public_access_is_not_blocked() {
        let (context, state) = seeded();
        let view = View::new(&state, &context.region).unwrap();
        let told = describe_vpc_block_public_access_options(&context, &view, Default::default()).unwrap();
        let options = told.vpc_block_public_access_options.unwrap();
        assert_eq!(options.internet_gateway_block_mode, Some(InternetGatewayBlockMode::Off));
        assert_eq!(options.aws_region.as_deref(), Some("us-east-1"));
    }
}
