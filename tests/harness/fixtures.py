"""What system and fault tests start from."""

import pytest

from venus import Venus


@pytest.fixture
def venus():
    made = Venus()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared():
    """One daemon for all tests of a file that only run notebooks of their own."""
    made = Venus()
    yield made
    made.close()
