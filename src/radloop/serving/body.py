"""The body of a request, kept in memory: a study that still has its names must not touch the disk."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import create_form_parser

from radloop.errors import StudyRejected

ALLOWANCE = 16 * 1024  # of a form's own lines around the file


class TooLarge(StudyRejected):
    """The body is larger than this service takes."""

    def __init__(self, largest: int) -> None:
        super().__init__(
            "body_too_large",
            f"the body is larger than {largest / 2**20:g} MiB.",
            "send one image at a time, or raise RADLOOP_SERVING_BODY_MIB",
        )


async def read_body(request: Request, largest: int) -> bytes:
    """The file of a request, sent raw or as the one file of a multipart form.

    Raises TooLarge beyond `largest` bytes, without reading on, and StudyRejected for a malformed form.
    """
    form = request.headers.get("content-type", "").startswith("multipart/form-data")
    limit = largest + ALLOWANCE * form
    if int(request.headers.get("content-length") or 0) > limit:
        raise TooLarge(largest)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise TooLarge(largest)
    return _file_of_form(request, content) if form else bytes(content)


def _file_of_form(request: Request, content: bytearray) -> bytes:
    files: list[bytes] = []

    def keep(file: Any) -> None:
        file.file_object.seek(0)
        files.append(file.file_object.read())

    headers = {"Content-Type": request.headers["content-type"].encode()}
    try:
        parser = create_form_parser(headers, None, keep, config={"MAX_MEMORY_FILE_SIZE": float("inf")})
        parser.write(bytes(content))
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise StudyRejected("malformed_form", "the multipart form cannot be read.", "send the file as body") from error
    if len(files) != 1:
        raise StudyRejected("not_one_file", f"the form holds {len(files)} files.", "send exactly one file a request")
    return files[0]
