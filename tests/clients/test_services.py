"""STS, IAM, Systems Manager and EC2 Instance Connect, as AWS's own clients call them before and beside EC2."""

import itertools
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from support.daemon import ACCESS_KEY, SECRET_KEY, Daemon
from support.errors import fails
from support.wire import send, signed

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
_names = itertools.count(1)


@pytest.fixture
def iam(daemon):
    return daemon.client("iam")


@pytest.fixture
def name():
    """A name in IAM that no other test uses: IAM is one for the account."""
    return f"test-{next(_names)}"


@pytest.fixture
def role(iam, name):
    """A role without policies."""
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]


def policy(name):
    return f"arn:aws:iam::aws:policy/{name}"


def assumed(daemon, role, region, session="alice", **parameters):
    """Makes clients with the credentials of a role."""
    sts = daemon.client("sts", region=region)
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName=session, **parameters)["Credentials"]

    def client(service):
        return boto3.client(
            service, region_name=region, endpoint_url=daemon.address, aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


# STS


def test_a_role_is_assumed_and_says_who_it_is(daemon, role, region):
    identity = assumed(daemon, role, region)("sts").get_caller_identity()
    account = role["Arn"].split(":")[4]
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/alice"
    assert identity["UserId"] == f"{role['RoleId']}:alice" and identity["Account"] == account


def test_what_assume_role_answers(daemon, role):
    sts = daemon.client("sts")
    answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="alice", DurationSeconds=900)
    given = answer["Credentials"]
    assert given["AccessKeyId"].startswith("ASIA") and len(given["AccessKeyId"]) == 20
    assert len(given["SecretAccessKey"]) == 40 and given["SessionToken"]
    assert 880 < given["Expiration"].timestamp() - time.time() <= 900
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:alice"
    again = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="alice")["Credentials"]
    assert again["AccessKeyId"] != given["AccessKeyId"]


@pytest.mark.parametrize(
    "change, code, status",
    [
        ({"RoleArn": "arn:aws:iam::000000000000:role/there-is-none"}, "AccessDenied", 403),
        ({"RoleSessionName": "with space"}, "ValidationError", 400),
        ({"DurationSeconds": 43200}, "ValidationError", 400),
        ({"ExternalId": "x" * 20, "Policy": "{}"}, "ValidationError", 400),
        ({"SerialNumber": "arn:aws:iam::000000000000:mfa/x", "TokenCode": "123456"}, "AccessDenied", 403),
    ],
)
def test_a_role_is_not_assumed_otherwise(daemon, role, change, code, status):
    with fails(code, status=status):
        daemon.client("sts").assume_role(**{"RoleArn": role["Arn"], "RoleSessionName": "alice", **change})


