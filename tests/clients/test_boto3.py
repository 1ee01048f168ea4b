"""boto3's resources and all of botocore's waiters."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from support import figures
from support.daemon import ACCESS_KEY, SECRET_KEY

FAST = {"Delay": 1, "MaxAttempts": 40}


# --- The resource model ---


@pytest.fixture
def model(daemon, region):
    """boto3's resource `ec2`, which notes each operation of its model that is used."""
    made = boto3.resource(
        "ec2", region_name=region, endpoint_url=daemon.address, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
    )
    made.used = set()
    made.meta.client.meta.events.register("before-parameter-build.ec2.*", lambda model, **_: made.used.add(model.name))
    return made


def operations():
    """Every operation that boto3's resources for EC2 can call."""
    from boto3 import Session

    session = Session()
    loader = session._loader
    version = loader.determine_latest_version("ec2", "resources-1")
    text = loader.load_service_model("ec2", "resources-1", version)
    found = set()

    def look(part):
        if isinstance(part, dict):
            request = part.get("request")
            if isinstance(request, dict) and "operation" in request:
                found.add(request["operation"])
            for inner in part.values():
                look(inner)

    look(json.loads(json.dumps(text)))
    return found


# EC2-Classic is no more: AWS refuses these, too.
REFUSED = {"AttachClassicLinkVpc", "DetachClassicLinkVpc", "EnableVpcClassicLink", "DisableVpcClassicLink"}


def does(call, *arguments, **options):
    return figures.task("boto3", call, *arguments, **options)


def ids(collection):
    """The ids of a collection, counted as a task."""
    return does(lambda: {resource.id for resource in collection})


def refused(call, *codes, **options):
    """A task that EC2 refuses with one of these errors."""
    figures.count("boto3", False)
    with pytest.raises(ClientError) as error:
        call(**options)
    assert error.value.response["Error"]["Code"] in codes, error.value
    figures.passed("boto3")


def waits(resource, what):
    """One of the resource's waiters, that asks every second."""
    name = {"running": "instance_running", "stopped": "instance_stopped", "terminated": "instance_terminated"}[what]
    resource.meta.client.get_waiter(name).wait(InstanceIds=[resource.id], WaiterConfig=FAST)
    resource.reload()


