"""What a machine sees: metadata, names, its user data."""

import contextlib
import json
import socket
import struct
import subprocess
import threading

import pytest

from support.daemon import wait_until
from support.machine import soon

IMDS = "http://169.254.169.254/latest"
TOKEN = f"$(curl -sf -m 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {IMDS}/api/token)"


def get(machine, path, token=True):
    header = f'-H "X-aws-ec2-metadata-token: {TOKEN}"' if token else ""
    said = machine.out(f"curl -s -m 3 -w '\\n%{{http_code}}' {header} {IMDS}/{path}")
    body, _, status = said.rpartition("\n")
    return int(status), body


def test_metadata_tells_a_machine_what_it_is(bench):
    group = bench.group("ssh", "tcp 22")
    machine = bench.run(group, UserData="#cloud-config\n{}\n", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}])
    about = machine.describe()
    for path, value in [
        ("instance-id", machine.id), ("ami-id", about["ImageId"]), ("instance-type", "t3.micro"), ("local-ipv4", about["PrivateIpAddress"]),
        ("public-ipv4", about["PublicIpAddress"]), ("placement/availability-zone", about["Placement"]["AvailabilityZone"]),
        ("placement/region", bench.ec2.meta.region_name), ("security-groups", "ssh"), ("ami-launch-index", "0"),
        ("mac", about["NetworkInterfaces"][0]["MacAddress"]), ("local-hostname", about["PrivateDnsName"]),
        (f"network/interfaces/macs/{about['NetworkInterfaces'][0]['MacAddress']}/subnet-id", about["SubnetId"]),
    ]:
        assert get(machine, f"meta-data/{path}") == (200, value), path
        assert get(machine, f"meta-data/{path}", token=False) == (200, value), f"{path} by version 1"
    assert get(machine, "meta-data/public-keys/")[1] == "0=test"
    assert get(machine, "meta-data/public-keys/0/openssh-key")[1].split()[1] in machine.out("cat ~/.ssh/authorized_keys")
    assert get(machine, "user-data") == (200, "#cloud-config\n{}\n")
    document = json.loads(get(machine, "dynamic/instance-identity/document")[1])
    assert (document["instanceId"], document["privateIp"]) == (machine.id, about["PrivateIpAddress"])
    assert get(machine, "meta-data/no-such-thing")[0] == 404
    assert get(machine, "meta-data/spot/instance-action")[0] == 404


