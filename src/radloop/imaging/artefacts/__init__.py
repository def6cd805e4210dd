"""Faults of acquisition that a picture shows: each detector tells a score of 0 (none seen) to 1.

Grid lines and rings are corrected on request, for what they add can be told from anatomy and taken away. Metal and
ghosting are told only: what they hid is not in the picture, but in projections and k-space that are gone.
"""

from radloop.imaging.artefacts.ghosting import ghosting_score
from radloop.imaging.artefacts.grid_lines import grid_line_score, remove_grid_lines
from radloop.imaging.artefacts.metal import metal_score
from radloop.imaging.artefacts.rings import remove_rings, ring_score

__all__ = [
    "ghosting_score",
    "grid_line_score",
    "metal_score",
    "remove_grid_lines",
    "remove_rings",
    "ring_score",
]
