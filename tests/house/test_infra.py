"""What runs where: the compose file, prefect.yaml, the lock file and the Makefile against the code's own table."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from radloop.running import FLOWS
from radloop.services import HOST, POOL, Service, services
from radloop.settings import PROJECT, QUIET, Settings, quiet_environment

INFRA = PROJECT / "infra"
DEFAULTS = Settings.model_construct(
    project=PROJECT, home=PROJECT / ".radloop" / "never", prefect_url=None, dicom_receive=True, **{
        f"{name}_port": Settings.model_fields[f"{name}_port"].default
        for name in ("prefect", "mlflow", "serving", "dicom")
    },
)  # fmt: skip
TABLE: dict[str, Service] = {service.name: service for service in services(DEFAULTS)}
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
#: What a container's command may say otherwise than the process on one machine: where it listens, where it keeps.
PLACES = {"--host", "--port", "--backend-store-uri", "--default-artifact-root", "--artifacts-destination"}
PLACES |= {"--no-serve-artifacts", "--allowed-hosts"}


def words(command: list[str] | tuple[str, ...]) -> list[str]:
    """A command without the interpreter's path and without places."""
    flat = [part for word in command for part in (word.split("=", 1) if word.startswith("--") else [word])]
    flat = ["python" if word == sys.executable else word for word in flat]
    kept, skip = [], False
    for position, word in enumerate(flat):
        value = skip and not word.startswith("--")
        skip = word in PLACES and position + 1 < len(flat)
        if word not in PLACES and not value:
            kept.append(word)
    return kept


def port_of(service: Service) -> int | None:
    return int(service.page.split(":")[2].split("/")[0]) if service.page else None


# the services of one machine


def test_every_server_of_make_up_listens_on_loopback_only() -> None:
    assert HOST == "127.0.0.1"
    for service in TABLE.values():
        command = list(service.command)
        if service.health:
            assert command[command.index("--host") + 1] == HOST, service.name
            assert service.health.startswith((f"http://{HOST}:", f"dicom://RADLOOP@{HOST}:")), service.name
        else:
            assert "--host" not in command and service.name == "worker"


def test_serve_listens_on_loopback_unless_asked() -> None:
    from radloop.cli import serve

    assert serve.__defaults__ is not None and HOST in serve.__defaults__


# compose


def test_compose_runs_the_same_services_with_the_same_commands() -> None:
    assert set(TABLE) < set(COMPOSE["services"])
    for name, service in TABLE.items():
        container, process = words(COMPOSE["services"][name]["command"]), words(service.command)
        if container[0] == "radloop":
            container, process = container[1:], process[3:]  # `python -m radloop` here
        assert container == process, name


def test_compose_publishes_the_same_ports_and_each_on_loopback_only() -> None:
    published = {name: row["ports"] for name, row in COMPOSE["services"].items() if "ports" in row}
    assert published == {
        name: [f"127.0.0.1:{port_of(service)}:{port_of(service)}"]
        for name, service in TABLE.items()
        if port_of(service)
    }


def test_compose_asks_every_server_the_same_question_of_health() -> None:
    for name, service in TABLE.items():
        if service.health:
            asked = " ".join(COMPOSE["services"][name]["healthcheck"]["test"])
            if service.health.startswith("dicom"):
                assert asked == "CMD radloop echo"
                continue
            assert service.health.replace(HOST, "localhost").removesuffix("/") in asked, name


def test_in_a_container_radloop_finds_the_others_and_its_links_open_on_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from radloop.services import environment, serving_url

    monkeypatch.setenv("RADLOOP_HOME", str(tmp_path))
    for name, value in COMPOSE["x-radloop"]["environment"].items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    settings = Settings()
    told = environment(settings)
    assert (
        told["PREFECT_API_URL"] == COMPOSE["x-radloop"]["environment"]["PREFECT_API_URL"] == "http://prefect:4200/api"
    )
    assert (serving_url(settings), settings.tracking_uri) == ("http://serving:8000", "http://mlflow:5000")
    assert settings.mlflow_page == "http://127.0.0.1:5000" and told["PREFECT_UI_URL"] == "http://127.0.0.1:4200"
    hosts = [word for word in COMPOSE["services"]["mlflow"]["command"] if word.startswith("--allowed-hosts=")]
    assert {"mlflow:5000", "127.0.0.1:5000"} <= set(hosts[0].partition("=")[2].split(","))
    own = {key for key in COMPOSE["x-radloop"]["environment"] if key.startswith("RADLOOP_")}
    assert own <= {f"RADLOOP_{field.upper()}" for field in Settings.model_fields}


