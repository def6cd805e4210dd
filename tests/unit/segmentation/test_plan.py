from __future__ import annotations

import json
from math import prod
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError

from radloop.errors import ConfigurationError
from radloop.sections.segmentation import Planning
from radloop.segmentation.fingerprint import Fingerprint, Structure
from radloop.segmentation.intensity import Intensity
from radloop.segmentation.losses import Loss
from radloop.segmentation.networks import build_segmenter, parameters
from radloop.segmentation.plan import Plan, plan

GREY = Intensity(each=True, low=0, high=1, mean=0, deviation=1)


def data(
    spacing: tuple[float, float, float], shape: tuple[int, int, int], *, share: float = 0.02, **changes: Any
) -> Fingerprint:
    known = {
        "cases": 100, "spacing": spacing, "finest_spacing": spacing, "voxels": float(prod(shape)),
        "extent": tuple(length * side for length, side in zip(spacing, shape, strict=True)), "intensity": (GREY,),
        "structures": {label: Structure(cases=100, share=share, millilitres=3.0) for label in (1, 2)},
    }  # fmt: skip
    return Fingerprint(**{**known, **changes})


HIPPOCAMPUS = data((1.0, 1.0, 1.0), (35, 50, 36))
CHEST = data((0.8, 0.8, 4.0), (256, 256, 60))
FILM = data((0.2, 0.2, 1.0), (256, 256, 1))
SMALL = {"first_filters": 8, "memory_mib": 1200.0}


def test_a_small_case_is_seen_whole_by_a_deep_network() -> None:
    made = plan(HIPPOCAMPUS, Planning())
    assert made.axes == 3 and made.spacing == (1.0, 1.0, 1.0)
    assert made.patch == (40, 56, 40) and made.strides == ((1, 1, 1), *((2, 2, 2),) * 3)
    assert made.filters == (32, 64, 128, 256) and made.classes == 3 and made.supervised == 2


@pytest.mark.parametrize("network", ["dynunet", "unet", "segresnet", "attentionunet"])
@pytest.mark.parametrize("fingerprint", [HIPPOCAMPUS, CHEST, FILM], ids=["hippocampus", "chest", "film"])
def test_a_plan_is_of_a_network_that_takes_its_patch_and_has_the_parameters_told(
    network: str, fingerprint: Fingerprint
) -> None:
    made = plan(fingerprint, Planning(network=network, **SMALL))
    with torch.device("meta"):
        built = build_segmenter(made.segmenter).eval()
        answer = built(torch.zeros(made.batch, made.channels, *made.patch))
    assert answer.shape == (made.batch, 3, *made.patch) and parameters(built) == made.parameters
    assert made.memory_mib <= SMALL["memory_mib"]
    assert made.window().fitting((512,) * made.axes) == made.patch


def test_thick_slices_wait_until_the_plane_is_as_coarse() -> None:
    made = plan(CHEST, Planning(**SMALL))
    assert [stride[2] for stride in made.strides[:3]] == [1, 1, 1] and made.strides[3][2] == 2
    assert [kernel[2] for kernel in made.kernels[:3]] == [1, 1, 3]  # 0.8 and 1.6 mm against 4, then 3.2
    assert all(kernel[:2] == (3, 3) for kernel in made.kernels)
    assert made.patch[0] > made.patch[2]


def test_films_and_stacks_of_few_slices_are_learnt_slice_by_slice() -> None:
    assert plan(FILM, Planning(**SMALL)).axes == 2
    thick = plan(data((0.5, 0.5, 8.0), (200, 200, 6)), Planning(**SMALL))
    assert thick.axes == 2 and len(thick.patch) == 2 and thick.spacing == (0.5, 0.5, 8.0)
    assert plan(CHEST, Planning(axes=2, **SMALL)).axes == 2


def test_a_coarse_and_short_axis_is_planned_as_its_finest_tenth() -> None:
    finest = (0.8, 0.8, 1.5)
    assert plan(data((0.8, 0.8, 4.0), (256, 256, 60), finest_spacing=finest), Planning(**SMALL)).spacing == finest
    assert plan(data((1.0, 1.0, 2.0), (256, 256, 60), finest_spacing=finest), Planning(**SMALL)).spacing[2] == 2.0


