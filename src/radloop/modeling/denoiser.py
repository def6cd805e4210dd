"""Teach the denoiser on pairs of simulated films, whose noise is known because both doses are ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch.nn import functional

from radloop.errors import ConfigurationError
from radloop.files import sha256, write_bytes
from radloop.imaging.learned import HIGH, LOW, Architecture, Denoiser, level_of, one_thread
from radloop.imaging.preprocess import Window
from radloop.simulate.doses import at_doses
from radloop.simulate.findings import NODULE
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study, study

Pair = tuple[np.ndarray, np.ndarray]
#: From a film to the same film with less noise.
Remover = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lesson:
    """How a denoiser is taught: `films` of a hospital of `seed` and `size` pixels a side, at `doses` of the clinical.

    Each step shows `batch` patches of `patch` pixels a side; `learning_rate` is the first of a cosine's half. Films
    of odd index have a nodule, so that small round densities are seen to be no noise.
    """

    films: int = 60
    seed: int = 7000
    size: int = 256
    doses: tuple[float, ...] = (0.25, 0.1, 0.04)
    steps: int = 1500
    batch: int = 8
    patch: int = 40
    learning_rate: float = 0.002
    architecture: Architecture = field(default_factory=Architecture)

    def __post_init__(self) -> None:
        if min(self.films, self.steps, self.batch) < 1 or not 3 <= self.patch <= self.size:
            raise ConfigurationError("films, steps, batch and patch leave nothing to learn from.", "choose 1 or more")


def make_pairs(lesson: Lesson, told: Callable[[int], None] | None = None) -> list[Pair]:
    """Noisy and clean pictures of every film at every dose, both scaled by the noisy one's window, float32 [n, n]."""
    hospital = Hospital(seed=lesson.seed, image_size=lesson.size)
    pairs = []
    for index in range(lesson.films):
        film = at_doses(hospital, _planted(hospital, index, (index % 10) / 10 if index % 2 else None), lesson.doses)
        for noisy in film.noisy:
            black, white = np.percentile(noisy, (LOW, HIGH))
            window = Window(float(black), float(white))
            pairs.append((window.apply(noisy), window.apply(film.clean)))
        if told:
            told(1)
    return pairs


def teach(pairs: list[Pair], lesson: Lesson, told: Callable[[int], None] | None = None) -> Denoiser:
    """Fit a denoiser to `pairs` on random patches; equal arguments give equal weights.

    Errors count in units of each film's noise and by Huber's loss, or the darkest films alone would teach. On one
    thread, because sums round differently on several. `told` hears of each step.
    """
    generator = torch.Generator().manual_seed(lesson.seed)
    noisy, clean = (torch.from_numpy(np.stack([pair[side] for pair in pairs])) for side in (0, 1))
    levels = torch.tensor([level_of(pair[0]) for pair in pairs])
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(lesson.seed)
        network = Denoiser(lesson.architecture)
        optimiser = torch.optim.Adam(network.parameters(), lesson.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, lesson.steps)
        for _ in range(lesson.steps):
            film = torch.randint(len(pairs), (lesson.batch,), generator=generator)
            seen, wanted = _patches((noisy, clean), film, lesson.patch, generator)
            level = levels[film]
            unit = level.view(-1, 1, 1, 1)
            loss = functional.smooth_l1_loss(network(seen, level) / unit, wanted / unit)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if told:
                told(1)
    return network.eval().requires_grad_(False)


