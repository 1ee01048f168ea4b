"""VPCs as people build them: tiers, a bastion, NAT, peering, network ACLs; with real machines."""

import pytest

from support.daemon import wait_until
from support.machine import soon, tcp
from support.netns import INTERNET, internet


class Vpc:
    """A VPC of a test's own, with an internet gateway."""

    def __init__(self, ec2, cidr="10.0.0.0/16"):
        self.ec2 = ec2
        self.id = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.id)

    def subnet(self, cidr, *routes, public=False):
        """A subnet with a route table of its own: `routes` are destinations and targets as CreateRoute calls them."""
        made = self.ec2.create_subnet(VpcId=self.id, CidrBlock=cidr)["Subnet"]["SubnetId"]
        self.ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": public})
        table = self.ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        if public:
            routes = (("0.0.0.0/0", {"GatewayId": self.gateway}), *routes)
        for destination, target in routes:
            self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, **target)
        return made

    def table(self, subnet):
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        return self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]

    def group(self, name, *rules):
        made = self.ec2.create_security_group(GroupName=name, Description="for a test", VpcId=self.id)["GroupId"]
        return made, rules


@pytest.fixture
def in_vpc(bench):
    """Makes groups of a VPC: their rules are added at once."""

    def group(vpc, name, *rules):
        made, rules = vpc.group(name, *rules)
        for rule in rules:
            bench.open(made, rule)
        return made

    return group


def private(bench, bastion, *groups, **parameters):
    """A machine that is reached by way of a bastion alone."""
    machine = bench.run(*groups, wait=False, **parameters).until("running").behind(bastion)
    wait_until(lambda: machine.ssh("true", check=False).returncode == 0, 40, f"ssh to {machine.id} by the bastion")
    return machine


def test_a_web_tier_is_public_and_its_database_is_reached_by_it_alone(bench, in_vpc):
    vpc = Vpc(bench.ec2)
    front, back = vpc.subnet("10.0.1.0/24", public=True), vpc.subnet("10.0.2.0/24")
    web = in_vpc(vpc, "web", "tcp 80", "tcp 22")
    bastions = in_vpc(vpc, "bastion", "tcp 22")
    data = in_vpc(vpc, "data", f"tcp 3306 {web}", f"tcp 22 {bastions}")
    server = bench.run(web, SubnetId=front).serve("tcp", 80)
    bastion = bench.run(bastions, SubnetId=front)
    database = private(bench, bastion, data, SubnetId=back).serve("tcp", 3306)
    assert database.public is None
    assert tcp(server.public, 80) == "open"
    assert tcp(server.public, 3306, 0.5) == "timeout"
    assert server.reach(database.private, 3306) == "open"
    # The bastion may log in, and that is all; the web server may not.
    assert bastion.reach(database.private, 3306) == "timeout"
    assert bastion.reach(database.private, 22) == "open"
    assert server.reach(database.private, 22) == "timeout"
    # A database without a way out has none.
    with internet(7000):
        assert database.reach(INTERNET, 7000) == "timeout"
        assert server.reach(INTERNET, 7000) == "open"


