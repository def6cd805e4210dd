from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.gate import require
from radloop.params import Paths, UseCase
from radloop.quality.fingerprints import fingerprint
from radloop.quality.groups import group_id, split_of_group
from radloop.stages import split

Film = dict[str, Any]


def film(number: int, batch: int = 0, picture: int | None = None, noise: float = 0.0, **facts: Any) -> Film:
    """One film of its own patient; `picture` chooses what it shows, so that two films may show the same."""
    shown = number if picture is None else picture
    thumbnail = np.random.default_rng(shown).normal(0, 1, (64, 64)).astype(np.float32)
    thumbnail = thumbnail.cumsum(0).cumsum(1) + noise * np.random.default_rng(number).normal(0, 1, (64, 64))
    mark = fingerprint(thumbnail.astype(np.float32))
    assert mark is not None
    exact = noise == 0.0
    return {
        "record_id": f"r{number}", "patient_id": f"p{number}", "shard": f"{batch:06d}-000.tar", "offset": number,
        "pixel_sha256": f"pixels {shown if exact else (shown, number)}", "shows": True,
        "findings": ["Pneumonia"] if number % 3 == 0 else [], "site": "north" if number % 2 else "south",
        "sex": "F" if number % 5 else "M", "bits": mark.bits, "thumbnail": mark.thumbnail, **facts,
    }  # fmt: skip


@pytest.fixture
def deal(tmp_path: Path, case: UseCase) -> Callable[..., tuple[pd.DataFrame, Paths]]:
    """Run the stage on films; returns split.parquet by patient's film and the paths."""

    def run(films: list[Film], quarantined: frozenset[str] = frozenset(), **knobs: Any) -> tuple[pd.DataFrame, Paths]:
        paths = Paths(data=tmp_path / "data", out=tmp_path / "out")
        folder = paths.stage(case.name, "validate")
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(films)
        pq.write_table(table.drop_columns(["findings", "sex"]), folder / "films.parquet")
        accepted = [row for row in films if row["record_id"] not in quarantined]
        pq.write_table(pa.Table.from_pylist(accepted).drop_columns(["bits", "thumbnail"]), folder / "accepted.parquet")
        split.run(case.model_copy(update={"split": case.split.model_copy(update=knobs)}), paths)
        dealt = pq.read_table(paths.stage(case.name, "split") / "split.parquet").to_pandas()
        return dealt.set_index("record_id"), paths

    return run


def patients_in(case: UseCase, wanted: str, start: int, count: int = 1) -> list[int]:
    """Numbers of patients who, alone, stand in this split."""
    numbers = (n for n in range(start, start + 10_000) if stands(case, n) == wanted)
    return [next(numbers) for _ in range(count)]


def stands(case: UseCase, number: int) -> str:
    return split_of_group(group_id(f"p{number}", case.split.salt), case.split)


MANY = [film(number) for number in range(120)]
TWICE = [film(number) for number in range(240)]


def test_every_accepted_film_is_dealt_by_its_patient_alone(deal: Any, case: UseCase) -> None:
    dealt, paths = deal(MANY)
    assert list(dealt.columns) == ["patient_id", "group_id", "split"]
    assert {f"r{n}": stands(case, n) for n in range(120)} == dealt["split"].to_dict()
    assert require(paths.gate(case.name, "split")).open


def test_once_dealt_for_ever_over_three_growing_snapshots(deal: Any, case: UseCase) -> None:
    """Later batches bring new patients, more films of old ones and copies across splits; nobody moves."""
    asked, taught = patients_in(case, "test", 0)[0], patients_in(case, "train", 0)[0]
    again = film(
        500, 1, noise=0.02, picture=asked, patient_id=f"p{taught}"
    )  # a copy of a test film under a taught patient
    second = [film(n, 1) for n in range(120, 160)] + [again]
    third = [film(n, 2) for n in range(160, 190)] + [film(501, 2, picture=taught, patient_id="p501")]
    snapshots = [MANY, MANY + second, MANY + second + third]
    dealt = [deal(films)[0] for films in snapshots]
    for earlier, later in pairwise(dealt):
        pd.testing.assert_frame_equal(earlier, later.loc[earlier.index])
    assert dealt[2].loc["r500", "split"] == "excluded"
    assert dealt[2].loc["r501", "split"] == "train"


