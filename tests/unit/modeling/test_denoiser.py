from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from radloop.cli import app
from radloop.errors import ConfigurationError
from radloop.imaging.denoise import apply
from radloop.imaging.learned import Architecture, Denoiser, load_denoiser, run
from radloop.modeling.denoiser import Fidelity, Lesson, judge, make_pairs, teach
from radloop.sections.noise import Denoise

LESSON = Lesson(films=12, seed=11, size=96, doses=(0.02, 0.005), steps=150, batch=8, patch=24,
                architecture=Architecture(12, 4))  # fmt: skip


@pytest.fixture(scope="module")
def taught() -> Denoiser:
    return teach(make_pairs(LESSON), LESSON)


@pytest.fixture(scope="module")
def found(taught: Denoiser) -> Fidelity:
    """On patients that the lesson has not, at the lowest dose."""
    return judge(partial(run, taught), LESSON, dose=0.005, films=4, repeats=6)


def test_it_beats_no_denoising_on_patients_it_never_saw(found: Fidelity) -> None:
    before, after = found.psnr
    assert after > before + 1.0


def test_it_leaves_planted_nodules_their_contrast_and_does_not_make_them_harder_to_detect(found: Fidelity) -> None:
    before, after = found.detectability
    assert 0.93 < found.recovery < 1.05
    assert after > 0.97 * before


def test_equal_lessons_give_equal_weights(taught: Denoiser) -> None:
    lesson = Lesson(films=2, seed=3, size=64, steps=3, batch=2, patch=16, architecture=Architecture(4, 3))
    pairs = make_pairs(lesson)
    first, second = teach(pairs, lesson), teach(make_pairs(lesson), lesson)
    for name, value in first.state_dict().items():
        assert value.numpy().tobytes() == second.state_dict()[name].numpy().tobytes()


def test_a_denoiser_that_erases_is_caught() -> None:
    found = judge(partial(gaussian_filter, sigma=6), LESSON, dose=0.02, films=2, repeats=2)
    assert found.recovery < 0.8 and found.psnr[1] < found.psnr[0]


def test_non_local_means_leave_nodules_too() -> None:
    found = judge(lambda film: apply(film, (1, 1), Denoise(noise="non_local_means")), LESSON, 0.005, films=4, repeats=6)
    assert found.psnr[1] > found.psnr[0] + 1.0
    assert 0.93 < found.recovery < 1.05 and found.detectability[1] > 0.97 * found.detectability[0]


def test_both_pictures_of_a_pair_share_one_window() -> None:
    noisy, clean = make_pairs(Lesson(films=1, size=64, doses=(1.0,)))[0]
    assert noisy.shape == clean.shape == (64, 64)
    assert abs(float(np.mean(noisy - clean))) < 0.01


def test_a_lesson_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Lesson(films=0)
    with pytest.raises(ConfigurationError):
        Lesson(patch=512)


def test_the_command_writes_weights_that_can_be_used_and_says_what_they_are(tmp_path: Path) -> None:
    weights = tmp_path / "denoiser.safetensors"
    knobs = ["--films", "2", "--steps", "2", "--size", "64", "--dose", "0.05"]
    told = CliRunner().invoke(app, ["denoiser", str(weights), *knobs])
    assert told.exit_code == 0, told.output
    assert "dose 0.05: PSNR" in told.output
    digest = told.output.split("sha256: ")[1].strip()
    assert isinstance(load_denoiser(weights, digest), Denoiser)
