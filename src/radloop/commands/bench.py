"""`radloop bench`: what this version costs and how well it does, each part by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radloop.commands.arguments import DEFAULT_CASE, UseCase
from radloop.settings import load_settings

Data = Annotated[Path | None, typer.Option("--data", help="A folder in the layout of ChestX-ray14.")]

app = typer.Typer(help="Measure this version on this machine; alone: jobs.")


@app.callback(invoke_without_command=True)
def _jobs_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        jobs()


@app.command()
def jobs(use_case: UseCase = DEFAULT_CASE) -> None:
    """Time and memory of every job, and ratios against the plain way."""
    from monitoring.bench import monitor_job
    from radloop.bench.running import bench_jobs

    bench_jobs(load_settings(), use_case, [monitor_job(use_case)])


@app.command()
def folds(use_case: UseCase = DEFAULT_CASE, data: Data = None) -> None:
    """Network against both baselines, out of fold: on --data, or on a simulated hospital."""
    from radloop.bench.running import bench_folds
    from radloop.demo import nih, simulated

    bench_folds(load_settings(), use_case, data, nih.KNOBS if data else simulated.KNOBS)


@app.command()
def seeds(
    use_case: UseCase = DEFAULT_CASE,
    seeds: Annotated[int, typer.Option(help="How many hospitals.")] = 20,
    first: Annotated[int, typer.Option(help="The first seed, so that two halves may run side by side.")] = 0,
) -> None:
    """Gate and monitor over many simulated hospitals: how often each verdict was right."""
    from monitoring.bench import bench_seeds

    bench_seeds(load_settings(), use_case, range(first, first + seeds))


@app.command()
def receive(seconds: Annotated[float, typer.Option(help="How long to send.")] = 120.0) -> None:
    """The C-STORE receiver under 16 associations of DCMTK's storescu."""
    from radloop.bench.running import bench_receive

    bench_receive(load_settings(), seconds)


@app.command()
def slices() -> None:
    """CT slices beside pydicom: the survey of 10,000 headers, and identity off."""
    from radloop.bench.running import bench_slices

    bench_slices(load_settings())


@app.command()
def decode() -> None:
    """Each codec beside every library that reads it."""
    from radloop.bench.running import bench_decode

    bench_decode(load_settings())


@app.command()
def workers() -> None:
    """Two reading processes beside one and beside none."""
    from radloop.bench.running import bench_workers

    bench_workers(load_settings())


@app.command()
def frames() -> None:
    """Objects of many frames: memory of admitting and surveying them beside their decoded size."""
    from radloop.bench.running import bench_frames

    bench_frames(load_settings())


@app.command()
def text(
    data: Data = None,
    slices: Annotated[Path | None, typer.Option("--dicom", help="A folder of DICOM without text.")] = None,
    texts: Annotated[int, typer.Option(help="Names for each kind of picture.")] = 60,
    first: Annotated[int, typer.Option(help="The first seed; thresholds were chosen below 5000.")] = 5000,
    page: Annotated[Path | None, typer.Option(help="The page whose table is replaced.")] = None,
) -> None:
    """Names burned into pixels: how many are found, and how many pictures without any are touched."""
    from radloop.bench.running import bench_text

    bench_text(load_settings(), texts, first, (data, slices), page)


@app.command()
def radmlbench(
    data: Annotated[Path, typer.Option(help="A folder of tables: ID, features, Target.")],
    folds: Annotated[int, typer.Option(min=2, help="Outer folds.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often patients are dealt.")] = 5,
    shuffles: Annotated[int, typer.Option(min=1, help="How often labels are permuted.")] = 5,
) -> None:
    """Selected features and their classifiers in nested cross-validation, beside plain ones."""
    from radloop.bench.running import bench_radmlbench

    bench_radmlbench(load_settings(), data, folds, repeats, shuffles)


@app.command()
def packs(
    instances: Annotated[int, typer.Option(help="How many.")] = 100_000,
    size: Annotated[int, typer.Option(help="Bytes of each.")] = 50_000,
) -> None:
    """Versioning of packed instances beside `dvc add` on the same files; needs three times their size on the disk."""
    from radloop.bench.running import bench_packs

    bench_packs(load_settings(), instances, size)


@app.command()
def features(
    beside: Annotated[
        list[Path] | None, typer.Option(help="A python that has mirp, z-rad, nyxus or pycerr; repeatable.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="A folder of *_image.nii.gz beside *_mask.nii.gz.")] = None,
    phantom: Annotated[Path | None, typer.Option(help="The folder of IBSI's digital phantom.")] = None,
    volumes: Annotated[int, typer.Option(help="How many volumes.")] = 100,
    knobs: Annotated[str, typer.Option(help="RoiSettings as JSON.")] = "{}",
) -> None:
    """ROI features beside other engines: reference values, speed, and likeness of the values."""
    from radloop.bench.features import asked
    from radloop.bench.running import bench_features

    bench_features(load_settings(), beside or [], data, phantom, asked(knobs), volumes)


@app.command()
def inference(
    use_case: UseCase = DEFAULT_CASE,
    threads: Annotated[int | None, typer.Option(help="Of every engine; default: RADLOOP_THREADS, or 1.")] = None,
) -> None:
    """One image through torch, ONNX Runtime and OpenVINO, in floats and in 8-bit integers."""
    from radloop.bench.running import bench_inference

    settings = load_settings()
    bench_inference(settings, use_case, threads or settings.threads or 1)
