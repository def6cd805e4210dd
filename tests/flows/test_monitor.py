"""The story of monitor: look, note, show, and tell the verdict to whoever listens."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flows.monitor as module
import flows.steps as steps
from radloop.records import Verdict
from radloop.registry import names


def report_of(verdict: Verdict) -> Any:
    pages = {name: Path(f"/reports/{name}.html") for name in ("summary", "drift", "bias", "index")}
    return SimpleNamespace(verdict=verdict, sentence="Half of the films come from a new vendor.", causes=[], **pages)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(steps, "emit_event", lambda **event: emitted.append(event))
    return emitted


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_is_an_event_of_its_own_name(story: Any, events: list[dict[str, Any]], verdict: Verdict) -> None:
    story.fake(module, look=report_of(verdict), note=None, show=None)
    module.monitor.fn("chest_pneumonia", date(2024, 7, 1), date(2024, 7, 31))
    assert story.told == ["look", "note", "show"]
    assert [event["event"] for event in events] == [f"radloop.verdict.{verdict.value}"]
    assert events[0]["resource"]["prefect.resource.id"] == "radloop.use-case.chest_pneumonia"
    assert events[0]["payload"]["use_case"] == "chest_pneumonia"


def test_the_page_links_every_report(story: Any, events: list[dict[str, Any]]) -> None:
    story.fake(module, look=report_of(Verdict.WATCH), note=None, show=None)
    module.monitor.fn("chest_pneumonia")
    for name in ("summary", "drift", "bias", "index"):
        assert f"(file:///reports/{name}.html)" in story.shown["verdict"]


def test_the_reports_know_the_commit_and_the_way_to_both_runs_and_to_the_data(
    story: Any, candidate: Any, tmp_path: Path
) -> None:
    settings = module.load_settings().model_copy(update={"home": tmp_path})
    docs = settings.reports / candidate.use_case / "data_docs" / "abc-01234567" / "index.html"
    known = {names.DVC_COMMIT: "c0ffee", names.FLOW_URL: "http://prefect/1", names.DATA_DOCS: docs.as_uri()}
    found = SimpleNamespace(links=lambda _: known, page=lambda run: f"http://mlflow/{run}")
    story.plain(module, Registry=lambda _: found, links=lambda: {"flow_url": "http://prefect/2"})
    candidate.dataset_md5 = "abc.dir"
    told = module.about(settings, candidate)
    assert (told["workspace_commit"], told["dataset"]) == ("c0ffee", "abc.dir")
    assert told["links"] == {
        "MLflow run": "http://mlflow/r",
        "Prefect run of the training": "http://prefect/1",
        "Prefect run": "http://prefect/2",
        "Data Docs": "../data_docs/abc-01234567/index.html",
    }


def test_no_month_named_means_the_calendar_month_before() -> None:
    assert module.last_month(date(2024, 3, 15)) == (date(2024, 2, 1), date(2024, 2, 29))
    assert module.last_month(date(2024, 1, 1)) == (date(2023, 12, 1), date(2023, 12, 31))


def test_a_verdict_reaches_the_ledger_once_where_mlflow_comes_back_late(
    story: Any, candidate: Any, tmp_path: Path
) -> None:
    from radloop.errors import ServiceUnavailable
    from radloop.ledger import Ledger
    from radloop.settings import Settings

    tries: list[str] = []

    class Registry:
        def __init__(self, _: Settings) -> None:
            self.ledger = Ledger(tmp_path / "ledger")

        def link(self, *_: str) -> None:
            tries.append("link")
            if len(tries) == 1:
                raise ServiceUnavailable("MLflow does not answer")

    story.plain(module, Registry=Registry, serving_version=lambda *_: candidate)
    window, report = module.Window(date(2024, 7, 1), date(2024, 7, 31), "July"), report_of(Verdict.HEALTHY)
    with pytest.raises(ServiceUnavailable):
        module.note.fn("chest_pneumonia", window, report)
    module.note.fn("chest_pneumonia", window, report)
    assert len(Ledger(tmp_path / "ledger").entries("verdict")) == 1
