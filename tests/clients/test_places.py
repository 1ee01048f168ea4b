"""What every region begins with: places, networks, images; and who is asking."""

import ipaddress
import re

import pytest

from support.errors import fails


def test_a_region_begins_with_a_default_vpc(ec2, region):
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    assert (vpc["CidrBlock"], vpc["IsDefault"], vpc["State"]) == ("172.31.0.0/16", True, "available")
    subnets = ec2.describe_subnets()["Subnets"]
    assert len(subnets) == 3
    assert {s["AvailabilityZone"] for s in subnets} == {f"{region}{letter}" for letter in "abc"}
    for subnet in subnets:
        block = ipaddress.ip_network(subnet["CidrBlock"])
        assert block.prefixlen == 20 and block.subnet_of(ipaddress.ip_network("172.31.0.0/16"))
        assert subnet["DefaultForAz"] and subnet["MapPublicIpOnLaunch"] and subnet["State"] == "available"
        assert subnet["AvailableIpAddressCount"] == 4096 - 5
        assert subnet["VpcId"] == vpc["VpcId"]
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_regions_know_nothing_of_each_other(daemon, region):
    here, there = daemon.client(region=f"{region}1"), daemon.client(region=f"{region}2")
    here.create_key_pair(KeyName="mine", KeyType="ed25519")
    assert there.describe_key_pairs()["KeyPairs"] == []
    assert here.describe_vpcs()["Vpcs"][0]["VpcId"] != there.describe_vpcs()["Vpcs"][0]["VpcId"]


def test_a_free_address_less_for_every_instance(ec2, run):
    [launched] = run()
    [subnet] = ec2.describe_subnets(SubnetIds=[launched["SubnetId"]])["Subnets"]
    assert subnet["AvailableIpAddressCount"] == 4096 - 5 - 1


def test_regions_and_zones_are_listed(daemon, region):
    ec2 = daemon.client(region="us-east-1")
    regions = {r["RegionName"] for r in ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "eu-west-1", "ap-northeast-2"} <= regions
    assert [r["RegionName"] for r in ec2.describe_regions(RegionNames=["eu-west-1"])["Regions"]] == ["eu-west-1"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [z["ZoneName"] for z in zones] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert {z["State"] for z in zones} == {"available"} and {z["RegionName"] for z in zones} == {"us-east-1"}
    assert all(re.fullmatch(r"use1-az\d", z["ZoneId"]) for z in zones)
    own = daemon.client(region=region)
    assert {z["ZoneName"] for z in own.describe_availability_zones()["AvailabilityZones"]} == {f"{region}{c}" for c in "abc"}


def test_images_say_what_they_are(ec2):
    images = {image["Name"]: image for image in ec2.describe_images()["Images"]}
    assert images
    for image in images.values():
        assert re.fullmatch(r"ami-[0-9a-f]{17}", image["ImageId"])
        assert image["State"] == "available" and image["Architecture"] in ("x86_64", "arm64")
        assert image["RootDeviceType"] == "ebs" and image["RootDeviceName"].startswith("/dev/")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", image["CreationDate"])
        assert re.fullmatch(r"\d{12}", image["OwnerId"])
        assert image["VirtualizationType"] == "hvm"
    name, image = next(iter(images.items()))
    assert [i["ImageId"] for i in ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]] == [image["ImageId"]]
    assert [i["Name"] for i in ec2.describe_images(ImageIds=[image["ImageId"]])["Images"]] == [name]


def test_unknown_images_are_named(ec2):
    with fails("InvalidAMIID.NotFound", "ami-0123456789abcdef0"):
        ec2.describe_images(ImageIds=["ami-0123456789abcdef0"])
    with fails("InvalidAMIID.Malformed"):
        ec2.describe_images(ImageIds=["image-one"])


def test_an_interface_belongs_to_its_instance(ec2, run, group):
    [launched] = run(SecurityGroupIds=[group])
    [interface] = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [launched["InstanceId"]]}]
    )["NetworkInterfaces"]
    assert interface["Attachment"]["InstanceId"] == launched["InstanceId"] and interface["Attachment"]["DeviceIndex"] == 0
    assert interface["Status"] == "in-use" and interface["SourceDestCheck"] is True
    assert [g["GroupId"] for g in interface["Groups"]] == [group]
    assert interface["PrivateIpAddresses"][0]["Primary"] is True
    with fails("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=["eni-0123456789abcdef0"])


@pytest.mark.parametrize(
    ("call", "argument", "code"),
    [
        ("describe_vpcs", {"VpcIds": ["vpc-0123456789abcdef0"]}, "InvalidVpcID.NotFound"),
        ("describe_subnets", {"SubnetIds": ["subnet-0123456789abcdef0"]}, "InvalidSubnetID.NotFound"),
        ("describe_addresses", {"AllocationIds": ["eipalloc-0123456789abcdef0"]}, "InvalidAllocationID.NotFound"),
        ("describe_key_pairs", {"KeyPairIds": ["key-0123456789abcdef0"]}, "InvalidKeyPair.NotFound"),
        ("describe_security_group_rules", {"SecurityGroupRuleIds": ["sgr-0123456789abcdef0"]}, "InvalidSecurityGroupRuleId.NotFound"),
    ],
)
def test_what_does_not_exist_is_not_an_empty_list(ec2, call, argument, code):
    with fails(code):
        getattr(ec2, call)(**argument)


def test_who_is_asking(daemon):
    identity = daemon.client("sts").get_caller_identity()
    assert re.fullmatch(r"\d{12}", identity["Account"])
    assert identity["Arn"] == f"arn:aws:iam::{identity['Account']}:root"
    ec2 = daemon.client()
    owner = ec2.describe_security_groups()["SecurityGroups"][0]["OwnerId"]
    assert owner == identity["Account"], "one account owns everything"
