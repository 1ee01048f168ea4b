"""What each tool is known to trip over, one test for each: the checklist."""

import base64
import json

import pytest

from support.errors import fails
from support.wire import VERSION, ask, send, signed


def instance_of(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


# Terraform and Pulumi.


def test_every_interface_of_an_instance_shows_its_attachment(ec2, run):
    (instance,) = run()
    for interface in instance_of(ec2, instance["InstanceId"])["NetworkInterfaces"]:
        assert interface["Attachment"]["AttachmentId"].startswith("eni-attach-")
        assert interface["Attachment"]["DeviceIndex"] == 0


def test_an_image_maps_its_root_device(ec2, image):
    told = ec2.describe_images(ImageIds=[image])["Images"][0]
    root = [mapping for mapping in told["BlockDeviceMappings"] if mapping["DeviceName"] == told["RootDeviceName"]]
    assert root[0]["Ebs"]["SnapshotId"].startswith("snap-") and root[0]["Ebs"]["VolumeSize"] > 0


@pytest.mark.parametrize(
    ("attribute", "key", "value"),
    [
        ("disableApiStop", "DisableApiStop", {"Value": False}),
        ("disableApiTermination", "DisableApiTermination", {"Value": True}),
        ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior", {"Value": "stop"}),
        ("userData", "UserData", {"Value": base64.b64encode(b"#!/bin/sh\n").decode()}),
        ("instanceType", "InstanceType", {"Value": "t3.micro"}),
        ("ebsOptimized", "EbsOptimized", {"Value": False}),
        ("sourceDestCheck", "SourceDestCheck", {"Value": True}),
    ],
)
def test_an_attribute_has_its_value(ec2, run, attribute, key, value):
    (instance,) = run(wait=False, DisableApiTermination=True, UserData="#!/bin/sh\n")
    assert ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute=attribute)[key] == value


def test_an_instance_type_is_told_whole(ec2):
    (told,) = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"]
    for key in ("ProcessorInfo", "VCpuInfo", "MemoryInfo", "EbsInfo", "NetworkInfo", "PlacementGroupInfo"):
        assert told[key], key
    for key in ("CurrentGeneration", "BareMetal", "HibernationSupported", "BurstablePerformanceSupported",
                "DedicatedHostsSupported", "AutoRecoverySupported", "InstanceStorageSupported"):
        assert told[key] in (True, False), key
    assert told["EbsInfo"]["EbsOptimizedInfo"]["BaselineIops"] > 0
    assert told["NetworkInfo"]["NetworkCards"][0]["MaximumNetworkInterfaces"] > 0


def test_a_vpc_tells_its_usage_metrics(ec2, default_vpc):
    told = ec2.describe_vpc_attribute(VpcId=default_vpc, Attribute="enableNetworkAddressUsageMetrics")
    assert told["EnableNetworkAddressUsageMetrics"] == {"Value": False}


def test_addresses_have_attributes(ec2):
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    (told,) = ec2.describe_addresses_attribute(AllocationIds=[allocation], Attribute="domain-name")["Addresses"]
    assert told["AllocationId"] == allocation


def test_what_hangs_on_a_group_or_subnet_is_found_before_it_is_destroyed(ec2, run, group):
    (instance,) = run(SecurityGroupIds=[group], wait=False)
    for name, value in (("group-id", group), ("subnet-id", instance["SubnetId"])):
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
        assert [interface["Attachment"]["InstanceId"] for interface in found] == [instance["InstanceId"]], name


def test_burstable_instances_tell_their_credits(ec2, run):
    (instance,) = run(wait=False)
    told = ec2.describe_instance_credit_specifications(InstanceIds=[instance["InstanceId"]])
    assert told["InstanceCreditSpecifications"] == [{"InstanceId": instance["InstanceId"], "CpuCredits": "unlimited"}]


def test_the_profile_of_an_instance_is_told(ec2, run, daemon, region):
    iam = daemon.client("iam")
    name = f"trap-{region}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    (instance,) = run(wait=False, IamInstanceProfile={"Name": name})
    assert instance_of(ec2, instance["InstanceId"])["IamInstanceProfile"]["Arn"].endswith(f"/{name}")


