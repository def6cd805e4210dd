"""Everything that can be turned in the SIMULATED hospital, with its unit and its default."""

from dataclasses import dataclass
from datetime import date

from radloop.errors import ConfigurationError
from radloop.simulate.findings import ATELECTASIS, CARDIOMEGALY, EFFUSION, NODULE, PNEUMOTHORAX


@dataclass(frozen=True)
class Processing:
    """How one vendor turns counts into a picture.

    equalise: share of broad brightness that is taken out. edge: gain of detail over centimetres.
    crisp: gain of the finest detail. contrast: steepness of the tone curve. brightness: shift of
    its middle, in its own widths. smooth: px of noise reduction. toe: share of the range that the
    darkest level leaves unused.
    """

    equalise: float
    edge: float
    crisp: float
    contrast: float
    brightness: float
    smooth: float = 0.0
    toe: float = 0.0


@dataclass(frozen=True)
class Scanner:
    """One invented radiography unit. counts: quanta per px behind the lung. blur: mm. share: of
    its site's studies of its kind."""

    manufacturer: str
    model: str
    software: str
    station: str
    processing: Processing
    kvp: float
    counts: float
    blur: float
    electronic: float
    grid: float
    portable: bool = False
    monochrome1: bool = False


@dataclass(frozen=True)
class Site:
    """One invented institution, its share of the studies, and its units (indices in `scanners`)."""

    name: str
    share: float
    fixed: tuple[int, ...]
    mobile: tuple[int, ...]


SCANNERS = (
    Scanner(
        "Simulated Alpha",
        "Alpha Radix 7",
        "7.2.1",
        "SIMA-01",
        Processing(0.30, 1.08, 0.50, 4.2, 0.00),
        120,
        5200,
        0.28,
        6,
        0.22,
    ),
    Scanner(
        "Simulated Beta",
        "Beta Clarity DR",
        "B3.10",
        "SIMB-01",
        Processing(0.42, 1.18, 0.30, 3.9, 0.06, smooth=0.4),
        115,
        4200,
        0.34,
        8,
        0.25,
        monochrome1=True,
    ),
    Scanner(
        "Simulated Gamma",
        "Gamma Mobile X",
        "2024.1",
        "SIMC-01",
        Processing(0.36, 1.00, 0.70, 4.0, -0.05),
        90,
        2600,
        0.40,
        10,
        0.55,
        portable=True,
    ),
    Scanner(
        "Simulated Alpha",
        "Alpha Mobile 3",
        "3.0.4",
        "SIMA-02",
        Processing(0.28, 1.05, 0.45, 4.3, 0.03),
        95,
        3000,
        0.36,
        9,
        0.50,
        portable=True,
    ),
)
SITES = (
    Site("Simulated North Hospital", 0.45, (0,), (3,)),
    Site("Simulated Harbour Clinic", 0.30, (1,), (2,)),
    Site("Simulated South Infirmary", 0.25, (0, 1), (2, 3)),
)
NEW_SCANNER = Scanner(
    "Simulated Delta",
    "Delta Prisma 1",
    "D1.0",
    "SIMD-01",
    Processing(0.62, 1.40, 1.30, 4.9, -0.10, toe=0.07),
    88,
    1700,
    0.20,
    16,
    0.45,
    portable=False,
)
RATES = ((EFFUSION, 0.12), (NODULE, 0.08), (PNEUMOTHORAX, 0.04), (CARDIOMEGALY, 0.12), (ATELECTASIS, 0.08))


@dataclass(frozen=True)
class Hospital:
    """The knobs of a SIMULATED hospital; equal knobs and index give equal bytes.

    seed: of everything. image_size: px a side, even, 64 to 2048. prevalence: share of studies with
    Pneumonia. persistence: correlation of Pneumonia between one patient's successive studies.
    rates: share of studies with each other finding. visits: shares of patients with 1, 2, 3
    studies. age_mean, age_sd: years. female: share. portable: share of bedside AP films among
    those without Pneumonia. portable_if_ill: what severe illness adds to it. severity: the mean
    (0 to 1). first_day, last_day: of the acquisitions. first_patient: number of the first patient; periods
    of one hospital that are to share nobody begin at different ones.

    Planted shifts (see `shifts`): new_vendor: share of studies on a unit never seen before. wear:
    0 to 1 of the detectors. kvp_offset: kV. subgroup: the sex ("F", "M") whose noise is
    `subgroup_noise` times as strong and whose recorded Pneumonia label is wrong with probability
    `subgroup_mislabelled`. inverted, rotated: shares of studies.

    Raises ConfigurationError where a knob is outside its range.
    """

    seed: int = 0
    image_size: int = 512
    prevalence: float = 0.38
    persistence: float = 0.45
    rates: tuple[tuple[str, float], ...] = RATES
    visits: tuple[float, float, float] = (0.62, 0.26, 0.12)
    age_mean: float = 57.0
    age_sd: float = 16.0
    female: float = 0.48
    portable: float = 0.28
    portable_if_ill: float = 0.22
    severity: float = 0.55
    first_day: date = date(2024, 1, 1)
    last_day: date = date(2024, 6, 30)
    sites: tuple[Site, ...] = SITES
    scanners: tuple[Scanner, ...] = SCANNERS
    new_scanner: Scanner = NEW_SCANNER
    new_vendor: float = 0.0
    wear: float = 0.0
    kvp_offset: float = 0.0
    subgroup: str = "F"
    subgroup_noise: float = 1.0
    subgroup_mislabelled: float = 0.0
    inverted: float = 0.0
    rotated: float = 0.0
    first_patient: int = 0

    def __post_init__(self) -> None:
        shares = (
            "prevalence",
            "persistence",
            "female",
            "portable",
            "portable_if_ill",
            "severity",
            "new_vendor",
            "wear",
            "subgroup_mislabelled",
            "inverted",
            "rotated",
        )
        for name in shares:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigurationError(f"{name}={value} is outside 0 to 1.", f"choose {name} in 0 to 1")
        if self.image_size % 16 or not 64 <= self.image_size <= 2048:
            raise ConfigurationError(
                f"image_size={self.image_size} is no multiple of 16 in 64 to 2048.", "choose 256 or 512"
            )
        if self.last_day < self.first_day:
            raise ConfigurationError(
                f"last_day {self.last_day} is before first_day {self.first_day}.", "swap the two days"
            )
        if not 60 <= min(s.kvp for s in self.scanners) + self.kvp_offset <= 150:
            raise ConfigurationError(
                f"kvp_offset={self.kvp_offset} leaves the range of 60 to 150 kV.", "choose a smaller offset"
            )
