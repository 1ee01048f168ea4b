"""Apache Libcloud launches a machine and deploys to it: over the API, then over SSH."""

import pytest
from libcloud.compute.deployment import ScriptDeployment
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

from support.daemon import ACCESS_KEY, SECRET_KEY, wait_until
from support.machine import Machine


@pytest.fixture
def region():
    """One of AWS's, for Libcloud knows no others; no other end-to-end test uses it."""
    return "eu-north-1"


@pytest.fixture
def driver(daemon, region):
    return get_driver(Provider.EC2)(
        ACCESS_KEY, SECRET_KEY, region=region, host="127.0.0.1", port=daemon.port, secure=False, signature_version="4",
    )


def test_a_script_is_deployed_to_a_new_machine(bench, driver):
    bench.group("ssh", "tcp 22")
    script = ScriptDeployment(
        '#!/bin/sh\necho "deployed on $(hostname) by $(whoami) for $1"\necho "a warning" >&2\nexit 3\n',
        args=["shop"], name="/tmp/deploy.sh", delete=True,
    )
    node = driver.deploy_node(
        name="web", image=driver.get_image(bench.image()), size=next(s for s in driver.list_sizes() if s.id == "t3.micro"),
        ex_keyname="test", ex_security_groups=["ssh"], deploy=script, ssh_username="admin", ssh_key=str(bench.key),
        ssh_timeout=5, timeout=60, wait_period=0.5,
    )
    machine = Machine(bench.ec2, node.id, bench.key)
    bench.made.append(machine)
    assert node.state == NodeState.RUNNING and node.public_ips == [machine.public]
    private = machine.private.replace(".", "-")
    assert script.stdout == f"deployed on ip-{private} by admin for shop\n"
    assert script.stderr == "a warning\n" and script.exit_status == 3
    assert machine.ssh("test -e /tmp/deploy.sh", check=False).returncode == 1, "the script was to be deleted"

    assert driver.destroy_node(node)
    state = lambda: driver.list_nodes(ex_node_ids=[node.id])[0].state
    wait_until(lambda: state() == NodeState.TERMINATED, 60, f"{node.id} destroyed")
