"""Instances: their life, what is said of them, and what is refused."""

import base64
import datetime
import ipaddress
import re

import pytest

from support.errors import fails, refused

UNKNOWN = "i-0123456789abcdef0"


def one(ec2, instance_id):
    [reservation] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    [instance] = reservation["Instances"]
    return instance


def test_an_instance_is_described_as_on_aws(ec2, image, run, default_vpc):
    ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
    [launched] = run(KeyName="mine", wait=False)
    assert launched["State"] == {"Code": 0, "Name": "pending"}
    assert re.fullmatch(r"i-[0-9a-f]{17}", launched["InstanceId"])
    ec2.get_waiter("instance_running").wait(InstanceIds=[launched["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    [reservation] = ec2.describe_instances(InstanceIds=[launched["InstanceId"]])["Reservations"]
    assert re.fullmatch(r"r-[0-9a-f]{17}", reservation["ReservationId"])
    assert re.fullmatch(r"\d{12}", reservation["OwnerId"])
    [instance] = reservation["Instances"]
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert (instance["ImageId"], instance["InstanceType"], instance["KeyName"]) == (image, "t3.micro", "mine")
    assert instance["VpcId"] == default_vpc and instance["AmiLaunchIndex"] == 0
    private = ipaddress.ip_address(instance["PrivateIpAddress"])
    [subnet] = ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"]
    assert private in ipaddress.ip_network(subnet["CidrBlock"])
    assert instance["Placement"]["AvailabilityZone"] == subnet["AvailabilityZone"]
    assert ipaddress.ip_address(instance["PublicIpAddress"]) in ipaddress.ip_network("198.18.0.0/16")
    dashed = str(private).replace(".", "-")
    assert instance["PrivateDnsName"] == f"ip-{dashed}.{ec2.meta.region_name}.compute.internal"
    public = instance["PublicIpAddress"].replace(".", "-")
    assert instance["PublicDnsName"] == f"ec2-{public}.{ec2.meta.region_name}.compute.amazonaws.com"
    age = datetime.datetime.now(datetime.timezone.utc) - instance["LaunchTime"]
    assert abs(age.total_seconds()) < 60
    assert instance["Architecture"] in ("x86_64", "arm64")
    assert instance["RootDeviceType"] == "ebs" and instance["RootDeviceName"]
    [interface] = instance["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == instance["PrivateIpAddress"]
    assert interface["Association"]["PublicIp"] == instance["PublicIpAddress"]
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", interface["MacAddress"])
    assert instance["SecurityGroups"][0]["GroupName"] == "default"
    assert instance["MetadataOptions"]["HttpEndpoint"] == "enabled"


def test_stop_and_start_keep_the_private_address_and_change_the_public_one(ec2, run, until_state):
    [launched] = run()
    ids = [launched["InstanceId"]]
    before = one(ec2, ids[0])
    [change] = ec2.stop_instances(InstanceIds=ids)["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    [stopped] = until_state(ids, "stopped")
    assert "PublicIpAddress" not in stopped
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped["StateTransitionReason"].startswith("User initiated (")
    [change] = ec2.start_instances(InstanceIds=ids)["StartingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    [after] = until_state(ids, "running")
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["LaunchTime"] >= before["LaunchTime"]
    assert after["NetworkInterfaces"][0]["NetworkInterfaceId"] == before["NetworkInterfaces"][0]["NetworkInterfaceId"]


def test_starting_what_runs_and_stopping_what_is_stopped_change_nothing(ec2, run, until_state):
    ids = [run()[0]["InstanceId"]]
    assert ec2.start_instances(InstanceIds=ids)["StartingInstances"][0]["CurrentState"]["Name"] == "running"
    ec2.stop_instances(InstanceIds=ids)
    until_state(ids, "stopped")
    assert ec2.stop_instances(InstanceIds=ids)["StoppingInstances"][0]["CurrentState"]["Name"] == "stopped"


def test_reboot_stays_running_and_keeps_the_addresses(ec2, run):
    ids = [run()[0]["InstanceId"]]
    before = one(ec2, ids[0])
    ec2.reboot_instances(InstanceIds=ids)
    after = one(ec2, ids[0])
    assert after["State"]["Name"] == "running"
    assert (after["PublicIpAddress"], after["PrivateIpAddress"]) == (before["PublicIpAddress"], before["PrivateIpAddress"])


def test_a_terminated_instance_is_seen_and_can_be_terminated_again_and_nothing_else(ec2, run, until_state):
    ids = [run()[0]["InstanceId"]]
    [change] = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "shutting-down")
    [gone] = until_state(ids, "terminated")
    assert gone["State"]["Code"] == 48
    assert "PrivateIpAddress" not in gone and "PublicIpAddress" not in gone
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    again = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == "terminated"
    with refused(ec2, "IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=ids)
    with refused(ec2, "IncorrectInstanceState"):
        ec2.stop_instances(InstanceIds=ids)


def test_the_waiters_of_boto3_end(ec2, run):
    config = {"Delay": 1, "MaxAttempts": 30}
    ids = [i["InstanceId"] for i in run(2, wait=False)]
    ec2.get_waiter("instance_exists").wait(InstanceIds=ids, WaiterConfig=config)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=config)
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    ec2.stop_instances(InstanceIds=ids)
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig=config)
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=config)


def test_many_instances_of_one_call_share_a_reservation_and_no_address(ec2, run):
    launched = run(20)
    assert sorted(i["AmiLaunchIndex"] for i in launched) == list(range(20))
    [reservation] = ec2.describe_instances()["Reservations"]
    addresses = {i["PrivateIpAddress"] for i in reservation["Instances"]} | {i["PublicIpAddress"] for i in reservation["Instances"]}
    assert len(addresses) == 40


def test_an_address_asked_for_is_given_once(ec2, run, image):
    subnet = ec2.describe_subnets()["Subnets"][0]
    address = str(ipaddress.ip_network(subnet["CidrBlock"])[77])
    [launched] = run(SubnetId=subnet["SubnetId"], PrivateIpAddress=address)
    assert launched["PrivateIpAddress"] == address
    with refused(ec2, "InvalidIPAddress.InUse"):
        run(SubnetId=subnet["SubnetId"], PrivateIpAddress=address)
    for reserved in (0, 1, 2, 3, -1):
        with refused(ec2, "InvalidParameterValue"):
            run(SubnetId=subnet["SubnetId"], PrivateIpAddress=str(ipaddress.ip_network(subnet["CidrBlock"])[reserved]))
    with refused(ec2, "InvalidParameterValue"):
        run(SubnetId=subnet["SubnetId"], PrivateIpAddress="10.1.2.3")


def test_a_public_address_is_optional(ec2, run):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    [launched] = run(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": False}])
    assert "PublicIpAddress" not in one(ec2, launched["InstanceId"])


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist"),
        ({"ImageId": "image-one"}, "InvalidAMIID.Malformed", None),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound", "The key pair 'nobody' does not exist"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist"),
        ({"SecurityGroups": ["nobody"]}, "InvalidGroup.NotFound", None),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist"),
        ({"InstanceType": "t9.gigantic"}, "InvalidParameterValue", "Invalid value 't9.gigantic' for InstanceType."),
        ({"MinCount": 0, "MaxCount": 0}, "InvalidParameterValue", None),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterCombination", "must not be below the minimum"),
        ({"MinCount": -1, "MaxCount": 1}, "InvalidParameterValue", None),
        ({"UserData": "x" * 16385}, "InvalidParameterValue", "User data is limited to 16384 bytes"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue", None),
        ({"ClientToken": "x" * 65}, "InvalidParameterValue", None),
        ({"Placement": {"AvailabilityZone": "nowhere-1a"}}, None, None),
    ],
)
def test_what_cannot_be_launched_is_refused(ec2, run, change, code, text):
    if code is None:
        with pytest.raises(ec2.exceptions.ClientError) as raised:
            run(**change)
        assert raised.value.response["Error"]["Code"] in ("InvalidZone.NotFound", "InvalidParameterValue")
        assert ec2.describe_instances()["Reservations"] == []
        return
    with refused(ec2, code, text):
        run(**change)


def test_ten_thousand_instances_do_not_fit(ec2, run):
    with pytest.raises(ec2.exceptions.ClientError) as raised:
        run(10_000, wait=False)
    assert raised.value.response["Error"]["Code"] in ("InstanceLimitExceeded", "VcpuLimitExceeded", "InsufficientFreeAddressesInSubnet")
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_unknown_instances_are_named_and_the_known_left_alone(ec2, run):
    known = run()[0]["InstanceId"]
    text = f"The instance ID '{UNKNOWN}' does not exist"
    for call in (ec2.stop_instances, ec2.start_instances, ec2.terminate_instances, ec2.reboot_instances):
        with refused(ec2, "InvalidInstanceID.NotFound", text):
            call(InstanceIds=[known, UNKNOWN])
        with refused(ec2, "InvalidInstanceID.Malformed", 'Invalid id: "mine"'):
            call(InstanceIds=["mine"])
    with fails("InvalidInstanceID.NotFound", text):
        ec2.describe_instances(InstanceIds=[UNKNOWN])
    with fails("InvalidInstanceID.NotFound"):
        ec2.describe_instance_status(InstanceIds=[UNKNOWN])
    with fails("InvalidInstanceID.NotFound"):
        ec2.get_console_output(InstanceId=UNKNOWN)


def test_a_client_token_makes_a_launch_happen_once(ec2, run, until_state):
    first = run(2, ClientToken="once")
    again = run(2, ClientToken="once")
    assert [i["InstanceId"] for i in first] == [i["InstanceId"] for i in again]
    assert len(ec2.describe_instances()["Reservations"]) == 1
    with refused(ec2, "IdempotentParameterMismatch"):
        run(1, ClientToken="once")
    assert run(1, ClientToken="Once")[0]["InstanceId"] not in [i["InstanceId"] for i in first]


def test_a_client_token_of_a_terminated_instance_is_not_used_again(ec2, run, until_state):
    ids = [run(ClientToken="once")[0]["InstanceId"]]
    ec2.terminate_instances(InstanceIds=ids)
    until_state(ids, "terminated")
    with refused(ec2, "IdempotentInstanceTerminated"):
        run(ClientToken="once")


def test_a_dry_run_launches_nothing(ec2, run):
    with refused(ec2, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412):
        run(DryRun=True)
    with refused(ec2, "InvalidKeyPair.NotFound"):
        run(DryRun=True, KeyName="nobody")


def test_tags_are_given_at_launch(ec2, run):
    tags = [{"Key": "Name", "Value": "web"}, {"Key": "empty", "Value": ""}]
    [launched] = run(TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    assert sorted(one(ec2, launched["InstanceId"])["Tags"], key=lambda tag: tag["Key"]) == tags
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["w?b"]}])["Reservations"]
    assert found[0]["Instances"][0]["InstanceId"] == launched["InstanceId"]
    with refused(ec2, "InvalidParameterValue"):
        run(TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])


