from __future__ import annotations

import os
import subprocess
import sys

import pytest

from radloop.segmentation.footprint import LIBRARIES, footprint
from radloop.segmentation.networks import Segmenter

#: A process that trains for two steps and prints the most that it ever held, and what it held before, in MiB.
TRAINING = """
import copy, psutil, torch
from pathlib import Path
from monai.networks.nets.dynunet import DynUNet
from radloop.segmentation.losses import Loss
from radloop.segmentation.networks import Segmenter, build_segmenter
torch.set_num_threads(1)
before = psutil.Process().memory_info().rss / 2**20
network = build_segmenter(Segmenter.plain({name!r}, {axes}, 1, 3, {filters})).train()
average = copy.deepcopy(network)
optimizer = torch.optim.AdamW(network.parameters(), fused=True)
images, labels = torch.randn({batch}, 1, *{patch}), torch.randint(0, 3, ({batch}, *{patch}))
for _ in range(2):
    optimizer.zero_grad()
    Loss()(network(images), labels).backward()
    optimizer.step()
# not getrusage's, which begins with what the process had that started this one
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(before, int(peak) / 1024)
"""


@pytest.mark.parametrize(
    ("name", "filters", "patch", "batch"),
    [
        ("unet", (16, 32, 64), (64, 64, 64), 2),
        pytest.param("dynunet", (32, 64, 128, 256), (192, 192), 4, marks=pytest.mark.slow),
    ],
)
def test_what_is_told_of_a_step_is_what_a_process_holds(
    name: str, filters: tuple[int, ...], patch: tuple[int, ...], batch: int
) -> None:
    code = TRAINING.format(name=name, axes=len(patch), filters=filters, patch=patch, batch=batch)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    before, peak = (float(word) for word in done.stdout.split())
    told = footprint(Segmenter.plain(name, len(patch), 1, 3, filters), patch)
    assert before == pytest.approx(LIBRARIES, rel=0.3)
    assert peak - before > 200, "a step this small says nothing"
    assert 0.6 < (peak - before) / (told.mib(batch) - LIBRARIES) < 1.15


def test_cases_add_the_same_each_and_larger_patches_as_they_have_voxels() -> None:
    spec = Segmenter.plain("unet", 3, 1, 2, (8, 16, 32))
    small, large = footprint(spec, (16, 16, 16)), footprint(spec, (32, 32, 16))
    assert small.mib(3) - small.mib(2) == pytest.approx(small.mib(2) - small.mib(1)) and small.weights == large.weights
    assert large.kept == pytest.approx(4 * small.kept, rel=0.01) and large.widest == pytest.approx(4 * small.widest)


def test_what_is_kept_is_what_a_small_network_keeps_by_hand() -> None:
    told, one = footprint(Segmenter.plain("unet", 2, 1, 2, (1, 2, 4)), (64, 64)), 64 * 64 * 4 / 2**20
    # in images of 4 bytes a pixel: the image; two maps a stage; what is pooled, and from where, in 8 bytes
    down = 1 + (1 + 1) + (1 + 2) / 4 + 2 * (1 + 1) / 4 + 2 * (1 + 2) / 16 + 4 * (1 + 1) / 16
    # on the way up: the skip beside as many maps again, and two maps a stage
    up = 4 / 4 + 2 * (1 + 1) / 4 + 2 + (1 + 1)
    # two classes: log-probabilities, probabilities, and the truth of each; labels in 8 bytes
    loss = 2 + 2 + 2 + 2
    assert told.kept == pytest.approx((down + up + loss) * one, rel=1e-3) and told.widest == pytest.approx(2 * one)


def test_a_footprint_allocates_nothing_of_its_size() -> None:
    told = footprint(Segmenter.plain("unet", 3, 1, 2, (64, 128, 256)), (512, 512, 512))
    assert told.mib(1) > 200_000
