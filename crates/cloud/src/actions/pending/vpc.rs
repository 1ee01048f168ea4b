use super::*;

pending! {
    Write associate_dhcp_options AssociateDhcpOptionsRequest -> ();
    Write associate_subnet_cidr_block AssociateSubnetCidrBlockRequest -> ec2_shapes::AssociateSubnetCidrBlockResult;
    Write associate_vpc_cidr_block AssociateVpcCidrBlockRequest -> ec2_shapes::AssociateVpcCidrBlockResult;
    Write attach_internet_gateway AttachInternetGatewayRequest -> ();
    Write create_default_subnet CreateDefaultSubnetRequest -> ec2_shapes::CreateDefaultSubnetResult;
    Write create_default_vpc CreateDefaultVpcRequest -> ec2_shapes::CreateDefaultVpcResult;
    Write create_dhcp_options CreateDhcpOptionsRequest -> ec2_shapes::CreateDhcpOptionsResult;
    Write create_egress_only_internet_gateway CreateEgressOnlyInternetGatewayRequest -> ec2_shapes::CreateEgressOnlyInternetGatewayResult;
    Write create_internet_gateway CreateInternetGatewayRequest -> ec2_shapes::CreateInternetGatewayResult;
    Write create_subnet CreateSubnetRequest -> ec2_shapes::CreateSubnetResult;
    Write create_subnet_cidr_reservation CreateSubnetCidrReservationRequest -> ec2_shapes::CreateSubnetCidrReservationResult;
    Write create_vpc CreateVpcRequest -> ec2_shapes::CreateVpcResult;
    Write delete_dhcp_options DeleteDhcpOptionsRequest -> ();
    Write delete_egress_only_internet_gateway DeleteEgressOnlyInternetGatewayRequest -> ec2_shapes::DeleteEgressOnlyInternetGatewayResult;
    Write delete_internet_gateway DeleteInternetGatewayRequest -> ();
    Write delete_subnet DeleteSubnetRequest -> ();
    Write delete_subnet_cidr_reservation DeleteSubnetCidrReservationRequest -> ec2_shapes::DeleteSubnetCidrReservationResult;
    Write delete_vpc DeleteVpcRequest -> ();
    Read describe_dhcp_options DescribeDhcpOptionsRequest -> ec2_shapes::DescribeDhcpOptionsResult;
    Read describe_egress_only_internet_gateways DescribeEgressOnlyInternetGatewaysRequest -> ec2_shapes::DescribeEgressOnlyInternetGatewaysResult;
    Read describe_internet_gateways DescribeInternetGatewaysRequest -> ec2_shapes::DescribeInternetGatewaysResult;
    Read describe_vpc_attribute DescribeVpcAttributeRequest -> ec2_shapes::DescribeVpcAttributeResult;
    Read describe_vpc_classic_link DescribeVpcClassicLinkRequest -> ec2_shapes::DescribeVpcClassicLinkResult;
    Read describe_vpc_classic_link_dns_support DescribeVpcClassicLinkDnsSupportRequest -> ec2_shapes::DescribeVpcClassicLinkDnsSupportResult;
    Write detach_internet_gateway DetachInternetGatewayRequest -> ();
    Write disassociate_subnet_cidr_block DisassociateSubnetCidrBlockRequest -> ec2_shapes::DisassociateSubnetCidrBlockResult;
    Write disassociate_vpc_cidr_block DisassociateVpcCidrBlockRequest -> ec2_shapes::DisassociateVpcCidrBlockResult;
    Read get_subnet_cidr_reservations GetSubnetCidrReservationsRequest -> ec2_shapes::GetSubnetCidrReservationsResult;
    Write modify_subnet_attribute ModifySubnetAttributeRequest -> ();
    Write modify_vpc_attribute ModifyVpcAttributeRequest -> ();
    Write modify_vpc_tenancy ModifyVpcTenancyRequest -> ec2_shapes::ModifyVpcTenancyResult;
}
