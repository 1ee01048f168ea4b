"""A daemon of our own: started, waited for, asked, killed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
ACCESS_KEY = "AKIATESTTESTTESTTEST"
SECRET_KEY = "a-secret-that-only-the-tests-know"


def program() -> Path:
    """The daemon's program; `cargo xtask test` says which."""
    path = Path(os.environ.get("DAEMUN", ROOT / "target" / "debug" / "daemun"))
    assert path.exists(), f"{path} is not built: cargo build -p daemun"
    return path


def wait_until(condition, seconds=10.0, what="the condition"):
    """The first true answer of `condition`, asked again and again; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s; last seen: {answer!r}")
        time.sleep(0.02)


class Daemon:
    """`daemun serve` on a state directory."""

    def __init__(self, state_dir, *, engine="simulated", image_dir=None, listen="127.0.0.1:0", arguments=(), environment=None, log=None):
        self.state_dir = Path(state_dir)
        self.engine = engine
        self.image_dir = image_dir
        self.listen = listen
        self.arguments = list(arguments)
        self.environment = {
            **os.environ,
            "DAEMUN_ACCESS_KEY_ID": ACCESS_KEY,
            "DAEMUN_SECRET_ACCESS_KEY": SECRET_KEY,
            **(environment or {}),
        }
        self.log = log or self.state_dir.parent / f"{self.state_dir.name}.log"
        self.process = None
        self.address = None

    def command_line(self):
        line = [program(), "serve", "--engine", self.engine, "--state-dir", self.state_dir, "--listen", self.listen]
        if self.image_dir is not None:
            line += ["--image-dir", self.image_dir]
        return [str(word) for word in line + self.arguments]

    def start(self, seconds=30):
        assert self.process is None or self.process.poll() is not None, "it runs already"
        with open(self.log, "ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(
                self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, start_new_session=True,
            )

        def ready():
            said = self.log.read_bytes()[start:].decode(errors="replace")
            for line in said.splitlines():
                if line.startswith("ready "):
                    return line.removeprefix("ready ").strip()
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{said[-3000:]}"
            return None

        self.address = wait_until(ready, seconds, "`ready`")
        assert self.address.startswith("http://"), self.address
        return self

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def end(self, number, seconds=30):
        """Sends this signal and waits for the end; gives the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(seconds)
        return status

    def terminate(self):
        return self.end(signal.SIGTERM)

    def kill(self):
        return self.end(signal.SIGKILL)

    def run(self, *arguments, check=True, timeout=60, **options):
        """Another command of the program, about this daemon."""
        line = [str(program()), *map(str, arguments), "--state-dir", str(self.state_dir)]
        if self.image_dir is not None:
            line += ["--image-dir", str(self.image_dir)]
        result = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            env={**self.environment, "LC_ALL": "C.UTF-8"}, **options,
        )
        if check:
            assert result.returncode == 0, f"{line} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}"
        return result

    def down(self):
        """Removes everything this daemon made, and ends it."""
        result = self.run("down", "--purge", "--yes", check=False, timeout=120)
        if self.process is not None:
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        return result

    def client(self, service="ec2", region="us-east-1", key=ACCESS_KEY, secret=SECRET_KEY, **config):
        """A boto3 client as its users have it, but that never tries a second time."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.address, aws_access_key_id=key, aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60, **config),
        )
