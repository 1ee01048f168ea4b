"""Filters and pages."""

import pytest

from support.errors import fails
from support.wire import ask


def ids(answer):
    return [i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]]


def test_filters_are_joined_by_and_their_values_by_or(ec2, run, until_state):
    a, b, c = (run(InstanceType=kind)[0]["InstanceId"] for kind in ("t3.micro", "t3.small", "t2.micro"))
    ec2.stop_instances(InstanceIds=[c])
    until_state([c], "stopped")
    find = lambda *filters: set(ids(ec2.describe_instances(Filters=[{"Name": n, "Values": v} for n, v in filters])))
    assert find(("instance-type", ["t3.micro", "t2.micro"])) == {a, c}
    assert find(("instance-type", ["t3.*"])) == {a, b}
    assert find(("instance-type", ["t?.micro"]), ("instance-state-name", ["running"])) == {a}
    assert find(("instance-state-code", ["80"])) == {c}
    assert find(("instance-id", [b]), ("instance-type", ["t3.micro"])) == set()
    assert find(("instance-type", ["T3.MICRO"])) == set(), "values are case-sensitive"
    assert find(("instance-type", [r"t3.\*"])) == set(), "an escaped star is a star"
    private = ec2.describe_instances(InstanceIds=[a])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    assert find(("private-ip-address", [private])) == {a}


@pytest.mark.parametrize(
    "call",
    ["describe_instances", "describe_security_groups", "describe_vpcs", "describe_subnets", "describe_images", "describe_key_pairs",
     "describe_addresses", "describe_network_interfaces", "describe_tags", "describe_regions", "describe_availability_zones",
     "describe_instance_status", "describe_instance_types", "describe_security_group_rules"],
)
def test_an_unknown_filter_is_refused_by_name(ec2, call):
    with fails("InvalidParameterValue", "The filter 'colour' is invalid"):
        getattr(ec2, call)(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_pages_hold_everything_once(ec2, run):
    made = {run(wait=False)[0]["InstanceId"] for _ in range(12)}
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    seen = [i for page in pages for i in ids(page)]
    assert len(pages) >= 3 and len(seen) == 12 and set(seen) == made
    groups = [ec2.create_security_group(GroupName=f"g{n}", Description="x")["GroupId"] for n in range(7)]
    pages = list(ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["SecurityGroups"]) for page in pages] == [5, 3]
    assert set(groups) < {g["GroupId"] for page in pages for g in page["SecurityGroups"]}
    assert "NextToken" not in pages[-1]


def test_pages_that_cannot_be_are_refused(ec2, run, daemon, region):
    instance = run(wait=False)[0]["InstanceId"]
    with fails("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"):
        ec2.describe_instances(InstanceIds=[instance], MaxResults=10)
    text = "Value ( 3 ) for parameter maxResults is invalid. Expecting a value greater than 5."
    # The client itself would not send that.
    answer = ask(daemon, "DescribeSecurityGroups", region, MaxResults="3")
    assert (answer.status, answer.code, answer.message) == (400, "InvalidParameterValue", text)
    assert ask(daemon, "DescribeInstances", region, MaxResults="1001").code == "InvalidParameterValue"
    with pytest.raises(ec2.exceptions.ClientError) as raised:
        ec2.describe_instances(MaxResults=10, NextToken="made-up")
    assert raised.value.response["Error"]["Code"] in ("InvalidNextToken", "InvalidPaginationToken")


def test_a_page_token_lives_through_changes(ec2, run):
    for _ in range(6):
        run(wait=False)
    first = ec2.describe_instances(MaxResults=5)
    run(wait=False)
    rest = ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    assert not set(ids(first)) & set(ids(rest)), "nothing is shown twice"
    assert len(ids(first)) + len(ids(rest)) >= 6
