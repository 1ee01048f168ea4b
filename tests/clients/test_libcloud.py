"""Apache Libcloud's driver for EC2."""

import pytest
from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider, StorageVolumeState

from support import figures
from support.daemon import ACCESS_KEY, SECRET_KEY, wait_until


@pytest.fixture
def driver(daemon):
    # It knows AWS's regions only; a region of this one that no other test uses.
    return get_driver(Provider.EC2)(
        ACCESS_KEY, SECRET_KEY, region="eu-north-1", host="127.0.0.1", port=daemon.port, secure=False, signature_version="4",
    )


def does(call, *arguments, **options):
    """One task for Libcloud, counted."""
    answer = figures.task("libcloud", call, *arguments, **options)
    assert answer is not False, f"{call.__name__} says that it failed"
    return answer


def test_a_cloud_with_libcloud(driver):
    sizes, locations = does(driver.list_sizes), does(driver.list_locations)
    assert any(size.id == "t3.micro" for size in sizes)
    assert {location.availability_zone.name for location in locations} == {f"eu-north-1{letter}" for letter in "abc"}
    image = sorted(does(driver.list_images), key=lambda image: image.name)[0]
    assert does(driver.get_image, image.id).name == image.name
    size = next(size for size in sizes if size.id == "t3.micro")

    # A network.
    network = does(driver.ex_create_network, "10.9.0.0/16", name="shop")
    assert [n.id for n in does(driver.ex_list_networks, network_ids=[network.id])] == [network.id]
    subnet = does(driver.ex_create_subnet, network.id, "10.9.1.0/24", locations[0].availability_zone.name, name="front")
    assert [s.id for s in does(driver.ex_list_subnets, filters={"vpc-id": network.id})] == [subnet.id]
    assert does(driver.ex_modify_subnet_attribute, subnet, "auto_public_ip", True)
    gateway = does(driver.ex_create_internet_gateway, name="shop")
    does(driver.ex_attach_internet_gateway, gateway, network)
    assert [g.vpc_id for g in does(driver.ex_list_internet_gateways, gateway_ids=[gateway.id])] == [network.id]
    table = does(driver.ex_create_route_table, network, name="front")
    does(driver.ex_create_route, table, "0.0.0.0/0", internet_gateway=gateway)
    association = does(driver.ex_associate_route_table, table, subnet)
    tables = does(driver.ex_list_route_tables, route_table_ids=[table.id])
    assert {r.cidr: r.gateway_id for r in tables[0].routes} == {"10.9.0.0/16": "local", "0.0.0.0/0": gateway.id}

    # Who comes in.
    group = does(driver.ex_create_security_group, "web", "visitors", vpc_id=network.id)["group_id"]
    does(driver.ex_authorize_security_group_ingress, group, 22, 22, cidr_ips=["203.0.113.0/24"])
    does(driver.ex_authorize_security_group_ingress, group, 80, 80, cidr_ips=["0.0.0.0/0"], description="visitors")
    does(driver.ex_authorize_security_group_egress, group, 53, 53, cidr_ips=["192.0.2.53/32"], protocol="udp")
    does(driver.ex_revoke_security_group_egress, group, 53, 53, cidr_ips=["192.0.2.53/32"], protocol="udp")
    does(driver.ex_revoke_security_group_ingress, group, 80, 80, cidr_ips=["0.0.0.0/0"])
    found = does(driver.ex_get_security_groups, group_ids=[group])[0]
    assert [(rule["from_port"], rule["cidr_ips"]) for rule in found.ingress_rules] == [("22", ["203.0.113.0/24"])]
    assert "default" in does(driver.ex_list_security_groups)
    assert does(driver.ex_authorize_security_group_permissive, "default")
    with pytest.raises(BaseHTTPError, match="InvalidGroup.NotFound"):
        driver.ex_authorize_security_group_ingress("sg-0123456789abcdef0", 22, 22, cidr_ips=["0.0.0.0/0"])

    # Keys.
    pair = does(driver.create_key_pair, "mine")
    assert pair.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPcgZuOAiOwQSKm8yPfbUtPXTUQYiqlHkmMtAyYdnKn me"
    does(driver.import_key_pair_from_string, "other", public)
    assert sorted(key.name for key in does(driver.list_key_pairs)) == ["mine", "other"]
    assert does(driver.get_key_pair, "other").name == "other"

    # A machine.
    node = does(
        driver.create_node, name="web", image=image, size=size, location=locations[0], ex_keyname="mine", ex_subnet=subnet,
        ex_security_group_ids=[group], ex_userdata="#!/bin/sh\n", ex_metadata={"project": "shop"}, ex_assign_public_ip=True,
        ex_blockdevicemappings=[{"DeviceName": "/dev/sdg", "Ebs.VolumeSize": "1", "Ebs.DeleteOnTermination": "true"}],
        ex_terminate_on_shutdown=False,
    )
    ((node, addresses),) = does(driver.wait_until_running, [node], wait_period=0.2, timeout=30)
    assert addresses and node.state == NodeState.RUNNING
    assert node.extra["key_name"] == "mine" and node.extra["subnet_id"] == subnet.id
    assert [n.name for n in does(driver.list_nodes, ex_node_ids=[node.id])] == ["web"]
    assert does(driver.ex_describe_tags, node)["project"] == "shop"
    assert does(driver.ex_create_tags, node, {"stage": "test"})
    assert does(driver.ex_delete_tags, node, {"project": "shop"})
    assert does(driver.ex_describe_tags, node) == {"Name": "web", "stage": "test"}
    assert does(driver.ex_get_console_output, node)["output"]
    assert does(driver.ex_modify_instance_attribute, node, {"DisableApiTermination.Value": "false"})

    def state(wanted):
        wait_until(lambda: driver.list_nodes(ex_node_ids=[node.id])[0].state == wanted, 30, wanted)

    # Volumes and snapshots.
    volume = does(driver.create_volume, 1, "data", location=locations[0], ex_volume_type="gp3")
    wait_until(lambda: driver.list_volumes(ex_filters={"volume-id": volume.id})[0].state == StorageVolumeState.AVAILABLE, 30)
    assert does(driver.attach_volume, node, volume, "/dev/sdh")
    wait_until(lambda: volume.id in [v.id for v in driver.list_volumes(node)], 30)
    snapshot = does(driver.create_volume_snapshot, volume, name="monday", ex_metadata={"project": "shop"})
    wait_until(lambda: driver.list_snapshots(snapshot)[0].extra["state"] == "completed", 30)
    assert [s.id for s in does(driver.list_volume_snapshots, volume)] == [snapshot.id]
    assert does(driver.detach_volume, volume)
    wait_until(lambda: driver.list_volumes(ex_filters={"volume-id": volume.id})[0].state == StorageVolumeState.AVAILABLE, 30)
    assert does(driver.destroy_volume_snapshot, snapshot)
    assert does(driver.destroy_volume, volume)

    # An image of the machine.
    copy = does(driver.create_image, node, "web-1", description="the shop", reboot=False)
    wait_until(lambda: driver.list_images(ex_image_ids=[copy.id])[0].extra["state"] == "available", 30)
    assert does(driver.ex_modify_image_attribute, copy, {"LaunchPermission.Add.1.Group": "all"})
    assert does(driver.delete_image, copy)

    # Addresses and interfaces.
    address = does(driver.ex_allocate_address, domain="vpc")
    assert does(driver.ex_associate_address_with_node, node, address)
    assert does(driver.ex_describe_addresses_for_node, node) == [address.ip]
    assert [a.ip for a in does(driver.ex_describe_all_addresses)] == [address.ip]
    (address,) = driver.ex_describe_all_addresses()
    assert does(driver.ex_disassociate_address, address, domain="vpc")
    assert does(driver.ex_release_address, address, domain="vpc")
    interface = does(driver.ex_create_network_interface, subnet, name="spare", description="a spare one")
    attachment = does(driver.ex_attach_network_interface_to_node, interface, node, 1)
    wait_until(lambda: next(i for i in driver.ex_list_network_interfaces() if i.id == interface.id).state == "in-use", 30)
    assert does(driver.ex_detach_network_interface, attachment, force=True)
    wait_until(lambda: next(i for i in driver.ex_list_network_interfaces() if i.id == interface.id).state == "available", 30)
    assert does(driver.ex_delete_network_interface, interface)

    # Its life, and its end.
    assert does(driver.reboot_node, node)
    assert does(driver.stop_node, node)
    state(NodeState.STOPPED)
    assert does(driver.ex_change_node_size, node, next(size for size in sizes if size.id == "t3.small"))
    assert does(driver.start_node, node)
    state(NodeState.RUNNING)
    assert driver.list_nodes(ex_node_ids=[node.id])[0].extra["instance_type"] == "t3.small"
    assert does(driver.destroy_node, node)
    state(NodeState.TERMINATED)
    for key in driver.list_key_pairs():
        assert does(driver.delete_key_pair, key)
    assert does(driver.list_key_pairs) == []
    assert does(driver.ex_delete_security_group_by_id, group)
    assert does(driver.ex_dissociate_route_table, association)
    assert does(driver.ex_delete_route, table, "0.0.0.0/0")
    assert does(driver.ex_delete_route_table, table)
    assert does(driver.ex_detach_internet_gateway, gateway, network)
    assert does(driver.ex_delete_internet_gateway, gateway)
    assert does(driver.ex_delete_subnet, subnet)
    assert does(driver.ex_delete_network, network)