def test_credentials_are_good_only_together(daemon, role, region):
    sts = daemon.client("sts", region=region)
    one, other = (sts.assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"] for name in ("one", "other"))

    def who(key=one["AccessKeyId"], secret=one["SecretAccessKey"], token=one["SessionToken"]):
        client = boto3.client(
            "sts", region_name=region, endpoint_url=daemon.address, aws_access_key_id=key, aws_secret_access_key=secret,
            aws_session_token=token, config=Config(retries={"total_max_attempts": 1}),
        )
        return client.get_caller_identity()["Arn"]

    assert who().endswith("/one")
    middle = len(one["SessionToken"]) // 2
    changed = "A" if one["SessionToken"][middle] != "A" else "B"
    for token in (None, "", "nonsense", other["SessionToken"], one["SessionToken"][:middle] + changed + one["SessionToken"][middle + 1 :]):
        with fails("InvalidClientTokenId", status=403):
            who(token=token)
    with fails("SignatureDoesNotMatch", status=403):
        who(secret=other["SecretAccessKey"])
    with fails("InvalidClientTokenId", status=403):
        who(key=other["AccessKeyId"])
    with fails("InvalidClientTokenId", status=403):
        who(key="AKIATESTTESTTESTTEST", secret=SECRET_KEY)


def test_a_presigned_address_carries_its_token(daemon, role, iam, region):
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=policy("AmazonEC2ReadOnlyAccess"))
    ec2 = assumed(daemon, role, region)("ec2")
    url = ec2.generate_presigned_url("describe_vpcs", ExpiresIn=60, HttpMethod="GET")
    assert "X-Amz-Security-Token=" in url
    assert b"<vpcSet>" in urllib.request.urlopen(url).read()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    del query["X-Amz-Security-Token"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{daemon.address}/?{urllib.parse.urlencode(query)}")
    assert refused.value.code == 401 and b"AuthFailure" in refused.value.read()


def test_a_role_that_is_gone_has_no_sessions(daemon, iam, role, region):
    sts = assumed(daemon, role, region)("sts")
    sts.get_caller_identity()
    iam.delete_role(RoleName=role["RoleName"])
    with fails("InvalidClientTokenId", status=403):
        sts.get_caller_identity()
    iam.create_role(RoleName=role["RoleName"], AssumeRolePolicyDocument=json.dumps(TRUST))
    with fails("InvalidClientTokenId", status=403):
        sts.get_caller_identity()


def test_the_root_user_s_own_session(daemon, region):
    given = daemon.client("sts").get_session_token()["Credentials"]
    client = lambda service: boto3.client(
        service, region_name=region, endpoint_url=daemon.address, aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"],
    )
    assert client("sts").get_caller_identity()["Arn"].endswith(":root")
    assert client("ec2").describe_vpcs()["Vpcs"]
    with fails("AccessDenied", status=403):
        client("iam").list_roles()
    assert daemon.client("sts").get_access_key_info(AccessKeyId=given["AccessKeyId"])["Account"] == "000000000000"


def test_sessions_outlive_a_restart(tmp_path):
    daemon = Daemon(tmp_path / "state").start()
    try:
        iam = daemon.client("iam")
        role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        given = daemon.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="alice")["Credentials"]
        assert daemon.terminate() == 0
        daemon.start()
        sts = boto3.client(
            "sts", region_name="us-east-1", endpoint_url=daemon.address, aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"],
        )
        assert sts.get_caller_identity()["Arn"].endswith("assumed-role/web/alice")
        assert daemon.client("iam").get_role(RoleName="web")["Role"]["RoleId"] == role["RoleId"]
    finally:
        daemon.terminate()


# What roles may do


def test_a_role_without_policies_may_do_nothing(daemon, role, region):
    client = assumed(daemon, role, region)
    ec2 = client("ec2")
    for call, parameters in (("describe_vpcs", {}), ("create_key_pair", {"KeyName": "a", "DryRun": True})):
        with fails("UnauthorizedOperation", "You are not authorized to perform this operation.", status=403):
            getattr(ec2, call)(**parameters)
    with fails("AccessDenied", "iam:ListRoles", status=403):
        client("iam").list_roles()
    with fails("AccessDenied", "sts:AssumeRole", status=403):
        client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="again")
    with fails("AccessDeniedException", "ssm:GetParameter"):
        client("ssm").get_parameter(Name="/aws/service/daemun/x")
    with fails("AccessDeniedException", "ec2-instance-connect:SendSSHPublicKey"):
        client("ec2-instance-connect").send_ssh_public_key(InstanceId="i-0123456789abcdef0", InstanceOSUser="admin", SSHPublicKey="x" * 90)


def test_policies_open_what_they_open_at_once(daemon, iam, role, region):
    client = assumed(daemon, role, region)
    ec2, mine = client("ec2"), client("iam")
    attach = lambda name: iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=policy(name))
    attach("AmazonEC2ReadOnlyAccess")
    assert ec2.describe_vpcs()["Vpcs"]
    with fails("UnauthorizedOperation", status=403):
        ec2.create_security_group(GroupName="a", Description="b")
    attach("AmazonEC2FullAccess")
    with fails("DryRunOperation", status=412):
        ec2.create_security_group(GroupName="a", Description="b", DryRun=True)
    with fails("AccessDenied", status=403):
        mine.create_role(RoleName="stronger", AssumeRolePolicyDocument=json.dumps(TRUST))
    attach("AdministratorAccess")
    assert mine.get_role(RoleName=role["RoleName"])
    for name in ("AdministratorAccess", "AmazonEC2FullAccess"):
        iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=policy(name))
    with fails("UnauthorizedOperation", status=403):
        ec2.create_security_group(GroupName="a", Description="b")


