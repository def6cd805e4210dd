"""What lies on the film beside the patient: the lead letter, electrodes, leads and tubes."""

import numpy as np

from radloop.simulate.kernels import Plane, add_tubes
from radloop.simulate.population import Study

LETTERS = {
    "L": (((0, 0), (0, 1), (0.6, 1)),),
    "R": (((0, 1), (0, 0), (0.5, 0), (0.6, 0.25), (0.5, 0.5), (0, 0.5)), ((0.25, 0.5), (0.62, 1))),
}


def attachments(planned: Study, size: int, pitch: float, rng: np.random.Generator) -> Plane:
    """mm of metal on every ray, (size, size): a side letter always, leads on bedside films."""
    lines: list[tuple[np.ndarray, float, float]] = []
    if rng.random() < 0.85:
        lines += letter("L" if rng.random() < 0.85 else "R", size, pitch, rng)
    if planned.view == "AP" and rng.random() < 0.35 + 0.2 * planned.ill:
        lines += leads(size, pitch, rng)
    out = np.zeros((size, size), np.float32)
    if lines:
        counts = [len(points) for points, _, _ in lines]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = [
            np.column_stack([points, np.full((len(points), 4), (radius, 0, 1, thick / (2 * radius)))])
            for points, radius, thick in lines
        ]
        nodes = np.concatenate(rows).astype(np.float32)
        add_tubes(out, np.ones_like(out), np.zeros_like(out), nodes, starts)
    return out


def letter(sign: str, size: int, pitch: float, rng: np.random.Generator) -> list[tuple[np.ndarray, float, float]]:
    """Strokes of a lead letter beside the neck, in px with radius (px) and thickness (mm)."""
    tall = rng.uniform(11, 17) / pitch
    turn = rng.normal(0, 0.15)
    x = rng.uniform(0.86, 0.95) * size if sign == "L" else rng.uniform(0.04, 0.10) * size
    at = np.array([x, rng.uniform(0.03, 0.12) * size])
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return [(at + tall * np.asarray(s, float) @ spin, 1.2 / pitch, 2.2) for s in LETTERS[sign]]


def leads(size: int, pitch: float, rng: np.random.Generator) -> list[tuple[np.ndarray, float, float]]:
    """Electrodes and their wires over the chest, as on bedside films."""
    lines = []
    t = np.linspace(0, 1, 24)[:, None]
    for _ in range(int(rng.integers(2, 5))):
        patch = size * np.array([rng.uniform(0.15, 0.85), rng.uniform(0.22, 0.8)])
        exit_at = size * np.array([rng.choice([-0.05, 1.05]), rng.uniform(0.3, 1.0)])
        bow = size * rng.normal(0, 0.10, 2)
        wire = patch + (exit_at - patch) * t + bow * np.sin(np.pi * t)
        lines.append((wire, 0.65 / pitch, 0.30))
        ring = 3.6 / pitch * np.column_stack([np.cos(6.3 * t[:, 0]), np.sin(6.3 * t[:, 0])])
        lines.append((patch + ring, 1.0 / pitch, 0.55))
    return lines
