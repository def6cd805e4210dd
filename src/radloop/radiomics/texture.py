"""Texture of a region: its matrices counted once, then merged and averaged as each aggregation asks.

2D keeps slices apart, 2.5D merges them, 3D knows none; `avg` averages over directions, `comb` merges them.
Source: IBSI-1 reference manual, section 3.6.1 and its like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from radloop.radiomics.cooccurrence import cooccurrence_features
from radloop.radiomics.emphasis import DEPENDENCES, DISTANCE_ZONES, RUNS, SIZE_ZONES, Table, emphases
from radloop.radiomics.kernels import count_pairs, count_runs
from radloop.radiomics.knobs import RoiSettings
from radloop.radiomics.tones import NAMES, tone_features
from radloop.radiomics.voxels import LevelBox

Found = dict[str, float]


def texture_features(box: LevelBox, settings: RoiSettings) -> Found:
    """Every texture feature that `settings` name, by its tag: `cm_contrast_3D_comb`, `szm_sze_2_5D`.

    A slice or direction without any pair of voxels is left out of averages; NaN where all are.
    """
    found: Found = {}
    for family in settings.families:
        if family in _FAMILIES:
            for tag, value in _FAMILIES[family](box, settings):
                found[f"{family}_{tag}"] = value
    return found


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _directed(
    box: LevelBox, settings: RoiSettings, count: Callable[..., None], widths: tuple[int, int]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """For each aggregation its matrices [n, levels, width] and the voxels [n] that each was counted over.

    `widths` are those of matrices within planes and in space.
    """
    wanted = set(settings.aggregations)
    for in_plane, width in zip((True, False), widths, strict=True):
        names = [one for one in settings.aggregations if one.startswith("2") == in_plane]
        if not names:
            continue
        apart = in_plane and bool(wanted & {"2D_avg", "2D_comb"})
        steps = box.steps(in_plane)
        plane = box.planes if apart else np.zeros_like(box.planes)
        voxels = np.bincount(plane)
        counts = np.zeros((voxels.size, steps.size, box.levels, width), np.uint32)
        count(box.flat, box.inside, plane, steps, counts)
        for name in names:
            slices = counts if name.startswith("2D") else counts.sum(axis=0, keepdims=True)
            over = voxels if name.startswith("2D") else voxels.sum(keepdims=True)
            if name.endswith("comb"):
                yield name, slices.sum(axis=1), over * steps.size
            else:
                yield name, slices.reshape(-1, *counts.shape[2:]), np.repeat(over, steps.size)


def _pairs(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    for name, counts, _ in _directed(box, settings, count_pairs, (box.levels, box.levels)):
        for tag, values in cooccurrence_features(np.ascontiguousarray(counts, np.uint32)).items():
            yield f"{tag}_{name}", _mean(values)


def _runs(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    longest = max(box.box.shape[:2]) - 2, max(box.box.shape) - 2
    for name, counts, voxels in _directed(box, settings, count_runs, longest):
        for tag, values in zip(RUNS, emphases(Table.dense(counts, voxels)), strict=False):
            yield f"{tag}_{name}", _mean(values)


def _spaces(settings: RoiSettings) -> list[str]:
    """The aggregations of families without directions: 2D, 2_5D, 3D."""
    return list(dict.fromkeys(one.rsplit("_", 1)[0] for one in settings.aggregations))


def _tables(settings: RoiSettings, names: tuple[str, ...], of: Callable[[bool], Table]) -> Iterator[tuple[str, float]]:
    """Features of a family without directions; `of` makes its matrices, one for each slice where it is told so."""
    spaces = _spaces(settings)
    for in_plane in (True, False):
        chosen = [space for space in spaces if space.startswith("2") == in_plane]
        table = of(in_plane) if chosen else None
        for space in chosen:
            assert table is not None
            features = emphases(table if space == "2D" else table.merged())
            for tag, values in zip(names, features, strict=False):
                yield f"{tag}_{space}", _mean(values)


def _sizes(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    def table(in_plane: bool) -> Table:
        zone, size, _ = box.zones(in_plane)
        return Table.of(box.planes[zone], box.flat[box.inside[zone]], size, np.bincount(box.planes))

    return _tables(settings, SIZE_ZONES, table)


def _distances(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    def table(in_plane: bool) -> Table:
        zone, _, depth = box.zones(in_plane)
        return Table.of(box.planes[zone], box.flat[box.inside[zone]], depth, np.bincount(box.planes))

    return _tables(settings, DISTANCE_ZONES, table)


def _dependences(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    def table(in_plane: bool) -> Table:
        voxels = np.bincount(box.planes) if in_plane else np.array([box.planes.size])
        return Table.dense(box.surroundings(in_plane, settings.coarseness)[1], voxels)

    return _tables(settings, DEPENDENCES, table)


def _tones(box: LevelBox, settings: RoiSettings) -> Iterator[tuple[str, float]]:
    for space in _spaces(settings):
        counts, _ = box.surroundings(space != "3D", settings.coarseness)
        slices = counts if space == "2D" else counts.sum(axis=0, keepdims=True)
        features = np.stack([tone_features(one) for one in slices], axis=1)
        for tag, values in zip(NAMES, features, strict=True):
            yield f"{tag}_{space}", _mean(values)


_FAMILIES = {
    "cm": _pairs, "rlm": _runs, "szm": _sizes, "dzm": _distances, "ngt": _tones, "ngl": _dependences,
}  # fmt: skip
