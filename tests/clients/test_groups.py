"""Security groups and their rules."""

import re

import pytest

from support.errors import fails, refused

EVERYWHERE = "0.0.0.0/0"


def tcp(start, end=None, cidr=EVERYWHERE, **more):
    end = start if end is None else end
    return {"IpProtocol": "tcp", "FromPort": start, "ToPort": end, "IpRanges": [{"CidrIp": cidr, **more}]}


def describe(ec2, group):
    return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]


def test_a_region_begins_with_a_default_group(ec2, default_vpc):
    [group] = ec2.describe_security_groups()["SecurityGroups"]
    assert (group["GroupName"], group["Description"]) == ("default", "default VPC security group")
    assert group["VpcId"] == default_vpc
    [ingress] = group["IpPermissions"]
    assert ingress["IpProtocol"] == "-1" and "FromPort" not in ingress
    assert [pair["GroupId"] for pair in ingress["UserIdGroupPairs"]] == [group["GroupId"]]
    [egress] = group["IpPermissionsEgress"]
    assert (egress["IpProtocol"], egress["IpRanges"]) == ("-1", [{"CidrIp": EVERYWHERE}])
    with refused(ec2, "CannotDelete", "cannot be deleted by a user"):
        ec2.delete_security_group(GroupId=group["GroupId"])


def test_a_new_group_lets_everything_out_and_nothing_in(ec2, group):
    found = describe(ec2, group)
    assert re.fullmatch(r"sg-[0-9a-f]{17}", group)
    assert found["IpPermissions"] == []
    assert [rule["IpRanges"] for rule in found["IpPermissionsEgress"]] == [[{"CidrIp": EVERYWHERE}]]


def test_rules_come_back_as_they_were_given(ec2, group):
    answer = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            tcp(22, cidr="203.0.113.7/32", Description="me"),
            tcp(8000, 8010),
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": EVERYWHERE}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
        ],
    )
    rules = answer["SecurityGroupRules"]
    assert answer["Return"] is True and len(rules) == 5
    assert all(re.fullmatch(r"sgr-[0-9a-f]{17}", rule["SecurityGroupRuleId"]) for rule in rules)
    seen = {(r["IpProtocol"], r["FromPort"], r["ToPort"], r.get("CidrIpv4"), r.get("Description")) for r in rules}
    assert ("tcp", 22, 22, "203.0.113.7/32", "me") in seen
    assert ("tcp", 8000, 8010, EVERYWHERE, None) in seen
    assert ("udp", 53, 53, "10.0.0.0/8", None) in seen
    assert ("icmp", 8, -1, EVERYWHERE, None) in seen
    [from_group] = [rule for rule in rules if "ReferencedGroupInfo" in rule]
    assert from_group["ReferencedGroupInfo"]["GroupId"] == group
    listed = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert {rule["SecurityGroupRuleId"] for rule in rules} <= {rule["SecurityGroupRuleId"] for rule in listed}
    assert len(listed) == 6, "with the egress rule every group begins with"
    ports = {p.get("FromPort") for p in describe(ec2, group)["IpPermissions"]}
    assert ports == {22, 8000, 53, 8, None}


def test_the_short_form_of_a_rule_works(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp=EVERYWHERE)
    assert describe(ec2, group)["IpPermissions"][0]["FromPort"] == 80


def test_protocol_numbers_come_back_as_names(ec2, group):
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "6", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": EVERYWHERE}]}]
    )
    assert describe(ec2, group)["IpPermissions"][0]["IpProtocol"] == "tcp"


def test_a_cidr_is_stored_by_its_network_and_its_twin_is_a_duplicate(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, cidr="100.68.0.18/18")])
    assert made["SecurityGroupRules"][0]["CidrIpv4"] == "100.68.0.0/18"
    with refused(ec2, "InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, cidr="100.68.1.1/18")])


def test_a_duplicate_rule_is_named_and_fails_the_whole_call(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22)])
    text = 'the specified rule "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW" already exists'
    with refused(ec2, "InvalidPermission.Duplicate", text):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(80), tcp(22)])
    with refused(ec2, "InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, Description="another description")])


@pytest.mark.parametrize(
    ("permission", "code", "text"),
    [
        (tcp(80, 22), "InvalidParameterValue", None),
        (tcp(-1, 22), "InvalidParameterValue", "out of range"),
        (tcp(22, 65536), "InvalidParameterValue", "out of range"),
        (tcp(22, cidr="10.0.0.0/33"), "InvalidParameterValue", "CIDR block 10.0.0.0/33 is malformed"),
        (tcp(22, cidr="10.0.0/8"), "InvalidParameterValue", "CIDR block 10.0.0/8 is malformed"),
        (tcp(22, cidr="::/0"), "InvalidParameterValue", "CIDR block ::/0 is malformed"),
        (tcp(22, cidr="here"), "InvalidParameterValue", "CIDR block here is malformed"),
        (tcp(22, Description="naïve"), "InvalidParameterValue", "Invalid rule description"),
        (tcp(22, Description="x" * 256), "InvalidParameterValue", "Invalid rule description"),
        ({**tcp(22), "IpProtocol": "carrier-pigeon"}, "InvalidParameterValue", "Unknown protocol"),
        ({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": EVERYWHERE}]}, None, None),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 65535, "IpRanges": [{"CidrIp": EVERYWHERE}]}, "InvalidParameterValue", "out of range"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}, "InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist"),
    ],
)
def test_a_malformed_rule_is_refused(ec2, group, permission, code, text):
    if code is None:
        # AWS answers one of these two, which its documentation leaves open.
        with pytest.raises(ec2.exceptions.ClientError) as raised:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        assert raised.value.response["Error"]["Code"] in ("InvalidParameterValue", "MissingParameter", "InvalidPermission.Malformed")
        return
    with refused(ec2, code, text):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


def test_revoking_takes_the_exact_rule_by_its_properties_or_by_its_id(ec2, group):
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22), tcp(80), tcp(443)])
    ids = {rule["FromPort"]: rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"]}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(22)])
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[ids[80]])
    assert [p["FromPort"] for p in describe(ec2, group)["IpPermissions"]] == [443]
    with fails("InvalidSecurityGroupRuleId.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[ids[80]])


def test_revoking_an_unknown_rule_of_the_default_vpc_lists_it_and_succeeds(ec2, group):
    answer = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[tcp(22)])
    assert answer["Return"] is True
    assert [unknown["FromPort"] for unknown in answer["UnknownIpPermissions"]] == [22]