def test_a_film_that_is_labelled_anew_or_quarantined_later_moves_nobody(deal: Any, case: UseCase) -> None:
    old, new = patients_in(case, "test", 0)[0], patients_in(case, "train", 300)[0]
    films = [*MANY, film(new, 1, picture=old, noise=0.02)]
    before, _ = deal(films)
    relabelled = [{**row, "findings": ["Pneumonia"]} if row["record_id"] == f"r{old}" else row for row in films]
    after, _ = deal(relabelled, quarantined=frozenset({f"r{old}"}))
    assert before.loc[f"r{new}", "split"] == "test"
    pd.testing.assert_frame_equal(before.drop(f"r{old}"), after)


def test_near_duplicates_join_their_patients_and_are_reported(deal: Any, case: UseCase) -> None:
    dealt, paths = deal([*MANY, film(700, picture=7, noise=0.02), film(701, picture=8)])
    assert dealt.loc["r700", "group_id"] == dealt.loc["r7", "group_id"]
    assert dealt.loc["r701", "group_id"] == dealt.loc["r8", "group_id"]
    report = read_json(paths.stage(case.name, "split") / "duplicates.json")
    assert report["equal_pixels"] == [["r8", "r701"]]
    assert [pair["films"] for pair in report["near_duplicates"]] == [["r7", "r700"]]
    assert (report["patients_joined"], report["largest_group"], report["excluded"]) == (4, 2, 0)
    summary = read_json(paths.stage(case.name, "split") / "summary.json")
    assert (summary["equal_pixels"], summary["near_duplicates"], summary["groups"]) == (1, 1, 120)
    assert sum(sizes["images"] for sizes in summary["splits"].values()) == 122


def test_blank_films_join_nobody(deal: Any, case: UseCase) -> None:
    blank = {"shows": False, "bits": None, "thumbnail": None, "pixel_sha256": "blank"}
    films = [*MANY, film(800, **blank), film(801, **blank)]
    dealt, paths = deal(films, quarantined=frozenset({"r800", "r801"}))
    assert len(dealt) == 120
    assert read_json(paths.stage(case.name, "split") / "duplicates.json")["equal_pixels"] == []


def test_a_split_with_one_class_closes_the_gate(deal: Any, case: UseCase) -> None:
    _, paths = deal([{**row, "findings": []} if stands(case, n) == "test" else row for n, row in enumerate(MANY)])
    with pytest.raises(GateClosed, match="both_classes"):
        require(paths.gate(case.name, "split"))


def test_a_split_unlike_the_others_closes_the_gate(deal: Any, case: UseCase) -> None:
    films = [{**film(n), "site": "east" if stands(case, n) == "test" else "west"} for n in range(120)]
    _, paths = deal(films)
    with pytest.raises(GateClosed, match="site east in test"):
        require(paths.gate(case.name, "split"))


def test_equal_pixels_in_two_splits_close_the_gate(case: UseCase) -> None:
    rows = [{**film(n), "group_id": f"g{n}", "split": stands(case, n), "label": n % 3 == 0} for n in range(120)]
    taught = next(row for row in rows if row["split"] == "train")
    asked = next(row for row in rows if row["split"] == "test")
    leaky = pd.DataFrame([*rows, {**taught, "pixel_sha256": asked["pixel_sha256"]}])
    checks = {check.name: check for check in split.checks_of(case, leaky, [])}
    assert not checks["equal_pixels"].holds and checks["equal_pixels"].seen == 1


def test_the_balance_is_shown_as_numbers_and_as_a_picture(deal: Any, case: UseCase) -> None:
    dealt, paths = deal(MANY)
    folder = paths.stage(case.name, "split")
    shown = read_json(folder / "balance.json")
    assert {cell["variable"] for cell in shown["cells"]} == {"label", "site", "sex"}
    assert sum(sizes["images"] for sizes in shown["splits"].values()) == len(dealt)
    assert (folder / "balance.png").read_bytes().startswith(b"\x89PNG")


