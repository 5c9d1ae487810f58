"""What the tests of the kernel share."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

from lstmkit.recurrence.library import load_library

ON_ARM = platform.machine() in ("aarch64", "arm64", "ARM64")


@pytest.fixture(params=["neon", "portable"] if ON_ARM else ["avx512", "avx2", "portable"])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    library, why_not = load_library()
    assert library is not None, why_not
    if request.param not in library.lstmkit_targets().decode().split():
        pytest.skip(f"this machine has no {request.param}")
    before = library.lstmkit_target()
    assert library.lstmkit_use_target(request.param.encode()) == 0
    yield request.param
    library.lstmkit_use_target(before)
