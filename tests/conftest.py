"""What all Python tests share."""

import itertools

import pytest

_regions = itertools.count(1)


@pytest.fixture
def region():
    """A region that no other test uses: a cloud of its own, for nothing."""
    return f"test-south-{next(_regions)}"


def pytest_collection_modifyitems(items):
    """A test that may be skipped is a test that may never run: `cargo xtask test` counts a skip as a failure."""
    for item in items:
        assert not list(item.iter_markers("skip")), f"{item.nodeid} is marked to be skipped"
