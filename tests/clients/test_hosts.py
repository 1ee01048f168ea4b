"""Dedicated Hosts and Capacity Reservations, as Terraform goes about them."""

import pytest
from botocore.exceptions import ClientError


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def test_dedicated_host(ec2, region):
    asked = {"AvailabilityZone": f"{region}a", "InstanceType": "m5.large", "Quantity": 1, "ClientToken": "one"}
    asked |= {"AutoPlacement": "on", "HostRecovery": "on", "TagSpecifications": tagged("dedicated-host", "a")}
    (made,) = ec2.allocate_hosts(**asked)["HostIds"]
    assert ec2.allocate_hosts(**asked)["HostIds"] == [made]

    def look():
        (host,) = ec2.describe_hosts(HostIds=[made])["Hosts"]
        return host

    host = look()
    assert (host["State"], host["AutoPlacement"], host["HostRecovery"]) == ("available", "on", "on")
    assert (host["AvailabilityZone"], host["Tags"]) == (f"{region}a", [{"Key": "Name", "Value": "a"}])
    assert host["HostProperties"]["InstanceType"] == "m5.large"
    changed = ec2.modify_hosts(HostIds=[made], AutoPlacement="off", InstanceFamily="m5")
    assert (changed["Successful"], changed["Unsuccessful"]) == ([made], [])
    host = look()
    assert (host["AutoPlacement"], host["AllowsMultipleInstanceTypes"]) == ("off", "on")
    assert "InstanceType" not in host["HostProperties"]
    assert ec2.release_hosts(HostIds=[made])["Successful"] == [made]
    assert look()["State"] == "released"
    (item,) = ec2.release_hosts(HostIds=[made])["Unsuccessful"]
    assert (item["ResourceId"], item["Error"]["Code"]) == (made, "Client.InvalidHostID.NotFound")


def test_capacity_reservation(ec2, region):
    made = ec2.create_capacity_reservation(
        AvailabilityZone=f"{region}a",
        InstanceType="t3.micro",
        InstancePlatform="Linux/UNIX",
        InstanceCount=2,
        TagSpecifications=tagged("capacity-reservation", "a"),
    )["CapacityReservation"]
    one = {"CapacityReservationId": made["CapacityReservationId"]}

    def look():
        ids = [one["CapacityReservationId"]]
        (found,) = ec2.describe_capacity_reservations(CapacityReservationIds=ids)["CapacityReservations"]
        return found

    found = look()
    assert (found["State"], found["EndDateType"], found["InstanceMatchCriteria"]) == ("active", "unlimited", "open")
    assert (found["TotalInstanceCount"], found["AvailableInstanceCount"], found["Tenancy"]) == (2, 2, "default")
    assert found["Tags"] == [{"Key": "Name", "Value": "a"}]
    assert ec2.modify_capacity_reservation(**one, InstanceCount=3, EndDateType="unlimited")["Return"]
    assert look()["TotalInstanceCount"] == 3
    assert ec2.cancel_capacity_reservation(**one)["Return"]
    assert look()["State"] == "cancelled"
    with pytest.raises(ClientError, match="InvalidCapacityReservationState"):
        ec2.cancel_capacity_reservation(**one)
