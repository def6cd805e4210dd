"""The pages: complete, self-contained, private, safe to open."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from monitoring import MonitorReport, Window, monitor
from monitoring.reports.index import write_index
from radloop.params import UseCase
from radloop.records import Verdict

Months = Callable[..., pd.DataFrame]
ABOUT = {
    "model_version": "chest_pneumonia/3",
    "bundle": "ab" * 32,
    "workspace_commit": "c0ffee",
    "links": {
        "MLflow run": "http://127.0.0.1:5000/#/runs/1",
        "Data Docs": "../data_docs/d5/index.html",
        "evil": "javascript:alert(1)",
    },
}
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--dump-dom")
HOSTILE = "</script><script>alert('owned')</script>"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def march(case: UseCase, reference: pd.DataFrame, make_month: Months, shift: type, reports: Path) -> MonitorReport:
    """A shifted, partly labelled month whose scanners write hostile software names."""
    frame = make_month(2, shift=shift(vendor=0.5, older=12, labelled=0.8))
    frame["manufacturer"] = frame["manufacturer"].replace("Lumenor", "Simulated Lumenor")
    frame.loc[frame.index[:40], "software"] = HOSTILE
    window = Window(date(2026, 3, 1), date(2026, 3, 31), "March <b>2026</b>")
    return monitor(case, window, frame, reference, reports / case.name, ABOUT)


@pytest.fixture(scope="module")
def february(case: UseCase, reference: pd.DataFrame, make_month: Months, reports: Path) -> MonitorReport:
    """A quiet, unlabelled month."""
    window = Window(date(2026, 2, 1), date(2026, 2, 28), "February")
    return monitor(case, window, make_month(1), reference, reports / case.name, ABOUT)


def pages(report: MonitorReport) -> list[Path]:
    return sorted([*report.summary.parent.iterdir(), report.index])


def test_an_older_reference_without_a_statistic_gets_every_page(
    case: UseCase, reference: pd.DataFrame, make_month: Months, shift: type, tmp_path: Path
) -> None:
    window = Window(date(2026, 4, 1), date(2026, 4, 30), "April")
    older, frame = reference.drop(columns="image_inverted"), make_month(3, shift=shift(inverted=0.3))
    report = monitor(case, window, frame, older, tmp_path / case.name, ABOUT)
    assert report.verdict is Verdict.STOP
    assert "inverted films" in report.summary.read_text()
    assert len(pages(report)) == 7


def test_a_look_writes_every_page_below_six_megabytes(march: MonitorReport) -> None:
    names = {"summary.html", "drift.html", "drift.json", "bias.html", "bias.json", "monitor.json", "index.html"}
    assert {path.name for path in pages(march)} == names
    assert max(path.stat().st_size for path in pages(march)) < 6_000_000
    assert march.html == march.summary


def test_no_page_tells_any_id(march: MonitorReport, february: MonitorReport) -> None:
    for path in [*pages(march), *pages(february)]:
        text = path.read_text()
        assert "secret" not in text, path.name
        own = text if path.name != "drift.html" and path.name != "bias.html" else text[: text.index("var global")]
        assert not re.search(r"patient_id|study_id|record_id|prediction_id", own), path.name


def test_every_page_says_what_it_is_about(march: MonitorReport) -> None:
    for path in (march.summary, march.drift, march.bias):
        text = path.read_text()
        for part in ("SIMULATED", "2026-03-01", "chest_pneumonia/3", "400 images", "300", "stratified by day and site"):
            assert part in text, f"{part} in {path.name}"
        assert "abababababab" in text and "c0ffee" in text
        assert "http://127.0.0.1:5000/#/runs/1" in text and "../data_docs/d5/index.html" in text, path.name


def test_the_json_tells_the_verdict_and_names_the_vendor(march: MonitorReport) -> None:
    told = json.loads(march.json.read_text())
    assert told["verdict"] == str(march.verdict) == "retrain"
    assert told["causes"][0]["column"] == "manufacturer"
    assert told["causes"][0]["value"] == "Simulated Lumenor"
    assert {row["stream"]: row["moved"] for row in told["streams"]}["population"] is True
    assert told["performance"][0]["window"]["n"] > 200
    assert json.loads(march.drift.with_suffix(".json").read_text())["metrics"]


def test_values_and_names_from_files_cannot_run_in_a_browser(march: MonitorReport) -> None:
    for path in (march.summary, march.drift, march.bias, march.index):
        assert "alert('owned')" not in path.read_text()
        assert "<b>2026" not in path.read_text()
        assert 'href="javascript' not in path.read_text() and "(javascript:" not in path.read_text()


def test_our_own_pages_load_nothing_and_run_nothing(march: MonitorReport) -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.loads: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "iframe", "img", "link", "object"):
                self.loads.append(tag)

    for path in (march.summary, march.index):
        tags = Tags()
        tags.feed(path.read_text())
        assert tags.loads == []


def test_evidently_pages_carry_their_own_script(march: MonitorReport) -> None:
    for path in (march.drift, march.bias):
        assert not re.search(r"<(script|link)[^>]+(src|href)=", path.read_text())


def test_small_demographic_cells_are_not_told(case: UseCase, reference: pd.DataFrame, make_month: Months,
                                              shift: type, tmp_path: Path) -> None:  # fmt: skip
    frame = make_month(3, shift=shift(labelled=1.0))
    frame.loc[frame.index[:3], "sex"] = "O"
    window = Window(date(2026, 4, 1), date(2026, 4, 30), "April")
    report = monitor(case, window, frame, reference, tmp_path / case.name, {"model_version": "3"})
    told = json.loads(report.json.read_text())
    sexes = next(row for row in told["columns"] if row["column"] == "sex")["window"]
    assert sexes["O"] == "<10"
    cells = [row[key] for row in told["subgroups"] for key in ("rows", "n", "positives", "patients")]
    assert all(cell == "<10" or cell >= 10 for cell in cells)


def test_without_labels_the_bias_page_tells_answers_and_says_that_they_are_no_bias(february: MonitorReport) -> None:
    text = february.bias.read_text()
    assert "no bias by itself" in text
    assert "Performance where labels came" not in text


def test_the_index_lists_all_reports_newest_first(march: MonitorReport, february: MonitorReport) -> None:
    text = february.index.read_text()
    rows = text[text.index("newest first") :]
    assert rows.index("March") < rows.index("February")
    assert "↻ retrain" in rows
    assert "✓ healthy" in rows
    for address in re.findall(r'href="([^"]+)"', text):
        assert (february.index.parent / address).is_file(), address


def test_a_second_look_at_a_window_replaces_the_first(
    case: UseCase, reference: pd.DataFrame, make_month: Months, tmp_path: Path
) -> None:
    window = Window(date(2026, 3, 1), date(2026, 3, 31), "March")
    looks = [monitor(case, window, make_month(5).iloc[:0], reference, tmp_path / case.name, ABOUT) for _ in range(2)]
    assert looks[1].verdict is Verdict.WATCH
    assert looks[0].summary == looks[1].summary
    assert [folder.name for folder in (tmp_path / case.name).iterdir()] == ["2026-03-01_2026-03-31_march_v3"]


def test_the_index_survives_a_broken_report_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "chest_pneumonia" / "broken").mkdir(parents=True)
    (tmp_path / "chest_pneumonia" / "broken" / "monitor.json").write_text("{")
    assert "No report yet" in write_index(tmp_path).read_text()


@pytest.mark.browser
def test_a_browser_draws_every_page(march: MonitorReport, tmp_path: Path) -> None:
    for path, sign in ((march.drift, "SIMULATED"), (march.bias, "SIMULATED"), (march.summary, "Causes")):
        command = ["chromium", *FLAGS, path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        body = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL)
        assert sign in body, path.name
        for address in ("http://127.0.0.1:5000/#/runs/1", "../data_docs/d5/index.html"):
            assert f'href="{address}"' in body, path.name
