"""Each planted shift changes what it says and nothing else."""

import numpy as np
import pytest

from radloop.errors import ConfigurationError
from radloop.simulate.findings import PNEUMONIA
from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study, study
from radloop.simulate.shifts import SHIFTS, shifted

HOSPITAL = Hospital(image_size=128)
MANY = 240
SAME = ("patient", "visit", "sex", "age", "view", "site", "scanner", "kvp", "noise", "severities",
        "recorded", "inverted", "turns", "acquired")  # fmt: skip
CHANGES = {
    "new_vendor": {"scanner", "kvp"},
    "detector_wear": set(),
    "protocol_change": {"kvp"},
    "older_patients": {"age", "severities", "recorded"},
    "younger_patients": {"age", "severities", "recorded"},
    "prevalence_change": {"severities", "recorded", "view", "scanner", "kvp"},
    "worse_subgroup_images": {"noise"},
    "worse_subgroup_labels": {"recorded"},
    "inverted_images": {"inverted"},
    "rotated_images": {"turns"},
}


def plans(*names: str) -> list[Study]:
    return [study(shifted(HOSPITAL, names), k) for k in range(MANY)]


@pytest.mark.parametrize("name", sorted(SHIFTS))
def test_a_shift_changes_what_it_says_and_nothing_else(name: str) -> None:
    changed = {
        field
        for before, after in zip(plans(), plans(name), strict=True)
        for field in SAME
        if getattr(before, field) != getattr(after, field)
    }
    assert changed == CHANGES[name]


def test_half_of_the_studies_come_from_the_new_vendor() -> None:
    makers = [s.scanner.manufacturer for s in plans("new_vendor")]
    assert 0.4 < makers.count("Simulated Delta") / MANY < 0.6
    assert "Simulated Delta" not in {s.scanner.manufacturer for s in plans()}


def test_an_amount_overrides_the_usual_one() -> None:
    assert shifted(HOSPITAL, ["new_vendor=0.1"]).new_vendor == 0.1


def test_shifts_add_up() -> None:
    both = shifted(HOSPITAL, ["new_vendor", "older_patients"])
    assert (both.new_vendor, both.age_mean) == (0.5, HOSPITAL.age_mean + 17)


@pytest.mark.parametrize("wrong", ["nonsense", "new_vendor=many"])
def test_an_unknown_shift_is_refused_with_what_is_known(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="new_vendor"):
        shifted(HOSPITAL, [wrong])


def test_wrong_labels_leave_the_truth_alone() -> None:
    for s in plans("worse_subgroup_labels=1"):
        wrong = (PNEUMONIA in s.recorded) != (PNEUMONIA in s.severities)
        assert wrong == (s.sex == "F")


def test_an_inverted_image_is_the_negative_of_the_same_film() -> None:
    before, _, _ = simulate_study(HOSPITAL, 3)
    after, _, _ = simulate_study(shifted(HOSPITAL, ["inverted_images=1"]), 3)
    np.testing.assert_array_equal(after, 4095 - before)


def test_a_rotated_image_takes_its_masks_with_it() -> None:
    index = next(k for k in range(MANY) if study(HOSPITAL, k).severities)
    pixels, masks, _ = simulate_study(HOSPITAL, index)
    turned, turned_masks, plan = simulate_study(shifted(HOSPITAL, ["rotated_images=1"]), index)
    assert plan.turns in (1, 2, 3)
    np.testing.assert_array_equal(turned, np.rot90(pixels, plan.turns))
    for name, mask in masks.items():
        np.testing.assert_array_equal(turned_masks[name], np.rot90(mask, plan.turns))


def roughness(pixels: np.ndarray) -> float:
    image = pixels[12:-12, 12:-12].astype(float)
    return float(np.abs(image[1:, 1:] - image[1:, :-1] - image[:-1, 1:] + image[:-1, :-1]).mean())


def test_only_the_subgroups_images_grow_noisier() -> None:
    worse = shifted(HOSPITAL, ["worse_subgroup_images"])
    for index in range(8):
        before, after = simulate_study(HOSPITAL, index)[0], simulate_study(worse, index)[0]
        if study(HOSPITAL, index).sex == "F":
            assert roughness(after) > 1.15 * roughness(before)
        else:
            np.testing.assert_array_equal(before, after)


def test_a_worn_detector_shows_dead_lines() -> None:
    before = simulate_study(HOSPITAL, 1)[0].astype(float)
    after = simulate_study(shifted(HOSPITAL, ["detector_wear"]), 1)[0].astype(float)
    steps = [np.abs(np.diff(image[:, 12:-12].mean(0))).max() for image in (before, after)]
    assert steps[1] > 1.5 * steps[0]
