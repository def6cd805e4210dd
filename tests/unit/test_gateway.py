"""What the door to a PACS says of its spool, and what it takes out of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.gateway import _open_pacs, ask_echo, describe_spool, make_receiver, open_spool, release_admitted, retrieve
from radloop.ingest import ingest
from radloop.settings import PROJECT, Settings
from radloop.sources import open_source
from radloop.sources.retrieval import parse_address
from radloop.sources.wire import from_file
from radloop.workspace import Workspace


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose workspace has its params and nothing else."""
    made = Settings(home=tmp_path / "home", project=PROJECT, spool_reserve_mib=0, spool_quiet_seconds=60)
    made.workspace.mkdir(parents=True)
    shutil.copy(PROJECT / "params.yaml", made.workspace)
    return made


def test_a_spool_is_counted_without_a_name_and_emptied_of_what_was_admitted(
    settings: Settings, film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], planted: tuple[str, ...]
) -> None:
    assert describe_spool(settings) == ["there is no spool yet"] and release_admitted(settings, "x") == 0
    with open_spool(settings) as spool:
        assert describe_spool(settings) == ["the spool is empty"]
        for uid in ("1.2.3.4.5.1", "1.2.3.4.5.2"):
            spool.land(from_file(file_of(film(uid))))
        spool.land(from_file(file_of(film("1.2.3.4.5.1", ViewPosition="AP"))))
    told = describe_spool(settings)
    assert [line.split(maxsplit=1) for line in told] == [
        ["2", "instances"], ["1", "quarantined: instance_uid_conflict"], ["1", "studies arriving"],
    ]  # fmt: skip
    [study] = (settings.spool / "studies").iterdir()
    os.utime(study, (time.time() - 61,) * 2)
    snapshot = Workspace(settings).snapshot_folder("chest_pneumonia")
    ingest(open_source("spool", settings.spool, Pseudonyms(settings.key())), snapshot)
    assert release_admitted(settings, "chest_pneumonia") == 2
    assert describe_spool(settings) == ["       1 quarantined: instance_uid_conflict"]
    assert [word for word in planted if word in "".join(told)] == []


def test_a_spool_in_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    settings = Settings(home=tmp_path / "file", pseudonym_key="a key of sixteen bytes or more")
    with pytest.raises(ServiceUnavailable, match="the spool cannot be written"), open_spool(settings):
        pass


def test_an_address_that_cannot_be_read_opens_no_spool(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="address of the PACS"):
        retrieve(settings, "pacs")
    assert not settings.spool.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "gateway.example"])
def test_a_receiver_beyond_loopback_must_know_who_may_send(settings: Settings, authority: Any, host: str) -> None:
    beyond = settings.model_copy(update={"dicom_host": host})
    own = authority.machine("own")
    files = {"dicom_tls": True, "tls_certificate": own.certificate, "tls_key": own.key, "tls_ca": own.ca}
    with open_spool(settings) as spool:
        with pytest.raises(ConfigurationError, match="would take studies from anybody"):
            make_receiver(beyond, spool)
        make_receiver(beyond.model_copy(update={"dicom_callers": "CT1"}), spool)
        make_receiver(beyond.model_copy(update=files), spool)
        for loopback in ("127.0.0.1", "::1", "localhost"):
            make_receiver(settings.model_copy(update={"dicom_host": loopback}), spool)


def test_a_token_that_would_go_in_the_clear_is_warned_of(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    told = settings.model_copy(update={"dicomweb_authorization": SecretStr("Bearer of-mine")})
    for address, warned in (
        ("http://pacs.example:1", True),
        ("https://pacs.example:1", False),
        ("http://127.0.0.1:1", False),
    ):
        caplog.clear()
        with _open_pacs(told, parse_address(address)):
            assert ("in the clear" in caplog.text) is warned and "of-mine" not in caplog.text


def test_echo_says_who_answers_and_asks_no_web_server(settings: Settings) -> None:
    with open_spool(settings) as spool:
        receiver = make_receiver(settings, spool)
        port = receiver.start("127.0.0.1", 0)
        own = settings.model_copy(update={"dicom_port": port})
        assert ask_echo(own, None) == ask_echo(own, f"dicom://RADLOOP@127.0.0.1:{port}")
        assert ask_echo(own, None) == f"RADLOOP at 127.0.0.1:{port} answers"
        with pytest.raises(ConfigurationError, match="refuses an association of RADLOOP with ANOTHER"):
            ask_echo(own, f"dicom://ANOTHER@127.0.0.1:{port}")
        receiver.stop(grace=1)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        ask_echo(own, None)
    with pytest.raises(ConfigurationError, match="no part of DICOMweb"):
        ask_echo(own, "https://pacs/dicom-web")