def test_what_is_modified_sticks(ec2, run, default_vpc):
    (instance,) = run()
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], SourceDestCheck={"Value": False})
    assert instance_of(ec2, instance["InstanceId"])["SourceDestCheck"] is False
    ec2.modify_vpc_attribute(VpcId=default_vpc, EnableDnsHostnames={"Value": False})
    assert ec2.describe_vpc_attribute(VpcId=default_vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"] == {"Value": False}
    subnet = instance["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"] is False


def test_associations_are_found_by_their_id(ec2, default_vpc):
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [default_vpc]}])["NetworkAcls"][0]
    association = acl["Associations"][0]["NetworkAclAssociationId"]
    found = ec2.describe_network_acls(Filters=[{"Name": "association.association-id", "Values": [association]}])
    assert [acl["NetworkAclId"] for acl in found["NetworkAcls"]] == [acl["NetworkAclId"]]


def test_a_new_group_lets_everything_out_until_terraform_takes_it_back(ec2, group):
    everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"] == []
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_security_group(GroupName="other", Description="x", VpcId=vpc)["GroupId"]
    with fails("InvalidPermission.NotFound"):
        ec2.revoke_security_group_egress(GroupId=other, IpPermissions=[{**everything, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])


def test_only_the_default_vpc_gives_names(ec2, default_vpc):
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    for vpc, hostnames in ((default_vpc, True), (other, False)):
        assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"] is hostnames
        assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"] is True


def test_instances_of_a_template_are_tagged_with_it(ec2, run, image):
    template = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    instance = ec2.run_instances(LaunchTemplate={"LaunchTemplateId": template}, MinCount=1, MaxCount=1)["Instances"][0]
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance["InstanceId"]]}])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "aws:ec2launchtemplate:id": template, "aws:ec2launchtemplate:version": "1",
    }


def test_an_instance_tells_the_names_of_its_groups(ec2, run, group):
    (instance,) = run(SecurityGroupIds=[group], wait=False)
    assert instance_of(ec2, instance["InstanceId"])["SecurityGroups"] == [{"GroupId": group, "GroupName": "a-group"}]


def test_all_rules_are_told_where_no_page_is_asked_for(ec2, group):
    for first in (0, 30):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": f"10.0.{n}.0/24"}]}
            for n in range(first, first + 30)
        ])
    told = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    assert len(told["SecurityGroupRules"]) == 61 and "NextToken" not in told


