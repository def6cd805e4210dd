"""What runs, zones and dependences share: a table of how often each grey level came with each length, size or count.

Source: IBSI-1 reference manual, sections 3.7 to 3.9 and 3.11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: In the order in which `emphases` computes them; {} is what the family calls its second axis.
RUNS = (
    "sre", "lre", "lgre", "hgre", "srlge", "srhge", "lrlge", "lrhge", "glnu", "glnu_norm", "rlnu", "rlnu_norm",
    "r_perc", "gl_var", "rl_var", "rl_entr",
)  # fmt: skip
SIZE_ZONES = (
    "sze", "lze", "lgze", "hgze", "szlge", "szhge", "lzlge", "lzhge", "glnu", "glnu_norm", "zsnu", "zsnu_norm",
    "z_perc", "gl_var", "zs_var", "zs_entr",
)  # fmt: skip
DISTANCE_ZONES = (
    "sde", "lde", "lgze", "hgze", "sdlge", "sdhge", "ldlge", "ldhge", "glnu", "glnu_norm", "zdnu", "zdnu_norm",
    "z_perc", "gl_var", "zd_var", "zd_entr",
)  # fmt: skip
DEPENDENCES = (
    "lde", "hde", "lgce", "hgce", "ldlge", "ldhge", "hdlge", "hdhge", "glnu", "glnu_norm", "dcnu", "dcnu_norm",
    "dc_perc", "gl_var", "dc_var", "dc_entr", "dc_energy",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table:
    """Sparse matrices: `count` [n] of `level` and `size` [n], both from 1, in matrix `number` [n] of `voxels` [m].

    No pair of level and size stands twice in one matrix. `voxels` says how many each matrix was counted over.
    """

    number: np.ndarray
    level: np.ndarray
    size: np.ndarray
    count: np.ndarray
    voxels: np.ndarray

    @classmethod
    def of(cls, number: np.ndarray, level: np.ndarray, size: np.ndarray, voxels: np.ndarray) -> Table:
        """Count what stands in lists [n], one entry for each zone."""
        largest, widest = int(level.max(initial=1)) + 1, int(size.max(initial=1)) + 1
        keys, count = np.unique((number * largest + level) * widest + size, return_counts=True)
        return cls(keys // widest // largest, keys // widest % largest, keys % widest, count, voxels)

    @classmethod
    def dense(cls, counts: np.ndarray, voxels: np.ndarray) -> Table:
        """From matrices [m, levels, sizes]."""
        number, level, size = np.nonzero(counts)
        return cls(number, level + 1, size + 1, counts[number, level, size], voxels)

    def merged(self) -> Table:
        """All matrices as one."""
        zero = np.zeros_like(self.number)
        widest = int(self.size.max(initial=1)) + 1
        keys, place = np.unique(self.level * widest + self.size, return_inverse=True)
        count = np.bincount(place, self.count).astype(np.int64)
        return Table(zero[: keys.size], keys // widest, keys % widest, count, self.voxels.sum(keepdims=True))


def emphases(table: Table) -> np.ndarray:
    """The seventeen features [17, m] of each matrix; the last, energy, is one of dependences alone."""
    n, level, size = table.number, table.level.astype(np.float64), table.size.astype(np.float64)
    many = table.voxels.size
    total = np.bincount(n, table.count, many)
    share = table.count / total[n]

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.bincount(n, share * weights, many)

    low, small = 1 / (level * level), 1 / (size * size)
    high, large = level * level, size * size
    of_levels, of_sizes = _nonuniformity(table, table.level, many), _nonuniformity(table, table.size, many)
    first, second = mean(level), mean(size)
    return np.stack(
        [
            mean(small), mean(large), mean(low), mean(high),
            mean(small * low), mean(small * high), mean(large * low), mean(large * high),
            of_levels / total, of_levels / total**2, of_sizes / total, of_sizes / total**2, total / table.voxels,
            mean((level - first[n]) ** 2), mean((size - second[n]) ** 2), mean(-np.log2(share)) + 0.0, mean(share),
        ]
    )  # fmt: skip


def _nonuniformity(table: Table, axis: np.ndarray, many: int) -> np.ndarray:
    """The sum over an axis of squared counts [m]; sizes are renumbered, for few of many possible ones occur."""
    values, place = np.unique(axis, return_inverse=True)
    counts = np.bincount(table.number * values.size + place, table.count, many * values.size)
    return np.asarray((counts.reshape(many, -1) ** 2).sum(axis=1))
