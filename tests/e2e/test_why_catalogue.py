"""The classic mistakes, alone and in pairs: `daemun why` names the first one in the way, what it says removes it, the next
one comes to light, and at last the call gets through. Each time a real connection is held against the explanation."""

import itertools

import pytest

from e2e.test_why import Asker, rules, serve

PORT = 3005


@pytest.fixture
def why(bench, daemon, region):
    return Asker(bench, daemon, region, wait=1)


class Mistake:
    """Something to plant. `place` is where on the way it is met; `mends`: whether the command that is told removes it."""

    def __init__(self, name, place, code, error, plant, undo, mends=True):
        self.name, self.place, self.code, self.error = name, place, code, error
        self.plant, self.undo, self.mends = plant, undo, mends


def of_the_machine(machine):
    """What goes wrong inside."""
    chain = "table inet own { chain input { type filter hook input priority 0; policy accept; %s }; }"
    unit = f"web-{PORT}"
    stop = lambda: machine.ssh(f"sudo systemctl stop {unit} 2>/dev/null; sudo systemctl reset-failed {unit} 2>/dev/null; true")

    def serve_on(address):
        stop()
        serve(machine, PORT, address)

    def crash():
        stop()
        machine.ssh(f"sudo systemd-run --quiet --unit={unit} sh -c 'exit 1'; true")

    def elsewhere():
        machine.ssh("sudo ip address add 10.55.0.1/32 dev lo 2>/dev/null; true")
        serve_on("10.55.0.1")

    right = lambda: serve_on("0.0.0.0")
    filter_off = lambda: rules(machine, "delete table inet own")
    return [
        Mistake("filter drops", 4, "GUEST_FIREWALL", "timed_out", lambda: rules(machine, chain % f"tcp dport {PORT} drop;"), filter_off, False),
        Mistake("filter rejects", 4, "GUEST_FIREWALL", "refused", lambda: rules(machine, chain % f"tcp dport 3000-3010 reject with tcp reset;"), filter_off, False),
        Mistake("filter lets ssh in alone", 4, "GUEST_FIREWALL", "timed_out",
                lambda: rules(machine, chain.replace("accept", "drop") % "ct state established,related accept; iifname lo accept; tcp dport 22 accept;"), filter_off, False),
        Mistake("nothing listens", 5, "NOTHING_LISTENS", "refused", stop, right, False),
        Mistake("crashed", 5, "NOTHING_LISTENS", "refused", crash, right, False),
        Mistake("loopback", 5, "LISTENS_ON_LOOPBACK_ONLY", "refused", lambda: serve_on("127.0.0.1"), right, False),
        Mistake("another address", 5, "LISTENS_ELSEWHERE", "refused", elsewhere, right, False),
    ]


def of_the_group(bench, group, peer):
    """Rules that are not there, or are for something else."""
    right = f"tcp {PORT}"

    def instead(rule):
        bench.close(group, right)
        if rule:
            bench.open(group, rule)

    def undo(rule):
        if rule:
            bench.close(group, rule)
        open_now = bench.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        for permission in open_now:
            if permission.get("FromPort") == PORT:
                permission = {key: value for key, value in permission.items() if value or key in ("FromPort", "ToPort")}
                bench.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
        bench.open(group, right)

    wrong = {"no rule": None, "another address": f"tcp {PORT} 203.0.113.7/32", "udp alone": f"udp {PORT}", "the port beside": f"tcp {PORT - 1}", "another group": f"tcp {PORT} {peer}"}
    return [
        Mistake(name, 2, "ENI_SG_RULES_MISMATCH", "timed_out", lambda rule=rule: instead(rule), lambda rule=rule: undo(rule))
        for name, rule in wrong.items()
    ]


def of_the_list(bench, acl):
    """A network ACL that denies the way in, the way out, or answers to some ports."""
    entry = lambda egress, number, action, ports=(0, 65535): bench.ec2.create_network_acl_entry(
        NetworkAclId=acl, Egress=egress, RuleNumber=number, Protocol="6", PortRange={"From": ports[0], "To": ports[1]},
        CidrBlock="0.0.0.0/0", RuleAction=action,
    )

    def undo():
        for it in bench.ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]:
            if it["RuleNumber"] not in (200, 32767):
                bench.ec2.delete_network_acl_entry(NetworkAclId=acl, Egress=it["Egress"], RuleNumber=it["RuleNumber"])

    denied = ("SUBNET_ACL_RESTRICTION", "timed_out")
    return [
        Mistake("list denies the port", 1, *denied, lambda: entry(False, 100, "deny", (PORT, PORT)), undo),
        Mistake("list denies ephemeral ports", 3, *denied, lambda: entry(True, 110, "deny", (1024, 65535)), undo),
    ]


def meets(why, mistakes, *words):
    """Plants them, and walks from one to the next until the call gets through."""
    left = sorted(mistakes, key=lambda mistake: mistake.place)
    # The network's last: those of the machine are planted by ssh.
    for mistake in reversed(left):
        mistake.plant()
    try:
        for mistake in left:
            answer = why.stops(mistake.code, mistake.error, *words)
            if mistake.mends:
                why.repair(answer)
            else:
                mistake.undo()
        why.passes(*words)
    except AssertionError as error:
        raise AssertionError([mistake.name for mistake in mistakes]) from error
    finally:
        for mistake in mistakes:
            if mistake.mends:
                mistake.undo()
    return 1


def pairs(mistakes):
    """Every two that are met at different places."""
    return [pair for pair in itertools.combinations(mistakes, 2) if pair[0].place != pair[1].place]


