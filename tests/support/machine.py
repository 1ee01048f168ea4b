"""Instances looked at from outside, with real packets."""

import select
import shlex
import socket
import struct
import subprocess
import time

from support.daemon import wait_until

USER = "admin"

# Answers on one TCP or UDP port with the address of whoever asks, and notes every UDP packet that comes. `tcp6` is TCP
# over IPv6 alone.
ECHO = '''
import socket, sys, threading
kind, port = sys.argv[1], int(sys.argv[2])
if kind == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", port))
    while True:
        data, peer = s.recvfrom(2048)
        open(f"/tmp/udp-{port}", "a").write(f"{peer[0]} {data!r}\\n")
        s.sendto(peer[0].encode(), peer)
def serve(c, peer):
    c.sendall(peer[0].encode() + b"\\n")
    while data := c.recv(2048):
        c.sendall(data)
any, family = ("::", socket.AF_INET6) if kind == "tcp6" else ("0.0.0.0", socket.AF_INET)
s = socket.create_server((any, port), family=family, backlog=128)
while True:
    c, peer = s.accept()
    threading.Thread(target=serve, args=(c, peer), daemon=True).start()
'''


def ssh_line(address, key=None, user=USER, connect_timeout=5):
    options = {
        "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "GlobalKnownHostsFile": "/dev/null", "LogLevel": "ERROR",
        "BatchMode": "yes", "IdentitiesOnly": "yes", "IdentityAgent": "none", "ConnectTimeout": str(connect_timeout),
        "ServerAliveInterval": "5",
    }
    line = ["ssh", "-F", "/dev/null"]
    for name, value in options.items():
        line += ["-o", f"{name}={value}"]
    line += ["-i", str(key)] if key else ["-o", "IdentityFile=none"]
    return [*line, f"{user}@{address}"]


def tcp(address, port, timeout=1.5):
    """`open`, `refused` or `timeout`."""
    try:
        with socket.create_connection((address, port), timeout):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "timeout"


def tcp_seen_as(address, port, timeout=3):
    """The address that an echo server sees us as."""
    with socket.create_connection((address, port), timeout) as connection:
        return connection.makefile().readline().strip()


def udp(address, port, timeout=1.5):
    """The answer of an echo server, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((address, port))
        try:
            sock.send(b"hello")
            return sock.recv(2048).decode()
        except (TimeoutError, ConnectionRefusedError):
            return None


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ping(address, timeout=1.5):
    """Whether an echo request is answered."""
    identifier = time.monotonic_ns() & 0xFFFF
    packet = lambda checksum: struct.pack("!BBHHH", 8, 0, checksum, identifier, 1) + b"daemun!!"
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.sendto(packet(_checksum(packet(0))), (address, 0))
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                answer, (sender, _) = sock.recvfrom(2048)
                header = (answer[0] & 15) * 4
                kind, _, _, answered, _ = struct.unpack("!BBHHH", answer[header : header + 8])
                if (sender, kind, answered) == (address, 0, identifier):
                    return True
    return False


def soon(ask, answer, seconds=2.0):
    """Waits until `ask` gives this answer: a rule is in force a moment after the call that made it was answered."""
    wait_until(lambda: ask() == answer, seconds, f"{answer!r}")
    return True


class Machine:
    """One instance and the key to it."""

    def __init__(self, ec2, instance_id, key):
        self.ec2 = ec2
        self.id = instance_id
        self.key = key
        self.bastion = None

    def describe(self):
        return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    @property
    def state(self):
        return self.describe()["State"]["Name"]

    @property
    def public(self):
        return self.describe().get("PublicIpAddress")

    @property
    def private(self):
        return self.describe().get("PrivateIpAddress")

    @property
    def ipv6(self):
        """The IPv6 addresses of its primary interface, as EC2 tells of them."""
        return [own["Ipv6Address"] for own in self.describe()["NetworkInterfaces"][0]["Ipv6Addresses"]]

    def until(self, state, seconds=60):
        wait_until(lambda: self.state == state, seconds, f"{self.id} {state} (it is {self.state})")
        return self

    def until_ssh(self, seconds=40):
        """Waits until its sshd greets."""

        def greeted():
            try:
                with socket.create_connection((self.public, 22), 2) as connection:
                    return connection.recv(64).startswith(b"SSH-2.0-")
            except OSError:
                return False

        self.until("running")
        wait_until(greeted, seconds, f"sshd on {self.id}")
        return self

    def behind(self, bastion):
        """Itself, reached by way of a bastion, at its private address."""
        self.bastion = bastion
        return self

    def ssh(self, command, check=True, timeout=60, text=None, **options):
        key = options.pop("key", self.key)
        if self.bastion is None:
            line = ssh_line(self.public, key, **options)
        else:
            through = shlex.join([*ssh_line(self.bastion.public, key, **options), "-W", "%h:%p"])
            line = ssh_line(self.private, key, **options)
            line[1:1] = ["-o", f"ProxyCommand={through}"]
        line = [*line, command]
        result = subprocess.run(line, input="" if text is None else text, capture_output=True, text=True, timeout=timeout)
        if check:
            assert result.returncode == 0, f"{command!r} on {self.id} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}"
        return result

    def out(self, command, **options):
        return self.ssh(command, **options).stdout.strip()

    def sudo_python(self, source, *arguments, **options):
        """Runs Python as root on the instance; gives what it printed."""
        line = shlex.join(["sudo", "python3", "-", *map(str, arguments)])
        return self.ssh(line, text=source, **options).stdout.strip()

    def serve(self, kind, port):
        """Runs an echo server there."""
        self.ssh("cat > /tmp/echo.py", text=ECHO)
        self.ssh(f"sudo systemd-run --quiet --unit=echo-{kind}-{port} python3 /tmp/echo.py {kind} {port}")
        listing = f"grep -q ':{port:04X} ' /proc/net/{kind}"
        wait_until(lambda: self.ssh(listing, check=False).returncode == 0, 15, f"{kind} {port} on {self.id}")
        return self

    def reach(self, address, port, timeout=2):
        """Whether TCP from this instance to there is `open`, `refused` or `timeout`."""
        source = (
            "import socket, sys\n"
            "try:\n"
            f"    socket.create_connection((sys.argv[1], int(sys.argv[2])), {timeout}).close(); print('open')\n"
            "except ConnectionRefusedError: print('refused')\n"
            "except TimeoutError: print('timeout')\n"
            "except OSError as error: print(error)\n"
        )
        return self.ssh(f"python3 - {address} {port}", text=source).stdout.strip()

    def session(self):
        """A shell session that stays open: what is written to it comes back."""
        return Session([*ssh_line(self.public, self.key), "cat"])


class Session:
    """An SSH session with `cat` at its other end."""

    def __init__(self, line):
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.count = 0

    def echoes(self, timeout=10):
        """Whether a new line comes back."""
        self.count += 1
        line = f"line {self.count}\n".encode()
        try:
            self.process.stdin.write(line)
        except BrokenPipeError:
            return False
        got = b""
        deadline = time.monotonic() + timeout
        while not got.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
            if select.select([self.process.stdout], [], [], left)[0]:
                part = self.process.stdout.read(100)
                if not part:
                    return False
                got += part
        return got == line

    def __enter__(self):
        assert self.echoes(20), "the session did not begin"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
