"""Kept Data Docs stay what they were, and say who learned from the data that they judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.data_docs import keep_data_docs, sign_data_docs
from radloop.errors import ConfigurationError


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Pages as the stage validate leaves them."""
    return judged(tmp_path / "validate" / "data_docs", "all is well")


def judged(folder: Path, said: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(f'<h1>Data Docs</h1><a href="rows.html">rows</a><p>{said}</p>')
    (folder / "rows.html").write_text(said)
    return folder


def test_an_earlier_snapshot_s_pages_outlive_the_next_snapshot(made: Path, tmp_path: Path) -> None:
    first = keep_data_docs(made, tmp_path / "reports", "aa.dir")
    judged(made, "ten rows are broken")
    second = keep_data_docs(made, tmp_path / "reports", "bb.dir")
    assert first != second and first.parent.name.startswith("aa-")
    assert "all is well" in first.read_text() and "all is well" in first.with_name("rows.html").read_text()
    assert "ten rows are broken" in second.read_text() and "<code>bb.dir</code>" in second.read_text()


def test_other_rules_on_the_same_snapshot_are_other_pages(made: Path, tmp_path: Path) -> None:
    first = keep_data_docs(made, tmp_path / "reports", "aa.dir")
    judged(made, "under a stricter rule")
    assert keep_data_docs(made, tmp_path / "reports", "aa.dir") != first
    assert "stricter" not in first.read_text()


def test_every_run_that_learned_from_the_data_is_linked_once_in_its_order(made: Path, tmp_path: Path) -> None:
    index = keep_data_docs(made, tmp_path / "reports", "aa.dir")
    for commit in ("c0ffee", "decade", "c0ffee"):
        again = keep_data_docs(made, tmp_path / "reports", "aa.dir")
        sign_data_docs(again, "trained on", commit, {"MLflow run": f"http://mlflow/?a=1&b={commit}", "Prefect run": ""})
    text = index.read_text()
    assert text.count("<li>") == 2 and text.index("c0ffee") < text.index("decade")
    assert '<a href="http://mlflow/?a=1&amp;b=c0ffee">MLflow run</a>' in text
    assert "Prefect run" not in text and "all is well" in text


def test_nothing_in_a_link_can_end_it(made: Path, tmp_path: Path) -> None:
    index = keep_data_docs(made, tmp_path / "reports", "aa.dir")
    sign_data_docs(index, "trained on", "c0", {"run": 'http://x/"><script>'})
    assert "<script" not in index.read_text()


def test_without_pages_the_next_step_is_to_validate(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no Data Docs") as refusal:
        keep_data_docs(tmp_path / "validate" / "data_docs", tmp_path / "reports", "aa.dir")
    assert "validate" in refusal.value.next_step
