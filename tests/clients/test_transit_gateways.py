"""Transit gateways as Terraform's resources call them: create, wait, read back, change, delete, gone."""

import pytest

from support.daemon import wait_until
from support.errors import fails, refused


def only(answer, key):
    assert len(answer[key]) == 1, answer[key]
    return answer[key][0]


def tags(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def until(look, state, what):
    """Waits until what `look` gives is in this state; gives it."""

    def reached():
        found = look()
        return found if found and found["State"] == state else None

    return wait_until(reached, 10, f"{what} {state}")


def gateway_of(ec2, gateway):
    return only(ec2.describe_transit_gateways(TransitGatewayIds=[gateway]), "TransitGateways")


def attachment_of(ec2, attachment):
    told = ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])
    return only(told, "TransitGatewayVpcAttachments")


def table_of(ec2, table):
    told = ec2.describe_transit_gateway_route_tables(TransitGatewayRouteTableIds=[table])
    return only(told, "TransitGatewayRouteTables")


def association(ec2, table, attachment):
    filters = [{"Name": "transit-gateway-attachment-id", "Values": [attachment]}]
    told = ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table, Filters=filters)
    return next(iter(told["Associations"]), None)


def propagation(ec2, table, attachment):
    filters = [{"Name": "transit-gateway-attachment-id", "Values": [attachment]}]
    told = ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=table, Filters=filters)
    return next(iter(told["TransitGatewayRouteTablePropagations"]), None)


def static_route(ec2, table, block):
    filters = [{"Name": "type", "Values": ["static"]}, {"Name": "route-search.exact-match", "Values": [block]}]
    told = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=filters)
    return next(iter(told["Routes"]), None)


def make_gateway(ec2, **options):
    made = ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
    until(lambda: gateway_of(ec2, made), "available", made)
    return made


def make_vpc(ec2, block):
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{at}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for at, zone in enumerate(zones)
    ]
    return vpc, subnets


def attach(ec2, gateway, vpc, subnets):
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=subnets)
    attachment = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    until(lambda: attachment_of(ec2, attachment), "available", attachment)
    return attachment


@pytest.fixture
def gateway(ec2):
    return make_gateway(ec2)


@pytest.fixture
def spoke(ec2, gateway):
    """A VPC's attachment, and the VPC."""
    vpc, subnets = make_vpc(ec2, "10.1")
    return attach(ec2, gateway, vpc, subnets[:1]), vpc


@pytest.fixture
def table(ec2, gateway):
    made = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
    until(lambda: table_of(ec2, made["TransitGatewayRouteTableId"]), "available", "table")
    return made["TransitGatewayRouteTableId"]


def test_a_gateway(ec2):
    """aws_ec2_transit_gateway"""
    made = ec2.create_transit_gateway(
        Description="hub",
        Options={"AmazonSideAsn": 64513, "DefaultRouteTableAssociation": "enable", "DnsSupport": "enable"},
        TagSpecifications=tags("transit-gateway", "hub"),
    )["TransitGateway"]
    gateway = made["TransitGatewayId"]
    assert (made["State"], made["Description"]) == ("pending", "hub")
    told = until(lambda: gateway_of(ec2, gateway), "available", gateway)
    assert told["Tags"] == [{"Key": "Name", "Value": "hub"}]
    assert told["TransitGatewayArn"].endswith(f":transit-gateway/{gateway}")
    options = told["Options"]
    assert options["AmazonSideAsn"] == 64513 and options["AutoAcceptSharedAttachments"] == "disable"
    default = options["AssociationDefaultRouteTableId"]
    assert options["PropagationDefaultRouteTableId"] == default
    assert table_of(ec2, default)["DefaultAssociationRouteTable"] is True

    changed = {"VpnEcmpSupport": "disable", "DefaultRouteTablePropagation": "disable"}
    ec2.modify_transit_gateway(TransitGatewayId=gateway, Description="changed", Options=changed)
    told = until(lambda: gateway_of(ec2, gateway), "available", gateway)
    assert (told["Description"], told["Options"]["VpnEcmpSupport"]) == ("changed", "disable")
    assert "PropagationDefaultRouteTableId" not in told["Options"]
    ec2.create_tags(Resources=[gateway], Tags=[{"Key": "Team", "Value": "net"}])
    found = ec2.describe_transit_gateways(Filters=[{"Name": "tag:Team", "Values": ["net"]}])
    assert only(found, "TransitGateways")["TransitGatewayId"] == gateway

    ec2.delete_transit_gateway(TransitGatewayId=gateway)
    until(lambda: gateway_of(ec2, gateway), "deleted", gateway)
    until(lambda: table_of(ec2, default), "deleted", default)
    with fails("InvalidTransitGatewayID.NotFound", "was deleted or does not exist"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)


