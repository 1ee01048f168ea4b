"""What a cloud has on the machine right now."""

import os
import subprocess
from pathlib import Path

# What `ps` and the control groups call what is ours.
_OURS = ("daemun", "lxc")


def _control_groups():
    for folder, children, _ in os.walk("/sys/fs/cgroup"):
        for child in children:
            path = os.path.join(folder, child)
            if any(word in path for word in _OURS):
                yield path


def _processes():
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            name = Path(f"/proc/{entry}/comm").read_text().strip()
            groups = Path(f"/proc/{entry}/cgroup").read_text()
        except OSError:
            continue  # It ended while we looked.
        if any(word in name or word in groups for word in _OURS):
            yield f"{entry} {name}"


def _veths(namespace=None):
    line = ["ip", "-o", "link"] if namespace is None else ["ip", "-n", namespace, "-o", "link"]
    listed = subprocess.run(line, capture_output=True, text=True)
    for link in listed.stdout.splitlines():
        yield f"{namespace or 'here'} {link.split(': ')[1].split('@')[0]}"


def _tables(namespace=None):
    """Every object of every table: chains, sets, maps and what is in them."""
    line = ["nft", "list", "ruleset"]
    if namespace is not None:
        line = ["nsenter", f"--net=/run/netns/{namespace}", *line]
    listed = subprocess.run(line, capture_output=True, text=True)
    for rule in listed.stdout.splitlines():
        # Counters count, which is no trace.
        yield f"{namespace or 'here'} {' '.join(w for w in rule.split() if not w.isdigit())}"


def _files(folder):
    for path in Path(folder).rglob("*"):
        yield str(path.relative_to(folder))


def traces(state_dir):
    """Namespaces, mounts, interfaces, firewall rules, control groups, processes and files, by kind."""
    namespaces = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
    inside = [None, *(name for name in namespaces if any(word in name for word in _OURS))]
    mounts = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return {
        "namespace": sorted(namespaces),
        "mount": sorted(mounts),
        "interface": sorted(link for name in inside for link in _veths(name)),
        "rule": sorted(rule for name in inside for rule in _tables(name)),
        "control group": sorted(_control_groups()),
        "process": sorted(_processes()),
        "file": sorted(_files(state_dir)),
        "user ids": sorted(Path("/etc/subuid").read_text().splitlines()) if os.path.exists("/etc/subuid") else [],
    }


def more(before, after):
    """What is there now and was not before, by kind."""
    found = {}
    for kind, now in after.items():
        new = [thing for thing in now if thing not in set(before[kind])]
        if new:
            found[kind] = new
    return found