def test_user_data_of_exactly_the_limit_is_kept(ec2, run):
    data = "x" * 16384
    [launched] = run(UserData=data)
    answer = ec2.describe_instance_attribute(InstanceId=launched["InstanceId"], Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]).decode() == data


def test_attributes_are_told_one_by_one(ec2, run, group):
    [launched] = run(SecurityGroupIds=[group], InstanceInitiatedShutdownBehavior="terminate")
    ask = lambda name: ec2.describe_instance_attribute(InstanceId=launched["InstanceId"], Attribute=name)
    assert ask("instanceType")["InstanceType"]["Value"] == "t3.micro"
    assert ask("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert ask("disableApiTermination")["DisableApiTermination"]["Value"] is False
    assert [g["GroupId"] for g in ask("groupSet")["Groups"]] == [group]
    assert ask("rootDeviceName")["RootDeviceName"]["Value"]
    with fails("InvalidParameterValue"):
        ask("colour")


def test_termination_protection_protects(ec2, run):
    [launched] = run(DisableApiTermination=True)
    with refused(ec2, "OperationNotPermitted", f"The instance '{launched['InstanceId']}' may not be terminated."):
        ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])


def test_status_shows_running_instances_unless_asked_for_all(ec2, run, until_state):
    running, stopped = (i["InstanceId"] for i in run(2))
    ec2.stop_instances(InstanceIds=[stopped])
    until_state([stopped], "stopped")
    shown = ec2.describe_instance_status()["InstanceStatuses"]
    assert [s["InstanceId"] for s in shown] == [running]
    assert shown[0]["InstanceState"]["Name"] == "running"
    assert shown[0]["InstanceStatus"]["Status"] in ("initializing", "ok")
    assert {s["InstanceId"] for s in ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]} == {running, stopped}


def test_the_console_is_readable(ec2, run):
    [launched] = run()
    answer = ec2.get_console_output(InstanceId=launched["InstanceId"])
    assert answer["InstanceId"] == launched["InstanceId"]
    assert "simulated boot" in answer["Output"]
    assert answer["Timestamp"]


def test_types_have_the_size_that_aws_gives_them(ec2):
    types = {t["InstanceType"]: t for page in ec2.get_paginator("describe_instance_types").paginate() for t in page["InstanceTypes"]}
    size = lambda name: (types[name]["VCpuInfo"]["DefaultVCpus"], types[name]["MemoryInfo"]["SizeInMiB"])
    assert size("t3.micro") == (2, 1024) and size("t2.nano") == (1, 512) and size("m5.large") == (2, 8192)
    assert types["t3.micro"]["NetworkInfo"]["MaximumNetworkInterfaces"] == 2
    only = ec2.describe_instance_types(InstanceTypes=["t3.small"])["InstanceTypes"]
    assert [t["InstanceType"] for t in only] == ["t3.small"]
    with fails("InvalidInstanceType"):
        ec2.describe_instance_types(InstanceTypes=["t9.gigantic"])
