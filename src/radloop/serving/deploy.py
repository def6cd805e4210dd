"""The smoke set: a new version must say again what it said when it was judged, and refuse what it must refuse."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pandas as pd

from radloop.catalog import read_content
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import GateClosed, ServiceUnavailable, StudyRejected
from radloop.gate import Check
from radloop.params import Deploy, Paths
from radloop.sections.intake import Deidentify
from radloop.services import serving_url
from radloop.serving.reader import read_study
from radloop.serving.strangers import strangers
from radloop.settings import Settings

if TYPE_CHECKING:
    from radloop.bundle import Bundle

SMOKE = {"x-radloop-smoke": "1"}
PATIENCE = 30.0  # seconds in which a live service must have taken a new champion up


@dataclass(frozen=True)
class SmokeCase:
    """A held-out film: as the network saw it, as it was stored, and the probability that was judged."""

    image: np.ndarray
    content: bytes
    score: float


@dataclass(frozen=True)
class SmokeReport:
    """Each check of a new version, whether it holds, and what was seen."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True when every check holds and there was one."""
        return bool(self.checks) and all(check.holds for check in self.checks)

    def require(self, what: str) -> SmokeReport:
        """Return itself when passed. Raises GateClosed, naming what failed, for the caller to roll back."""
        if not self.passed:
            failed = [f"{check.name}: saw {check.seen}, rule {check.rule}" for check in self.checks if not check.holds]
            raise GateClosed(
                f"the smoke set of {what} failed ({'; '.join(failed) or 'no check was made'}).",
                "look at this version before anybody is answered by it",
            )
        return self


def smoke_cases(paths: Paths, use_case: str, count: int) -> list[SmokeCase]:
    """The first `count` held-out films of the last run, in the order of their ids: the same ones every time."""
    judged = pd.read_parquet(paths.stage(use_case, "predict") / "predictions.parquet")
    held_out = judged[judged["split"] == "test"].sort_values("record_id").head(count)
    prepared = paths.stage(use_case, "prepare")
    index = pd.read_parquet(prepared / "index.parquet").set_index("record_id")
    images = np.load(prepared / "images.npy", mmap_mode="r")
    cases = []
    for record_id, score in zip(held_out["record_id"], held_out["score"], strict=True):
        row = index.loc[record_id]
        content = read_content(paths.snapshot(use_case), row)
        cases.append(SmokeCase(np.array(images[int(row["row"])]), content, float(score)))
    return cases


#: What is stored has been through the installation's own profile, which may keep more than the default.
_AS_STORED = Profile(Deidentify(clean_pixel_data="keep", clean_recognizable_visual_features="keep"))


def smoke(bundle: Bundle, cases: Sequence[SmokeCase], deploy: Deploy) -> SmokeReport:
    """Try a bundle in this process, before any alias moves.

    From the stored bytes on, as a live study would come: reading and preparing are tried with it.
    """
    pseudonyms = Pseudonyms(b"smoke" * 8, _AS_STORED)
    scores, seconds, unequal = [], [], 0
    for case in cases:
        began = time.perf_counter()
        study = read_study(case.content, bundle, pseudonyms)
        scores.append(float(bundle.predict(study.image[None]).score[0]))
        seconds.append(time.perf_counter() - began)
        unequal += not np.array_equal(study.image, case.image)
    refused = [name for name, content in strangers(bundle).items() if _refuses(bundle, content, pseudonyms)]
    return SmokeReport(
        (
            Check("same images", unequal == 0, f"{unequal} differ", "each film is prepared as it was in training"),
            *_checks(cases, scores, seconds, deploy),
            _refusals(refused, strangers(bundle)),
        )
    )


def service_of(settings: Settings, use_case: str) -> str:
    """Address of the service that a deployment concerns, empty where none answers.

    At an address of the settings anyone's service counts; at the usual port only this installation's own, because a
    demonstration must not try its model on the service that happens to hold that port.
    """
    url = serving_url(settings)
    return url if answers(url, use_case, None if settings.serving_url else settings.mark) else ""


