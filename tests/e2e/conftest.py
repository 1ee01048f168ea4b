"""One cloud of real machines for all end-to-end tests, in a network of its own; a region for each test."""

import pytest

from support import real


@pytest.fixture(scope="session", autouse=True)
def network():
    with real.isolated() as namespace:
        yield namespace


@pytest.fixture(scope="session")
def daemon(network):
    with real.place() as folder, real.cloud(folder / "state", arguments=["--flow-log-interval", "2"]) as started:
        yield started


@pytest.fixture
def bench(daemon, region, tmp_path):
    made = real.Bench(daemon, region, tmp_path)
    yield made
    made.end()
