"""The story that `daemun demo` tells, on real machines."""

import json
import re
import shutil
import subprocess
import time

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


class Typist:
    """Types commands of a story that was told before, with the ids and addresses that come back now."""

    KINDS = (r"sg-[0-9a-f]{17}", r"\bi-[0-9a-f]{17}", r"198\.19\.\d+\.\d+")

    def __init__(self, cloud):
        self.prelude = cloud.run("env").stdout
        self.now = {}

    def learn(self, before, after):
        """Pairs what the story showed with what came back: the first of each kind that is new in both."""
        for kind in self.KINDS:
            old, new = re.search(kind, before), re.search(kind, after)
            if old and new and old.group() != new.group():
                self.now.setdefault(old.group(), new.group())

    def translate(self, text):
        for old, new in self.now.items():
            text = text.replace(old, new)
        return text

    def type(self, act):
        shown = "\n".join(act["result"])
        expected = int((re.search(r"\(exit (\d+)\)", shown) or [0, 0])[1])
        line = self.translate(act["command"])
        typed = None
        # A service that was just started may need a moment; a refusal that is expected needs none.
        for _ in range(1 if expected else 20):
            typed = subprocess.run(
                ["bash", "-c", f"{self.prelude}\n{line}"], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
            )
            if typed.returncode == expected or "curl" not in line:
                break
            time.sleep(0.25)
        assert typed.returncode == expected, f"{line}\nexit {typed.returncode}, not {expected}\n{typed.stdout}\n{typed.stderr}"
        self.learn(shown, typed.stdout)


def test_every_command_shown_can_be_typed(cloud):
    told = json.loads(cloud.run("demo", "--output", "json", timeout=600).stdout)
    demo_dir, kept = cloud.state_dir / "demo", cloud.state_dir / "demo-kept"
    shutil.copytree(demo_dir, kept)
    cloud.run("demo", "--clean-up", timeout=120)
    # What the demo writes between its commands, and says that it does: the options of ssh, and the repository.
    shutil.rmtree(demo_dir, ignore_errors=True)
    shutil.copytree(kept, demo_dir, ignore=shutil.ignore_patterns("*.pem", "known_hosts"))
    typist = Typist(cloud)
    for step in told["steps"]:
        for act in step["commands"]:
            typist.type(act)
            for config in demo_dir.glob("ssh_config"):
                config.write_text(typist.translate(config.read_text()))
    assert len(typist.now) == 3, typist.now
