"""Named kinds of bad DICOM file, each made in memory, with the reason for which it must be refused."""

from __future__ import annotations

import io
import zipfile
from struct import pack
from typing import Any

from radloop.fuzzing.films import (
    BIG_ENDIAN,
    DEFLATED,
    IMPLICIT,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    Kind,
    attributes,
    deflate,
    film,
    implicit,
    inserted,
    raw_element,
    replaced,
    wrapped,
)
from radloop.simulate.dicom_encode import data_set, element

DEEP = 10_000
_ITEM = b"\xfe\xff\x00\xe0"
_ROWS = pack("<HH", 0x0028, 0x0010)


def cut_files() -> list[Kind]:
    """Files that end inside each structure."""
    whole = film("cut")
    request = whole.index(pack("<HH", 0x0040, 0x0275)) if pack("<HH", 0x0040, 0x0275) in whole else 0
    places = {
        "in_preamble": (100, "not_dicom"),
        "behind_dicm": (132, "truncated"),
        "in_meta": (170, "truncated"),
        "in_element_head": (whole.index(_ROWS) + 3, "no_pixels"),
        "in_value": (whole.index(b"Zanzibar") + 4, "no_StudyInstanceUID"),
        "in_sequence_head": (request + 6, "no_pixels"),
        "in_item_head": (request + 15, "no_pixels"),
        "in_item": (request + 24, "no_pixels"),
        "before_pixels": (whole.index(b"\xe0\x7f\x10\x00"), "no_pixels"),
        "in_pixel_head": (whole.index(b"\xe0\x7f\x10\x00") + 9, "unreadable_dicom"),
        "in_pixels": (len(whole) - 7, "truncated"),
        "by_one_byte": (len(whole) - 1, "truncated"),
    }
    return [Kind(f"cut_{name}", whole[:at], reason) for name, (at, reason) in places.items()]


def strange_encodings() -> list[Kind]:
    """Elements, sequences and lengths that lie."""
    nested = raw_element(0x0020, 0x9221, b"SQ", 0xFFFFFFFF, _ITEM + UNDEFINED)
    item_end = b"\xfe\xff\x0d\xe0\0\0\0\0"
    doubled = element(0x00280010, "US", 12)
    return [
        Kind("vr_unknown", replaced("vr_unknown", "Rows", _ROWS + b"ZZ\x02\x00\x0c\x00"), "no_Rows"),
        Kind("vr_zero", replaced("vr_zero", "Rows", _ROWS + b"\0\0\x02\x00\x0c\x00"), "no_pixels"),
        Kind("vr_text_for_number", replaced("vr_text_for_number", "Rows", _ROWS + b"LO\x04\x00many"), "image_size"),
        Kind("vr_sequence_for_text", replaced("vr_sequence_for_text", "PatientID",
             raw_element(0x0010, 0x0020, b"SQ", 0xFFFFFFFF, SEQUENCE_END)), "no_PatientID"),
        Kind("number_of_three_bytes", replaced("number_of_three_bytes", "Rows",
             _ROWS + b"US\x03\x00\x0c\0\0"), "no_Rows"),
        Kind("number_of_no_bytes", replaced("number_of_no_bytes", "Rows", _ROWS + b"US\x00\x00"), "no_Rows"),
        Kind("text_of_odd_length", inserted("text_of_odd_length",
             raw_element(0x0020, 0x4000, b"LT", 3, b"odd")), ""),
        Kind("undefined_length_text", inserted("undefined_length_text",
             raw_element(0x0020, 0x4000, b"UT", 0xFFFFFFFF)), "truncated"),
        Kind("undefined_length_unknown", inserted("undefined_length_unknown",
             raw_element(0x0021, 0x1001, b"UN", 0xFFFFFFFF, b"\0" * 64)), "unreadable_dicom"),
        Kind("sequence_without_end", inserted("sequence_without_end", nested), "unreadable_dicom"),
        Kind("item_without_end", inserted("item_without_end", nested + SEQUENCE_END), "unreadable_dicom"),
        Kind("sequence_of_no_items", inserted("sequence_of_no_items",
             raw_element(0x0020, 0x9221, b"SQ", 16, b"no item in here!")), ""),
        Kind("item_longer_than_sequence", inserted("item_longer_than_sequence",
             raw_element(0x0020, 0x9221, b"SQ", 8, _ITEM + pack("<I", 4000))), ""),
        Kind("item_ends_only", inserted("item_ends_only", item_end * 9), "no_pixels"),
        Kind("length_of_4_gib", inserted("length_of_4_gib",
             raw_element(0x0021, 0x1001, b"OB", 0xFFFFFFFE)), "no_pixels"),
        Kind("depth_10000", wrapped(nested * DEEP), "unreadable_dicom"),
        Kind("depth_10000_closed", inserted("depth_10000_closed", nested * DEEP + (item_end + SEQUENCE_END) * DEEP),
             "unreadable_dicom"),
        Kind("depth_10000_implicit", wrapped((b"\x40\x00\x75\x02" + UNDEFINED + _ITEM + UNDEFINED) * DEEP, IMPLICIT),
             "unreadable_dicom"),
        Kind("tags_doubled", inserted("tags_doubled", doubled), ""),
        Kind("tags_unordered", inserted("tags_unordered", element(0x00080060, "CS", "DX"), Modality=None), ""),
        Kind("huge_private_element", wrapped(data_set(attributes("huge_private_element"), {
             0x00090010: ("LO", "ACME 1.0"), 0x00091001: ("OB", b"Zanzibar" * (1 << 21))})), ""),
        Kind("group_length_absurd", inserted("group_length_absurd", element(0x00280000, "UL", 4_000_000_000),
             before="SamplesPerPixel"), ""),
    ]  # fmt: skip


