"""The bench of many frames admits what it has made; at this size its figures mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.bench import frames
from radloop.errors import RadloopError


def test_every_kind_is_admitted_and_surveyed_plain_and_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "KINDS", {"small": ("CT", frames.EnhancedCTImageStorage, (4, 300, 280))})
    found = list(frames.time_frames(tmp_path))
    assert [(one.frames, one.compressed, one.decoded_mib) for one in found] == [(4, False, 0.6), (4, True, 0.6)]
    assert all(one.admit_seconds > 0 and one.survey_seconds > 0 and one.survey_mib >= 0 for one in found)


def test_an_object_that_is_not_admitted_ends_the_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "KINDS", {"none": ("CT", "1.2.3", (2, 300, 280))})
    with pytest.raises(RadloopError, match="not admitted"):
        list(frames.time_frames(tmp_path))
