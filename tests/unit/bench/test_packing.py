"""The bench of versioning, on few instances with real DVC."""

from __future__ import annotations

from pathlib import Path

import radloop.bench.packing
from radloop.settings import Settings


def test_packed_instances_are_read_back_and_a_later_commit_hashes_its_own_shard_alone(tmp_path: Path) -> None:
    seen = radloop.bench.packing.time_packing(Settings(home=tmp_path / "home"), 60, 2000)
    assert seen.equal == "160 instances equal byte for byte"
    assert (seen.shards, seen.rehashed, seen.most_shards_of_a_study, seen.shards_of_a_checkout) == (1, 1, 1, 1)
    assert seen.plain_pushed_seconds > seen.plain_seconds and seen.packed_pushed_seconds > seen.packed_seconds
    assert seen.plain_cpu > 0 and seen.packed_cpu > 0
    assert not list((tmp_path / "home").glob("bench-packs-*"))