# IAM


def test_a_role_as_terraform_makes_and_reads_it(iam, name):
    made = iam.create_role(
        RoleName=name, Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="for a test",
        MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "x"}],
    )["Role"]
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
    read = iam.get_role(RoleName=name)["Role"]
    assert read["Arn"] == f"arn:aws:iam::000000000000:role/app/{name}" and read["Path"] == "/app/"
    assert read["AssumeRolePolicyDocument"] == TRUST and read["MaxSessionDuration"] == 7200
    assert read["Description"] == "for a test" and read["Tags"] == [{"Key": "team", "Value": "x"}]
    assert read["CreateDate"] == made["CreateDate"]
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == []
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    iam.attach_role_policy(RoleName=name, PolicyArn=policy("ReadOnlyAccess"))
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "ReadOnlyAccess", "PolicyArn": policy("ReadOnlyAccess")}]
    iam.update_role(RoleName=name, Description="", MaxSessionDuration=3600)
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "y"}, {"Key": "b", "Value": ""}])
    iam.untag_role(RoleName=name, TagKeys=["b"])
    changed = dict(TRUST, Id="changed")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(changed))
    read = iam.get_role(RoleName=name)["Role"]
    assert (read["MaxSessionDuration"], read["Tags"]) == (3600, [{"Key": "team", "Value": "y"}])
    assert read["AssumeRolePolicyDocument"] == changed
    with fails("DeleteConflict", status=409):
        iam.delete_role(RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=policy("ReadOnlyAccess"))
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    iam.delete_role(RoleName=name)
    for call in (iam.get_role, iam.delete_role, iam.list_role_policies):
        with fails("NoSuchEntity", f"The role with name {name} cannot be found.", status=404):
            call(RoleName=name)


def test_an_instance_profile_from_making_to_deleting(iam, role, name):
    made = iam.create_instance_profile(InstanceProfileName=name, Tags=[{"Key": "a", "Value": "b"}])["InstanceProfile"]
    assert made["InstanceProfileId"].startswith("AIPA") and made["Roles"] == []
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    read = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [inside["Arn"] for inside in read["Roles"]] == [role["Arn"]] and read["Tags"] == [{"Key": "a", "Value": "b"}]
    listed = [profile["InstanceProfileName"] for profile in iam.get_paginator("list_instance_profiles").paginate().search("InstanceProfiles[]")]
    assert name in listed
    waiter = iam.get_waiter("instance_profile_exists")
    waiter.wait(InstanceProfileName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    with fails("LimitExceeded", "InstanceSessionsPerInstanceProfile", status=409):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    with fails("EntityAlreadyExists", status=409):
        iam.create_instance_profile(InstanceProfileName=name)
    for call, parameters in ((iam.delete_instance_profile, {"InstanceProfileName": name}), (iam.delete_role, {"RoleName": role["RoleName"]})):
        with fails("DeleteConflict", status=409):
            call(**parameters)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=name)
    with fails("NoSuchEntity", f"Instance Profile {name} cannot be found.", status=404):
        iam.get_instance_profile(InstanceProfileName=name)


def test_iam_is_one_for_all_regions(daemon, role):
    for region in ("eu-west-1", "test-north-1"):
        assert daemon.client("iam", region=region).get_role(RoleName=role["RoleName"])["Role"]["RoleId"] == role["RoleId"]


def test_the_user_is_root(iam):
    user = iam.get_user()["User"]
    assert user["Arn"] == "arn:aws:iam::000000000000:root" and user["UserId"] == "000000000000"
    with fails("NoSuchEntity", "The user with name alice cannot be found.", status=404):
        iam.get_user(UserName="alice")


