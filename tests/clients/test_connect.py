"""What connects VPCs with the rest, in the order in which Terraform asks: NAT gateways, peering, private gateways,
endpoints; and flow logs."""

import json

import pytest

from support.daemon import wait_until
from support.errors import fails


@pytest.fixture
def subnet(ec2, default_vpc):
    [subnet, *_] = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [default_vpc]}])["Subnets"]
    return subnet["SubnetId"]


@pytest.fixture
def vpc(ec2):
    """Makes VPCs."""

    def make(cidr):
        return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]

    return make


def tags(resource_type, **values):
    return [{"ResourceType": resource_type, "Tags": [{"Key": key, "Value": value} for key, value in values.items()]}]


def gateway(ec2, gateway_id):
    [found] = ec2.describe_nat_gateways(NatGatewayIds=[gateway_id])["NatGateways"]
    return found


def until_gateway(ec2, gateway_id, state):
    return wait_until(lambda: (found := gateway(ec2, gateway_id))["State"] == state and found, 10, f"{gateway_id} {state}")


def test_a_nat_gateway_lives_as_terraform_has_it(ec2, subnet):
    address = ec2.allocate_address(Domain="vpc")
    made = ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=address["AllocationId"], ClientToken="a-token",
        TagSpecifications=tags("natgateway", Name="out"),
    )
    assert made["ClientToken"] == "a-token"
    gateway_id = made["NatGateway"]["NatGatewayId"]
    assert made["NatGateway"]["State"] == "pending"
    found = until_gateway(ec2, gateway_id, "available")
    assert (found["ConnectivityType"], found["SubnetId"]) == ("public", subnet)
    assert found["Tags"] == [{"Key": "Name", "Value": "out"}]
    [seen] = found["NatGatewayAddresses"]
    assert seen["IsPrimary"] is True and seen["Status"] == "succeeded"
    assert (seen["AllocationId"], seen["PublicIp"]) == (address["AllocationId"], address["PublicIp"])
    [elastic] = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"]
    assert elastic["AssociationId"] == seen["AssociationId"]
    assert elastic["NetworkInterfaceId"] == seen["NetworkInterfaceId"]
    [interface] = ec2.describe_network_interfaces(NetworkInterfaceIds=[seen["NetworkInterfaceId"]])["NetworkInterfaces"]
    assert interface["Description"] == f"Interface for NAT Gateway {gateway_id}"
    assert (interface["InterfaceType"], interface["RequesterManaged"]) == ("natGateway", True)
    of_gateway = [{"Name": "attachment.nat-gateway-id", "Values": [gateway_id]}]
    assert ec2.describe_network_interfaces(Filters=of_gateway)["NetworkInterfaces"] == [interface]
    assert interface["SourceDestCheck"] is False and interface["Status"] == "in-use"
    with fails("AuthFailure", status=401):
        ec2.disassociate_address(AssociationId=seen["AssociationId"])
    assert ec2.delete_nat_gateway(NatGatewayId=gateway_id)["NatGatewayId"] == gateway_id
    until_gateway(ec2, gateway_id, "deleted")
    [elastic] = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"]
    assert "AssociationId" not in elastic, "it is free, and still allocated"
    ec2.release_address(AllocationId=address["AllocationId"])
    with fails("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[seen["NetworkInterfaceId"]])
    for call in (ec2.delete_nat_gateway, lambda NatGatewayId: ec2.describe_nat_gateways(NatGatewayIds=[NatGatewayId])):
        with fails("NatGatewayNotFound"):
            call(NatGatewayId="nat-00000000000000009")


def test_waiters_of_nat_gateways_come_to_an_end(ec2, subnet):
    gateway_id = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    config = {"Delay": 1, "MaxAttempts": 5}
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[gateway_id], WaiterConfig=config)
    ec2.delete_nat_gateway(NatGatewayId=gateway_id)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[gateway_id], WaiterConfig=config)


def test_secondary_addresses_of_nat_gateways(ec2, subnet):
    first, second = (ec2.allocate_address()["AllocationId"] for _ in range(2))
    public = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=first)["NatGateway"]["NatGatewayId"]
    private = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    until_gateway(ec2, public, "available")
    until_gateway(ec2, private, "available")

    def settled(gateway_id, count):
        def look():
            seen = gateway(ec2, gateway_id)["NatGatewayAddresses"]
            return seen if len(seen) == count and all(it["Status"] == "succeeded" for it in seen) else None

        return wait_until(look, 10, f"{count} addresses of {gateway_id}")

    ec2.associate_nat_gateway_address(NatGatewayId=public, AllocationIds=[second])
    _, added = settled(public, 2)
    assert (added["AllocationId"], added["IsPrimary"]) == (second, False)
    ec2.disassociate_nat_gateway_address(NatGatewayId=public, AssociationIds=[added["AssociationId"]])
    settled(public, 1)
    ec2.release_address(AllocationId=second)
    ec2.assign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddressCount=2)
    _, one, _ = settled(private, 3)
    ec2.unassign_private_nat_gateway_address(NatGatewayId=private, PrivateIpAddresses=[one["PrivateIp"]])
    settled(private, 2)


