"""`radloop denoiser`: teach the learned denoiser on simulated films at two doses, and write its weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def denoiser(
    weights: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
    films: Annotated[int, typer.Option(min=1, help="Simulated films to learn from.")] = 60,
    steps: Annotated[int, typer.Option(min=1, help="Steps of learning.")] = 1500,
    size: Annotated[int, typer.Option(help="Pixels a side of the films, a multiple of 16.")] = 256,
    dose: Annotated[
        list[float] | None, typer.Option(help="A share of the clinical dose; repeatable. Default: 0.25, 0.1, 0.04.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds and knobs give equal weights on one machine.")] = 7000,
) -> None:
    """Teach a denoiser on simulated low-dose pairs, judge it on patients it never saw, and write its weights.

    Prints what `denoise.weights` and `denoise.sha256` are to be, and at each dose the PSNR, the contrast of a planted
    nodule that is left, and how detectable it is, before and after.
    """
    from radloop.imaging.learned import run  # torch and numba are slow to import
    from radloop.modeling.denoiser import Lesson, judge, make_pairs, save_denoiser, teach
    from radloop.progress import progress_bar

    lesson = Lesson(films=films, steps=steps, size=size, seed=seed)
    lesson = replace(lesson, doses=tuple(dose)) if dose else lesson
    with progress_bar("films", films) as told:
        pairs = make_pairs(lesson, told)
    with progress_bar("steps", steps) as told:
        network = teach(pairs, lesson, told)
    digest = save_denoiser(network, lesson, weights)
    for share in lesson.doses:
        typer.echo(str(judge(partial(run, network), lesson, share, films=4)))
    typer.echo(f"weights: {weights}")
    typer.echo(f"sha256: {digest}")