def test_the_receiver_of_compose_starts_only_where_it_is_told_who_may_send(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from radloop.errors import ConfigurationError
    from radloop.gateway import make_receiver, open_spool

    row = COMPOSE["services"]["dicom"]
    assert row["profiles"] == ["dicom"]
    for name, value in row["environment"].items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    monkeypatch.setenv("RADLOOP_HOME", str(tmp_path))
    assert {name for name in row["environment"] if name.startswith("RADLOOP_")} <= {
        f"RADLOOP_{field.upper()}" for field in Settings.model_fields
    }
    with open_spool(Settings()) as spool:
        with pytest.raises(ConfigurationError, match="from anybody"):
            make_receiver(Settings(), spool)
        make_receiver(Settings(dicom_callers="CT1"), spool)


def test_compose_waits_for_what_a_service_needs() -> None:
    for row in COMPOSE["services"].values():
        for needed, condition in row.get("depends_on", {}).items():
            assert needed in COMPOSE["services"]
            healthy = condition["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in COMPOSE["services"][needed]


def test_no_secret_of_compose_is_written_down_or_has_a_default() -> None:
    text = (INFRA / "compose.yaml").read_text()
    named = re.findall(r"^ *(\w*(?:PASSWORD|KEY|TOKEN|SECRET)\w*): *([^\s#]+)", text, re.MULTILINE)
    named.remove(("RADLOOP_TLS_KEY", "/tls/key.pem"))  # a file of the host, whose folder is never committed
    assert {name for name, _ in named} == {"POSTGRES_PASSWORD", "RADLOOP_PSEUDONYM_KEY"}
    for name, value in named:
        assert value.startswith(f"${{{name}:?"), f"{name} must come from infra/.env and be asked for"
    passed = {name: row for name, row in COMPOSE["x-radloop"]["environment"].items() if name.endswith("TOKEN")}
    assert passed == {"RADLOOP_SERVING_TOKEN": None}, "handed on where it is set, and never set here"
    assert re.findall(r"\$\{\w+:?-", text) == []
    assert re.findall(r"//\w+:(?!\$\{)[^@/\s]+@", text) == [], "a password in an address"


def test_every_secret_is_told_in_the_readme_and_its_file_is_never_committed() -> None:
    readme, ignored = (INFRA / "README.md").read_text(), (PROJECT / ".gitignore").read_text()
    for name in set(re.findall(r"\$\{(\w+)", (INFRA / "compose.yaml").read_text())):
        assert f"`{name}`" in readme, name
    assert {"infra/.env", "infra/tls/"} <= set(ignored.split())
    assert not any(path.name == ".env" for path in INFRA.iterdir() if tracked(path))


def test_every_image_has_a_fixed_version() -> None:
    for name, row in COMPOSE["services"].items():
        own = "build" in row
        assert own or re.search(r":\d", row["image"]), f"{name}: {row['image']}"
    base = re.findall(r"^FROM (\S+)", (INFRA / "Dockerfile").read_text(), re.MULTILINE)
    assert base and all(re.search(r":3\.11", image) for image in base)


def test_the_database_drivers_of_compose_are_installed() -> None:
    text, lock = (INFRA / "compose.yaml").read_text(), lines("requirements.lock")
    for scheme, package in (("postgresql+asyncpg", "asyncpg"), ("postgresql+psycopg2", "psycopg2")):
        assert scheme in text
        pinned = any(line.startswith(package) for line in lock)
        installed = re.search(rf"pip install[^\n]*{package}", (INFRA / "Dockerfile").read_text())
        assert pinned or installed, f"the image lacks {package}"


def test_each_database_of_compose_is_made() -> None:
    made = set(re.findall(r"CREATE DATABASE (\w+);", (INFRA / "postgres.sql").read_text()))
    assert set(re.findall(r"@postgres:5432/(\w+)", (INFRA / "compose.yaml").read_text())) == made


def test_the_readme_of_infra_tells_every_service_with_its_port_and_what_has_not_been_run() -> None:
    readme = (INFRA / "README.md").read_text()
    for service in TABLE.values():
        port = port_of(service)
        assert port is None or f"| {port} |" in readme, service.name
    assert "What has been run, and what has not" in readme


def test_docker_compose_finds_nothing_wrong_with_the_file(tmp_path: Path) -> None:
    plugin = shutil.which("docker") and subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    )
    if not plugin or plugin.returncode:
        pytest.skip("needs the compose plugin of docker")
    secrets = quiet_environment(POSTGRES_PASSWORD="p", RADLOOP_PSEUDONYM_KEY="k")
    command = ["docker", "compose", "-f", str(INFRA / "compose.yaml"), "config", "--quiet"]
    subprocess.run(command, env=secrets, cwd=tmp_path, check=True)
    without = {name: value for name, value in secrets.items() if name != "POSTGRES_PASSWORD"}
    assert subprocess.run(command, env=without, cwd=tmp_path, capture_output=True, check=False).returncode != 0


# prefect.yaml


def test_every_flow_has_a_deployment_of_its_own_name() -> None:
    assert [row["name"] for row in DEPLOYMENTS] == list(FLOWS)
    for row in DEPLOYMENTS:
        name = row["name"]
        assert row["entrypoint"] == f"flows/{name}.py:{name}"
        assert f'@flow(name="{name}"' in (PROJECT / "flows" / f"{name}.py").read_text()
        folder = {"folder": None} if name == "infer" else {}  # the drop folder of whichever worker runs it
        assert row["work_pool"]["name"] == POOL and row["parameters"] == {"use_case": "chest_pneumonia", **folder}
        assert row["description"]


def test_no_schedule_runs_before_somebody_switches_it_on() -> None:
    scheduled = {row["name"]: row["schedules"] for row in DEPLOYMENTS if "schedules" in row}
    assert set(scheduled) == {"ingest", "infer", "monitor"}
    assert [schedule["parameters"] for schedule in scheduled["ingest"]] == [{"source": "spool"}]
    assert not any(schedule["active"] for schedules in scheduled.values() for schedule in schedules)


def test_the_verdict_that_monitor_emits_is_the_one_that_starts_a_retrain() -> None:
    from radloop.records import Verdict

    [row] = [row for row in DEPLOYMENTS if row["name"] == "retrain"]
    [trigger] = row["triggers"]
    assert trigger["expect"] == [f"radloop.verdict.{Verdict.RETRAIN}"] and trigger["enabled"]
    assert set(trigger["parameters"]) == {"use_case", "event"} and row["concurrency_limit"] == 1


def test_a_run_is_given_up_after_three_missed_heartbeats_and_not_before() -> None:
    from radloop.settings import orchestration

    [automation] = yaml.safe_load((INFRA / "automations.yaml").read_text())["automations"]
    beat = int(orchestration(DEFAULTS)["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert 3 * beat <= automation["trigger"]["within"] <= 4 * beat
    assert automation["actions"][0]["state"] == "CRASHED" and automation["enabled"]
    assert COMPOSE["x-radloop"]["environment"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(beat)


# telemetry


def test_every_telemetry_switch_is_off() -> None:
    off = {
        "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false", "DVC_NO_ANALYTICS": "1",
    }  # fmt: skip
    assert off.items() <= QUIET.items()
    assert "analytics = false" in (PROJECT / ".dvc" / "config").read_text()
    dockerfile = (INFRA / "Dockerfile").read_text()
    for name in (
        "DO_NOT_TRACK",
        "PREFECT_SERVER_ANALYTICS_ENABLED",
        "MLFLOW_DISABLE_TELEMETRY",
        "GX_ANALYTICS_ENABLED",
    ):
        assert f"{name}={off[name]}" in dockerfile


def test_the_tools_themselves_say_that_their_telemetry_is_off() -> None:
    code = (
        "from prefect.settings import get_current_settings as s; assert not s().server.analytics_enabled\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled; assert is_telemetry_disabled()\n"
        "from dvc.analytics import is_enabled; assert not is_enabled()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=quiet_environment(), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# installation


def lines(name: str) -> list[str]:
    text = (PROJECT / name).read_text().splitlines()
    return [line.split("#")[0].strip() for line in text if line.split("#")[0].strip()]


def test_everything_is_pinned_to_one_version() -> None:
    lock = lines("requirements.lock")
    assert [line for line in lock if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.+!]+", line)] == []
    names = [re.split(r"[\[=]", line)[0].lower().replace("_", "-") for line in lock]
    assert len(set(names)) == len(names) > 100


def test_torch_is_the_one_build_that_brings_no_gigabytes() -> None:
    lock = lines("requirements.lock")
    assert "torch==2.13.0" in lock
    assert [line for line in lock if line.startswith(("nvidia-cu", "triton", "torchvision"))] == []
    assert (PROJECT / "Makefile").read_text().index("torch==2.13.0") < (PROJECT / "Makefile").read_text().index(
        "--requirement requirements.lock"
    )


def test_what_pyproject_asks_for_is_in_the_lock() -> None:
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    pins = {
        canonicalize_name(line.split("==")[0].split("[")[0]): line.split("==")[1] for line in lines("requirements.lock")
    }
    for text in requires("radloop") or []:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            name = canonicalize_name(wanted.name)
            assert name in pins and Version(pins[name]) in wanted.specifier, text


@pytest.mark.parametrize("target", ["setup", "demo", "repro", "test", "lint", "bench", "up", "down", "clean"])
def test_the_makefile_is_the_one_door(target: str) -> None:
    text = (PROJECT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE), "a target says what it does"
    assert target in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()


def test_ci_tests_from_a_fresh_environment_what_the_readme_says() -> None:
    script = (PROJECT / ".ci" / "run").read_text()
    for step in ("rm -rf .venv", "make setup", "make lint", "make test", "-m slow"):
        assert step in script, step
    assert script.index("rm -rf .venv") < script.index("make setup") < script.index("make lint")


def tracked(path: Path) -> bool:
    done = subprocess.run(["git", "ls-files", "--error-unmatch", path], cwd=PROJECT, capture_output=True, check=False)
    return done.returncode == 0