def test_egress_is_opened_and_closed_the_same_way(ec2, group):
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    assert describe(ec2, group)["IpPermissionsEgress"] == []
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(443)])
    [rule] = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert rule["IsEgress"] is True and rule["FromPort"] == 443
    with refused(ec2, "InvalidPermission.Duplicate"):
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(443)])


def test_names_are_unique_in_a_vpc_and_some_are_reserved(ec2, group, default_vpc):
    def create(name, description="x"):
        ec2.create_security_group(GroupName=name, Description=description, VpcId=default_vpc)

    with refused(ec2, "InvalidGroup.Duplicate", f"The security group 'a-group' already exists for VPC '{default_vpc}'"):
        create("a-group")
    with refused(ec2, "InvalidGroup.Reserved"):
        create("default")
    with refused(ec2, "InvalidParameterValue", "Group names may not be in the format sg-*."):
        create("sg-mine")
    with refused(ec2, "InvalidParameterValue"):
        create("x" * 256)
    with refused(ec2, "InvalidParameterValue", "Character sets beyond ASCII are not supported."):
        create("other", "설명")


def test_without_a_vpc_a_group_belongs_to_the_default_one(ec2, default_vpc):
    made = ec2.create_security_group(GroupName="mine", Description="x")["GroupId"]
    assert describe(ec2, made)["VpcId"] == default_vpc
    found = ec2.describe_security_groups(GroupNames=["mine"])["SecurityGroups"]
    assert [g["GroupId"] for g in found] == [made]
    ec2.delete_security_group(GroupName="mine")
    with fails("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[made])


def test_unknown_groups_and_vpcs_are_named(ec2):
    unknown = "sg-0123456789abcdef0"
    with refused(ec2, "InvalidGroup.NotFound", f"The security group '{unknown}' does not exist"):
        ec2.authorize_security_group_ingress(GroupId=unknown, IpPermissions=[tcp(22)])
    with refused(ec2, "InvalidGroup.NotFound"):
        ec2.delete_security_group(GroupId=unknown)
    with fails("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[unknown])
    with fails("InvalidGroup.NotFound", "does not exist in default VPC"):
        ec2.describe_security_groups(GroupNames=["nobody"])
    with refused(ec2, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist"):
        ec2.create_security_group(GroupName="x", Description="x", VpcId="vpc-0123456789abcdef0")
    with refused(ec2, "InvalidGroupId.Malformed"):
        ec2.delete_security_group(GroupId="group-one")


def test_a_group_in_use_cannot_be_deleted(ec2, group, run, until_state):
    [instance] = run(SecurityGroupIds=[group])
    with refused(ec2, "DependencyViolation", f"resource {group} has a dependent object"):
        ec2.delete_security_group(GroupId=group)
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    until_state([instance["InstanceId"]], "terminated")
    ec2.delete_security_group(GroupId=group)


def test_a_group_that_another_refers_to_cannot_be_deleted(ec2, group, default_vpc):
    other = ec2.create_security_group(GroupName="other", Description="x", VpcId=default_vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[permission])
    with refused(ec2, "DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[permission])
    ec2.delete_security_group(GroupId=group)


def test_a_group_takes_sixty_rules_a_direction(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(1000 + n) for n in range(60)])
    with refused(ec2, "RulesPerSecurityGroupLimitExceeded"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(2000)])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(1000)])


def test_groups_are_found_by_what_their_rules_say(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(3005, cidr="198.51.100.0/24")])
    for name, value in [
        ("ip-permission.cidr", "198.51.100.0/24"), ("ip-permission.from-port", "3005"), ("ip-permission.protocol", "tcp"),
        ("group-name", "a-gr*"), ("group-id", group), ("description", "for a test"),
    ]:
        found = ec2.describe_security_groups(Filters=[{"Name": name, "Values": [value]}])["SecurityGroups"]
        assert group in [g["GroupId"] for g in found], name
    none = ec2.describe_security_groups(Filters=[{"Name": "ip-permission.from-port", "Values": ["3006"]}])
    assert none["SecurityGroups"] == []


def test_rules_and_groups_are_tagged_as_they_are_made(ec2, default_vpc):
    tags = [{"Key": "k", "Value": "v"}]
    made = ec2.create_security_group(
        GroupName="x", Description="x", VpcId=default_vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    assert made["Tags"] == tags
    rule = ec2.authorize_security_group_ingress(
        GroupId=made["GroupId"], IpPermissions=[tcp(22)],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
    )["SecurityGroupRules"][0]
    assert rule["Tags"] == tags
    assert describe(ec2, made["GroupId"])["Tags"] == tags