def test_from_outside_alone_and_in_pairs(bench, why):
    group, other = bench.group("web", "tcp 22", f"tcp {PORT}"), bench.group("other")
    machine = bench.run(group)
    serve(machine, PORT)
    ec2 = bench.ec2
    subnet = machine.describe()["SubnetId"]
    acl = ec2.create_network_acl(VpcId=machine.describe()["VpcId"])["NetworkAcl"]["NetworkAclId"]
    for egress in (False, True):
        ec2.create_network_acl_entry(NetworkAclId=acl, Egress=egress, RuleNumber=200, Protocol="-1", CidrBlock="0.0.0.0/0", RuleAction="allow")
    lists = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    own = next(it for it in lists[0]["Associations"] if it["SubnetId"] == subnet)
    ec2.replace_network_acl_association(AssociationId=own["NetworkAclAssociationId"], NetworkAclId=acl)
    mistakes = of_the_machine(machine) + of_the_group(bench, group, other) + of_the_list(bench, acl)
    words = (f"{machine.id}:{PORT}",)
    why.passes(*words)
    count = sum(meets(why, [mistake], *words) for mistake in mistakes)
    # Of each kind one, with each of another kind.
    kinds = [next(mistake for mistake in mistakes if mistake.place == place) for place in (1, 2, 3, 4, 5)]
    count += sum(meets(why, pair, *words) for pair in pairs(kinds))
    count += meets(why, kinds, *words)
    assert count == 14 + 10 + 1


def test_from_a_neighbour_alone_and_in_pairs(bench, why):
    callers = bench.group("callers", "tcp 22")
    group, other = bench.group("web", "tcp 22", f"tcp {PORT}"), bench.group("other")
    caller, machine = bench.run(callers), bench.run(group)
    serve(machine, PORT)
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    another = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]

    def shut(instead):
        bench.ec2.revoke_security_group_egress(GroupId=callers, IpPermissions=everything)
        if instead:
            bench.ec2.authorize_security_group_egress(GroupId=callers, IpPermissions=instead)

    def reopen():
        now = bench.ec2.describe_security_groups(GroupIds=[callers])["SecurityGroups"][0]["IpPermissionsEgress"]
        for permission in now:
            permission = {key: value for key, value in permission.items() if value}
            bench.ec2.revoke_security_group_egress(GroupId=callers, IpPermissions=[permission])
        bench.ec2.authorize_security_group_egress(GroupId=callers, IpPermissions=everything)

    out = [
        Mistake("nothing goes out", 1, "SG_HAS_NO_RULES", "timed_out", lambda: shut(None), reopen),
        Mistake("another port goes out", 1, "ENI_SG_RULES_MISMATCH", "timed_out", lambda: shut(another), reopen),
    ]
    inside, rule = of_the_machine(machine), of_the_group(bench, group, other)
    words = (f"{caller.id} -> {machine.id}:{PORT}",)
    why.passes(*words)
    count = sum(meets(why, [mistake], *words) for mistake in out + rule + inside)
    kinds = [out[0], rule[0], inside[0], inside[5]]
    count += sum(meets(why, pair, *words) for pair in pairs(kinds))
    assert count == 14 + 6


def test_logins_alone_and_behind_a_shut_door(bench, why, tmp_path):
    group = bench.group("ssh", "tcp 22")
    machine = bench.run(group)
    keys = "/home/admin/.ssh/authorized_keys"
    root = lambda command: machine.ssh(f"sudo sh -c '{command}'")
    right = ("-i", bench.key)
    why.passes(machine.id, *right)
    wrong = tmp_path / "wrong"
    wrong.write_text(bench.ec2.create_key_pair(KeyName="wrong", KeyType="ed25519")["KeyMaterial"])
    wrong.chmod(0o400)
    rsa = tmp_path / "rsa"
    rsa.write_text(bench.ec2.create_key_pair(KeyName="rsa", KeyType="rsa")["KeyMaterial"])
    rsa.chmod(0o400)
    denied = lambda code, *words: why.stops(code, "permission_denied", machine.id, *words)
    cases = 0
    for key in (wrong, rsa):
        denied("KEY_NOT_AUTHORIZED", "-i", key)
        cases += 1
    for user in ("ubuntu", "ec2-user"):
        denied("NO_SUCH_USER", "-i", bench.key, "--user", user)
        cases += 1
    for mode in (0o640, 0o604, 0o660):
        bench.key.chmod(mode)
        why.repair(denied("KEY_FILE_TOO_OPEN", *right))
        why.passes(machine.id, *right)
        cases += 1
    # One session stays open: the way back in.
    with machine.session() as session:
        assert session.echoes()
        for path, bad, good in (("/home/admin", "0777", "0755"), ("/home/admin/.ssh", "0707", "0700"), (keys, "0666", "0600")):
            root(f"(sleep 8; chmod {good} {path}) >/dev/null 2>&1 & chmod {bad} {path}")
            denied("KEYS_WRITABLE_BY_OTHERS", *right)
            cases += 1
            machine.until_ssh()
            _until_passes(why, machine, right)
    # Two locks, one behind the other.
    bench.close(group, "tcp 22")
    answer = why.stops("SG_HAS_NO_RULES", "timed_out", machine.id, "-i", wrong)
    why.repair(answer)
    denied("KEY_NOT_AUTHORIZED", "-i", wrong)
    assert cases + 1 == 11


def _until_passes(why, machine, words):
    from support.daemon import wait_until

    # Without a real login, which might meet the moment in between.
    wait_until(lambda: why.ask(machine.id, *words, "--no-probe")["reachable"], 30, "the keys are trusted again")
