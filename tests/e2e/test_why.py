"""`daemun why`: mistakes that everyone makes, each planted, explained, put right by the command that is told, and held
against what a real client meets."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.daemon import ACCESS_KEY, SECRET_KEY, wait_until
from support.machine import tcp


class Asker:
    """Asks `daemun why` about a machine."""

    def __init__(self, bench, daemon, region, wait=2):
        self.bench, self.daemon, self.region, self.wait = bench, daemon, region, wait

    def raw(self, *words):
        return self.daemon.run("why", "--output", "json", "--region", self.region, "--wait", self.wait, *words, check=False)

    def ask(self, *words):
        done = self.raw(*words)
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        assert (done.returncode == 0) == answer["reachable"], done
        assert answer["probe"] is None or answer["probe"]["agrees"], answer
        return answer

    def stops(self, code, error, *words):
        """Asks, and holds the answer against the obstacle that was planted."""
        answer = self.ask(*words)
        assert answer["obstacle"] and answer["obstacle"]["code"] == code, answer
        assert answer["client_error"] == error, answer
        assert not answer["path"][-1]["passes"] and all(stage["passes"] for stage in answer["path"][:-1]), answer
        assert answer["obstacle"]["text"] and "why-" not in answer["obstacle"]["text"], answer
        return answer

    def passes(self, *words):
        answer = self.ask(*words)
        assert answer["reachable"] and answer["obstacle"] is None, answer
        return answer

    def repair(self, answer):
        """Does what the answer says, by the AWS CLI's words."""
        remedy = answer["obstacle"]["remedy"]
        assert remedy, answer
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        here = f'aws() {{ command aws --endpoint-url {self.daemon.address} --region {self.region} "$@"; }}'
        done = subprocess.run(["bash", "-c", f"{here}\n{remedy}"], env={**os.environ, **keys}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (remedy, done.stderr)


@pytest.fixture
def why(bench, daemon, region):
    return Asker(bench, daemon, region)


def serve(machine, port, address="0.0.0.0"):
    machine.ssh(f"sudo systemd-run --quiet --unit=web-{port} python3 -m http.server --bind {address} {port}")
    wait_until(lambda: f":{port} " in machine.out("ss -ltn"), 10, f"a server on {port}")


def test_a_port_from_shut_to_open(bench, why):
    group = bench.group("web", "tcp 22")
    machine = bench.run(group, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}])
    # Nothing is open, and nothing listens: the first obstacle is the group.
    answer = why.stops("ENI_SG_RULES_MISMATCH", "timed_out", "web:3005")
    assert tcp(machine.public, 3005) == "timeout"
    why.repair(answer)
    why.stops("NOTHING_LISTENS", "refused", "web:3005")
    assert tcp(machine.public, 3005) == "refused"
    serve(machine, 3005, "127.0.0.1")
    why.stops("LISTENS_ON_LOOPBACK_ONLY", "refused", "web:3005")
    machine.ssh("sudo systemctl stop web-3005")
    serve(machine, 3005)
    answer = why.passes("web:3005")
    assert "python3" in answer["path"][-1]["text"] and tcp(machine.public, 3005) == "open"
    # By every name that it has.
    for name in (machine.id, machine.public):
        why.passes(f"{name}:3005")
    # Another caller than the one that the rule names.
    why.stops("ENI_SG_RULES_MISMATCH", "timed_out", "--from", "203.0.113.9", "web:3005")
    answer = why.stops("ENI_SG_RULES_MISMATCH", "timed_out", "internet -> web:3005")
    assert "--cidr 0.0.0.0/0" in answer["obstacle"]["remedy"], "a rule for anyone is one for everyone"
    why.repair(answer)
    why.passes("internet -> web:3005")
    why.stops("ADDRESS_FAMILY", "no_route", "--from", "2001:db8::9", machine.public)


