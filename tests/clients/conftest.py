"""One simulated daemon for all tests of clients; each test has a region of its own in it."""

import pytest

from support import figures
from support.daemon import Daemon, wait_until


def pytest_sessionfinish():
    figures.write()


def pytest_terminal_summary(terminalreporter):
    for client, figure in figures.counted().items():
        terminalreporter.write_line(f"{client}: {figure['passed']} of {figure['run']} tasks passed")


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("cloud") / "state").start()
    yield started
    assert started.process.poll() is None, f"the daemon did not live to the end:\n{started.log.read_text()[-3000:]}"
    started.terminate()


@pytest.fixture
def ec2(daemon, region):
    return daemon.client(region=region)


@pytest.fixture
def image(ec2):
    """An image that instances can be made from."""
    images = ec2.describe_images()["Images"]
    assert images, "a simulated cloud has images, too"
    return min(images, key=lambda image: image["Name"])["ImageId"]


@pytest.fixture
def run(ec2, image):
    """Runs instances; waits until they are."""

    def run_instances(count=1, wait=True, **parameters):
        parameters = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": count, "MaxCount": count, **parameters}
        instances = ec2.run_instances(**parameters)["Instances"]
        if wait:
            in_state(ec2, [instance["InstanceId"] for instance in instances], "running")
        return instances

    return run_instances


def in_state(ec2, ids, name, seconds=20):
    """Waits until these instances are in this state; gives them."""

    def look():
        found = [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]
        return found if all(i["State"]["Name"] == name for i in found) else None

    return wait_until(look, seconds, f"{ids} {name}")


@pytest.fixture
def until_state(ec2):
    return lambda ids, name: in_state(ec2, ids, name)


@pytest.fixture
def default_vpc(ec2):
    return ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


@pytest.fixture
def group(ec2, default_vpc):
    """A security group that opens nothing."""
    return ec2.create_security_group(GroupName="a-group", Description="for a test", VpcId=default_vpc)["GroupId"]
