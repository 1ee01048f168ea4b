"""VPCs, subnets, gateways and DHCP options, in the order in which infrastructure tools call them."""

import ipaddress
import re

import pytest

from support.errors import fails, refused


def named(name, *values):
    return {"Name": name, "Values": list(values)}


def tagged(kind, **tags):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def dual_stack(ec2):
    """A VPC with an IPv6 block, and the first /64 of that block."""
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    [block] = ec2.describe_vpcs(VpcIds=[made])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    return made, str(next(ipaddress.ip_network(block["Ipv6CidrBlock"]).subnets(new_prefix=64)))


def attribute(ec2, vpc, name):
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
    assert set(answer) == {"VpcId", name[0].upper() + name[1:], "ResponseMetadata"}, "no attribute but the one"
    return answer[name[0].upper() + name[1:]]["Value"]


def test_a_vpc_lives_as_terraform_makes_it(ec2):
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", Name="main"))["Vpc"]
    vpc = made["VpcId"]
    assert (made["State"], made["IsDefault"], made["InstanceTenancy"]) == ("pending", False, "default")
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc], WaiterConfig={"Delay": 0, "MaxAttempts": 2})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableNetworkAddressUsageMetrics={"Value": True})
    [seen] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert (seen["CidrBlock"], seen["OwnerId"], seen["State"]) == ("10.0.0.0/16", made["OwnerId"], "available")
    assert re.fullmatch(r"dopt-[0-9a-f]{17}", seen["DhcpOptionsId"])
    assert seen["Tags"] == [{"Key": "Name", "Value": "main"}]
    [block] = seen["CidrBlockAssociationSet"]
    assert re.fullmatch(r"vpc-cidr-assoc-[0-9a-f]{17}", block["AssociationId"])
    assert block["CidrBlockState"] == {"State": "associated"}
    assert attribute(ec2, vpc, "enableDnsSupport") is True
    assert attribute(ec2, vpc, "enableDnsHostnames") is True
    assert attribute(ec2, vpc, "enableNetworkAddressUsageMetrics") is True
    [group] = ec2.describe_security_groups(Filters=[named("vpc-id", vpc), named("group-name", "default")])["SecurityGroups"]
    assert len(group["IpPermissionsEgress"]) == 1
    ec2.delete_vpc(VpcId=vpc)
    with fails("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist"):
        ec2.describe_vpcs(VpcIds=[vpc])
    assert ec2.describe_security_groups(Filters=[named("vpc-id", vpc)])["SecurityGroups"] == []


def test_attributes_of_a_vpc_begin_as_on_aws(ec2, vpc, default_vpc):
    assert attribute(ec2, vpc, "enableDnsHostnames") is False and attribute(ec2, vpc, "enableDnsSupport") is True
    for name in ("enableDnsHostnames", "enableDnsSupport"):
        assert attribute(ec2, default_vpc, name) is True
    with refused(ec2, "InvalidParameterCombination"):
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True})


def test_blocks_of_a_vpc_come_and_go(ec2, vpc):
    first = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.0.0/16")
    assert first["VpcId"] == vpc and first["CidrBlockAssociation"]["CidrBlockState"]["State"] == "associating"
    second = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.2.0.0/16")["CidrBlockAssociation"]["AssociationId"]
    gone = ec2.disassociate_vpc_cidr_block(AssociationId=first["CidrBlockAssociation"]["AssociationId"])
    assert gone["CidrBlockAssociation"]["CidrBlockState"]["State"] == "disassociating"
    by_id = [named("cidr-block-association.association-id", second)]
    [seen] = ec2.describe_vpcs(Filters=by_id)["Vpcs"]
    assert [b["CidrBlock"] for b in seen["CidrBlockAssociationSet"]] == ["10.0.0.0/16", "10.2.0.0/16"]
    with refused(ec2, "InvalidVpc.Range", "is restricted"):
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="192.168.0.0/16")
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.2.0.0/24")
    with refused(ec2, "DependencyViolation"):
        ec2.disassociate_vpc_cidr_block(AssociationId=second)
    with refused(ec2, "OperationNotPermitted", "It is the primary IPv4 CIDR block of the VPC"):
        ec2.disassociate_vpc_cidr_block(AssociationId=seen["CidrBlockAssociationSet"][0]["AssociationId"])


