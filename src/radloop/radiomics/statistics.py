"""Statistics of intensities, and of the levels of a histogram, by the same formulae.

Source: IBSI-1 reference manual, sections 3.3 and 3.4 (Zwanenburg et al., Radiology 2020).
"""

from __future__ import annotations

import numpy as np


def statistics(values: np.ndarray) -> dict[str, float]:
    """What both families share of `values` [n]: moments, percentiles, deviations; NaN where a division has no sense."""
    p10, p25, median, p75, p90 = np.percentile(values, (10, 25, 50, 75, 90))
    mean, least, largest = values.mean(), values.min(), values.max()
    away = values - mean
    square = away * away
    variance = square.mean()
    middle = values[(values >= p10) & (values <= p90)]
    # a region of one value has no shape of its distribution; a sum of rounding errors must not give it one
    flat = largest == least
    return {
        "mean": float(mean),
        "var": 0.0 if flat else float(variance),
        "skew": 0.0 if flat else float((square * away).mean() / variance**1.5),
        "kurt": 0.0 if flat else float((square * square).mean() / variance**2 - 3),
        "median": float(median),
        "min": float(least),
        "p10": float(p10),
        "p90": float(p90),
        "max": float(largest),
        "iqr": float(p75 - p25),
        "range": float(largest - least),
        "mad": float(np.abs(away).mean()),
        "rmad": float(np.abs(middle - middle.mean()).mean()) if middle.size else 0.0,
        "medad": float(np.abs(values - median).mean()),
        "cov": ratio(0.0 if flat else float(np.sqrt(variance)), float(mean)),
        "qcod": ratio(float(p75 - p25), float(p75 + p25)),
    }


def intensity_statistics(values: np.ndarray) -> dict[str, float]:
    """The family of intensity-based statistics of `values` float64 [n]."""
    energy = float(np.dot(values, values))
    return statistics(values) | {"energy": energy, "rms": float(np.sqrt(energy / values.size))}


def histogram_features(levels: np.ndarray) -> dict[str, float]:
    """The family of the intensity histogram of `levels` int [n] from 1.

    The gradient of counts is central, and one-sided at either end; a histogram of one level has none, and NaN.
    """
    found = statistics(levels.astype(np.float64))
    least = int(levels.min())
    counts = np.bincount(levels)[least:].astype(np.float64)
    present = counts[counts > 0] / levels.size
    modes = np.flatnonzero(counts == counts.max()) + least
    found["mode"] = float(modes[np.argmin(np.abs(modes - found["mean"]))])
    found["entropy"] = float(-(present * np.log2(present)).sum()) + 0.0
    found["uniformity"] = float((present * present).sum())
    slope = np.gradient(counts) if counts.size > 1 else np.array([np.nan])
    steepest, deepest = int(np.argmax(slope)), int(np.argmin(slope))
    place = np.nan if counts.size == 1 else 0.0
    found |= {"max_grad": float(slope[steepest]), "max_grad_g": least + steepest + place}
    return found | {"min_grad": float(slope[deepest]), "min_grad_g": least + deepest + place}


def ratio(part: float, whole: float) -> float:
    """The quotient, or NaN where the whole is 0."""
    return part / whole if whole else float("nan")
