"""One SIMULATED film at several doses: equal anatomy, equal processing, other quanta."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from radloop.errors import ConfigurationError
from radloop.simulate.findings import Mask
from radloop.simulate.kernels import Plane, resize
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import Study, stream
from radloop.simulate.processing import anchors, enhance, tone
from radloop.simulate.projection import detect
from radloop.simulate.radiograph import look_of, position

#: Share of the clinical dose at which noise is less than a grey level of 8 bits: what a denoiser is taught to give.
CLEAN = 400.0


@dataclass(frozen=True)
class Doses:
    """The pictures of one exposure, float32 [n, n] in 0 to 1: `clean`, and one per dose. masks: per finding."""

    clean: Plane
    noisy: list[Plane]
    masks: dict[str, Mask]


def at_doses(hospital: Hospital, planned: Study, doses: Sequence[float], repeat: int = 0) -> Doses:
    """Expose one planned study at each of `doses`, shares of the clinical one, with noise known by its physics.

    Quantum noise follows the counts, electronic noise stays (`projection.detect`). All are shown by the tone curve
    of the clean picture, whose anchors noise would move. `repeat` draws other noise. Deterministic by all arguments.
    Raises ConfigurationError for a dose that is not above 0.
    """
    if not all(dose > 0 for dose in doses):
        raise ConfigurationError(f"a dose of {min(doses)} exposes nothing.", "choose shares of the dose above 0")
    shot = position(hospital, planned)
    look, pitch, pictures = look_of(hospital, planned), shot.view.pitch, []
    for number, dose in enumerate((CLEAN, *doses)):
        exposure = replace(shot.exposure, counts=shot.exposure.counts * dose)
        noise = stream(hospital.seed, "dose", planned.patient, planned.visit, number, repeat)
        counts = detect(shot.light, shot.thickness, exposure, noise)
        pictures.append(enhance(counts / np.float32(dose), look, pitch))
    anchored = anchors(pictures[0])
    clean, *noisy = (tone(picture, look, anchored) for picture in pictures)
    size = shot.view.size
    masks = {ill.finding: np.asarray(resize(ill.mask.astype(np.float32), size, size) > 0.5) for ill in shot.ills}
    return Doses(clean, noisy, masks)
