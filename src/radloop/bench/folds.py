"""The network against both baselines, out of fold: every patient is judged by models that never saw that patient."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata

from radloop.bench.setting import Setting
from radloop.evaluation.baselines import svm_scores
from radloop.evaluation.comparison import out_of_fold_comparison
from radloop.files import sha256
from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.dataset import Labelled
from radloop.modeling.fit import Machine, fit
from radloop.modeling.journal import Journal
from radloop.modeling.networks import Network, build
from radloop.modeling.prepared import open_prepared
from radloop.modeling.weights import take_weights
from radloop.params import Classification
from radloop.quality.metadata import metadata_scores

FOLDS = 5


def out_of_fold(setting: Setting, use_case: str, folds: int = FOLDS) -> pd.DataFrame:
    """Scores of network, support-vector machine and metadata on the fold that none of them saw, compared in pairs.

    Patients are dealt by a hash. The network's epoch is chosen on a further part of its training patients, never on
    the fold that is judged. Scores are ranked within each fold, for each has models of its own.
    """
    case = setting.case(use_case)
    images, index = open_prepared(setting.paths.stage(use_case, "prepare"))
    index = index[index["label"].notna()].reset_index(drop=True)
    fold, inner = (_dealt(index["patient_id"], salt) for salt in ("outer", "inner"))
    parts = []
    for number in range(folds):
        judged = (fold * folds).astype(int) == number
        scores = _one_fold(case, images, index, judged, inner < case.split.validation)
        parts.append(index[judged][["patient_id", "label"]].assign(**scores))
    whole = pd.concat(parts)
    names = {name: whole[name] for name in ("network", "svm", "metadata")}
    level, paired = case.evaluate.confidence, case.evaluate.comparison_confidence
    return out_of_fold_comparison(whole["label"].astype(bool), whole["patient_id"], names, level, paired)


def _dealt(patients: pd.Series[str], salt: str) -> np.ndarray:
    return np.array([int(sha256(f"{salt}:{patient}".encode())[:8], 16) / 2**32 for patient in patients])


def _one_fold(
    case: Classification, images: np.ndarray, index: pd.DataFrame, judged: np.ndarray, held: np.ndarray
) -> dict[str, np.ndarray]:
    taught, test = index[~judged], index[judged]
    labels = taught["label"].astype(bool).to_numpy()
    pictures = images[taught["row"].to_numpy()], images[test["row"].to_numpy()]
    patients = taught["patient_id"].to_numpy()
    found = {
        "network": _network_scores(case, images, index[~judged & ~held], index[~judged & held], test),
        "svm": svm_scores(pictures[0], labels, patients, pictures[1], case.evaluate).values,
        "metadata": metadata_scores(taught, labels, test, case.evaluate.seed).values,
    }
    return {name: rankdata(values) / len(values) for name, values in found.items()}


def _network_scores(
    case: Classification, images: np.ndarray, taught: pd.DataFrame, held: pd.DataFrame, test: pd.DataFrame
) -> np.ndarray:
    from radloop.modeling.fit import judge

    spec = Network(case.train.network, case.train.conv1_stride, images.shape[-1], case.train.filters)
    with tempfile.TemporaryDirectory() as folder:
        live = Path(folder)
        splits = _labelled(images, taught), _labelled(images, held)
        fitted = fit(spec, case.train, splits, Machine(torch.device("cpu")), Checkpoints(live, "fold"), Journal(live))
    network = build(spec)
    take_weights(network, fitted.weights)
    logit, _ = judge(network, _labelled(images, test), torch.device("cpu"))
    return logit


def _labelled(images: np.ndarray, rows: pd.DataFrame) -> Labelled:
    return Labelled(images, rows["row"].to_numpy(), rows["label"].astype(np.float32).to_numpy())