def test_every_action_and_collection_of_the_resources(model, image):
    client = model.meta.client
    # A network.
    vpc = does(model.create_vpc, CidrBlock="10.5.0.0/16")
    does(vpc.wait_until_exists)
    does(vpc.wait_until_available)
    does(vpc.create_tags, Tags=[{"Key": "Name", "Value": "shop"}])
    does(vpc.modify_attribute, EnableDnsHostnames={"Value": True})
    assert does(vpc.describe_attribute, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"] is True
    dhcp = does(model.create_dhcp_options, DhcpConfigurations=[{"Key": "domain-name", "Values": ["shop.internal"]}])
    does(dhcp.create_tags, Tags=[{"Key": "Name", "Value": "shop"}])
    does(dhcp.associate_with_vpc, VpcId=vpc.id)
    does(vpc.reload)
    assert vpc.dhcp_options_id == dhcp.id and vpc.dhcp_options.dhcp_configurations[0]["Key"] == "domain-name"
    does(vpc.associate_dhcp_options, DhcpOptionsId="default")
    gateway = does(model.create_internet_gateway)
    does(gateway.create_tags, Tags=[{"Key": "Name", "Value": "shop"}])
    does(gateway.attach_to_vpc, VpcId=vpc.id)
    does(gateway.detach_from_vpc, VpcId=vpc.id)
    does(vpc.attach_internet_gateway, InternetGatewayId=gateway.id)
    assert ids(vpc.internet_gateways.all()) == {gateway.id}
    front = does(vpc.create_subnet, CidrBlock="10.5.1.0/24")
    zone = front.availability_zone
    back = does(model.create_subnet, VpcId=vpc.id, CidrBlock="10.5.2.0/24", AvailabilityZone=zone)
    does(front.create_tags, Tags=[{"Key": "Name", "Value": "front"}])
    assert ids(vpc.subnets.all()) == {front.id, back.id}
    for call in (vpc.enable_classic_link, vpc.disable_classic_link):
        refused(call, "UnsupportedOperation", "InvalidRequest")

    # Routes.
    table, other = does(vpc.create_route_table), does(model.create_route_table, VpcId=vpc.id)
    does(table.create_tags, Tags=[{"Key": "Name", "Value": "front"}])
    route = does(table.create_route, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway.id)
    association = does(table.associate_with_subnet, SubnetId=front.id)
    association = does(association.replace_subnet, RouteTableId=other.id)
    does(association.delete)
    association = does(table.associate_with_subnet, SubnetId=front.id)
    does(model.disassociate_route_table, AssociationId=association.id)
    association = does(table.associate_with_subnet, SubnetId=front.id)
    table.reload()
    assert {r.destination_cidr_block for r in table.routes} == {"10.5.0.0/16", "0.0.0.0/0"}
    assert {table.id, other.id} < ids(vpc.route_tables.all())
    does(route.replace, GatewayId=gateway.id)

    # Network ACLs.
    acl = does(vpc.create_network_acl)
    spare = does(model.create_network_acl, VpcId=vpc.id)
    entry = {"RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0"}
    does(acl.create_tags, Tags=[{"Key": "Name", "Value": "front"}])
    does(acl.create_entry, **entry, PortRange={"From": 22, "To": 22})
    does(acl.replace_entry, **entry, PortRange={"From": 80, "To": 80})
    default = next(a for a in does(lambda: list(vpc.network_acls.all())) if a.is_default)
    held = next(a for a in default.associations if a["SubnetId"] == back.id)["NetworkAclAssociationId"]
    again = does(acl.replace_association, AssociationId=held)["NewAssociationId"]
    does(default.replace_association, AssociationId=again)
    does(acl.delete_entry, RuleNumber=100, Egress=False)
    does(acl.delete)
    does(spare.delete)

    # Who comes in.
    group = does(vpc.create_security_group, GroupName="web", Description="visitors")
    outer = does(model.create_security_group, GroupName="outer", Description="others", VpcId=vpc.id)
    rules = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]
    does(group.create_tags, Tags=[{"Key": "Name", "Value": "web"}])
    does(group.authorize_ingress, IpPermissions=rules)
    does(group.authorize_egress, IpPermissions=rules)
    does(group.revoke_egress, IpPermissions=rules)
    does(group.revoke_ingress, IpPermissions=rules)
    does(group.authorize_ingress, IpPermissions=rules)
    assert ids(vpc.security_groups.filter(GroupNames=[])) > {group.id, outer.id}
    assert does(outer.delete) is not None

    # Machines.
    pair = does(model.create_key_pair, KeyName="mine")
    imported = does(model.import_key_pair, KeyName="other", PublicKeyMaterial=PUBLIC_KEY)
    assert {k.name for k in does(lambda: list(model.key_pairs.all()))} == {"mine", "other"}
    assert pair.key_material and does(lambda: model.KeyPair("other").key_fingerprint) == imported.key_fingerprint
    does(model.KeyPair("other").delete)
    (machine,) = does(
        front.create_instances, ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="mine", SecurityGroupIds=[group.id],
    )
    does(machine.wait_until_exists)
    (second,) = does(model.create_instances, ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=back.id)
    for one in (machine, second):
        does(waits, one, "running")
    does(machine.create_tags, Tags=[{"Key": "Name", "Value": "web"}, {"Key": "stage", "Value": "test"}])
    assert ids(vpc.instances.all()) == {machine.id, second.id}
    assert ids(front.instances.all()) == {machine.id}
    assert ids(model.instances.filter(Filters=[{"Name": "tag:stage", "Values": ["test"]}])) == {machine.id}
    assert does(machine.console_output)["InstanceId"] == machine.id
    assert does(machine.password_data)["PasswordData"] == ""
    does(machine.monitor)
    does(machine.unmonitor)
    does(machine.modify_attribute, DisableApiTermination={"Value": False})
    assert does(machine.describe_attribute, Attribute="instanceType")["InstanceType"]["Value"] == "t3.micro"
    does(machine.modify_attribute, SourceDestCheck={"Value": False})
    does(machine.reset_source_dest_check)
    does(machine.report_status, Status="impaired", ReasonCodes=["other"])
    does(machine.reboot)
    for call in (machine.attach_classic_link_vpc, vpc.attach_classic_link_instance):
        names = {"VpcId": vpc.id} if call == machine.attach_classic_link_vpc else {"InstanceId": machine.id}
        refused(call, "UnsupportedOperation", "InvalidRequest", "InvalidInstanceID.NotLinkable", Groups=[group.id], **names)
    for call, names in ((machine.detach_classic_link_vpc, {"VpcId": vpc.id}), (vpc.detach_classic_link_instance, {"InstanceId": machine.id})):
        refused(call, "UnsupportedOperation", "InvalidRequest", "InvalidInstanceID.NotLinkable", **names)

    # Volumes, snapshots, images.
    volume = does(model.create_volume, AvailabilityZone=zone, Size=1, VolumeType="gp3")
    client.get_waiter("volume_available").wait(VolumeIds=[volume.id], WaiterConfig=FAST)
    does(volume.create_tags, Tags=[{"Key": "Name", "Value": "data"}])
    does(volume.modify_attribute, AutoEnableIO={"Value": True})
    assert does(volume.describe_attribute, Attribute="autoEnableIO")["AutoEnableIO"]["Value"] is True
    assert does(volume.describe_status)["VolumeStatuses"][0]["VolumeId"] == volume.id
    does(volume.enable_io)
    for attach, detach in (
        (lambda: volume.attach_to_instance(InstanceId=machine.id, Device="/dev/sdf"), lambda: volume.detach_from_instance(InstanceId=machine.id)),
        (lambda: machine.attach_volume(VolumeId=volume.id, Device="/dev/sdg"), lambda: machine.detach_volume(VolumeId=volume.id)),
    ):
        does(attach)
        client.get_waiter("volume_in_use").wait(VolumeIds=[volume.id], WaiterConfig=FAST)
        assert volume.id in ids(machine.volumes.all())
        does(detach)
        client.get_waiter("volume_available").wait(VolumeIds=[volume.id], WaiterConfig=FAST)
    snapshot = does(volume.create_snapshot, Description="monday")
    tuesday = does(model.create_snapshot, VolumeId=volume.id)
    does(snapshot.wait_until_completed, WaiterConfig=FAST)
    does(tuesday.wait_until_completed, WaiterConfig=FAST)
    does(snapshot.create_tags, Tags=[{"Key": "Name", "Value": "data"}])
    assert ids(volume.snapshots.all()) == {snapshot.id, tuesday.id} == ids(model.snapshots.filter(OwnerIds=["self"]))
    copied = does(snapshot.copy, SourceRegion=client.meta.region_name, Description="a copy")["SnapshotId"]
    does(snapshot.modify_attribute, Attribute="createVolumePermission", OperationType="add", UserIds=["210987654321"])
    shared = does(snapshot.describe_attribute, Attribute="createVolumePermission")["CreateVolumePermissions"]
    assert shared == [{"UserId": "210987654321"}]
    does(snapshot.reset_attribute, Attribute="createVolumePermission")
    made = does(machine.create_image, Name="shop-1", NoReboot=True)
    does(made.wait_until_exists, WaiterConfig=FAST)
    client.get_waiter("image_available").wait(ImageIds=[made.id], WaiterConfig=FAST)
    root = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": made.block_device_mappings[0]["Ebs"]["SnapshotId"]}}
    registered = does(
        model.register_image, Name="shop-2", RootDeviceName="/dev/xvda", BlockDeviceMappings=[root], Architecture=made.architecture,
        VirtualizationType="hvm",
    )
    does(made.create_tags, Tags=[{"Key": "Name", "Value": "shop"}])
    does(made.modify_attribute, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    assert does(made.describe_attribute, Attribute="launchPermission")["LaunchPermissions"] == [{"UserId": "210987654321"}]
    does(made.reset_attribute, Attribute="launchPermission")
    assert ids(model.images.filter(Owners=["self"])) == {made.id, registered.id}
    parts = [mapping["Ebs"]["SnapshotId"] for mapping in made.block_device_mappings]
    does(registered.deregister)
    does(made.deregister)
    client.get_waiter("snapshot_completed").wait(SnapshotIds=[copied], WaiterConfig=FAST)
    for one in {snapshot.id, tuesday.id, copied, *parts}:
        does(model.Snapshot(one).delete)
    does(volume.delete)

    # Interfaces and addresses.
    interface = does(front.create_network_interface, Description="spare")
    other_interface = does(model.create_network_interface, SubnetId=front.id)
    does(interface.create_tags, Tags=[{"Key": "Name", "Value": "spare"}])
    does(interface.assign_private_ip_addresses, PrivateIpAddresses=["10.5.1.77"])
    does(interface.unassign_private_ip_addresses, PrivateIpAddresses=["10.5.1.77"])
    does(interface.modify_attribute, SourceDestCheck={"Value": False})
    assert does(interface.describe_attribute, Attribute="sourceDestCheck")["SourceDestCheck"]["Value"] is False
    does(interface.reset_attribute, SourceDestCheck="true")
    attached = does(interface.attach, InstanceId=machine.id, DeviceIndex=1)["AttachmentId"]
    interface.reload()
    assert interface.attachment["AttachmentId"] == attached
    assert {interface.id, other_interface.id} < ids(front.network_interfaces.all()) <= ids(vpc.network_interfaces.all())
    allocation = client.allocate_address(Domain="vpc")["AllocationId"]
    address = model.VpcAddress(allocation)
    does(address.associate, NetworkInterfaceId=other_interface.id)
    other_interface.reload()
    assert other_interface.association.public_ip == address.public_ip
    does(other_interface.association.delete)
    does(address.associate, NetworkInterfaceId=machine.network_interfaces[0].id)
    assert {a.allocation_id for a in does(lambda: list(machine.vpc_addresses.all()))} == {allocation}
    assert {a.allocation_id for a in does(lambda: list(model.vpc_addresses.all()))} == {allocation}
    address.reload()
    does(address.association.delete)
    assert does(lambda: list(model.classic_addresses.all())) == []
    does(address.release)
    does(interface.detach, Force=True)
    client.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface.id], WaiterConfig=FAST)
    for one in (interface, other_interface):
        does(one.delete)

    # Peering.
    neighbour = does(model.create_vpc, CidrBlock="10.6.0.0/16")
    wish = does(vpc.request_vpc_peering_connection, PeerVpcId=neighbour.id)
    does(wish.wait_until_exists, WaiterConfig=FAST)
    does(wish.accept)
    assert ids(vpc.requested_vpc_peering_connections.all()) == {wish.id}
    assert ids(neighbour.accepted_vpc_peering_connections.all()) == {wish.id}
    does(wish.delete)
    unwanted = does(model.create_vpc_peering_connection, VpcId=vpc.id, PeerVpcId=neighbour.id)
    does(unwanted.reject)
    assert {wish.id, unwanted.id} >= ids(model.vpc_peering_connections.all())
    does(neighbour.delete)

    # The life of machines, many at a time.
    both = model.instances.filter(InstanceIds=[machine.id, second.id])
    does(both.create_tags, Tags=[{"Key": "project", "Value": "shop"}])
    for call in (both.monitor, both.unmonitor, both.reboot):
        assert does(call)
    does(machine.stop)
    does(waits, machine, "stopped")
    does(machine.reset_attribute, Attribute="sourceDestCheck")
    for call in (machine.reset_kernel, machine.reset_ramdisk):
        does(call)
    does(machine.start)
    does(waits, machine, "running")
    does(both.stop)
    does(waits, second, "stopped")
    does(waits, machine, "stopped")
    does(both.start)
    does(waits, machine, "running")
    does(waits, second, "running")
    does(model.create_tags, Resources=[machine.id], Tags=[{"Key": "colour", "Value": "red"}])
    tag = model.Tag(machine.id, "colour", "red")
    does(tag.load)
    assert tag.resource_type == "instance"
    does(tag.delete)
    machine.reload()
    assert {tag["Key"] for tag in machine.tags} == {"Name", "stage", "project"}

    # The end.
    does(second.terminate)
    does(both.terminate)
    for one in (machine, second):
        does(waits, one, "terminated")
    does(pair.delete)
    does(route.delete)
    table.reload()
    for one in table.associations:
        does(one.delete)
    for one in (table, other, front, back, group):
        does(one.delete)
    does(vpc.detach_internet_gateway, InternetGatewayId=gateway.id)
    does(gateway.delete)
    does(vpc.delete)
    does(dhcp.delete)
    assert vpc.id not in ids(model.vpcs.all())
    for collection in (
        model.dhcp_options_sets, model.internet_gateways, model.network_acls, model.network_interfaces, model.route_tables,
        model.security_groups, model.subnets, model.volumes,
    ):
        assert ids(collection.all()) is not None
    placement_groups(model, image)
    assert operations() - model.used == set()


