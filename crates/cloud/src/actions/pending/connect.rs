use super::*;

pending! {
    Write assign_private_nat_gateway_address AssignPrivateNatGatewayAddressRequest -> ec2_shapes::AssignPrivateNatGatewayAddressResult;
    Write associate_nat_gateway_address AssociateNatGatewayAddressRequest -> ec2_shapes::AssociateNatGatewayAddressResult;
    Write create_instance_connect_endpoint CreateInstanceConnectEndpointRequest -> ec2_shapes::CreateInstanceConnectEndpointResult;
    Write create_nat_gateway CreateNatGatewayRequest -> ec2_shapes::CreateNatGatewayResult;
    Write create_vpc_endpoint CreateVpcEndpointRequest -> ec2_shapes::CreateVpcEndpointResult;
    Write delete_instance_connect_endpoint DeleteInstanceConnectEndpointRequest -> ec2_shapes::DeleteInstanceConnectEndpointResult;
    Write delete_nat_gateway DeleteNatGatewayRequest -> ec2_shapes::DeleteNatGatewayResult;
    Write delete_vpc_endpoints DeleteVpcEndpointsRequest -> ec2_shapes::DeleteVpcEndpointsResult;
    Read describe_instance_connect_endpoints DescribeInstanceConnectEndpointsRequest -> ec2_shapes::DescribeInstanceConnectEndpointsResult;
    Read describe_nat_gateways DescribeNatGatewaysRequest -> ec2_shapes::DescribeNatGatewaysResult;
    Read describe_vpc_endpoint_connection_notifications DescribeVpcEndpointConnectionNotificationsRequest -> ec2_shapes::DescribeVpcEndpointConnectionNotificationsResult;
    Read describe_vpc_endpoint_connections DescribeVpcEndpointConnectionsRequest -> ec2_shapes::DescribeVpcEndpointConnectionsResult;
    Read describe_vpc_endpoint_service_configurations DescribeVpcEndpointServiceConfigurationsRequest -> ec2_shapes::DescribeVpcEndpointServiceConfigurationsResult;
    Read describe_vpc_endpoint_service_permissions DescribeVpcEndpointServicePermissionsRequest -> ec2_shapes::DescribeVpcEndpointServicePermissionsResult;
    Read describe_vpc_endpoint_services DescribeVpcEndpointServicesRequest -> ec2_shapes::DescribeVpcEndpointServicesResult;
    Read describe_vpc_endpoints DescribeVpcEndpointsRequest -> ec2_shapes::DescribeVpcEndpointsResult;
    Read describe_vpn_connections DescribeVpnConnectionsRequest -> ec2_shapes::DescribeVpnConnectionsResult;
    Write disassociate_nat_gateway_address DisassociateNatGatewayAddressRequest -> ec2_shapes::DisassociateNatGatewayAddressResult;
    Write modify_vpc_endpoint ModifyVpcEndpointRequest -> ec2_shapes::ModifyVpcEndpointResult;
    Write unassign_private_nat_gateway_address UnassignPrivateNatGatewayAddressRequest -> ec2_shapes::UnassignPrivateNatGatewayAddressResult;
}
