"""The whole story once: a hospital, a model, a quiet month, a shifted one, a verdict, labels, and a retrain."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from prefect.client.orchestration import get_client

from flows.deploy import deploy
from flows.infer import infer
from flows.ingest import ingest
from flows.monitor import monitor
from flows.retrain import retrain
from flows.train import train
from radloop.demo.cast import Cast, Month, clear_stage
from radloop.demo.closing import Retrained, Told, closing_table
from radloop.demo.labels import labels_of
from radloop.demo.nih import nih_cast
from radloop.demo.simulated import simulated_cast
from radloop.errors import GateClosed
from radloop.memory import PeakMemory
from radloop.predictions import PredictionLog
from radloop.registry import Registry
from radloop.running import run_here
from radloop.settings import Settings, load_settings
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


def tell_story(seed: int = 0, data: str | None = None) -> None:
    """Play all chapters, print the closing table, and exit with 0 where the story went as it should."""
    settings = load_settings()
    with PeakMemory() as memory:
        told = Told(time.monotonic(), memory)
        cast = _open_stage(settings, seed, data, told)
        _play(cast, settings, told)
    sys.exit(closing_table(told, cast, settings, CASE))


def _play(cast: Cast, settings: Settings, told: Told) -> None:
    """Every chapter after the cast, in order."""
    with told.chapter("ingest") as chapter:
        chapter.seen = ingest(CASE, cast.source, str(cast.training))
    with told.chapter("train") as chapter:
        chapter.seen = train(CASE)
    with told.chapter("deploy") as chapter:
        chapter.seen = deploy(CASE)
    for month in cast.months:
        _play_month(month, cast, settings, told)
    with told.chapter("retrain") as chapter:
        chapter.seen = _retrain(settings)


def _open_stage(settings: Settings, seed: int, data: str | None, told: Told) -> Cast:
    """Start Prefect's server and, while it wakes up, put the cast together."""
    clear_stage(settings.root)
    waking = threading.Thread(target=_wake_prefect)
    waking.start()
    folder = settings.root / "incoming"
    with told.chapter("cast") as chapter:
        if data is None:
            cast = simulated_cast(folder, seed, settings.workers)
        else:
            cast = nih_cast(Path(data), folder, Workspace(settings).project_case(CASE).task.finding)
        Workspace(settings).override(cast.knobs)
        chapter.seen = cast
    waking.join()
    return cast


def _wake_prefect() -> None:
    with get_client(sync_client=True) as client:
        client.hello()


def _play_month(month: Month, cast: Cast, settings: Settings, told: Told) -> None:
    with told.chapter(f"infer {month.name}"):
        infer(CASE, str(month.folder), cast.source, None if cast.source == "simulated" else month.start)
    if month.labels_come:
        with told.chapter(f"labels of {month.name}") as chapter:
            log = PredictionLog(settings.log)
            chapter.seen = log.add_labels(labels_of(month, cast, log, settings, CASE))
    with told.chapter(f"monitor {month.name}") as chapter:
        chapter.seen = monitor(CASE, month.start, month.end, month.name)


def _retrain(settings: Settings) -> Retrained:
    """A retrain may honestly end at a closed gate; whether it had learnt by then, the closing table looks."""
    refusal = None
    try:
        retrain(CASE)
    except GateClosed as closed:
        refusal = closed
    return Retrained(Registry(settings).version(CASE, "candidate"), refusal)


if __name__ == "__main__":
    run_here(tell_story, sys.argv[1:])
