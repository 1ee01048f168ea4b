use super::*;

pending! {
    Write associate_route_table AssociateRouteTableRequest -> ec2_shapes::AssociateRouteTableResult;
    Write associate_security_group_vpc AssociateSecurityGroupVpcRequest -> ec2_shapes::AssociateSecurityGroupVpcResult;
    Write create_managed_prefix_list CreateManagedPrefixListRequest -> ec2_shapes::CreateManagedPrefixListResult;
    Write create_network_acl CreateNetworkAclRequest -> ec2_shapes::CreateNetworkAclResult;
    Write create_network_acl_entry CreateNetworkAclEntryRequest -> ();
    Write create_route CreateRouteRequest -> ec2_shapes::CreateRouteResult;
    Write create_route_table CreateRouteTableRequest -> ec2_shapes::CreateRouteTableResult;
    Write delete_managed_prefix_list DeleteManagedPrefixListRequest -> ec2_shapes::DeleteManagedPrefixListResult;
    Write delete_network_acl DeleteNetworkAclRequest -> ();
    Write delete_network_acl_entry DeleteNetworkAclEntryRequest -> ();
    Write delete_route DeleteRouteRequest -> ();
    Write delete_route_table DeleteRouteTableRequest -> ();
    Read describe_managed_prefix_lists DescribeManagedPrefixListsRequest -> ec2_shapes::DescribeManagedPrefixListsResult;
    Read describe_network_acls DescribeNetworkAclsRequest -> ec2_shapes::DescribeNetworkAclsResult;
    Read describe_prefix_lists DescribePrefixListsRequest -> ec2_shapes::DescribePrefixListsResult;
    Read describe_route_tables DescribeRouteTablesRequest -> ec2_shapes::DescribeRouteTablesResult;
    Read describe_security_group_references DescribeSecurityGroupReferencesRequest -> ec2_shapes::DescribeSecurityGroupReferencesResult;
    Read describe_security_group_vpc_associations DescribeSecurityGroupVpcAssociationsRequest -> ec2_shapes::DescribeSecurityGroupVpcAssociationsResult;
    Read describe_stale_security_groups DescribeStaleSecurityGroupsRequest -> ec2_shapes::DescribeStaleSecurityGroupsResult;
    Write disassociate_route_table DisassociateRouteTableRequest -> ();
    Write disassociate_security_group_vpc DisassociateSecurityGroupVpcRequest -> ec2_shapes::DisassociateSecurityGroupVpcResult;
    Read get_managed_prefix_list_associations GetManagedPrefixListAssociationsRequest -> ec2_shapes::GetManagedPrefixListAssociationsResult;
    Read get_managed_prefix_list_entries GetManagedPrefixListEntriesRequest -> ec2_shapes::GetManagedPrefixListEntriesResult;
    Read get_security_groups_for_vpc GetSecurityGroupsForVpcRequest -> ec2_shapes::GetSecurityGroupsForVpcResult;
    Write modify_managed_prefix_list ModifyManagedPrefixListRequest -> ec2_shapes::ModifyManagedPrefixListResult;
    Write modify_security_group_rules ModifySecurityGroupRulesRequest -> ec2_shapes::ModifySecurityGroupRulesResult;
    Write replace_network_acl_association ReplaceNetworkAclAssociationRequest -> ec2_shapes::ReplaceNetworkAclAssociationResult;
    Write replace_network_acl_entry ReplaceNetworkAclEntryRequest -> ();
    Write replace_route ReplaceRouteRequest -> ();
    Write replace_route_table_association ReplaceRouteTableAssociationRequest -> ec2_shapes::ReplaceRouteTableAssociationResult;
    Write update_security_group_rule_descriptions_egress UpdateSecurityGroupRuleDescriptionsEgressRequest -> ec2_shapes::UpdateSecurityGroupRuleDescriptionsEgressResult;
    Write update_security_group_rule_descriptions_ingress UpdateSecurityGroupRuleDescriptionsIngressRequest -> ec2_shapes::UpdateSecurityGroupRuleDescriptionsIngressResult;
}
