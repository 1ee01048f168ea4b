"""IPv6 of real machines: addresses inside, who gets in from outside, and between machines."""

import ipaddress
import subprocess

import pytest

from support.daemon import wait_until
from support.machine import soon, ssh_line, tcp, tcp_seen_as
from support.real import OPERATOR, DualStack

# Asks for a token, and prints the largest hop limit of what bears an answer of it.
HOP_LIMITS = """
import socket, subprocess, sys
heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD))
heard.settimeout(3)
root, header = sys.argv[1:]
subprocess.run(["curl", "-6", "-g", "-sf", "-m", "3", "-X", "PUT", "-H", header, root + "/api/token"], check=True, stdout=subprocess.DEVNULL)
limits = set()
while not limits:
    packet = heard.recv(2048)
    if b"HTTP/1.1 200" in packet and packet[8:24] == socket.inet_pton(socket.AF_INET6, "fd00:ec2::254"):
        limits.add(packet[7])
print(*limits)
"""


@pytest.fixture
def vpc(bench):
    return DualStack(bench.ec2)


def inside(machine):
    """The IPv6 addresses that a machine has, but for those of the link."""
    return set(machine.out("ip -6 -o addr show dev eth0 scope global | awk '{print $4}'").split())


def primary(machine):
    return machine.describe()["NetworkInterfaces"][0]["NetworkInterfaceId"]


def test_a_machine_is_reached_by_its_ipv6_address(bench, vpc):
    group = bench.group("web", "tcp 22", "tcp 22 ::/0", f"tcp 7000 {OPERATOR}/128", vpc=vpc.id)
    machine = bench.run(group, SubnetId=vpc.subnet, Ipv6AddressCount=1)
    [address] = machine.ipv6
    assert ipaddress.ip_address(address) in vpc.prefix and machine.describe()["Ipv6Address"] == address
    assert inside(machine) == {f"{address}/128"}
    assert machine.out("curl -s -m 3 http://169.254.169.254/latest/meta-data/ipv6") == address
    # A shell by IPv6 alone.
    line = [*ssh_line(address, machine.key), "echo $SSH_CONNECTION"]
    said = subprocess.run(line, capture_output=True, text=True, timeout=30, check=True).stdout
    assert said.split()[::2] == [OPERATOR, address]
    machine.serve("tcp6", 7000).serve("tcp6", 7001)
    assert tcp_seen_as(address, 7000) == OPERATOR
    assert tcp(address, 7001, 0.5) == "timeout", "no rule"
    assert tcp(machine.public, 7000, 0.5) == "timeout", "the rule is for IPv6"
    bench.open(group, "tcp 7001 ::/0")
    soon(lambda: tcp(address, 7001, 0.5), "open")
    # Without a route back to the gateway nobody gets in.
    vpc.ec2.delete_route(RouteTableId=vpc.table, DestinationIpv6CidrBlock="::/0")
    soon(lambda: tcp(address, 7000, 0.5), "timeout")
    vpc.ec2.create_route(RouteTableId=vpc.table, DestinationIpv6CidrBlock="::/0", GatewayId=vpc.gateway)
    soon(lambda: tcp(address, 7000, 0.5), "open")


def test_machines_meet_by_ipv6_as_their_groups_say(bench, vpc):
    callers = bench.group("callers", "tcp 22", vpc=vpc.id)
    called = bench.group("called", "tcp 22", f"tcp 7000 {callers}", f"tcp 7002 {vpc.block}", vpc=vpc.id)
    one, two = (bench.run(it, SubnetId=vpc.subnet, Ipv6AddressCount=1, wait=False) for it in (callers, called))
    for machine in (one, two):
        machine.until_ssh()
    two.serve("tcp6", 7000).serve("tcp6", 7001).serve("tcp6", 7002)
    [there] = two.ipv6
    assert [one.reach(there, port) for port in (7000, 7001, 7002)] == ["open", "timeout", "open"]
    [back] = one.ipv6
    # The callers' rule for SSH is for IPv4.
    assert two.reach(back, 22) == "timeout" and two.reach(one.private, 22) == "open"
    assert tcp(there, 7002, 0.5) == "timeout", "the operator is not of the VPC"


