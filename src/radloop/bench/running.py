"""The parts of `radloop bench`, by name."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import asdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from radloop.bench import ratios
from radloop.bench.clock import TURNS, Job
from radloop.bench.folds import out_of_fold
from radloop.bench.jobs import time_jobs
from radloop.bench.packing import time_packing
from radloop.bench.receiving import time_receiving
from radloop.bench.report import job_rows, keep, ratio_rows, show_jobs, show_ratios, show_table
from radloop.bench.setting import Setting, Size
from radloop.bench.slices import time_edit, time_scan
from radloop.modeling.runtimes import OPENVINO
from radloop.params import Params
from radloop.radiomics.knobs import RoiSettings
from radloop.settings import Settings
from radloop.simulate.knobs import Hospital
from radloop.stages import run_stage


def bench_jobs(settings: Settings, use_case: str, more: Sequence[Job] = (), size: Size | None = None) -> None:
    """Time and memory of every job, then the ratios, on the same films; `more` are jobs of layers above this one."""
    size = size or Size()
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        setting = Setting(Path(folder), settings, size.knobs)
        seen = show_jobs(time_jobs(setting, use_case, size, more))
        keep(settings.root / "bench", "jobs", job_rows(seen))
        ways = (ratios.time_deidentification, ratios.time_prepare, ratios.time_serving, ratios.time_training)
        compared = show_ratios(way(setting, use_case, size.turns) for way in ways)
        keep(settings.root / "bench", "ratios", ratio_rows(compared))
    show_table(
        f"{use_case}: each job as a process, the memory of its largest; params.yaml but {_told(size.knobs)}",
        job_rows(seen),
    )
    show_table(f"{use_case}: beside the plain way, outputs equal", ratio_rows(compared))


def _told(knobs: Mapping[str, object]) -> str:
    return ", ".join(f"{name.partition('.')[2]}={value}" for name, value in knobs.items()) or "nothing"


def bench_folds(
    settings: Settings, use_case: str, data: Path | None, knobs: dict[str, Any], size: Size | None = None
) -> None:
    """Out-of-fold comparison on ChestX-ray14 in `data`, or on a simulated hospital of twice the usual studies."""
    size = size or Size()
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        setting = Setting(Path(folder), settings, knobs)
        if data is None:
            films = setting.incoming(Hospital(image_size=size.side), 2 * size.studies, "training")
            setting.admit(use_case, "simulated", films)
        else:
            setting.admit(use_case, "nih_cxr", data)
        with chdir(setting.folder):
            for verb in ("validate", "split", "prepare"):
                run_stage(verb, use_case)
        found = out_of_fold(setting, use_case).astype(object)
        rows: list[dict[str, Any]] = found.where(found.notna(), None).to_dict("records")  # type: ignore[assignment]
        show_table(f"{use_case}: 5-fold out-of-fold AUROC", rows)
        keep(settings.root / "bench", "folds", rows)


def bench_receive(settings: Settings, seconds: float) -> None:
    """The receiver under 16 associations for some seconds."""
    row = asdict(time_receiving(settings, seconds))
    told = [{"what": name.replace("_", " "), "seen": seen} for name, seen in row.items()]
    show_table("C-STORE of CT slices of 512 x 512, each on the disk before it is answered", told)
    keep(settings.root / "bench", "receive", [row])


def bench_slices(settings: Settings, files: int = 10_000, turns: int = 3) -> None:
    """CT slices beside pydicom: the survey of a folder's headers, and identity off."""
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        compared = show_ratios((time_scan(Path(folder), files, turns), time_edit(turns)))
    keep(settings.root / "bench", "slices", ratio_rows(compared))
    show_table("CT slices beside pydicom, outputs equal", ratio_rows(compared))


def bench_decode(settings: Settings, turns: int = 11) -> None:
    """Lossless streams: ours beside every library at hand, outputs equal."""
    from radloop.bench.decode import time_decoding

    rows = []
    for one in time_decoding(turns):
        rows.append(asdict(one) | {"goal": one.goal})
        show_table(f"{one.codec}, {one.bits} bits: ms of CPU a film of 512 px", rows[-1:])
    keep(settings.root / "bench", "decode", rows)


def bench_workers(settings: Settings, files: int = 1600, turns: int = 3) -> None:
    """De-identification with held processes: compressed slices, then uncompressed ones; 3 min on two quiet cores."""
    from radloop.bench.workers import SYNTAXES, time_workers

    rows = []
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        for syntax in SYNTAXES:
            slices = files // 20 if syntax == "JPEG 2000" else files  # it decodes 30 times more slowly
            rows.append(asdict(time_workers(Path(folder) / syntax, syntax, slices, turns)))
            show_table("CT slices of 512 x 512: files a second with no, one and two workers", rows[-1:])
    keep(settings.root / "bench", "workers", rows)


