"""Counts of the service in Prometheus' text format; a hospital's monitoring can scrape them, nothing is sent."""

from __future__ import annotations

import threading
from collections import Counter

#: Upper bounds of the latency histogram, in seconds.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Requests by status, rejections by reason, latency of answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[int] = Counter()
        self._rejections: Counter[str] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0

    def request(self, status: int) -> None:
        """Count one request to /predict by its HTTP status."""
        with self._lock:
            self._requests[status] += 1

    def rejection(self, reason: str) -> None:
        """Count one refused study by its reason."""
        with self._lock:
            self._rejections[reason] += 1

    def latency(self, seconds: float) -> None:
        """Count how long one answer took."""
        with self._lock:
            self._seconds += seconds
            self._buckets[next((bound for bound in BOUNDS if seconds <= bound), float("inf"))] += 1

    def text(self) -> str:
        """Everything counted so far."""
        with self._lock:
            lines = ["# TYPE radloop_requests_total counter"]
            lines += [f'radloop_requests_total{{status="{key}"}} {n}' for key, n in sorted(self._requests.items())]
            lines.append("# TYPE radloop_rejections_total counter")
            lines += [f'radloop_rejections_total{{reason="{k}"}} {n}' for k, n in sorted(self._rejections.items())]
            return "\n".join(lines + self._histogram()) + "\n"

    def _histogram(self) -> list[str]:
        lines, total = ["# TYPE radloop_latency_seconds histogram"], 0
        for bound in (*BOUNDS, float("inf")):
            total += self._buckets[bound]
            name = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'radloop_latency_seconds_bucket{{le="{name}"}} {total}')
        return [
            *lines,
            f"radloop_latency_seconds_sum {self._seconds:.6f}",
            f"radloop_latency_seconds_count {total}",
        ]
