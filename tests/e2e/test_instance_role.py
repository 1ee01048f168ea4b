"""A machine that has a role: its metadata service hands out credentials, and they are good for what the role may do."""

import json

import boto3
from botocore.config import Config

from support.daemon import wait_until
from support.errors import fails

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
READ = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"


def test_a_machine_acts_in_its_role(bench, daemon, region):
    iam = daemon.client("iam")
    role = iam.create_role(RoleName="machine", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    iam.attach_role_policy(RoleName="machine", PolicyArn=READ)
    profile = iam.create_instance_profile(InstanceProfileName="machine")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    machine = bench.run(
        bench.group("ssh", "tcp 22"), IamInstanceProfile={"Name": "machine"}, MetadataOptions={"HttpTokens": "required"}
    )
    token = machine.out("curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token")

    def read(path):
        return machine.out(f"curl -sf -H 'X-aws-ec2-metadata-token: {token}' http://169.254.169.254/latest/meta-data/iam/{path}")

    assert json.loads(read("info"))["InstanceProfileArn"] == profile["Arn"]
    assert read("security-credentials/") == "machine"
    given = json.loads(read("security-credentials/machine"))
    assert given["Code"] == "Success" and given["Type"] == "AWS-HMAC"
    client = lambda service: boto3.client(
        service, region_name=region, endpoint_url=daemon.address, aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["Token"], config=Config(retries={"total_max_attempts": 1}),
    )
    identity = client("sts").get_caller_identity()
    assert identity["Arn"].endswith(f":assumed-role/machine/{machine.id}")
    assert identity["UserId"] == f"{role['RoleId']}:{machine.id}"
    assert client("ec2").describe_instances(InstanceIds=[machine.id])["Reservations"]
    with fails("UnauthorizedOperation", status=403):
        client("ec2").terminate_instances(InstanceIds=[machine.id])
    iam.remove_role_from_instance_profile(InstanceProfileName="machine", RoleName="machine")
    nothing = lambda: machine.ssh(f"curl -sf -H 'X-aws-ec2-metadata-token: {token}' http://169.254.169.254/latest/meta-data/iam/info", check=False).returncode != 0
    wait_until(nothing, 5, "no role")
    iam.detach_role_policy(RoleName="machine", PolicyArn=READ)
    iam.delete_role(RoleName="machine")
    with fails("InvalidClientTokenId", status=403):
        client("sts").get_caller_identity()
