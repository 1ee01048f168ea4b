"""EC2 Fleets and Spot Fleets that are kept up, as Terraform and boto3 go about them."""

import json

import pytest
from botocore.exceptions import ClientError

from support.daemon import Daemon, wait_until

START = "2020-01-01T00:00:00Z"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "spotfleet.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def code(error):
    return error.value.response["Error"]["Code"]


@pytest.fixture
def template(ec2, image):
    made = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
    )
    return made["LaunchTemplate"]["LaunchTemplateId"]


@pytest.fixture
def fleet_role(daemon, region):
    iam = daemon.client("iam")
    name = f"fleet-{region}"
    policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonEC2SpotFleetTaggingRole", "PolicyArn": policy}]
    yield role
    iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    iam.delete_role(RoleName=name)


@pytest.fixture
def fleet(ec2):
    return lambda id: ec2.describe_fleets(FleetIds=[id])["Fleets"][0]


@pytest.fixture
def spot_fleet(ec2):
    return lambda id: ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[id])["SpotFleetRequestConfigs"][0]


def until(look, seconds=20, **expected):
    """Waits until what `look` gives has these members; gives it."""

    def right():
        found = look()
        return found if all(found.get(name) == value for name, value in expected.items()) else None

    return wait_until(right, seconds, f"{expected}")


