"""One round of the whole loop, small: everything links to everything, names nobody, and can be restored."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx
import pandas as pd
import pydicom
import pytest
import yaml

from radloop import services
from radloop.errors import GateClosed
from radloop.ledger import Ledger
from radloop.registry import names
from radloop.settings import quiet_environment
from radloop.workspace import Workspace

from .conftest import CASE, MONTH, Loop

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def tags(served: Any, loop: Loop) -> dict[str, str]:
    """What the MLflow server says of the training's run."""
    page = f"http://127.0.0.1:{loop.house.ports[1]}/api/2.0/mlflow/runs/get"
    run = httpx.get(page, params={"run_id": loop.told["run"]}, timeout=30).raise_for_status().json()["run"]
    assert run["info"]["status"] == "FINISHED"
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def artifact(loop: Loop, key: str) -> str:
    found = loop.house.ask("artifacts/latest/filter", artifacts={"key": {"any_": [key]}})
    return str(found[0]["data"])


def file_of(link: str) -> Path:
    path = Path(urlparse(link).path)
    assert link.startswith("file://") and path.is_file(), link
    return path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_training_as_a_deployment_completes_and_its_champion_answers(served: Any, loop: Loop) -> None:
    assert "Completed" in loop.trained
    health = httpx.get(f"{services.serving_url(served.settings)}/healthz", timeout=10).json()
    assert health["bundle"] == loop.told["bundle"]
    assert f"live smoke set: passed through {services.serving_url(served.settings)}" in artifact(loop, "deploy")
    assert loop.told["scored"] == MONTH
    assert loop.told["verdict"] in ("healthy", "watch", "retrain", "stop") and loop.told["sentence"]


def test_the_mlflow_run_leads_to_the_flow_run_the_commit_the_data_and_the_reports(
    tags: dict[str, str], loop: Loop
) -> None:
    place = Workspace(loop.house.settings)
    api = services.prefect_url(loop.house.settings)
    flow = httpx.get(f"{api}/flow_runs/{tags[names.FLOW_RUN]}", timeout=30).raise_for_status().json()
    assert flow["state_type"] == "COMPLETED" and flow["parameters"] == {"use_case": CASE}
    assert tags[names.FLOW_URL].endswith(f"/runs/flow-run/{tags[names.FLOW_RUN]}")
    assert httpx.get(tags[names.FLOW_URL], headers={"Accept": "text/html"}, timeout=30).status_code == 200
    lock = yaml.safe_load(git(place.folder, "show", f"{tags[names.DVC_COMMIT]}:dvc.lock"))
    assert f"train@{CASE}" in lock["stages"]
    pointer = yaml.safe_load(git(place.folder, "show", f"{tags[names.DVC_COMMIT]}:data/{CASE}.dvc"))
    assert pointer["outs"][0]["md5"] == tags[names.DATASET] == place.md5(CASE)
    assert tags[names.OUTER_COMMIT] == git(loop.house.project, "rev-parse", "--short=12", "HEAD")
    assert "<html" in file_of(tags[names.DATA_DOCS]).read_text().lower()
    assert file_of(tags[names.MONITOR_REPORT]) == Path(loop.told["pages"]["summary"])


def test_the_flow_runs_lead_to_the_mlflow_run_and_the_reports(tags: dict[str, str], loop: Loop) -> None:
    training = artifact(loop, "training")
    assert loop.told["run"] in training
    pages = dict(re.findall(r"\[([^\]]+)\]\(([^)]+)\)", training))
    assert httpx.get(pages["MLflow"].split("#")[0], timeout=30).status_code == 200
    assert loop.told["run"] in pages["MLflow"]
    assert file_of(pages["Data Docs"]) == file_of(tags[names.DATA_DOCS])
    assert tags[names.DVC_COMMIT] in training
    verdict = dict(re.findall(r"\[([^\]]+)\]\(([^)]+)\)", artifact(loop, "verdict")))
    assert {file_of(link) for link in verdict.values()} == {
        Path(loop.told["pages"][name]) for name in ("summary", "drift", "bias", "index")
    }


