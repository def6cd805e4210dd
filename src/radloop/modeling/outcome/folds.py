"""Every case judged by a model that never saw its patient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from radloop.errors import ConfigurationError, GateClosed
from radloop.intervals import Codes, Floats
from radloop.modeling.outcome.cox import CoxModel, fit_cox
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What the models of the other folds said of each case: log hazard [n], survival [n, m] by horizon, risk group [n].

    Log hazards of two folds have two zeros, so compare them within one `fold` [n].
    """

    fold: Codes = field(repr=False)
    risk: Floats = field(repr=False)
    horizons: Floats
    alive: Floats = field(repr=False)
    group: Codes = field(repr=False)
    models: tuple[CoxModel, ...] = field(repr=False)


def patient_folds(survival: Survival, folds: int, seed: int = 0) -> Codes:
    """The fold of each case [n]: patients whole, those with the event dealt evenly, then the others.

    Raises GateClosed for fewer patients than folds, or too few with the event for each fold to have one.
    """
    count, hit = survival.patients_in_all, survival.patients_with_event
    if count < folds:
        raise GateClosed(f"{count} patients cannot fill {folds} folds.", "lower cox.folds, or add patients")
    survival.require_events()
    if hit < folds:
        raise GateClosed(
            f"{hit} patients with the event for {folds} folds: a fold would be all censored.", "lower cox.folds"
        )
    random = np.random.default_rng(seed)
    names = random.permutation(np.unique(survival.patients))
    sick = np.isin(names, survival.patients[survival.event])
    dealt = np.concatenate([names[sick], names[~sick]])
    fold = np.zeros(int(names.max()) + 1, dtype=np.intp)
    fold[dealt] = np.arange(dealt.size) % folds
    return np.asarray(fold[survival.patients])


def require_folds(survival: Survival, fold: npt.ArrayLike) -> Codes:
    """Folds that somebody else dealt, as codes [n], if they can be used.

    Raises ConfigurationError where lengths differ or a patient is in two folds, GateClosed for one fold only, a fold
    that is all censored, or one whose training cases have fewer than two events.
    """
    codes = np.unique(np.asarray(fold).reshape(-1), return_inverse=True)[1].reshape(-1)
    if codes.size != len(survival):
        raise ConfigurationError(f"{codes.size} folds for {len(survival)} cases; one each.", "join them by case")
    pairs = np.unique(np.stack([survival.patients, codes]), axis=1).shape[1]
    if split := pairs - survival.patients_in_all:
        raise ConfigurationError(f"{split} times a patient is in two folds.", "deal patients, not studies")
    count = int(codes.max(initial=0)) + 1
    if count < 2:
        raise GateClosed("one fold leaves nothing to train on.", "deal two folds or more")
    for one in range(count):
        if not survival.event[codes == one].any():
            raise GateClosed(f"fold {one + 1} of {count} is all censored.", "deal events evenly, or lower cox.folds")
    for one in range(count):
        survival.part(codes != one).require_events(f"training without fold {one + 1} of {count}")
    return codes


def out_of_fold(
    features: pd.DataFrame, survival: Survival, knobs: Cox, horizons: npt.ArrayLike, fold: npt.ArrayLike | None = None
) -> OutOfFold:
    """Fit without each fold, and predict it: columns, scale, coefficients, baseline and borders are all training's.

    `features` [n, p], `horizons` in days [m]; `fold` [n] of your own, or dealt by `patient_folds`. Raises as
    `require_folds`, `fit_cox` and `CoxModel.alive` do.
    """
    if len(features) != len(survival):
        raise ConfigurationError(f"{len(features)} rows for {len(survival)} outcomes; one each.", "join them by case")
    codes = require_folds(survival, patient_folds(survival, knobs.folds, knobs.seed) if fold is None else fold)
    when = np.asarray(horizons, dtype=float).reshape(-1)
    risk, alive = np.empty(len(survival)), np.empty((len(survival), when.size))
    group = np.empty(len(survival), dtype=np.intp)
    models = []
    for one in range(int(codes.max()) + 1):
        held = codes == one
        model = fit_cox(features[~held], survival.part(~held), knobs)
        risk[held], alive[held] = model.risk(features[held]), model.alive(features[held], when)
        group[held] = model.groups(features[held])
        models.append(model)
    return OutOfFold(codes, risk, when, alive, group, tuple(models))
