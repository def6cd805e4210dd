"""What the command line does beside calling one room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radloop import running
from radloop.errors import ConfigurationError, GateClosed, ServiceUnavailable
from radloop.settings import PROJECT, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, project=PROJECT)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would have been run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        return type("Done", (), {"returncode": 7})

    monkeypatch.setattr(running.subprocess, "run", run)
    return commands


def test_without_a_worker_a_flow_runs_here_and_its_exit_code_is_ours(
    settings: Settings, started: list[list[str]]
) -> None:
    assert running.start_flow(settings, "validate", "chest_pneumonia", [], True) == 7
    assert started[0][1:] == ["-m", "flows.validate", "chest_pneumonia"]


def test_with_a_worker_a_flow_is_a_deployment(
    settings: Settings, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "running", lambda _: ["prefect", "worker"])
    monkeypatch.setattr(running, "require_health", lambda *_: None)
    running.start_flow(settings, "infer", "chest_pneumonia", ["folder=/films", "received_on=2024-07-01"], False)
    assert started[0][1:] == [
        "-m", "prefect", "deployment", "run", "infer/infer", "-p", 'use_case="chest_pneumonia"', "-p",
        'folder="/films"', "-p", 'received_on="2024-07-01"',
    ]  # fmt: skip


def test_a_worker_whose_server_died_is_told_with_the_next_step(
    settings: Settings, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "running", lambda _: ["worker"])
    lonely = settings.model_copy(update={"prefect_port": 9})
    with pytest.raises(ServiceUnavailable, match=r"prefect at http://127.*:9 does not answer") as refusal:
        running.start_flow(lonely, "validate", "chest_pneumonia", [], True)
    assert "radloop up" in refusal.value.next_step and not started


@pytest.mark.parametrize(
    ("flow", "use_case", "parameters", "said"),
    [
        ("fly", "chest_pneumonia", [], "unknown flow 'fly'; known: ingest"),
        ("train", "knee", [], "unknown use case 'knee'; known: chest_pneumonia"),
        ("train", "chest_pneumonia", ["fast"], "parameter 'fast' is not key=value"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_starts(
    settings: Settings, started: list[list[str]], flow: str, use_case: str, parameters: list[str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        running.start_flow(settings, flow, use_case, parameters, True)
    assert not started


def play(failure: Exception | None = None) -> Callable[..., Any]:
    def flow(use_case: str = "chest_pneumonia", event: str | None = None) -> None:
        print(use_case, event)
        if failure:
            raise failure

    return flow


def test_a_flow_started_by_hand_gets_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    running.run_here(play(), ["chest_pneumonia", "event=abc"])
    running.run_here(play(), [])
    assert capsys.readouterr().out == "chest_pneumonia abc\nchest_pneumonia None\n"


@pytest.mark.parametrize(
    ("arguments", "failure", "code", "said"),
    [
        (["chest_pneumonia"], GateClosed("too few labels.", "label 50 more"), 4, "Next: label 50 more"),
        (["chest_pneumonia"], ServiceUnavailable("MLflow is away.", "make up"), 5, "service_unavailable: MLflow"),
        (["knee"], None, 2, "unknown use case 'knee'"),
        (["use_case=knee"], None, 2, "unknown use case 'knee'"),
        (["chest_pneumonia", "colour=red"], None, 2, "knows no parameter 'colour'"),
        (["chest_pneumonia", "event"], None, 2, "'event' is not key=value"),
    ],
)
def test_a_flow_started_by_hand_ends_as_its_failure_says(
    arguments: list[str], failure: Exception | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        running.run_here(play(failure), arguments)
    told = capsys.readouterr()
    assert exit.value.code == code and said in told.err
    assert told.out == "" or failure


def test_a_bug_in_a_flow_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        running.run_here(play(ZeroDivisionError()), ["chest_pneumonia"])


@pytest.mark.parametrize(("source", "data"), [("moon", None), ("nih_cxr", None), ("simulated", Path("films"))])
def test_a_demonstration_of_nothing_is_refused(source: str, data: Path | None, started: list[list[str]]) -> None:
    with pytest.raises(ConfigurationError, match="no demonstration"):
        running.start_demo(source, data, 0)
    assert not started


def test_a_simulation_never_writes_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not empty"):
        running.simulate_folder(tmp_path, 3, 0, [], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_shift_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="moon_phase"):
        running.simulate_folder(tmp_path / "films", 3, 0, ["moon_phase"], 1)
    assert not (tmp_path / "films").exists()


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "AccessionNumber", "StudyInstanceUID"])
def test_an_address_that_may_name_a_patient_never_reaches_prefect(
    settings: Settings, started: list[list[str]], keyword: str
) -> None:
    asked = ["source=pacs", f"folder=http://pacs/dicom-web?StudyDate=20240101&{keyword}=Invented"]
    with pytest.raises(ConfigurationError, match=f"{keyword} may name a patient") as refusal:
        running.start_flow(settings, "ingest", "chest_pneumonia", asked, True)
    assert "Invented" not in str(refusal.value) and not started
