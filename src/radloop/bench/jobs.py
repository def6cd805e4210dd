"""Each job of the loop as a whole process: its time and its memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from radloop.bench.clock import Job, Measured, measure
from radloop.bench.setting import Setting, Size
from radloop.demo.simulated import periods

#: Stages that are timed as DVC runs them.
STAGES = ("validate", "split", "prepare", "train", "calibrate", "package", "predict", "evaluate")
#: Films of 512 x 512 that the simulated hospital should write in a second.
WANTED = 40.0


def jobs(setting: Setting, use_case: str, size: Size) -> list[Job]:
    """Every job but monitoring, in the order of the loop; each finds what the ones before it have left."""
    films, month = f"{size.studies} films of {size.side} px", f"{size.month} films of {size.side} px"
    snapshot = str(setting.paths.snapshot(use_case).relative_to(setting.folder))
    simulate = ("radloop", "simulate", "films", "--studies", str(size.written))
    smoke = f"smoke set of {setting.case(use_case).deploy.smoke_cases} films"
    return [
        Job("help", "radloop --help", ("radloop", "--help")),
        Job("simulate", f"{size.written} films of 512 px", simulate, ("films",), size.written, WANTED),
        Job("ingest", films, _work("ingest", use_case), (snapshot,), size.studies),
        *(Job(verb, films, ("radloop", "stage", verb, use_case)) for verb in STAGES),
        Job("reference", films, _work("reference", use_case)),
        Job("deploy", smoke, _work("deploy", use_case)),
        Job("infer", month, _work("infer", use_case), ("home",), size.month),
    ]


def _work(job: str, use_case: str) -> tuple[str, ...]:
    return ("radloop.bench.work", job, use_case)


def time_jobs(setting: Setting, use_case: str, size: Size, more: Sequence[Job] = ()) -> Iterator[Measured]:
    """Time every job and then `more`, those of layers above this one."""
    for period, studies in (("training", size.studies), ("july", size.month)):
        setting.incoming(replace(periods(0)[period], image_size=size.side), studies, period)
    for job in [*jobs(setting, use_case, size), *more]:
        yield measure(job, setting.folder, size.runs)
