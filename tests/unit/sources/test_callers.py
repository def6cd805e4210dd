"""Who may send is one line of settings."""

from __future__ import annotations

import pytest

from radloop.errors import ConfigurationError
from radloop.sources.callers import Caller, parse_callers


def test_callers_are_titles_with_or_without_a_place() -> None:
    assert parse_callers("") == {}
    assert parse_callers(" CT1, MR ROOM 2 ,PACS@10.0.0.5:104,ARCHIVE@[::1]:11112,") == {
        "CT1": Caller("CT1"), "MR ROOM 2": Caller("MR ROOM 2"), "PACS": Caller("PACS", "10.0.0.5", 104),
        "ARCHIVE": Caller("ARCHIVE", "::1", 11112),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["A" * 17, "PACS@host", "PACS@:104", "@host:104", "CT\\1", "PACS@host:port"])
def test_what_is_no_caller_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RADLOOP_DICOM_CALLERS"):
        parse_callers(f"CT1, {text}")
