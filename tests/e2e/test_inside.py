"""What a machine sees: metadata, names, its user data."""

import json

import pytest

from support.daemon import wait_until

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
