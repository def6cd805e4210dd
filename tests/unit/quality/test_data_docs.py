from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from radloop.params import UseCase
from radloop.quality.data_docs import write_data_docs
from radloop.quality.expectations import judge, schema_rules
from radloop.quality.facts import with_facts
from radloop.quality.rules import Rule, row_rules

WHEN = datetime(2026, 2, 1, tzinfo=UTC)


class Links(HTMLParser):
    """Collects what a page links to or loads, and its visible words."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


CATALOG_ONLY = {
    "record_id", "patient_id", "instance_uid", "patients_of_instance", "patients_of_study", "sexes_of_patient",
    "age", "sex", "view", "modality", "body_part", "age_disagreement",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(case: UseCase, catalog: Callable[..., pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the same rows, written twice, in `a` and `b`; every telling column has a fault."""
    frame = catalog(
        {"patient_id": "PATIENTSECRET", "study_id": "STUDYSECRET", "age": 412.0, "sex": "SEXSECRET"},
        {"patient_id": "OTHERSECRET", "study_id": "STUDYSECRET", "view": "VIEWSECRET", "instance_uid": "UIDSECRET"},
        {"record_id": "RECORDSECRET", "patient_id": "PATIENTSECRET", "sex": "M", "instance_uid": "UIDSECRET"},
        {"record_id": "RECORDSECRET", "body_part": "PARTSECRET", "modality": "MODALITYSECRET"},
    )
    rules = tuple(rule for rule in row_rules(case) if rule.column in CATALOG_ONLY)
    where = tmp_path_factory.mktemp("docs")
    for name in ("a", "b"):
        judgements = {
            "schema": judge(frame, "schema", schema_rules(), WHEN),
            "rows": judge(with_facts(frame), "rows", rules, WHEN),
        }
        write_data_docs(where / name, "Data Docs: a case", judgements)
    return where


def pages(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.html")}


def test_no_page_holds_an_id_or_a_value_of_a_row(folder: Path) -> None:
    written = pages(folder / "a")
    assert set(written) == {"index.html", "schema.html", "rows.html"}
    assert [name for name, page in written.items() if "SECRET" in page or "412" in page] == []


def test_a_page_tells_the_rules_and_how_many_rows_break_them(folder: Path) -> None:
    written = pages(folder / "a")
    reader = Links()
    reader.feed(written["rows.html"])
    text = " ".join(" ".join(reader.words).split())
    assert "values must be greater than or equal to 0.0 and less than or equal to 120.0" in text
    assert "1 unexpected values found" in text
    assert "<td>age_out_of_range</td>" in written["index.html"]


def test_the_index_begins_with_what_is_broken_and_folds_what_holds(folder: Path) -> None:
    index = pages(folder / "a")["index.html"]
    before, folded = index.split("<details>")
    assert "<td>age_out_of_range</td>" in before and 'class="holds"' not in before
    assert "<td>columns</td>" in folded and 'class="broken"' not in folded


def test_pages_load_nothing_from_elsewhere_and_link_to_each_other(folder: Path) -> None:
    written = pages(folder / "a")
    for page in written.values():
        reader = Links()
        reader.feed(page)
        assert {target for target in reader.targets if not target.startswith("#")} <= set(written)
        assert "<script" not in page and "http" not in page


def test_equal_data_give_equal_pages(folder: Path) -> None:
    assert pages(folder / "a") == pages(folder / "b")


def test_a_page_begins_with_what_is_broken_and_never_calls_a_warning_so(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [412.0, 50.0], "tilt": [0.0, 90.0]})
    rules = (
        Rule("too_old", "ExpectColumnValuesToBeBetween", "age", {"max_value": 120}),
        Rule("tilted", "ExpectColumnValuesToBeBetween", "tilt", {"max_value": 12}, "warn"),
        Rule("far_too_tilted", "ExpectColumnValuesToBeBetween", "tilt", {"max_value": 120}, "stop"),
    )
    write_data_docs(tmp_path, "Data Docs", {"films": judge(frame, "films", rules, WHEN, "films")})
    reader = Links()
    reader.feed((tmp_path / "films.html").read_text())
    words = " ".join(" ".join(reader.words).split())
    head, details = words.split("All rules")
    assert "2 films judged by 3 rules" in head
    assert "too_old quarantine broken 1 of 2 films films tilted warn warns 1 of 2 films" in head
    assert "tilted warn warns values must" in details and "far_too_tilted stop holds values must" in details
    assert "too_old quarantine broken values must" in details
    assert details.count("broken") == 1 and "Status: Failed" not in words


def test_the_index_tells_the_age_of_the_data_and_what_was_seen_of_the_whole(tmp_path: Path) -> None:
    rules = (Rule("enough", "ExpectColumnSumToBeBetween", "accepted", {"min_value": 100}, "stop"),)
    write_data_docs(
        tmp_path, "Docs", {"all": judge(pd.DataFrame({"accepted": [1, 1]}), "all", rules, WHEN, "arrivals")}
    )
    index = (tmp_path / "index.html").read_text()
    assert "admitted on 01 February 2026 at 00:00 UTC" in index
    assert '<td class="broken">broken</td><td>seen: 2</td>' in index


def test_a_rule_that_nothing_was_told_about_is_not_said_to_hold(tmp_path: Path) -> None:
    rules = (
        Rule("too_old", "ExpectColumnValuesToBeBetween", "age", {"max_value": 120}),
        Rule("unreadable", "ExpectColumnValuesToBeNull", "refusal"),
    )
    frame = pd.DataFrame({"age": [float("nan")] * 2, "refusal": [None, None]})
    write_data_docs(tmp_path, "Docs", {"rows": judge(frame, "rows", rules, WHEN)})
    index = (tmp_path / "index.html").read_text()
    assert '<td>too_old</td><td>quarantine</td><td class="untold">untold</td>' in index
    assert '<td>unreadable</td><td>quarantine</td><td class="holds">holds</td>' in index
    reader = Links()
    reader.feed((tmp_path / "rows.html").read_text())
    assert "too_old quarantine untold values must" in " ".join(" ".join(reader.words).split())


def test_a_suite_that_holds_says_so(tmp_path: Path) -> None:
    rules = (Rule("too_old", "ExpectColumnValuesToBeBetween", "age", {"max_value": 120}),)
    write_data_docs(tmp_path, "Data Docs", {"rows": judge(pd.DataFrame({"age": [50.0]}), "rows", rules, WHEN)})
    assert '<p class="holds">Every rule holds.</p>' in (tmp_path / "rows.html").read_text()
