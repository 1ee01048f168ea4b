"""The AWS CLI, as it is installed."""

import json
import os
import re
import shutil
import subprocess

import pytest

from support import figures
from support.daemon import ACCESS_KEY, SECRET_KEY

# Debian's own, which is version 2, before any that Python's package index put into the PATH.
AWS = "/usr/bin/aws" if os.path.exists("/usr/bin/aws") else shutil.which("aws")


@pytest.fixture
def aws(daemon, region, tmp_path):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": region, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", "LC_ALL": "C.UTF-8",
    }

    def call(*words, service="ec2", fails=None):
        line = [AWS, "--endpoint-url", daemon.address, "--output", "json", service, *words]
        result = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        figures.count("awscli", (result.returncode == 0) == (fails is None))
        if fails is not None:
            assert result.returncode != 0 and f"({fails})" in result.stderr, result
            return result.stderr
        assert result.returncode == 0, f"{words}: {result.stderr}"
        return json.loads(result.stdout) if result.stdout.strip() else None

    def soon(waiter, **parameters):
        # The CLI's own waiters ask at once and then every 15 seconds: here there is nothing left to wait for.
        daemon.client(region=region).get_waiter(waiter).wait(**parameters, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        ((name, words),) = parameters.items()
        call("wait", waiter.replace("_", "-"), "--" + re.sub("(?<=[a-z])([A-Z])", r"-\1", name).lower(), *words)

    call.region, call.soon = region, soon
    return call


def test_it_is_version_2():
    assert subprocess.run([AWS, "--version"], capture_output=True, text=True).stdout.startswith("aws-cli/2.")


def test_the_whole_life_of_an_instance(aws, tmp_path):
    assert aws("get-caller-identity", service="sts")["Arn"].endswith(":root")
    key = aws("create-key-pair", "--key-name", "mine", "--query", "KeyMaterial")
    assert key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    group = aws("create-security-group", "--group-name", "web", "--description", "a web server")["GroupId"]
    aws("authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "203.0.113.7/32")
    aws("authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", "203.0.113.7/32",
        fails="InvalidPermission.Duplicate")
    image = aws("describe-images", "--query", "Images[0].ImageId")
    user_data = tmp_path / "user-data"
    user_data.write_text("#!/bin/sh\necho 안녕\n")
    launched = aws(
        "run-instances", "--image-id", image, "--instance-type", "t3.micro", "--key-name", "mine", "--security-group-ids", group,
        "--user-data", f"file://{user_data}", "--tag-specifications", "ResourceType=instance,Tags=[{Key=Name,Value=web}]",
    )["Instances"][0]["InstanceId"]
    aws("wait", "instance-running", "--instance-ids", launched)
    found = aws("describe-instances", "--filters", "Name=tag:Name,Values=web", "--query", "Reservations[].Instances[]")
    assert [i["InstanceId"] for i in found] == [launched] and found[0]["State"]["Name"] == "running"
    assert aws("get-console-output", "--instance-id", launched, "--latest")["Output"]
    aws("stop-instances", "--instance-ids", launched)
    aws("wait", "instance-stopped", "--instance-ids", launched)
    aws("terminate-instances", "--instance-ids", launched)
    aws("wait", "instance-terminated", "--instance-ids", launched)
    aws("delete-security-group", "--group-id", group)
    aws("describe-instances", "--instance-ids", "i-0123456789abcdef0", fails="InvalidInstanceID.NotFound")


def test_pages_and_dry_runs(aws):
    for number in range(6):
        aws("create-security-group", "--group-name", f"g{number}", "--description", "x")
    assert len(aws("describe-security-groups", "--page-size", "5")["SecurityGroups"]) == 7
    assert aws("describe-security-groups", "--max-items", "2")["NextToken"]
    aws("create-security-group", "--group-name", "x", "--description", "x", "--dry-run", fails="DryRunOperation")


def test_the_services_beside_ec2(aws, tmp_path):
    trust = tmp_path / "trust.json"
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    role = aws("create-role", "--role-name", "cli", "--assume-role-policy-document", f"file://{trust}", service="iam")["Role"]
    given = aws("assume-role", "--role-arn", role["Arn"], "--role-session-name", "me", service="sts")["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA")
    assert "cli" in aws("list-roles", "--query", "Roles[].RoleName", service="iam")
    aws("get-instance-profile", "--instance-profile-name", "none", service="iam", fails="NoSuchEntity")
    parameter = "/aws/service/debian/release/12/latest/amd64"
    image = aws("get-parameter", "--name", parameter, "--query", "Parameter.Value", service="ssm")
    launched = aws("run-instances", "--image-id", f"resolve:ssm:{parameter}", "--instance-type", "t3.micro")["Instances"][0]
    assert launched["ImageId"] == image
    aws("wait", "instance-running", "--instance-ids", launched["InstanceId"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    sent = aws(
        "send-ssh-public-key", "--instance-id", launched["InstanceId"], "--instance-os-user", "admin",
        "--ssh-public-key", f"file://{tmp_path}/key.pub", service="ec2-instance-connect",
    )
    assert sent["Success"] is True
    aws("get-parameter", "--name", "/no/such", service="ssm", fails="ParameterNotFound")
    aws("delete-role", "--role-name", "cli", service="iam")


def test_a_network_by_its_words(aws):
    """What a tutorial of VPCs types, from the network to the machine in it and back."""
    vpc = aws("create-vpc", "--cidr-block", "10.4.0.0/16", "--tag-specifications", "ResourceType=vpc,Tags=[{Key=Name,Value=shop}]")["Vpc"]["VpcId"]
    aws.soon("vpc_available", VpcIds=[vpc])
    aws("modify-vpc-attribute", "--vpc-id", vpc, "--enable-dns-hostnames")
    assert aws("describe-vpc-attribute", "--vpc-id", vpc, "--attribute", "enableDnsHostnames", "--query", "EnableDnsHostnames.Value") is True
    zone = aws("describe-availability-zones", "--query", "AvailabilityZones[0].ZoneName")
    subnet = aws("create-subnet", "--vpc-id", vpc, "--cidr-block", "10.4.1.0/24", "--availability-zone", zone)["Subnet"]["SubnetId"]
    aws.soon("subnet_available", SubnetIds=[subnet])
    aws("modify-subnet-attribute", "--subnet-id", subnet, "--map-public-ip-on-launch")
    gateway = aws("create-internet-gateway", "--query", "InternetGateway.InternetGatewayId")
    aws("attach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    table = aws("create-route-table", "--vpc-id", vpc, "--query", "RouteTable.RouteTableId")
    assert aws("create-route", "--route-table-id", table, "--destination-cidr-block", "0.0.0.0/0", "--gateway-id", gateway)["Return"] is True
    association = aws("associate-route-table", "--route-table-id", table, "--subnet-id", subnet, "--query", "AssociationId")
    acl = aws("create-network-acl", "--vpc-id", vpc, "--query", "NetworkAcl.NetworkAclId")
    for number, protocol, more in [
        ("100", "tcp", ["--port-range", "From=22,To=22"]), ("110", "udp", ["--port-range", "From=53,To=53"]),
        ("120", "icmp", ["--icmp-type-code", "Code=-1,Type=8"]), ("130", "all", []), ("140", "6", ["--port-range", "From=80,To=80"]),
    ]:
        aws("create-network-acl-entry", "--network-acl-id", acl, "--ingress", "--rule-number", number, "--protocol", protocol,
            "--cidr-block", "0.0.0.0/0", "--rule-action", "allow", *more)
    query = "NetworkAcls[0].Entries[?RuleNumber<`1000`].[RuleNumber,Protocol]"
    entries = aws("describe-network-acls", "--network-acl-ids", acl, "--query", query)
    assert sorted(entries) == [[100, "6"], [110, "17"], [120, "1"], [130, "-1"], [140, "6"]]
    aws("delete-network-acl", "--network-acl-id", acl)
    group = aws("create-security-group", "--group-name", "web", "--description", "visitors", "--vpc-id", vpc)["GroupId"]
    aws("authorize-security-group-ingress", "--group-id", group, "--ip-permissions",
        "IpProtocol=tcp,FromPort=80,ToPort=80,IpRanges=[{CidrIp=0.0.0.0/0,Description=visitors}]")
    rule = aws("describe-security-group-rules", "--filters", f"Name=group-id,Values={group}", "--query",
               "SecurityGroupRules[?!IsEgress].SecurityGroupRuleId | [0]")
    aws("revoke-security-group-ingress", "--group-id", group, "--security-group-rule-ids", rule)
    image = aws("describe-images", "--owners", "amazon", "--query", "sort_by(Images, &Name)[0].ImageId")
    machine = aws(
        "run-instances", "--image-id", image, "--instance-type", "t3.micro", "--subnet-id", subnet, "--security-group-ids", group,
        "--associate-public-ip-address", "--count", "1", "--query", "Instances[0].InstanceId",
    )
    aws.soon("instance_running", InstanceIds=[machine])
    aws.soon("instance_status_ok", InstanceIds=[machine])
    aws.soon("system_status_ok", InstanceIds=[machine])
    assert aws("describe-instances", "--instance-ids", machine, "--query", "Reservations[0].Instances[0].PublicIpAddress")
    volume = aws("create-volume", "--availability-zone", zone, "--size", "1", "--volume-type", "gp3", "--query", "VolumeId")
    aws.soon("volume_available", VolumeIds=[volume])
    aws("attach-volume", "--volume-id", volume, "--instance-id", machine, "--device", "/dev/sdf")
    aws.soon("volume_in_use", VolumeIds=[volume])
    # Without ids and filters the CLI asks for pages of its own accord.
    assert volume in [found["VolumeId"] for found in aws("describe-volumes")["Volumes"]]
    snapshot = aws("create-snapshot", "--volume-id", volume, "--query", "SnapshotId")
    aws.soon("snapshot_completed", SnapshotIds=[snapshot])
    aws("detach-volume", "--volume-id", volume)
    aws.soon("volume_available", VolumeIds=[volume])
    aws("delete-volume", "--volume-id", volume)
    aws.soon("volume_deleted", VolumeIds=[volume])
    aws("delete-snapshot", "--snapshot-id", snapshot)
    address = aws("allocate-address", "--domain", "vpc", "--query", "AllocationId")
    aws("associate-address", "--allocation-id", address, "--instance-id", machine)
    aws("disassociate-address", "--association-id", aws("describe-addresses", "--query", "Addresses[0].AssociationId"))
    aws("release-address", "--allocation-id", address)
    aws("terminate-instances", "--instance-ids", machine)
    aws.soon("instance_terminated", InstanceIds=[machine])
    aws("delete-vpc", "--vpc-id", vpc, fails="DependencyViolation")
    aws("delete-security-group", "--group-id", group)
    aws("disassociate-route-table", "--association-id", association)
    aws("delete-route-table", "--route-table-id", table)
    aws("detach-internet-gateway", "--internet-gateway-id", gateway, "--vpc-id", vpc)
    aws("delete-internet-gateway", "--internet-gateway-id", gateway)
    aws("delete-subnet", "--subnet-id", subnet)
    aws("delete-vpc", "--vpc-id", vpc)
    aws("describe-vpcs", "--vpc-ids", vpc, fails="InvalidVpcID.NotFound")


def test_pages_go_on_where_they_ended(aws):
    for number in range(7):
        aws("create-volume", "--availability-zone", f"{aws.region}a", "--size", str(number + 1))
    first = aws("describe-volumes", "--max-items", "5", "--page-size", "5")
    rest = aws("describe-volumes", "--starting-token", first["NextToken"], "--page-size", "5")
    assert len(first["Volumes"]) == 5 and len(rest["Volumes"]) == 2 and "NextToken" not in rest
    assert sorted(v["Size"] for v in first["Volumes"] + rest["Volumes"]) == list(range(1, 8))
    assert sorted(aws("describe-volumes", "--query", "Volumes[].Size", "--page-size", "5")) == list(range(1, 8))