def test_addresses_come_and_go_on_a_running_machine_and_stay_over_a_reboot(bench, vpc):
    group = bench.group("web", "tcp 22", "tcp 7000 ::/0", vpc=vpc.id)
    machine = bench.run(group, SubnetId=vpc.subnet).serve("tcp6", 7000)
    assert inside(machine) == set() and not machine.ipv6
    wanted = str(vpc.prefix[0x77])
    assigned = vpc.ec2.assign_ipv6_addresses(NetworkInterfaceId=primary(machine), Ipv6Addresses=[wanted])
    assert assigned["AssignedIpv6Addresses"] == [wanted]
    more = vpc.ec2.assign_ipv6_addresses(NetworkInterfaceId=primary(machine), Ipv6AddressCount=1)
    [other] = more["AssignedIpv6Addresses"]
    from_outside = lambda: [tcp(address, 7000, 0.5) for address in (wanted, other)]
    soon(from_outside, ["open", "open"], 10)
    assert inside(machine) == {f"{wanted}/128", f"{other}/128"}
    booted = machine.out("cat /proc/sys/kernel/random/boot_id /proc/1/stat | tr -d '\\n'")
    vpc.ec2.reboot_instances(InstanceIds=[machine.id])
    again = lambda: machine.ssh("cat /proc/sys/kernel/random/boot_id /proc/1/stat | tr -d '\\n'", check=False)
    wait_until(lambda: (said := again()).returncode == 0 and said.stdout.strip() != booted, 60, "another boot")
    machine.serve("tcp6", 7000)
    soon(from_outside, ["open", "open"], 10)
    assert inside(machine) == {f"{wanted}/128", f"{other}/128"}
    vpc.ec2.unassign_ipv6_addresses(NetworkInterfaceId=primary(machine), Ipv6Addresses=[wanted])
    soon(lambda: inside(machine), {f"{other}/128"}, 10)
    assert from_outside() == ["timeout", "open"]
    # What is stopped has none; what is started has it again.
    vpc.ec2.stop_instances(InstanceIds=[machine.id])
    machine.until("stopped")
    assert tcp(other, 7000, 0.5) == "timeout"
    vpc.ec2.start_instances(InstanceIds=[machine.id])
    machine.until_ssh().serve("tcp6", 7000)
    assert from_outside()[1] == "open" and inside(machine) == {f"{other}/128"}


def test_metadata_and_names_are_told_by_ipv6(bench, vpc):
    group = bench.group("mute", "tcp 22", egress=False, vpc=vpc.id)
    options = {"HttpProtocolIpv6": "enabled", "HttpTokens": "required"}
    machine = bench.run(group, SubnetId=vpc.subnet, Ipv6AddressCount=1, MetadataOptions=options)
    assert machine.describe()["MetadataOptions"]["HttpProtocolIpv6"] == "enabled"
    root = "http://[fd00:ec2::254]/latest"
    seconds = "X-aws-ec2-metadata-token-ttl-seconds: 60"
    token = machine.out(f"curl -6 -g -sf -m 3 -X PUT -H '{seconds}' '{root}/api/token'")
    ask = f"curl -6 -g -s -m 3 -w ' %{{http_code}}' -H 'X-aws-ec2-metadata-token: {token}' '{root}/meta-data/instance-id'"
    assert machine.out(ask) == f"{machine.id} 200"
    # The hop limit of the token's packets is the one asked for; the answer is read below TCP.
    assert machine.sudo_python(HOP_LIMITS, root, seconds) == "1", "EC2's own"
    modify = lambda **options: bench.ec2.modify_instance_metadata_options(InstanceId=machine.id, **options)
    modify(HttpPutResponseHopLimit=7)
    assert machine.sudo_python(HOP_LIMITS, root, seconds) == "7"
    name = machine.describe()["PrivateDnsName"]
    machine.ssh("echo nameserver fd00:ec2::253 | sudo tee /etc/resolv.conf")
    assert machine.out(f"getent ahostsv4 {name} | head -1").split()[0] == machine.private
    modify(HttpProtocolIpv6="disabled")
    silence = f"{ask} -o /dev/null; echo \" $?\""
    soon(lambda: machine.out(silence), "000 28", 20)
    by_ipv4 = ask.replace("-6 -g", "").replace("[fd00:ec2::254]", "169.254.169.254")
    assert machine.out(by_ipv4) == f"{machine.id} 200", "by IPv4 it is told as before"
    modify(HttpProtocolIpv6="enabled")
    soon(lambda: machine.out(ask), f"{machine.id} 200", 20)


def test_an_egress_only_gateway_lets_nobody_in(bench, vpc):
    group = bench.group("web", "tcp 22", "tcp 7000 ::/0", vpc=vpc.id)
    machine = bench.run(group, SubnetId=vpc.subnet, Ipv6AddressCount=1).serve("tcp6", 7000)
    [address] = machine.ipv6
    assert tcp(address, 7000) == "open"
    made = vpc.ec2.create_egress_only_internet_gateway(VpcId=vpc.id)["EgressOnlyInternetGateway"]
    vpc.ec2.replace_route(
        RouteTableId=vpc.table, DestinationIpv6CidrBlock="::/0",
        EgressOnlyInternetGatewayId=made["EgressOnlyInternetGatewayId"],
    )
    soon(lambda: tcp(address, 7000, 0.5), "timeout", 10)
    assert tcp(machine.public, 22) == "open", "IPv4 goes by the other gateway"
