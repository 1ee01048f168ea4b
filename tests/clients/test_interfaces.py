"""Network interfaces, as Terraform, Ansible, Packer and the AWS CLI make and read them."""

import pytest
from support.daemon import wait_until
from support.errors import refused


@pytest.fixture
def subnet(ec2, default_vpc):
    filters = [{"Name": "vpc-id", "Values": [default_vpc]}]
    return min(ec2.describe_subnets(Filters=filters)["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])


def interface(ec2, interface_id):
    [found] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
    return found


def wait_attachment(ec2, attachment, status):
    """What Terraform asks until an attachment has this status; None where there is no such attachment."""
    filters = [{"Name": "attachment.attachment-id", "Values": [attachment]}]

    def look():
        found = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return ([i["Attachment"]["Status"] for i in found] or [None]) == [status]

    wait_until(look, 10, f"{attachment} {status}")


def at(base, offset):
    """An address of a subnet."""
    first, _ = base["CidrBlock"].split("/")
    return ".".join([*first.split(".")[:3], str(offset)])


def test_an_interface_lives_as_terraform_has_it(ec2, run, subnet, group):
    made = ec2.create_network_interface(
        SubnetId=subnet["SubnetId"],
        Description="by terraform",
        Groups=[group],
        PrivateIpAddresses=[
            {"PrivateIpAddress": at(subnet, 20), "Primary": True},
            {"PrivateIpAddress": at(subnet, 21), "Primary": False},
        ],
        ClientToken="terraform-1",
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "nic"}]}],
    )["NetworkInterface"]
    eni = made["NetworkInterfaceId"]
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[eni])
    seen = interface(ec2, eni)
    assert [a["PrivateIpAddress"] for a in seen["PrivateIpAddresses"]] == [at(subnet, 20), at(subnet, 21)]
    assert [a["Primary"] for a in seen["PrivateIpAddresses"]] == [True, False]
    assert (seen["InterfaceType"], seen["SourceDestCheck"], seen["RequesterManaged"]) == ("interface", True, False)
    assert (seen["TagSet"], seen["Description"]) == ([{"Key": "Name", "Value": "nic"}], "by terraform")
    assert "Attachment" not in seen

    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Description={"Value": "changed"})
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[at(subnet, 22)])
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[at(subnet, 21)])
    seen = interface(ec2, eni)
    assert (seen["SourceDestCheck"], seen["Description"]) == (False, "changed")
    assert [a["PrivateIpAddress"] for a in seen["PrivateIpAddresses"]] == [at(subnet, 20), at(subnet, 22)]

    instance = run(SubnetId=subnet["SubnetId"])[0]["InstanceId"]
    attachment = ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=instance, DeviceIndex=1)[
        "AttachmentId"
    ]
    wait_attachment(ec2, attachment, "attached")
    with refused(ec2, "InvalidParameterValue", f"Network interface '{eni}' is currently in use."):
        ec2.delete_network_interface(NetworkInterfaceId=eni)
    ec2.detach_network_interface(AttachmentId=attachment)
    wait_attachment(ec2, attachment, None)
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    with refused(ec2, "InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])


def test_each_interface_of_an_instance_has_its_attachment(ec2, run, subnet):
    """Terraform's provider reads it without looking whether it is there."""
    specification = {"SubnetId": subnet["SubnetId"]}
    [launched] = run(
        NetworkInterfaces=[
            {"DeviceIndex": 0, "DeleteOnTermination": True, **specification},
            {"DeviceIndex": 1, "DeleteOnTermination": False, "SecondaryPrivateIpAddressCount": 1, **specification},
        ]
    )
    [reservation] = ec2.describe_instances(InstanceIds=[launched["InstanceId"]])["Reservations"]
    interfaces = reservation["Instances"][0]["NetworkInterfaces"]
    assert [i["Attachment"]["DeviceIndex"] for i in interfaces] == [0, 1]
    assert all(i["Attachment"]["AttachmentId"] and i["Attachment"]["Status"] == "attached" for i in interfaces)
    assert [len(i["PrivateIpAddresses"]) for i in interfaces] == [1, 2]
    assert "PublicIpAddress" not in reservation["Instances"][0], "with several interfaces there is no automatic one"
    ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])

    def left():
        filters = [{"Name": "subnet-id", "Values": [subnet["SubnetId"]]}]
        ids = [i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]]
        return ids == [interfaces[1]["NetworkInterfaceId"]]

    wait_until(left, 20, "the primary interface gone and the other left")
    assert interface(ec2, interfaces[1]["NetworkInterfaceId"])["Status"] == "available"


def test_packer_and_the_cli_put_all_into_the_first_interface(ec2, run, subnet, group):
    [launched] = run(
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "AssociatePublicIpAddress": False,
                "SubnetId": subnet["SubnetId"],
                "Groups": [group],
                "DeleteOnTermination": True,
                "PrivateIpAddress": at(subnet, 30),
            }
        ]
    )
    [reservation] = ec2.describe_instances(InstanceIds=[launched["InstanceId"]])["Reservations"]
    instance = reservation["Instances"][0]
    assert "PublicIpAddress" not in instance
    assert instance["PrivateIpAddress"] == at(subnet, 30)
    assert [g["GroupId"] for g in instance["SecurityGroups"]] == [group]


