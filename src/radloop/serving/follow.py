"""Following the champion: look for a new one every few seconds, warm it up, then swap it in at once."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radloop.errors import RadloopError, ServiceUnavailable
from radloop.files import read_json, write_json
from radloop.serving.reader import Served

if TYPE_CHECKING:
    from radloop.bundle import Bundle
    from radloop.modeling.runtimes import Runtime

LOG = logging.getLogger("radloop.serving")


class Champions(Protocol):
    """What the follower asks of the registry."""

    def champion(self, use_case: str) -> Any:
        """The champion's version, or None."""

    def bundle_path(self, use_case: str, which: str | int) -> Path:
        """Folder of that version's bundle on this machine."""


@dataclass(frozen=True)
class State:
    """What is served and how sure we are that it is still the champion; `trouble` is empty when all is well."""

    served: Served | None = None
    trouble: str = ""

    @property
    def status(self) -> str:
        """`ok`, `stale` (served, but the registry is away or its champion unusable) or `no_champion`."""
        if self.served is None:
            return "no_champion"
        return "stale" if self.trouble else "ok"


class Follower:
    """Keeps `state` equal to the registry's champion; readers take it whole, so no request sees half a swap."""

    def __init__(
        self, use_case: str, champions: Champions, note: Path, every: float, engine: Runtime | None = None
    ) -> None:
        self.use_case = use_case
        self.state = State()
        self._champions = champions
        self._note = note
        self._every = every
        self._engine = engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow-champion", daemon=True)

    def start(self) -> None:
        """Look once, so that the first request finds a champion, then go on in the background."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._ended.set()
        self._thread.join(timeout=10)

    def look(self) -> None:
        """Compare with the registry once; whatever goes wrong, the last good bundle stays."""
        try:
            champion = self._champions.champion(self.use_case)
            self._follow(None if champion is None else str(champion.version))
        except ServiceUnavailable as error:
            self._keep("the registry does not answer", error.message)
        except RadloopError as error:
            self._keep(error.message)
        except Exception as error:  # a registry client raises what it likes; answering must not end by that
            self._keep(type(error).__name__)

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            self.look()

    def _follow(self, version: str | None) -> None:
        served = self.state.served
        if version is None:
            self.state = State()  # a withdrawn champion must not go on answering
            self._note.unlink(missing_ok=True)
        elif served is None or served.version != version:
            folder = self._champions.bundle_path(self.use_case, version)
            self._serve(version, folder)
            write_json(self._note, {"version": version, "folder": str(folder)})
            LOG.warning("serving %s version %s", self.use_case, version)
        elif self.state.trouble:
            self.state = State(served)

    def _serve(self, version: str, folder: Path, trouble: str = "") -> None:
        bundle = load(folder, self._engine)
        warm_up(bundle)
        self.state = State(Served(self.use_case, version, bundle), trouble)

    def _keep(self, trouble: str, detail: str = "") -> None:
        """Go on with what is served, else with the last good one; `detail` is for the log, not for strangers."""
        if trouble != self.state.trouble:
            LOG.warning("keeping the last good bundle of %s: %s", self.use_case, detail or trouble)
        if self.state.served is None and self._note.exists():
            last = read_json(self._note)
            try:
                self._serve(last["version"], Path(last["folder"]), trouble)
            except (RadloopError, OSError) as error:
                trouble = f"{trouble}; the last good bundle cannot be read ({type(error).__name__})"
        self.state = State(self.state.served, trouble)


def load(folder: Path, engine: Runtime | None) -> Bundle:
    """The bundle in a folder, verified, on this machine's engine."""
    from radloop.bundle import load_bundle  # its engine is slow to import and infer brings a loaded one

    return load_bundle(folder, runtime=engine)


def warm_up(bundle: Bundle) -> None:
    """Ask a bundle about a black film, so that the first patient does not wait for its engine."""
    size = bundle.preprocess.size
    bundle.predict(np.zeros((1, size, size), np.uint8))
