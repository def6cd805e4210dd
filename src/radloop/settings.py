"""What differs per machine or is secret, from the environment; nothing else reads the environment."""

from __future__ import annotations

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SecretsSettingsSource, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from radloop.errors import ConfigurationError
from radloop.files import sha256, write_secret

PROJECT = Path(__file__).resolve().parents[2]

#: Every tool's telemetry is off: nothing of a hospital leaves its machine unasked.
TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "SCARF_NO_ANALYTICS": "true",
}
#: What every child process gets: no telemetry, and no question that nobody is there to answer.
QUIET = {**TELEMETRY, "GIT_TERMINAL_PROMPT": "0"}


class Settings(BaseSettings):
    """The machine's side of every knob; each field is the environment variable RADLOOP_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="RADLOOP_", frozen=True, extra="ignore")

    secrets: Path | None = Field(
        None, description="folder of secret files, each named like its variable, in small letters"
    )
    project: Path = Field(PROJECT, description="the checkout whose code and params.yaml are used")
    name: str = Field("default", description="name of the installation below .radloop/")
    home: Path | None = Field(None, description="folder of all state; default <project>/.radloop/<name>")
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, description="processes for data work")
    threads: int | None = Field(None, description="torch threads; default: what torch chooses")
    device: str = Field("auto", description="auto, cpu or cuda")

    pseudonym_key: SecretStr | None = Field(None, description="key of pseudonyms; default: a file in home")
    dvc_remote: str | None = Field(None, description="DVC remote url; default a folder in home")
    mlflow_uri: str | None = Field(None, description="MLflow tracking URI; default sqlite in home")
    mlflow_page: str | None = Field(None, description="MLflow for browsers, where that is not mlflow_uri")
    prefect_url: str | None = Field(None, description="Prefect API of other machines; default that of `make up`")
    prefect_port: int = Field(4200, description="port of the Prefect server of `make up`")
    mlflow_port: int = Field(5000, description="port of the MLflow server of `make up`")
    serving_port: int = Field(8000, description="port of the prediction service of `make up`")
    serving_url: str | None = Field(None, description="the prediction service elsewhere; default that of `make up`")
    serving_token: SecretStr | None = Field(None, description="bearer token that /predict asks for, if set")
    serving_body_mib: int = Field(64, gt=0, description="largest body that /predict takes, in MiB")
    serving_readers: int = Field(2, gt=0, description="processes that read what /predict is sent")
    serving_read_seconds: float = Field(30.0, gt=0, description="longest that reading one study may take in /predict")
    serving_poll_seconds: float = Field(3.0, gt=0, description="how often serving looks for a new champion")
    drop: Path | None = Field(None, description="folder in which studies arrive for infer; default drop/ in home")
    dicom_ae_title: str = Field("RADLOOP", description="AE title of the DICOM receiver and of queries to a PACS")
    dicom_port: int = Field(11112, description="port of the DICOM receiver")
    dicom_host: str = Field("127.0.0.1", description="where the DICOM receiver listens; default loopback")
    dicom_receive: bool = Field(False, description="whether `radloop up` starts the DICOM receiver")
    dicom_tls: bool = Field(
        False, description="the receiver takes TLS alone, from senders with a certificate of tls_ca"
    )
    dicom_callers: str = Field(
        "", description="who may send: TITLE or TITLE@host:port, by commas; default any, on loopback"
    )
    dicom_associations: int = Field(32, gt=0, description="associations at a time; more are refused until one ends")
    dicom_pacs: str | None = Field(None, description="PACS that is asked how many instances the spool's studies have")
    tls_certificate: Path | None = Field(None, description="this machine's certificate towards a PACS, PEM")
    tls_key: Path | None = Field(None, description="the certificate's key, PEM, without a passphrase")
    tls_ca: Path | None = Field(None, description="authorities that a PACS's certificate must come from, PEM")
    dicomweb_authorization: SecretStr | None = Field(None, description="Authorization header for DICOMweb sources")
    spool_reserve_mib: int = Field(1024, ge=0, description="free MiB below which the spool takes nothing more")
    spool_quiet_seconds: float = Field(60.0, gt=0, description="seconds without a new instance that end a study")
    spool_release: bool = Field(False, description="each ingest ends by removing from the spool what it admitted")
    engine: Literal["onnxruntime", "openvino"] | None = Field(
        None, description="what runs served models of floats; default: what judged each, as 8-bit integers always are"
    )
    keep_inputs: bool = Field(True, description="keep de-identified inputs by hash, to replay predictions")
    shared_data: Path | None = Field(None, description="folder of real data sets for tests")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: Source,
        env_settings: Source,
        dotenv_settings: Source,
        file_secret_settings: Source,
    ) -> tuple[Source, ...]:
        """Arguments, then the environment, then the files of RADLOOP_SECRETS, as containers mount them.

        Raises ConfigurationError where there is no such folder.
        """
        folder = os.environ.get("RADLOOP_SECRETS")
        if not folder:
            return init_settings, env_settings
        if not Path(folder).is_dir():
            raise ConfigurationError("RADLOOP_SECRETS names no folder", "make it, with one file per secret")
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=folder)

    @cached_property
    def root(self) -> Path:
        """The folder of all state of this installation."""
        return (self.home or self.project / ".radloop" / self.name).absolute()

    @property
    def mark(self) -> str:
        """What this installation's services are known by, without telling a path."""
        return sha256(str(self.root).encode())[:12]

    @property
    def workspace(self) -> Path:
        """The clone of the project in which DVC runs."""
        return self.root / "workspace"

    @property
    def drop_folder(self) -> Path:
        """Where studies arrive, with their names: what is put there is scored by every run of `infer`."""
        return self.drop or self.root / "drop"

    @property
    def spool(self) -> Path:
        """Raw instances as they came, identity inside; never in the workspace."""
        return self.root / "spool"

    @property
    def log(self) -> Path:
        """The prediction log."""
        return self.root / "log"

    @property
    def ledger(self) -> Path:
        """The tamper-evident history."""
        return self.root / "ledger"

    @property
    def retained(self) -> Path:
        """De-identified inputs by sha256."""
        return self.root / "retained"

    @property
    def references(self) -> Path:
        """What each bundle saw and said when it was judged."""
        return self.root / "references"

    @property
    def reports(self) -> Path:
        """Monitoring reports with their index page."""
        return self.root / "reports"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models."""
        return self.mlflow_uri or f"sqlite:///{self.root / 'mlflow' / 'mlflow.db'}"

    @property
    def remote(self) -> str:
        """Where DVC pushes snapshots."""
        return self.dvc_remote or str(self.root / "remote")

    def key(self) -> bytes:
        """The secret that keys pseudonyms; made once, readable by its owner alone, outside the data.

        Raises ConfigurationError where it cannot be written.
        """
        if self.pseudonym_key is not None:
            return self.pseudonym_key.get_secret_value().encode()
        path = self.root / "keys" / "pseudonym.key"
        if not path.exists():
            write_secret(path, secrets.token_hex(32).encode())
        content = path.read_bytes()
        if len(content) < 32:
            raise ConfigurationError(f"the key file {path.name} is shorter than 32 bytes", "restore it from its backup")
        return content


def load_settings() -> Settings:
    """Settings of this process, from its environment."""
    return Settings()


def quiet_environment(**extra: str) -> dict[str, str]:
    """The environment for a child process: this one's, with all telemetry off, plus `extra`."""
    return {**os.environ, **QUIET, **extra}