def strange_syntaxes() -> list[Kind]:
    """Transfer syntaxes that are not those of the data set."""
    plain = attributes("deflated")
    bomb = data_set(attributes("deflate_bomb")) + pack("<HH2sHI", 0x7FE1, 0x1001, b"OB", 0, 700 << 20)
    return [
        Kind("deflate_bomb", wrapped(deflate(bomb, 700), DEFLATED), "too_slow"),
        Kind("deflate_garbage", wrapped(b"\xffnot deflated" * 40, DEFLATED), "unreadable_dicom"),
        Kind("deflate_undone", wrapped(data_set(plain), DEFLATED), "unreadable_dicom"),
        Kind("deflate_cut", wrapped(deflate(data_set(plain))[:-60], DEFLATED), "unreadable_dicom"),
        Kind("explicit_told_as_implicit", film("explicit_told_as_implicit", IMPLICIT), ""),
        Kind("implicit_told_as_explicit", wrapped(implicit(attributes("implicit_told_as_explicit"))), ""),
        Kind("little_told_as_big_endian", film("little_told_as_big_endian", BIG_ENDIAN), "no_SOPClassUID"),
        Kind("raw_told_as_jpeg", film("raw_told_as_jpeg", JPEG), "undecodable_pixels"),
        Kind("syntax_unknown", film("syntax_unknown", "1.2.3.4.5"), "undecodable_pixels"),
        Kind("syntax_of_video", film("syntax_of_video", "1.2.840.10008.1.2.4.100"), "undecodable_pixels"),
        Kind("syntax_of_jpip", film("syntax_of_jpip", "1.2.840.10008.1.2.4.94", PixelData=None), "no_pixels"),
        Kind("syntax_missing", film("syntax_missing", None), ""),
        Kind("syntax_a_path", film("syntax_a_path", "../../etc/passwd"), "undecodable_pixels"),
    ]


