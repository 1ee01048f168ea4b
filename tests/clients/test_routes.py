"""Route tables, network ACLs, prefix lists and the further actions of security groups, as Terraform calls them."""

import pytest
from botocore.exceptions import ClientError

from support.daemon import wait_until

NETWORK = "10.20.0.0/16"


def code_of(call, **parameters):
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def filters(**values):
    return [{"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]} for name, value in values.items()]


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock=NETWORK)["Vpc"]["VpcId"]


@pytest.fixture
def subnet(ec2, vpc):
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]


@pytest.fixture
def gateway(ec2, vpc):
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
    return made


@pytest.fixture
def table(ec2, vpc):
    tags = [{"ResourceType": "route-table", "Tags": [{"Key": "Name", "Value": "public"}]}]
    return ec2.create_route_table(VpcId=vpc, TagSpecifications=tags)["RouteTable"]["RouteTableId"]


def described(ec2, table):
    return ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]


def route(ec2, table, destination):
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return next(r for r in described(ec2, table)["Routes"] if destination in [r.get(key) for key in keys])


def test_a_route_table_with_its_routes(ec2, table, gateway):
    told = described(ec2, table)
    assert told["Tags"] == [{"Key": "Name", "Value": "public"}]
    assert (told["Associations"], told["PropagatingVgws"]) == ([], [])
    assert told["Routes"] == [
        {"DestinationCidrBlock": NETWORK, "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
    ]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert route(ec2, table, "0.0.0.0/0") == {
        "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway, "Origin": "CreateRoute", "State": "active"
    }
    again = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert code_of(ec2.create_route, **again) == "RouteAlreadyExists"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    gone = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert code_of(ec2.delete_route, **gone) == "InvalidRoute.NotFound"
    assert code_of(ec2.delete_route, RouteTableId=table, DestinationCidrBlock=NETWORK) == "InvalidParameterValue"
    ec2.delete_route_table(RouteTableId=table)
    assert code_of(ec2.describe_route_tables, RouteTableIds=[table]) == "InvalidRouteTableID.NotFound"


def test_a_machine_as_target_until_it_is_terminated(ec2, run, until_state, default_vpc):
    instance = run()[0]
    table = ec2.create_route_table(VpcId=default_vpc)["RouteTable"]["RouteTableId"]
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=interface)
    told = route(ec2, table, "192.0.2.0/24")
    assert (told["NetworkInterfaceId"], told["InstanceId"], told["State"]) == (
        interface, instance["InstanceId"], "active"
    )
    assert told["InstanceOwnerId"] == instance["NetworkInterfaces"][0]["OwnerId"]
    assert "GatewayId" not in told
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", GatewayId=gateway)
    assert route(ec2, table, "192.0.2.0/24")["GatewayId"] == gateway
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", InstanceId=instance["InstanceId"])
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    until_state([instance["InstanceId"]], "terminated")
    assert route(ec2, table, "192.0.2.0/24")["State"] == "blackhole"


def test_a_detached_gateway_is_a_black_hole(ec2, table, vpc, gateway):
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert route(ec2, table, "0.0.0.0/0")["State"] == "blackhole"
    found = ec2.describe_route_tables(Filters=filters(route__state="blackhole"))["RouteTables"]
    assert [it["RouteTableId"] for it in found] == [table]
    unattached = dict(RouteTableId=table, DestinationCidrBlock="8.0.0.0/8", GatewayId=gateway)
    assert code_of(ec2.create_route, **unattached) == "InvalidParameterValue"


