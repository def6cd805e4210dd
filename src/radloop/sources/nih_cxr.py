"""ChestX-ray14 as the NIH Clinical Center publishes it: folders of PNG and one table (Wang et al., CVPR 2017).

The set tells no manufacturer, site or date, so none is given; the size and pixel spacing of the original film
are given as its *acquisition group*, a proxy for the scanner and no more.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.sizes import allowed_mib
from radloop.dicom.values import age_in_years, sex_code
from radloop.errors import ConfigurationError, StudyRejected
from radloop.png import clean_png
from radloop.records import Arrival, Rejection
from radloop.sources.instance import png_arrival, read_file, rejection
from radloop.sources.spread import spread

#: The official columns; the last two names hold a comma that the table does not quote, so each is two columns.
COLUMNS = (
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "View Position",
    "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]",
)  # fmt: skip
NOTHING_FOUND = "No Finding"

Row = dict[str, str]


class NihCxr:
    """The official layout, with all images in `images/` or spread over `images_001/images/` and so on."""

    name = "nih_cxr"

    def __init__(self, folder: Path, pseudonyms: Pseudonyms, table: Path | None = None, workers: int = 0) -> None:
        self._pseudonyms, self._workers = pseudonyms, workers
        self._rows = _read_table(table or _find_table(folder))
        self._images, namesakes = _find_images(folder)
        if not self._images:
            raise ConfigurationError(f"{folder} holds no images/*.png", "unpack the images beside the table")
        named = [row["Image Index"] for row in self._rows]
        self._repeated = _repeated(named)
        rowless = [name for name in self._images if name not in set(named)]
        self._strays = [(name, "image_without_row") for name in rowless]
        self._strays += [(name, "image_name_twice") for name in namesakes]

    def __len__(self) -> int:
        return len(self._rows) + len(self._strays)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        return spread(self, self._workers)

    def read(self, position: int) -> Arrival | Rejection:
        """The row at `position` with its image; behind the rows, an image that has none of its own."""
        if position < len(self._rows):
            return self._take(self._rows[position], position)
        name, reason = self._strays[position - len(self._rows)]
        refusal = StudyRejected(reason, "no row of its own tells what the image shows.", "complete the table")
        return self._refuse(refusal, name, b"", position)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What is kept of a row whose image could not be read: its name and not its content."""
        return self._refuse(refusal, self._rows[position]["Image Index"], b"", position)

    def _take(self, row: Row, position: int) -> Arrival | Rejection:
        name, content = row["Image Index"], b""
        try:
            if position in self._repeated:
                raise StudyRejected("row_twice", "the table has an earlier row for this image.", "remove one")
            if name not in self._images:
                raise StudyRejected("missing_image", "the table names an image that is not there.", "fetch it")
            content = bytes(read_file(self._images[name]))
            return self._arrive(row, content)
        except StudyRejected as refusal:
            return self._refuse(refusal, name, content, position)

    def _arrive(self, row: Row, content: bytes) -> Arrival:
        facts = _facts(row, self._pseudonyms)
        if not content:
            raise StudyRejected("empty_file", "the file has no bytes.", "copy it again")
        stripped, pixels = clean_png(content, allowed_mib(None, self._pseudonyms.profile.knobs))
        uid = self._pseudonyms.uid(f"{self.name}:{row['Image Index']}")
        spacing = _row_spacing(row, pixels.shape[0])
        return png_arrival(stripped, pixels, self.name, uid, pixel_spacing=spacing, **facts)

    def _refuse(self, refusal: StudyRejected, name: str, content: bytes, position: int) -> Rejection:
        return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)


def _repeated(names: list[str]) -> set[int]:
    """Positions of names that have come before."""
    first: dict[str, int] = {}
    return {position for position, name in enumerate(names) if first.setdefault(name, position) != position}


def _find_table(folder: Path) -> Path:
    tables = sorted(folder.glob("Data_Entry_2017*.csv"))
    if len(tables) != 1:
        raise ConfigurationError(
            f"{folder} holds {len(tables)} tables Data_Entry_2017*.csv, not one",
            "put the official table there, or name the one to use as labels",
        )
    return tables[0]


def _read_table(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}",
                    "use the official table unchanged",
                )
            rows = [{column: row[column].strip() for column in COLUMNS} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read as CSV ({type(error).__name__})", "fetch it again"
        ) from None
    if not rows:
        raise ConfigurationError(f"{path.name} has no row", "fetch it again")
    return rows


def _find_images(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Each image by its name, and the names that came again in another folder."""
    images: dict[str, Path] = {}
    again: list[str] = []
    for path in sorted(path for part in folder.glob("images*") for path in part.rglob("*.png")):
        if path.name in images:
            again.append(path.name)
        else:
            images[path.name] = path
    return images, again


def _facts(row: Row, pseudonyms: Pseudonyms) -> dict[str, Any]:
    patient, order = row["Patient ID"], _follow_up(row["Follow-up #"])
    if not patient:
        raise StudyRejected("no_PatientID", "the row names no patient.", "complete the table")
    return {
        "patient_id": pseudonyms.patient(f"{NihCxr.name}:{patient}"),
        "study_id": pseudonyms.study(f"{NihCxr.name}:{patient}:{order}"),
        "body_part": "CHEST",  # the set holds nothing else
        "view": row["View Position"].upper() or None,
        "sex": sex_code(row["Patient Gender"]),
        "age": age_in_years(row["Patient Age"]),
        "study_order": order,
        "acquisition_group": _acquisition_group(row),
        "findings": _findings(row["Finding Labels"]),
    }


def _follow_up(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise StudyRejected("unreadable_follow_up", "the follow-up number is no integer.", "correct it") from None


def _findings(text: str) -> list[str] | None:
    if not text:
        return None
    return [finding for finding in text.split("|") if finding != NOTHING_FOUND]


def _acquisition_group(row: Row) -> str | None:
    width, height, spacing = row["OriginalImage[Width"], row["Height]"], row["OriginalImagePixelSpacing[x"]
    return f"{width}x{height}@{spacing}" if width and height and spacing else None


def _row_spacing(row: Row, rows: int) -> float | None:
    """Distance of neighbouring rows of the published image in mm, as PixelSpacing's first value means it."""
    try:
        return round(float(row["Height]"]) * float(row["y]"]) / rows, 5)
    except ValueError:
        return None