def test_the_commit_leads_to_the_flow_run(tags: dict[str, str], loop: Loop) -> None:
    message = git(loop.house.settings.workspace, "log", "-1", "--format=%B", tags[names.DVC_COMMIT])
    assert message.startswith(f"Run {CASE}") and tags[names.FLOW_RUN] in message


def test_the_monitoring_pages_lead_to_the_run_the_flow_and_the_data(tags: dict[str, str], loop: Loop) -> None:
    for name in ("summary", "drift", "bias"):
        path = Path(loop.told["pages"][name])
        page = path.read_text()
        assert loop.told["bundle"][:12] in page and tags[names.DVC_COMMIT][:12] in page, name
        assert loop.told["run"] in page and tags[names.FLOW_URL] in page, name
        [docs] = set(re.findall(r"\.\./data_docs/[\w-]+/index\.html", page))
        assert (path.parent / docs).resolve() == file_of(tags[names.DATA_DOCS]).resolve(), name
    index = Path(loop.told["pages"]["index"])
    listed = {(index.parent / link).resolve() for link in re.findall(r'href="([^"#:]+)"', index.read_text())}
    assert Path(loop.told["pages"]["summary"]).resolve() in listed


def test_the_data_docs_lead_to_the_run_the_flow_and_the_commit_and_are_the_snapshot_s_own(
    tags: dict[str, str], loop: Loop
) -> None:
    docs = file_of(tags[names.DATA_DOCS])
    assert not docs.is_relative_to(loop.house.settings.workspace)
    assert docs.parent.name.startswith(tags[names.DATASET].removesuffix(".dir"))
    listed = dict(re.findall(r'<a href="(http[^"]+)">([^<]+)</a>', docs.read_text()))
    run, flow = ([to for to, title in listed.items() if title == which] for which in ("MLflow run", "Prefect run"))
    assert [to for to in run if loop.told["run"] in to] and tags[names.FLOW_URL] in flow
    for address in (*run, *flow):
        reply = httpx.get(address.split("#")[0], headers={"Accept": "text/html"}, timeout=30)
        assert reply.status_code == 200, address
    assert tags[names.DVC_COMMIT] in docs.read_text()
    for page in re.findall(r'href="([\w.]+\.html)"', docs.read_text()):
        assert (docs.parent / page).is_file(), page


def test_the_deployment_of_infer_passes_over_what_was_answered_in_the_drop_folder(served: Any, loop: Loop) -> None:
    drop = loop.house.settings.drop_folder
    drop.mkdir()
    try:
        for film in sorted(loop.films[1].glob("*.dcm"))[:2]:
            shutil.copy(film, drop)
        loop.house.prefect("deployment", "run", "infer/infer", "--watch")
    finally:
        shutil.rmtree(drop)  # its films have names
    assert "0 scored, 2 before, 0 refused" in artifact(loop, "infer")


def test_every_step_is_in_a_ledger_that_verifies(loop: Loop) -> None:
    ledger = Ledger(loop.house.settings.ledger)
    assert ledger.verify().intact
    assert {"evaluation", "segment", "verdict"} < {entry.kind for entry in ledger.entries()}
    moves = [entry.body for entry in ledger.entries() if "champion" in str(entry.body)]
    assert moves and ledger.pending() == []
    assert loop.house.radloop("ledger", "verify").returncode == 0


