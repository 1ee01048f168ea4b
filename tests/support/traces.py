"""What a cloud has on the machine right now."""

import json
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
            name = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            groups = Path(f"/proc/{entry}/cgroup").read_text()
        except OSError:
            continue  # It ended while we looked.
        if any(word in name or word in groups for word in _OURS):
            yield f"{entry} {name} {groups.splitlines()[0] if groups else ''}"


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


def traces(daemon):
    """Namespaces, mounts, interfaces, firewall rules, control groups, processes, user ids and files, by kind.

    Of network objects only those of this cloud, whose tag they carry: another cloud may live beside it.
    """
    tag = json.loads((daemon.state_dir / "cloud.json").read_text())["tag"] if daemon.state_dir.exists() else None
    names = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
    namespaces = [name for name in names if tag is not None and name.startswith(str(tag))]
    inside = [None, *namespaces]
    mounts = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    near = [path for path in mounts if path.startswith(str(daemon.state_dir)) or Path(path).name in namespaces]
    return {
        "namespace": namespaces,
        "mount": sorted(near),
        "interface": sorted(link for name in inside for link in _veths(name)),
        "rule": sorted(rule for name in inside for rule in _tables(name)),
        "control group": sorted(_control_groups()),
        "process": sorted(_processes()),
        "file": sorted(_files(daemon.state_dir)),
        "user ids": sorted(Path("/etc/subuid").read_text().splitlines()) if os.path.exists("/etc/subuid") else [],
    }


def of_instance(daemon, instance_id):
    """What there is of one instance: everything that carries its name."""
    return {kind: named for kind, things in traces(daemon).items() if (named := [thing for thing in things if instance_id in thing])}


def more(before, after):
    """What is there now and was not before, by kind; processes and control groups of other clouds come and go."""
    found = {}
    for kind, now in after.items():
        known = set(before[kind])
        new = [thing for thing in now if thing not in known and kind not in ("control group", "process", "user ids")]
        if new:
            found[kind] = new
    return found
