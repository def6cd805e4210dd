"""The knobs of an outcome model."""

from __future__ import annotations

from pydantic import Field, field_validator

from radloop.sections import Section


class Cox(Section):
    """A penalised proportional hazards model and how it is cross-validated.

    `penalty` is the weight of the penalty on coefficients per standard deviation, against the mean log likelihood;
    `l1_share` how much of it is L1 (0 ridge, 1 lasso). `largest_correlation`: of two features that agree more, the
    later one is dropped. `cuts`: shares of the training cases below each border between risk groups.
    """

    penalty: float = Field(0.05, ge=0)
    l1_share: float = Field(0.0, ge=0, le=1)
    largest_correlation: float = Field(0.95, gt=0, le=1)
    folds: int = Field(5, ge=2)
    seed: int = 0
    cuts: tuple[float, ...] = (1 / 3, 2 / 3)

    @field_validator("cuts")
    @classmethod
    def _rising(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        if not cuts or list(cuts) != sorted(set(cuts)) or not 0 < cuts[0] <= cuts[-1] < 1:
            raise ValueError("cuts are not rising shares between 0 and 1")
        return cuts