def test_what_is_gone_is_told_so_for_a_while(ec2, run, until_state):
    (instance,) = run()
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    (told,) = until_state([instance["InstanceId"]], "terminated")
    assert told["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert told["StateTransitionReason"].startswith("User initiated (")


def test_old_providers_ask_for_classic(ec2, default_vpc):
    attributes = ec2.describe_account_attributes(AttributeNames=["supported-platforms"])["AccountAttributes"]
    assert attributes[0]["AttributeValues"] == [{"AttributeValue": "VPC"}]
    assert [v["ClassicLinkEnabled"] for v in ec2.describe_vpc_classic_link(VpcIds=[default_vpc])["Vpcs"]] == [False]
    told = ec2.describe_vpc_classic_link_dns_support(VpcIds=[default_vpc])["Vpcs"]
    assert [v["ClassicLinkDnsSupported"] for v in told] == [False]


def test_owner_and_caller_are_one_account(ec2, daemon, group):
    account = daemon.client("sts").get_caller_identity()["Account"]
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["OwnerId"] == account


# Ansible.


def test_a_free_address_names_no_instance(daemon, ec2, region):
    ec2.allocate_address(Domain="vpc")
    assert "<instanceId/>" in ask(daemon, "DescribeAddresses", region).text


def test_codes_that_ansible_matches(ec2, image, group, default_vpc):
    with fails("InvalidGroup.Duplicate"):
        ec2.create_security_group(GroupName="a-group", Description="again", VpcId=default_vpc)
    launch = {"ImageId": image, "InstanceType": "t3.micro", "MaxCount": 1, "MinCount": 1, "ClientToken": "once"}
    first = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    assert ec2.run_instances(**launch)["Instances"][0]["InstanceId"] == first
    with fails("IdempotentParameterMismatch"):
        ec2.run_instances(**{**launch, "InstanceType": "t3.small"})


# Packer.


def test_packer_finds_its_region(ec2, region):
    assert region in [told["RegionName"] for told in ec2.describe_regions(RegionNames=[region])["Regions"]]


def test_an_empty_vpc_means_the_default_one(daemon, ec2, region, default_vpc):
    answer = ask(daemon, "CreateSecurityGroup", region, GroupName="packer", GroupDescription="temporary", VpcId="")
    assert answer.status == 200, answer
    told = ec2.describe_security_groups(GroupIds=[answer.element("groupId")])["SecurityGroups"][0]
    assert told["VpcId"] == default_vpc


def test_a_profile_that_is_not_there_is_named(ec2, image):
    with fails("InvalidParameterValue", "iamInstanceProfile"):
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", IamInstanceProfile={"Name": "nobody"})


def test_a_launch_without_a_default_vpc_says_what_is_missing(ec2, image, default_vpc):
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=default_vpc)
    ec2.delete_vpc(VpcId=default_vpc)
    with fails("VPCIdNotSpecified"):
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")


# AWS CLI and botocore.


def test_a_running_instance_has_a_row_of_status(ec2, run):
    (instance,) = run()
    waiter = ec2.get_waiter("instance_status_ok")
    waiter.wait(InstanceIds=[instance["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def test_pages_of_a_thousand_may_be_asked_for(ec2):
    assert "Volumes" in ec2.describe_volumes(MaxResults=1000)
    assert "Snapshots" in ec2.describe_snapshots(MaxResults=1000)


def test_the_interface_that_the_cli_writes_for_a_public_address(ec2, run, group):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": True, "SubnetId": subnet, "Groups": [group]}
    (instance,) = run(NetworkInterfaces=[interface])
    assert instance_of(ec2, instance["InstanceId"])["PublicIpAddress"]


def test_a_copied_snapshot_needs_no_presigned_url(ec2, region):
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert ec2.copy_snapshot(SourceSnapshotId=snapshot, SourceRegion=region)["SnapshotId"] != snapshot


# Libcloud.


def test_get_with_lists_from_zero_and_numbers_for_truth(daemon, ec2, region, image):
    parameters = {
        "Action": "RunInstances", "Version": VERSION, "ImageId": image, "InstanceType": "t3.micro", "MinCount": "1",
        "MaxCount": "1", "EbsOptimized": "0", "DisableApiTermination": "1", "SecurityGroup.0": "default",
    }
    answer = send(daemon, signed(daemon, parameters, method="GET", region=region))
    assert answer.status == 200, answer
    instance = answer.element("instanceId")
    tags = {"Action": "CreateTags", "Version": VERSION, "ResourceId.0": instance, "Tag.0.Key": "Name", "Tag.0.Value": "web"}
    assert send(daemon, signed(daemon, tags, method="GET", region=region)).status == 200
    assert instance_of(ec2, instance)["Tags"] == [{"Key": "Name", "Value": "web"}]
    told = ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiTermination")
    assert told["DisableApiTermination"] == {"Value": True}


def test_the_namespace_and_the_error_are_spelled_exactly(daemon, region):
    assert f'xmlns="http://ec2.amazonaws.com/doc/{VERSION}/"' in ask(daemon, "DescribeVpcs", region).text
    error = ask(daemon, "DescribeVpcs", region, VpcId_1="vpc-00000000000000001")
    inside = error.element("Error")
    assert inside.startswith("<Code>") and inside.count("<") == 4 and inside.index("<Code>") < inside.index("<Message>")


# All of them.


@pytest.mark.parametrize("action", ["EnableFastLaunch", "GetIpamPoolAllocations", "AcceptVpcEndpointConnections",
                                    "CreateTransitGatewayConnect", "CreateVpnConnection", "AttachClassicLinkVpc"])
def test_every_other_action_is_refused_by_name_and_never_as_a_fault(daemon, region, action):
    answer = ask(daemon, action, region)
    assert (answer.status, answer.code) == (400, "UnsupportedOperation"), answer
    assert action in answer.message
