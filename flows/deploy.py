"""Make a candidate champion if everything allows it; try it before and after; go back when it fails."""

from __future__ import annotations

import sys

from prefect import flow

from flows.steps import outside, show, tell, workspace
from radloop.gate import Gate
from radloop.registry import ModelVersion, Registry
from radloop.running import run_here
from radloop.services import serving_url
from radloop.serving.champions import bundle_of
from radloop.settings import load_settings


@outside
def candidate(use_case: str, version: str | int) -> ModelVersion:
    """The version that is asked for, by number or alias; alias moves that a crash interrupted are settled first."""
    registry = Registry(load_settings())
    registry.reconcile()
    return registry.version(use_case, version)


@outside
def try_out(version: ModelVersion) -> None:
    """The smoke set in this process, before any alias moves. Raises GateClosed."""
    from radloop.serving.deploy import smoke, smoke_cases

    place, knobs = workspace(), workspace().classification(version.use_case).deploy
    bundle = bundle_of(Registry(place.settings), version)
    cases = smoke_cases(place.absolute_paths, version.use_case, knobs.smoke_cases)
    smoke(bundle, cases, knobs).require(version.name)


@outside
def promote(version: ModelVersion, who: str, why: str) -> Gate:
    """Move the alias champion if gate, comparison and approvals allow it. Raises GateClosed."""
    from radloop.serving.champions import same_cases

    place = workspace()
    registry, case = Registry(place.settings), place.case(version.use_case)
    return registry.promote(case, version.version, who, why, same_cases(registry, place.absolute_paths, version))


@outside
def live_service(use_case: str) -> str:
    """Address of the service that answers now, however it was started; empty where none does."""
    from radloop.serving.deploy import service_of

    return service_of(load_settings(), use_case)


@outside
def try_service(version: ModelVersion, service: str) -> str:
    """The smoke set through the live service, where there is one; what came of it. Raises GateClosed."""
    from radloop.serving.deploy import smoke_cases, smoke_http

    place, knobs = workspace(), workspace().classification(version.use_case).deploy
    if not service:
        return f"not tried: no service answers at {serving_url(place.settings)}"
    bundle = bundle_of(Registry(place.settings), version)
    cases = smoke_cases(place.absolute_paths, version.use_case, knobs.smoke_cases)
    token = place.settings.serving_token.get_secret_value() if place.settings.serving_token else ""
    smoke_http(service, bundle, cases, knobs, token).require(version.name)
    return f"passed through {service}"


@outside
def go_back(use_case: str, why: str) -> ModelVersion | None:
    """Bring back the champion before."""
    return Registry(load_settings()).rollback(use_case, "deploy flow", why)


@flow(name="deploy", persist_result=False)
def deploy(
    use_case: str = "chest_pneumonia",
    version: str | int = "candidate",
    who: str = "deploy flow",
    why: str = "newest candidate",
) -> ModelVersion:
    """Smoke set, promotion, smoke set through the service; a failure there brings the champion before back."""
    chosen = candidate(use_case, version)
    try_out(chosen)
    service = live_service(use_case)  # before it can die of the new version
    checks = promote(chosen, who, why)
    try:
        live = try_service(chosen, service)
    except Exception as failure:  # a service that died of the new version is no reason to keep it
        go_back(use_case, f"{type(failure).__name__}: {failure}")
        raise
    said = [*(f"- {check.name}: {check.seen}" for check in checks.checks), f"- live smoke set: {live}"]
    show("deploy", "\n".join([f"**{chosen.name}** is champion\n", *said]))
    tell("radloop.champion", use_case, {"version": chosen.version, "bundle": chosen.bundle})
    return chosen


if __name__ == "__main__":
    run_here(deploy, sys.argv[1:])