def test_an_ipv6_block_of_a_vpc(ec2, vpc):
    made = ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)["Ipv6CidrBlockAssociation"]
    assert made["Ipv6CidrBlockState"]["State"] == "associating"
    [seen] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    assert (seen["Ipv6CidrBlockState"]["State"], seen["Ipv6Pool"]) == ("associated", "Amazon")
    assert ipaddress.ip_network(seen["Ipv6CidrBlock"]).prefixlen == 56
    [group] = ec2.describe_security_groups(Filters=[named("vpc-id", vpc)])["SecurityGroups"]
    [egress] = group["IpPermissionsEgress"]
    assert egress["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}] and egress["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    # So does a group that is made now.
    made_now = ec2.create_security_group(GroupName="late", Description="for a test", VpcId=vpc)["GroupId"]
    [late] = ec2.describe_security_groups(GroupIds=[made_now])["SecurityGroups"][0]["IpPermissionsEgress"]
    assert (late["Ipv6Ranges"], late["IpRanges"]) == ([{"CidrIpv6": "::/0"}], [{"CidrIp": "0.0.0.0/0"}])
    ec2.disassociate_vpc_cidr_block(AssociationId=made["AssociationId"])
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0].get("Ipv6CidrBlockAssociationSet", []) == []
    with fails("InvalidVpcCidrBlockAssociationID.NotFound"):
        ec2.disassociate_vpc_cidr_block(AssociationId=made["AssociationId"])


def test_a_subnet_lives_as_terraform_makes_it(ec2, dual_stack):
    vpc, ipv6 = dual_stack
    made = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.1.0/24", Ipv6CidrBlock=ipv6, AvailabilityZoneId=zone_id(ec2, 1),
        TagSpecifications=tagged("subnet", Name="public"),
    )["Subnet"]
    subnet = made["SubnetId"]
    [block] = made["Ipv6CidrBlockAssociationSet"]
    assert block["Ipv6CidrBlockState"]["State"] == "associating"
    # One attribute a call, each read back before the next.
    hostname = "PrivateDnsNameOptionsOnLaunch"
    for parameters, read in [
        ({"AssignIpv6AddressOnCreation": {"Value": True}}, lambda s: s["AssignIpv6AddressOnCreation"]),
        ({"MapPublicIpOnLaunch": {"Value": True}}, lambda s: s["MapPublicIpOnLaunch"]),
        ({"EnableDns64": {"Value": True}}, lambda s: s["EnableDns64"]),
        ({"EnableResourceNameDnsARecordOnLaunch": {"Value": True}}, lambda s: s[hostname]["EnableResourceNameDnsARecord"]),
        ({"EnableResourceNameDnsAAAARecordOnLaunch": {"Value": True}}, lambda s: s[hostname]["EnableResourceNameDnsAAAARecord"]),
        ({"PrivateDnsHostnameTypeOnLaunch": "resource-name"}, lambda s: s[hostname]["HostnameType"] == "resource-name"),
    ]:
        ec2.modify_subnet_attribute(SubnetId=subnet, **parameters)
        [seen] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
        assert read(seen) is True, parameters
    assert seen["SubnetArn"] == f"arn:aws:ec2:{ec2.meta.region_name}:{made['OwnerId']}:subnet/{subnet}"
    assert (seen["AvailabilityZoneId"], seen["State"]) == (zone_id(ec2, 1), "available")
    assert (seen["AvailableIpAddressCount"], seen["DefaultForAz"], seen["Ipv6Native"]) == (251, False, False)
    assert seen["Tags"] == [{"Key": "Name", "Value": "public"}]
    # A change of the IPv6 block: assignment off first, then the one block for the other.
    with refused(ec2, "OperationNotPermitted"):
        ec2.disassociate_subnet_cidr_block(AssociationId=block["AssociationId"])
    ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": False})
    ec2.disassociate_subnet_cidr_block(AssociationId=block["AssociationId"])
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0].get("Ipv6CidrBlockAssociationSet", []) == []
    again = ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock=ipv6)["Ipv6CidrBlockAssociation"]
    [seen] = ec2.describe_subnets(Filters=[named("ipv6-cidr-block-association.association-id", again["AssociationId"])])["Subnets"]
    assert seen["SubnetId"] == subnet
    # What Terraform sweeps before it deletes a subnet.
    assert ec2.describe_network_interfaces(Filters=[named("subnet-id", subnet)])["NetworkInterfaces"] == []
    with refused(ec2, "DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."):
        ec2.delete_vpc(VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)
    with fails("InvalidSubnetID.NotFound"):
        ec2.describe_subnets(SubnetIds=[subnet])
    ec2.delete_vpc(VpcId=vpc)


def zone_id(ec2, which):
    return ec2.describe_availability_zones()["AvailabilityZones"][which]["ZoneId"]


