"""A network of our own, with no way out: nothing of a test reaches the host's network."""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys

from support.daemon import wait_until
from support.machine import ECHO

CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(descriptor)


class Isolated:
    """While entered, this thread, the threads and the programs that it starts are in the namespace."""

    def __init__(self, name):
        self.name = name
        self.home = None

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        # Of this thread alone: the namespace of the process stays what it was.
        self.home = f"/proc/self/fd/{os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)}"
        try:
            _enter(f"/run/netns/{self.name}")
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        _enter(self.home)
        os.close(int(self.home.rsplit("/", 1)[1]))
        subprocess.run(["ip", "netns", "del", self.name], check=True)


# Documentation addresses (RFC 5737) on a link of two namespaces: no packet leaves the machine.
INTERNET = "203.0.113.1"
OUR_SIDE = "203.0.113.2"


@contextlib.contextmanager
def internet(port):
    """A host beyond the operator's machine: TCP on this port of 203.0.113.1 tells whom it sees."""
    name = f"daemun-test-out-{os.getpid()}"
    ip = lambda *words: subprocess.run(["ip", *words], check=True)
    ip("netns", "add", name)
    try:
        ip("link", "add", "out", "type", "veth", "peer", "name", "in", "netns", name)
        ip("address", "add", f"{OUR_SIDE}/24", "dev", "out")
        ip("link", "set", "out", "up")
        ip("-n", name, "address", "add", f"{INTERNET}/24", "dev", "in")
        ip("-n", name, "link", "set", "in", "up")
        ip("route", "add", "default", "via", INTERNET)
        line = ["nsenter", f"--net=/run/netns/{name}", sys.executable, "-c", ECHO, "tcp", str(port)]
        server = subprocess.Popen(line)
        try:
            wait_until(lambda: _listens(port), 10, "the host outside")
            yield
        finally:
            server.kill()
            server.wait()
    finally:
        # The link, and with it the route, goes with the namespace.
        ip("netns", "del", name)


def _listens(port):
    try:
        socket.create_connection((INTERNET, port), 1).close()
        return True
    except OSError:
        return False
