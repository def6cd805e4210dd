from __future__ import annotations

import json
import random
from functools import partial

import numpy as np
import pytest
import torch

from radloop.errors import ConfigurationError
from radloop.modeling.checkpoint import Checkpoints, code_hash, key_of
from radloop.modeling.course import run_epoch
from radloop.modeling.dataset import Labelled
from radloop.modeling.fit import epoch
from radloop.modeling.journal import Journal
from radloop.modeling.networks import Network, build
from radloop.modeling.session import start

SPEC = Network("resnet10", 2, 16, filters=8)
FRESH = partial(build, SPEC)
CPU = torch.device("cpu")


@pytest.fixture
def settings(case):
    return case.train.model_copy(update={"epochs": 4, "batch_size": 8, "small_epochs": 0})


@pytest.fixture
def data() -> Labelled:
    rng = np.random.default_rng(0)
    return Labelled(rng.integers(0, 255, (24, 16, 16), dtype=np.uint8), np.arange(24), np.float32(np.arange(24) % 2))


def test_a_restored_session_goes_on_in_the_same_bits(settings, data, tmp_path) -> None:
    whole = start(FRESH, settings, 12, CPU, 1)
    checkpoints = Checkpoints(tmp_path, "key")
    one = partial(epoch, settings=settings, splits=(data, data))
    for done in range(4):
        if done == 2:
            random.random(), np.random.rand(), torch.rand(1)
            checkpoints.save(whole)
        run_epoch(whole, settings, one)
    drawn = random.random(), np.random.rand(), float(torch.rand(1))

    torch.set_num_threads(2)
    resumed = start(FRESH, settings.model_copy(update={"seed": 99}), 12, CPU, 2)
    assert checkpoints.load(resumed) and resumed.epoch == 2
    assert torch.get_num_threads() == resumed.threads == 1
    for _ in range(2):
        run_epoch(resumed, settings, one)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == drawn
    for name, value in whole.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    assert [row["train_loss"] for row in whole.history] == [row["train_loss"] for row in resumed.history]
    assert whole.best.epoch == resumed.best.epoch
    assert all(torch.equal(value, resumed.best.weights[name]) for name, value in whole.best.weights.items())


def test_a_checkpoint_of_another_key_is_not_resumed(settings, tmp_path) -> None:
    session = start(FRESH, settings, 12, CPU, 1)
    Checkpoints(tmp_path, "one").save(session)
    assert not Checkpoints(tmp_path, "two").load(session)


def test_the_key_changes_with_params_data_and_code(settings, tmp_path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("x = 1")
    before = code_hash(room)
    keys = {key_of({"epochs": 1}, "data", before), key_of({"epochs": 2}, "data", before)}
    (room / "a.py").write_text("x = 2")
    keys |= {key_of({"epochs": 1}, "data", code_hash(room)), key_of({"epochs": 1}, "other", before)}
    assert len(keys) == 4


def test_a_checkpoint_is_replaced_whole_and_leaves_no_other_file(settings, tmp_path) -> None:
    session, checkpoints = start(FRESH, settings, 12, CPU, 1), Checkpoints(tmp_path, "key")
    checkpoints.save(session)
    checkpoints.save(session)
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["checkpoint.safetensors"]


def test_writing_takes_a_small_share_of_the_time(settings, tmp_path) -> None:
    session, checkpoints = start(FRESH, settings, 12, CPU, 1), Checkpoints(tmp_path, "key")
    checkpoints.keep(session)
    first = checkpoints.path.stat().st_mtime_ns
    checkpoints.keep(session)
    assert checkpoints.path.stat().st_mtime_ns == first


def test_success_clears_stale_checkpoints_and_keeps_the_metrics(settings, tmp_path) -> None:
    session = start(FRESH, settings, 12, CPU, 1)
    Checkpoints(tmp_path, "stale").save(session)
    Journal(tmp_path).begin([])
    current = Checkpoints(tmp_path, "current")
    current.save(session)
    current.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_place_that_cannot_be_written_is_a_clear_error(settings, tmp_path) -> None:
    (tmp_path / "live").write_text("a file where the folder should be")
    with pytest.raises(ConfigurationError, match="cannot write a checkpoint"):
        Checkpoints(tmp_path / "live", "key").save(start(FRESH, settings, 12, CPU, 1))


def test_the_journal_says_each_step_once_after_a_resume(tmp_path) -> None:
    journal = Journal(tmp_path)
    rows = [{"step": step, "epoch": step // 5} for step in (5, 10, 15)]
    journal.begin([])
    for row in rows:
        journal.add(row)
    journal.begin(rows[:2])
    journal.add(rows[2])
    assert [json.loads(line)["step"] for line in journal.path.read_text().splitlines()] == [5, 10, 15]