def test_bad_blocks_of_subnets_are_refused(ec2, vpc):
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")
    for block, code, text in [
        ("10.0.0.0/25", "InvalidSubnet.Conflict", "The CIDR '10.0.0.0/25' conflicts with another subnet"),
        ("10.1.0.0/24", "InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid."),
        ("10.0.1.0/29", "InvalidSubnet.Range", "The CIDR '10.0.1.0/29' is invalid."),
    ]:
        with refused(ec2, code, text):
            ec2.create_subnet(VpcId=vpc, CidrBlock=block)
    with refused(ec2, "InvalidParameterValue", "Subnets can currently only be created in the following availability zones"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="nowhere-1a")


def test_an_instance_gets_the_public_address_that_its_subnet_says(ec2, vpc, run):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    run(SubnetId=subnet)
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    run(SubnetId=subnet)
    instances = [i for r in ec2.describe_instances(Filters=[named("vpc-id", vpc)])["Reservations"] for i in r["Instances"]]
    assert sorted(bool(i.get("PublicIpAddress")) for i in instances) == [False, True]
    assert all(ipaddress.ip_address(i["PrivateIpAddress"]) in ipaddress.ip_network("10.0.0.0/24") for i in instances)
    with refused(ec2, "DependencyViolation", "has some mapped public address(es)"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused(ec2, "DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted."):
        ec2.delete_subnet(SubnetId=subnet)


def test_reserved_addresses_are_not_given_out(ec2, vpc, run):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28")["Subnet"]["SubnetId"]
    made = ec2.create_subnet_cidr_reservation(
        SubnetId=subnet, Cidr="10.0.0.8/29", ReservationType="explicit", Description="kept",
        TagSpecifications=tagged("subnet-cidr-reservation", Name="kept"),
    )["SubnetCidrReservation"]
    assert (made["SubnetId"], made["Cidr"], made["ReservationType"]) == (subnet, "10.0.0.8/29", "explicit")
    instances = run(4, wait=False, SubnetId=subnet)
    assert sorted(i["PrivateIpAddress"] for i in instances) == [f"10.0.0.{n}" for n in range(4, 8)]
    with fails("InsufficientFreeAddressesInSubnet"):
        run(wait=False, SubnetId=subnet)
    [one] = run(wait=False, SubnetId=subnet, PrivateIpAddress="10.0.0.9")
    assert one["PrivateIpAddress"] == "10.0.0.9", "an address that is named may be reserved"
    [seen] = ec2.get_subnet_cidr_reservations(SubnetId=subnet)["SubnetIpv4CidrReservations"]
    assert (seen["SubnetCidrReservationId"], seen["Description"]) == (made["SubnetCidrReservationId"], "kept")
    ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=made["SubnetCidrReservationId"])
    with fails("InvalidSubnetCidrReservationID.NotFound"):
        ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=made["SubnetCidrReservationId"])


def test_an_internet_gateway_lives_as_terraform_makes_it(ec2, vpc):
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", Name="out"))["InternetGateway"]
    gateway = made["InternetGatewayId"]
    assert made["Attachments"] == [] and made["OwnerId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.get_waiter("internet_gateway_exists").wait(
        InternetGatewayIds=[gateway], WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )
    [seen] = ec2.describe_internet_gateways(Filters=[named("attachment.vpc-id", vpc)])["InternetGateways"]
    assert seen["Attachments"] == [{"State": "available", "VpcId": vpc}]
    text = f"resource {gateway} is already attached to network {vpc}"
    with refused(ec2, "Resource.AlreadyAssociated", text):
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused(ec2, "DependencyViolation"):
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused(ec2, "Gateway.NotAttached"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    with fails("InvalidInternetGatewayID.NotFound"):
        ec2.describe_internet_gateways(InternetGatewayIds=[gateway])


def test_an_egress_only_gateway_lives_as_its_clients_make_it(ec2, dual_stack):
    vpc, _ = dual_stack
    made = ec2.create_egress_only_internet_gateway(VpcId=vpc, ClientToken="once")["EgressOnlyInternetGateway"]
    gateway = made["EgressOnlyInternetGatewayId"]
    again = ec2.create_egress_only_internet_gateway(VpcId=vpc, ClientToken="once")["EgressOnlyInternetGateway"]
    assert again["EgressOnlyInternetGatewayId"] == gateway and re.fullmatch(r"eigw-[0-9a-f]{17}", gateway)
    # Ansible looks through all of them for the VPC's.
    [page] = ec2.get_paginator("describe_egress_only_internet_gateways").paginate(PaginationConfig={"PageSize": 5})
    [seen] = page["EgressOnlyInternetGateways"]
    assert seen["Attachments"] == [{"State": "attached", "VpcId": vpc}]
    assert ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway)["ReturnCode"] is True
    for call in (
        lambda: ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway),
        lambda: ec2.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[gateway]),
    ):
        with fails("InvalidGatewayID.NotFound"):
            call()