def test_an_attachment(ec2, gateway):
    """aws_ec2_transit_gateway_vpc_attachment"""
    vpc, subnets = make_vpc(ec2, "10.1")
    made = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=vpc, SubnetIds=subnets[:1],
        TagSpecifications=tags("transit-gateway-attachment", "spoke"),
    )["TransitGatewayVpcAttachment"]
    attachment = made["TransitGatewayAttachmentId"]
    assert made["State"] == "pending"
    told = until(lambda: attachment_of(ec2, attachment), "available", attachment)
    assert told["Options"] == {
        "DnsSupport": "enable", "Ipv6Support": "disable", "ApplianceModeSupport": "disable",
        "SecurityGroupReferencingSupport": "enable",
    }
    assert told["SubnetIds"] == subnets[:1] and told["Tags"] == [{"Key": "Name", "Value": "spoke"}]
    default = gateway_of(ec2, gateway)["Options"]["AssociationDefaultRouteTableId"]
    assert association(ec2, default, attachment)["State"] == "associated"
    assert propagation(ec2, default, attachment)["State"] == "enabled"
    any_kind = only(ec2.describe_transit_gateway_attachments(
        Filters=[{"Name": "resource-id", "Values": [vpc]}]), "TransitGatewayAttachments")
    assert (any_kind["ResourceType"], any_kind["Association"]["TransitGatewayRouteTableId"]) == ("vpc", default)

    ec2.modify_transit_gateway_vpc_attachment(
        TransitGatewayAttachmentId=attachment, AddSubnetIds=subnets[1:], Options={"ApplianceModeSupport": "enable"})
    told = until(lambda: attachment_of(ec2, attachment), "available", attachment)
    assert sorted(told["SubnetIds"]) == sorted(subnets)
    assert told["Options"]["ApplianceModeSupport"] == "enable"
    with refused(ec2, "DuplicateTransitGatewayAttachment"):
        ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=subnets)
    with refused(ec2, "IncorrectState", "has non-deleted VPC Attachments"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    with refused(ec2, "DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnets[0])

    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    until(lambda: attachment_of(ec2, attachment), "deleted", attachment)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    ec2.delete_transit_gateway(TransitGatewayId=gateway)


def test_a_table_with_association_and_propagation(ec2, gateway, spoke, table):
    """aws_ec2_transit_gateway_route_table, _route_table_association and _route_table_propagation"""
    attachment, vpc = spoke
    told = table_of(ec2, table)
    assert (told["DefaultAssociationRouteTable"], told["DefaultPropagationRouteTable"]) == (False, False)
    default = gateway_of(ec2, gateway)["Options"]["AssociationDefaultRouteTableId"]
    both = {"TransitGatewayRouteTableId": table, "TransitGatewayAttachmentId": attachment}
    with refused(ec2, "Resource.AlreadyAssociated"):
        ec2.associate_transit_gateway_route_table(**both)
    ec2.disassociate_transit_gateway_route_table(
        TransitGatewayRouteTableId=default, TransitGatewayAttachmentId=attachment)
    wait_until(lambda: association(ec2, default, attachment) is None, 10, "disassociated")
    assert ec2.associate_transit_gateway_route_table(**both)["Association"]["State"] == "associating"
    until(lambda: association(ec2, table, attachment), "associated", table)

    made = ec2.enable_transit_gateway_route_table_propagation(**both)["Propagation"]
    assert (made["State"], made["ResourceId"], made["ResourceType"]) == ("enabling", vpc, "vpc")
    until(lambda: propagation(ec2, table, attachment), "enabled", table)
    told = ec2.get_transit_gateway_attachment_propagations(TransitGatewayAttachmentId=attachment)
    assert {p["TransitGatewayRouteTableId"] for p in told["TransitGatewayAttachmentPropagations"]} == {default, table}
    with refused(ec2, "TransitGatewayRouteTablePropagation.Duplicate"):
        ec2.enable_transit_gateway_route_table_propagation(**both)
    with refused(ec2, "IncorrectState"):
        ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=table)

    ec2.disable_transit_gateway_route_table_propagation(**both)
    wait_until(lambda: propagation(ec2, table, attachment) is None, 10, "disabled")
    ec2.disassociate_transit_gateway_route_table(**both)
    wait_until(lambda: association(ec2, table, attachment) is None, 10, "disassociated")
    ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=table)
    until(lambda: table_of(ec2, table), "deleted", table)
    with fails("InvalidRouteTableID.NotFound"):
        ec2.search_transit_gateway_routes(
            TransitGatewayRouteTableId=table, Filters=[{"Name": "type", "Values": ["static"]}])


