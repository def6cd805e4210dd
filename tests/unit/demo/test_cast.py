"""The demonstration makes its own stage, and clears no other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radloop.demo import nih, simulated
from radloop.demo.cast import clear_stage
from radloop.demo.nih import DEAL, NATURAL, at_prevalence, deal
from radloop.demo.simulated import periods
from radloop.errors import ConfigurationError
from radloop.params import Params


def test_a_folder_with_other_things_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigurationError, match="more than a demonstration"):
        clear_stage(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_an_earlier_demonstration_is_cleared(tmp_path: Path) -> None:
    clear_stage(tmp_path / "demo")
    (tmp_path / "demo" / "old").write_text("from before")
    clear_stage(tmp_path / "demo")
    assert not (tmp_path / "demo" / "old").exists()
    assert (tmp_path / "demo" / "keys" / "pseudonym.key").stat().st_mode & 0o077 == 0


def test_the_shifted_month_differs_from_the_quiet_one_in_vendor_and_age_only() -> None:
    july, august = periods(3)["july"], periods(3)["august"]
    changed = {name for name in vars(july) if getattr(july, name) != getattr(august, name)}
    assert changed == {"first_patient", "first_day", "last_day", "new_vendor", "age_mean"}


def test_an_installation_asks_for_a_person_s_approval_and_a_demonstration_alone_for_none(params: Params) -> None:
    assert params.use_cases
    assert min(params.use_case(name).register_.approvals for name in params.use_cases) >= 1
    for cast in (simulated, nih):
        assert cast.KNOBS["chest_pneumonia.register.approvals"] == 0


@pytest.mark.parametrize("share", [NATURAL, 0.5])
def test_rows_at_a_prevalence_have_it(share: float) -> None:
    rows = pd.DataFrame({"Image Index": [f"{n:08d}_000.png" for n in range(400)]})
    positive = pd.Series([n % 5 < 2 for n in range(400)])
    chosen = at_prevalence(rows, positive, share)
    assert positive[chosen.index].mean() == pytest.approx(share, abs=0.01)
    assert len(chosen) > 200


def test_the_parts_of_the_real_set_share_no_patient_and_are_alike_in_finding_and_view() -> None:
    patients = pd.Series([str(n // 2) for n in range(2000)])
    positive = pd.Series([n % 10 < 4 for n in range(2000)])
    ap = pd.Series([n % 4 == 0 for n in range(2000)])
    part = deal(patients, positive, ap)
    films = pd.DataFrame({"patient": patients, "positive": positive, "ap": ap, "part": part})
    assert films.groupby("patient")["part"].nunique().max() == 1
    for name, share in DEAL.items():
        chosen = films[films["part"] == name]
        assert len(chosen) / len(films) == pytest.approx(share, abs=0.01)
        assert chosen["positive"].mean() == pytest.approx(0.4, abs=0.02)
        assert chosen["ap"].mean() == pytest.approx(0.25, abs=0.02)