def placement_groups(model, image):
    group = does(model.create_placement_group, GroupName="near", Strategy="cluster")
    does(group.load)
    assert [g.name for g in does(lambda: list(model.placement_groups.all()))] == ["near"]
    assert does(lambda: list(group.instances.all())) == []
    does(group.delete)


PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPcgZuOAiOwQSKm8yPfbUtPXTUQYiqlHkmMtAyYdnKn me"


# --- The waiters ---

# What a waiter would wait for is not there at all, and its action says so.
UNANSWERED = {
    "bundle_task_complete": "instance-store images are bundled, and there are none",
    "conversion_task_cancelled": "imports of whole machines, which newer actions replaced",
    "conversion_task_completed": "imports of whole machines, which newer actions replaced",
    "conversion_task_deleted": "imports of whole machines, which newer actions replaced",
    "export_task_cancelled": "exports of machines to S3",
    "export_task_completed": "exports of machines to S3",
    "image_usage_report_available": "reports about what other accounts do with images",
    "secondary_network_create_complete": "secondary networks",
    "secondary_network_delete_complete": "secondary networks",
    "secondary_subnet_create_complete": "secondary subnets",
    "secondary_subnet_delete_complete": "secondary subnets",
    "store_image_task_complete": "images are stored in S3",
    "vpn_connection_available": "VPN connections",
    "vpn_connection_deleted": "VPN connections",
    "password_data_available": "only machines with Windows have a password",
    "snapshot_imported": "the file is fetched from S3: no simulated import completes here",
    "spot_instance_request_fulfilled": "spot requests have tests of their own",
}