def test_a_nat_gateway_that_cannot_be_made_fails(ec2, subnet):
    unknown = "eipalloc-00000000000000009"
    gateway_id = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=unknown)["NatGateway"]["NatGatewayId"]
    found = until_gateway(ec2, gateway_id, "failed")
    assert found["FailureCode"] == "InvalidAllocationID.NotFound"
    assert found["FailureMessage"] == f"Elastic IP address {unknown} could not be associated with this NAT gateway"


def peering(ec2, peering_id):
    [found] = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])["VpcPeeringConnections"]
    return found


def until_peering(ec2, peering_id, code):
    look = lambda: (found := peering(ec2, peering_id))["Status"]["Code"] == code and found
    return wait_until(look, 10, f"{peering_id} {code}")


def test_a_peering_connection_lives_as_terraform_has_it(ec2, vpc, daemon, region):
    one, other = vpc("10.1.0.0/16"), vpc("10.2.0.0/16")
    account = daemon.client("sts", region=region).get_caller_identity()["Account"]
    made = ec2.create_vpc_peering_connection(
        VpcId=one, PeerVpcId=other, PeerOwnerId=account, TagSpecifications=tags("vpc-peering-connection", Name="both")
    )["VpcPeeringConnection"]
    peering_id = made["VpcPeeringConnectionId"]
    assert made["Status"]["Code"] == "initiating-request"
    until_peering(ec2, peering_id, "pending-acceptance")
    assert ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["VpcPeeringConnection"]
    found = until_peering(ec2, peering_id, "active")
    for side, vpc_id, cidr in (("RequesterVpcInfo", one, "10.1.0.0/16"), ("AccepterVpcInfo", other, "10.2.0.0/16")):
        info = found[side]
        assert (info["VpcId"], info["OwnerId"], info["Region"]) == (vpc_id, account, region)
        assert info["CidrBlock"] == cidr and info["CidrBlockSet"] == [{"CidrBlock": cidr}]
    assert found["Tags"] == [{"Key": "Name", "Value": "both"}]
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=peering_id,
        AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
        RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": False},
    )
    found = peering(ec2, peering_id)
    assert found["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    assert found["RequesterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False
    with fails("DependencyViolation"):
        ec2.delete_vpc(VpcId=other)
    assert ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["Return"] is True
    assert peering(ec2, peering_id)["Status"]["Code"] == "deleted", "and described for a while yet"
    with fails("InvalidStateTransition", "to deleting"):
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    ec2.delete_vpc(VpcId=other)
    ec2.delete_vpc(VpcId=one)


def test_what_cannot_be_peered(ec2, vpc):
    one, inside = vpc("10.1.0.0/16"), vpc("10.1.0.0/24")
    failed = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=inside)["VpcPeeringConnection"]
    until_peering(ec2, failed["VpcPeeringConnectionId"], "failed")
    elsewhere = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId="vpc-00000000000000009", PeerOwnerId="999999999999")
    until_peering(ec2, elsewhere["VpcPeeringConnection"]["VpcPeeringConnectionId"], "failed")
    with fails("InvalidVpcID.NotFound"):
        ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId="vpc-00000000000000009")
    with fails("UnsupportedOperation"):
        ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=inside, PeerRegion="another-1")
    with fails("InvalidVpcPeeringConnectionID.NotFound"):
        ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=["pcx-00000000000000009"])


def test_a_peering_connection_is_rejected(ec2, vpc):
    made = ec2.create_vpc_peering_connection(VpcId=vpc("10.1.0.0/16"), PeerVpcId=vpc("10.2.0.0/16"))
    peering_id = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    assert ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=peering_id)["Return"] is True
    with fails("InvalidStateTransition"):
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)


