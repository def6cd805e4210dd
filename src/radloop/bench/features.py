"""ROI features beside other engines: how many reference values each has right, and how fast it is.

The others live in interpreters of their own, named by the user, because what they need must not come in here.
"""

from __future__ import annotations

import csv
import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from scipy import ndimage

from radloop.bench import oracles
from radloop.bench.clock import met
from radloop.dicom.volume import Volume
from radloop.errors import ConfigurationError
from radloop.nifti import Nifti, nifti_bytes, read_nifti
from radloop.radiomics import Discretise, RoiSettings, VolumeHistogram, extract
from radloop.radiomics.knobs import AGGREGATIONS
from radloop.settings import quiet_environment

PHANTOM = RoiSettings(
    discretise=Discretise(how="fbs", width=1),
    volume_histogram=VolumeHistogram(how="none"),
    aggregations=AGGREGATIONS,
)
LIKE = 0.01  # two engines' values that differ by less than this share are called alike
Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Answer:
    """What one engine found of some pairs: seconds and features of each, or why it failed."""

    engine: str
    version: str
    seconds: tuple[float, ...] = ()
    features: tuple[dict[str, float], ...] = ()
    failed: str = ""


@dataclass(frozen=True)
class Share:
    """How many of the reference values one engine offers, and how many of those it has within their tolerance."""

    engine: str
    rows: int
    offered: int
    within: int
    failed: str = ""


@dataclass(frozen=True)
class Speed:
    """One engine over the same volumes; `alike` is the share of its values that are ours within 1 %.

    `features` are those that it has in common with ours, `goal` whether ours is at least as fast.
    """

    engine: str
    volumes: int
    features: int
    ms_per_volume: float = 0.0
    features_per_second: float = 0.0
    ours_times_as_fast: float = 0.0
    alike: float = 0.0
    goal: str = ""
    failed: str = ""


def our_answer(pairs: Sequence[Pair], settings: RoiSettings) -> Answer:
    """Ours over the pairs, each from its files, after one to warm up."""
    _ours(pairs[0], settings)
    seconds, features = [], []
    for pair in pairs:
        began = time.perf_counter()
        features.append(_ours(pair, settings))
        seconds.append(time.perf_counter() - began)
    return Answer("radloop", "", tuple(seconds), tuple(features))


def _ours(pair: Pair, settings: RoiSettings) -> dict[str, float]:
    image, mask = (read_nifti(path.read_bytes()) for path in pair)
    drawn = Volume.from_ras(mask.labels(), mask.affine)
    return dict(extract(Volume.from_ras(image.values(), image.affine), drawn, settings).values)


