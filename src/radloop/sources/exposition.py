"""The receiver's counts in Prometheus' text format, for a file that a node's collector reads; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping

from radloop.sources.c_store import Receiver
from radloop.sources.spool import Landing


def exposition(receiver: Receiver) -> str:
    """What has come, what was refused and why, what was promised, and how much more fits; it names nobody."""
    landed = {landing.value: receiver.landed[landing] for landing in Landing}
    lines = [
        *_counter("radloop_receiver_instances_total", "landing", landed),
        *_counter("radloop_receiver_refusals_total", "reason", receiver.refused),
        *_counter("radloop_receiver_commitments_total", "outcome", receiver.commitments.counts),
        *_gauge("radloop_receiver_associations", receiver.associations()),
        *_gauge("radloop_receiver_last_instance_timestamp_seconds", receiver.last),
        *_gauge("radloop_spool_free_bytes", receiver.free()),
    ]
    if receiver.certified_until is not None:
        lines += _gauge("radloop_receiver_certificate_expiry_timestamp_seconds", receiver.certified_until)
    return "\n".join(lines) + "\n"


def _counter(name: str, label: str, counts: Mapping[str, int]) -> list[str]:
    rows = [f'{name}{{{label}="{key}"}} {count}' for key, count in sorted(counts.items())]
    return [f"# TYPE {name} counter", *rows]


def _gauge(name: str, value: float) -> list[str]:
    return [f"# TYPE {name} gauge", f"{name} {value:.0f}"]
