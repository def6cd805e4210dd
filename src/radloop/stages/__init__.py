"""One file per DVC stage, each with `run(case, paths)`: reads files, calls rooms, writes files.

`run_stage` is what `python -m radloop stage <verb> <use_case>` calls: it keeps the gates and notes failures,
because DVC loses a stage's exit code.
"""

from __future__ import annotations

import importlib

from radloop.errors import ConfigurationError, RadloopError, StudyRejected
from radloop.files import write_json
from radloop.gate import require
from radloop.params import Params, Paths

#: The verbs that judge: whatever follows them in a chain needs their gate open.
GATES = ("validate", "split", "evaluate", "overlap")


def run_stage(verb: str, use_case: str) -> None:
    """Run one stage in the current folder.

    Raises ConfigurationError for an unknown verb, GateClosed behind a closed gate, and whatever the stage raises.
    """
    params = Params.load()
    outcome = params.paths.outcome(use_case, verb)
    outcome.unlink(missing_ok=True)
    try:
        case = params.use_case(use_case)
        chain = params.verbs(use_case)
        if verb not in chain:
            raise ConfigurationError(f"{use_case} has no stage {verb!r}; it has {', '.join(chain)}", "choose one")
        require_upstream(chain, verb, params.paths, use_case)
        importlib.import_module(f"radloop.stages.{verb}").run(case, params.paths)
    except RadloopError as error:
        reason = error.reason if isinstance(error, StudyRejected) else ""
        note = {
            "verb": verb, "family": error.family, "message": error.message,
            "next_step": error.next_step, "reason": reason,
        }  # fmt: skip
        write_json(outcome, note)
        raise


def require_upstream(chain: list[str], verb: str, paths: Paths, use_case: str) -> None:
    """Keep every gate that stands before `verb`, so that `dvc repro` by hand has teeth too.

    Raises GateClosed.
    """
    for earlier in chain[: chain.index(verb)]:
        if earlier in GATES:
            require(paths.gate(use_case, earlier))
