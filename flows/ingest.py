"""Studies come in, lose their names, enter the catalog, and become a snapshot with a name of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from prefect import flow

from flows.steps import open_workspace, outside, show, workspace
from radloop.catalog import Admission
from radloop.gateway import count_arriving, is_anything_complete, release_admitted, retrieve
from radloop.progress import progress_bar
from radloop.running import run_here, simulate_folder
from radloop.settings import load_settings
from radloop.sources.retrieval import require_nameless
from radloop.workspace import Snapshot


@outside
def receive(use_case: str, source: str, folder: str | None) -> tuple[str, str] | None:
    """Where the studies lie and in which layout; a PACS sends them first, the simulated hospital writes its own.

    None where the spool has nothing complete yet, which is no failure of a run that looks every hour.
    """
    settings = load_settings()
    if source == "pacs":
        require_nameless(folder or "")
        retrieve(settings, folder or "")
        return "spool", str(settings.spool)
    if source == "spool":
        count_arriving(settings)
        return (source, folder or str(settings.spool)) if folder or is_anything_complete(settings) else None
    if source != "simulated" or folder:
        return source, folder or ""
    knobs = workspace().case(use_case).ingest
    target = settings.root / "incoming" / f"simulated-{knobs.seed}-{knobs.studies}"
    if not target.exists():
        simulate_folder(target, knobs.studies, knobs.seed, [], settings.workers)
    return source, str(target)


@outside
def admit(use_case: str, source: str, folder: str) -> Admission:
    """Strip identity and admit to the catalog; what is refused is listed with its reason."""
    from radloop.dicom.pseudonyms import open_pseudonyms
    from radloop.ingest import ingest as admit_all
    from radloop.sources import open_source

    arrivals = open_source(source, Path(folder), open_pseudonyms(load_settings()), workers=load_settings().workers)
    with progress_bar("ingesting studies", len(arrivals)) as advance:
        select = workspace().case(use_case).ingest.select
        return admit_all(arrivals, workspace().snapshot_folder(use_case), advance, select)


@outside
def version(use_case: str) -> Snapshot:
    """Version the snapshot with DVC, commit it and push its bytes."""
    return workspace().snapshot(use_case)


@outside
def release(use_case: str) -> int:
    """Take out of the spool what the snapshot holds, where a setting asks for it; how many instances."""
    return release_admitted(load_settings(), use_case) if load_settings().spool_release else 0


@flow(name="ingest", persist_result=False)
def ingest(use_case: str = "chest_pneumonia", source: str | None = None, folder: str | None = None) -> Snapshot | None:
    """From studies to a snapshot; None where none of the spool's studies is complete.

    `source` is simulated, nih_cxr, medmnist, msd, nifti, dicom_folder, spool or pacs (default: the use case's);
    `folder` is where its files lie; of pacs, the address with its query, as `radloop retrieve` takes it.
    """
    open_workspace()
    arrived = receive(use_case, source or workspace().case(use_case).ingest.source, folder)
    if arrived is None:
        show("ingest", f"**{use_case}**: no study of the spool is complete yet")
        return None
    admission = admit(use_case, *arrived)
    snapshot = version(use_case)
    release(use_case)
    show("ingest", f"**{use_case}** snapshot `{snapshot.md5}`: {admission}")
    return snapshot


if __name__ == "__main__":
    run_here(ingest, sys.argv[1:])
