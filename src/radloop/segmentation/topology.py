"""How deep a network goes: which axes of a patch are halved at which stage."""

from __future__ import annotations

from math import prod

#: Least side, in voxels, that is left of an axis at the bottom.
BOTTOM = 4
#: Stages at most; the published U-Net has 5.
STAGES = 6
#: Least stages of which a network can be made.
LEAST = 3
#: An axis waits while its voxels are this many times as long as the shortest, for then all see equally far.
COARSE = 2.0
#: Most filters of a stage, by axes; more were no better (Isensee et al., 2021).
MOST_FILTERS = {2: 512, 3: 320}

Along = tuple[int, ...]


def topology(
    patch: Along, spacing: tuple[float, ...], together: bool, stages: int | None = None
) -> tuple[tuple[Along, ...], tuple[Along, ...]]:
    """Strides and kernels of each stage for a patch (voxels) of this spacing (mm).

    An axis is halved while 4 voxels are left of it, and a coarse one not before the others have caught up; its
    kernel is 1 until then, for neighbours across thick slices tell little. `together`: all axes are halved at once,
    as most networks want it. `stages`: so many, else as many as there is room for, 3 to 6.
    Source: the rules of Isensee et al., Nature Methods 2021, in simpler form.
    """
    sides, lengths = [float(side) for side in patch], list(spacing)
    strides, kernels = [(1,) * len(patch)], [_kernel(lengths, (3 if together else 1,) * len(patch))]
    while len(strides) < (stages or STAGES):
        stride = _stride(sides, lengths, together)
        if max(stride) == 1 or (together and min(stride) == 1):
            if stages is None and len(strides) >= LEAST:
                break
            stride = (2,) * len(patch)  # the patch is made larger instead
        sides = [side / by for side, by in zip(sides, stride, strict=True)]
        lengths = [length * by for length, by in zip(lengths, stride, strict=True)]
        strides.append(stride)
        kernels.append(_kernel(lengths, kernels[-1]))
    return tuple(strides), tuple(kernels)


def _stride(sides: list[float], lengths: list[float], together: bool) -> Along:
    roomy = [side >= 2 * BOTTOM for side in sides]
    if together:
        return tuple(2 if room else 1 for room in roomy)
    shortest = min((length for length, room in zip(lengths, roomy, strict=True) if room), default=0.0)
    return tuple(2 if room and length < COARSE * shortest else 1 for room, length in zip(roomy, lengths, strict=True))


def _kernel(lengths: list[float], above: Along) -> Along:
    """3 along axes that are not coarse, and along those that were not in the stage above."""
    shortest = min(lengths)
    return tuple(
        3 if side == 3 or length < COARSE * shortest else 1 for length, side in zip(lengths, above, strict=True)
    )


def divisors(strides: tuple[Along, ...]) -> Along:
    """What the sides of a patch must be multiples of, by axis."""
    return tuple(prod(stride[axis] for stride in strides) for axis in range(len(strides[0])))


def rounded_up(sides: Along, by: Along) -> Along:
    """The least multiples of `by` that are not below `sides`."""
    return tuple(-(-side // one) * one for side, one in zip(sides, by, strict=True))


def widths(first: int, stages: int, axes: int) -> Along:
    """Filters that double at every stage, up to what more of brought nothing."""
    return tuple(min(first * 2**stage, MOST_FILTERS[axes]) for stage in range(stages))
