"""The bench of decoding compares equal pixels; at this size its figures mean nothing."""

from __future__ import annotations

import numpy as np
import pytest

from radloop.bench import decode
from radloop.errors import RadloopError


def test_every_codec_is_set_beside_every_library_that_decodes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "SHORTEST", 1e-4)
    seen = list(decode.time_decoding(turns=1, side=64))
    assert [(one.codec, one.bits) for one in seen] == [
        (name, bits) for bits in (12, 16) for name in decode.NAMES.values()
    ]
    assert all("imagecodecs" in one.tried and "pydicom" in one.tried and one.ratio > 0 for one in seen)


def test_a_decoder_with_other_pixels_ends_the_bench() -> None:
    film = np.ones((4, 4), "<u2")
    with pytest.raises(RadloopError, match="other pixels"):
        decode._compared("RLE", 12, {"ours": lambda: film, "wrong": lambda: film + 1}, film, 1)
