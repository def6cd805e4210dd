"""Features of grey level co-occurrence matrices.

Source: IBSI-1 reference manual, section 3.6.
"""

from __future__ import annotations

import numpy as np

from radloop.radiomics.kernels import sum_matrices


def cooccurrence_features(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The family's features [n] of symmetric `counts` [n, levels, levels]; NaN of an empty matrix.

    Being symmetric, a matrix has one marginal, and sums of i and j follow from those of i + j and i - j.
    """
    n, levels = counts.shape[:2]
    sides, differences, sums = np.zeros((n, levels)), np.zeros((n, levels)), np.zeros((n, 2 * levels - 1))
    scalars = np.zeros((n, 3))
    sum_matrices(counts, sides, differences, sums, scalars)
    i, d, s = np.arange(1.0, levels + 1), np.arange(float(levels)), np.arange(2.0, 2 * levels + 1)
    mean = sides @ i
    variance = _moment(sides, i, mean, 2)
    product = (sums @ (s * s) - differences @ (d * d)) / 4
    found = {
        "joint_max": scalars[:, 0], "joint_avg": mean, "joint_var": variance, "joint_entr": scalars[:, 1],
        "diff_avg": differences @ d, "diff_var": _moment(differences, d, differences @ d, 2),
        "diff_entr": _entropy(differences), "sum_avg": sums @ s, "sum_var": _moment(sums, s, sums @ s, 2),
        "sum_entr": _entropy(sums), "energy": scalars[:, 2], "contrast": differences @ (d * d),
        "dissimilarity": differences @ d, "inv_diff": differences @ (1 / (1 + d)),
        "inv_diff_norm": differences @ (1 / (1 + d / levels)), "inv_diff_mom": differences @ (1 / (1 + d * d)),
        "inv_diff_mom_norm": differences @ (1 / (1 + d * d / levels**2)),
        "inv_var": differences[:, 1:] @ (1 / d[1:] ** 2), "corr": _correlation(product, mean, variance),
        "auto_corr": product, "clust_tend": _moment(sums, s, 2 * mean, 2),
        "clust_shade": _moment(sums, s, 2 * mean, 3), "clust_prom": _moment(sums, s, 2 * mean, 4),
    }  # fmt: skip
    return found | _information(scalars[:, 1], _entropy(sides))


def _moment(shares: np.ndarray, values: np.ndarray, centre: np.ndarray, power: int) -> np.ndarray:
    return np.asarray((shares * (values - centre[:, None]) ** power).sum(axis=1))


def _entropy(shares: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(shares > 0, -shares * np.log2(shares), np.where(np.isnan(shares), np.nan, 0.0))
    return np.asarray(bits.sum(axis=1))


def _correlation(product: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """1 where all pairs are of one level, as the standard asks."""
    flat = variance <= 1e-12 * mean * mean
    return np.where(flat, 1.0, (product - mean * mean) / np.where(flat, 1.0, variance))


def _information(joint: np.ndarray, side: np.ndarray) -> dict[str, np.ndarray]:
    """Both measures of information correlation; a symmetric matrix's independent entropies are twice its marginal's."""
    flat = side <= 1e-12
    first = np.where(flat, 0.0, (joint - 2 * side) / np.where(flat, 1.0, side))
    return {"info_corr1": first, "info_corr2": np.sqrt(1 - np.exp(-2 * np.maximum(2 * side - joint, 0)))}
