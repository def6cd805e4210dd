"""The plain baselines on real radiographs: out-of-fold figures near those that others measured on other patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

from radloop.evaluation.baselines import svm_scores
from radloop.evaluation.comparison import out_of_fold_comparison
from radloop.params import UseCase
from radloop.quality.metadata import metadata_scores

pytestmark = pytest.mark.real


def radiographs(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.read_csv(folder / "nih_cxr" / "Data_Entry_2017_v2020.csv")
    images = [
        Image.open(folder / "nih_cxr" / "images" / name).convert("L").resize((64, 64), Image.Resampling.BOX)
        for name in table["Image Index"]
    ]
    width, height, spacing = table.columns[7:10]
    frame = pd.DataFrame(
        {
            "patient_id": table["Patient ID"],
            "label": table["Finding Labels"].str.contains("Pneumonia"),
            "age": table["Patient Age"].astype(float),
            "sex": table["Patient Gender"],
            "view": table["View Position"],
            "pixel_spacing": table[spacing],
            "acquisition_group": table[width].astype(str) + "x" + table[height].astype(str),
        }
    )
    return frame, np.stack([np.asarray(image) for image in images])


def test_metadata_reach_about_075_and_small_pictures_about_086(shared_data: Path, case: UseCase) -> None:
    frame, images = radiographs(shared_data)
    label, patient = frame["label"].to_numpy(), frame["patient_id"].to_numpy()
    scores = {"svm": np.zeros(len(frame)), "metadata": np.zeros(len(frame))}
    for fit, held in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(images, label, patient):
        fitted = svm_scores(images[fit], label[fit], patient[fit], images[held], case.evaluate)
        scores["svm"][held] = fitted.values
        scores["metadata"][held] = metadata_scores(frame.iloc[fit], label[fit], frame.iloc[held], 0).values
    table = out_of_fold_comparison(label, patient, scores).set_index("scorer")
    assert 0.82 < table.loc["svm", "auroc"] < 0.90
    assert 0.70 < table.loc["metadata", "auroc"] < 0.80
    assert table.loc["metadata", "difference_low"] > 0
