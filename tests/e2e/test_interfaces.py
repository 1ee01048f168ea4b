"""Several interfaces and addresses of one machine, and machines that forward."""

import pytest

from support.daemon import wait_until
from support.machine import soon, tcp, tcp_seen_as


class Network:
    """The default VPC of a test, with subnets of its own beside the default ones, all in one zone."""

    def __init__(self, bench):
        self.bench = bench
        self.ec2 = bench.ec2
        first = min(self.ec2.describe_subnets()["Subnets"], key=lambda subnet: subnet["CidrBlock"])
        self.vpc, self.zone, self.default = first["VpcId"], first["AvailabilityZone"], first["SubnetId"]
        self.gateway = self.ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]

    def subnet(self, cidr):
        made = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=self.zone)["Subnet"]["SubnetId"]
        self.ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": True})
        return made

    def table(self, subnet):
        """A route table of a subnet's own, with a way out."""
        made = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.ec2.create_route(RouteTableId=made, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway)
        self.ec2.associate_route_table(RouteTableId=made, SubnetId=subnet)
        return made

    def interface(self, subnet, *groups):
        return self.ec2.create_network_interface(SubnetId=subnet, Groups=list(groups))["NetworkInterface"]

    def attach(self, machine, interface, index=1):
        return self.ec2.attach_network_interface(
            InstanceId=machine.id, NetworkInterfaceId=interface["NetworkInterfaceId"], DeviceIndex=index
        )["AttachmentId"]

    def elastic(self, interface, **more):
        """A new Elastic IP address, associated with an interface; the address."""
        made = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=interface, **more)
        return made["PublicIp"]

    def check(self, interface, on):
        self.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, SourceDestCheck={"Value": on})


@pytest.fixture
def vpc(bench):
    return Network(bench)


def primary(machine):
    return machine.describe()["NetworkInterfaces"][0]["NetworkInterfaceId"]


def reboot_from_inside(machine):
    booted = "cat /proc/sys/kernel/random/boot_id /proc/1/stat | tr -d '\\n'"
    before = machine.out(booted)
    # The connection breaks.
    machine.ssh("sudo systemctl reboot", check=False)
    again = lambda: (said := machine.ssh(booted, check=False)).returncode == 0 and said.stdout.strip() != before
    wait_until(again, 60, f"another boot of {machine.id}")


def test_an_interface_is_plugged_into_a_running_machine(bench, vpc, daemon):
    ssh = bench.group("ssh", "tcp 22")
    machine, neighbour = bench.run(ssh, SubnetId=vpc.default, wait=False), bench.run(ssh, SubnetId=vpc.default, wait=False)
    machine.until_ssh().serve("tcp", 7000)
    neighbour.until_ssh()
    second = vpc.interface(vpc.subnet("172.31.96.0/24"), bench.group("second", "tcp 7000"))
    private = second["PrivateIpAddress"]
    public = vpc.elastic(second["NetworkInterfaceId"])
    assert neighbour.reach(private, 7000) == tcp(public, 7000, 0.5) == "timeout", "nothing is behind it yet"

    attachment = vpc.attach(machine, second)
    from_outside = lambda: tcp(public, 7000, 0.5)

    def works():
        soon(from_outside, "open", 10)
        assert tcp_seen_as(public, 7000) == bench.operator()
        assert neighbour.reach(private, 7000) == "open"
        # Each interface has its own groups.
        assert neighbour.reach(private, 22) == tcp(public, 22, 0.5) == "timeout"
        assert neighbour.reach(machine.private, 7000) == tcp(machine.public, 7000, 0.5) == "timeout"
        assert tcp(machine.public, 22) == "open"

    works()
    inside = machine.out("ip -br addr show eth1; cat /sys/class/net/eth1/address")
    assert f"{private}/32" in inside and second["MacAddress"] in inside
    reboot_from_inside(machine)
    machine.serve("tcp", 7000)
    works()
    daemon.kill()
    assert from_outside() == "open"
    daemon.start()
    bench.ec2 = machine.ec2 = neighbour.ec2 = vpc.ec2 = daemon.client(region=bench.ec2.meta.region_name)
    works()

    vpc.ec2.detach_network_interface(AttachmentId=attachment)
    soon(from_outside, "timeout", 10)
    assert neighbour.reach(private, 7000) == "timeout"
    soon(lambda: machine.ssh("ip link show eth1", check=False).returncode, 1)
    assert machine.out("ip rule | grep -c 10000: || true") == "0"
    # It may go to another machine, and does.
    wait_until(lambda: vpc.ec2.describe_network_interfaces(NetworkInterfaceIds=[second["NetworkInterfaceId"]])["NetworkInterfaces"][0]["Status"] == "available", 20, "detached")
    vpc.attach(neighbour, second)
    soon(from_outside, "refused", 10)


