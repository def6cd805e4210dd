"""The bench of workers compares equal arrivals; at this size its figures mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.bench import workers
from radloop.bench.workers import SYNTAXES, time_workers


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_same_slices_arrive_with_and_without_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    monkeypatch.setattr(workers, "SIDE", 32)
    monkeypatch.setattr(workers, "KINDS", 2)
    found = time_workers(tmp_path / "slices", syntax, files=3, turns=1)
    assert found.files == 3 and min(found.none, found.one, found.two) > 0
    assert found.goal.startswith("at least 1.7") or syntax == "uncompressed"
