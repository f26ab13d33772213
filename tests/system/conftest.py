import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))

from fixtures import shared, venus  # noqa: E402, F401
from venus import Venus, wait_for  # noqa: E402

BASE = """//! # Base
#[venus::cell]
pub fn base() -> i64 { println!("said by base"); 41 }

#[venus::cell]
pub fn next(base: &i64) -> i64 { base + 1 }
"""


@pytest.fixture(scope="session")
def seed():
    """A cache that holds the compiled runtime crate and a run of BASE, for homes that begin with a copy of it."""
    made = Venus()
    made.ok(made.write(BASE))
    made.stop()
    wait_for(lambda: not (made.home / "h" / "venusd.sock").exists(), what="daemon stopped")
    yield made.home / "h" / "cache"
    made.close()


@pytest.fixture
def warm(seed):
    """A home of the test's own that need not compile the runtime crate."""
    made = Venus(cache=seed)
    yield made
    made.close()
