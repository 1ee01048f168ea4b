"""Packets against rules."""

import socket

import pytest

from support.daemon import wait_until
from support.machine import ping, soon, tcp, tcp_seen_as, udp
from support.netns import INTERNET, OUR_SIDE, internet
from support.real import Bench


def test_a_port_answers_once_it_is_open_and_only_it(bench):
    group = bench.group("web", "tcp 22")
    machine = bench.run(group).serve("tcp", 3005).serve("tcp", 3004).serve("udp", 5353)
    on = lambda port: lambda: tcp(machine.public, port, 0.5)
    asked = lambda: udp(machine.public, 5353, 0.5)
    pinged = lambda: ping(machine.public, 0.5)
    assert (on(3005)(), on(3004)(), asked(), pinged()) == ("timeout", "timeout", None, False)
    bench.open(group, "tcp 3005")
    soon(on(3005), "open")
    assert on(3004)() == "timeout"
    bench.open(group, "tcp 3000-3004")
    soon(on(3004), "open")
    assert on(3003)() == "refused", "open, and nobody listens"
    bench.open(group, "tcp 5353")
    soon(on(5353), "refused")
    assert asked() is None, "a rule for tcp opens no udp"
    bench.open(group, "udp 5353")
    soon(asked, bench.operator())
    assert not pinged()
    bench.open(group, "icmp")
    soon(pinged, True)
    for rule, ask, answer in [
        ("tcp 3005", on(3005), "timeout"), ("tcp 3000-3004", on(3004), "timeout"), ("udp 5353", asked, None), ("icmp", pinged, False)
    ]:
        bench.close(group, rule)
        soon(ask, answer)
    assert (on(3005)(), on(3004)(), asked(), pinged()) == ("timeout", "timeout", None, False)


def test_all_protocols_are_one_rule(bench):
    group = bench.group("all", "all")
    machine = bench.run(group).serve("udp", 7000)
    assert ping(machine.public) and udp(machine.public, 7000) and tcp(machine.public, 7001) == "refused"


def test_a_rule_is_in_force_in_a_moment(bench):
    group = bench.group("web", "tcp 22")
    machine = bench.run(group).serve("tcp", 3005)
    for _ in range(5):
        bench.open(group, "tcp 3005")
        soon(lambda: tcp(machine.public, 3005, 0.1), "open", 1)
        bench.close(group, "tcp 3005")
        soon(lambda: tcp(machine.public, 3005, 0.1), "timeout", 1)


def test_the_groups_of_a_machine_add_up(bench):
    machine = bench.run(bench.group("one", "tcp 22"), bench.group("two", "tcp 7001"), bench.group("three", "tcp 7002"))
    machine.serve("tcp", 7001).serve("tcp", 7002)
    assert tcp(machine.public, 7001) == tcp(machine.public, 7002) == "open"
    assert tcp(machine.public, 7003) == "timeout"


def test_a_group_as_source_means_the_private_addresses_of_its_members(bench):
    clients, others = bench.group("clients", "tcp 22"), bench.group("others", "tcp 22")
    server = bench.run(bench.group("server", "tcp 22", f"tcp 7000 {clients}"), wait=False)
    client, other = bench.run(clients, wait=False), bench.run(others, wait=False)
    for machine in (server, client, other):
        machine.until_ssh()
    server.serve("tcp", 7000)
    assert client.reach(server.private, 7000) == "open"
    assert client.reach(server.private, 7001) == "timeout"
    assert other.reach(server.private, 7000) == "timeout", "the same subnet is no reason to be let in"
    assert client.reach(server.public, 7000) == "timeout", "a public address is no member's address"
    assert tcp(server.public, 7000) == "timeout"
    newcomer = bench.run(clients)
    assert newcomer.reach(server.private, 7000) == "open"


def test_members_of_the_default_group_reach_one_another(bench):
    default = bench.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    ssh = bench.group("ssh", "tcp 22")
    first, second = bench.run(default, ssh, count=2)
    first.serve("tcp", 7000)
    assert second.reach(first.private, 7000) == "open"
    outsider = bench.run(ssh)
    assert outsider.reach(first.private, 7000) == "timeout"


def test_without_egress_nothing_goes_out_and_answers_still_do(bench):
    inside = bench.group("inside", "tcp 22", "tcp 7000")
    server = bench.run(inside).serve("tcp", 7000)
    mute = bench.run(bench.group("mute", "tcp 22", egress=False))
    with internet(7000):
        assert server.reach(INTERNET, 7000) == "open"
        assert mute.out("echo heard") == "heard"
        assert mute.reach(server.private, 7000) == "timeout"
        assert mute.reach(INTERNET, 7000) == "timeout"


