"""Keys that open a machine for a minute."""

import subprocess
import time

import pytest

from support.daemon import wait_until

# What Instance Connect promises, and how long the last login may take from there.
LIFE = 60


@pytest.fixture
def pushed(tmp_path):
    """A key that no machine knows."""
    path = tmp_path / "pushed"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "from a test", "-f", path], check=True)
    return path


def test_a_pushed_key_opens_the_machine_for_a_minute(bench, daemon, region, pushed):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    refused = machine.ssh("true", key=pushed, check=False)
    assert refused.returncode == 255 and "Permission denied (publickey)" in refused.stderr, refused
    connect = daemon.client("ec2-instance-connect", region=region)
    public = pushed.with_name("pushed.pub").read_text()
    sent = time.monotonic()
    send = lambda user: connect.send_ssh_public_key(InstanceId=machine.id, InstanceOSUser=user, SSHPublicKey=public)
    assert send("nobody")["Success"]
    assert machine.ssh("true", key=pushed, check=False).returncode == 255, "another user's key opens nothing"
    assert send("admin")["Success"]
    assert machine.ssh("whoami", key=pushed).stdout.strip() == "admin"
    assert "from a test" not in machine.out("cat ~/.ssh/authorized_keys"), "it is not kept"
    gone = lambda: machine.ssh("true", key=pushed, check=False).returncode == 255
    wait_until(gone, LIFE + 15, "the key no longer opens the machine")
    assert time.monotonic() - sent >= LIFE - 5, "it was gone too early"
    assert machine.out("whoami") == "admin", "the key pair still opens it"


def test_the_machine_s_own_key_does_not_wait_for_pushed_ones(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    # Whoever asks for pushed keys leaves a trace here.
    machine.out("sudo mv /usr/lib/daemun/pushed-keys /usr/lib/daemun/pushed-keys.kept")
    machine.out("printf '#!/bin/sh\\necho asked >> /tmp/asked\\n' | sudo tee /usr/lib/daemun/pushed-keys >/dev/null")
    machine.out("sudo chmod 0755 /usr/lib/daemun/pushed-keys")
    assert machine.out("whoami") == "admin"
    assert machine.out("test -e /tmp/asked && echo asked || echo not asked") == "not asked"


def test_names_that_are_none_get_no_keys(bench, daemon, region, pushed):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    connect = daemon.client("ec2-instance-connect", region=region)
    public = pushed.with_name("pushed.pub").read_text()
    connect.send_ssh_public_key(InstanceId=machine.id, InstanceOSUser="admin", SSHPublicKey=public)
    asked = lambda name: machine.out(f"sudo -u ec2-instance-connect /usr/lib/daemun/pushed-keys {name}")
    assert asked("admin") == " ".join(public.split()[:2])
    for name in ("", "root", "..", "../admin", "'admin admin'", "'admin?x'", "-v", "a" * 33):
        assert asked(name) == "", name