def test_no_patient_is_named_in_anything_that_was_kept(loop: Loop) -> None:
    people = [pydicom.dcmread(film, stop_before_pixels=True) for place in loop.films for film in place.glob("*.dcm")]
    forbidden: set[bytes] = set()
    for film in people:
        forbidden |= {str(film[key].value).encode() for key in ("PatientID", "AccessionNumber", "SOPInstanceUID")}
        for name in (film.PatientName, film.ReferringPhysicianName, film.OperatorsName):
            family, given = str(name).split("^")[:2]
            forbidden |= {f"{family}{gap}{given}".encode() for gap in ("^", " ", ", ")} | {f"{given} {family}".encode()}
    assert len(forbidden) > 1000
    kept, found = 0, set()
    for path, content in everything_kept(loop.house.home):
        kept += 1
        seen = set(
            re.findall(rb"[A-Z][a-z]{3,11}(?:\^| |, )[A-Z][a-z]{3,11}|SIM\d{10}|A\d{11}|2\.25\.\d{20,39}", content)
        )
        found |= {(str(path.relative_to(loop.house.home)), word) for word in seen & forbidden}
    assert kept > 100
    assert found == set()


def everything_kept(home: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(home.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        yield path, path.read_bytes()
        if path.suffix == ".parquet":  # its pages are compressed
            yield path, pd.read_parquet(path).to_csv().encode()


def test_a_run_can_be_restored_in_a_fresh_clone_byte_for_byte(tags: dict[str, str], loop: Loop, tmp_path: Path) -> None:
    place, fresh = Workspace(loop.house.settings), tmp_path / "fresh"
    git(tmp_path, "clone", "--quiet", str(place.folder), str(fresh))
    git(fresh, "checkout", "--quiet", tags[names.DVC_COMMIT])
    dvc(fresh, "remote", "add", "--local", "--default", "store", loop.house.settings.remote)
    dvc(fresh, "pull", "--quiet", "--allow-missing")
    restored = {path.relative_to(fresh): path.read_bytes() for path in files_of(fresh)}
    original = {path.relative_to(place.folder): path.read_bytes() for path in files_of(place.folder)}
    assert len(original) > 30
    assert restored == original


def files_of(folder: Path) -> list[Path]:
    """Everything that DVC tracks: the snapshot and what the stages wrote."""
    found = [path for top in ("data", "out") for path in (folder / top / CASE).rglob("*") if path.is_file()]
    return [path for path in found if not {"outcomes", "live"} & set(path.parts)]


def dvc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=folder, env=quiet_environment(), check=True, capture_output=True)


def test_repro_again_executes_nothing_and_a_new_learning_rate_only_what_follows(loop: Loop) -> None:
    place = Workspace(loop.house.settings)
    chain = place.params.verbs(CASE)

    def folders() -> dict[str, int]:
        return {verb: place.stage(CASE, verb).stat().st_ino for verb in chain}

    before, began = folders(), time.monotonic()
    said = loop.house.radloop("repro").stderr
    assert time.monotonic() - began <= 30
    assert "nothing changed, no stage was executed" in said
    assert folders() == before
    place.override({f"{CASE}.train.learning_rate": 0.002})
    done = loop.house.radloop("repro", check=False)
    assert "reproduced" in done.stderr
    after = folders()
    followers = chain[chain.index("train") :]
    if not place.judged_well(CASE):  # so small a model may be judged either way, and the reference is behind the gate
        followers.remove("reference")
    assert done.returncode == (0 if place.judged_well(CASE) else GateClosed.exit_code), done.stderr[-3000:]
    assert [verb for verb in chain if after[verb] != before[verb]] == followers


def test_repro_behind_a_closed_gate_commits_what_was_made_and_executes_nothing_again(loop: Loop) -> None:
    place = Workspace(loop.house.settings)
    place.override({f"{CASE}.evaluate.baseline_margin": 1.0})  # no two AUROC are that far apart
    first = loop.house.radloop("repro", check=False)
    assert first.returncode == GateClosed.exit_code and "beats_svm" in first.stderr
    made = place.stage(CASE, "evaluate").stat().st_ino
    assert not git(place.folder, "status", "--porcelain", "dvc.lock")
    again = loop.house.radloop("repro", check=False)
    assert again.returncode == GateClosed.exit_code
    assert "nothing changed, no stage was executed" in again.stderr
    assert place.stage(CASE, "evaluate").stat().st_ino == made
