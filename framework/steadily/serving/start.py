"""Beginning a service: from a project's folder to a worker's parts, and to the processes that run them.

Owns how threads are pinned: one for the numbers in each process. A pool of threads in each makes one row slow
as soon as a neighbour is busy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.errors import ConfigError, RunError
from steadily.serving.settings import FIGURES, LOOPBACK, ServeSettings
from steadily.settings import settings

APPLICATION = "steadily.serving.app:create"
GRACE = 30  # seconds that requests at work have at the end
ANY_SERVER: dict[str, Any] = {  # what uvicorn is told, whatever it serves
    "http": "httptools",
    "ws": "none",
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 75,
}
BACKLOG = 2_048
PACE = 0.02  # seconds
NEW = 60.0  # seconds in which a folder of figures is not locked yet, perhaps
TRIAL = "STEADILY_TRIAL_RELEASE"  # tells the workers which release is tried


def service_of(project: Path) -> Any:
    """Make the parts of a worker that serves a project's live release.

    Raises:
        SteadilyError: The settings, the database or the release can't be used.
    """
    from steadily.clock import clock_of
    from steadily.database import open_project
    from steadily.database.settings import RetentionSettings
    from steadily.features.online import project_features
    from steadily.features.settings import FeaturesSettings
    from steadily.monitor.settings import AlertSettings, MonitorSettings
    from steadily.releases.records import find_release
    from steadily.releases.store import fetch
    from steadily.rollout.freshness import Freshness
    from steadily.serving.beside import Other
    from steadily.serving.counting import counting_of
    from steadily.serving.exposing import Exposing
    from steadily.serving.live import OwnModules
    from steadily.serving.measures import Measures
    from steadily.serving.monitoring import Monitoring
    from steadily.serving.scoring import QUICK, Release
    from steadily.serving.service import Service

    chosen, measures = settings(project, ServeSettings), Measures()
    features = project_features(project, measures.looked_up)
    database = open_project(project)
    own, trial = OwnModules(), os.environ.get(TRIAL)

    def opens(number: int) -> Release:
        known = find_release(database, number)
        way = str(known.latency.get("way", QUICK))
        return own.open(number, fetch(project, known), chosen.most_rows, way, features)

    def find(slot: str, number: int, since_us: int) -> Other:
        known = find_release(database, number)
        way = str(known.latency.get("way", QUICK))
        folder = fetch(project.absolute(), known)
        return Other(
            slot, number, since_us, folder, way, chosen.beside_memory_mb, chosen.answer_seconds, project.absolute()
        )

    if trial is not None:
        return Service(chosen, database, clock_of(database), opens, trial=int(trial), measures=measures)
    clock, monitor = clock_of(database), settings(project, MonitorSettings)
    counting = counting_of(database, monitor, clock)
    alerts = settings(project, AlertSettings)
    freshness = Freshness(database, settings(project, FeaturesSettings).address(project), alerts.freshness)
    monitoring = (
        Monitoring(project.absolute(), database, clock, monitor, alerts, (freshness,)) if monitor.inside else None
    )
    return Service(
        chosen,
        database,
        clock,
        opens,
        find=find,
        counting=counting,
        monitoring=monitoring,
        exposing=Exposing(database, clock, monitor, alerts),
        kept=settings(project, RetentionSettings),
        measures=measures,
        freshness=freshness,
    )


def serve(
    project: Path,
    given: dict[str, Any],
    tell: Callable[[str], None],
    trial: int | None = None,
    application: str = APPLICATION,
) -> None:
    """Serve until a signal ends it.

    Args:
        project: The project's folder, which is the working one.
        given: Settings from the command line, over those of ``conf/operate.yaml``.
        tell: Called with a line on what is served and where, once it is: who reads it may send.
        trial: A release that answers whatever is live, and of which nothing is logged.
        application: What makes the application of each worker, as uvicorn names it.

    Raises:
        SteadilyError: The settings or the release can't be used, or the port is taken.
    """
    import uvicorn

    chosen = settings(project, ServeSettings).model_copy(update=given)
    refuse_open_doors("serve", chosen.host, chosen)
    number = check_release(project, trial)
    os.environ.pop(TRIAL, None)
    if trial is not None:
        os.environ[TRIAL] = str(trial)
    folder = layout.STATE / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    sweep_figures(folder)
    figures = tempfile.mkdtemp(prefix="figures-", dir=folder)
    in_use = lock_of(figures)
    os.environ[FIGURES] = figures  # read when prometheus_client is imported
    listening = bound(chosen.host, chosen.port)
    many = f"{chosen.workers} workers" if chosen.workers > 1 else "1 worker"
    beside = "" if trial is None else ", on trial: nothing is logged"
    where = f"{url_of(listening, chosen.host)}/predict"
    line = f"release {number} answers at {where} ({many}{beside}); Ctrl-C ends it"
    threading.Thread(target=tell_when_listening, args=(listening, tell, line), daemon=True).start()
    try:
        config = uvicorn.Config(
            application,
            factory=True,
            workers=chosen.workers,
            loop="auto",
            date_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE,
            timeout_worker_healthcheck=GRACE,
            **ANY_SERVER,
        )
        server = uvicorn.Server(config)
        if chosen.workers > 1:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, [listening]).run()
        else:
            server.run(sockets=[listening])
    finally:
        listening.close()
        shutil.rmtree(figures, ignore_errors=True)
        if in_use is not None:
            os.close(in_use)


def sweep_figures(folder: Path) -> None:
    """Take away the figures of services that were killed: nobody holds their lock any more, or will in a moment."""
    before = time.time() - NEW
    for path in folder.glob("figures-*"):
        held = lock_of(str(path))
        if held is not None and os.fstat(held).st_mtime < before:
            shutil.rmtree(path, ignore_errors=True)
        if held is not None:
            os.close(held)


def lock_of(folder: str) -> int | None:
    """Lock a folder of figures until this process ends, however it does; None where another one has it."""
    held = None
    try:
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if held is not None:
            os.close(held)
        return None
    return held


def check_release(project: Path, trial: int | None) -> int:
    """Give the number of the release that is to answer, or refuse to begin, before there is a process for it.

    Raises:
        SteadilyError: None is live, or its files are not what they were.
    """
    from steadily.database import open_project
    from steadily.releases.records import find_release
    from steadily.releases.slots import read_slots
    from steadily.releases.store import fetch

    with open_project(project) as database:
        number = trial or read_slots(database).live
        if number is None:
            raise RunError.at("steadily serve", "no release is live", hint="`steadily release` makes the first one so")
        fetch(project, find_release(database, number))
    return number


def refuse_open_doors(section: str, host: str, chosen: ServeSettings) -> None:
    """Refuse to listen beyond this machine without tokens.

    Args:
        section: The section of ``conf/operate.yaml`` that names the address.
        host: The address.
        chosen: Has the tokens.

    Raises:
        ConfigError: Saying how to set some.
    """
    if host not in LOOPBACK and chosen.tokens is None:
        raise ConfigError.at(
            f"{section}.host",
            "others could reach labels and figures without a token",
            given=host,
            allowed=f"{', '.join(LOOPBACK)}, or tokens",
            hint="under serve in conf/operate.yaml: `tokens: ${oc.env:STEADILY_TOKENS}`",
        )


def bound(host: str, port: int) -> socket.socket:
    """Give a socket at an address, for all workers; it listens when the first of them is ready.

    Raises:
        RunError: It can't be had.
    """
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise RunError.at(
            f"{host}:{port}", f"can't be listened on: {error.strerror}", hint="--port names another"
        ) from None
    made.set_inheritable(True)
    return made


def url_of(listening: socket.socket, host: str) -> str:
    """Give the address of a socket that is bound to ``host``, as a browser takes it."""
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{listening.getsockname()[1]}"


def tell_when_listening(listening: socket.socket, tell: Callable[[str], None], line: str) -> None:
    """Tell a line when the first worker has opened its release and listens; nothing where none comes to that.

    The workers have this very socket, so that it can be asked; a request to find out would be one more to be counted.
    """
    try:
        while not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            time.sleep(PACE)
    except OSError:  # it was closed: the service ended before it began
        return
    tell(line)
