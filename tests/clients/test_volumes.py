"""Volumes and snapshots, in the order in which Terraform, Ansible, Packer and the command line ask for them."""

import re

import pytest

from support.daemon import wait_until
from support.errors import fails, refused

# How waiters look: often, since nothing here takes long.
QUICK = {"Delay": 1, "MaxAttempts": 20}


def zone(ec2):
    return ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]


def until(found, seconds=10):
    return wait_until(found, seconds, "a change that takes a moment")


def described(ec2, volume):
    return ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]


@pytest.fixture
def make(ec2):
    """Makes a volume and waits until it is available."""

    def make_volume(**parameters):
        made = ec2.create_volume(**{"AvailabilityZone": zone(ec2), **parameters})
        assert made["State"] == "creating"
        ec2.get_waiter("volume_available").wait(VolumeIds=[made["VolumeId"]], WaiterConfig=QUICK)
        return made["VolumeId"]

    return make_volume


@pytest.fixture
def snapshot(ec2, make):
    """A completed snapshot."""
    made = ec2.create_snapshot(VolumeId=make(Size=3), Description="for a test")["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[made], WaiterConfig=QUICK)
    return made


def test_terraforms_volume_is_made_grown_and_deleted(ec2, make):
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "data"}]}]
    volume = make(Size=10, VolumeType="gp3", Iops=3500, Throughput=200, Encrypted=False, TagSpecifications=tags)
    assert re.fullmatch(r"vol-[0-9a-f]{17}", volume)
    seen = described(ec2, volume)
    kept = {name: seen[name] for name in ("Size", "VolumeType", "Iops", "Throughput", "Encrypted", "MultiAttachEnabled")}
    assert kept == {
        "Size": 10, "VolumeType": "gp3", "Iops": 3500, "Throughput": 200, "Encrypted": False, "MultiAttachEnabled": False,
    }
    assert seen["State"] == "available" and seen["AvailabilityZone"] == zone(ec2) and seen["SnapshotId"] == ""
    assert seen["Tags"] == [{"Key": "Name", "Value": "data"}]
    with fails("InvalidVolumeModification.NotFound", volume):
        ec2.describe_volumes_modifications(VolumeIds=[volume])
    begun = ec2.modify_volume(VolumeId=volume, Size=20, VolumeType="io2", Iops=1000)["VolumeModification"]
    assert begun["ModificationState"] == "modifying" and (begun["OriginalSize"], begun["TargetSize"]) == (10, 20)

    def last():
        return ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]

    until(lambda: last()["ModificationState"] == "completed")
    assert last()["Progress"] == 100 and last()["TargetVolumeType"] == "io2"
    seen = described(ec2, volume)
    assert (seen["Size"], seen["VolumeType"], seen["Iops"]) == (20, "io2", 1000)
    with refused(ec2, "InvalidParameterValue"):
        ec2.modify_volume(VolumeId=volume, Size=19)
    ec2.delete_volume(VolumeId=volume)
    ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig=QUICK)
    with fails("InvalidVolume.NotFound", f"The volume '{volume}' does not exist."):
        ec2.describe_volumes(VolumeIds=[volume])


def test_terraforms_attachment(ec2, make, run):
    instance = run()[0]["InstanceId"]
    volume = make(Size=1)
    answer = ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdh")
    assert (answer["State"], answer["Device"], answer["InstanceId"]) == ("attaching", "/dev/sdh", instance)
    by_attachment = [
        {"Name": "attachment.device", "Values": ["/dev/sdh"]},
        {"Name": "attachment.instance-id", "Values": [instance]},
    ]

    def attachment():
        return ec2.describe_volumes(VolumeIds=[volume], Filters=by_attachment)["Volumes"][0]["Attachments"][0]

    until(lambda: attachment()["State"] == "attached")
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig=QUICK)
    assert attachment()["DeleteOnTermination"] is False
    mapping = ec2.describe_instance_attribute(InstanceId=instance, Attribute="blockDeviceMapping")["BlockDeviceMappings"]
    assert {device["DeviceName"] for device in mapping} >= {"/dev/sdh"} and len(mapping) == 2
    with refused(ec2, "VolumeInUse", f"Volume {volume} is currently attached to {instance}"):
        ec2.delete_volume(VolumeId=volume)
    other = make(Size=1)
    with refused(ec2, "InvalidParameterValue", "Attachment point /dev/sdh is already in use"):
        ec2.attach_volume(VolumeId=other, InstanceId=instance, Device="/dev/sdh")
    assert ec2.detach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdh")["State"] == "detaching"
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=QUICK)
    assert ec2.describe_volumes(Filters=by_attachment)["Volumes"] == []
    assert len(ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]) == 1


def test_a_launch_makes_volumes_that_go_with_it_or_stay(ec2, run, until_state):
    mappings = [
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2, "VolumeType": "gp3"}},
        {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 3, "DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "of", "Value": "launch"}]}]
    instance = run(BlockDeviceMappings=mappings, TagSpecifications=tags)[0]["InstanceId"]
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    by_device = {volume["Attachments"][0]["Device"]: volume for volume in volumes}
    root = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["RootDeviceName"]
    assert set(by_device) == {root, "/dev/sdf", "/dev/sdg"}
    assert all(volume["Tags"] == [{"Key": "of", "Value": "launch"}] for volume in volumes)
    flags = {device: volume["Attachments"][0]["DeleteOnTermination"] for device, volume in by_device.items()}
    assert flags == {root: True, "/dev/sdf": True, "/dev/sdg": False}
    assert by_device["/dev/sdf"]["Throughput"] == 125
    image_snapshot = by_device[root]["SnapshotId"]
    assert ec2.describe_snapshots(SnapshotIds=[image_snapshot])["Snapshots"][0]["OwnerAlias"] == "amazon"
    assert image_snapshot in {s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["amazon"])["Snapshots"]}
    with refused(ec2, "OperationNotPermitted", "Unable to detach root volume"):
        ec2.detach_volume(VolumeId=by_device[root]["VolumeId"])
    ec2.terminate_instances(InstanceIds=[instance])
    until_state([instance], "terminated")
    left = ec2.describe_volumes()["Volumes"]
    assert [(volume["Size"], volume["State"]) for volume in left] == [(3, "available")]