def test_terraform_aws_ec2_fleet(ec2, template, fleet, until_state):
    """Create, wait until active, read, change the capacity, wait, read, delete: the resource's own calls."""
    made = ec2.create_fleet(
        Type="maintain",
        ExcessCapacityTerminationPolicy="termination",
        LaunchTemplateConfigs=[
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
                "Overrides": [{"InstanceType": "t3.small", "WeightedCapacity": 1.0, "Priority": 1.0}],
            }
        ],
        OnDemandOptions={"AllocationStrategy": "lowest-price"},
        SpotOptions={"AllocationStrategy": "lowest-price", "InstanceInterruptionBehavior": "terminate"},
        ReplaceUnhealthyInstances=False,
        TerminateInstancesWithExpiration=False,
        TargetCapacitySpecification={"DefaultTargetCapacityType": "on-demand", "TotalTargetCapacity": 2},
        TagSpecifications=[{"ResourceType": "fleet", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    assert not made.get("Instances") and not made.get("Errors")
    id = made["FleetId"]
    found = until(lambda: fleet(id), FleetState="active", ActivityStatus="fulfilled")
    assert (found["Type"], found["ExcessCapacityTerminationPolicy"]) == ("maintain", "termination")
    assert (found["ReplaceUnhealthyInstances"], found["TerminateInstancesWithExpiration"]) == (False, False)
    assert found["OnDemandOptions"] == {"AllocationStrategy": "lowest-price"}
    assert found["SpotOptions"] == {
        "AllocationStrategy": "lowest-price",
        "InstanceInterruptionBehavior": "terminate",
        "InstancePoolsToUseCount": 1,
    }
    config = found["LaunchTemplateConfigs"][0]
    assert config["LaunchTemplateSpecification"] == {"LaunchTemplateId": template, "Version": "1"}
    override = config["Overrides"][0]
    assert (override["InstanceType"], override["WeightedCapacity"], override["Priority"]) == ("t3.small", 1.0, 1.0)
    capacity = found["TargetCapacitySpecification"]
    assert capacity["DefaultTargetCapacityType"] == "on-demand"
    assert (capacity["TotalTargetCapacity"], capacity["OnDemandTargetCapacity"]) == (2, 2)
    assert (found["FulfilledCapacity"], found["FulfilledOnDemandCapacity"]) == (2.0, 2.0)
    assert found["Tags"] == [{"Key": "Name", "Value": "web"}]
    assert [one["FleetId"] for one in ec2.describe_fleets()["Fleets"]] == [id], "it need not be named"

    active = ec2.describe_fleet_instances(FleetId=id)["ActiveInstances"]
    assert [(one["InstanceType"], one["InstanceHealth"]) for one in active] == [("t3.small", "healthy")] * 2
    instances = until_state([one["InstanceId"] for one in active], "running")
    assert {"Key": "aws:ec2:fleet-id", "Value": id} in instances[0]["Tags"]

    modified = ec2.modify_fleet(
        FleetId=id,
        ExcessCapacityTerminationPolicy="termination",
        TargetCapacitySpecification={"DefaultTargetCapacityType": "on-demand", "TotalTargetCapacity": 1},
    )
    assert modified["Return"] is True
    found = until(lambda: fleet(id), FleetState="active", ActivityStatus="fulfilled", FulfilledCapacity=1.0)
    assert found["TargetCapacitySpecification"]["TotalTargetCapacity"] == 1

    ec2.create_tags(Resources=[id], Tags=[{"Key": "Name", "Value": "other"}])
    assert fleet(id)["Tags"] == [{"Key": "Name", "Value": "other"}]
    deleted = ec2.delete_fleets(FleetIds=[id], TerminateInstances=True)["SuccessfulFleetDeletions"][0]
    assert deleted == {
        "FleetId": id,
        "PreviousFleetState": "active",
        "CurrentFleetState": "deleted_terminating",
    }
    until(lambda: fleet(id), FleetState="deleted")
    until_state([one["InstanceId"] for one in active], "terminated")


def test_a_fleet_replaces_what_is_terminated(ec2, template, fleet, until_state):
    id = ec2.create_fleet(
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"}}],
        TargetCapacitySpecification={"TotalTargetCapacity": 2, "DefaultTargetCapacityType": "spot"},
    )["FleetId"]
    until(lambda: fleet(id), ActivityStatus="fulfilled")

    def active():
        return {one["InstanceId"] for one in ec2.describe_fleet_instances(FleetId=id)["ActiveInstances"]}

    first = active()
    until_state(list(first), "running")
    lost = min(first)
    ec2.terminate_instances(InstanceIds=[lost])
    wait_until(lambda: len(active()) == 2 and lost not in active(), 20, "the lost instance is replaced")
    requests = ec2.describe_spot_instance_requests(
        Filters=[{"Name": "instance-id", "Values": sorted(active())}]
    )["SpotInstanceRequests"]
    assert [request["State"] for request in requests] == ["active"] * 2
    events = ec2.describe_fleet_history(FleetId=id, EventType="instance-change", StartTime=START)["HistoryRecords"]
    told = [(event["EventInformation"]["EventSubType"], event["EventInformation"]["InstanceId"]) for event in events]
    assert ("terminated", lost) in told
    assert sum(name == "launched" for name, _ in told) == 3
    changes = ec2.describe_fleet_history(FleetId=id, EventType="fleet-change", StartTime=START)["HistoryRecords"]
    assert [event["EventInformation"]["EventSubType"] for event in changes] == ["submitted", "active"]

    kept = active()
    deleted = ec2.delete_fleets(FleetIds=[id], TerminateInstances=False)["SuccessfulFleetDeletions"][0]
    assert deleted["CurrentFleetState"] == "deleted_running"
    until_state(list(kept), "running")
    ec2.terminate_instances(InstanceIds=list(kept))
    until(lambda: fleet(id), FleetState="deleted")
    assert not active()


def test_a_fleet_request_is_not_changed_and_errors_are_told(ec2, template, fleet):
    config = {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"}}
    config["Overrides"] = [{"InstanceType": "t3.none"}]
    capacity = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}
    id = ec2.create_fleet(
        Type="request", LaunchTemplateConfigs=[config], TargetCapacitySpecification=capacity
    )["FleetId"]
    until(lambda: fleet(id), FleetState="active", ActivityStatus="error")
    events = ec2.describe_fleet_history(FleetId=id, EventType="service-error", StartTime=START)["HistoryRecords"]
    assert "t3.none" in events[0]["EventInformation"]["EventDescription"]
    with pytest.raises(ClientError) as error:
        ec2.modify_fleet(FleetId=id, TargetCapacitySpecification={"TotalTargetCapacity": 2})
    assert code(error) == "UnsupportedOperation"
    with pytest.raises(ClientError) as error:
        ec2.describe_fleet_history(FleetId="fleet-0123456789abcdef0", StartTime=START)
    assert code(error) == "InvalidFleetId.NotFound"


def test_terraform_aws_spot_fleet_request(ec2, image, fleet_role, spot_fleet, until_state):
    """Request, wait for the fulfilment, read, change the capacity, cancel, wait until no instance is left."""
    tags = [{"ResourceType": "spot-fleet-request", "Tags": [{"Key": "Name", "Value": "cheap"}]}]
    specification = {
        "ImageId": image,
        "InstanceType": "t3.micro",
        "EbsOptimized": False,
        "Monitoring": {"Enabled": False},
        "Placement": {"Tenancy": "default"},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "worker"}]}],
    }
    id = ec2.request_spot_fleet(
        SpotFleetRequestConfig={
            "IamFleetRole": fleet_role,
            "ClientToken": "terraform-1",
            "TargetCapacity": 2,
            "SpotPrice": "0.05",
            "AllocationStrategy": "lowestPrice",
            "Type": "maintain",
            "ExcessCapacityTerminationPolicy": "default",
            "InstanceInterruptionBehavior": "terminate",
            "ReplaceUnhealthyInstances": False,
            "TerminateInstancesWithExpiration": False,
            "LaunchSpecifications": [specification],
            "TagSpecifications": tags,
        }
    )["SpotFleetRequestId"]
    found = until(lambda: spot_fleet(id), SpotFleetRequestState="active", ActivityStatus="fulfilled")
    assert found["Tags"] == tags[0]["Tags"]
    config = found["SpotFleetRequestConfig"]
    told = {name: value for name, value in config["LaunchSpecifications"][0].items() if value != []}
    assert told == specification
    for name, value in {
        "IamFleetRole": fleet_role,
        "TargetCapacity": 2,
        "OnDemandTargetCapacity": 0,
        "SpotPrice": "0.05",
        "AllocationStrategy": "lowestPrice",
        "Type": "maintain",
        "ExcessCapacityTerminationPolicy": "default",
        "InstanceInterruptionBehavior": "terminate",
        "ReplaceUnhealthyInstances": False,
        "TerminateInstancesWithExpiration": False,
        "FulfilledCapacity": 2.0,
    }.items():
        assert config[name] == value, name
    assert "ValidUntil" not in config

    active = ec2.describe_spot_fleet_instances(SpotFleetRequestId=id)["ActiveInstances"]
    instances = until_state([one["InstanceId"] for one in active], "running")
    assert {instance["InstanceLifecycle"] for instance in instances} == {"spot"}
    assert all({"Key": "Name", "Value": "worker"} in instance["Tags"] for instance in instances)
    assert all({"Key": "aws:ec2spot:fleet-request-id", "Value": id} in instance["Tags"] for instance in instances)

    modified = ec2.modify_spot_fleet_request(
        SpotFleetRequestId=id, TargetCapacity=3, ExcessCapacityTerminationPolicy="default"
    )
    assert modified["Return"] is True
    found = until(lambda: spot_fleet(id), SpotFleetRequestState="active", ActivityStatus="fulfilled")
    assert found["SpotFleetRequestConfig"]["TargetCapacity"] == 3
    assert len(ec2.describe_spot_fleet_instances(SpotFleetRequestId=id)["ActiveInstances"]) == 3
    records = ec2.describe_spot_fleet_request_history(SpotFleetRequestId=id, StartTime=START)["HistoryRecords"]
    told = [record["EventInformation"]["EventSubType"] for record in records]
    assert told == [
        "submitted",
        "active",
        *["launched"] * 2,
        "modify_in_progress",
        "modify_succeeded",
        "launched",
    ]
    assert {record["EventType"] for record in records} == {"fleetRequestChange", "instanceChange"}

    answer = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[id], TerminateInstances=True)
    assert not answer.get("UnsuccessfulFleetRequests")
    assert answer["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"] == "cancelled_terminating"
    wait_until(
        lambda: not ec2.describe_spot_fleet_instances(SpotFleetRequestId=id)["ActiveInstances"], 20, "none is left"
    )
    until(lambda: spot_fleet(id), SpotFleetRequestState="cancelled")
    until_state([one["InstanceId"] for one in active], "terminated")


