"""Settings: the machine's side of every knob."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from radloop import settings as module
from radloop.errors import ConfigurationError
from radloop.settings import (
    QUIET,
    Settings,
    orchestration,
    prepare_orchestration,
    quiet_environment,
    strange_environment,
)


def test_the_environment_sets_every_field_and_secrets_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADLOOP_MLFLOW_PORT", "5123")
    monkeypatch.setenv("RADLOOP_SERVING_TOKEN", "open sesame")
    settings = Settings()
    assert settings.mlflow_port == 5123
    assert settings.serving_token is not None and "sesame" not in f"{settings!r} {settings.model_dump()}"


def test_all_state_is_below_one_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for place in (settings.workspace, settings.log, settings.ledger, settings.retained, settings.reports):
        assert place.is_relative_to(tmp_path)
    assert str(tmp_path) in settings.tracking_uri and str(tmp_path) in settings.remote


def test_the_key_of_pseudonyms_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, again = Settings(home=tmp_path).key(), Settings(home=tmp_path).key()
    path = tmp_path / "keys" / "pseudonym.key"
    assert first == again and len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Settings(home=tmp_path / "other").key() != first


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from radloop.settings import Settings;" \
           "print(Settings(home=Path(sys.argv[1])).key().decode())"  # fmt: skip
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in running}) == 1


@pytest.mark.parametrize("key", ["", "short"])
def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "pseudonym.key").write_text(key)
    with pytest.raises(ConfigurationError, match="shorter than 32 bytes"):
        Settings(home=tmp_path).key()


def test_children_inherit_silence() -> None:
    child = quiet_environment(EXTRA="1")
    assert child["EXTRA"] == "1" and QUIET.items() <= child.items()


def test_what_the_user_has_set_of_prefect_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in orchestration(Settings(home=tmp_path)):
        os.environ.pop(name, None)
    os.environ["PREFECT_HOME"] = str(tmp_path / "mine")
    prepare_orchestration(Settings(home=tmp_path))
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "mine") and (tmp_path / "mine").is_dir()
    assert os.environ["RADLOOP_HOME"] == str(tmp_path)


def test_a_home_that_cannot_be_made_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot make") as refusal:
        prepare_orchestration(Settings(home=tmp_path / "file"))
    assert "RADLOOP_HOME" in refusal.value.next_step


def test_the_project_is_the_checkout_of_this_code() -> None:
    assert (module.PROJECT / "params.yaml").is_file()


def test_a_strange_environment_knows_no_server_store_or_key_of_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "RADLOOP_MLFLOW_URI", "RADLOOP_PSEUDONYM_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("RADLOOP_OTHER_HOME", "x")
    made = strange_environment(RADLOOP_HOME="mine")
    assert "of the user" not in made.values() and made["RADLOOP_HOME"] == "mine" and "PATH" in made
    assert made.items() >= QUIET.items()


def test_a_secret_may_lie_in_a_file_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "radloop_dicomweb_authorization").write_text("Bearer of-a-file\n")
    monkeypatch.setenv("RADLOOP_SECRETS", str(tmp_path))
    settings = Settings()
    assert settings.dicomweb_authorization is not None
    assert settings.dicomweb_authorization.get_secret_value() == "Bearer of-a-file"
    assert "of-a-file" not in f"{settings!r}{settings.model_dump()}"
    monkeypatch.setenv("RADLOOP_DICOMWEB_AUTHORIZATION", "Bearer of-the-environment")
    told = Settings().dicomweb_authorization
    assert told is not None and told.get_secret_value() == "Bearer of-the-environment"
    monkeypatch.setenv("RADLOOP_SECRETS", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="RADLOOP_SECRETS"):
        Settings()