def answers(base_url: str, use_case: str, installation: str | None) -> bool:
    """Whether a service for this use case, and of this installation where one is given, lives at an address."""
    try:
        health = httpx.get(f"{base_url}/healthz", timeout=5, trust_env=False).raise_for_status().json()
        return health["use_case"] == use_case and installation in (None, health["installation"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):  # nobody, or somebody else's server
        return False


def smoke_http(
    base_url: str, bundle: Bundle, cases: Sequence[SmokeCase], deploy: Deploy, token: str = ""
) -> SmokeReport:
    """Try a bundle through the live service that should be serving it; the answers are journalled as no production.

    A service that has not taken the bundle up in time fails the check, for it could not load it.
    Raises ServiceUnavailable where no service answers.
    """
    headers = SMOKE | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False) as client:
            taken_up = _taken_up(client, bundle.hash)
            if not taken_up.holds:
                return SmokeReport((taken_up,))
            replies = [client.post("/predict", content=case.content) for case in cases]
            foreign = strangers(bundle)
            refused = [name for name in foreign if client.post("/predict", content=foreign[name]).status_code == 422]
    except httpx.HTTPError as error:
        raise ServiceUnavailable(f"the service at {base_url} does not answer ({type(error).__name__}).") from error
    answers = [reply.json() for reply in replies if reply.status_code == 200]
    answered = Check("answers", len(answers) == len(cases), f"{len(answers)} of {len(cases)}", "every film is answered")
    if not answered.holds:
        return SmokeReport((taken_up, answered, _refusals(refused, foreign)))
    scores = [float(reply["probability"]) for reply in answers]
    others = sum(reply["bundle"] != bundle.hash for reply in answers)
    own = Check("this bundle", others == 0, f"{others} by another bundle", "every answer is this bundle's own")
    seconds = [reply.elapsed.total_seconds() for reply in replies]
    return SmokeReport((taken_up, answered, own, *_checks(cases, scores, seconds, deploy), _refusals(refused, foreign)))


def _checks(
    cases: Sequence[SmokeCase], scores: Sequence[float], seconds: Sequence[float], deploy: Deploy
) -> tuple[Check, Check]:
    furthest = max((abs(case.score - score) for case, score in zip(cases, scores, strict=True)), default=float("inf"))
    typical = 1000 * median(seconds) if seconds else float("inf")
    return (
        Check(
            "same scores",
            furthest <= deploy.smoke_tolerance,
            f"{len(cases)} films, at most {furthest:.2g} apart",
            f"at most {deploy.smoke_tolerance:g} from what was judged",
        ),
        Check(
            "latency",
            typical <= deploy.largest_latency_ms,
            f"{typical:.0f} ms",
            f"median at most {deploy.largest_latency_ms:g} ms",
        ),
    )


def _refusals(refused: Sequence[str], foreign: dict[str, bytes]) -> Check:
    let_in = sorted(foreign.keys() - set(refused))
    return Check("refusals", not let_in, ", ".join(let_in) or "none let in", f"refuses {', '.join(foreign)}")


def _refuses(bundle: Bundle, content: bytes, pseudonyms: Pseudonyms) -> bool:
    try:
        read_study(content, bundle, pseudonyms)
    except StudyRejected:
        return True
    return False


def _taken_up(client: httpx.Client, bundle_hash: str) -> Check:
    deadline, health = time.monotonic() + PATIENCE, client.get("/healthz").json()
    while health["bundle"] != bundle_hash and time.monotonic() < deadline:
        time.sleep(0.2)
        health = client.get("/healthz").json()
    seen = f"serves version {health['version']}, {health['status']} {health['trouble']}".strip()
    return Check(
        "taken up", health["bundle"] == bundle_hash, seen, f"serves bundle {bundle_hash[:12]} in {PATIENCE:g} s"
    )
