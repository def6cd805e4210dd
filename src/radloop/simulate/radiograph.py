"""From one planned study to its picture: body, findings, photons, processing. All SIMULATED."""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from radloop.simulate.anatomy import build, geometry, pose
from radloop.simulate.attachments import attachments
from radloop.simulate.detector import worn
from radloop.simulate.findings import CARDIOMEGALY, Lesion, Mask, enlarged_heart, lesions
from radloop.simulate.geometry import Geometry
from radloop.simulate.kernels import Plane, resize
from radloop.simulate.knobs import Hospital, Processing
from radloop.simulate.population import Study, stream
from radloop.simulate.processing import digitise, present, shutter
from radloop.simulate.projection import Exposure, detect, transmission
from radloop.simulate.skeleton import bones
from radloop.simulate.textures import cut
from radloop.simulate.thorax import Chest, chest
from radloop.simulate.vessels import lung_vessels


@dataclass(frozen=True)
class Radiograph:
    """A finished picture. pixels: (n, n) uint16, 12 bits stored. masks: per finding, (n, n) bool.

    pitch: mm per px on the detector. exposure: mAs and time in ms are derived from it.
    """

    pixels: NDArray[np.uint16]
    masks: dict[str, Mask]
    pitch: float
    exposure: Exposure
    source_to_image: float


@dataclass(frozen=True)
class Shot:
    """A patient in the beam, before any photon is counted: the share that passes, mm of water, and how to expose."""

    light: Plane
    thickness: Plane
    exposure: Exposure
    ills: list[Lesion]
    view: Geometry


def radiograph(hospital: Hospital, planned: Study) -> Radiograph:
    """Form the picture of one planned study; pure, and deterministic by the hospital's knobs."""
    seed, key = hospital.seed, (planned.patient, planned.visit)
    shot = position(hospital, planned)
    counts = detect(shot.light, shot.thickness, shot.exposure, stream(seed, "noise", *key))
    unit = crc32(planned.scanner.station.encode())
    picture = present(worn(counts, hospital.wear, unit), look_of(hospital, planned), shot.view.pitch)
    shutter(picture, stream(seed, "shutter", *key))
    pixels = digitise(picture, planned.scanner.monochrome1 != planned.inverted)
    masks = {ill.finding: np.rot90(_enlarge(ill.mask, shot.view.size), planned.turns) for ill in shot.ills}
    pixels = np.ascontiguousarray(np.rot90(pixels, planned.turns))
    return Radiograph(pixels, masks, shot.view.pitch, shot.exposure, shot.view.source_to_image)


def position(hospital: Hospital, planned: Study) -> Shot:
    """The patient of one planned study, placed and ill, and the technique that is chosen."""
    seed, key = hospital.seed, (planned.patient, planned.visit)
    body = build(planned.sex, planned.age, stream(seed, "body", planned.patient))
    if CARDIOMEGALY in planned.severities:
        body = replace(body, heart=body.heart * enlarged_heart(planned.severities[CARDIOMEGALY]))
    stance = pose(planned.view, planned.ill, stream(seed, "pose", *key))
    view = geometry(body, stance, hospital.image_size, stream(seed, "geometry", *key))
    thorax = chest(body, stance, view)
    place = [seed, crc32(b"lesion"), planned.patient]
    ills = lesions(thorax, planned.severities, place)
    light, thickness = _light(planned, thorax, ills, stream(seed, "matter", *key))
    exposure = _exposure(hospital, planned, view, stream(seed, "exposure", *key))
    return Shot(light, thickness, exposure, ills, view)


def look_of(hospital: Hospital, planned: Study) -> Processing:
    """The vendor's processing as it comes out on the film of one study."""
    key = (planned.patient, planned.visit)
    return _adjusted(planned.scanner.processing, stream(hospital.seed, "look", *key))


def _adjusted(look: Processing, rng: np.random.Generator) -> Processing:
    """The vendor's processing as it comes out on one film: anchors never sit quite the same."""
    shift, gain = rng.normal(0, (0.06, 0.10))
    return replace(look, brightness=look.brightness + float(shift), contrast=look.contrast * float(np.exp(gain)))


def _enlarge(mask: Mask, size: int) -> Mask:
    return np.asarray(resize(mask.astype(np.float32), size, size) > 0.5)


def _light(planned: Study, thorax: Chest, ills: list[Lesion], rng: np.random.Generator) -> tuple[Plane, Plane]:
    """The share of photons that pass the patient, and mm of water (coarse) for the scatter."""
    size = thorax.view.size
    density = 0.22 + 0.13 * (1 - thorax.stance.inspiration) + 0.02 * rng.standard_normal()
    lung, extra = thorax.lung, np.zeros_like(thorax.lung)
    vessels = lung_vessels(thorax.person, thorax.view, rng.uniform(0.85, 1.25))
    air = np.full_like(lung, 1 - density)
    air -= np.float32(0.011) * cut(rng, lung.shape[0], 1.1, 26)
    for ill in ills:
        if ill.water is not None:
            lung = np.maximum(lung - ill.water, 0)
        if ill.bare is not None:
            air = air + (1 - air) * ill.bare
            vessels *= 1 - resize(ill.bare, size, size)
        if ill.line is not None:
            extra = extra + ill.line
    gas = lung * air
    water = thorax.body - gas - thorax.gas - thorax.fat - thorax.spine + extra
    coarse = {"water": np.maximum(water, 0), "fat": thorax.fat, "bone": thorax.spine}
    bone = bones(thorax.person, thorax.stance, thorax.view)
    vessels = np.minimum(vessels, resize(lung, size, size)) * np.float32(1 - density)
    metal = attachments(planned, size, thorax.view.pitch, rng)
    fine = {"bone": bone, "water": vessels - bone, "metal": metal}
    return transmission(coarse, fine, planned.kvp), thorax.body - gas


def _exposure(hospital: Hospital, planned: Study, view: Geometry, rng: np.random.Generator) -> Exposure:
    """Technique of one exposure: fixed units have automatic exposure, bedside ones are guessed."""
    unit = planned.scanner
    miss = np.exp((0.30 if unit.portable else 0.10) * rng.standard_normal())
    area = (512 / hospital.image_size) ** 2
    counts = unit.counts * area * float(miss) * (1 - 0.75 * hospital.wear) / planned.noise**2
    return Exposure(
        kvp=planned.kvp,
        counts=counts,
        grid=unit.grid,
        focus=1.2 if unit.portable else 0.9,
        magnification=float(view.magnification(0.0)),
        motion=float(abs(rng.normal(0.0, 0.35 if unit.portable else 0.12))),
        blur=unit.blur,
        electronic=unit.electronic,
        pitch=view.pitch,
    )