def test_a_spot_fleet_needs_a_role_that_is_there(ec2, image):
    config = {
        "IamFleetRole": "arn:aws:iam::123456789012:role/there-is-none",
        "TargetCapacity": 1,
        "LaunchSpecifications": [{"ImageId": image, "InstanceType": "t3.micro"}],
    }
    with pytest.raises(ClientError) as error:
        ec2.request_spot_fleet(SpotFleetRequestConfig=config)
    assert code(error) == "InvalidSpotFleetRequestConfig"
    assert "SpotFleetRequestConfig.IamFleetRole" in str(error.value)
    assert ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"] == []
    with pytest.raises(ClientError) as error:
        ec2.describe_spot_fleet_requests(SpotFleetRequestIds=["sfr-0123456789abcdef0"])
    assert code(error) == "InvalidSpotFleetRequestId.NotFound"


def test_a_fleet_is_kept_up_over_a_restart(tmp_path):
    """What goes while a fleet's daemon is down, or after, is replaced."""
    daemon = Daemon(tmp_path / "state").start()
    try:
        ec2 = daemon.client()
        image = ec2.describe_images()["Images"][0]["ImageId"]
        ec2.create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
        )
        config = {"LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "$Default"}}
        capacity = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}
        id = ec2.create_fleet(LaunchTemplateConfigs=[config], TargetCapacitySpecification=capacity)["FleetId"]

        def active():
            found = daemon.client().describe_fleet_instances(FleetId=id)["ActiveInstances"]
            return [one["InstanceId"] for one in found]

        first = wait_until(active, 20, "an instance")
        ec2.terminate_instances(InstanceIds=first)
        daemon.kill()
        daemon.start()
        second = wait_until(lambda: [one for one in active() if one not in first], 20, "another instance")
        daemon.client().terminate_instances(InstanceIds=second)
        wait_until(lambda: [one for one in active() if one not in first + second], 20, "a third instance")
    finally:
        daemon.kill()
