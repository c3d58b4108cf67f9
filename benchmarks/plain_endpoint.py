"""An endpoint as a good user of FastAPI and pandas writes it by hand: what `serving.py` compares with.

``python benchmarks/plain_endpoint.py BUNDLE WHAT`` serves the model of a bundle on a free port of 127.0.0.1 and prints
its address. WHAT names the transforms that each request's row goes through: ``mails``, ``flights``, or ``bare`` for
none. There is no contract, no refusal, no record of what was filled in, and no log.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from steadily.bundle import open_bundle

Transform = Callable[[pd.DataFrame], pd.DataFrame]


class Request(BaseModel):
    """What a client sends."""

    rows: list[dict[str, Any]]


def mails(bundle: Any) -> Transform:
    """Give the transforms of the mails: text in lower case without white space around it, dates read."""

    def transform(frame: pd.DataFrame) -> pd.DataFrame:
        frame["text"] = frame["text"].str.lower().str.strip()
        frame["created_at"] = pd.to_datetime(frame["created_at"].map(parsedate_to_datetime), utc=True)
        return frame

    return transform


def flights(bundle: Any) -> Transform:
    """Give the transforms of the flights: the hour read, its weekday, the weather of the hour, delays, gaps filled in.

    What was known of delays by then is looked up by the step's own function, in memory: pandas has no better way.
    """
    chains = {leg.stage: leg.chain for leg in bundle.legs}
    steps = {step.spec.name: step for step in chains["clean"].steps}
    keys = steps["weather"].arguments["keys"]
    weather = steps["weather"].arguments["table"].set_index(keys)  # once: merging columns would index it for each row
    delays = [step for step in steps.values() if step.spec.use == "features.join"]
    learned = chains["prepare"].learned_state("weather_gaps")
    gaps = list(learned["all"].columns)
    medians = learned["groups"].set_index("origin")[gaps].fillna(learned["all"].iloc[0])
    typical = chains["prepare"].learned_state("delay_gaps")["all"].iloc[0].to_dict() if delays else {}

    def transform(frame: pd.DataFrame) -> pd.DataFrame:
        frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True).astype("datetime64[us, UTC]")
        frame["time_hour_weekday"] = frame["time_hour"].dt.day_of_week
        frame = frame.merge(weather, how="left", left_on=keys, right_index=True)
        for step in delays:
            frame, _ = step.definition.target(frame, **step.arguments)
        frame[gaps] = frame[gaps].fillna(medians.loc[frame["origin"]].set_index(frame.index))
        return frame.fillna(typical)

    return transform


def bare(bundle: Any) -> Transform:
    """Give no transforms: rows are such as the model takes."""
    return lambda frame: frame


TRANSFORMS: dict[str, Callable[[Any], Transform]] = {"mails": mails, "flights": flights, "bare": bare}


def application(folder: Path, what: str) -> FastAPI:
    """Give the application."""
    bundle = open_bundle(folder)
    model = bundle.model.pipeline  # scikit-learn's own
    transform = TRANSFORMS[what](bundle)
    classes = model[-1].classes_.tolist()
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:  # async: a thread for each request would be slower
        shares = model.predict_proba(transform(pd.DataFrame(request.rows)))
        return {
            "answers": [
                {"prediction": classes[row.argmax()], "probabilities": dict(zip(classes, row.tolist(), strict=True))}
                for row in shares
            ]
        }

    return app


def main() -> None:
    """Serve."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("bundle", type=Path)
    words.add_argument("what", choices=TRANSFORMS)
    chosen = words.parse_args()
    app = application(chosen.bundle, chosen.what)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2_048)
        print(f"answers at http://127.0.0.1:{listening.getsockname()[1]}/predict", flush=True)
        config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