@pytest.fixture
def things(ec2, run, image, default_vpc):
    """One of everything that waiters ask for; each name is made when it is first asked for."""
    made = {}

    def machine():
        return run(wait=False)[0]["InstanceId"]

    def stopped():
        number = run()[0]["InstanceId"]
        ec2.stop_instances(InstanceIds=[number])
        return number

    def terminated():
        number = run()[0]["InstanceId"]
        ec2.terminate_instances(InstanceIds=[number])
        return number

    def subnet():
        return ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [default_vpc]}])["Subnets"][0]["SubnetId"]

    def volume():
        zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
        return ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]

    def volume_there():
        ec2.get_waiter("volume_available").wait(VolumeIds=[(number := volume())], WaiterConfig=FAST)
        return number

    def volume_deleted():
        ec2.delete_volume(VolumeId=(number := volume_there()))
        return number

    def nat():
        return ec2.create_nat_gateway(SubnetId=subnet(), ConnectivityType="private")["NatGateway"]["NatGatewayId"]

    def nat_deleted():
        ec2.delete_nat_gateway(NatGatewayId=(number := nat()))
        return number

    def peering():
        peer = ec2.create_vpc(CidrBlock="10.66.0.0/16")["Vpc"]["VpcId"]
        answer = ec2.create_vpc_peering_connection(VpcId=default_vpc, PeerVpcId=peer)
        return answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    def peering_deleted():
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=(number := peering()))
        return number

    def group():
        return ec2.create_security_group(GroupName="elsewhere", Description="x", VpcId=default_vpc)["GroupId"]

    def group_associated():
        home, guest = (ec2.create_vpc(CidrBlock=f"10.{block}.0.0/16")["Vpc"]["VpcId"] for block in (67, 68))
        number = ec2.create_security_group(GroupName="guest", Description="x", VpcId=home)["GroupId"]
        ec2.associate_security_group_vpc(GroupId=number, VpcId=guest)
        return number

    def group_disassociated():
        number = group_associated()
        found = ec2.describe_security_group_vpc_associations(Filters=[{"Name": "group-id", "Values": [number]}])
        vpc = found["SecurityGroupVpcAssociations"][0]["VpcId"]
        ec2.get_waiter("security_group_vpc_association_associated").wait(
            Filters=[{"Name": "group-id", "Values": [number]}], WaiterConfig=FAST
        )
        ec2.disassociate_security_group_vpc(GroupId=number, VpcId=vpc)
        return number

    makers = {
        "machine": machine, "stopped": stopped, "terminated": terminated, "subnet": subnet, "volume": volume,
        "volume_deleted": volume_deleted, "nat": nat, "nat_deleted": nat_deleted, "peering": peering, "peering_deleted": peering_deleted,
        "group": group, "group_associated": group_associated, "group_disassociated": group_disassociated,
        "image": lambda: image, "vpc": lambda: default_vpc,
        "own_image": lambda: ec2.create_image(InstanceId=run()[0]["InstanceId"], Name="own", NoReboot=True)["ImageId"],
        "customer": lambda: ec2.create_customer_gateway(Type="ipsec.1", PublicIp="203.0.113.9", BgpAsn=65000)["CustomerGateway"]["CustomerGatewayId"],
        "gateway": lambda: ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"],
        "key": lambda: ec2.create_key_pair(KeyName="k")["KeyName"],
        "interface": lambda: ec2.create_network_interface(SubnetId=subnet())["NetworkInterface"]["NetworkInterfaceId"],
        "snapshot": lambda: ec2.create_snapshot(VolumeId=volume_there())["SnapshotId"],
        "root": lambda: ec2.describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [run()[0]["InstanceId"]]}]
        )["Volumes"][0]["VolumeId"],
    }

    def get(name):
        if name not in made:
            made[name] = makers[name]()
        return made[name]

    return get


