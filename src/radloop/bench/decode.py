"""Decoding of lossless streams: ours beside every library at hand, all on the same streams of simulated films."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder, get_encoder

from radloop.bench.clock import load, met
from radloop.dicom.codecs import Plane, decode_frame
from radloop.errors import RadloopError
from radloop.simulate.hospital import simulate_study
from radloop.simulate.knobs import Hospital

SIDE = 512
LARGEST = 1.05  # how many times the time of any other ours may take
SHORTEST = 0.01  # seconds that one turn of one decoder takes at least
UNLIKE = "the bench compares unlike things: mend it before its figures are used"
JPEG, JPEG_LS, JPEG_2000, HTJ2K = (f"1.2.840.10008.1.2.4.{one}" for one in (70, 80, 90, 201))
RLE = "1.2.840.10008.1.2.5"
NAMES = {JPEG: "JPEG lossless", JPEG_LS: "JPEG-LS", JPEG_2000: "JPEG 2000", HTJ2K: "HTJ2K", RLE: "RLE"}
Ways = Mapping[str, Callable[[], np.ndarray]]


@dataclass(frozen=True)
class Decoding:
    """One codec: median milliseconds of CPU a film, ours and the fastest other; `ratio` is the median over turns."""

    codec: str
    bits: int
    ours: float
    fastest: float
    library: str
    ratio: float
    tried: str
    load: float

    @property
    def goal(self) -> str:
        """Whether ours is as fast as the fastest."""
        return f"at most {LARGEST:g}: {met(self.ratio <= LARGEST)}"


def time_decoding(turns: int, side: int = SIDE) -> Iterator[Decoding]:
    """Each codec on a film of 12 and one of 16 bits. Raises RadloopError where a decoder gives other pixels."""
    film = simulate_study(Hospital(image_size=side), 0)[0].astype("<u2") & 0x0FFF
    fine = np.random.default_rng(0).integers(0, 16, film.shape).astype("<u2")
    for bits, pixels in ((12, film), (16, (film << 4) + fine)):
        for syntax, name in NAMES.items():
            stream = encoded(pixels, syntax, bits)
            yield _compared(name, bits, _ways(stream, syntax, pixels, bits), pixels, turns)


def encoded(pixels: np.ndarray, syntax: str, bits: int) -> bytes:
    """A film [rows, columns] of uint16 as a stream of a lossless transfer syntax."""
    if syntax == JPEG:
        return bytes(imagecodecs.jpeg_encode(pixels, lossless=True, predictor=1, bitspersample=bits))
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(pixels))
    if syntax == JPEG_2000:
        return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, bitspersample=bits))
    if syntax == HTJ2K:
        return bytes(imagecodecs.htj2k_encode(pixels, reversible=True))
    rows, columns = pixels.shape
    told = {"rows": rows, "columns": columns, "bits_allocated": 16, "bits_stored": bits, "number_of_frames": 1}
    told |= {"samples_per_pixel": 1, "pixel_representation": 0}
    encoder = get_encoder(RLE)
    return bytes(encoder.encode(pixels, photometric_interpretation="MONOCHROME2", encoding_plugin="pylibjpeg", **told))


def _ways(stream: bytes, syntax: str, pixels: np.ndarray, bits: int) -> dict[str, Callable[[], np.ndarray]]:
    """Ours, the bare libraries, and pydicom with each of its plugins, which is how gdcm and Pillow are reached."""
    import jpeg_ls
    import openjpeg
    from rle.rle import decode_frame as decode_rle

    rows, columns = pixels.shape
    bare: dict[str, dict[str, Callable[[], np.ndarray]]] = {
        JPEG: {
            "imagecodecs jpeg": lambda: imagecodecs.jpeg_decode(stream),
            "imagecodecs ljpeg": lambda: imagecodecs.ljpeg_decode(stream),
        },
        JPEG_LS: {
            "imagecodecs": lambda: imagecodecs.jpegls_decode(stream),
            "pyjpegls": lambda: jpeg_ls.decode(np.frombuffer(stream, np.uint8)),
        },
        JPEG_2000: {
            "imagecodecs": lambda: imagecodecs.jpeg2k_decode(stream, numthreads=1),
            "openjpeg": lambda: openjpeg.decode(stream),
        },
        HTJ2K: {
            "imagecodecs": lambda: imagecodecs.htj2k_decode(stream),
            "openjpeg": lambda: openjpeg.decode(stream),
        },
        RLE: {
            "imagecodecs": lambda: np.frombuffer(imagecodecs.dicomrle_decode(stream, "<u2"), "<u2"),
            "pylibjpeg-rle": lambda: np.frombuffer(decode_rle(stream, rows * columns, 16, "<"), "<u2"),
        },
    }
    plane, decoder = Plane(rows, columns, bits, 16, False), get_decoder(syntax)
    dataset = compressed(stream, syntax, pixels.shape, bits)
    plugins = {f"pydicom {one}": partial(_by_plugin, decoder, dataset, one) for one in decoder.available_plugins}
    return {"ours": lambda: _ours(stream, syntax, plane), **bare[syntax], **plugins}


def _by_plugin(decoder: object, dataset: Dataset, plugin: str) -> np.ndarray:
    return np.asarray(decoder.as_array(dataset, raw=True, decoding_plugin=plugin)[0])  # type: ignore[attr-defined]


def _ours(stream: bytes, syntax: str, plane: Plane) -> np.ndarray:
    pixels = decode_frame(stream, syntax, plane)
    if pixels is None:
        raise RadloopError("a stream of this bench is left to the plugins", UNLIKE)
    return pixels


def compressed(stream: bytes, syntax: str, shape: tuple[int, ...], bits: int) -> Dataset:
    """A data set of one compressed frame and what its pixels need."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.Rows, one.Columns = shape
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 16, bits, bits - 1
    one.add_new("PixelData", "OB", encapsulate([stream]))
    one["PixelData"].is_undefined_length = True
    return one


def _compared(name: str, bits: int, ways: Ways, pixels: np.ndarray, turns: int) -> Decoding:
    for library, way in ways.items():
        if not np.array_equal(way().reshape(pixels.shape), pixels):
            raise RadloopError(f"{library} decodes {name} of {bits} bits to other pixels", UNLIKE)
    repeats = {library: max(1, int(SHORTEST / max(_seconds(way, 3), 1e-6))) for library, way in ways.items()}
    seen: dict[str, list[float]] = {library: [] for library in ways}
    for turn in range(turns):
        for library in sorted(ways, reverse=turn % 2 == 1):  # what went before leaves its caches behind
            seen[library].append(1e3 * _seconds(ways[library], repeats[library]))
    told = {library: median(times) for library, times in seen.items()}
    ours = told.pop("ours")
    best = min(told, key=lambda library: told[library])
    ratio = median(mine / other for mine, other in zip(seen["ours"], seen[best], strict=True))
    tried = ", ".join(f"{library} {ms:.2f}" for library, ms in told.items())
    return Decoding(name, bits, ours, told[best], best, ratio, tried, load())


def _seconds(way: Callable[[], object], repeats: int) -> float:
    """Seconds of CPU: decoding waits for nothing, and what else runs would drown tenths of a millisecond."""
    began = time.process_time()
    for _ in range(repeats):
        way()
    return (time.process_time() - began) / repeats