def test_the_machines_own_packet_filter(bench, why):
    machine = bench.run(bench.group("web", "tcp 22", "tcp 3005"))
    serve(machine, 3005)
    why.passes(f"{machine.id}:3005")
    ruleset = "table inet own { chain input { type filter hook input priority 0; policy accept; tcp dport 3005 VERDICT; }; }"
    for verdict, code in (("drop", "timed_out"), ("reject with tcp reset", "refused")):
        rules(machine, ruleset.replace("VERDICT", verdict))
        answer = why.stops("GUEST_FIREWALL", code, f"{machine.id}:3005")
        assert "inet own input" in answer["obstacle"]["remedy"]
        rules(machine, "delete table inet own")
    why.passes(f"{machine.id}:3005")


def rules(machine, text):
    """Rules of the machine's own, as its root would make them."""
    pid = subprocess.run(["sh", "-c", f"cat /var/tmp/daemun-test-*/state/instances/{machine.id}/init.pid"], capture_output=True, text=True, check=True)
    subprocess.run(["nsenter", "-t", pid.stdout.strip(), "-n", "nft", text], check=True, capture_output=True)


def test_the_lock_behind_port_22(bench, why, tmp_path):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    why.passes(machine.id, "-i", bench.key)
    # What is no answer of the lock is none that the explanation is held against.
    known = Path(bench.daemon.state_dir) / "known_hosts"
    before = known.read_text()
    hostkey = (tmp_path / "hostkey")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", hostkey], check=True)
    kind, data, _ = (tmp_path / "hostkey.pub").read_text().split(" ", 2)
    known.write_text(f"{machine.id} {kind} {data}\n")
    assert why.passes(machine.id, "-i", bench.key)["probe"] is None
    known.write_text(before)
    denied = lambda code, *words: why.stops(code, "permission_denied", machine.id, *words)
    denied("KEY_NOT_AUTHORIZED", "-i", other)
    answer = denied("NO_SUCH_USER", "-i", bench.key, "--user", "ec2-user")
    assert "admin" in answer["obstacle"]["text"]
    bench.key.chmod(0o644)
    answer = denied("KEY_FILE_TOO_OPEN", "-i", bench.key)
    why.repair(answer)
    why.passes(machine.id, "-i", bench.key)
    machine.ssh("chmod 777 ~/.ssh")
    denied("KEYS_WRITABLE_BY_OTHERS", "-i", bench.key)