def test_the_order_of_arrival_is_the_place_of_the_bytes() -> None:
    rows = [("b", "000001-000.tar", 512), ("c", "000001-010.tar", 0), ("a", "000000-002.tar", 9999)]
    frame = pd.DataFrame(rows, columns=["record_id", "shard", "offset"])
    ordered = split.in_order_of_arrival(frame)
    assert ordered["record_id"].tolist() == ["a", "b", "c"] and ordered["batch"].tolist() == [0, 1, 1]


def test_by_site_a_named_site_is_test_as_a_whole_and_a_patient_of_two_sites_crosses_nothing(
    deal: Any, case: UseCase
) -> None:
    """The patient stands where the first film was taken, and loses the films of the other side."""
    films = [*TWICE, film(900, 1, patient_id="p3", site="south"), film(901, 1, patient_id="p4", site="north")]
    dealt, paths = deal(films, by="site", test_sites=("north",))
    sites = pd.Series({row["record_id"]: row["site"] for row in films})[dealt.index]
    assert set(sites[dealt["split"] == "test"]) == {"north"}
    assert set(sites[dealt["split"].isin(["train", "validation"])]) == {"south"}
    assert dealt.loc[["r900", "r901"], "split"].tolist() == ["excluded", "excluded"]
    assert dealt.loc["r3", "split"] == "test" and dealt.loc["r4", "split"] != "test"
    gate = require(paths.gate(case.name, "split"))
    checks = {check.name: check for check in gate.checks}
    assert checks["whole_sites"].seen == {"test": ["north"], "others": 1, "in both": [], "named but absent": []}
    assert "test differs on purpose (split.by: site)" in checks["balance"].rule


def test_by_site_copies_across_sites_leave_the_later_film_out(deal: Any, case: UseCase) -> None:
    dealt, _ = deal([*MANY, film(902, 1, picture=3, site="south")], by="site", test_sites=("north",))
    assert dealt.loc["r902", ["group_id", "split"]].tolist() == [dealt.loc["r3", "group_id"], "excluded"]


@pytest.mark.parametrize("named", [("nowhere",), ("north", "south"), ("north", "nowhere")])
def test_sites_that_are_absent_or_all_there_are_close_the_gate(deal: Any, case: UseCase, named: Any) -> None:
    _, paths = deal(MANY, by="site", test_sites=named)
    with pytest.raises(GateClosed, match="whole_sites"):
        require(paths.gate(case.name, "split"))


def test_films_that_tell_no_site_are_never_test(deal: Any, case: UseCase) -> None:
    untold = [film(n, site=None) for n in range(903, 933)]
    dealt, _ = deal([*MANY, *untold], by="site", test_sites=("north",))
    assert "test" not in set(dealt.loc[[row["record_id"] for row in untold], "split"])


def test_by_time_the_newest_batches_are_test_and_no_known_patient_is_asked(deal: Any, case: UseCase) -> None:
    films = [film(n, n // 80) for n in range(240)] + [film(910, 2, patient_id="p3")]
    dealt, paths = deal(films, by="time", test=0.3)
    batches = pd.Series({row["record_id"]: int(row["shard"][:6]) for row in films})[dealt.index]
    assert set(batches[dealt["split"] == "test"]) == {2}
    assert set(batches[dealt["split"].isin(["train", "validation"])]) == {0, 1}
    assert dealt.loc["r910", "split"] == "excluded" and dealt.loc["r3", "split"] != "test"
    checks = {check.name: check.seen for check in require(paths.gate(case.name, "split")).checks}
    assert checks["newest_batches"] == {"last that teaches": 1, "first in test": 2}


def test_one_batch_alone_has_no_order_in_time_and_closes_the_gate(deal: Any, case: UseCase) -> None:
    _, paths = deal(MANY, by="time")
    with pytest.raises(GateClosed, match="ingest at least twice"):
        require(paths.gate(case.name, "split"))


def test_other_sites_may_be_unlike_where_they_are_test_but_not_where_patients_are_dealt(
    deal: Any, case: UseCase
) -> None:
    films = [{**film(n), "sex": "F" if n % 2 else "M"} for n in range(240)]
    _, paths = deal(films, by="site", test_sites=("north",))
    assert require(paths.gate(case.name, "split")).open
