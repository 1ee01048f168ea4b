"""The AWS CLI, as it is installed."""

import json
import os
import shutil
import subprocess

import pytest

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
        if fails is not None:
            assert result.returncode != 0 and f"({fails})" in result.stderr, result
            return result.stderr
        assert result.returncode == 0, f"{words}: {result.stderr}"
        return json.loads(result.stdout) if result.stdout.strip() else None

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