@pytest.mark.parametrize(
    "parameters, code, status",
    [
        ({"RoleName": "a/b"}, "ValidationError", 400),
        ({"Path": "nowhere"}, "ValidationError", 400),
        ({"AssumeRolePolicyDocument": "nonsense"}, "MalformedPolicyDocument", 400),
        ({"AssumeRolePolicyDocument": "{}"}, "MalformedPolicyDocument", 400),
        ({"PermissionsBoundary": policy("ReadOnlyAccess")}, "NoSuchEntity", 404),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidInput", 400),
        ({"MaxSessionDuration": 3599}, "ValidationError", 400),
    ],
)
def test_bad_roles_are_refused(daemon, name, parameters, code, status):
    # The client would refuse some of these by itself.
    iam = daemon.client("iam", parameter_validation=False)
    with fails(code, status=status):
        iam.create_role(**{"RoleName": name, "AssumeRolePolicyDocument": json.dumps(TRUST), **parameters})
    with fails("NoSuchEntity", status=404):
        iam.get_role(RoleName=name)


def test_only_policies_that_mean_something_are_attached(iam, role):
    for arn in (policy("AmazonS3FullAccess"), "arn:aws:iam::000000000000:policy/mine"):
        with fails("NoSuchEntity", status=404):
            iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=arn)


@pytest.mark.parametrize("service, version", [("sts", "2011-06-15"), ("iam", "2010-05-08")])
@pytest.mark.parametrize(
    "parameters, code, status",
    [
        ({}, "MissingAction", 400),
        ({"Action": "DescribeVpcs"}, "InvalidAction", 400),
        ({"Action": "A" * 10_000}, "InvalidAction", 400),
        ({"Action": "GetCallerIdentity\r\nX: y"}, "InvalidAction", 400),
        ({"Action": "GetUser", "Version": "2016-11-15"}, "NoSuchVersion", 400),
        ({"Action": "GetUser", "A": "1", "A.B": "2"}, "MalformedQueryString", 400),
    ],
)
def test_bad_queries_are_refused(daemon, service, version, parameters, code, status):
    wire = {"Version": version, **parameters}
    answer = send(daemon, signed(daemon, wire, service=service))
    assert (answer.code, answer.status) == (code, status), answer
    assert f"https://{service}.amazonaws.com/doc/{version}/" in answer.text


def test_parameters_of_the_wrong_kind_are_refused(daemon):
    base = {"Version": "2010-05-08"}
    for wire in (
        {"Action": "GetRole", "RoleName.member.1": "x"},
        {"Action": "GetRole", "RoleName": "x", "Nonsense": "1"},
        {"Action": "ListRoles", "MaxItems": "many"},
        {"Action": "TagRole", "RoleName": "x", "Tags": "x"},
        {"Action": "TagRole", "RoleName": "x", "Tags.member.1": "x"},
        {"Action": "CreateRole", "RoleName": "x", "Tags.member.1.Key": "x"},
    ):
        answer = send(daemon, signed(daemon, {**base, **wire}, service="iam"))
        assert (answer.code, answer.status) == ("ValidationError", 400), (wire, answer)


# Systems Manager


@pytest.fixture
def ssm(daemon, region):
    return daemon.client("ssm", region=region)


def test_images_have_parameters(ec2, ssm, region):
    images = {image["Name"]: image["ImageId"] for image in ec2.describe_images(Owners=["amazon"])["Images"]}
    assert images
    for name, image in images.items():
        parameter = ssm.get_parameter(Name=f"/aws/service/daemun/{name}")["Parameter"]
        assert parameter["Value"] == image and parameter["Type"] == "String" and parameter["DataType"] == "aws:ec2:image"
        assert parameter["ARN"] == f"arn:aws:ssm:{region}::parameter/aws/service/daemun/{name}"
        assert parameter["Version"] >= 1 and parameter["LastModifiedDate"].timestamp() > 0
        by_arn = ssm.get_parameter(Name=parameter["ARN"])["Parameter"]
        assert by_arn["Value"] == image
        exact = ssm.get_parameter(Name=f"{parameter['Name']}:{parameter['Version']}")["Parameter"]
        assert exact["Value"] == image and exact["Selector"] == f":{parameter['Version']}"
    debian = ssm.get_parameters(Names=["/aws/service/debian/release/12/latest/amd64", "/no/such"])
    assert debian["InvalidParameters"] == ["/no/such"]
    assert [found["Value"] for found in debian["Parameters"]] == [images["debian-12"]]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/aws/service/daemun", PaginationConfig={"PageSize": 1})
    assert {found["Name"].rsplit("/", 1)[1] for page in pages for found in page["Parameters"]} == set(images)