def strange_values() -> list[Kind]:
    """Headers that can be parsed and say what cannot be."""
    changes: dict[str, tuple[dict[str, Any], str]] = {
        "rescale_nan": ({"RescaleSlope": "nan", "RescaleIntercept": "0"}, "malformed_rescale"),
        "rescale_inf": ({"RescaleSlope": "1", "RescaleIntercept": "-inf"}, "malformed_rescale"),
        "rescale_overflow": ({"RescaleSlope": "1e999", "RescaleIntercept": "0"}, "malformed_rescale"),
        "rescale_words": ({"RescaleSlope": "one", "RescaleIntercept": "0"}, "malformed_rescale"),
        "uid_a_path": ({"SOPInstanceUID": "../../etc/passwd"}, "malformed_uid"),
        "uid_of_study_a_path": ({"StudyInstanceUID": "../../etc/passwd"}, "malformed_uid"),
        "uid_missing": ({"SOPInstanceUID": None}, "no_SOPInstanceUID"),
        "uid_empty": ({"SOPInstanceUID": ""}, "no_SOPInstanceUID"),
        "uid_of_study_missing": ({"StudyInstanceUID": None}, "no_StudyInstanceUID"),
        "class_missing": ({"SOPClassUID": None}, "no_SOPClassUID"),
        "class_of_a_report": ({"SOPClassUID": "1.2.840.10008.5.1.4.34.7"}, "not_an_image"),
        "patient_missing": ({"PatientID": None}, "no_PatientID"),
        "patient_of_blanks": ({"PatientID": "    "}, "no_PatientID"),
        "charset_unknown": ({"SpecificCharacterSet": "KLINGON 1", "PatientName": b"Zanzibar\xff\xfe"}, ""),
        "charset_wrong": ({"SpecificCharacterSet": "ISO_IR 192", "PatientName": b"Zanzibar\xff\xfe"}, ""),
        "charset_escapes": ({"SpecificCharacterSet": "ISO 2022 IR 87", "PatientName": b"Zanzibar\x1b$B\x1b"}, ""),
        "charset_foreign": ({"SpecificCharacterSet": "GB18030", "PatientName": b"Zanzibar\xc1\xf5"}, ""),
        "sex_unknown_code": ({"PatientSex": "QQ"}, "unknown_sex"),
        "age_of_letters": ({"PatientAge": "OLDY"}, "unreadable_age"),
        "rows_zero": ({"Rows": 0}, "image_size"),
        "columns_zero": ({"Columns": 0}, "image_size"),
        "largest_without_pixels": ({"Rows": 65535, "Columns": 65535, "PixelData": None}, "no_pixels"),
        "largest_with_few_pixels": ({"Rows": 65535, "Columns": 65535}, "image_size"),
        "pixels_empty": ({"PixelData": b""}, "no_pixels"),
        "pixels_too_few": ({"PixelData": bytes(100)}, "truncated"),
        "pixels_too_many": ({"PixelData": bytes(range(240)) + b"Zanzibar"}, ""),
        "frames_two_billion": ({"NumberOfFrames": "2147483647"}, "image_size"),
        "frames_zero": ({"NumberOfFrames": "0"}, "image_size"),
        "frames_negative": ({"NumberOfFrames": "-5"}, "image_size"),
        "bits_stored_above_allocated": ({"BitsStored": 17, "HighBit": 16}, "bit_depth"),
        "bits_stored_zero": ({"BitsStored": 0}, "bit_depth"),
        "bits_allocated_12": ({"BitsAllocated": 12}, "bit_depth"),
        "bits_allocated_65535": ({"BitsAllocated": 65535}, "bit_depth"),
        "high_bit_wrong": ({"HighBit": 3}, "high_bit"),
        "representation_two": ({"PixelRepresentation": 2}, "bit_depth"),
        "samples_four": ({"SamplesPerPixel": 4, "PhotometricInterpretation": "ARGB"}, "colour"),
        "palette_without_table": ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        "photometric_missing": ({"PhotometricInterpretation": None}, "no_PhotometricInterpretation"),
    }  # fmt: skip
    kinds = [Kind(name, film(name, **told), reason) for name, (told, reason) in changes.items()]
    long = raw_element(0x0008, 0x0018, b"UN", 1 << 20, b"1." * (1 << 19))
    return [*kinds, Kind("uid_of_a_megabyte", replaced("uid_of_a_megabyte", "SOPInstanceUID", long), "malformed_uid")]


def polyglots() -> list[Kind]:
    """Files that are something else too, or only that."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("../../etc/cron.d/zanzibar", "Zanzibar")
    return [
        Kind("polyglot_elf", b"\x7fELF\x02\x01\x01" + film("polyglot_elf")[7:], ""),
        Kind("polyglot_tiff", b"II*\0\x08\0\0\0" + film("polyglot_tiff")[8:], ""),
        Kind("polyglot_script", b"#!/bin/sh\nZanzibar\nexit\n" + film("polyglot_script")[24:], ""),
        Kind("polyglot_zip", film("polyglot_zip") + archive.getvalue(), ""),
        Kind("zip_slip", archive.getvalue(), "not_dicom"),
        Kind("empty", b"", "empty_file"),
        Kind("text", b"Zanzibar is no image\n" * 20, "not_dicom"),
        Kind("zeros", bytes(4096), "not_dicom"),
        Kind("executable", b"\x7fELF" + bytes(4096), "not_dicom"),
        Kind("group_two_only", wrapped(b""), "truncated"),
        Kind("without_preamble", film("without_preamble")[132:], ""),
        Kind("dicm_and_noise", bytes(128) + b"DICM" + bytes(range(256)) * 16, "no_SOPClassUID"),
    ]


def header_kinds() -> list[Kind]:
    """All kinds whose pixels need no codec."""
    return [*cut_files(), *strange_encodings(), *strange_syntaxes(), *strange_values(), *polyglots()]
