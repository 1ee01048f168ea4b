"""An image of a machine, and a machine of that image."""

from support.daemon import wait_until


def available(ec2, image):
    state = lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"]
    wait_until(lambda: state() != "pending", 90, f"{image} made")
    assert state() == "available"


def test_a_machine_boots_from_an_image_of_another(bench):
    group = bench.group("ssh", "tcp 22")
    first = bench.run(group)
    first.ssh("echo kept > ~/file; sudo sh -c 'echo root > /opt/file; chmod 600 /opt/file'")
    # One that may reboot the machine, and one that takes it as it runs.
    still = bench.ec2.create_image(InstanceId=first.id, Name="still")["ImageId"]
    available(bench.ec2, still)
    first.until_ssh()
    assert first.out("cat ~/file") == "kept"
    first.ssh("echo later > ~/file && sync")
    running = bench.ec2.create_image(InstanceId=first.id, Name="running", NoReboot=True)["ImageId"]
    available(bench.ec2, running)
    for image, text in ((still, "kept"), (running, "later")):
        name = bench.ec2.describe_images(ImageIds=[image])["Images"][0]["Name"]
        copy = bench.run(group, image=name)
        assert copy.out("cat ~/file; sudo cat /opt/file; stat -c %a /opt/file").split() == [text, "root", "600"]
        # It is another machine: its own name, and keys of its own.
        assert copy.out("hostname") != first.out("hostname")
        host_key = "cat /etc/ssh/ssh_host_ed25519_key.pub"
        assert copy.out(host_key) != first.out(host_key)
    # The image outlives the machine it was made of.
    bench.ec2.terminate_instances(InstanceIds=[first.id])
    first.until("terminated")
    again = bench.run(group, image="still")
    assert again.out("cat ~/file") == "kept"


def test_a_root_volume_that_outlives_its_machine_keeps_its_files(bench):
    group = bench.group("ssh", "tcp 22")
    stays = [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]
    first = bench.run(group, BlockDeviceMappings=stays)
    first.ssh("echo kept > ~/file && sync")
    volume = first.describe()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    bench.ec2.terminate_instances(InstanceIds=[first.id])
    first.until("terminated")
    assert bench.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available"
    snapshot = bench.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    state = lambda: bench.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"]
    wait_until(lambda: state() == "completed", 30, "the snapshot")
    # The volume may go: the snapshot has it all.
    bench.ec2.delete_volume(VolumeId=volume)
    about = bench.ec2.describe_images(ImageIds=[bench.image()])["Images"][0]
    rescued = bench.ec2.register_image(
        Name="rescued", Architecture=about["Architecture"], VirtualizationType="hvm", RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
    )["ImageId"]
    available(bench.ec2, rescued)
    assert bench.run(group, image="rescued").out("cat ~/file") == "kept"