def test_egress_is_opened_port_by_port(bench):
    server = bench.run(bench.group("inside", "tcp 22", "tcp 7000-7001")).serve("tcp", 7000).serve("tcp", 7001)
    group = bench.group("narrow", "tcp 22", egress=False)
    machine = bench.run(group)
    bench.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=bench.permission(f"tcp 7000 {server.private}/32"))
    soon(lambda: machine.reach(server.private, 7000), "open")
    assert machine.reach(server.private, 7001) == "timeout"


def test_the_way_out_is_masqueraded_and_the_operator_s_machine_is_no_service(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    with internet(7000):
        ask = f"import socket\nprint(socket.create_connection(({INTERNET!r}, 7000), 3).makefile().readline().strip())"
        assert machine.sudo_python(ask) == OUR_SIDE
        with socket.create_server(("0.0.0.0", 0)) as server:
            for address in (bench.operator(), OUR_SIDE):
                assert machine.reach(address, server.getsockname()[1]) == "timeout", address


def test_a_machine_is_seen_by_a_neighbour_s_public_address_as_its_own(bench):
    group = bench.group("web", "tcp 22", "tcp 7000")
    server, client = bench.run(group, count=2)
    server.serve("tcp", 7000)
    ask = "import socket\nprint(socket.create_connection((%r, 7000), 3).makefile().readline().strip())"
    assert client.sudo_python(ask % server.private) == client.private
    assert client.sudo_python(ask % server.public) == client.public
    assert tcp_seen_as(server.public, 7000) == bench.operator()


def test_a_tracked_connection_lives_on_after_its_rule_is_gone(bench):
    group = bench.group("web", "tcp 22")
    machine = bench.run(group).serve("tcp", 7000)
    rule = f"tcp 7000 {bench.operator()}/32"
    bench.open(group, rule)
    with socket.create_connection((machine.public, 7000), 5) as connection, connection.makefile("rw") as lines:
        assert lines.readline().strip() == bench.operator()
        bench.close(group, rule)
        soon(lambda: tcp(machine.public, 7000, 0.5), "timeout")
        for number in range(3):
            lines.write(f"still here {number}\n")
            lines.flush()
            assert lines.readline() == f"still here {number}\n"


def test_an_untracked_connection_ends_with_its_rule(bench):
    group = bench.group("web", "tcp 22", "tcp 7000")
    machine = bench.run(group).serve("tcp", 7000)
    with socket.create_connection((machine.public, 7000), 5) as connection, connection.makefile("rw") as lines:
        assert lines.readline().strip() == bench.operator()
        bench.close(group, "tcp 7000")
        soon(lambda: tcp(machine.public, 7000, 0.5), "timeout")
        connection.settimeout(1)
        lines.write("still here\n")
        lines.flush()
        with pytest.raises(TimeoutError):
            lines.readline()


SPOOF = """
import socket, struct, sys
me, victim, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
payload = b"spoofed"
udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(me), socket.inet_aton(victim))
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + udp, (victim, 0))
"""


def test_a_machine_cannot_send_as_another(bench):
    group = bench.group("open", "tcp 22", "udp 7000")
    victim, liar, other = bench.run(group, count=3)
    victim.serve("udp", 7000)
    heard = lambda: victim.out("cat /tmp/udp-7000 2>/dev/null || true")
    liar.sudo_python(SPOOF, liar.private, victim.private, 7000)
    wait_until(lambda: f"{liar.private} b'spoofed'" in heard(), 5, "an honest packet")
    for source in (other.private, victim.private, "203.0.113.7", bench.operator()):
        liar.sudo_python(SPOOF, source, victim.private, 7000)
    # An honest packet after the false ones: when it is there, they would be, too.
    liar.sudo_python(SPOOF, liar.private, victim.private, 7000)
    wait_until(lambda: heard().count(f"{liar.private} b'spoofed'") == 2, 5, "the last honest packet")
    assert len(heard().splitlines()) == 2, heard()


def test_vpcs_of_two_regions_share_addresses_and_no_packet(bench, daemon, region, tmp_path):
    (tmp_path / "other").mkdir()
    other = Bench(daemon, f"{region}-other", tmp_path / "other")
    try:
        first_subnet = lambda of: min(of.ec2.describe_subnets()["Subnets"], key=lambda s: s["CidrBlock"])["SubnetId"]
        launch = lambda of, group, last: of.run(group, SubnetId=first_subnet(of), PrivateIpAddress=f"172.31.{last}", wait=False)
        theirs = other.group("all", "all")
        here, twin, there = launch(bench, bench.group("all", "all"), "0.10"), launch(other, theirs, "0.10"), launch(other, theirs, "0.11")
        for machine in (here, twin, there):
            machine.until_ssh()
        assert here.private == twin.private and here.public != twin.public
        there.serve("tcp", 7000)
        assert twin.reach("172.31.0.11", 7000) == "open"
        assert here.reach("172.31.0.11", 7000) != "open"
        assert here.reach(there.public, 7000) == "open", "as over the internet"
    finally:
        other.end()