def test_a_private_gateway_lives_as_terraform_has_it(ec2, vpc):
    vpc_id = vpc("10.1.0.0/16")
    made = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=64513, TagSpecifications=tags("vpn-gateway", Name="g"))
    gateway_id = made["VpnGateway"]["VpnGatewayId"]
    assert (made["VpnGateway"]["State"], made["VpnGateway"]["AmazonSideAsn"]) == ("available", 64513)

    def attachment():
        [found] = ec2.describe_vpn_gateways(VpnGatewayIds=[gateway_id])["VpnGateways"]
        return [it["State"] for it in found["VpcAttachments"]]

    assert ec2.attach_vpn_gateway(VpcId=vpc_id, VpnGatewayId=gateway_id)["VpcAttachment"]["State"] == "attaching"
    wait_until(lambda: attachment() == ["attached"], 10, "the attachment")
    main = [{"Name": "vpc-id", "Values": [vpc_id]}]
    [table] = ec2.describe_route_tables(Filters=main)["RouteTables"]
    ec2.enable_vgw_route_propagation(GatewayId=gateway_id, RouteTableId=table["RouteTableId"])
    [table] = ec2.describe_route_tables(Filters=main)["RouteTables"]
    assert table["PropagatingVgws"] == [{"GatewayId": gateway_id}]
    ec2.disable_vgw_route_propagation(GatewayId=gateway_id, RouteTableId=table["RouteTableId"])
    [table] = ec2.describe_route_tables(Filters=main)["RouteTables"]
    assert table["PropagatingVgws"] == []
    with fails("InvalidGatewayID.NotFound"):
        ec2.enable_vgw_route_propagation(GatewayId="vgw-00000000000000009", RouteTableId=table["RouteTableId"])
    with fails("IncorrectState"):
        ec2.delete_vpn_gateway(VpnGatewayId=gateway_id)
    ec2.detach_vpn_gateway(VpcId=vpc_id, VpnGatewayId=gateway_id)
    wait_until(lambda: attachment() == ["detached"], 10, "the end of the attachment")
    ec2.delete_vpn_gateway(VpnGatewayId=gateway_id)
    [found] = ec2.describe_vpn_gateways(VpnGatewayIds=[gateway_id])["VpnGateways"]
    assert found["State"] == "deleted"
    ec2.delete_vpc(VpcId=vpc_id)


def test_a_customer_gateway_reads_back(ec2):
    made = ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.9", BgpAsn=65010, DeviceName="router")
    gateway_id = made["CustomerGateway"]["CustomerGatewayId"]
    waiter = ec2.get_waiter("customer_gateway_available")
    waiter.wait(CustomerGatewayIds=[gateway_id], WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    [found] = ec2.describe_customer_gateways(CustomerGatewayIds=[gateway_id])["CustomerGateways"]
    assert (found["BgpAsn"], found["IpAddress"], found["DeviceName"]) == ("65010", "203.0.113.9", "router")
    ec2.delete_customer_gateway(CustomerGatewayId=gateway_id)
    [found] = ec2.describe_customer_gateways(CustomerGatewayIds=[gateway_id])["CustomerGateways"]
    assert found["State"] == "deleted"
    with fails("InvalidCustomerGatewayID.NotFound"):
        ec2.delete_customer_gateway(CustomerGatewayId="cgw-00000000000000009")


def test_an_endpoint_lives_as_terraform_has_it(ec2, vpc, region):
    vpc_id, name = vpc("10.1.0.0/16"), f"com.amazonaws.{region}.s3"
    main = [{"Name": "vpc-id", "Values": [vpc_id]}]
    table = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
    made = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=name, RouteTableIds=[table])["VpcEndpoint"]
    endpoint_id = made["VpcEndpointId"]
    [found] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    assert (found["State"], found["VpcEndpointType"], found["RouteTableIds"]) == ("available", "Gateway", [table])
    assert found["DnsEntries"] == [] and found["NetworkInterfaceIds"] == []
    everything = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    assert json.loads(found["PolicyDocument"]) == {"Version": "2008-10-17", "Statement": [everything]}
    [prefix_list] = ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])["PrefixLists"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    [route] = [route for route in routes if "DestinationPrefixListId" in route]
    assert route["DestinationPrefixListId"] == prefix_list["PrefixListId"]
    assert (route["GatewayId"], route["State"]) == (endpoint_id, "active")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PolicyDocument=policy, RemoveRouteTableIds=[table])
    [found] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    assert (found["PolicyDocument"], found["RouteTableIds"]) == (policy, [])
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"] == []
    look = lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]["State"] == "deleted"
    wait_until(look, 10, "the end of the endpoint")
    [item] = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"]
    assert (item["Error"]["Code"], item["ResourceId"]) == ("InvalidVpcEndpoint.NotFound", endpoint_id)
    with fails("InvalidVpcEndpointId.NotFound"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=["vpce-00000000000000009"])
    with fails("UnsupportedOperation"):
        ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=name, VpcEndpointType="Interface")
    with fails("InvalidServiceName"):
        ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName="com.amazonaws.nowhere.s3")
    ec2.delete_vpc(VpcId=vpc_id)