def test_elastic_addresses_go_with_any_address_of_an_interface(ec2, subnet):
    eni = ec2.create_network_interface(SubnetId=subnet["SubnetId"], SecondaryPrivateIpAddressCount=1)
    eni = eni["NetworkInterface"]
    secondary = eni["PrivateIpAddresses"][1]["PrivateIpAddress"]
    allocation = ec2.allocate_address()["AllocationId"]
    [free] = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    assert free["InstanceId"] == "", "clients index it"
    association = ec2.associate_address(
        AllocationId=allocation, NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddress=secondary
    )["AssociationId"]
    filters = [{"Name": "association-id", "Values": [association]}]
    [seen] = ec2.describe_addresses(Filters=filters)["Addresses"]
    assert (seen["PrivateIpAddress"], seen["InstanceId"]) == (secondary, "")
    for name in ("association.association-id", "addresses.association.association-id"):
        found = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [association]}])
        expected = 1 if name.startswith("addresses") else 0
        assert len(found["NetworkInterfaces"]) == expected, name
    ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=eni["NetworkInterfaceId"])
    found = ec2.describe_network_interfaces(
        Filters=[{"Name": "association.allocation-id", "Values": [allocation]}]
    )["NetworkInterfaces"]
    assert [i["NetworkInterfaceId"] for i in found] == [eni["NetworkInterfaceId"]]
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    [free] = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    assert "AssociationId" not in free
    ec2.release_address(AllocationId=allocation)


def test_the_name_of_an_address_is_set_and_taken_away(ec2):
    """DescribeAddressesAttribute must answer, or Terraform's aws_eip does not work at all."""
    made = ec2.allocate_address()
    asked = {"AllocationIds": [made["AllocationId"]], "Attribute": "domain-name"}
    [seen] = ec2.describe_addresses_attribute(**asked)["Addresses"]
    assert seen == {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}
    ec2.modify_address_attribute(AllocationId=made["AllocationId"], DomainName="mail.example.com")
    [seen] = ec2.describe_addresses_attribute(**asked)["Addresses"]
    assert seen["PtrRecord"] == "mail.example.com."
    with refused(ec2, "InvalidParameterValue"):
        ec2.modify_address_attribute(AllocationId=made["AllocationId"], DomainName="not a name")
    ec2.reset_address_attribute(AllocationId=made["AllocationId"], Attribute="domain-name")
    [seen] = ec2.describe_addresses_attribute(**asked)["Addresses"]
    assert "PtrRecord" not in seen
    with refused(ec2, "InvalidAllocationID.NotFound"):
        ec2.describe_addresses_attribute(AllocationIds=["eipalloc-00000000000000099"])


def test_what_only_aws_has_is_empty(ec2):
    assert ec2.describe_moving_addresses()["MovingAddressStatuses"] == []
    assert ec2.describe_address_transfers()["AddressTransfers"] == []
    assert ec2.describe_byoip_cidrs(MaxResults=10)["ByoipCidrs"] == []
    assert ec2.describe_coip_pools()["CoipPools"] == []
    assert ec2.describe_ipv6_pools()["Ipv6Pools"] == []
    assert ec2.describe_public_ipv4_pools()["PublicIpv4Pools"] == []
    with refused(ec2, "InvalidAllocationID.NotFound"):
        ec2.describe_address_transfers(AllocationIds=["eipalloc-00000000000000099"])
    with refused(ec2, "InvalidAddress.NotFound"):
        ec2.describe_moving_addresses(PublicIps=["198.18.77.77"])


def test_ipv6_addresses_come_from_the_subnet(ec2, default_vpc, subnet):
    vpc_block = ec2.associate_vpc_cidr_block(VpcId=default_vpc, AmazonProvidedIpv6CidrBlock=True)
    filters = [{"Name": "vpc-id", "Values": [default_vpc]}]

    def block():
        [vpc] = ec2.describe_vpcs(Filters=filters)["Vpcs"]
        associations = vpc.get("Ipv6CidrBlockAssociationSet", [])
        ready = [a["Ipv6CidrBlock"] for a in associations if a["Ipv6CidrBlockState"]["State"] == "associated"]
        return ready[0] if ready else None

    assert vpc_block["Ipv6CidrBlockAssociation"]["AssociationId"]
    cidr = wait_until(block, 10, "an IPv6 block")
    prefix = cidr.replace("/56", "/64")
    ec2.associate_subnet_cidr_block(SubnetId=subnet["SubnetId"], Ipv6CidrBlock=prefix)
    eni = ec2.create_network_interface(SubnetId=subnet["SubnetId"], Ipv6AddressCount=1)["NetworkInterface"]
    [first] = [a["Ipv6Address"] for a in eni["Ipv6Addresses"]]
    [second] = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni["NetworkInterfaceId"], Ipv6AddressCount=1)[
        "AssignedIpv6Addresses"
    ]
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni["NetworkInterfaceId"], Ipv6Addresses=[first])
    assert [a["Ipv6Address"] for a in interface(ec2, eni["NetworkInterfaceId"])["Ipv6Addresses"]] == [second]
