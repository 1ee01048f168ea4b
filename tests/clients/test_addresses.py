"""Elastic IP addresses."""

import ipaddress
import re

from support.errors import fails, refused


def public_address(ec2, instance_id):
    [reservation] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return reservation["Instances"][0].get("PublicIpAddress")


def test_an_address_is_allocated_moved_and_released(ec2, run):
    made = ec2.allocate_address(Domain="vpc")
    assert re.fullmatch(r"eipalloc-[0-9a-f]{17}", made["AllocationId"])
    assert ipaddress.ip_address(made["PublicIp"]) in ipaddress.ip_network("198.18.0.0/16")
    first, second = (i["InstanceId"] for i in run(2))
    given = public_address(ec2, first)
    association = ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=first)["AssociationId"]
    assert re.fullmatch(r"eipassoc-[0-9a-f]{17}", association)
    assert public_address(ec2, first) == made["PublicIp"] != given
    [seen] = ec2.describe_addresses(AllocationIds=[made["AllocationId"]])["Addresses"]
    assert (seen["InstanceId"], seen["AssociationId"]) == (first, association)
    moved = ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=second)["AssociationId"]
    assert public_address(ec2, second) == made["PublicIp"]
    assert public_address(ec2, first) not in (made["PublicIp"], None), "the first has an address of the pool again"
    with refused(ec2, "InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=made["AllocationId"])
    ec2.disassociate_address(AssociationId=moved)
    assert public_address(ec2, second) not in (made["PublicIp"], None)
    ec2.release_address(AllocationId=made["AllocationId"])
    assert ec2.describe_addresses()["Addresses"] == []


def test_reassociation_can_be_forbidden(ec2, run):
    allocation = ec2.allocate_address()["AllocationId"]
    first, second = (i["InstanceId"] for i in run(2))
    association = ec2.associate_address(AllocationId=allocation, InstanceId=first)["AssociationId"]
    text = f"resource {allocation} is already associated with associate-id {association}"
    with refused(ec2, "Resource.AlreadyAssociated", text):
        ec2.associate_address(AllocationId=allocation, InstanceId=second, AllowReassociation=False)


def test_an_address_stays_through_a_stop_and_survives_termination(ec2, run, until_state):
    made = ec2.allocate_address()
    ids = [run()[0]["InstanceId"]]
    ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=ids[0])
    ec2.stop_instances(InstanceIds=ids)
    until_state(ids, "stopped")
    assert public_address(ec2, ids[0]) == made["PublicIp"]
    ec2.start_instances(InstanceIds=ids)
    until_state(ids, "running")
    assert public_address(ec2, ids[0]) == made["PublicIp"]
    ec2.terminate_instances(InstanceIds=ids)
    until_state(ids, "terminated")
    [seen] = ec2.describe_addresses()["Addresses"]
    assert not seen.get("AssociationId") and not seen.get("InstanceId"), seen


def test_five_addresses_a_region(ec2):
    made = [ec2.allocate_address()["PublicIp"] for _ in range(5)]
    assert len(set(made)) == 5
    with refused(ec2, "AddressLimitExceeded"):
        ec2.allocate_address()


def test_an_instance_s_address_is_never_given_to_another(ec2, run, daemon, region):
    other = daemon.client(region=f"{region}-other")
    mine = {i["PublicIpAddress"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    run(5)
    mine |= {i["PublicIpAddress"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    theirs = {other.allocate_address()["PublicIp"] for _ in range(5)}
    assert len(mine) == 5 and not mine & theirs, "the pool belongs to the whole cloud"


def test_unknown_addresses_are_named(ec2, run):
    unknown = "eipalloc-0123456789abcdef0"
    instance = run()[0]["InstanceId"]
    with refused(ec2, "InvalidAllocationID.NotFound", f"The allocation ID '{unknown}' does not exist"):
        ec2.associate_address(AllocationId=unknown, InstanceId=instance)
    with fails("InvalidAllocationID.NotFound"):
        ec2.release_address(AllocationId=unknown)
    with fails("InvalidAssociationID.NotFound"):
        ec2.disassociate_address(AssociationId="eipassoc-0123456789abcdef0")
    allocation = ec2.allocate_address()["AllocationId"]
    with refused(ec2, "InvalidInstanceID.NotFound"):
        ec2.associate_address(AllocationId=allocation, InstanceId="i-0123456789abcdef0")
    with refused(ec2, "DryRunOperation", status=412):
        ec2.associate_address(AllocationId=allocation, InstanceId=instance, DryRun=True)


def test_an_address_is_tagged_and_found_by_its_tag(ec2):
    spec = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "Name", "Value": "front"}]}]
    made = ec2.allocate_address(TagSpecifications=spec)
    ec2.allocate_address()
    found = ec2.describe_addresses(Filters=[{"Name": "tag:Name", "Values": ["front"]}])["Addresses"]
    assert [a["AllocationId"] for a in found] == [made["AllocationId"]]
