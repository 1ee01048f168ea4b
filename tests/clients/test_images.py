"""Images: made of instances, registered, copied, shared, protected, taken away."""

import datetime

import pytest

from support.daemon import wait_until
from support.errors import fails


def one(ec2, image_id, **parameters):
    [image] = ec2.describe_images(ImageIds=[image_id], **parameters)["Images"]
    return image


def available(ec2, image_id):
    """Waits for an image as Terraform and Packer do."""

    def look():
        image = one(ec2, image_id)
        assert image["State"] in ("pending", "available"), image
        return image if image["State"] == "available" else None

    return wait_until(look, 20, f"{image_id} available")


@pytest.fixture
def own(ec2, run):
    """An image of an instance."""

    def make(name="mine", **parameters):
        [instance] = run()
        made = ec2.create_image(InstanceId=instance["InstanceId"], Name=name, **parameters)
        return available(ec2, made["ImageId"])

    return make


def test_an_image_of_an_instance_lives_as_terraform_has_it(ec2, run, image):
    [instance] = run()
    tags = [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": kind}]} for kind in ("image", "snapshot")]
    image_id = ec2.create_image(
        InstanceId=instance["InstanceId"], Name="web", Description="A web server", NoReboot=True, TagSpecifications=tags
    )["ImageId"]
    made = available(ec2, image_id)
    assert (made["Name"], made["Description"], made["Public"]) == ("web", "A web server", False)
    assert (made["RootDeviceName"], made["RootDeviceType"], made["VirtualizationType"]) == ("/dev/xvda", "ebs", "hvm")
    assert made["EnaSupport"] and made["Architecture"] == instance["Architecture"]
    assert (made["SourceInstanceId"], made["SourceImageId"]) == (instance["InstanceId"], image)
    assert "ImageOwnerAlias" not in made and made["Tags"] == [{"Key": "Name", "Value": "image"}]
    created = datetime.datetime.strptime(made["CreationDate"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert abs(created - datetime.datetime.utcnow()) < datetime.timedelta(minutes=1)
    [mapping] = made["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/xvda" and mapping["Ebs"]["DeleteOnTermination"]
    [snapshot] = ec2.describe_snapshots(SnapshotIds=[mapping["Ebs"]["SnapshotId"]])["Snapshots"]
    assert snapshot["State"] == "completed" and image_id in snapshot["Description"]

    # Terraform reads the image as data, by name and owner, and sorts by its date.
    [found] = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["w*"]}])["Images"]
    assert found["ImageId"] == image_id
    ec2.modify_image_attribute(ImageId=image_id, Description={"Value": "Changed"})
    assert one(ec2, image_id)["Description"] == "Changed"
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    ec2.enable_image_deprecation(ImageId=image_id, DeprecateAt=at)
    shown = datetime.datetime.fromisoformat(one(ec2, image_id)["DeprecationTime"].replace("Z", "+00:00"))
    assert abs(shown - at) <= datetime.timedelta(seconds=30) and shown.second == 0
    ec2.disable_image_deprecation(ImageId=image_id)
    assert "DeprecationTime" not in one(ec2, image_id)

    [second] = run(ImageId=image_id)
    assert second["ImageId"] == image_id
    with fails("InvalidSnapshot.InUse"):
        ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
    ec2.deregister_image(ImageId=image_id)
    with fails("InvalidAMIID.NotFound"):
        ec2.describe_images(ImageIds=[image_id])
    ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
    with fails("InvalidAMIID.NotFound"):
        run(ImageId=image_id)
    with fails("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=[snapshot["SnapshotId"]])


def test_a_running_instance_is_rebooted_unless_told_not_to(ec2, own, until_state):
    made = own()
    until_state([made["SourceInstanceId"]], "running")


def test_packer_makes_an_image_of_a_stopped_instance(ec2, run, until_state):
    [instance] = run()
    ids = [instance["InstanceId"]]
    assert ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["packer"]}])["Images"] == []
    ec2.stop_instances(InstanceIds=ids)
    until_state(ids, "stopped")
    image_id = ec2.create_image(InstanceId=ids[0], Name="packer")["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image_id], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    users = ["111122223333"]
    ec2.modify_image_attribute(
        ImageId=image_id, UserIds=users, LaunchPermission={"Add": [{"UserId": user} for user in users]}
    )
    ec2.enable_image_deregistration_protection(ImageId=image_id)
    shared = ec2.describe_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert shared["LaunchPermissions"] == [{"UserId": users[0]}]
    assert [i["ImageId"] for i in ec2.describe_images(ExecutableUsers=users)["Images"]] == [image_id]
    with fails("OperationNotPermitted"):
        ec2.deregister_image(ImageId=image_id)
    ec2.disable_image_deregistration_protection(ImageId=image_id)
    ec2.terminate_instances(InstanceIds=ids)
    until_state(ids, "terminated")
    done = ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert [one["ReturnCode"] for one in done["DeleteSnapshotResults"]] == ["success"]


def test_ansible_registers_an_image_from_a_snapshot_and_shares_it(ec2, own, run):
    first = own()
    snapshot = first["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    image_id = ec2.register_image(
        Name="again",
        RootDeviceName="/dev/xvda",
        Architecture=first["Architecture"],
        VirtualizationType="hvm",
        EnaSupport=True,
        SriovNetSupport="simple",
        BootMode="uefi",
        ImdsSupport="v2.0",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "VolumeType": "gp3"}}],
    )["ImageId"]
    image = available(ec2, image_id)
    assert image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == snapshot
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeType"] == "gp3"
    assert (image["BootMode"], image["ImdsSupport"], image["SriovNetSupport"]) == ("uefi", "v2.0", "simple")
    ec2.modify_image_attribute(ImageId=image_id, Attribute="description ", Description={"Value": "said"})
    permission = {"Add": [{"Group": "all"}], "Remove": []}
    ec2.modify_image_attribute(ImageId=image_id, Attribute="launchPermission", LaunchPermission=permission)
    assert one(ec2, image_id)["Public"] and one(ec2, image_id)["Description"] == "said"
    ec2.reset_image_attribute(ImageId=image_id, Attribute="launchPermission")
    assert not one(ec2, image_id)["Public"]
    [launched] = run(ImageId=image_id)
    assert launched["ImageId"] == image_id


