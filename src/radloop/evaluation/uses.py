"""How often a test set has been looked at: each look at the same patients spends a little of its honesty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from radloop.files import sha256


def hash_of_test_set(record_ids: Iterable[str]) -> str:
    """The name of a test set: the hash of its sorted record ids, whatever their order and model."""
    return sha256("\n".join(sorted(record_ids)).encode())


def count_uses(bodies: Iterable[Mapping[str, Any]], test_set: str) -> int:
    """How many different bundles have been judged on `test_set`.

    `bodies` are those of the ledger's evaluation entries, each with `test_set_sha256` and `bundle`. Judging one
    bundle twice shows nothing new, so it counts once.
    """
    return len({body.get("bundle") for body in bodies if body.get("test_set_sha256") == test_set})
