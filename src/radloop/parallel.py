"""Work spread over processes, and in this one where more would not pay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any


@contextmanager
def mapping(workers: int) -> Iterator[Callable[..., Any]]:
    """A `map` over `workers` processes, in order; the plain one for fewer than two."""
    if workers <= 1:
        yield map
        return
    # spawned and not forked: reading Parquet has started threads, which a fork would freeze
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map
