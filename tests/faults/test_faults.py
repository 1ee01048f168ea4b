"""Things that go wrong on the host."""

import errno
import json
import os
import shutil
import signal
import subprocess

import pytest

from support import real
from support.daemon import Daemon, program, wait_until
from support.traces import more, of_instance, traces


@pytest.fixture
def small_disk(place):
    """A folder on a file system of 96 MiB."""
    folder = place / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_instance_with_a_reason_and_nothing_else(small_disk, tmp_path):
    with real.cloud(small_disk / "state", log=tmp_path / "log") as daemon:
        bench = real.Bench(daemon, "us-east-1", tmp_path)
        group = bench.group("ssh", "tcp 22")
        healthy = bench.run(group)
        filler = small_disk / "filler"
        # To the last byte: what the ledger needs to tell of it, it has kept for itself.
        fill(filler)
        refused = bench.run(group, wait=False)
        refused.until("terminated", 20)
        reason = refused.describe()["StateReason"]
        assert reason["Code"].startswith(("Server.", "Client.")) and reason["Message"], reason
        assert healthy.out("echo alive") == "alive"
        wait_until(lambda: not of_instance(daemon, refused.id), 20, f"no trace; left: {of_instance(daemon, refused.id)}")
        filler.unlink()
        assert bench.run(group).out("echo alive") == "alive"
        daemon.terminate()
        daemon.start()
        assert daemon.client().describe_instances(InstanceIds=[refused.id])["Reservations"], "and it is remembered"


def fill(path):
    """Writes until the disk is full."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC, error


def test_killed_at_any_moment_of_a_launch_it_converges(bench, daemon):
    group = bench.group("ssh", "tcp 22")
    for milliseconds in (0, 20, 60, 120, 250, 500):
        machine = bench.run(group, wait=False)
        wait_until(lambda: True, 1)
        signal_after(daemon, milliseconds)
        daemon.start()
        bench.ec2 = daemon.client()
        for made in bench.made:
            made.ec2 = bench.ec2
        machine.until_ssh()
    assert len(bench.made) == 6
    assert all(machine.state == "running" for machine in bench.made)


def test_killed_at_any_moment_of_a_termination_it_leaves_nothing(bench, daemon):
    group = bench.group("ssh", "tcp 22")
    # The first instance brings the VPC's own network, which stays with the VPC.
    first = bench.run(group)
    bench.ec2.terminate_instances(InstanceIds=[first.id])
    first.until("terminated")
    before = traces(daemon)
    for milliseconds in (0, 30, 100, 300):
        machine = bench.run(group)
        bench.ec2.terminate_instances(InstanceIds=[machine.id])
        signal_after(daemon, milliseconds)
        daemon.start()
        bench.ec2 = daemon.client()
        for made in bench.made:
            made.ec2 = bench.ec2
        machine.until("terminated")
    left = lambda: [more(before, traces(daemon)), *(of_instance(daemon, made.id) for made in bench.made)]
    wait_until(lambda: not any(left()), 20, f"no trace; left: {left()}")


def signal_after(daemon, milliseconds):
    """Kills the daemon so many milliseconds from now: the moment is the point of the test."""
    try:
        daemon.process.wait(milliseconds / 1000)
    except subprocess.TimeoutExpired:
        pass
    daemon.end(signal.SIGKILL)


def test_down_removes_everything(place, tmp_path):
    namespaces, links = set(os.listdir("/run/netns")), set(os.listdir("/sys/class/net"))
    with real.cloud(place / "state") as daemon:
        bench = real.Bench(daemon, "us-east-1", tmp_path)
        machines = bench.run(bench.group("ssh", "tcp 22"), count=2)
        tag = json.loads((daemon.state_dir / "cloud.json").read_text())["tag"]
        assert [name for name in os.listdir("/run/netns") if name.startswith(tag)]
    assert not daemon.state_dir.exists()
    assert not [name for name in set(os.listdir("/run/netns")) - namespaces if name.startswith(tag)]
    assert set(os.listdir("/sys/class/net")) == links
    assert not any(of_instance(daemon, machine.id) for machine in machines)
    assert tag not in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def test_down_keeps_the_cloud_unless_told_to_purge(place, tmp_path):
    with real.cloud(place / "state") as daemon:
        bench = real.Bench(daemon, "us-east-1", tmp_path)
        machine = bench.run(bench.group("ssh", "tcp 22"))
        machine.ssh("echo kept > ~/file && sync")
        daemon.run("down", "--yes", timeout=120)
        daemon.process.wait(20)
        assert daemon.state_dir.exists()
        daemon.start()
        machine.ec2 = bench.ec2 = daemon.client()
        machine.until_ssh()
        assert machine.out("cat ~/file") == "kept"


def doctor_without(place, *missing):
    """What `daemun doctor` says where these programs are not there, whatever the PATH."""
    hide = "".join(f"mount --bind /dev/null {shutil.which(name)} && " for name in missing)
    command = f"{hide}exec {program()} doctor --lang en --state-dir {place / 'state'}"
    line = ["unshare", "--mount", "sh", "-c", command]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(("name", "package"), [("nft", "nftables"), ("lxc-start", "lxc"), ("mmdebstrap", "mmdebstrap"), ("newuidmap", "uidmap")])
def test_the_doctor_names_what_is_missing_and_how_to_get_it(place, name, package):
    said = doctor_without(place, name)
    assert said.returncode != 0
    assert name in said.stdout and f"apt install {package}" in said.stdout.replace("apt-get", "apt"), said.stdout


def test_the_doctor_is_content_with_a_machine_that_has_everything(place):
    said = doctor_without(place)
    assert said.returncode == 0, said.stdout + said.stderr


def test_serve_without_root_says_what_it_needs(place):
    place.chmod(0o777)
    folder = place / "state"
    binary = place / "daemun"
    shutil.copy(program(), binary)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "serve", "--state-dir", folder, "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )
    assert result.returncode != 0 and "root" in result.stderr and "panicked" not in result.stderr, result