def test_the_services_that_have_endpoints(ec2, region):
    answer = ec2.describe_vpc_endpoint_services()
    names = [f"com.amazonaws.{region}.{service}" for service in ("dynamodb", "s3")]
    assert answer["ServiceNames"] == names
    for detail in answer["ServiceDetails"]:
        assert detail["ServiceType"] == [{"ServiceType": "Gateway"}] and detail["Owner"] == "amazon"
    with fails("InvalidServiceName"):
        ec2.describe_vpc_endpoint_services(ServiceNames=["com.amazonaws.nowhere.s3"])


def test_a_flow_log_lives_as_terraform_has_it(ec2, default_vpc):
    request = {
        "ResourceIds": [default_vpc], "ResourceType": "VPC", "TrafficType": "ALL",
        "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket/flows/",
        "TagSpecifications": tags("vpc-flow-log", Name="all"),
    }
    [log_id] = ec2.create_flow_logs(**request)["FlowLogIds"]
    [found] = ec2.describe_flow_logs(FlowLogIds=[log_id])["FlowLogs"]
    assert (found["ResourceId"], found["LogDestination"]) == (default_vpc, "arn:aws:s3:::bucket/flows/")
    assert (found["LogDestinationType"], found["TrafficType"]) == ("s3", "ALL")
    assert found["MaxAggregationInterval"] == 600
    assert found["LogFormat"].startswith("${version} ${account-id}") and found["LogFormat"].endswith("${log-status}")
    assert found["FlowLogStatus"] == "ACTIVE"
    assert found["DeliverLogsStatus"] == "SUCCESS", "records go to files in the state directory"
    assert "DeliverLogsErrorMessage" not in found
    again = ec2.create_flow_logs(**request)
    assert again["FlowLogIds"] == []
    assert again["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists"
    ec2.create_tags(Resources=[log_id], Tags=[{"Key": "Name", "Value": "some"}])
    [found] = ec2.describe_flow_logs(Filters=[{"Name": "tag:Name", "Values": ["some"]}])["FlowLogs"]
    assert found["FlowLogId"] == log_id
    assert ec2.delete_flow_logs(FlowLogIds=[log_id])["Unsuccessful"] == []
    for call in (ec2.delete_flow_logs, ec2.describe_flow_logs):
        with fails("InvalidFlowLogId.NotFound"):
            call(FlowLogIds=[log_id])


def test_what_there_is_none_of(ec2, subnet):
    for call, member in (
        (ec2.describe_vpn_connections, "VpnConnections"),
        (ec2.describe_instance_connect_endpoints, "InstanceConnectEndpoints"),
        (ec2.describe_vpc_endpoint_connections, "VpcEndpointConnections"),
        (ec2.describe_vpc_endpoint_connection_notifications, "ConnectionNotificationSet"),
        (ec2.describe_vpc_endpoint_service_configurations, "ServiceConfigurations"),
    ):
        assert call()[member] == []
    service = "vpce-svc-00000000000000009"
    for code, call in (
        ("InvalidVpnConnectionID.NotFound", lambda: ec2.describe_vpn_connections(VpnConnectionIds=["vpn-1"])),
        (
            "InvalidInstanceConnectEndpointId.NotFound",
            lambda: ec2.describe_instance_connect_endpoints(InstanceConnectEndpointIds=["eice-00000000000000009"]),
        ),
        (
            "InvalidInstanceConnectEndpointId.NotFound",
            lambda: ec2.delete_instance_connect_endpoint(InstanceConnectEndpointId="eice-00000000000000009"),
        ),
        ("InvalidVpcEndpointServiceId.NotFound", lambda: ec2.describe_vpc_endpoint_service_permissions(ServiceId=service)),
        (
            "InvalidVpcEndpointServiceId.NotFound",
            lambda: ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service]),
        ),
        (
            "InvalidConnectionNotification",
            lambda: ec2.describe_vpc_endpoint_connection_notifications(ConnectionNotificationId="vpce-nfn-1"),
        ),
        ("UnsupportedOperation", lambda: ec2.create_instance_connect_endpoint(SubnetId=subnet)),
    ):
        with fails(code):
            call()
