"""How many tasks each client was given, and how many it did: `target/clients.json`, written when the tests end."""

import json
from collections import defaultdict

from support.daemon import ROOT

_counted = defaultdict(lambda: {"run": 0, "passed": 0})


def count(client, well=True):
    """Another task of this client, and whether it did it well."""
    _counted[client]["run"] += 1
    _counted[client]["passed"] += bool(well)


def passed(client):
    """The task that was counted as failed before it was tried has passed."""
    _counted[client]["passed"] += 1


def task(client, call, *arguments, **options):
    """Gives the client this task; counted as failed if it ends with an exception."""
    count(client, False)
    answer = call(*arguments, **options)
    passed(client)
    return answer


def counted():
    """The figures so far, by client."""
    return {client: dict(figure) for client, figure in sorted(_counted.items())}


def write():
    """Writes down what was counted, if anything was."""
    if _counted:
        (ROOT / "target").mkdir(exist_ok=True)
        (ROOT / "target" / "clients.json").write_text(json.dumps(counted(), indent=2) + "\n")
