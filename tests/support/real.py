"""A cloud of real machines in a network of its own, for a whole file of tests or for one."""

import contextlib
import ipaddress
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.daemon import Daemon, wait_until
from support.machine import Machine
from support.netns import Isolated

IMAGE = "debian-12"
# The address of the operator: the first of the block that the cloud's IPv6 addresses come from.
OPERATOR = "2001:db8::1"


def image_dir():
    """The folder of the images, if not the usual one."""
    return os.environ.get("DAEMUN_IMAGE_DIR")


@contextlib.contextmanager
def isolated():
    """A network namespace; the whole test session lives in it."""
    with Isolated(f"daemun-test-{os.urandom(3).hex()}") as namespace:
        yield namespace


@contextlib.contextmanager
def place():
    """A folder for state: on a disk, and unlike pytest's own one that the user ids of instances can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="daemun-test-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def cloud(state_dir, **options):
    """A daemon with real machines; everything of it is removed at the end."""
    daemon = Daemon(state_dir, engine="container", image_dir=image_dir(), **options)
    try:
        yield daemon.start()
    except BaseException:
        print(f"The end of the daemon's log:\n{daemon.log.read_text()[-6000:]}")
        raise
    finally:
        result = daemon.down()
        assert result.returncode == 0, f"`daemun down` failed:\n{result.stdout}\n{result.stderr}\n{daemon.log.read_text()[-4000:]}"


class Bench:
    """What tests ask of a cloud: a key, groups, machines."""

    def __init__(self, daemon, region, folder):
        self.daemon = daemon
        self.ec2 = daemon.client(region=region)
        self.folder = folder
        self.made = []
        key = self.ec2.create_key_pair(KeyName="test", KeyType="ed25519")
        self.key = folder / "test.pem"
        self.key.write_text(key["KeyMaterial"])
        self.key.chmod(0o400)

    def image(self, name=IMAGE):
        found = self.ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]
        assert found, f"the image {name} is not built: daemun image build {name}"
        return found[0]["ImageId"]

    def group(self, name, *rules, egress=True, vpc=None):
        """A group with rules such as `tcp 22`, `udp 53 10.0.0.0/8`, `tcp 80 ::/0`, `icmp`, `tcp 80 sg-…`."""
        of_vpc = {"VpcId": vpc} if vpc else {}
        made = self.ec2.create_security_group(GroupName=name, Description="for a test", **of_vpc)["GroupId"]
        for rule in rules:
            self.open(made, rule)
        if not egress:
            everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
        return made

    @staticmethod
    def permission(rule):
        protocol, *words = rule.split()
        ports = [word for word in words if word.replace("-", "").isdigit()]
        peers = [word for word in words if word not in ports] or ["0.0.0.0/0"]
        start, end = (ports[0].split("-") * 2)[:2] if ports else ("-1", "-1")
        peer = peers[0]
        permission = {"IpProtocol": "-1" if protocol == "all" else protocol, "FromPort": int(start), "ToPort": int(end)}
        if peer.startswith("sg-"):
            permission["UserIdGroupPairs"] = [{"GroupId": peer}]
        elif ":" in peer:
            permission["Ipv6Ranges"] = [{"CidrIpv6": peer}]
        else:
            permission["IpRanges"] = [{"CidrIp": peer}]
        return [permission]

    def open(self, group, rule):
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=self.permission(rule))

    def close(self, group, rule):
        self.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=self.permission(rule))

    def run(self, *groups, count=1, wait=True, image=IMAGE, **parameters):
        """Machines of these groups; waits for their SSH."""
        launched = self.ec2.run_instances(
            ImageId=self.image(image), InstanceType=parameters.pop("InstanceType", "t3.micro"), MinCount=count, MaxCount=count,
            KeyName="test", **({"SecurityGroupIds": list(groups)} if groups else {}), **parameters,
        )["Instances"]
        machines = [Machine(self.ec2, instance["InstanceId"], self.key) for instance in launched]
        self.made += machines
        if wait:
            for machine in machines:
                machine.until_ssh()
        return machines if count > 1 else machines[0]

    def operator(self):
        """The address that the operator's machine reaches instances from."""
        route = subprocess.run(["ip", "-4", "route", "get", "198.18.0.77"], capture_output=True, text=True, check=True).stdout
        return route.split(" src ")[1].split()[0]

    def end(self):
        ids = [machine.id for machine in self.made]
        if ids:
            self.ec2.terminate_instances(InstanceIds=ids)
            wait_until(lambda: all(machine.state == "terminated" for machine in self.made), 60, "all terminated")


class DualStack:
    """A VPC with IPv6 and an internet gateway, one subnet, and routes of both families to the gateway."""

    def __init__(self, ec2, cidr="10.0.0.0/16"):
        self.ec2 = ec2
        self.id = ec2.create_vpc(CidrBlock=cidr, AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        wait_until(self.blocks, 10, "an IPv6 block")
        [block] = self.blocks()
        self.block = ipaddress.ip_network(block)
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        self.gateway = gateway
        first = str(next(ipaddress.ip_network(cidr).subnets(new_prefix=24)))
        self.prefix = next(self.block.subnets(new_prefix=64))
        made = ec2.create_subnet(VpcId=self.id, CidrBlock=first, Ipv6CidrBlock=str(self.prefix))["Subnet"]
        self.subnet = made["SubnetId"]
        ec2.modify_subnet_attribute(SubnetId=self.subnet, MapPublicIpOnLaunch={"Value": True})
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.id]}])["RouteTables"]
        self.table = tables[0]["RouteTableId"]
        ec2.create_route(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.create_route(RouteTableId=self.table, DestinationIpv6CidrBlock="::/0", GatewayId=gateway)

    def blocks(self):
        associations = self.ec2.describe_vpcs(VpcIds=[self.id])["Vpcs"][0].get("Ipv6CidrBlockAssociationSet", [])
        return [it["Ipv6CidrBlock"] for it in associations if it["Ipv6CidrBlockState"]["State"] == "associated"]