def test_a_machine_is_launched_with_two_interfaces(bench, vpc):
    one, two = bench.group("one", "tcp 22"), bench.group("two", "tcp 7000")
    machine = bench.run(
        wait=False,
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": vpc.default, "Groups": [one]},
            {"DeviceIndex": 1, "SubnetId": vpc.subnet("172.31.97.0/24"), "Groups": [two]},
        ],
    )
    interfaces = sorted(machine.describe()["NetworkInterfaces"], key=lambda interface: interface["Attachment"]["DeviceIndex"])
    first, second = (vpc.elastic(interface["NetworkInterfaceId"]) for interface in interfaces)
    machine.until_ssh().serve("tcp", 7000)
    assert (tcp(first, 22), tcp(first, 7000, 0.5)) == ("open", "timeout")
    assert (tcp(second, 7000), tcp(second, 22, 0.5)) == ("open", "timeout")
    # What it sends from an address leaves by that address's interface.
    bench.open(one, f"tcp 7001 {interfaces[1]['PrivateIpAddress']}/32")
    other = bench.run(one).serve("tcp", 7001)
    ask = "import socket, sys\nprint(socket.create_connection((sys.argv[1], 7001), 3, (sys.argv[2], 0)).makefile().readline().strip())"
    answered = lambda source: machine.ssh(f"python3 - {other.private} {source}", text=ask, check=False).stdout.strip()
    assert answered(interfaces[1]["PrivateIpAddress"]) == interfaces[1]["PrivateIpAddress"]
    assert answered(interfaces[0]["PrivateIpAddress"]) == ""
    # What is stopped has neither; what is started has both again.
    vpc.ec2.stop_instances(InstanceIds=[machine.id])
    machine.until("stopped")
    assert tcp(second, 7000, 0.5) == "timeout"
    vpc.ec2.start_instances(InstanceIds=[machine.id])
    machine.until_ssh().serve("tcp", 7000)
    assert tcp(second, 7000) == "open"


def test_a_further_address_has_its_own_elastic_ip_address(bench, vpc):
    machine = bench.run(bench.group("web", "tcp 22", "tcp 7000"), SubnetId=vpc.default).serve("tcp", 7000)
    interface = primary(machine)
    assigned = vpc.ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
    private = assigned["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    public = vpc.elastic(interface, PrivateIpAddress=private)
    on = lambda: tcp(public, 7000, 0.5)
    soon(on, "open", 10)
    assert f"{private}/32" in machine.out("ip -br addr show eth0")
    assert machine.out(f"curl -s -m 3 --interface {private} http://169.254.169.254/latest/meta-data/instance-id") == machine.id
    reboot_from_inside(machine)
    machine.serve("tcp", 7000)
    soon(on, "open", 10)
    vpc.ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=[private])
    soon(on, "timeout", 10)
    soon(lambda: f"{private}/32" in machine.out("ip -br addr show eth0"), False, 5)
    assert tcp(machine.public, 7000) == "open"


def test_a_machine_forwards_between_two_subnets_while_its_check_is_off(bench, vpc):
    group = bench.group("web", "tcp 22", "tcp 7000")
    blocks = {"left": "172.31.98.0/24", "middle": "172.31.99.0/24", "right": "172.31.100.0/24"}
    subnets = {name: vpc.subnet(block) for name, block in blocks.items()}
    client, router, server = (bench.run(group, SubnetId=subnets[name], wait=False) for name in ("left", "middle", "right"))
    for machine in (client, router, server):
        machine.until_ssh()
    server.serve("tcp", 7000)
    through = lambda: client.reach(server.private, 7000, 1)
    assert through() == "open", "without a route to the router, straight"
    interface = primary(router)
    for name, other in (("left", "right"), ("right", "left")):
        table = vpc.table(subnets[name])
        vpc.ec2.create_route(RouteTableId=table, DestinationCidrBlock=blocks[other], NetworkInterfaceId=interface)
    soon(through, "timeout", 10)
    vpc.check(interface, on=False)
    router.ssh("sudo sysctl -qw net.ipv4.ip_forward=1")
    soon(through, "open", 10)
    router.ssh("sudo sysctl -qw net.ipv4.ip_forward=0")
    assert through() == "timeout", "it is the router that forwards"
    reboot_from_inside(router)
    router.ssh("sudo sysctl -qw net.ipv4.ip_forward=1")
    soon(through, "open", 10)
    vpc.check(interface, on=True)
    soon(through, "timeout", 10)
    assert tcp(router.public, 22) == "open"
