"""Faults break daemons, so each test has one of its own, in a network apart."""

import pytest

from support import real


@pytest.fixture(scope="session", autouse=True)
def network():
    with real.isolated() as namespace:
        yield namespace


@pytest.fixture
def place(network):
    with real.place() as folder:
        yield folder


@pytest.fixture
def daemon(place):
    with real.cloud(place / "state") as started:
        yield started


@pytest.fixture
def bench(daemon, tmp_path):
    made = real.Bench(daemon, "us-east-1", tmp_path)
    yield made
    made.end()
