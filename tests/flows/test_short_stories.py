"""The stories of ingest, validate, evaluate and infer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flows.evaluate
import flows.infer
import flows.ingest
import flows.validate
from radloop.errors import GateClosed
from radloop.settings import PROJECT, quiet_environment
from radloop.workspace import Snapshot


def test_ingest_admits_and_versions(story: Any, place: Any) -> None:
    snapshot = Snapshot("chest_pneumonia", "abc.dir", "c0", 3)
    story.plain(flows.ingest, workspace=lambda: place)
    story.fake(
        flows.ingest, open_workspace="c0", receive=("dicom_folder", "films"), admit="3 admitted", version=snapshot,
        release=0, show=None,
    )  # fmt: skip
    assert flows.ingest.ingest.fn("chest_pneumonia", "dicom_folder", "films") is snapshot
    assert story.told == ["open_workspace", "receive", "admit", "version", "release", "show"]


def test_a_spool_where_nothing_is_complete_is_no_failure_and_no_snapshot(story: Any, place: Any) -> None:
    story.plain(flows.ingest, workspace=lambda: place)
    story.fake(flows.ingest, open_workspace="c0", receive=None, admit=None, version=None, show=None)
    assert flows.ingest.ingest.fn("chest_pneumonia", "spool") is None
    assert story.told == ["open_workspace", "receive", "show"] and "no study" in story.shown["ingest"]


def test_studies_of_a_pacs_land_in_the_spool_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setenv("RADLOOP_HOME", str(tmp_path))
    monkeypatch.setattr(flows.ingest, "retrieve", lambda settings, address: asked.append(address))
    spool = ("spool", str(tmp_path / "spool"))
    assert flows.ingest.receive.fn("chest_pneumonia", "pacs", "http://pacs/dicom-web") == spool
    assert flows.ingest.receive.fn("chest_pneumonia", "spool", None) is None
    monkeypatch.setattr(flows.ingest, "is_anything_complete", lambda settings: True)
    assert flows.ingest.receive.fn("chest_pneumonia", "spool", None) == spool
    assert asked == ["http://pacs/dicom-web"]


def test_the_split_waits_for_the_gate_of_validate(story: Any, place: Any) -> None:
    made = place.stage("chest_pneumonia", "validate") / "data_docs"
    made.mkdir(parents=True)
    (made / "index.html").write_text("<h1>Data Docs</h1>")
    flow = {"flow_url": "http://127.0.0.1:4200/runs/flow-run/1"}
    story.plain(flows.validate, workspace=lambda: place, links=lambda: flow)
    story.fake(flows.validate, open_workspace="c0", reproduce=True, require=None, show=None)
    flows.validate.validate.fn("chest_pneumonia")
    [kept] = (place.settings.reports / "chest_pneumonia" / "data_docs").glob("abc-*/index.html")
    assert kept.as_uri() in story.shown["data-docs"] and "commit `c0`" in story.shown["data-docs"]
    assert flow["flow_url"] in kept.read_text() and "<code>c0</code>" in kept.read_text()
    assert story.told == [
        "open_workspace", "reproduce validate", "show", "require validate", "reproduce split", "require split",
    ]  # fmt: skip
    story.told.clear()
    story.fake(flows.validate, require=GateClosed("the validate gate is closed."))
    with pytest.raises(GateClosed):
        flows.validate.validate.fn("chest_pneumonia")
    assert story.told == ["open_workspace", "reproduce validate", "show", "require validate"]


def test_a_new_judgement_is_written_down_before_its_gate_is_kept(story: Any, place: Any) -> None:
    story.plain(flows.evaluate, workspace=lambda: place, origin=lambda *_: "origin")
    story.fake(
        flows.evaluate, open_workspace="c0", reproduce=True, commit_run="c1", write_down="run r", show=None,
        require=GateClosed("the evaluate gate is closed."),
    )  # fmt: skip
    with pytest.raises(GateClosed):
        flows.evaluate.evaluate.fn("chest_pneumonia")
    assert story.told == [
        "open_workspace", "reproduce package", "reproduce predict", "reproduce evaluate", "commit_run", "write_down",
        "show", "require evaluate",
    ]  # fmt: skip


def test_infer_scores_and_then_seals(story: Any) -> None:
    report = SimpleNamespace(scored=3, already=1, rejected=SimpleNamespace(total=lambda: 2))
    story.fake(flows.infer, score=report, seal=1, show=None)
    assert flows.infer.infer.fn("chest_pneumonia", "films") is report
    assert story.told == ["score", "seal", "show"]
    assert "3 scored, 1 before, 2 refused" in story.shown["infer"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_case"], "unknown use case 'no_such_case'; known: chest_pneumonia"),
        (["chest_pneumonia", "colour=blue"], "validate knows no parameter 'colour'"),
    ],
)
def test_a_flow_started_by_hand_with_a_wrong_word_ends_at_once_with_one_clear_line(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.validate", *arguments], cwd=PROJECT, text=True, capture_output=True,
        env=quiet_environment(RADLOOP_HOME=str(tmp_path), PREFECT_HOME=str(tmp_path / "prefect")), check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Next:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "workspace").exists()
