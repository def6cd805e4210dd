"""The page about outcome shows what runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from radloop.settings import PROJECT


def test_the_python_of_the_page_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (PROJECT / "docs" / "concepts" / "outcome.md").read_text()
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "outcome.md", "exec"), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.png", "hazards.png", "survival.png"]
    told = capsys.readouterr().out
    assert "c_uno 0." in told and "too few" not in told
    assert "True" in told and told.endswith("partial response partial response\n")
