"""Things that go wrong on the host."""

import os
import shutil
import signal
import subprocess

import pytest

from support import real
from support.daemon import Daemon, program, wait_until
from support.traces import more, traces


@pytest.fixture
def small_disk(place):
    """A folder on a file system of 48 MiB."""
    folder = place / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_instance_with_a_reason_and_nothing_else(network, small_disk, tmp_path):
    with real.cloud(small_disk / "state") as daemon:
        bench = real.Bench(daemon, "us-east-1", tmp_path)
        group = bench.group("ssh", "tcp 22")
        healthy = bench.run(group)
        before = traces(daemon.state_dir)
        # All but what the ledger needs to note what happened.
        free = shutil.disk_usage(small_disk).free
        filler = small_disk / "filler"
        with open(filler, "wb") as file:
            file.write(b"x" * max(0, free - (64 << 10)))
        refused = bench.run(group, wait=False)
        refused.until("terminated")
        reason = refused.describe()["StateReason"]
        assert reason["Code"].startswith(("Server.", "Client.")) and reason["Message"]
        assert healthy.out("echo alive") == "alive"
        filler.unlink()
        again = bench.run(group)
        assert again.out("echo alive") == "alive"
        bench.ec2.terminate_instances(InstanceIds=[again.id])
        again.until("terminated")
        wait_until(lambda: not more(before, traces(daemon.state_dir)), 20, f"no trace; left: {more(before, traces(daemon.state_dir))}")


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
    bench.run(group)
    before = traces(daemon.state_dir)
    for milliseconds in (0, 30, 100, 300):
        machine = bench.run(group)
        bench.ec2.terminate_instances(InstanceIds=[machine.id])
        signal_after(daemon, milliseconds)
        daemon.start()
        bench.ec2 = daemon.client()
        for made in bench.made:
            made.ec2 = bench.ec2
        machine.until("terminated")
    ours = lambda: {kind: [x for x in left if "daemun" not in x or kind != "process"] for kind, left in more(before, traces(daemon.state_dir)).items()}
    gone = lambda: not {kind: left for kind, left in ours().items() if left and kind != "process"}
    wait_until(gone, 20, f"no trace; left: {ours()}")


def signal_after(daemon, milliseconds):
    """Kills the daemon so many milliseconds from now: the moment is the point of the test."""
    try:
        daemon.process.wait(milliseconds / 1000)
    except subprocess.TimeoutExpired:
        pass
    daemon.end(signal.SIGKILL)


def test_down_removes_everything(place, tmp_path):
    before = traces(place)
    with real.cloud(place / "state") as daemon:
        bench = real.Bench(daemon, "us-east-1", tmp_path)
        bench.run(bench.group("ssh", "tcp 22"), count=2)
    assert not (place / "state").exists()
    (place / "state.log").unlink()
    assert not more(before, traces(place))


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


def doctor_without(tmp_path, *missing):
    """What `daemun doctor` says where these programs are not installed."""
    folder = tmp_path / "path"
    folder.mkdir()
    for directory in ("/usr/sbin", "/usr/bin"):
        for name in os.listdir(directory):
            link = folder / name
            if name not in missing and not link.exists():
                link.symlink_to(os.path.join(directory, name))
    daemon = Daemon(tmp_path / "state", environment={"PATH": str(folder)})
    return daemon.run("doctor", "--lang", "en", check=False)


def test_the_doctor_names_what_is_missing_and_how_to_get_it(network, tmp_path):
    for programs, package in [(["nft"], "nftables"), (["lxc-start"], "lxc")]:
        folder = tmp_path / package
        folder.mkdir()
        said = doctor_without(folder, *programs)
        assert said.returncode != 0
        assert programs[0] in said.stdout and f"apt" in said.stdout and package in said.stdout, said.stdout


def test_the_doctor_is_content_with_a_machine_that_has_everything(network, tmp_path):
    said = doctor_without(tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr


def test_serve_without_root_says_what_it_needs(place):
    folder = place / "state"
    folder.mkdir()
    folder.chmod(0o777)
    binary = place / "daemun"
    shutil.copy(program(), binary)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "serve", "--state-dir", folder, "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )
    assert result.returncode != 0 and "root" in result.stderr and "panicked" not in result.stderr, result