def _patches(
    sides: tuple[torch.Tensor, torch.Tensor], film: torch.Tensor, size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same places of noisy and clean films, all turned alike by quarters."""
    room = sides[0].shape[-1] - size + 1
    corner = torch.randint(room, (len(film), 2), generator=generator).tolist()
    turns = int(torch.randint(4, (1,), generator=generator).item())

    def cut(films: torch.Tensor) -> torch.Tensor:
        places = zip(film.tolist(), corner, strict=True)
        taken = [films[n, top : top + size, left : left + size] for n, (top, left) in places]
        return torch.rot90(torch.stack(taken), turns, (1, 2))[:, None]

    return cut(sides[0]), cut(sides[1])


def save_denoiser(network: Denoiser, lesson: Lesson, path: Path) -> str:
    """Write the weights with what they were taught on, as safetensors; returns their SHA-256.

    Equal weights and lessons are equal bytes. Raises ConfigurationError where the folder cannot be written.
    """
    notes = {"architecture": lesson.architecture.to_json(), "lesson": asdict(lesson)}
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    content = save(tensors, metadata={"denoiser": json.dumps(notes, sort_keys=True)})
    write_bytes(path, content)
    return sha256(content)


@dataclass(frozen=True)
class Fidelity:
    """What a denoiser did at one dose: PSNR in dB before and after, and what became of a planted nodule.

    `recovery`: contrast left, as a share of the noiseless one. `detectability`: d' of the nodule's own template,
    before and after.
    """

    dose: float
    psnr: tuple[float, float]
    recovery: float
    detectability: tuple[float, float]

    def __str__(self) -> str:
        before, after = self.psnr
        return (
            f"dose {self.dose:g}: PSNR {before:.1f} -> {after:.1f} dB, nodule's contrast left {self.recovery:.3f}, "
            f"d' {self.detectability[0]:.1f} -> {self.detectability[1]:.1f}"
        )


def judge(denoise: Remover, lesson: Lesson, dose: float, films: int, repeats: int = 8) -> Fidelity:
    """Measure a denoiser, learned or not, on films of patients it never saw, under `repeats` draws of noise.

    Each is exposed with and without a nodule, under the very same noise, so that the difference is the nodule alone.
    The template is the noiseless nodule, the observer one who knows the signal exactly (ICRU Report 54, 1996).
    Raises ConfigurationError where films are so small that a nodule has no pixel.
    """
    hospital = Hospital(seed=lesson.seed, image_size=lesson.size, first_patient=100_000)
    psnr, recoveries, separations = [], [], []
    for index in range(films):
        with_it, without = (_planted(hospital, index, lit) for lit in (0.4, None))
        shown = [at_doses(hospital, with_it, (dose,), repeat) for repeat in range(repeats)]
        absent = [at_doses(hospital, without, (dose,), repeat) for repeat in range(repeats)]
        mask = shown[0].masks[NODULE]
        if not mask.any():
            continue
        template = np.where(mask, shown[0].clean - absent[0].clean, 0)
        before = [(a.noisy[0], b.noisy[0]) for a, b in zip(shown, absent, strict=True)]
        after = [(denoise(a), denoise(b)) for a, b in before]
        psnr.append([np.mean([_psnr(p[0], film.clean) for p, film in zip(pairs, shown, strict=True)])
                     for pairs in (before, after)])  # fmt: skip
        signal = [np.mean([np.sum(template * (a - b)) for a, b in pairs]) for pairs in (before, after)]
        recoveries.append(signal[1] / float(np.sum(template**2)))
        noise = [np.std([np.sum(template * b) for _, b in pairs], ddof=1) for pairs in (before, after)]
        separations.append([s / n for s, n in zip(signal, noise, strict=True)])
    if not psnr:
        raise ConfigurationError(f"a nodule has no pixel at {lesson.size} a side.", "choose larger films")
    low, high = np.mean(psnr, axis=0)
    blurred, sharp = np.median(separations, axis=0)
    return Fidelity(dose, (float(low), float(high)), float(np.median(recoveries)), (float(blurred), float(sharp)))


def _planted(hospital: Hospital, index: int, severity: float | None) -> Study:
    """A planned study with a nodule of `severity`, or without any."""
    planned = study(hospital, index)
    others = {finding: grade for finding, grade in planned.severities.items() if finding != NODULE}
    return replace(planned, severities=others if severity is None else {**others, NODULE: severity})


def _psnr(film: np.ndarray, clean: np.ndarray) -> float:
    return -10 * float(np.log10(np.mean((film - clean) ** 2)))
