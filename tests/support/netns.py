"""A network of our own, with no way out: nothing of a test reaches the host's network."""

import ctypes
import os
import subprocess

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