def their_answers(
    interpreters: Iterable[Path], pairs: Sequence[Pair], settings: RoiSettings, folder: Path
) -> list[Answer]:
    """What the engines of other interpreters find with the same knobs. Raises ConfigurationError for no interpreter."""
    task = folder / "task.json"
    task.write_text(json.dumps(_task(pairs, settings)))
    found = []
    for interpreter in interpreters:
        if not interpreter.is_file():
            raise ConfigurationError(f"{interpreter.name} is no interpreter.", "name the python of an environment")
        done = subprocess.run(
            [interpreter, "-I", oracles.__file__, task], capture_output=True, text=True, check=False, cwd=folder,
            env=quiet_environment(OMP_NUM_THREADS="1"),
        )  # fmt: skip
        found += [_read(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return found


def _task(pairs: Sequence[Pair], settings: RoiSettings) -> dict[str, Any]:
    return {
        "pairs": [[str(path) for path in pair] for pair in pairs],
        "spacing": settings.resample.spacing or None,
        "range": settings.resegment.range or None,
        "outliers": settings.resegment.outliers,
        "how": settings.discretise.how,
        "bins": settings.discretise.bins,
        "width": settings.discretise.width,
        "ivh": {"none": "none", "fbn": "fixed_bin_number"}[settings.volume_histogram.how],
        "aggregations": settings.aggregations,
    }


def _read(line: str) -> Answer:
    told = json.loads(line)
    pairs = told.get("pairs", [])
    seconds, features = (tuple(pair[part] for pair in pairs) for part in ("seconds", "features"))
    return Answer(told["engine"], told["version"], seconds, features, told.get("failed", ""))


def shares(answers: Iterable[Answer], reference: Path) -> list[Share]:
    """How each engine does on the phantom, whose `reference` values lie in a table of value, tolerance and tag.

    A value is right if, rounded to three significant digits, it lies within the tolerance. Rows without a reference
    value are offered or not, and never right.
    """
    with reference.open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    found = []
    for one in answers:
        seen = one.features[0] if one.features else {}
        offered = [row for row in rows if row["tag"] in seen]
        right = sum(within(seen[row["tag"]], row["reference value"], row["tolerance"]) for row in offered)
        found.append(Share(f"{one.engine} {one.version}".strip(), len(rows), len(offered), right, one.failed))
    return found


def within(value: float, reference: str, tolerance: str) -> bool:
    """Whether a value agrees with a reference of three significant digits."""
    if not reference or not np.isfinite(value):
        return False
    return abs(float(f"{value:.3g}") - float(reference)) <= float(tolerance) + 1e-12


def speeds(answers: Sequence[Answer]) -> list[Speed]:
    """The engines side by side, ours first: it is what the others are compared with."""
    ours = answers[0]
    return [_speed(one, ours) for one in answers]


def _speed(one: Answer, ours: Answer) -> Speed:
    name = f"{one.engine} {one.version}".strip()
    if one.failed or not one.seconds:
        return Speed(name, 0, 0, failed=one.failed or "no answer")
    alike = [
        _alike(value, mine[tag])
        for seen, mine in zip(one.features, ours.features, strict=True)
        for tag, value in seen.items()
        if tag in mine
    ]
    many, total = len(one.seconds), sum(one.seconds)
    common = len(one.features[0].keys() & ours.features[0].keys())
    times = total / sum(ours.seconds)
    goal = "" if one is ours else f"at least 1: {met(times >= 1)}"
    share = float(np.mean(alike)) if alike else 0.0
    return Speed(name, many, common, 1000 * total / many, common * many / total, times, share, goal)


def _alike(value: float, mine: float) -> bool:
    if not (np.isfinite(value) and np.isfinite(mine)):
        return bool(np.isnan(value) and np.isnan(mine))
    return abs(value - mine) <= LIKE * max(abs(value), abs(mine)) + 1e-9


def pairs_of(folder: Path) -> list[Pair]:
    """The images and masks of a folder: `NAME_image.nii.gz` beside `NAME_mask.nii.gz`, at any depth.

    Raises ConfigurationError where there is none.
    """
    found = []
    for image in sorted(folder.rglob("*_image.nii*")):
        mask = image.with_name(image.name.replace("_image.nii", "_mask.nii"))
        found += [(image, mask)] if mask.is_file() else []
    if not found:
        raise ConfigurationError("the folder holds no pair of image and mask.", "name them *_image.nii, *_mask.nii")
    return found


def invented_pairs(folder: Path, volumes: int, seed: int = 0) -> list[Pair]:
    """Lumps of smooth noise of 8,000 to 30,000 voxels of 2 mm, as NIfTI files, where no real ones are at hand."""
    random, found = np.random.default_rng(seed), []
    for number in range(volumes):
        shape = tuple(int(n) for n in random.integers(44, 64, 3))
        field = ndimage.gaussian_filter(random.normal(size=shape), 1.5)
        radius = random.uniform(12, 20, 3)
        away = np.meshgrid(*((np.arange(n) - n / 2) / r for n, r in zip(shape, radius, strict=True)), indexing="ij")
        lump = sum(part**2 for part in away) + 4 * ndimage.gaussian_filter(random.normal(size=shape), 4) < 1
        values = (1000 + 4000 * field).astype("<i2")
        pair = folder / f"{number:03}_image.nii", folder / f"{number:03}_mask.nii"
        for path, voxels in zip(pair, (values, lump.astype("u1")), strict=True):
            path.write_bytes(nifti_bytes(Nifti(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))))
        found.append(pair)
    return found


def rows(found: Iterable[Share | Speed]) -> list[dict[str, Any]]:
    """Rows of a table."""
    return [asdict(one) for one in found]


def asked(knobs: str) -> RoiSettings:
    """The settings of a comparison, from JSON. Raises ConfigurationError where they are none, or others know no such.

    The intensity-volume histogram of the comparison is one that every engine has.
    """
    try:
        settings = RoiSettings.model_validate_json(knobs)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"])) or "the text"
        raise ConfigurationError(f"--knobs: {place}: {wrong['msg']}", "look at docs/concepts/roi-features.md") from None
    if settings.volume_histogram.how == "fbs":
        raise ConfigurationError("--knobs: volume_histogram.how is fbs.", "compare with fbn or none")
    return settings