def test_dhcp_options_live_as_their_clients_make_them(ec2, vpc, region):
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["example.com"]},
            {"Key": "domain-name-servers", "Values": ["10.0.0.2", "AmazonProvidedDNS"]},
        ],
        TagSpecifications=tagged("dhcp-options", Name="mine"),
    )["DhcpOptions"]
    options = made["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
    [seen] = ec2.describe_vpcs(Filters=[named("dhcp-options-id", options)])["Vpcs"]
    assert seen["VpcId"] == vpc
    [seen] = ec2.describe_dhcp_options(DhcpOptionsIds=[options])["DhcpOptions"]
    assert {c["Key"]: [v["Value"] for v in c["Values"]] for c in seen["DhcpConfigurations"]} == {
        "domain-name": ["example.com"], "domain-name-servers": ["10.0.0.2", "AmazonProvidedDNS"],
    }
    with refused(ec2, "DependencyViolation"):
        ec2.delete_dhcp_options(DhcpOptionsId=options)
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == "default"
    ec2.delete_dhcp_options(DhcpOptionsId=options)
    with fails("InvalidDhcpOptionsID.NotFound"):
        ec2.delete_dhcp_options(DhcpOptionsId=options)
    with fails("InvalidDhcpOptionID.NotFound"):
        ec2.describe_dhcp_options(DhcpOptionsIds=[options])
    # The default set, as Terraform looks for it.
    suffix = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    filters = [named("key", "domain-name"), named("value", suffix), named("value", "AmazonProvidedDNS")]
    assert len(ec2.describe_dhcp_options(Filters=filters)["DhcpOptions"]) == 1


def test_the_default_vpc_and_its_subnets_are_made_again(ec2, default_vpc):
    with refused(ec2, "DefaultVpcAlreadyExists"):
        ec2.create_default_vpc()
    subnets = ec2.describe_subnets(Filters=[named("defaultForAz", "true"), named("vpc-id", default_vpc)])["Subnets"]
    zone = subnets[0]["AvailabilityZone"]
    with refused(ec2, "DefaultSubnetAlreadyExistsInAvailabilityZone"):
        ec2.create_default_subnet(AvailabilityZone=zone)
    ec2.delete_subnet(SubnetId=subnets[0]["SubnetId"])
    made = ec2.create_default_subnet(AvailabilityZone=zone)["Subnet"]
    assert (made["DefaultForAz"], made["MapPublicIpOnLaunch"], made["CidrBlock"]) == (True, True, subnets[0]["CidrBlock"])
    for subnet in [made, *subnets[1:]]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    [gateway] = ec2.describe_internet_gateways(Filters=[named("attachment.vpc-id", default_vpc)])["InternetGateways"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=default_vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    ec2.delete_vpc(VpcId=default_vpc)
    with refused(ec2, "DefaultVpcDoesNotExist"):
        ec2.create_default_subnet(AvailabilityZone=zone)
    made = ec2.create_default_vpc()["Vpc"]
    assert made["IsDefault"] and made["CidrBlock"] == "172.31.0.0/16"
    assert len(ec2.describe_subnets(Filters=[named("vpc-id", made["VpcId"])])["Subnets"]) == 3


def test_a_vpc_as_ansible_makes_it(ec2):
    filters = [named("tag:Name", "main"), named("cidr-block-association.cidr-block", "10.9.0.0/16")]
    assert ec2.describe_vpcs(Filters=filters)["Vpcs"] == []
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_exists").wait(VpcIds=[vpc], WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "main"}])
    [seen] = ec2.describe_vpcs(Filters=filters)["Vpcs"]
    assert (seen["VpcId"], seen["InstanceTenancy"]) == (vpc, "dedicated")
    assert ec2.modify_vpc_tenancy(VpcId=vpc, InstanceTenancy="default")["ReturnValue"] is True
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["InstanceTenancy"] == "default"


def test_no_vpc_is_linked_to_ec2_classic(ec2, vpc):
    [seen] = ec2.describe_vpc_classic_link(VpcIds=[vpc])["Vpcs"]
    assert (seen["VpcId"], seen["ClassicLinkEnabled"]) == (vpc, False)
    [seen] = ec2.describe_vpc_classic_link_dns_support(VpcIds=[vpc])["Vpcs"]
    assert (seen["VpcId"], seen["ClassicLinkDnsSupported"]) == (vpc, False)


def test_a_region_has_room_for_five_vpcs(ec2):
    for number in range(4):
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    with refused(ec2, "VpcLimitExceeded", "The maximum number of VPCs has been reached."):
        ec2.create_vpc(CidrBlock="10.9.0.0/16")