def test_a_subnet_behind_a_nat_gateway_fetches_and_is_not_reached(bench, in_vpc):
    vpc = Vpc(bench.ec2)
    front = vpc.subnet("10.0.1.0/24", public=True)
    address = bench.ec2.allocate_address(Domain="vpc")
    nat = bench.ec2.create_nat_gateway(SubnetId=front, AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    bench.ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    back = vpc.subnet("10.0.2.0/24", ("0.0.0.0/0", {"NatGatewayId": nat}))
    open_group = in_vpc(vpc, "open", "all")
    bastion = bench.run(open_group, SubnetId=front)
    inner = private(bench, bastion, open_group, SubnetId=back).serve("tcp", 7001)
    with internet(7000):
        soon(lambda: inner.reach(INTERNET, 7000), "open", 10)
    # Nobody gets in by the gateway's address, and it answers nothing itself.
    for port in (22, 7001):
        assert tcp(address["PublicIp"], port, 0.5) == "timeout"
    assert bastion.reach(inner.private, 7001) == "open"
    # A gateway that goes leaves its routes behind, which lead nowhere.
    bench.ec2.delete_nat_gateway(NatGatewayId=nat)
    with internet(7000):
        soon(lambda: inner.reach(INTERNET, 7000), "timeout", 20)
    table = bench.ec2.describe_route_tables(RouteTableIds=[vpc.table(back)])["RouteTables"][0]
    states = {route["DestinationCidrBlock"]: route["State"] for route in table["Routes"]}
    assert states["0.0.0.0/0"] == "blackhole"


def test_two_vpcs_of_the_same_addresses_do_not_meet(bench, in_vpc):
    machines = []
    for name in ("one", "two"):
        vpc = Vpc(bench.ec2)
        subnet = vpc.subnet("10.0.1.0/24", public=True)
        group = in_vpc(vpc, name, "all")
        machines.append(bench.run(group, SubnetId=subnet, PrivateIpAddress="10.0.1.10", wait=False))
    one, two = machines
    one.until_ssh().ssh("echo one > ~/who")
    two.until_ssh().ssh("echo two > ~/who")
    assert one.private == two.private == "10.0.1.10"
    assert (one.out("cat ~/who"), two.out("cat ~/who")) == ("one", "two")
    two.serve("tcp", 7000)
    assert one.reach("10.0.1.10", 7000) == "refused", "its own address is its own"
    assert one.reach(two.public, 7000) == "open"


def test_peered_vpcs_meet_once_accepted_and_routed_and_no_further(bench, in_vpc):
    ec2 = bench.ec2
    left, right, beyond = Vpc(ec2, "10.1.0.0/16"), Vpc(ec2, "10.2.0.0/16"), Vpc(ec2, "10.3.0.0/16")
    subnets = [vpc.subnet(cidr, public=True) for vpc, cidr in ((left, "10.1.1.0/24"), (right, "10.2.1.0/24"), (beyond, "10.3.1.0/24"))]

    def peer(a, b):
        made = ec2.create_vpc_peering_connection(VpcId=a.id, PeerVpcId=b.id)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        ec2.get_waiter("vpc_peering_connection_exists").wait(VpcPeeringConnectionIds=[made])
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        status = lambda: ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[made])["VpcPeeringConnections"][0]["Status"]["Code"]
        wait_until(lambda: status() == "active", 20, "an active peering connection")
        return made

    callers = in_vpc(left, "callers", "tcp 22")
    one = bench.run(callers, SubnetId=subnets[0])
    near = peer(left, right)
    # A group of the other VPC may be named once the two are peered.
    two = bench.run(in_vpc(right, "served", "tcp 22", f"tcp 7000 {callers}"), SubnetId=subnets[1]).serve("tcp", 7000)
    three = bench.run(in_vpc(beyond, "far", "all"), SubnetId=subnets[2]).serve("tcp", 7000)
    assert one.reach(two.private, 7000) == "timeout", "there is no route"
    by_peering = {"VpcPeeringConnectionId": near}
    ec2.create_route(RouteTableId=left.table(subnets[0]), DestinationCidrBlock="10.2.0.0/16", **by_peering)
    assert one.reach(two.private, 7000) == "timeout", "there is no route back"
    ec2.create_route(RouteTableId=right.table(subnets[1]), DestinationCidrBlock="10.1.0.0/16", **by_peering)
    soon(lambda: one.reach(two.private, 7000), "open", 10)
    # Through the middle one nobody gets further.
    far = peer(right, beyond)
    ec2.create_route(RouteTableId=left.table(subnets[0]), DestinationCidrBlock="10.3.0.0/16", **by_peering)
    ec2.create_route(RouteTableId=right.table(subnets[1]), DestinationCidrBlock="10.3.0.0/16", VpcPeeringConnectionId=far)
    ec2.create_route(RouteTableId=beyond.table(subnets[2]), DestinationCidrBlock="10.0.0.0/8", VpcPeeringConnectionId=far)
    soon(lambda: two.reach(three.private, 7000), "open", 10)
    assert one.reach(three.private, 7000) == "timeout"
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=near)
    soon(lambda: one.reach(two.private, 7000), "timeout", 10)


def test_an_acl_without_ephemeral_ports_lets_calls_in_and_no_answer_out(bench, in_vpc):
    vpc = Vpc(bench.ec2)
    subnet = vpc.subnet("10.0.1.0/24", public=True)
    group = in_vpc(vpc, "open", "all")
    one, two = bench.run(group, SubnetId=subnet, count=2)
    two.serve("tcp", 7000)
    acl = bench.ec2.create_network_acl(VpcId=vpc.id)["NetworkAcl"]["NetworkAclId"]
    everyone = {"NetworkAclId": acl, "CidrBlock": "0.0.0.0/0", "RuleAction": "allow"}

    def entry(number, egress, first, last, **more):
        ports = {"From": first, "To": last}
        bench.ec2.create_network_acl_entry(**{**everyone, "RuleNumber": number, "Protocol": "6", "Egress": egress, "PortRange": ports, **more})

    entry(100, False, 7000, 7000)
    entry(110, False, 22, 22)
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    associations = bench.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["Associations"]
    association = next(one["NetworkAclAssociationId"] for one in associations if one["SubnetId"] == subnet)
    association = bench.ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)["NewAssociationId"]
    soon(lambda: tcp(two.public, 7000, 0.5), "timeout", 10)
    # The mistake is the missing way back; once it is there, all is well.
    entry(100, True, 1024, 65535)
    soon(lambda: tcp(two.public, 7000, 0.5), "open", 10)
    assert one.reach(two.private, 8000) == "refused", "inside a subnet nothing is looked at"
    # The first entry decides; a denial cuts what runs, for the list remembers no connection.
    with one.session() as session:
        assert session.echoes()
        entry(50, False, 22, 22, RuleAction="deny")
        wait_until(lambda: not session.echoes(2), 15, "a cut session")
    bench.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=False)
    soon(lambda: tcp(one.public, 22, 0.5), "open", 10)
