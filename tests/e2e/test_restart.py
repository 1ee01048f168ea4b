"""The daemon may go at any time: machines and sessions stay."""

import signal
import subprocess

import pytest

from support.machine import soon, ssh_line, tcp


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_lives_through_a_restart(bench, daemon, number):
    group = bench.group("web", "tcp 22")
    machine = bench.run(group).serve("tcp", 7000)
    before = machine.describe()
    with machine.session() as session:
        daemon.end(number)
        assert session.echoes(), "while the daemon is gone"
        assert tcp(before["PublicIpAddress"], 22) == "open"
        assert tcp(before["PublicIpAddress"], 7000) == "timeout", "and its rules stay, too"
        daemon.start()
        bench.ec2 = machine.ec2 = daemon.client(region=bench.ec2.meta.region_name)
        assert session.echoes(), "once it is back"
        after = machine.describe()
        assert after == before
        bench.open(group, "tcp 7000")
        soon(lambda: tcp(machine.public, 7000, 0.5), "open")
        assert session.echoes(), "after a change"
    newcomer = bench.run(group)
    assert newcomer.public != machine.public


def test_what_happened_while_it_was_gone_is_noticed(bench, daemon):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    address = machine.public
    daemon.kill()
    subprocess.run([*ssh_line(address, machine.key), "sudo systemctl poweroff"], capture_output=True, timeout=30)
    daemon.start()
    bench.ec2 = machine.ec2 = daemon.client(region=bench.ec2.meta.region_name)
    machine.until("stopped")
    assert machine.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
