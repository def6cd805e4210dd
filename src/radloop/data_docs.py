"""Data Docs kept for as long as somebody may ask: one folder per snapshot and judgement, with who learned from it.

The workspace's own pages are replaced when the next snapshot is judged, and a run must go on pointing to what was
said of its own data.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from html import escape
from pathlib import Path

from filelock import FileLock

from radloop.errors import ConfigurationError
from radloop.files import replacing, sha256, sha256_file, write_text

#: Where on the index page the next run is written down.
MARK = "<!-- the next run -->"


def keep_data_docs(made: Path, reports: Path, md5: str) -> Path:
    """Copy the pages that the stage validate has `made` below `reports`, once, and return the kept index page.

    `md5` names the snapshot; the pages' own hash is in the folder's name too, because other rules judge the same
    snapshot otherwise. Raises ConfigurationError where validate has made none.
    """
    pages = sorted(made.glob("*.html"))
    if not pages:
        raise ConfigurationError(f"there are no Data Docs in {made.parent.name}/{made.name}", "run validate first")
    digest = sha256("".join(f"{page.name} {sha256_file(page)}\n" for page in pages).encode())
    target = reports / "data_docs" / f"{md5.removesuffix('.dir')}-{digest[:8]}"
    index = target / "index.html"
    if not index.exists():
        with replacing(target) as fresh:
            for page in pages:
                shutil.copyfile(page, fresh / page.name)
            head = f"</h1>\n<p>Snapshot <code>{escape(md5)}</code></p>\n<ul>\n{MARK}\n</ul>"
            write_text(fresh / index.name, (made / index.name).read_text().replace("</h1>", head, 1))
    return index


def sign_data_docs(index: Path, what: str, commit: str, links: Mapping[str, str]) -> None:
    """Write on kept Data Docs who learned from these data: the workspace's commit, and `links` by their titles.

    Each is written once. An empty address is left out.
    """
    pages = [f'<a href="{escape(address)}">{escape(title)}</a>' for title, address in links.items() if address]
    line = f"<li>{' · '.join([escape(what), f'commit <code>{escape(commit)}</code>', *pages])}</li>"
    with FileLock(index.with_name(".lock")):
        text = index.read_text()
        if line not in text:
            write_text(index, text.replace(MARK, f"{line}\n{MARK}", 1))