def test_parameters_that_are_not_there(ssm):
    with fails("ParameterNotFound"):
        ssm.get_parameter(Name="/no/such")
    with fails("ParameterVersionNotFound"):
        ssm.get_parameter(Name="/aws/service/daemun/debian-12:1")
    with fails("InvalidNextToken"):
        ssm.get_parameters_by_path(Path="/aws/service", NextToken="nonsense")


def test_an_instance_is_launched_from_a_parameter(ec2, image, run):
    version = ec2.describe_images(ImageIds=[image])["Images"][0]
    for name in (f"/aws/service/daemun/{version['Name']}", "/aws/service/debian/release/12/latest/amd64"):
        instance = run(ImageId=f"resolve:ssm:{name}", wait=False)[0]
        assert instance["ImageId"].startswith("ami-")
    with fails("InvalidParameterValue", "/no/such"):
        run(ImageId="resolve:ssm:/no/such")


@pytest.mark.parametrize("service", ["ssm", "ec2-instance-connect"])
@pytest.mark.parametrize(
    "target, body, codes",
    [
        (None, b"{}", {"UnknownOperationException"}),
        ("", b"{}", {"UnknownOperationException"}),
        ("AmazonSSM.DeleteEverything", b"{}", {"UnknownOperationException"}),
        ("AmazonSSM." + "A" * 5_000, b"{}", {"UnknownOperationException"}),
        ("GOOD", b"nonsense", {"SerializationException"}),
        ("GOOD", b"[1, 2]", {"SerializationException"}),
        ("GOOD", b"[" * 500_000, {"SerializationException"}),
        ("GOOD", b"\xff\xfe", {"SerializationException"}),
        ("GOOD", b"", {"ValidationException", "InvalidArgsException"}),
        ("GOOD", b'{"Name": 7, "InstanceId": 7}', {"SerializationException", "InvalidArgsException"}),
        ("GOOD", b'{"Unheard": true}', {"SerializationException", "InvalidArgsException"}),
        ("GOOD", b'{"Name": {"a": []}, "InstanceId": []}', {"SerializationException", "InvalidArgsException"}),
    ],
)
def test_bad_json_is_refused(daemon, service, target, body, codes):
    good = {"ssm": "AmazonSSM.GetParameter", "ec2-instance-connect": "AWSEC2InstanceConnectService.SendSSHPublicKey"}[service]
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if target is not None:
        headers["X-Amz-Target"] = good if target == "GOOD" else target
    request = AWSRequest(method="POST", url=daemon.address + "/", data=body, headers=headers)
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, "us-east-1").add_auth(request)
    answer = send(daemon, request)
    assert answer.status == 400, answer
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    error = json.loads(answer.body)
    assert error["__type"] in codes and error["message"], error


def test_a_body_that_is_too_large_is_refused(daemon):
    answer = send(daemon, signed(daemon, {}, service="ssm", body=b'{"Name": "' + b"x" * (2 << 20) + b'"}'))
    assert answer.status == 413, answer
    assert daemon.client("sts").get_caller_identity()


@pytest.mark.parametrize(
    "service, call, code, status",
    [
        ("sts", lambda client: client.get_caller_identity(), "InvalidClientTokenId", 403),
        ("iam", lambda client: client.list_roles(), "InvalidClientTokenId", 403),
        ("ssm", lambda client: client.get_parameter(Name="/x"), "UnrecognizedClientException", 400),
    ],
)
def test_wrong_keys_are_refused_in_each_service_s_words(daemon, service, call, code, status):
    with fails(code, status=status):
        call(daemon.client(service, key="AKIANOBODYNOBODYNOBO"))
    mismatch = {"ssm": "InvalidSignatureException"}.get(service, "SignatureDoesNotMatch")
    with fails(mismatch, status=status):
        call(daemon.client(service, secret=SECRET_KEY + "x"))