def test_terraforms_snapshot(ec2, snapshot):
    seen = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert (seen["VolumeSize"], seen["Encrypted"], seen["StorageTier"]) == (3, False, "standard")
    assert re.fullmatch(r"\d{12}", seen["OwnerId"]) and seen["Progress"] == "100%"
    mine = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [each["SnapshotId"] for each in mine] == [snapshot]
    ec2.modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive")
    by_id = [{"Name": "snapshot-id", "Values": [snapshot]}]

    def tier():
        return ec2.describe_snapshot_tier_status(Filters=by_id)["SnapshotTierStatuses"][0]

    until(lambda: tier()["StorageTier"] == "archive")
    assert tier()["LastTieringOperationStatus"] == "archival-completed"
    with fails("IncorrectState"):
        ec2.create_volume(AvailabilityZone=zone(ec2), SnapshotId=snapshot)
    ec2.restore_snapshot_tier(SnapshotId=snapshot, PermanentRestore=True)
    until(lambda: tier()["StorageTier"] == "standard")
    ec2.delete_snapshot(SnapshotId=snapshot)
    with fails("InvalidSnapshot.NotFound", snapshot):
        ec2.describe_snapshots(SnapshotIds=[snapshot])


def test_a_snapshot_is_copied_from_another_region(daemon, ec2, region, snapshot):
    elsewhere = daemon.client(region=f"{region}-copy")
    # botocore adds a signed URL by itself.
    copied = elsewhere.copy_snapshot(SourceRegion=region, SourceSnapshotId=snapshot, Description="copy")["SnapshotId"]
    elsewhere.get_waiter("snapshot_completed").wait(SnapshotIds=[copied], WaiterConfig=QUICK)
    assert elsewhere.describe_snapshots(SnapshotIds=[copied])["Snapshots"][0]["VolumeSize"] == 3
    with fails("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=[copied])


def test_packer_shares_a_snapshot(ec2, snapshot):
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=["111111111111"]
    )
    shown = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert shown["CreateVolumePermissions"] == [{"UserId": "111111111111"}]
    ec2.enable_snapshot_block_public_access(State="block-new-sharing")
    everybody = {"Add": [{"Group": "all"}]}
    with fails("OperationNotPermitted"):
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission=everybody)
    assert ec2.disable_snapshot_block_public_access()["State"] == "unblocked"
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission=everybody)
    public = ec2.describe_snapshots(RestorableByUserIds=["all"])["Snapshots"]
    assert snapshot in {each["SnapshotId"] for each in public}
    ec2.reset_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    shown = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert shown["CreateVolumePermissions"] == []


def test_boto3s_resources_read_status_and_attributes(ec2, make):
    volume = make(Size=4)
    status = ec2.describe_volume_status(VolumeIds=[volume])["VolumeStatuses"][0]
    assert status["VolumeStatus"]["Status"] == "ok"
    assert {detail["Name"] for detail in status["VolumeStatus"]["Details"]} == {"io-enabled", "io-performance"}
    ec2.modify_volume_attribute(VolumeId=volume, AutoEnableIO={"Value": True})
    assert ec2.describe_volume_attribute(VolumeId=volume, Attribute="autoEnableIO")["AutoEnableIO"]["Value"] is True
    ec2.enable_volume_io(VolumeId=volume)


def test_encryption_is_refused_rather_than_promised(ec2):
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    with fails("UnsupportedOperation"):
        ec2.enable_ebs_encryption_by_default()
    with refused(ec2, "UnsupportedOperation", "Encrypted"):
        ec2.create_volume(AvailabilityZone=zone(ec2), Size=1, Encrypted=True)
    assert ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"


def test_what_is_missing_or_wrong_is_named(ec2):
    with refused(ec2, "MissingParameter", "The request must contain the parameter size/snapshot"):
        ec2.create_volume(AvailabilityZone=zone(ec2))
    with refused(ec2, "InvalidZone.NotFound"):
        ec2.create_volume(AvailabilityZone="nowhere-1a", Size=1)
    with fails("InvalidVolume.NotFound", "The volume 'vol-00000000000000099' does not exist."):
        ec2.describe_volumes(VolumeIds=["vol-00000000000000099"])
    with fails("InvalidSnapshot.NotFound", "The snapshot 'snap-00000000000000099' does not exist."):
        ec2.describe_snapshots(SnapshotIds=["snap-00000000000000099"])
    with fails("DryRunOperation", status=412):
        ec2.create_volume(AvailabilityZone=zone(ec2), Size=1, DryRun=True)
    assert ec2.describe_volumes()["Volumes"] == []


def test_pages_of_a_thousand_are_what_the_command_line_asks_for(ec2, make):
    volumes = {make(Size=1) for _ in range(6)}
    assert {volume["VolumeId"] for volume in ec2.describe_volumes(MaxResults=1000)["Volumes"]} == volumes
    ec2.describe_snapshots(MaxResults=1000)
    pages = list(ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Volumes"]) for page in pages] == [5, 1]
    assert {volume["VolumeId"] for page in pages for volume in page["Volumes"]} == volumes
