"""What radloop costs beside the plain way: the same work on the same arrays, outputs checked equal first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from radloop.bench.clock import TURNS, Ratio, compare
from radloop.bench.setting import KEY, Setting
from radloop.bundle import load_bundle
from radloop.catalog import read_contents
from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.strip import strip
from radloop.errors import RadloopError
from radloop.files import sha256
from radloop.imaging.films import prepare_film, prepare_films
from radloop.imaging.preprocess import Preprocess
from radloop.predictions import PredictionLog
from radloop.serving.reader import Occasion, Served, answer, read_study
from radloop.simulate.knobs import Hospital
from radloop.stages.prepare import films_of

OVERHEAD = 1.05  # the largest ratio that is wished for of training
UNLIKE = "the bench compares unlike things: mend it before its figures are used"
SOME = 32  # films that are served, or prepared a second time to compare
FILMS, SIDE = 64, 512


def same(what: str, ours: np.ndarray, plain: np.ndarray, tolerance: float) -> str:
    """Say how equal two outputs are.

    Raises RadloopError where they are not, because a ratio of different work means nothing.
    """
    if ours.shape != plain.shape or not ours.size:
        raise RadloopError(f"{what} are of shapes {ours.shape} and {plain.shape}", UNLIKE)
    apart = float(np.max(np.abs(ours.astype(float) - plain.astype(float))))
    if not apart <= tolerance:
        raise RadloopError(f"{what} differ by {apart:g}, more than {tolerance:g}", UNLIKE)
    return f"{what} at most {apart:.1g} apart"


def unchanged(films: pd.DataFrame, contents: Iterable[tuple[int, bytes]]) -> str:
    """Say that every film's bytes are those that the catalog names by their sha256.

    Raises RadloopError where one's are not, or where a film was not read exactly once.
    """
    read = sorted((position, sha256(content)) for position, content in contents)
    if read != list(enumerate(films["sha256"])):
        raise RadloopError("the films read are not those of the catalog", UNLIKE)
    return f"{len(read)} films with the sha256 of the catalog"


def time_deidentification(setting: Setting, use_case: str, turns: int = TURNS) -> Ratio:
    """Identity off 64 films by splicing a new header, against our plain path, which decodes and writes with pydicom."""
    folder = setting.incoming(Hospital(image_size=SIDE), FILMS, "strangers")
    contents = [path.read_bytes() for path in sorted(folder.glob("*.dcm"))]
    pseudonyms = Pseudonyms(KEY)

    def ours() -> list[bytes]:
        return [bytes(strip(content, pseudonyms).content) for content in contents]

    def plain() -> list[bytes]:
        return [to_bytes(deidentify(read_dicom(content), pseudonyms)) for content in contents]

    if ours() != plain():
        raise RadloopError("the two ways to remove identity give different bytes", "this is a bug of the fast path")
    equal = "files equal byte for byte"
    return compare(f"de-identify: {len(contents)} films of {SIDE} px", (ours, plain), equal, turns)


def time_training(setting: Setting, use_case: str, turns: int = TURNS) -> Ratio:
    """An epoch with augmentation, averaging, validation, journal and checkpoint against a bare PyTorch loop."""
    from radloop.bench.training import Bare, Ours

    ours, plain = Ours(setting, use_case), Bare(setting, use_case)
    equal = same("losses of an epoch without augmentation", ours.plain_losses(), plain.losses(), 2e-3)
    return compare("train: one epoch", (ours.epoch, plain.epoch), equal, turns, OVERHEAD)


def time_serving(setting: Setting, use_case: str, turns: int = TURNS) -> Ratio:
    """A DICOM study from bytes to a journalled answer, without HTTP, against ONNX Runtime on the prepared image."""
    bundle = load_bundle(setting.paths.stage(use_case, "package") / "bundle")
    films = films_of(setting.paths, use_case).head(SOME)
    contents = [content for _, content in read_contents(setting.paths.snapshot(use_case), films)]
    pseudonyms, served = Pseudonyms(KEY), Served(use_case, "1", bundle)
    prepared = [read_study(content, bundle, pseudonyms).image[None, None] for content in contents]
    with tempfile.TemporaryDirectory() as folder:
        log = PredictionLog(Path(folder))

        def ours() -> list[float]:
            logits = []
            for content in contents:
                found = answer([read_study(content, bundle, pseudonyms)], served, Occasion("serve", date(2024, 1, 1)))
                log.append(found)
                logits.append(found[0].logit)
            return logits

        def plain() -> list[float]:
            return [float(bundle.engine.infer(image)[0][0]) for image in prepared]

        equal = same("logits", np.array(ours()), np.array(plain()), 1e-5)
        return compare(f"serve: {len(contents)} studies", (ours, plain), equal, turns)


def time_prepare(setting: Setting, use_case: str, turns: int = TURNS) -> Ratio:
    """Films to prepared images and statistics against reading their bytes alone."""
    snapshot, films = setting.paths.snapshot(use_case), films_of(setting.paths, use_case)
    knobs = Preprocess(**setting.case(use_case).prepare.model_dump())
    target = setting.folder / "prepared.npy"

    def ours() -> int:
        return len(prepare_films(snapshot, films, knobs, target, setting.settings.workers))

    def plain() -> int:
        return sum(len(content) for _, content in read_contents(snapshot, films))

    equal = unchanged(films, read_contents(snapshot, films))
    ours()
    prepared = np.load(target, mmap_mode="r")
    few = films.head(SOME)
    for position, content in read_contents(snapshot, few):
        image, _ = prepare_film(content, few["content_type"].iloc[position], knobs)
        same("prepared images", prepared[position], image, 0)
    equal += f", {len(few)} prepared from them to the same bits"
    return compare(f"prepare: {len(films)} films", (ours, plain), equal, turns)