# For each waiter: the parameter, what makes it succeed, and an id for which it fails (at once, or by asking in vain).
WAITERS = {
    "customer_gateway_available": ("CustomerGatewayIds", "customer", "cgw-0123456789abcdef0"),
    "image_available": ("ImageIds", "own_image", "ami-0123456789abcdef0"),
    "image_exists": ("ImageIds", "image", "ami-0123456789abcdef0"),
    "instance_exists": ("InstanceIds", "machine", "i-0123456789abcdef0"),
    "instance_running": ("InstanceIds", "machine", "i-0123456789abcdef0"),
    "instance_status_ok": ("InstanceIds", "machine", "i-0123456789abcdef0"),
    "instance_stopped": ("InstanceIds", "stopped", "i-0123456789abcdef0"),
    "instance_terminated": ("InstanceIds", "terminated", "i-0123456789abcdef0"),
    "internet_gateway_exists": ("InternetGatewayIds", "gateway", "igw-0123456789abcdef0"),
    "key_pair_exists": ("KeyNames", "key", "no-such-key"),
    "nat_gateway_available": ("NatGatewayIds", "nat", "nat-0123456789abcdef0"),
    "nat_gateway_deleted": ("NatGatewayIds", "nat_deleted", None),
    "network_interface_available": ("NetworkInterfaceIds", "interface", "eni-0123456789abcdef0"),
    "security_group_exists": ("GroupIds", "group", "sg-0123456789abcdef0"),
    "security_group_vpc_association_associated": ("group-id", "group_associated", None),
    "security_group_vpc_association_disassociated": ("group-id", "group_disassociated", None),
    "snapshot_completed": ("SnapshotIds", "snapshot", "snap-0123456789abcdef0"),
    "subnet_available": ("SubnetIds", "subnet", "subnet-0123456789abcdef0"),
    "system_status_ok": ("InstanceIds", "machine", "i-0123456789abcdef0"),
    "volume_available": ("VolumeIds", "volume", "vol-0123456789abcdef0"),
    "volume_deleted": ("VolumeIds", "volume_deleted", None),
    "volume_in_use": ("VolumeIds", "root", "vol-0123456789abcdef0"),
    "vpc_available": ("VpcIds", "vpc", "vpc-0123456789abcdef0"),
    "vpc_exists": ("VpcIds", "vpc", "vpc-0123456789abcdef0"),
    "vpc_peering_connection_deleted": ("VpcPeeringConnectionIds", "peering_deleted", None),
    "vpc_peering_connection_exists": ("VpcPeeringConnectionIds", "peering", "pcx-0123456789abcdef0"),
}


