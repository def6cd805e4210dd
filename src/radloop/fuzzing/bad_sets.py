"""Named kinds of bad .npz: archives and arrays that are damaged, that lie, or that hold more than numbers."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy

from radloop.fuzzing.films import Kind

SPLITS = ("train", "val", "test")
_CLAIMED = 20 << 30  # bytes that a set says it holds


def npz(squeezed: bool = False, **arrays: Any) -> bytes:
    """A set of two images a split, as numpy writes one; `arrays` replace some."""
    made: dict[str, Any] = {}
    for split in SPLITS:
        made[f"{split}_images"] = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
        made[f"{split}_labels"] = np.array([[0], [1]])
    stream = io.BytesIO()
    (np.savez_compressed if squeezed else np.savez)(stream, **{**made, **arrays})
    return stream.getvalue()


def bad_sets() -> list[Kind]:
    """Archives with what must be said of the file, "" where its images are admitted."""
    good, squeezed = npz(), npz(squeezed=True)
    pixel = good.index(bytes(range(200, 240)))
    return [
        Kind("npz_good", good, ""),
        Kind("npz_squeezed", squeezed, ""),
        Kind("npz_shape_huge", _forged((1_000_000_000, 28, 28), None), "has not the arrays"),
        Kind("npz_shape_huge_everywhere", _forged((_CLAIMED // 784, 28, 28), _CLAIMED), "decoded_too_large"),
        Kind("npz_shape_beyond_the_data", _forged((2, 28, 28_000), None), "cannot be read"),
        Kind("npz_shape_negative", _forged((-2, 28, 28), None), "cannot be read"),
        Kind("npz_more_behind", _forged((2, 28, 27), None), "cannot be read"),
        Kind("npz_bomb", npz(True, val_images=np.zeros((100_000, 28, 28), np.uint8)), "has not the arrays"),
        Kind("npz_bomb_of_labels", npz(True, val_labels=np.zeros((2, 5_000_000))), "has not the arrays"),
        Kind("npz_objects", npz(val_images=np.array([{"Zanzibar": 1}] * 2)), "cannot be read"),
        Kind("npz_pickle_for_labels", npz(val_labels=np.array([[{}], [{}]])), "cannot be read"),
        Kind("npz_of_reals", npz(val_images=np.zeros((2, 28, 28))), "has not the arrays"),
        Kind("npz_labels_missing", npz(val_labels=np.zeros((1, 1))), "has not the arrays"),
        Kind("npz_cut", good[: len(good) // 2], "cannot be read"),
        Kind("npz_pixel_changed", good[:pixel] + b"\0" + good[pixel + 1 :], "cannot be read"),
        Kind("npz_no_members", _archive({}), "cannot be read"),
        Kind("npz_of_text", _archive({f"{s}_{w}.npy": b"Zanzibar" for s in SPLITS for w in ("images", "labels")}),
             "cannot be read"),
        Kind("npz_no_archive", b"Zanzibar is no archive" * 9, "cannot be read"),
        Kind("npz_empty", b"", "cannot be read"),
    ]  # fmt: skip


def _archive(members: dict[str, bytes], claimed: dict[str, int] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
            archive.getinfo(name).file_size = (claimed or {}).get(name, len(content))
    return stream.getvalue()


def _forged(shape: tuple[int, ...], claimed: int | None) -> bytes:
    """A set whose first images say that they have `shape`, and whose directory says `claimed` bytes of them."""
    members = {name: zipfile.ZipFile(io.BytesIO(npz())).read(name) for name in _names()}
    head = io.BytesIO()
    npy.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    members["train_images.npy"] = head.getvalue() + bytes(2 * 28 * 28)
    told = {}
    if claimed:
        labels = io.BytesIO()
        npy.write_array_header_1_0(labels, {"descr": "<i8", "fortran_order": False, "shape": (shape[0], 1)})
        members["train_labels.npy"] = labels.getvalue()
        told["train_images.npy"] = claimed + len(head.getvalue())
    return _archive(members, told)


def _names() -> list[str]:
    return [f"{split}_{what}.npy" for split in SPLITS for what in ("images", "labels")]
