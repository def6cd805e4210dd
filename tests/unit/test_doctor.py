"""The doctor: the known traps that show before they bite."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from radloop import doctor
from radloop.doctor import Finding, examine, findings
from radloop.settings import TELEMETRY, Settings


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(Settings(home=tmp_path))}


def test_everything_is_looked_at_and_everything_has_a_mend(seen: dict[str, Finding]) -> None:
    wanted = {"Python", "torch", "pandas", "fastapi", "plotly", "CUDA packages", "git", "memory", "disk", "home"}
    wanted |= {"port of prefect", "port of mlflow", "port of serving", "telemetry", "DVC's telemetry"}
    assert wanted | {"threads", "OpenMP", "patience with Prefect"} <= set(seen)
    assert all(finding.mend for finding in seen.values())


def test_the_pins_of_this_environment_are_well(seen: dict[str, Finding]) -> None:
    assert [name for name, *_ in doctor.PINS if not seen[name].well] == []


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("torch", "2.14.0"),
        ("pandas", "3.0.1"),
        ("fastapi", "0.151.0"),
        ("plotly", "6.1"),
        ("mlflow", None),
        ("Flask-WTF", None),
    ],
)
def test_a_package_that_breaks_others_is_found(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str | None
) -> None:
    usual = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: version if name == package else usual(name))
    ill = [finding for finding in doctor._pins() if not finding.well]
    assert [finding.name for finding in ill] == [package]
    assert ill[0].seen == (version or "not installed") and "make setup" in ill[0].mend


#: Every package that was met to break something, to weigh too much, or to be under a licence that binds its users.
MET = (
    "torchvision", "pyradiomics", "pictologics", "flwr", "neuroHarmonize", "alibi-detect", "model-card-toolkit",
    "bentoml", "nannyml", "mirp", "itk", "pylibjpeg-libjpeg", "scikit-survival", "quantus",
)  # fmt: skip


@pytest.mark.parametrize("package", MET)
def test_a_stranger_beside_our_packages_is_found(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "0.26" if name == package else None)
    found = next(f for f in doctor._strangers() if not f.well)
    assert found.name == package and f"pip uninstall {package} (" in found.mend


def test_the_environment_holds_no_stranger() -> None:
    assert [finding.name for finding in doctor._strangers() if not finding.well] == []


@pytest.mark.parametrize("name", TELEMETRY)
@pytest.mark.parametrize("value", [None, "", "maybe"])
def test_telemetry_of_a_tool_that_is_not_off_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    found = next(f for f in findings(Settings(home=tmp_path)) if f.name == "telemetry")
    assert not found.well and name in found.seen and f"{name}={TELEMETRY[name]}" in found.mend


def test_telemetry_is_off_here(seen: dict[str, Finding]) -> None:
    assert seen["telemetry"].well and seen["DVC's telemetry"].well


@pytest.mark.parametrize(
    ("threads", "variable", "value", "ill"),
    [
        (None, "OMP_NUM_THREADS", "1", set()),
        (None, "OMP_NUM_THREADS", "4096", {"threads"}),
        (None, "OMP_NUM_THREADS", "4096,2", {"threads"}),
        (None, "OMP_NUM_THREADS", "all", set()),
        (1, "OMP_NUM_THREADS", "4096", set()),
        (4096, "OMP_NUM_THREADS", "1", {"threads"}),
        (None, "OMP_WAIT_POLICY", "ACTIVE", {"OpenMP"}),
        (None, "OMP_WAIT_POLICY", "PASSIVE", set()),
    ],
)
def test_threads_that_would_spin_in_each_others_way_are_found(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, variable: str, value: str, ill: set[str]
) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert {finding.name for finding in doctor._threads(Settings(threads=threads)) if not finding.well} == ill


@pytest.mark.parametrize(("value", "well"), [(None, True), ("120", True), ("10", False), ("soon", False)])
def test_too_little_patience_with_the_server_of_prefect_is_found(
    monkeypatch: pytest.MonkeyPatch, value: str | None, well: bool
) -> None:
    monkeypatch.delenv(doctor.PATIENCE, raising=False)
    if value is not None:
        monkeypatch.setenv(doctor.PATIENCE, value)
    (found,) = doctor._prefect(Settings())
    assert found.well is well and doctor.PATIENCE in found.mend


def test_a_taken_port_is_found(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings(home=tmp_path, mlflow_port=other.getsockname()[1])
        found = {finding.name: finding for finding in doctor._ports(settings)}["port of mlflow"]
    assert not found.well and "taken" in found.seen and "RADLOOP_MLFLOW_PORT" in found.mend


def test_a_certificate_that_runs_out_or_a_key_that_others_may_read_is_found(tmp_path: Path, authority: Any) -> None:
    def seen(**files: Path | None) -> list[bool]:
        return [finding.well for finding in findings(Settings(home=tmp_path, **files)) if finding.name in names]

    names = ("certificate towards a PACS", "its key")
    for days, mode, wells in ((60, 0o600, [True, True]), (10, 0o644, [False, False])):
        made = authority.machine("own", days=days)
        made.key.chmod(mode)
        files = {"tls_certificate": made.certificate, "tls_key": made.key, "tls_ca": made.ca}
        assert seen(**files) == wells
    assert seen(**{**files, "tls_key": tmp_path / "missing"}) == [False]
    assert seen() == []


def test_a_small_or_full_machine_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("U", (), {"free": 2**30}))
    monkeypatch.setattr(doctor, "_writable", lambda _: False)
    ill = {finding.name for finding in doctor._machine(Settings(home=tmp_path)) if not finding.well}
    assert {"disk", "home"} <= ill


def test_the_number_of_things_to_mend_is_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[object] = []
    monkeypatch.setattr(doctor, "findings", lambda _: [Finding(True, "a", "b"), Finding(False, "c", "d", "e")])
    assert examine(Settings(home=tmp_path), pages.append) == 1 and pages