def test_no_waiter_is_forgotten(ec2):
    assert set(ec2.waiter_names) == set(WAITERS) | set(UNANSWERED)
    assert not set(WAITERS) & set(UNANSWERED)


@pytest.mark.parametrize("name", sorted(WAITERS))
def test_a_waiter(ec2, things, name):
    parameter, thing, missing = WAITERS[name]
    waiter = ec2.get_waiter(name)

    def asked(value):
        return {"Filters": [{"Name": parameter, "Values": [value]}]} if parameter[0].islower() else {parameter: [value]}

    does(waiter.wait, **asked(things(thing)), WaiterConfig=FAST)
    if missing is not None:
        with pytest.raises(WaiterError):
            waiter.wait(**asked(missing), WaiterConfig={"Delay": 0, "MaxAttempts": 2})


def test_waiters_for_states_that_will_not_come_fail(ec2, things):
    """`failure` of botocore's model, not only a wait in vain."""
    terminated, deleted = things("terminated"), things("nat_deleted")
    for name, parameters in [
        ("instance_running", {"InstanceIds": [terminated]}),
        ("instance_stopped", {"InstanceIds": [terminated]}),
        ("nat_gateway_available", {"NatGatewayIds": [deleted]}),
    ]:
        ec2.get_waiter("instance_terminated").wait(InstanceIds=[terminated], WaiterConfig=FAST)
        with pytest.raises(WaiterError, match="terminal failure state"):
            ec2.get_waiter(name).wait(**parameters, WaiterConfig=FAST)
