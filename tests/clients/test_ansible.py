"""Ansible's modules for EC2: a playbook that ran changes nothing when it runs again."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import figures
from support.daemon import ACCESS_KEY, ROOT, SECRET_KEY

PLAYBOOKS = Path(__file__).parent / "ansible"
# A virtual environment of its own, for it brings very much: tests/clients/requirements-ansible.txt.
PROGRAMS = Path(os.environ.get("DAEMUN_ANSIBLE", ROOT / "target" / "venv-ansible")) / "bin"


def environment(daemon, region, folder):
    """What Ansible's programs are told of this daemon."""
    assert (PROGRAMS / "ansible-playbook").exists(), f"{PROGRAMS} has no Ansible: `cargo xtask test` installs it"
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": region,
        "AWS_URL": daemon.address, "AWS_ENDPOINT_URL": daemon.address,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_PYTHON_INTERPRETER": str(PROGRAMS / "python"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "ANSIBLE_PIPELINING": "true", "PUBLIC_KEY": f"{key}.pub",
    }


def play(playbook, told, **more):
    """Runs a playbook; gives what each of its tasks said, by name."""
    done = subprocess.run(
        [PROGRAMS / "ansible-playbook", PLAYBOOKS / playbook], env={**told, **more},
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
    )
    assert done.stdout.startswith("{"), f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    tasks = {}
    for task in json.loads(done.stdout)["plays"][0]["tasks"]:
        result = task["hosts"]["localhost"]
        if not result.get("skipped"):
            tasks[task["task"]["name"]] = result
    bad = {name: json.dumps(result)[:3000] for name, result in tasks.items() if result.get("failed")}
    for name in tasks:
        figures.count("ansible", name not in bad)
    assert done.returncode == 0 and not bad, bad or done.stdout[-2000:]
    return tasks


def story(what, told):
    """A playbook runs, runs again, and all that it made goes."""
    first = play(f"{what}.yml", told)
    again = play(f"{what}.yml", told, AGAIN="yes")
    gone = play(f"{what}_absent.yml", told)
    return first, again, gone


def test_a_playbook_changes_nothing_the_second_time(daemon, tmp_path):
    least = {"network": 26, "machines": 23}
    with ThreadPoolExecutor() as both:
        running = {}
        for number, what in enumerate(least, 1):
            (tmp_path / what).mkdir()
            running[what] = both.submit(story, what, environment(daemon, f"test-west-{number}", tmp_path / what))
    stories = {what: future.result() for what, future in running.items()}
    for what, (first, again, gone) in stories.items():
        assert len(first) >= least[what] and len(again) >= least[what] - 2, what
        assert len([name for name, result in first.items() if result["changed"]]) >= 8, what
        assert [name for name, result in again.items() if result["changed"]] == [], what
        unchanged = [name for name, result in gone.items() if name.split()[-1] in ("go", "goes") and not result["changed"]]
        assert unchanged == [], what


def test_the_inventory_of_machines(daemon, region, run, tmp_path, ec2):
    told = environment(daemon, region, tmp_path)
    front, back = run(2)
    ec2.create_tags(Resources=[front["InstanceId"]], Tags=[{"Key": "Name", "Value": "front"}, {"Key": "role", "Value": "web"}])
    ec2.create_tags(Resources=[back["InstanceId"]], Tags=[{"Key": "Name", "Value": "back"}, {"Key": "role", "Value": "db"}])
    inventory = tmp_path / "shop.aws_ec2.yml"
    inventory.write_text(
        f"plugin: amazon.aws.aws_ec2\nregions: [{region}]\n"
        "hostnames: [tag:Name]\nkeyed_groups: [{key: tags.role, prefix: role}]\n"
        "filters: {instance-state-name: running}\ncompose: {ansible_host: public_ip_address}\n"
    )
    line = [PROGRAMS / "ansible-inventory", "-i", inventory, "--list"]
    done = subprocess.run(line, env=told, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    right = listed["role_web"]["hosts"] == ["front"] and listed["role_db"]["hosts"] == ["back"]
    figures.count("ansible", right)
    assert right, listed
    described = {i["InstanceId"]: i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    assert listed["_meta"]["hostvars"]["front"]["ansible_host"] == described[front["InstanceId"]]["PublicIpAddress"]
