"""The page "Beside a PACS" is run from top to bottom, against Orthanc with TLS."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from radloop.settings import PROJECT, QUIET, strange_environment

pytestmark = pytest.mark.server
PAGE = PROJECT / "docs" / "how-to" / "beside-a-pacs.md"
BLOCK = re.compile(r"^```(console|sh|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: `up` and `down` are run with all services elsewhere; here they start and stop the receiver by the same table.
PRELUDE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
start='import os; from radloop.services import services; from radloop.settings import Settings
command = next(row.command for row in services(Settings()) if row.name == "dicom"); os.execv(command[0], command)'
radloop() {
    case $1 in
        up) python -c "$start" 2> receiver.log & receiver=$!; until radloop echo; do sleep 1; done ;;
        down)  # the counts are written every 10 s
            for _ in $(seq 30); do grep -q 'safe"} 4' $RADLOOP_HOME/run/receiver.prom && break; sleep 1; done
            cp $RADLOOP_HOME/run/receiver.prom . && kill $receiver && wait $receiver ;;
        run | spool) [ $2 != show ] && echo "$@" || python -m radloop "$@" ;;
        *) python -m radloop "$@" ;;
    esac
}
"""


def script_of(page: str, ports: dict[str, int]) -> tuple[str, str]:
    """The page's commands as one script, and Orthanc's configuration, with free ports for the usual ones."""
    for usual, free in ports.items():
        page = re.sub(rf"\b{usual}\b", str(free), page)
    blocks = BLOCK.findall(page)
    lines = [re.sub(r"^\$ ", "", body, flags=re.MULTILINE) for kind, body in blocks if kind != "json"]
    return "".join(lines), next(body for kind, body in blocks if kind == "json")


def test_the_page_works_as_it_is_written(tmp_path: Path, free_ports: Any) -> None:
    for program in ("Orthanc", "curl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    if not Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so").exists():
        pytest.skip("needs Debian's package orthanc-dicomweb")
    script, config = script_of(PAGE.read_text(), dict(zip(("4242", "8042", "11112"), free_ports(3), strict=True)))
    assert json.loads(config)["DicomTlsRemoteCertificateRequired"]
    (tmp_path / "orthanc.json").write_text(config)
    home = tmp_path / "home"
    environment = {
        **strange_environment(), **QUIET, "PATH": f"{Path(sys.executable).parent}:{strange_environment()['PATH']}",
        "RADLOOP_HOME": str(home), "RADLOOP_DICOM_PORT": re.findall(r'"Port": (\d+)', config)[0],
        "RADLOOP_SPOOL_RESERVE_MIB": "1", "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", PRELUDE + script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150,
        check=False,
    )  # fmt: skip
    log = (tmp_path / "receiver.log").read_text() if (tmp_path / "receiver.log").exists() else ""
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{log}"
    assert re.search(r"ORTHANC at localhost:\d+ answers", done.stdout)
    assert done.stderr.count("4 studies, 4 instances, 4 of them were here already") == 2
    assert "4 instances whose senders were told that they are safe" in done.stdout
    assert "4 studies counted" in re.sub(" +", " ", done.stdout)
    assert "with TLS" in log and "4 stored, 0 duplicate, 0 quarantined" in log
    counts = (tmp_path / "receiver.prom").read_text()
    assert 'radloop_receiver_commitments_total{outcome="instances safe"} 4' in counts
    films = [path.name for path in (home / "spool" / "studies").rglob("*.dcm")]
    assert len(films) == 4
    told = done.stdout + log + counts
    assert "a-long-word" not in told and not (home / "run" / "receiver.prom").exists()