def test_more_memory_gives_a_larger_patch_and_then_more_cases_and_is_never_exceeded() -> None:
    made = [plan(CHEST, Planning(memory_mib=mib, first_filters=8)) for mib in (900, 1500, 3000, 40000)]
    sizes = [prod(one.patch) for one in made]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]
    assert made[-1].batch > made[0].batch
    assert all(one.memory_mib <= mib for one, mib in zip(made, (900, 1500, 3000, 40000), strict=True))
    assert plan(CHEST, Planning(memory_mib=40000, first_filters=8, largest_batch=2)).batch == 2


@pytest.mark.parametrize(
    "fixed",
    [
        {"memory_mib": 700}, {"memory_mib": 1500, "patch": (256, 256, 64)}, {"memory_mib": 1500, "batch": 100_000},
        {"memory_mib": 1500, "network": "unet", "axes": 2, "filters": (64, 128, 256, 512, 1024), "patch": (512, 512)},
    ],
)  # fmt: skip
def test_a_plan_that_does_not_fit_the_memory_is_refused_with_both_figures(fixed: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"takes about \d+ MiB, and plan.memory_mib is {fixed['memory_mib']}"):
        plan(CHEST, Planning(**fixed))


@pytest.mark.parametrize(
    "fixed",
    [
        {"network": "unet"}, {"axes": 2}, {"spacing": (1.5, 1.5, 3.0)}, {"patch": (64, 64, 32)}, {"batch": 3},
        {"filters": (4, 8, 16, 32)}, {"strides": ((1, 1, 1), (2, 2, 1), (2, 2, 2))},
        {"filters": (8, 16, 32), "kernels": ((3, 3, 1),) * 3}, {"supervised": 0}, {"dice": 0.5}, {"cross_entropy": 0.0},
        {"over_batch": True}, {"foreground": 0.9},
    ],
    ids=lambda fixed: "+".join(fixed),
)  # fmt: skip
def test_every_planned_value_can_be_overruled(fixed: dict[str, Any]) -> None:
    made = plan(CHEST, Planning(**yaml.safe_load(json.dumps({**SMALL, **fixed})))).model_dump()  # lists, as YAML has
    assert {name: made[name] for name in fixed} == fixed
    planned = plan(CHEST, Planning(**SMALL)).model_dump()
    assert any(planned[name] != value for name, value in fixed.items())


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"patch": (50, 64, 32)}, "no multiple"), ({"patch": (64, 64)}, "has not 3 axes"),
        ({"strides": ((1, 1), (2, 2), (2, 2))}, "not of 3 axes"), ({"filters": (8, 16)}, "do not make a network"),
        ({"network": "unet", "supervised": 1}, "answers once"),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together_are_refused(fixed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        plan(CHEST, Planning(**{**SMALL, **fixed}))


def test_a_misspelt_knob_is_an_error() -> None:
    with pytest.raises(ValidationError, match="pach"):
        Planning(pach=(64, 64, 64))


def test_rare_labels_are_sought_and_their_overlap_is_counted_over_the_batch() -> None:
    usual, rare = (
        plan(HIPPOCAMPUS, Planning(**SMALL)),
        plan(data((1, 1, 1), (35, 50, 36), share=1e-4), Planning(**SMALL)),
    )
    assert not usual.over_batch and rare.over_batch and rare.foreground > usual.foreground
    lacking = {1: Structure(cases=60, share=0.1, millilitres=3.0)}
    assert plan(data((1, 1, 1), (35, 50, 36), structures=lacking), Planning(**SMALL)).over_batch
    assert rare.loss == Loss(1.0, 1.0, over_batch=True)


def test_the_published_u_net_can_be_planned() -> None:
    made = plan(FILM, Planning(network="unet", filters=(64, 128, 256, 512, 1024), patch=(256, 256)))
    assert made.parameters == 31_030_723  # 31,030,658 with two classes, and 64 weights and a bias for the third
    assert made.strides == ((1, 1), *((2, 2),) * 4)


def test_a_plan_is_a_file_that_people_read_and_comes_back_the_same() -> None:
    made = plan(CHEST, Planning(**SMALL))
    text = made.to_yaml()
    assert "network: dynunet\n" in text and f"patch: {list(made.patch)}\n" in text and "!!" not in text
    assert Plan.from_yaml(text) == made
    with pytest.raises(ConfigurationError, match="make the plan again"):
        Plan.from_yaml("network: unet")
