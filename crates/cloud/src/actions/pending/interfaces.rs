use super::*;

pending! {
    Write assign_ipv6_addresses AssignIpv6AddressesRequest -> ec2_shapes::AssignIpv6AddressesResult;
    Write assign_private_ip_addresses AssignPrivateIpAddressesRequest -> ec2_shapes::AssignPrivateIpAddressesResult;
    Write attach_network_interface AttachNetworkInterfaceRequest -> ec2_shapes::AttachNetworkInterfaceResult;
    Write create_network_interface CreateNetworkInterfaceRequest -> ec2_shapes::CreateNetworkInterfaceResult;
    Write create_network_interface_permission CreateNetworkInterfacePermissionRequest -> ec2_shapes::CreateNetworkInterfacePermissionResult;
    Write delete_network_interface DeleteNetworkInterfaceRequest -> ();
    Write delete_network_interface_permission DeleteNetworkInterfacePermissionRequest -> ec2_shapes::DeleteNetworkInterfacePermissionResult;
    Read describe_address_transfers DescribeAddressTransfersRequest -> ec2_shapes::DescribeAddressTransfersResult;
    Read describe_addresses_attribute DescribeAddressesAttributeRequest -> ec2_shapes::DescribeAddressesAttributeResult;
    Read describe_byoip_cidrs DescribeByoipCidrsRequest -> ec2_shapes::DescribeByoipCidrsResult;
    Read describe_coip_pools DescribeCoipPoolsRequest -> ec2_shapes::DescribeCoipPoolsResult;
    Read describe_ipv6_pools DescribeIpv6PoolsRequest -> ec2_shapes::DescribeIpv6PoolsResult;
    Read describe_moving_addresses DescribeMovingAddressesRequest -> ec2_shapes::DescribeMovingAddressesResult;
    Read describe_network_interface_attribute DescribeNetworkInterfaceAttributeRequest -> ec2_shapes::DescribeNetworkInterfaceAttributeResult;
    Read describe_network_interface_permissions DescribeNetworkInterfacePermissionsRequest -> ec2_shapes::DescribeNetworkInterfacePermissionsResult;
    Read describe_public_ipv4_pools DescribePublicIpv4PoolsRequest -> ec2_shapes::DescribePublicIpv4PoolsResult;
    Write detach_network_interface DetachNetworkInterfaceRequest -> ();
    Write modify_address_attribute ModifyAddressAttributeRequest -> ec2_shapes::ModifyAddressAttributeResult;
    Write modify_network_interface_attribute ModifyNetworkInterfaceAttributeRequest -> ();
    Write reset_address_attribute ResetAddressAttributeRequest -> ec2_shapes::ResetAddressAttributeResult;
    Write reset_network_interface_attribute ResetNetworkInterfaceAttributeRequest -> ();
    Write unassign_ipv6_addresses UnassignIpv6AddressesRequest -> ec2_shapes::UnassignIpv6AddressesResult;
    Write unassign_private_ip_addresses UnassignPrivateIpAddressesRequest -> ();
}
