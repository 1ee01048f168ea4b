"""Tags."""

import pytest

from support.errors import fails, refused


def tags_of(ec2, resource):
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_tags_are_set_overwritten_and_deleted(ec2, group, default_vpc):
    ec2.create_tags(Resources=[group, default_vpc], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    assert tags_of(ec2, group) == tags_of(ec2, default_vpc) == {"a": "1", "b": ""}
    ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "2"}, {"Key": "한글", "Value": "값"}])
    assert tags_of(ec2, group) == {"a": "2", "b": "", "한글": "값"}
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "a", "Value": "not this"}])
    assert tags_of(ec2, group)["a"] == "2", "key and value must both match"
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "a"}, {"Key": "b", "Value": ""}])
    assert tags_of(ec2, group) == {"한글": "값"}
    assert tags_of(ec2, default_vpc) == {"a": "1", "b": ""}


def test_describe_tags_says_what_kind_of_thing_is_tagged(ec2, group):
    ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "1"}])
    [tag] = ec2.describe_tags()["Tags"]
    assert tag == {"Key": "a", "Value": "1", "ResourceId": group, "ResourceType": "security-group"}
    for name, value, count in [("resource-type", "security-group", 1), ("resource-type", "instance", 0), ("key", "a", 1), ("value", "2", 0)]:
        assert len(ec2.describe_tags(Filters=[{"Name": name, "Values": [value]}])["Tags"]) == count


@pytest.mark.parametrize(
    ("tags", "code", "text"),
    [
        ([{"Key": "aws:mine", "Value": "x"}], "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"),
        ([{"Key": "k" * 129, "Value": "x"}], "InvalidParameterValue", None),
        ([{"Key": "k", "Value": "x" * 257}], "InvalidParameterValue", None),
        ([{"Key": "", "Value": "x"}], "InvalidParameterValue", None),
        ([{"Key": f"k{n}", "Value": "x"} for n in range(51)], "TagLimitExceeded", None),
    ],
)
def test_tags_that_cannot_be_are_refused(ec2, group, tags, code, text):
    with refused(ec2, code, text):
        ec2.create_tags(Resources=[group], Tags=tags)


def test_a_tag_on_nothing_is_refused_and_none_is_set(ec2, group):
    with refused(ec2, "InvalidInstanceID.NotFound"):
        ec2.create_tags(Resources=[group, "i-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "1"}])
    with refused(ec2, "InvalidID"):
        ec2.create_tags(Resources=["what-is-this"], Tags=[{"Key": "a", "Value": "1"}])


def test_tags_are_filters_everywhere(ec2, group):
    ec2.create_tags(Resources=[group], Tags=[{"Key": "team", "Value": "blue"}])
    found = lambda **one: [g["GroupId"] for g in ec2.describe_security_groups(Filters=[one])["SecurityGroups"]]
    assert found(Name="tag:team", Values=["blue"]) == [group]
    assert found(Name="tag:team", Values=["bl*"]) == [group]
    assert found(Name="tag:team", Values=["Blue"]) == []
    assert found(Name="tag-key", Values=["team"]) == [group]
    assert found(Name="tag:other", Values=["*"]) == []
    with fails("DryRunOperation", status=412):
        ec2.create_tags(Resources=[group], Tags=[{"Key": "a", "Value": "1"}], DryRun=True)
