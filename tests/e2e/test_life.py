"""A machine's life: stop, start, reboot, power off, and what is kept."""

from support.daemon import wait_until
from support.machine import tcp


# When init was started, in ticks since the host booted: whole seconds are too coarse for a reboot that takes less than one.
BOOT = "cut -d' ' -f22 /proc/1/stat"


def until_rebooted(machine, before):
    """Waits until another init answers than the one that said `before` to BOOT."""

    def rebooted():
        said = machine.ssh(BOOT, check=False, connect_timeout=2)
        return said.returncode == 0 and said.stdout.strip() != before

    wait_until(rebooted, 60, "a new boot")


def test_stop_and_start_keep_disk_and_private_address(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    machine.ssh("echo kept > ~/file && sync")
    before = machine.describe()
    bench.ec2.stop_instances(InstanceIds=[machine.id])
    machine.until("stopped")
    assert machine.public is None
    assert tcp(before["PublicIpAddress"], 22) in ("timeout", "refused")
    bench.ec2.start_instances(InstanceIds=[machine.id])
    machine.until_ssh()
    after = machine.describe()
    assert machine.out("cat ~/file") == "kept"
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert machine.out("hostname -I").split() == [after["PrivateIpAddress"]]


def test_a_reboot_keeps_everything_but_the_processes(bench):
    group = bench.group("ssh", "tcp 22", "tcp 7000")
    machine = bench.run(group).serve("tcp", 7000)
    machine.ssh("echo kept > ~/file && sync")
    before = machine.describe()
    started = machine.out(BOOT)
    bench.ec2.reboot_instances(InstanceIds=[machine.id])
    until_rebooted(machine, started)
    after = machine.describe()
    assert after["State"]["Name"] == "running"
    assert (after["PublicIpAddress"], after["PrivateIpAddress"]) == (before["PublicIpAddress"], before["PrivateIpAddress"])
    assert machine.out("cat ~/file") == "kept"
    assert machine.ssh("systemctl is-active echo-tcp-7000", check=False).stdout.strip() != "active"


def test_a_reboot_from_inside_does_the_same(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    started = machine.out(BOOT)
    machine.ssh("sudo systemctl reboot", check=False)
    until_rebooted(machine, started)
    assert machine.state == "running"


def test_power_off_from_inside_stops_or_terminates_as_was_asked(bench):
    group = bench.group("ssh", "tcp 22")
    stops = bench.run(group, wait=False)
    ends = bench.run(group, wait=False, InstanceInitiatedShutdownBehavior="terminate")
    for machine in (stops, ends):
        machine.until_ssh()
        machine.ssh("sudo systemctl poweroff", check=False)
    stops.until("stopped")
    ends.until("terminated")
    assert stops.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    bench.ec2.start_instances(InstanceIds=[stops.id])
    stops.until_ssh()


def test_the_console_shows_the_boot(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    machine.ssh("echo a line for the console | sudo tee /dev/console > /dev/null")
    output = lambda: bench.ec2.get_console_output(InstanceId=machine.id, Latest=True).get("Output", "")
    wait_until(lambda: "a line for the console" in output(), 10, "the line")
    assert "systemd" in output()


def test_an_elastic_address_moves_while_machines_run(bench):
    group = bench.group("web", "tcp 22", "tcp 7000")
    first, second = bench.run(group, count=2)
    given = first.public
    made = bench.ec2.allocate_address()
    association = bench.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=first.id)["AssociationId"]
    assert first.public == made["PublicIp"]
    assert first.out("hostname -I").split() == [first.private], "the machine sees its private address only"
    wait_until(lambda: tcp(given, 22, 0.5) != "open", 5, "the earlier address is given back")
    name = first.out("hostname")
    association = bench.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=second.id)["AssociationId"]
    second.until_ssh(5)
    assert second.public == made["PublicIp"] and second.out("hostname") != name
    assert first.public not in (None, made["PublicIp"])
    first.until_ssh(5)
    bench.ec2.disassociate_address(AssociationId=association)
    wait_until(lambda: tcp(made["PublicIp"], 22, 0.5) != "open", 5, "the address leads nowhere")
    second.until_ssh(5)
    bench.ec2.release_address(AllocationId=made["AllocationId"])


def test_twenty_at_once(bench):
    machines = bench.run(bench.group("ssh", "tcp 22"), count=20)
    names = {machine.out("hostname") for machine in machines}
    assert len(names) == 20
