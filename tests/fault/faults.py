"""Fixtures of the tests of this folder, and what they ask after each fault."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))

from venus import Venus  # noqa: E402


@pytest.fixture
def venus():
    made = Venus()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared():
    """One daemon for all tests of a file."""
    made = Venus()
    yield made
    made.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
