"""Packer's builder amazon-ebs, up to where it logs in: the machines of a simulated cloud have no SSH server."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import figures
from support.daemon import ACCESS_KEY, SECRET_KEY

TEMPLATE = Path(__file__).parent / "packer" / "shop.json"

# What it says of itself, in this order.
STEPS = [
    "Prevalidating any provided VPC information",
    "Prevalidating AMI Name",
    "Found Image ID",
    "Creating temporary keypair",
    "Creating temporary security group for this instance",
    "Authorizing access to port 9",
    "Launching a source AWS instance",
    "Instance ID",
    "Waiting for instance",
    "Using ssh communicator to connect",
    "Waiting for SSH to become available",
    "Timeout waiting for SSH",
    "Terminating the source AWS instance",
    "Cleaning up any extra volumes",
    "Deleting temporary security group",
    "Deleting temporary keypair",
]


@pytest.fixture
def packer(daemon, region, image, tmp_path):
    program = shutil.which("packer", path="/usr/bin:/usr/local/bin") or shutil.which("packer")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "CHECKPOINT_DISABLE": "1",
        "PACKER_CACHE_DIR": str(tmp_path / "cache"), "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    variables = {"endpoint": daemon.address, "region": region, "image": image}
    words = [word for name, value in variables.items() for word in ("-var", f"{name}={value}")]

    def call(*arguments):
        line = [program, "-machine-readable", *arguments, *words, TEMPLATE]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)

    return call


def said(output, kind):
    """What the machine-readable log says to its user: `time,builder,ui,KIND,text`."""
    lines = [line.split(",", 4) for line in output.splitlines()]
    return [line[4].replace("%!(PACKER_COMMA)", ",") for line in lines if line[2:4] == ["ui", kind]]


def test_the_template_is_valid(packer):
    done = packer("validate")
    figures.count("packer", done.returncode == 0)
    assert done.returncode == 0, done.stdout


def test_a_build_up_to_ssh_leaves_nothing(packer, ec2, image):
    done = packer("build")
    assert done.returncode == 1
    told = said(done.stdout, "say") + said(done.stdout, "message") + said(done.stdout, "error")
    missing = [step for step in STEPS if not any(step in line for line in told)]
    for step in STEPS:
        figures.count("packer", step not in missing)
    assert missing == [], done.stdout
    # In its order, and the one error is the one that cannot be otherwise.
    spoken = [line for line in said(done.stdout, "say") if any(step in line for step in STEPS)]
    order = [next(i for i, step in enumerate(STEPS) if step in line) for line in spoken]
    assert order == sorted(order), spoken
    errors = [line for line in said(done.stdout, "error") if "SSH" not in line]
    assert errors == [] or all("errored" in line or "didn't complete" in line for line in errors), errors
    # The machine was what the template asks for, and nothing of it is left.
    machines = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    assert [(i["State"]["Name"], i["ImageId"], i["InstanceType"]) for i in machines] == [("terminated", image, "t3.micro")]
    assert {"Key": "Name", "Value": "packer's machine"} in machines[0]["Tags"]
    assert ec2.describe_key_pairs()["KeyPairs"] == []
    assert [g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]] == ["default"]
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_images(Owners=["self"])["Images"] == []
