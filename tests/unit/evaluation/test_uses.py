"""Counting the looks at a test set."""

from __future__ import annotations

from radloop.evaluation import uses


def test_a_test_set_has_one_name_whatever_the_order_of_its_records() -> None:
    assert uses.hash_of_test_set(["b", "a"]) == uses.hash_of_test_set(["a", "b"])
    assert uses.hash_of_test_set(["a", "b", "c"]) != uses.hash_of_test_set(["a", "b"])


def test_every_bundle_judged_on_a_test_set_is_one_use() -> None:
    bodies = [
        {"test_set_sha256": "t", "bundle": "1"},
        {"test_set_sha256": "t", "bundle": "2"},
        {"test_set_sha256": "t", "bundle": "2"},
        {"test_set_sha256": "other", "bundle": "3"},
        {},
    ]
    assert uses.count_uses(bodies, "t") == 2