def test_associations_of_a_table_and_the_main_one(ec2, vpc, subnet, table):
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    assert made["AssociationState"] == {"State": "associated"}
    association = made["AssociationId"]
    by_id = filters(association__route_table_association_id=association)
    [told] = ec2.describe_route_tables(Filters=by_id)["RouteTables"]
    assert told["Associations"] == [{
        "Main": False, "RouteTableAssociationId": association, "RouteTableId": table, "SubnetId": subnet,
        "AssociationState": {"State": "associated"},
    }]
    assert code_of(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    [main] = ec2.describe_route_tables(Filters=filters(vpc_id=vpc, association__main="true"))["RouteTables"]
    [of_main] = main["Associations"]
    assert of_main["Main"] and "SubnetId" not in of_main
    refused = dict(AssociationId=of_main["RouteTableAssociationId"])
    assert code_of(ec2.disassociate_route_table, **refused) == "InvalidParameterValue"
    # aws_main_route_table_association, and back on destroy.
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    replaced = ec2.replace_route_table_association(
        AssociationId=of_main["RouteTableAssociationId"], RouteTableId=other
    )
    [main_now] = ec2.describe_route_tables(Filters=filters(vpc_id=vpc, association__main="true"))["RouteTables"]
    assert main_now["RouteTableId"] == other
    ec2.replace_route_table_association(
        AssociationId=replaced["NewAssociationId"], RouteTableId=main["RouteTableId"]
    )
    ec2.delete_route_table(RouteTableId=other)
    ec2.disassociate_route_table(AssociationId=association)
    assert ec2.describe_route_tables(Filters=by_id)["RouteTables"] == []
    ec2.delete_route_table(RouteTableId=table)


def test_a_network_acl_with_its_entries(ec2, vpc, subnet):
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=200, Protocol="6", RuleAction="allow", Egress=True, CidrBlock="10.3.0.0/18",
        PortRange={"From": 443, "To": 443},
    )
    ec2.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=100, Protocol="-1", RuleAction="deny", Egress=False, Ipv6CidrBlock="::/0",
        PortRange={"From": 0, "To": 0},
    )
    [told] = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    ours = [entry for entry in told["Entries"] if entry["RuleNumber"] < 32767]
    assert ours == [
        {"CidrBlock": "10.3.0.0/18", "Egress": True, "PortRange": {"From": 443, "To": 443}, "Protocol": "6",
         "RuleAction": "allow", "RuleNumber": 200},
        {"Ipv6CidrBlock": "::/0", "Egress": False, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 100},
    ]
    final = [entry for entry in told["Entries"] if entry["RuleNumber"] == 32767]
    assert [(e["RuleAction"], e["CidrBlock"], e["Protocol"]) for e in final] == [("deny", "0.0.0.0/0", "-1")] * 2

    [default] = ec2.describe_network_acls(Filters=filters(association__subnet_id=subnet))["NetworkAcls"]
    [old] = default["Associations"]
    new = ec2.replace_network_acl_association(
        AssociationId=old["NetworkAclAssociationId"], NetworkAclId=acl
    )["NewAssociationId"]
    assert new != old["NetworkAclAssociationId"] and new.startswith("aclassoc-")
    [told] = ec2.describe_network_acls(Filters=filters(association__association_id=new))["NetworkAcls"]
    assert told["NetworkAclId"] == acl
    assert code_of(ec2.delete_network_acl, NetworkAclId=acl) == "DependencyViolation"
    ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=200, Egress=True)
    gone = dict(NetworkAclId=acl, RuleNumber=200, Egress=True)
    assert code_of(ec2.delete_network_acl_entry, **gone) == "InvalidNetworkAclEntry.NotFound"
    ec2.delete_network_acl(NetworkAclId=acl)
    assert code_of(ec2.describe_network_acls, NetworkAclIds=[acl]) == "InvalidNetworkAclID.NotFound"
    assert code_of(ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"]) == "InvalidParameterValue"


def test_a_prefix_list_from_its_making_to_its_end(ec2, group):
    made = ec2.create_managed_prefix_list(
        PrefixListName="offices", AddressFamily="IPv4", MaxEntries=2,
        Entries=[{"Cidr": "203.0.113.0/24", "Description": "Seoul"}],
    )["PrefixList"]
    prefix_list = made["PrefixListId"]
    [told] = ec2.describe_managed_prefix_lists(PrefixListIds=[prefix_list])["PrefixLists"]
    assert (told["State"], told["Version"], told["MaxEntries"]) == ("create-complete", 1, 2)
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=prefix_list, CurrentVersion=1, AddEntries=[{"Cidr": "198.51.100.0/24"}],
    )["PrefixList"]
    assert changed["Version"] == 2
    [told] = ec2.describe_managed_prefix_lists(PrefixListIds=[prefix_list])["PrefixLists"]
    assert told["State"] == "modify-complete"
    entries = lambda **more: ec2.get_managed_prefix_list_entries(PrefixListId=prefix_list, **more)["Entries"]
    assert entries() == [
        {"Cidr": "203.0.113.0/24", "Description": "Seoul"}, {"Cidr": "198.51.100.0/24"},
    ]
    assert len(entries(TargetVersion=1)) == 1
    stale = dict(PrefixListId=prefix_list, CurrentVersion=1, AddEntries=[{"Cidr": "192.0.2.0/24"}])
    assert code_of(ec2.modify_managed_prefix_list, **stale) == "PrefixListVersionMismatch"

    permission = {
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": prefix_list}]
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    told = ec2.get_managed_prefix_list_associations(PrefixListId=prefix_list)["PrefixListAssociations"]
    assert [it["ResourceId"] for it in told] == [group]
    assert code_of(ec2.delete_managed_prefix_list, PrefixListId=prefix_list) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
    ec2.delete_managed_prefix_list(PrefixListId=prefix_list)
    gone = dict(PrefixListIds=[prefix_list])
    assert code_of(ec2.describe_managed_prefix_lists, **gone) == "InvalidPrefixListID.NotFound"


def test_the_prefix_lists_of_services(ec2, region):
    names = sorted(it["PrefixListName"] for it in ec2.describe_prefix_lists()["PrefixLists"])
    assert names == [f"com.amazonaws.{region}.dynamodb", f"com.amazonaws.{region}.s3"]
    [s3] = ec2.describe_prefix_lists(Filters=filters(prefix_list_name=names[1]))["PrefixLists"]
    [managed] = ec2.describe_managed_prefix_lists(PrefixListIds=[s3["PrefixListId"]])["PrefixLists"]
    assert (managed["OwnerId"], managed["PrefixListName"]) == ("AWS", names[1])


def test_a_rule_changes_as_terraform_changes_it(ec2, group):
    """aws_vpc_security_group_ingress_rule: authorize, modify by id, revoke by id."""
    [rule] = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    )["SecurityGroupRules"]
    assert (rule["FromPort"], rule["ToPort"]) == (-1, -1) and "Description" not in rule
    rule_id = rule["SecurityGroupRuleId"]
    update = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "CidrIpv6": "2001:DB8::1/32", "Description": "web"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": update}]
    )
    find = dict(SecurityGroupRuleIds=[rule_id])
    [told] = ec2.describe_security_group_rules(**find)["SecurityGroupRules"]
    assert (told["CidrIpv6"], told["FromPort"], told["Description"]) == ("2001:db8::/32", 80, "web")
    assert "CidrIpv4" not in told
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, "Description": "other"}]
    )
    [told] = ec2.describe_security_group_rules(**find)["SecurityGroupRules"]
    assert told["Description"] == "other"
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule_id])
    assert code_of(ec2.describe_security_group_rules, **find) == "InvalidSecurityGroupRuleId.NotFound"


