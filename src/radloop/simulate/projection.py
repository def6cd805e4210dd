"""From path lengths to what a detector counts. Knows rays and photons, and no body part.

Sources: mass attenuation of water, bone (ICRU-44 cortical), adipose tissue and iron from NIST
(Hubbell and Seltzer, 1995); scatter as a broad blur of the primary beam (Barrett and Swindell,
Radiological Imaging, 1981); Poisson counts in their normal limit, which above 50 counts per pixel
is within 1 % in every quantile that a 12-bit image can show.
"""

from dataclasses import dataclass

import numpy as np

from radloop.simulate.kernels import Plane, block_mean, broad, gaussian, resize

KEV = (30.0, 40.0, 50.0, 60.0, 80.0, 100.0)
DENSITY = {"water": 1.0, "bone": 1.92, "fat": 0.95, "metal": 7.87}
MASS_ATTENUATION = {
    "water": (0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707),
    "bone": (1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855),
    "fat": (0.3063, 0.2396, 0.2123, 0.1974, 0.1800, 0.1688),
    "metal": (8.176, 3.629, 1.958, 1.205, 0.5952, 0.3717),
}
"""cm2 / g."""


@dataclass(frozen=True)
class Exposure:
    """One exposure. kvp: kV. counts: mean quanta per pixel at the brightest part of the organ.

    grid: share of scatter that the anti-scatter grid lets through. focus: mm of focal spot.
    magnification: at the mid-plane. motion: mm. blur: mm of the detector's line spread.
    electronic: counts of additive noise, added in variance to the quantum noise. pitch: mm per pixel.
    """

    kvp: float
    counts: float
    grid: float
    focus: float
    magnification: float
    motion: float
    blur: float
    electronic: float
    pitch: float


def effective_energy(kvp: float) -> float:
    """keV of the one energy that stands for a filtered spectrum of `kvp` (a linear fit)."""
    return 18 + 0.35 * kvp


def attenuation(material: str, kvp: float) -> float:
    """Linear attenuation coefficient in 1 / mm; interpolated on log-log axes between table rows."""
    energy = np.log(effective_energy(kvp))
    mass = np.exp(np.interp(energy, np.log(KEV), np.log(MASS_ATTENUATION[material])))
    return float(mass) * DENSITY[material] / 10


def line_integral(path: dict[str, Plane], kvp: float) -> Plane:
    """The exponent of Beer-Lambert: attenuation times `path` (mm), summed over the materials.

    A negative path takes material away, as where bone takes the place of water.
    """
    parts = [length * np.float32(attenuation(name, kvp)) for name, length in path.items()]
    if not parts:
        raise ValueError("a line integral needs the path through one material at least")
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def transmission(coarse: dict[str, Plane], fine: dict[str, Plane], kvp: float) -> Plane:
    """Beer-Lambert: the share of photons that pass; smooth materials may lie on a coarser grid."""
    total = line_integral(fine, kvp)
    total += resize(line_integral(coarse, kvp), *total.shape)
    return np.exp(-total)


def scattered(primary: Plane, thickness: Plane, exposure: Exposure) -> Plane:
    """Scatter at the detector: more behind thick parts, smooth over centimetres.

    `thickness` mm of water on any coarser grid; `primary` share of photons, (n, n).
    """
    factor = max(1, primary.shape[0] // 64)
    small = block_mean(primary, factor)
    thick = resize(thickness, *small.shape)
    share = np.clip(thick * np.float32(1 / 200), 0, 1.4) * np.float32(2.2 * exposure.grid)
    spread = gaussian(small * share, 32 / (exposure.pitch * factor))
    return resize(spread, *primary.shape)


def detect(primary: Plane, thickness: Plane, exposure: Exposure, rng: np.random.Generator) -> Plane:
    """Counts in every pixel, float32 >= 1: primary and scatter, blur, quantum and other noise."""
    light = primary + scattered(primary, thickness, exposure)
    penumbra = exposure.focus * (exposure.magnification - 1)
    sigma = np.sqrt((0.42 * penumbra) ** 2 + exposure.motion**2 + 0.3 * exposure.blur**2)
    light = gaussian(light, float(sigma) / exposure.pitch)
    reference = float(np.quantile(light[::8, ::8], 0.60))
    counts = light * np.float32(exposure.counts / max(reference, 1e-6))
    spread = np.sqrt(counts + np.float32(exposure.electronic**2))
    counts += spread * rng.standard_normal(counts.shape, dtype=np.float32)
    counts = gaussian(counts, 0.55 * exposure.blur / exposure.pitch)
    return np.maximum(counts, np.float32(1))


def veil(image: Plane, sigma: float) -> Plane:
    """A broad blur in px at little cost, for glare and for equalising."""
    factor = max(1, min(16, int(sigma // 3)))
    return broad(image, sigma, factor)