def test_a_snapshot_of_a_root_volume_can_become_an_image(ec2, run):
    [instance] = run()
    [described] = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"]
    volume = described["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    mapping = [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot}}]
    image_id = ec2.register_image(
        Name="kept",
        RootDeviceName="/dev/sda1",
        Architecture=instance["Architecture"],
        VirtualizationType="hvm",
        BlockDeviceMappings=mapping,
    )["ImageId"]
    available(ec2, image_id)
    [launched] = run(ImageId=image_id)
    assert launched["RootDeviceName"] == "/dev/sda1"


def test_an_image_is_copied_to_another_region(daemon, ec2, region, own):
    made = own()
    there = daemon.client(region="eu-north-7")
    copy = there.copy_image(Name=f"copy of {region}", SourceImageId=made["ImageId"], SourceRegion=region)["ImageId"]
    copied = available(there, copy)
    assert (copied["SourceImageId"], copied["SourceImageRegion"]) == (made["ImageId"], region)
    assert copied["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] != made["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    with fails("InvalidAMIID.NotFound"):
        there.describe_images(ImageIds=[made["ImageId"]])
    there.deregister_image(ImageId=copy)


def test_names_ids_and_states_are_checked(ec2, own, run, image):
    made = own("taken")
    instance = made["SourceInstanceId"]
    with fails("InvalidAMIName.Duplicate"):
        ec2.create_image(InstanceId=instance, Name="taken")
    with fails("InvalidAMIName.Malformed"):
        ec2.create_image(InstanceId=instance, Name="no;good")
    with fails("InvalidInstanceID.NotFound"):
        ec2.create_image(InstanceId="i-0123456789abcdef0", Name="other")
    with fails("AuthFailure", status=401):
        ec2.deregister_image(ImageId=image)
    ec2.disable_image(ImageId=made["ImageId"])
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert one(ec2, made["ImageId"], IncludeDisabled=True)["State"] == "disabled"
    with fails("InvalidAMIID.Unavailable"):
        run(ImageId=made["ImageId"])
    ec2.enable_image(ImageId=made["ImageId"])
    run(ImageId=made["ImageId"])


def test_the_settings_of_a_region_round_trip(ec2, run, image):
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    ec2.disable_image_block_public_access()
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "unblocked"
    criteria = [{"ImageProviders": ["aws-marketplace"], "CreationDateCondition": {"MaximumDaysSinceCreated": 3}}]
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=criteria)
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    settings = ec2.get_allowed_images_settings()
    assert (settings["State"], settings["ManagedBy"]) == ("enabled", "account")
    assert settings["ImageCriteria"][0]["ImageProviders"] == ["aws-marketplace"]
    assert ec2.describe_images()["Images"] == []
    with fails("InvalidAMIID.NotFound"):
        run(ImageId=image)
    ec2.disable_allowed_images_settings()
    run(ImageId=image)


def test_disks_cannot_be_imported_from_s3(ec2):
    disk = {"Format": "RAW", "UserBucket": {"S3Bucket": "disks", "S3Key": "disk.raw"}}
    with fails("InvalidParameterValue"):
        ec2.import_image(DiskContainers=[disk])
    with fails("InvalidParameterValue"):
        ec2.import_snapshot(DiskContainer=disk)
    with fails("InvalidConversionTaskId"):
        ec2.cancel_import_task(ImportTaskId="import-ami-0123456789abcdef0")
    assert ec2.describe_import_image_tasks()["ImportImageTasks"] == []
    assert ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"] == []
    assert ec2.describe_store_image_tasks()["StoreImageTaskResults"] == []
    assert ec2.list_images_in_recycle_bin()["Images"] == []
