"""The self-test passes on the real path, and fails where something is left, lost or mixed up."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

from radloop.commands.selftest import app
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.strip import strip
from radloop.sections.intake import Deidentify
from radloop.selftest.duties import duty
from radloop.selftest.generate import KEY, PLANTED, generate, needles_of
from radloop.selftest.judging import Judged, judge, judge_refused
from radloop.selftest.key import CATEGORIES, Action, read_key
from radloop.selftest.patients import plant_patient
from radloop.selftest.report import write_page
from radloop.selftest.running import FAILURES, REPORT, run_selftest
from radloop.selftest.scoring import settle
from radloop.selftest.traces import Needles, search


def test_the_ordinary_path_does_what_the_key_asks_and_leaves_no_planted_string(tmp_path: Path) -> None:
    done = run_selftest(tmp_path / "test", 12, 3, Deidentify(), 1)
    assert [(one.action.path, one.action.category, one.observed) for one in done.score.failures()] == []
    assert {one.action.category for one in done.score.judged} == set(CATEGORIES)
    assert done.traces == {} and done.searched > 1 and done.passed
    assert (tmp_path / "test" / FAILURES).read_text() == ""
    assert "Passed: 100.000%" in (tmp_path / "test" / REPORT).read_text()


def test_the_page_names_an_attribute_by_its_keyword_and_shows_one_failure_of_thousands() -> None:
    deep = Action(1, "f", "00400275.1/00400007", "text_removed", "Zorvex")
    text = Action(1, "f", "7fe00010", "pixels_hidden", "6,9,146,59")
    done = [Judged(Action(n % 9, "f", "00100010", "text_removed", "a"), True, "") for n in range(9998)]
    score = settle([*done, Judged(deep, False, "Zorvex"), Judged(text, False, "")])
    page = write_page(score, {}, {"patients": 9, "seed": 1, "files": 1, "searched": 1}, Deidentify())
    assert "RequestAttributesSequence[1] › ScheduledProcedureStepDescription <code>(0040,0007)</code>" in page
    assert "text in columns 6 to 146, rows 9 to 59" in page
    assert "99.980% (" in page and "default 512" in page


def test_equal_seeds_plant_equal_bytes_and_other_seeds_other_people() -> None:
    first, again, other = (list(plant_patient(seed, 4, Deidentify())) for seed in (1, 1, 2))
    assert first == again
    assert {file for file, _, _ in first}.isdisjoint({file for file, _, _ in other})


def test_ultrasound_that_tells_its_region_is_cleaned_of_the_name_beside_it() -> None:
    cleaning = Deidentify(clean_pixel_data="clean")
    content, asked = next((c, a) for _, c, a in plant_patient(1, 4, cleaning) if any(_asks_to_hide(one) for one in a))
    stored = strip(content, Pseudonyms(b"a key that only this test knows....", Profile(cleaning))).content
    hidden = [one for one in judge(stored, asked) if _asks_to_hide(one.action)]
    assert [(one.right, one.how) for one in hidden] == [(True, "cleaned")]


def _asks_to_hide(action: Action) -> bool:
    return action.category == "pixels_hidden"


def test_nothing_done_scores_badly_in_every_category_of_removal() -> None:
    judged = [one for _, content, asked in plant_patient(1, 1, Deidentify()) for one in judge(content, asked)]
    score = settle(judged)
    seen = [one.right for one in score.of("text_removed")]
    assert sum(map(bool, seen)) < 0.05 * len(seen)  # what hides in an unknown tag's bytes is left to the search
    for category in ("date_shifted", "uid_changed", "uid_consistent", "patid_consistent"):
        assert not any(one.right for one in score.of(category)), category
    assert all(one.right for one in score.of("text_notnull"))


def test_text_in_pixels_is_seen_and_a_blank_box_counts_as_hidden() -> None:
    _, content, asked = next(one for one in plant_patient(1, 4, Deidentify()) if one[0].split("/IM")[1][:5] == "00002")
    [written] = [action for action in asked if action.category == "pixels_hidden"]
    film = pydicom.dcmread(io.BytesIO(content))
    [seen] = judge(_bytes(film), [written])
    film.PixelData = bytes(len(film.PixelData))
    [blank] = judge(_bytes(film), [written])
    assert (seen.right, blank.right) == (False, True)


def test_a_refused_film_without_text_loses_all_that_had_to_be_kept() -> None:
    kept, text = (
        Action(1, "f", "00180060", "text_retained", "120", "120"),
        Action(1, "f", "7fe00010", "pixels_hidden", ""),
    )
    assert [one.right for one in judge_refused("reason", [kept])] == [False]
    assert [one.action for one in judge_refused("reason", [kept, text])] == [text]


@pytest.mark.parametrize("observed", [("a", "a"), ("a", "")])
def test_two_people_of_one_pseudonym_and_one_without_any_are_failures(observed: tuple[str, str]) -> None:
    people = [Judged(Action(n, "f", "00100020", "patid_consistent", f"M{n}"), None, observed[n]) for n in (0, 1)]
    assert not settle(people).judged[1].right


def test_one_date_that_moves_by_other_days_than_its_patient_s_others_is_a_failure() -> None:
    asked = Action(1, "f", "00080020", "date_shifted", "20191104")
    days = ["20191028", "20191028", "20191021", "20191104", ""]
    assert [one.right for one in settle([Judged(asked, None, day) for day in days]).judged] == [
        True,
        True,
        *3 * [False],
    ]


def test_the_duty_of_an_attribute_follows_the_table_and_the_knobs() -> None:
    usual = Deidentify()
    assert duty(0x00100010, usual) == "remove" and duty(0x00080018, usual) == "uid"
    assert duty(0x00100040, usual) == "keep" and duty(0x00081030, usual) == "clean"
    assert duty(0x00100040, usual.model_copy(update={"retain_patient_characteristics": False})) == "remove"
    assert duty(0x00180060, usual) == "unnamed"


def test_the_search_finds_the_originals_themselves(tmp_path: Path) -> None:
    actions = generate(tmp_path, 6, 1, Deidentify(), 1, lambda _: None)
    words = needles_of(range(6), 1, actions)
    _, found = search(tmp_path / PLANTED, Needles(words))
    assert len(found) == len({action.file for action in actions})
    assert set().union(*found.values()) >= {word for word in words if word.startswith("MRN")}
    assert read_key(tmp_path / KEY) == actions


def test_the_command_tells_the_share_and_its_exit_code_is_the_verdict(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["deidentification", "--patients", "6", "--seed", "5", "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    assert "100.0000% (asked: 99.9%), 0 planted strings" in done.output


def test_a_string_that_was_found_fails_a_perfect_score(tmp_path: Path) -> None:
    done = run_selftest(tmp_path / "test", 6, 2, Deidentify(), 1)
    assert done.passed and not replace(done, traces={"a file": {"a name"}}).passed


def _bytes(film: pydicom.Dataset) -> bytes:
    stream = io.BytesIO()
    film.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
