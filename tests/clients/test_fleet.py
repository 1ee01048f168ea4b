"""Placement groups and Spot Instances, as Terraform goes about them."""

import pytest
from botocore.exceptions import ClientError

from support.daemon import wait_until


def code(error):
    return error.value.response["Error"]["Code"]


def test_placement_group(ec2, run, until_state):
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "Name", "Value": "web"}]}]
    made = ec2.create_placement_group(GroupName="web", Strategy="cluster", TagSpecifications=tags)["PlacementGroup"]

    def look():
        return ec2.describe_placement_groups(GroupNames=["web"])["PlacementGroups"][0]

    wait_until(lambda: look()["State"] == "available", 10, "the group is available")
    found = look()
    assert (found["GroupId"], found["Strategy"], found["Tags"]) == (made["GroupId"], "cluster", tags[0]["Tags"])
    assert found["GroupArn"].endswith(":placement-group/web")
    ec2.create_tags(Resources=[made["GroupId"]], Tags=[{"Key": "Name", "Value": "other"}])
    assert look()["Tags"] == [{"Key": "Name", "Value": "other"}]

    instance = run(Placement={"GroupName": "web"})[0]
    assert instance["Placement"]["GroupName"] == "web"
    with pytest.raises(ClientError) as error:
        ec2.delete_placement_group(GroupName="web")
    assert code(error) == "InvalidPlacementGroup.InUse"
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    until_state([instance["InstanceId"]], "terminated")
    ec2.delete_placement_group(GroupName="web")
    with pytest.raises(ClientError) as error:
        look()
    assert code(error) == "InvalidPlacementGroup.Unknown"


def test_spot_instance_request(ec2, image, until_state):
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "Name", "Value": "cheap"}]}]
    request = ec2.request_spot_instances(
        SpotPrice="0.05",
        Type="persistent",
        InstanceInterruptionBehavior="terminate",
        LaunchSpecification={"ImageId": image, "InstanceType": "t3.micro"},
        TagSpecifications=tags,
    )["SpotInstanceRequests"][0]
    ids = [request["SpotInstanceRequestId"]]
    assert request["Status"]["Code"] == "pending-evaluation"
    ec2.get_waiter("spot_instance_request_fulfilled").wait(
        SpotInstanceRequestIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    found = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=ids)["SpotInstanceRequests"][0]
    assert (found["State"], found["Type"], found["Tags"]) == ("active", "persistent", tags[0]["Tags"])
    assert float(found["SpotPrice"]) == 0.05
    instance = until_state([found["InstanceId"]], "running")[0]
    assert (instance["InstanceLifecycle"], instance["SpotInstanceRequestId"]) == ("spot", ids[0])

    cancelled = ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=ids)["CancelledSpotInstanceRequests"]
    assert cancelled == [{"SpotInstanceRequestId": ids[0], "State": "cancelled"}]
    assert until_state([instance["InstanceId"]], "running")
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    until_state([instance["InstanceId"]], "terminated")
    found = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=ids)["SpotInstanceRequests"][0]
    assert (found["State"], found["Status"]["Code"]) == ("cancelled", "instance-terminated-by-user")


def test_a_launch_on_the_spot_market(ec2, run):
    instance = run(InstanceMarketOptions={"MarketType": "spot"})[0]
    filters = [{"Name": "instance-id", "Values": [instance["InstanceId"]]}]
    found = ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert [request["SpotInstanceRequestId"] for request in found] == [instance["SpotInstanceRequestId"]]
    assert found[0]["State"] == "active"


def test_there_are_no_prices_and_no_datafeed(ec2):
    assert ec2.describe_spot_price_history()["SpotPriceHistory"] == []
    with pytest.raises(ClientError) as error:
        ec2.describe_spot_datafeed_subscription()
    assert code(error) == "InvalidSpotDatafeed.NotFound"


def test_a_launch_template_comes_back_as_it_was_sent(ec2, image, run):
    """Terraform reads what it sent; tags of the template are not tags of what is launched from it."""
    data = {
        "ImageId": image,
        "InstanceType": "t3.micro",
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "launched"}]}],
    }
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "Name", "Value": "template"}]}]
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data, TagSpecifications=tags)
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    version = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest"])
    told = version["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert {name: value for name, value in told.items() if value != []} == data
    found = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0]
    assert found["Tags"] == tags[0]["Tags"]
    instance = run(LaunchTemplate={"LaunchTemplateId": template})[0]
    assert {"Key": "Name", "Value": "launched"} in instance["Tags"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={**data, "KeyName": "k"})
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    assert ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0]["DefaultVersionNumber"] == 2
    ec2.delete_launch_template(LaunchTemplateId=template)
    with pytest.raises(ClientError) as error:
        ec2.describe_launch_templates(LaunchTemplateIds=[template])
    assert code(error) == "InvalidLaunchTemplateId.NotFound"


def test_an_instant_fleet_as_packer_asks_for_one(ec2, image, until_state):
    template = ec2.create_launch_template(
        LaunchTemplateName="build", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    fleet = ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
                "Overrides": [{"InstanceType": "t3.small", "MaxPrice": "0.1"}],
            }
        ],
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
    )
    assert not fleet.get("Errors")
    ids = fleet["Instances"][0]["InstanceIds"]
    ec2.delete_launch_template(LaunchTemplateId=template)
    instance = until_state(ids, "running")[0]
    assert (instance["InstanceType"], instance["InstanceLifecycle"]) == ("t3.small", "spot")
    deleted = ec2.delete_fleets(FleetIds=[fleet["FleetId"]], TerminateInstances=True)
    assert deleted["SuccessfulFleetDeletions"][0]["FleetId"] == fleet["FleetId"]
    until_state(ids, "terminated")
