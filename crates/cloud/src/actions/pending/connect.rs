use super::*;

pending! {
    Write create_instance_connect_endpoint CreateInstanceConnectEndpointRequest -> ec2_shapes::CreateInstanceConnectEndpointResult;
    Write create_vpc_endpoint CreateVpcEndpointRequest -> ec2_shapes::CreateVpcEndpointResult;
    Write delete_instance_connect_endpoint DeleteInstanceConnectEndpointRequest -> ec2_shapes::DeleteInstanceConnectEndpointResult;
    Write delete_vpc_endpoints DeleteVpcEndpointsRequest -> ec2_shapes::DeleteVpcEndpointsResult;
    Read describe_instance_connect_endpoints DescribeInstanceConnectEndpointsRequest -> ec2_shapes::DescribeInstanceConnectEndpointsResult;
    Read describe_vpc_endpoint_connection_notifications DescribeVpcEndpointConnectionNotificationsRequest -> ec2_shapes::DescribeVpcEndpointConnectionNotificationsResult;
    Read describe_vpc_endpoint_connections DescribeVpcEndpointConnectionsRequest -> ec2_shapes::DescribeVpcEndpointConnectionsResult;
    Read describe_vpc_endpoint_service_configurations DescribeVpcEndpointServiceConfigurationsRequest -> ec2_shapes::DescribeVpcEndpointServiceConfigurationsResult;
    Read describe_vpc_endpoint_service_permissions DescribeVpcEndpointServicePermissionsRequest -> ec2_shapes::DescribeVpcEndpointServicePermissionsResult;
    Read describe_vpc_endpoint_services DescribeVpcEndpointServicesRequest -> ec2_shapes::DescribeVpcEndpointServicesResult;
    Read describe_vpc_endpoints DescribeVpcEndpointsRequest -> ec2_shapes::DescribeVpcEndpointsResult;
    Read describe_vpn_connections DescribeVpnConnectionsRequest -> ec2_shapes::DescribeVpnConnectionsResult;
    Write modify_vpc_endpoint ModifyVpcEndpointRequest -> ec2_shapes::ModifyVpcEndpointResult;
}