def test_states_names_and_nonsense(bench, why):
    group = bench.group("ssh", "tcp 22")
    name = lambda value: [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": value}]}]
    machine = bench.run(group, TagSpecifications=name("one"))
    bench.run(group, wait=False, TagSpecifications=name("twin"))
    bench.run(group, wait=False, TagSpecifications=name("twin"))
    for words, code in ((["nobody"], "UNKNOWN_TARGET"), (["twin"], "AMBIGUOUS_TARGET"), (["i-0123456789abcdef0"], "UNKNOWN_TARGET")):
        done = why.raw(*words)
        assert done.returncode == 1 and json.loads(done.stderr)["code"] == code, done
    for wrong in ("one:0", "one:70000", "one/gre", ":22"):
        done = why.raw(wrong)
        assert done.returncode == 1 and "TARGET" in json.loads(done.stderr)["error"], done
    bench.ec2.stop_instances(InstanceIds=[machine.id])
    machine.until("stopped")
    answer = why.stops("BAD_STATE", "timed_out", "one")
    why.repair(answer)
    machine.until("running")
    machine.until_ssh()
    why.passes("one")


def test_subnets_routes_and_lists(bench, why):
    ec2 = bench.ec2
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    group = bench.group("own", "tcp 22", vpc=vpc)
    machine = bench.run(group, wait=False, SubnetId=subnet).until("running")
    # No public address, then no route, then an ACL that lets the call in and no answer out.
    why.repair(why.stops("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", "timed_out", machine.id))
    answer = why.stops("NO_ROUTE_TO_DESTINATION", "timed_out", machine.id)
    assert "create-route" in answer["obstacle"]["remedy"] and gateway in answer["obstacle"]["remedy"]
    why.repair(answer)
    machine.until_ssh()
    why.passes(machine.id)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    old = [a for a in ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"][0]["Associations"] if a["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=old[0]["NetworkAclAssociationId"], NetworkAclId=acl)
    answer = why.stops("SUBNET_ACL_RESTRICTION", "timed_out", machine.id)
    assert answer["path"][-1]["way"] == "call" and "--ingress" in answer["obstacle"]["remedy"]
    why.repair(answer)
    answer = why.stops("SUBNET_ACL_RESTRICTION", "timed_out", machine.id)
    assert answer["path"][-1]["way"] == "answer" and "1024" in answer["obstacle"]["remedy"]
    why.repair(answer)
    why.passes(machine.id)


def test_from_one_machine_to_another(bench, why):
    closed = bench.group("closed", "tcp 22", egress=False)
    database = bench.group("database", "tcp 22")
    caller, called = bench.run(closed), bench.run(database)
    serve(called, 3306)
    line = f"{caller.id} -> {called.id}:3306"
    answer = why.stops("SG_HAS_NO_RULES", "timed_out", line)
    why.repair(answer)
    answer = why.stops("ENI_SG_RULES_MISMATCH", "timed_out", line)
    assert called.private in json.dumps(answer["path"]), "inside the VPC it is called by its private address"
    why.repair(answer)
    answer = why.passes(line)
    assert answer["probe"] == {"met": None, "agrees": True}
    # A login is looked at from there, too; what is tried is the way to its door.
    other = bench.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    bench.ec2.authorize_security_group_egress(GroupId=closed, IpPermissions=bench.permission("tcp 22"))
    why.stops("KEY_NOT_AUTHORIZED", "permission_denied", f"{caller.id} -> {called.id}", "-i", other)
    name = bench.ec2.describe_instances(InstanceIds=[called.id])["Reservations"][0]["Instances"][0]["PrivateDnsName"]
    why.passes(f"{caller.id} -> {name}:3306")
    why.stops("NAME_UNKNOWN", "unresolved", f"{name}:3306")


def test_what_people_read(bench, daemon, region):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    say = lambda *words: daemon.run("why", "--region", region, f"{machine.id}:3005", *words, check=False)
    english, korean = say(), say("--lang", "ko")
    assert english.returncode == korean.returncode == 1
    assert "connection timed out" in english.stdout and "aws ec2 authorize-security-group-ingress" in english.stdout, english
    assert "인바운드 규칙" in korean.stdout and "authorize-security-group-ingress" in korean.stdout, korean
    assert all(len(line) <= 80 for line in english.stdout.splitlines() if "aws ec2" not in line), english.stdout


def test_who_can_come_in(bench, daemon, region):
    inner = bench.group("inner", "tcp 22")
    group = bench.group("web", f"tcp 22 {bench.operator()}/32", "tcp 80", "tcp 3005", f"tcp 3306 {inner}")
    name = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "doors"}]}]
    machine, neighbour = bench.run(group, TagSpecifications=name), bench.run(inner)
    for port, address in ((80, "0.0.0.0"), (3306, "0.0.0.0"), (8080, "0.0.0.0"), (9000, "127.0.0.1")):
        serve(machine, port, address)
    ask = lambda *words: daemon.run("who", "doors", "--region", region, *words).stdout
    doors = {(door["protocol"], door["from_port"]): door for door in json.loads(ask("--output", "json"))["doors"]}
    seen = lambda port: (doors["tcp", port]["kind"], doors["tcp", port]["remark"], doors["tcp", port]["asks_for_key"])
    assert seen(22) == ("operator", None, True), doors
    assert seen(80) == ("public", None, False), doors
    assert seen(3306) == ("internal", None, False), doors
    assert [opening["instances"] for opening in doors["tcp", 3306]["open_to"]] == [[neighbour.id]], doors
    assert seen(3005) == ("public", "NOTHING_LISTENS", False), doors
    assert seen(8080) == ("nobody", "NOBODY_ALLOWED", False), doors
    assert seen(9000) == ("nobody", "LOOPBACK_ONLY", False), doors
    # What is said is what packets meet.
    assert [tcp(machine.public, port) for port in (80, 3005, 8080)] == ["open", "refused", "timeout"]
    assert neighbour.reach(machine.private, 3306) != neighbour.reach(machine.private, 8080)
    english, korean = ask(), ask("--lang", "ko")
    assert "everyone (0.0.0.0/0)" in english and "key pair" in english and "nothing listens" in english, english
    assert "모두 (0.0.0.0/0)" in korean, korean