def bench_frames(settings: Settings) -> None:
    """Objects of many frames: memory beside their decoded size."""
    from radloop.bench.frames import time_frames

    rows = []
    settings.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-frames-", dir=settings.root) as folder:
        for one in time_frames(Path(folder)):
            rows.append(asdict(one))
            show_table("objects of many frames: anonymous memory (MiB) and seconds", rows[-1:])
    keep(settings.root / "bench", "frames", rows)


def bench_text(
    settings: Settings, texts: int, first: int, folders: tuple[Path | None, Path | None], page: Path | None
) -> None:
    """Measure what becomes of names planted in pixels, and of films and DICOM that hold none of ours.

    `folders` are a film set and one of DICOM; the table also goes into `page`, where there is one.
    """
    from radloop.bench.text import measure_films, measure_recall, measure_slices
    from radloop.bench.text_table import HEADER, cells_of, markdown, put_into

    films, slices = folders
    ways = [measure_recall(texts, first)]
    ways += ([measure_films(films)] if films else []) + ([measure_slices(slices)] if slices else [])
    cells = []
    for cell in chain.from_iterable(ways):
        cells.append(cell)
        show_table("burned-in text", [dict(zip(HEADER, cells_of(cell), strict=True))])
    keep(settings.root / "bench", "text", [asdict(cell) for cell in cells])
    if page:
        put_into(page, markdown(cells))


def bench_radmlbench(settings: Settings, folder: Path, folds: int, repeats: int, shuffles: int) -> None:
    """Selection and classification on every table of a folder; 7 min on one busy core for radMLBench's six."""
    from radloop.bench.radmlbench import facts_of, judge_tables, over_tables, rows_of, tables_of
    from radloop.radiomics.nested import Nesting

    judged = []
    apart = ("table", "n", "positives", "patients")
    for one in judge_tables(tables_of(folder), Nesting(folds, repeats), shuffles):
        judged.append(one)
        n, positives = one.rows.loc[0, ["n", "positives"]]
        show_table(
            f"{one.table}, {n} cases, {positives} positive: out-of-fold AUROC, and the first minus each; "
            f"on permuted labels {one.permuted}",
            [{name: cell for name, cell in row.items() if name not in apart} for row in rows_of(one)],
        )
    show_table("mean over tables", over_tables(judged))
    rows = [row for one in judged for row in rows_of(one)]
    kept = {"rows": rows, "mean": over_tables(judged), "tables": [facts_of(one) for one in judged]}
    keep(settings.root / "bench", "radmlbench", kept)


def bench_packs(settings: Settings, instances: int, size: int) -> None:
    """Versioning of packed instances beside plain DVC."""
    row = asdict(time_packing(settings, instances, size))
    told = [{"what": name.replace("_", " "), "seen": seen} for name, seen in row.items()]
    show_table("Instances packed and versioned, beside dvc add on the same files", told)
    keep(settings.root / "bench", "packs", [row])


def bench_features(
    settings: Settings, beside: Sequence[Path], data: Path | None, phantom: Path | None, knobs: RoiSettings, many: int
) -> None:
    """ROI features of a folder's pairs, or of invented ones, and of the phantom, beside the engines at hand."""
    from radloop.bench import features

    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as name:
        folder = Path(name)
        if phantom is not None:
            pair = [(phantom / "phantom.nii.gz", phantom / "mask.nii.gz")]
            answers = [features.our_answer(pair, features.PHANTOM)]
            answers += features.their_answers(beside, pair, features.PHANTOM, folder)
            found = features.rows(features.shares(answers, phantom / "reference_values.csv"))
            show_table("IBSI digital phantom: reference values offered, and within their tolerance", found)
            keep(settings.root / "bench", "phantom", found)
        pairs = features.pairs_of(data)[:many] if data else features.invented_pairs(folder, many)
        answers = [features.our_answer(pairs, knobs), *features.their_answers(beside, pairs, knobs, folder)]
    if len(answers) == 1:
        show_table(
            "no other engine", [{"skipped": "name interpreters that have mirp, z-rad, nyxus or pycerr with --beside"}]
        )
    found = features.rows(features.speeds(answers))
    show_table("ROI features of the same files, by one thread each", found)
    keep(settings.root / "bench", "features", found)


def bench_inference(settings: Settings, use_case: str, threads: int, width: int = 32, turns: int = TURNS) -> None:
    """The use case's classifier, a plain ResNet-18 and a U-Net, one image at a time through every engine at hand."""
    from radloop.bench.inference import subjects, time_engines
    from radloop.modeling.networks import Network

    case, rows = Params.load(settings.project).classification(use_case), []
    packaged = Network(case.train.network, case.train.conv1_stride, case.prepare.size, case.train.filters)
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        for subject in subjects(Path(folder), packaged, width):
            found = [asdict(one) for one in time_engines(subject, threads, turns)]
            show_table("an image at a time", found)
            rows += found
    if not find_spec("openvino"):
        show_table("OpenVINO", [{"skipped": f"its extra is not installed: pip install --no-deps {OPENVINO}"}])
    keep(settings.root / "bench", "inference", rows)
