"""The prediction service: one image in, one journalled answer out, by the champion of one use case."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable, StudyRejected, place_of
from radloop.held import Unforeseen
from radloop.modeling.runtimes import require
from radloop.predictions import PredictionLog
from radloop.retained import retain
from radloop.serving.body import TooLarge, read_body
from radloop.serving.describe import DESCRIPTION, PREDICT, health_facts, model_facts
from radloop.serving.follow import Champions, Follower
from radloop.serving.metrics import Metrics
from radloop.serving.page import docs_page
from radloop.serving.reader import Occasion, Served, answer
from radloop.serving.readers import Readers
from radloop.settings import Settings

LOG = logging.getLogger("radloop.serving")

#: Header by which the smoke set of a deployment says that it is no patient; its answers are no production.
SMOKE_HEADER = "x-radloop-smoke"


@dataclass(frozen=True)
class Desk:
    """What answering needs: the champion's follower, the log, the processes that read."""

    settings: Settings
    follower: Follower
    log: PredictionLog
    readers: Readers
    metrics: Metrics

    def answer(self, content: bytes, channel: str) -> dict[str, Any]:
        """Read, ask, keep, journal, and only then answer.

        Raises StudyRejected for a study that cannot be asked about and ServiceUnavailable where there is no
        champion or the answer cannot be written down.
        """
        served = self._served()
        study = self.readers.read(content, served.bundle.intake)
        (prediction,) = answer([study], served, Occasion(channel))
        try:
            if self.settings.keep_inputs:
                retain(self.settings.retained, study.arrival)
        except ConfigurationError as error:
            raise ServiceUnavailable("the input cannot be kept, so no answer is given.", error.next_step) from error
        self.log.append([prediction])
        self.metrics.latency(time.perf_counter() - study.began)
        return {
            "prediction_id": prediction.prediction_id,
            "probability": prediction.score,
            "decision": prediction.decision,
            "threshold": prediction.threshold,
            "finding": served.bundle.finding,
            "model_version": prediction.model_version,
            "bundle": prediction.bundle,
            "latency_ms": prediction.latency_ms,
            "message": "A model's estimate for a physician to weigh; not a diagnosis.",
        }

    def _served(self) -> Served:
        served = self.follower.state.served
        if served is None:
            raise ServiceUnavailable(
                f"there is no champion for {self.follower.use_case}.", "train one, let it pass its gate, deploy it"
            )
        return served


def create_app(settings: Settings, use_case: str, champions: Champions | None = None) -> FastAPI:
    """The service for one use case; `champions` defaults to the installation's registry.

    Raises ConfigurationError where the machine's engine is not installed.
    """
    require(settings.engine)  # before a follower keeps it to itself
    if champions is None:
        from radloop.registry import Registry  # mlflow takes 2 s to import, and tests bring their own

        champions = Registry(settings)
    note = settings.root / "serving" / f"{use_case}.json"
    follower = Follower(use_case, champions, note, settings.serving_poll_seconds, settings.engine)
    readers = Readers(open_pseudonyms(settings), settings.serving_readers, settings.serving_read_seconds)
    desk = Desk(settings, follower, PredictionLog(settings.log), readers, Metrics())

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(readers.start)
        await run_in_threadpool(follower.start)
        yield
        await run_in_threadpool(follower.stop)
        await run_in_threadpool(readers.stop)
        desk.log.close()

    app = FastAPI(title=f"radloop · {use_case}", description=DESCRIPTION, lifespan=life, docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.middleware("http")(_counted(desk.metrics))
    app.add_exception_handler(RadloopError, _refuse)
    _predict_route(app, desk)
    _other_routes(app, desk)
    return app


def _predict_route(app: FastAPI, desk: Desk) -> None:
    @app.post("/predict", **PREDICT)
    async def predict(request: Request) -> JSONResponse:
        """Ask the champion about one DICOM or PNG file, sent as the body or as the one file of a form."""
        if not _allowed(request, desk.settings):
            return JSONResponse(
                {"family": "unauthorised", "message": "a valid bearer token is needed."},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        content = await read_body(request, desk.settings.serving_body_mib * 2**20)
        channel = "smoke" if SMOKE_HEADER in request.headers else "serve"
        try:
            return JSONResponse(await run_in_threadpool(desk.answer, content, channel))
        except RadloopError:
            raise
        except Exception as error:
            return _bug(error)


def _other_routes(app: FastAPI, desk: Desk) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Whether the service lives, what it serves, and whether it can still see the registry."""
        return health_facts(desk.follower.state, desk.follower.use_case, desk.settings.mark)

    @app.get("/model")
    def model() -> dict[str, Any]:
        """What is served: version, bundle, finding, threshold, and what it may be asked about."""
        return model_facts(desk._served())

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> str:
        """Counts in Prometheus' text format."""
        return desk.metrics.text()

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs() -> str:
        return docs_page(app.openapi())


def _allowed(request: Request, settings: Settings) -> bool:
    if settings.serving_token is None:
        return True
    expected = f"Bearer {settings.serving_token.get_secret_value()}"
    return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode())


def _counted(metrics: Metrics) -> Callable[..., Awaitable[Response]]:
    async def count(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await proceed(request)
        if request.url.path == "/predict":
            metrics.request(response.status_code)
        return response

    return count


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RadloopError)
    status = 413 if isinstance(error, TooLarge) else 422 if isinstance(error, StudyRejected) else 503
    body = {"family": error.family, "message": error.message, "next_step": error.next_step}
    if isinstance(error, StudyRejected):
        request.app.state.desk.metrics.rejection(error.reason)
        body["reason"] = error.reason
    return JSONResponse(body, status)


def _bug(error: Exception) -> JSONResponse:
    """Tell the log where, not what: an unforeseen error's text may quote a header, and so a patient."""
    told = str(error) if isinstance(error, Unforeseen) else f"{type(error).__name__} in {place_of(error)}"
    LOG.error("unforeseen %s", told)
    return JSONResponse({"family": "error", "message": f"unforeseen {told.partition(' ')[0]}; see the log."}, 500)
