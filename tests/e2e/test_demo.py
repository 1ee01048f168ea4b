"""The story that `daemun demo` tells, on real machines."""

import json
import re

import pytest

from support import real


@pytest.fixture(scope="module")
def cloud(network):
    """A cloud of its own, beside the other one: the demo begins with an empty one."""
    with real.place() as folder, real.cloud(folder / "state", arguments=["--public-pool", "198.19.0.0/16"]) as started:
        yield started


def test_the_story_in_english_passes_step_by_step(cloud):
    told = cloud.run("demo", "--lang", "en", timeout=600)
    for number in range(1, 12):
        assert re.search(rf"(?m)^\W*(Step )?{number}\b", told.stdout), f"step {number} in:\n{told.stdout}"
    for shown in ("aws ec2 create-key-pair", "aws ec2 authorize-security-group-ingress", "Permission denied (publickey)", "3005", "3004", "443"):
        assert shown in told.stdout, shown
    assert not re.search("[가-힣]", told.stdout)


def test_the_story_in_korean_can_be_told_again(cloud):
    told = cloud.run("demo", "--lang", "ko", timeout=600)
    assert len(re.findall("[가-힣]", told.stdout)) > 500
    assert "Permission denied (publickey)" in told.stdout


def test_the_story_as_data(cloud):
    told = json.loads(cloud.run("demo", "--output", "json", timeout=600).stdout)
    assert told["ok"] is True and len(told["steps"]) == 11


def test_the_key_is_for_its_owner_alone(cloud):
    keys = list(cloud.state_dir.rglob("*.pem"))
    assert keys and all(key.stat().st_mode & 0o777 == 0o400 for key in keys)


def test_a_demo_without_a_daemon_says_so(network, tmp_path):
    from support.daemon import Daemon

    told = Daemon(tmp_path / "state").run("demo", "--lang", "en", check=False)
    assert told.returncode != 0 and "serve" in told.stderr + told.stdout
