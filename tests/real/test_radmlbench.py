"""Selection and classification on published radiomics tables: something is found, and nothing on permuted labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.bench.radmlbench import OURS, judge_table, tables_of
from radloop.radiomics.nested import Nesting
from radloop.radiomics.table import FeatureTable

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def tables(shared_data: Path) -> dict[str, FeatureTable]:
    folder = shared_data / "radmlbench"
    if not folder.is_dir():
        pytest.skip("needs the tables of radMLBench in radmlbench/; set RADLOOP_SHARED_DATA to their parent")
    return {table.name: table for table in tables_of(folder)}


def test_the_six_tables_are_read_whole(tables: dict[str, FeatureTable]) -> None:
    assert {name: (*table.features.shape, int(table.labels.sum())) for name, table in tables.items()} == {
        "Ahn2021": (114, 108, 63), "C4KC-KiTS": (70, 315, 46), "HCC-TACE-Seg": (84, 420, 12),
        "Head-Neck-PET-CT": (91, 210, 61), "LNDb": (173, 105, 115), "WORC-Liver": (186, 1015, 94),
    }  # fmt: skip


def test_a_table_that_tells_something_tells_nothing_once_its_labels_are_permuted(
    tables: dict[str, FeatureTable],
) -> None:
    judged = judge_table(tables["WORC-Liver"], Nesting(folds=5, repeats=1), shuffles=2)
    ours = judged.rows.set_index("scorer").loc[OURS]
    assert ours["low"] > 0.5
    assert judged.permuted.low < 0.5 < judged.permuted.high  # type: ignore[operator]