def test_terraform_revokes_the_first_egress_rules(ec2, vpc):
    group = ec2.create_security_group(GroupName="tf", Description="Managed by Terraform", VpcId=vpc)["GroupId"]
    first = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**first, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    second = dict(GroupId=group, IpPermissions=[{**first, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
    assert code_of(ec2.revoke_security_group_egress, **second) == "InvalidPermission.NotFound"
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_a_group_is_associated_with_another_vpc(ec2, vpc):
    other = ec2.create_vpc(CidrBlock="10.21.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="shared", Description="for two", VpcId=vpc)["GroupId"]
    assert ec2.associate_security_group_vpc(GroupId=group, VpcId=other)["State"] == "associating"
    look = lambda: [
        it["State"] for it in ec2.describe_security_group_vpc_associations(Filters=filters(group_id=group))[
            "SecurityGroupVpcAssociations"
        ]
    ]
    wait_until(lambda: look() == ["associated"], 10, "the association")
    usable = [it["GroupId"] for it in ec2.get_security_groups_for_vpc(VpcId=other)["SecurityGroupForVpcs"]]
    assert group in usable
    assert ec2.disassociate_security_group_vpc(GroupId=group, VpcId=other)["State"] == "disassociating"
    wait_until(lambda: look() == [], 10, "the end of the association")
    assert ec2.describe_stale_security_groups(VpcId=vpc)["StaleSecurityGroupSet"] == []
    assert ec2.describe_security_group_references(GroupId=[group])["SecurityGroupReferenceSet"] == []
