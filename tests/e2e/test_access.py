"""Who gets a shell, and who does not get so far."""

import subprocess
import threading

from support.machine import ssh_line, tcp


def test_the_right_key_is_a_shell_and_no_other_is(bench, tmp_path):
    machine = bench.run(bench.group("ssh", "tcp 22"))
    assert machine.out("whoami") == "admin"
    assert machine.out("sudo whoami") == "root"
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    for key in (other, None):
        refused = machine.ssh("true", key=key, check=False)
        assert refused.returncode == 255 and "Permission denied (publickey)" in refused.stderr, refused
    for user in ("root", "nobody"):
        refused = subprocess.run([*ssh_line(machine.public, machine.key, user=user), "whoami"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert refused.returncode != 0 and refused.stdout.strip() != user, user


def test_without_a_rule_ssh_times_out(bench):
    machine = bench.run(bench.group("shut"), wait=False).until("running")
    refused = machine.ssh("true", check=False, connect_timeout=2)
    assert refused.returncode == 255 and "timed out" in refused.stderr, refused


def test_a_rule_for_another_address_opens_nothing_and_one_for_ours_does(bench):
    group = bench.group("mine", "tcp 22 203.0.113.7/32")
    machine = bench.run(group, wait=False).until("running")
    assert tcp(machine.public, 22) == "timeout"
    bench.open(group, f"tcp 22 {bench.operator()}/32")
    machine.until_ssh()
    assert machine.out("hostname") == f"ip-{machine.private.replace('.', '-')}"


def test_every_instance_has_host_keys_of_its_own_and_nobody_s_key_but_ours(bench):
    first, second = bench.run(bench.group("ssh", "tcp 22"), count=2)
    scan = lambda machine: subprocess.run(["ssh-keyscan", "-t", "ed25519", machine.public], capture_output=True, text=True, check=True).stdout.split()[2]
    assert scan(first) != scan(second)
    keys = first.out("cat /home/admin/.ssh/authorized_keys").splitlines()
    assert len([key for key in keys if key and not key.startswith("#")]) == 1
    # What cloud-init may have written for root only says who to log in as, as on EC2.
    for line in first.out("sudo find /root/.ssh -type f 2>/dev/null | xargs -r sudo cat").splitlines():
        assert line.startswith("no-port-forwarding") and 'as the user \\"admin\\"' in line and "exit 142" in line, line
    assert first.out("sudo awk -F: '$2 !~ /^[!*]/ { print $1 }' /etc/shadow") == "", "no user has a password"
    assert first.out("cat /etc/machine-id") != second.out("cat /etc/machine-id")


def test_an_instance_is_confined(bench):
    machine = bench.run(bench.group("ssh", "tcp 22"), InstanceType="t3.nano")
    assert machine.out("cat /proc/self/uid_map").split()[1] != "0", "root inside is nobody outside"
    listing = machine.out("ls /sys/class/net")
    assert set(listing.split()) <= {"lo", "eth0", "ens5"}, listing
    assert machine.ssh("sudo sh -c 'echo 1 > /proc/sys/kernel/panic'", check=False).returncode != 0
    assert machine.ssh("sudo mknod /tmp/disk b 254 0 && sudo head -c1 /tmp/disk", check=False).returncode != 0
    # 512 MiB: asking for more ends whoever asks, not the machine.
    eat = machine.ssh("python3 -c 'x = bytearray(900 << 20)'", check=False, timeout=60)
    assert eat.returncode != 0
    assert machine.out("echo alive") == "alive"


def test_nobody_is_turned_away_while_cloud_init_works(bench):
    """SSH does not wait for cloud-init, which writes the same file that the key is in."""
    machine = bench.run(bench.group("ssh", "tcp 22"))
    attempts, done = [], threading.Event()

    def log_in():
        while not done.is_set():
            attempts.append(machine.ssh("true", check=False))

    workers = [threading.Thread(target=log_in) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        machine.ssh("cloud-init status --wait > /dev/null; true", timeout=120)
    finally:
        done.set()
        for worker in workers:
            worker.join()
    assert len(attempts) > len(workers)
    assert [attempt.stderr for attempt in attempts if attempt.returncode != 0] == []
    assert machine.out("cat ~/.ssh/authorized_keys").count("ssh-ed25519") == 1