def test_a_route(ec2, spoke, table):
    """aws_ec2_transit_gateway_route"""
    attachment, vpc = spoke
    named = {"TransitGatewayRouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    made = ec2.create_transit_gateway_route(**named, TransitGatewayAttachmentId=attachment)["Route"]
    assert (made["Type"], made["State"]) == ("static", "active")
    told = static_route(ec2, table, "0.0.0.0/0")
    assert told["TransitGatewayAttachments"] == [
        {"ResourceId": vpc, "TransitGatewayAttachmentId": attachment, "ResourceType": "vpc"}]
    with refused(ec2, "RouteAlreadyExists"):
        ec2.create_transit_gateway_route(**named, Blackhole=True)
    ec2.replace_transit_gateway_route(**named, Blackhole=True)
    assert static_route(ec2, table, "0.0.0.0/0")["State"] == "blackhole"
    assert ec2.delete_transit_gateway_route(**named)["Route"]["State"] == "deleted"
    assert static_route(ec2, table, "0.0.0.0/0") is None
    with refused(ec2, "InvalidRoute.NotFound"):
        ec2.delete_transit_gateway_route(**named)


def test_an_attachment_propagates_ipv6_where_it_shall(ec2, gateway):
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    block = only(ec2.describe_vpcs(VpcIds=[vpc]), "Vpcs")["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24", Ipv6CidrBlock=block.replace("/56", "/64"))
    made = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet["Subnet"]["SubnetId"]],
        Options={"Ipv6Support": "enable"})["TransitGatewayVpcAttachment"]
    attachment = made["TransitGatewayAttachmentId"]
    told = until(lambda: attachment_of(ec2, attachment), "available", attachment)
    assert told["Options"]["Ipv6Support"] == "enable"
    default = gateway_of(ec2, gateway)["Options"]["PropagationDefaultRouteTableId"]

    def propagated():
        found = ec2.search_transit_gateway_routes(
            TransitGatewayRouteTableId=default, Filters=[{"Name": "type", "Values": ["propagated"]}])
        return {route["DestinationCidrBlock"] for route in found["Routes"]}

    wait_until(lambda: propagated() == {"10.1.0.0/16", block}, 10, "both blocks propagated")
    ec2.modify_transit_gateway_vpc_attachment(
        TransitGatewayAttachmentId=attachment, Options={"Ipv6Support": "disable"})
    assert propagated() == {"10.1.0.0/16"}

    # A route that somebody makes needs no propagation.
    until(lambda: attachment_of(ec2, attachment), "available", attachment)
    ec2.create_transit_gateway_route(
        TransitGatewayRouteTableId=default, DestinationCidrBlock=block, TransitGatewayAttachmentId=attachment)
    assert static_route(ec2, default, block)["State"] == "active"
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", TransitGatewayId=gateway)
    routes = only(ec2.describe_route_tables(RouteTableIds=[table]), "RouteTables")["Routes"]
    route = next(route for route in routes if route.get("DestinationIpv6CidrBlock") == "::/0")
    assert (route["TransitGatewayId"], route["State"]) == (gateway, "active")


def test_a_vpcs_route_to_a_gateway(ec2, gateway, spoke):
    """aws_route with transit_gateway_id"""
    attachment, vpc = spoke
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=gateway)

    def route():
        routes = only(ec2.describe_route_tables(RouteTableIds=[table]), "RouteTables")["Routes"]
        return next(route for route in routes if route["DestinationCidrBlock"] == "10.0.0.0/8")

    assert (route()["TransitGatewayId"], route()["State"]) == (gateway, "active")
    other = make_gateway(ec2)
    with refused(ec2, "InvalidTransitGatewayID.NotFound"):
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=other)
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    assert route()["State"] == "blackhole"


def test_a_route_needs_no_permission_to_be_tried(ec2, spoke, table):
    attachment, _ = spoke
    with refused(ec2, "DryRunOperation", status=412):
        ec2.create_transit_gateway_route(
            TransitGatewayRouteTableId=table, DestinationCidrBlock="10.0.0.0/8",
            TransitGatewayAttachmentId=attachment, DryRun=True)
    assert static_route(ec2, table, "10.0.0.0/8") is None