def environment_of(*names: str) -> dict[str, str]:
    """Other tools' variables as this process, and so each of its children, has them; those that are unset are left out.

    The doctor looks at them, for what counts is the environment in the end and not who wrote it.
    """
    return {name: os.environ[name] for name in names if name in os.environ}


def quieten() -> None:
    """Switch telemetry off for this process, before any tool is imported."""
    os.environ.update(QUIET)


def strange_environment(**extra: str) -> dict[str, str]:
    """The environment for a child that shall know no installation of this user's, its servers or its key."""
    own = ("PREFECT_", "RADLOOP_", "MLFLOW_")
    return {name: value for name, value in quiet_environment().items() if not name.startswith(own)} | QUIET | extra


def orchestration(settings: Settings) -> dict[str, str]:
    """What Prefect and MLflow need to know of this installation, for this process or a child."""
    return {
        "RADLOOP_PROJECT": str(settings.project),
        "RADLOOP_HOME": str(settings.root),
        "PREFECT_HOME": str(settings.root / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_UI_URL": f"http://127.0.0.1:{settings.prefect_port}",  # links hold once `up` runs on the same state
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }


def prepare_orchestration(settings: Settings) -> None:
    """Point this process at its installation before Prefect is imported; what the user has set stays.

    Prefect's folder is made, because its server starts over and over where it is missing.
    Raises ConfigurationError where it cannot be made.
    """
    quieten()
    for name, value in orchestration(settings).items():
        os.environ.setdefault(name, value)
    folder = Path(os.environ["PREFECT_HOME"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make {folder}: {error.strerror}", "set RADLOOP_HOME") from error