def test_tokens_are_demanded_where_asked_for(bench):
    group = bench.group("ssh", "tcp 22")
    machine = bench.run(group, MetadataOptions={"HttpTokens": "required"})
    assert get(machine, "meta-data/instance-id", token=False)[0] == 401
    assert get(machine, "meta-data/instance-id") == (200, machine.id)
    assert machine.out(f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' -H 'X-aws-ec2-metadata-token: made-up' {IMDS}/meta-data/") == "401"
    put = lambda *headers: machine.out(f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' -X PUT {' '.join(f'-H {h!r}' for h in headers)} {IMDS}/api/token")
    assert put() == "400"
    assert put("X-aws-ec2-metadata-token-ttl-seconds: 21601") == "400"
    assert put("X-aws-ec2-metadata-token-ttl-seconds: 60", "X-Forwarded-For: 10.0.0.1") in ("403", "400")


def test_a_machine_s_token_is_no_other_s(bench):
    first, second = bench.run(bench.group("ssh", "tcp 22"), count=2)
    token = first.out(f"echo {TOKEN}")
    ask = f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' -H 'X-aws-ec2-metadata-token: {token}' {IMDS}/meta-data/instance-id"
    assert first.out(ask) == "200"
    assert second.out(ask) == "401"


def test_user_data_runs_once_through_cloud_init(bench):
    script = "#!/bin/sh\necho 안녕 >> /root/ran\nid -un >> /root/ran\n"
    machine = bench.run(bench.group("ssh", "tcp 22"), UserData=script)
    machine.ssh("cloud-init status --wait > /dev/null; true", timeout=120)
    assert machine.out("sudo cat /root/ran").splitlines() == ["안녕", "root"]
    bench.ec2.stop_instances(InstanceIds=[machine.id])
    machine.until("stopped")
    bench.ec2.start_instances(InstanceIds=[machine.id])
    machine.until_ssh()
    machine.ssh("cloud-init status --wait > /dev/null; true", timeout=120)
    assert machine.out("sudo cat /root/ran").splitlines() == ["안녕", "root"]


def test_cloud_init_is_content(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    status = json.loads(machine.ssh("cloud-init status --wait --format json", timeout=120, check=False).stdout)
    assert status["status"] == "done" and not status["errors"], status
    failed = machine.out("systemctl --failed --no-legend --plain")
    assert failed == "", failed


def test_names_are_those_of_the_vpc(bench):
    first, second = bench.run(bench.group("ssh", "tcp 22"), count=2)
    resolve = lambda name: first.out(f"getent ahostsv4 {name} | awk 'NR == 1 {{ print $1 }}'")
    about = second.describe()
    assert resolve(about["PrivateDnsName"]) == about["PrivateIpAddress"]
    assert resolve(about["PrivateDnsName"].split(".")[0]) == about["PrivateIpAddress"], "by the search domain"
    assert resolve(about["PublicDnsName"]) == about["PrivateIpAddress"], "inside, a public name is the private address"
    assert resolve("no-such-name.invalid") == ""
    assert first.out("hostname -f") == first.describe()["PrivateDnsName"]


def test_other_dhcp_options_reach_machines_that_run(bench):
    first, second = bench.run(bench.group("ssh", "tcp 22"), count=2)
    vpc = first.describe()["VpcId"]
    before = bench.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"]
    has = lambda machine: machine.out("cat /etc/resolv.conf")
    usual = has(first)
    resolver = usual.split()[-1]
    # One whose owner has another way keeps it.
    second.ssh("echo nameserver 169.254.169.253 | sudo tee /etc/resolv.conf")
    made = bench.ec2.create_dhcp_options(DhcpConfigurations=[
        {"Key": "domain-name", "Values": ["corp.example"]}, {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]},
    ])["DhcpOptions"]["DhcpOptionsId"]
    bench.ec2.associate_dhcp_options(DhcpOptionsId=made, VpcId=vpc)
    soon(lambda: has(first), f"search corp.example\nnameserver {resolver}", 10)
    assert has(second) == "nameserver 169.254.169.253"
    assert first.out("stat -c '%U %a' /etc/resolv.conf") == "root 644"
    # What happens while one is stopped it finds when it starts.
    bench.ec2.stop_instances(InstanceIds=[first.id])
    first.until("stopped")
    bench.ec2.associate_dhcp_options(DhcpOptionsId=before, VpcId=vpc)
    bench.ec2.start_instances(InstanceIds=[first.id])
    first.until_ssh()
    assert has(first) == usual


def test_metadata_and_names_need_no_rule(bench):
    machine = bench.run(bench.group("mute", "tcp 22", egress=False))
    assert get(machine, "meta-data/instance-id") == (200, machine.id)
    name = machine.describe()["PrivateDnsName"]
    assert machine.out(f"getent ahostsv4 {name} | head -1").split()[0] == machine.private


def test_the_web_image_has_what_it_promises(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"), image="debian-12-web", InstanceType="t3.small")
    for program in ("git", "node", "nginx", "mariadb"):
        assert machine.out(f"command -v {program} || sudo sh -c 'command -v {program}'")
    wait_until(lambda: machine.ssh("sudo mariadb -e 'select 6 * 7'", check=False).stdout.strip().endswith("42"), 60, "MariaDB")


@pytest.mark.parametrize("name", ["debian-12", "debian-12-web"])
def test_nothing_secret_is_in_an_image(bench, name):
    images = json.loads(bench.daemon.run("image", "list", "--output", "json").stdout)
    listed = images if isinstance(images, list) else images["images"]
    assert name in [image["name"] for image in listed]


def test_a_machine_with_several_interfaces_is_told_of_each(bench):
    group = bench.group("ssh", "tcp 22")
    machine = bench.run(group)
    about = machine.describe()
    primary = about["NetworkInterfaces"][0]
    made = bench.ec2.create_network_interface(SubnetId=about["SubnetId"], Groups=[group])["NetworkInterface"]
    bench.ec2.attach_network_interface(InstanceId=machine.id, NetworkInterfaceId=made["NetworkInterfaceId"], DeviceIndex=1)
    further = bench.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=primary["NetworkInterfaceId"], SecondaryPrivateIpAddressCount=1
    )["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    macs = "network/interfaces/macs"
    wait_until(lambda: machine.ssh(f"ip -br addr | grep -c -e {made['PrivateIpAddress']} -e {further}", check=False).stdout.strip() == "2", 10, "both inside")
    assert sorted(get(machine, f"meta-data/{macs}/")[1].splitlines()) == sorted([f"{primary['MacAddress']}/", f"{made['MacAddress']}/"])
    assert get(machine, f"meta-data/{macs}/{made['MacAddress']}/device-number") == (200, "1")
    assert get(machine, f"meta-data/{macs}/{made['MacAddress']}/local-ipv4s") == (200, made["PrivateIpAddress"])
    assert get(machine, f"meta-data/{macs}/{primary['MacAddress']}/local-ipv4s")[1].splitlines() == [machine.private, further]
    for source in (machine.private, further, made["PrivateIpAddress"]):
        assert machine.out(f"curl -s -m 3 --interface {source} {IMDS}/meta-data/instance-id") == machine.id, source


# A namespace one hop behind the machine that has one of the machine's further addresses: a pod, as AWS's CNI plug-in for
# Kubernetes makes it.
POD = """
import subprocess, sys
address = sys.argv[1]
for line in f'''
sysctl -qw net.ipv4.ip_forward=1
ip address delete {address}/32 dev eth0
ip netns add pod
ip link add outer type veth peer name inner netns pod
ip address add 10.99.0.1/32 dev outer
ip link set outer up
ip route add {address}/32 dev outer
nsenter --net=/run/netns/pod ip address add {address}/32 dev inner
nsenter --net=/run/netns/pod ip link set inner up
nsenter --net=/run/netns/pod ip route add default via 10.99.0.1 dev inner onlink
'''.strip().splitlines():
    subprocess.run(line.split(), check=True)
"""


def test_a_token_travels_as_far_as_the_hop_limit(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"), MetadataOptions={"HttpPutResponseHopLimit": 1})
    interface = machine.describe()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assigned = bench.ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
    address = assigned["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    wait_until(lambda: address in machine.out("ip -br addr show eth0"), 10, "the address inside")
    machine.sudo_python(POD, address)
    in_pod = lambda words: machine.ssh(f"sudo nsenter --net=/run/netns/pod curl -sf -m 2 {words}", check=False).stdout.strip()
    put = f"-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {IMDS}/api/token"
    assert in_pod(f"{IMDS}/meta-data/instance-id") == machine.id, "what is no token has no limit"
    assert in_pod(put) == "", "one hop is the machine itself"
    assert machine.out(f"curl -sf -m 2 {put}") != ""
    bench.ec2.modify_instance_metadata_options(InstanceId=machine.id, HttpPutResponseHopLimit=2)
    wait_until(lambda: in_pod(put) != "", 10, "a token in the pod")


def test_a_service_that_is_off_answers_nobody_and_tags_are_told_where_asked_for(bench):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]
    machine = bench.run(bench.group("ssh", "tcp 22"), MetadataOptions={"InstanceMetadataTags": "enabled"}, TagSpecifications=tags)
    assert get(machine, "meta-data/tags/instance/Name") == (200, "web")
    bench.ec2.create_tags(Resources=[machine.id], Tags=[{"Key": "Name", "Value": "new"}])
    wait_until(lambda: get(machine, "meta-data/tags/instance/Name") == (200, "new"), 5, "the new value")
    bench.ec2.modify_instance_metadata_options(InstanceId=machine.id, InstanceMetadataTags="disabled")
    wait_until(lambda: get(machine, "meta-data/tags/instance/Name")[0] == 404, 5, "no tags")
    bench.ec2.modify_instance_metadata_options(InstanceId=machine.id, HttpEndpoint="disabled")
    wait_until(lambda: get(machine, "meta-data/", token=False)[0] == 403, 5, "the service off")
    put = f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {IMDS}/api/token"
    assert machine.out(put) == "403"


class Upstream:
    """A resolver that the operator's machine has: `known.example` is 192.0.2.80, anything else does not exist."""

    def __init__(self, address):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.create_server((address, 53))
        self.had_options = []
        for work in (self.datagrams, self.streams):
            threading.Thread(target=work, daemon=True).start()

    def answer(self, query):
        end = 12
        while query[end]:
            end += query[end] + 1
        end += 5
        # One additional record: the options of EDNS.
        self.had_options.append(struct.unpack("!H", query[10:12])[0] == 1)
        known = query[12:end - 4] == b"\x05known\x07example\x00"
        is_a = query[end - 4:end - 2] == b"\x00\x01"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + bytes([192, 0, 2, 80]) if known and is_a else b""
        return query[:2] + struct.pack("!HHHHH", 0x8180 | (0 if known else 3), 1, bool(record), 0, 0) + query[12:end] + record

    def datagrams(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.udp.recvfrom(4096)
                self.udp.sendto(self.answer(query), peer)

    def streams(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.tcp.accept()
                with connection, connection.makefile("rwb") as stream:
                    while length := stream.read(2):
                        answer = self.answer(stream.read(struct.unpack("!H", length)[0]))
                        stream.write(struct.pack("!H", len(answer)) + answer)
                        stream.flush()

    def close(self):
        self.udp.close()
        self.tcp.close()


@contextlib.contextmanager
def upstream():
    """Answers in our namespace at the addresses that the operator's machine calls its resolvers."""
    with open("/etc/resolv.conf") as lines:
        servers = [words[1] for line in lines if len(words := line.split()) == 2 and words[0] == "nameserver" and "." in words[1]]
    assert servers, "the operator's machine has no resolver"
    for server in servers:
        subprocess.run(["ip", "address", "replace", f"{server}/32", "dev", "lo"], check=True)
    running = [Upstream(server) for server in servers]
    try:
        yield running
    finally:
        for one in running:
            one.close()
        for server in servers:
            subprocess.run(["ip", "address", "delete", f"{server}/32", "dev", "lo"], check=True)


# Asks the machine's resolver for a name by UDP or TCP, with or without EDNS; prints the code and the address.
ASK = """
import socket, struct, sys
kind, name, edns = sys.argv[1], sys.argv[2], sys.argv[3] == "edns"
server = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\\0"
query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, edns) + labels + struct.pack("!HH", 1, 1)
query += b"\\0" + struct.pack("!HHIH", 41, 1232, 0, 0) if edns else b""
if kind == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(6); s.sendto(query, (server, 53)); answer = s.recv(4096)
else:
    s = socket.create_connection((server, 53), 6); s.sendall(struct.pack("!H", len(query)) + query); s.recv(2, socket.MSG_WAITALL); answer = s.recv(4096)
records = struct.unpack("!H", answer[6:8])[0]
start = 12 + len(labels) + 4
print(answer[3] & 15, socket.inet_ntoa(answer[start + 12:start + 16]) if records else "-")
"""


def test_what_others_know_is_asked_of_the_operator_s_resolvers(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    ask = lambda *words: machine.ssh(f"python3 - {' '.join(words)}", text=ASK).stdout.split()
    assert ask("udp", "known.example", "plain") == ["2", "-"], "SERVFAIL while there is no resolver"
    with upstream() as servers:
        wait_until(lambda: ask("udp", "known.example", "plain") == ["0", "192.0.2.80"], 10, "an answer")
        assert ask("tcp", "known.example", "plain") == ["0", "192.0.2.80"]
        assert ask("udp", "known.example", "edns") == ["0", "192.0.2.80"]
        assert any(had for server in servers for had in server.had_options)
        assert ask("udp", "gone.example", "plain") == ask("tcp", "gone.example", "edns") == ["3", "-"]
        assert machine.out("getent ahostsv4 known.example | awk 'NR == 1 { print $1 }'") == "192.0.2.80"
        name = machine.describe()["PrivateDnsName"]
        assert ask("udp", name, "plain") == ["0", machine.private], "its own names are answered here"


def test_the_search_domain_is_the_vpc_s(bench):
    options = bench.ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example"]}, {"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]}]
    )["DhcpOptions"]["DhcpOptionsId"]
    vpc = bench.ec2.describe_vpcs()["Vpcs"][0]
    bench.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc["VpcId"])
    machine = bench.run(bench.group("ssh", "tcp 22"))
    assert machine.out("cat /etc/resolv.conf").splitlines() == ["search corp.example", "nameserver 172.31.0.2"]


def test_names_of_a_peered_vpc_are_private_addresses_where_it_allows_that(bench):
    group = bench.group("ssh", "tcp 22")
    machine = bench.run(group)
    ec2, zone = bench.ec2, machine.describe()["Placement"]["AvailabilityZone"]
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=other, **{attribute: {"Value": True}})
    subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.7.0.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=other)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"])
    name = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])["NetworkInterfaces"][0]["Association"]["PublicDnsName"]
    resolve = lambda: machine.out(f"getent ahostsv4 {name} | awk 'NR == 1 {{ print $1 }}'")
    assert resolve() == address["PublicIp"]
    own = machine.describe()["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=other)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    status = lambda: ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"][0]["Status"]["Code"]
    wait_until(lambda: status() == "pending-acceptance", 10, "the request")
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    wait_until(lambda: status() == "active", 10, "the connection")
    assert resolve() == address["PublicIp"]
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=peering, AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
    )
    wait_until(lambda: resolve() == interface["PrivateIpAddress"], 5, "the private address")
