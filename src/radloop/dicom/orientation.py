"""How planes lie, in the one word by which radiology calls it."""

from __future__ import annotations

import numpy as np

TILTED = 20.0  # degrees from the body's axis within which a plane keeps its name: gantry tilts and angled stacks do
_NAMES = ("sagittal", "coronal", "axial")  # by the axis of LPS or RAS that the normal follows


def orientation_of(cosines: np.ndarray | None) -> str | None:
    """axial, coronal, sagittal or oblique, from the six direction cosines [6] of rows and columns; None where untold.

    Cosines that span no plane tell nothing. Source: PS3.3 C.7.6.2.1.1.
    """
    if cosines is None:
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if not np.isfinite(length) or length < 1e-6:
        return None
    along = np.abs(normal) / length
    axis = int(along.argmax())
    return _NAMES[axis] if along[axis] >= np.cos(np.radians(TILTED)) else "oblique"
