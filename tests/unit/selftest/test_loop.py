"""Nothing planted is found after ingest and validation, nor, in the long test, after the whole loop."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from radloop.catalog import read_catalog
from radloop.commands.selftest import app
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.ingest import ingest
from radloop.params import Params, Paths
from radloop.sections.intake import Deidentify
from radloop.selftest.films import plant_films
from radloop.selftest.loop import CASE, HOME
from radloop.selftest.running import KEY
from radloop.selftest.traces import Needles, search
from radloop.sources.dicom_folder import DicomFolder
from radloop.stages import validate

FILMS = 24
COMMAND = ("deidentification", "--patients", "6", "--seed", "21", "--loop")


def test_ingest_and_validation_of_planted_films_leave_no_planted_string(tmp_path: Path, params: Params) -> None:
    words = plant_films(tmp_path / "films", range(FILMS), 5, Deidentify())
    needles, stored = Needles(words), tmp_path / "stored"
    assert len(search(tmp_path / "films", needles)[1]) == FILMS + 1, "the films and their labels tell everything"
    paths = Paths(data=stored / "data", out=stored / "out")
    source = DicomFolder(tmp_path / "films", Pseudonyms(KEY, Profile(Deidentify())), workers=1)
    ingest(source, paths.snapshot(CASE))
    case = params.use_case(CASE)
    small = case.task.accepts.model_copy(update={"smallest_side": 64})
    case = case.model_copy(update={
        "task": case.task.model_copy(update={"accepts": small}),
        "validate_": case.validate_.model_copy(update={"smallest_side": 64, "smallest_rows": 10}),
    })  # fmt: skip
    validate.run(case, paths)
    assert len(read_catalog(paths.snapshot(CASE))) == FILMS
    accepted = pd.read_parquet(paths.stage(CASE, "validate") / "accepted.parquet")
    assert len(accepted) == FILMS, pd.read_parquet(paths.stage(CASE, "validate") / "quarantined.parquet")["reasons"]
    files, found = search(stored, needles)
    assert found == {} and files > 10


def test_a_string_in_a_database_is_found_even_where_it_lies_across_pages_or_in_the_log_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table notes (text)")
        word = "Zorvexquijazwub"
        long = "".join("." * (4096 + step) + word for step in range(-9, 9))
        database.execute("insert into notes values (?)", [long])
        database.commit()
        assert search(tmp_path, Needles({word}))[1]["runs.db"] == {word}


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(600)
def test_the_whole_loop_writes_no_planted_string_into_any_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [*COMMAND, "--out", str(out)])
    assert done.exit_code == 0, done.output
    home = out / "loop" / HOME
    assert "0 planted strings in" in done.output and "of the whole loop" in done.output
    for part in ("said/monitor.txt", "mlflow/mlflow.db", "prefect/prefect.db", "ledger", "log", "reports", "remote"):
        assert (home / part).exists(), part
