"""The daemon as a program: what outlives it, and what keeps it from starting."""

import os
import signal
import socket
import stat
import subprocess
import threading

import pytest

from support.daemon import Daemon
from support.errors import everything


@pytest.fixture
def own(tmp_path):
    """A daemon of this test's own."""
    daemon = Daemon(tmp_path / "state").start()
    yield daemon
    if daemon.process.poll() is None:
        daemon.kill()


def known(daemon):
    return everything(daemon.client())


def fill(daemon):
    ec2 = daemon.client()
    ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
    group = ec2.create_security_group(GroupName="web", Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ids = [i["InstanceId"] for i in ec2.run_instances(ImageId=image, MinCount=3, MaxCount=3, KeyName="mine", SecurityGroupIds=[group])["Instances"]]
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    ec2.allocate_address()
    ec2.create_tags(Resources=ids[:1], Tags=[{"Key": "Name", "Value": "web"}])
    return ids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_restart_forgets_nothing(own, number):
    fill(own)
    before = known(own)
    status = own.end(number)
    assert status == (-number if number == signal.SIGKILL else 0)
    own.start()
    assert known(own) == before


def test_an_answered_write_is_on_disk(own):
    for round_number in range(5):
        ec2 = own.client()
        made = [ec2.create_security_group(GroupName=f"g{round_number}-{n}", Description="x")["GroupId"] for n in range(3)]
        own.kill()
        own.start()
        found = {g["GroupId"] for g in own.client().describe_security_groups()["SecurityGroups"]}
        assert set(made) <= found


def test_a_kill_under_load_loses_no_answered_write(own):
    answered, stop = [], threading.Event()

    def write(worker):
        ec2 = own.client()
        number = 0
        while not stop.is_set():
            try:
                made = ec2.create_security_group(GroupName=f"w{worker}-{number}", Description="x")
            except Exception:  # The daemon was killed, which ends the connection in whatever way it ends.
                return
            answered.append(made["GroupId"])
            number += 1

    workers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    while len(answered) < 40:
        assert any(worker.is_alive() for worker in workers)
    own.kill()
    stop.set()
    for worker in workers:
        worker.join(30)
    own.start()
    groups = own.client().describe_security_groups()["SecurityGroups"]
    assert set(answered) <= {g["GroupId"] for g in groups}
    assert len({g["GroupName"] for g in groups}) == len(groups)


def test_a_client_token_is_remembered_over_a_restart(own):
    ec2 = own.client()
    image = ec2.describe_images()["Images"][0]["ImageId"]
    launch = lambda: own.client().run_instances(ImageId=image, MinCount=1, MaxCount=1, ClientToken="once")["Instances"][0]["InstanceId"]
    first = launch()
    own.kill()
    own.start()
    assert launch() == first


def refused_start(daemon, *more):
    result = subprocess.run(daemon.command_line() + list(more), env=daemon.environment, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert result.returncode != 0
    assert "panicked" not in result.stderr
    return result.stderr


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused_start(Daemon(tmp_path / "state", listen=f"127.0.0.1:{port}"))
    assert str(port) in said


def test_a_second_daemon_on_the_same_state_is_refused_and_the_first_goes_on(own):
    said = refused_start(Daemon(own.state_dir))
    assert str(own.state_dir) in said
    assert own.client().describe_vpcs()["Vpcs"]


def test_a_state_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    assert str(tmp_path / "file") in refused_start(Daemon(tmp_path / "file"))


def test_a_ledger_that_is_broken_is_not_taken_for_an_empty_one(own):
    fill(own)
    own.terminate()
    ledger = own.state_dir / "state.redb"
    assert ledger.stat().st_size > 0
    ledger.write_bytes(b"\xff" * ledger.stat().st_size)
    assert str(ledger.name) in refused_start(own) or str(own.state_dir) in refused_start(own)


def test_the_root_key_is_made_once_and_for_its_owner_alone(tmp_path):
    environment = {"DAEMUN_ACCESS_KEY_ID": "", "DAEMUN_SECRET_ACCESS_KEY": ""}
    daemon = Daemon(tmp_path / "state", environment=environment)
    for name in environment:
        del daemon.environment[name]
    daemon.start()
    try:
        path = daemon.state_dir / "credentials"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines = dict(line.split(" = ") for line in path.read_text().splitlines() if " = " in line)
        lines = lines or dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        key, secret = lines["aws_access_key_id"].strip(), lines["aws_secret_access_key"].strip()
        assert key.startswith("AKIA") and len(key) == 20 and len(secret) == 40
        assert daemon.client(key=key, secret=secret).describe_vpcs()["Vpcs"]
        exports = daemon.run("env").stdout
        assert f"AWS_ACCESS_KEY_ID={key}" in exports.replace('"', "").replace("'", "") and daemon.address in exports
        shell = subprocess.run(["sh", "-c", f"{exports}\nprintf %s \"$AWS_SECRET_ACCESS_KEY\""], capture_output=True, text=True, check=True)
        assert shell.stdout == secret
        daemon.terminate()
        daemon.start()
        assert daemon.client(key=key, secret=secret).describe_vpcs()["Vpcs"]
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def test_status_tells_whether_it_answers(own):
    assert own.run("status").returncode == 0
    own.terminate()
    gone = own.run("status", check=False)
    assert gone.returncode != 0 and gone.stderr + gone.stdout


def test_the_state_is_for_its_owner_alone(own):
    for path in [own.state_dir, *own.state_dir.rglob("*")]:
        assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), path
    assert os.stat(own.state_dir / "credentials").st_mode & 0o077 == 0


def test_ready_is_all_that_standard_output_says(tmp_path):
    process = subprocess.Popen(
        Daemon(tmp_path / "state").command_line(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:") and line.endswith("\n")
        process.terminate()
        assert process.stdout.read() == ""
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