# EC2 Instance Connect


@pytest.fixture
def connect(daemon, region):
    return daemon.client("ec2-instance-connect", region=region, parameter_validation=False)


@pytest.fixture
def public_key(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return (tmp_path / "key.pub").read_text()


def test_a_key_is_sent_to_a_running_instance(connect, run, public_key):
    instance = run()[0]
    answer = connect.send_ssh_public_key(
        InstanceId=instance["InstanceId"], InstanceOSUser="admin", SSHPublicKey=public_key,
        AvailabilityZone=instance["Placement"]["AvailabilityZone"],
    )
    assert answer["Success"] is True and answer["RequestId"]


def test_a_key_is_not_sent_otherwise(ec2, connect, run, until_state, public_key):
    instance = run()[0]["InstanceId"]
    good = {"InstanceId": instance, "InstanceOSUser": "admin", "SSHPublicKey": public_key}
    for change, code in (
        ({"InstanceId": "i-0123456789abcdef0"}, "EC2InstanceNotFoundException"),
        ({"InstanceId": "nonsense"}, "InvalidArgsException"),
        ({"InstanceOSUser": "a b"}, "InvalidArgsException"),
        ({"InstanceOSUser": "../../x"}, "InvalidArgsException"),
        ({"SSHPublicKey": "ssh-ed25519 " + "A" * 100}, "InvalidArgsException"),
        ({"SSHPublicKey": f"{public_key.strip()}\n{public_key}"}, "InvalidArgsException"),
        ({"AvailabilityZone": "test-south-999z"}, "EC2InstanceNotFoundException"),
    ):
        with fails(code):
            connect.send_ssh_public_key(**{**good, **change})
    with fails("SerialConsoleAccessDisabledException"):
        connect.send_serial_console_ssh_public_key(InstanceId=instance, SSHPublicKey=public_key)
    ec2.stop_instances(InstanceIds=[instance])
    until_state([instance], "stopped")
    with fails("EC2InstanceStateInvalidException"):
        connect.send_ssh_public_key(**good)


def test_another_region_knows_nothing_of_the_instance(daemon, run, public_key):
    instance = run()[0]["InstanceId"]
    elsewhere = daemon.client("ec2-instance-connect", region="test-elsewhere-1")
    with fails("EC2InstanceNotFoundException"):
        elsewhere.send_ssh_public_key(InstanceId=instance, InstanceOSUser="admin", SSHPublicKey=public_key)


# The command line


def test_all_actions_are_listed(daemon):
    listed = json.loads(daemon.run("actions", "--output", "json").stdout)
    names = {(answered["service"], answered["action"]) for answered in listed}
    assert {("ec2", "RunInstances"), ("sts", "AssumeRole"), ("iam", "CreateRole"), ("ssm", "GetParameter"), ("ec2-instance-connect", "SendSSHPublicKey")} <= names
    assert len(names) == len(listed) and all(answered["tier"] in (1, 2, 3) for answered in listed)


def test_a_role_passes_no_role_on_unless_it_may(daemon, iam, role, region, image, name):
    """Whoever can launch instances could else make itself whatever role there is."""
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    attach = lambda policy_name: iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=policy(policy_name))
    attach("AmazonEC2FullAccess")
    ec2 = assumed(daemon, role, region)("ec2")
    launch = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    profile = {"Name": name}
    instance = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    with fails("UnauthorizedOperation", status=403):
        ec2.run_instances(**launch, IamInstanceProfile=profile)
    with fails("UnauthorizedOperation", status=403):
        ec2.associate_iam_instance_profile(IamInstanceProfile=profile, InstanceId=instance)
    attach("AdministratorAccess")
    made = ec2.run_instances(**launch, IamInstanceProfile=profile)["Instances"][0]
    assert made["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{name}")
    ec2.associate_iam_instance_profile(IamInstanceProfile=profile, InstanceId=instance)
