"""The command that answers a file's rows with a bundle: neither DVC nor Hydra is asked for it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def predict(chosen: argparse.Namespace) -> int:
    """Answer the rows of a file."""
    from steadily.process import compute_alike

    compute_alike()  # before numpy is loaded: the same answers as in training
    from steadily.bundle import open_bundle
    from steadily.bundle.files import Summary, read_rows, written_to

    def tell(text: str) -> None:
        sys.stderr.write(f"note: {text}\n")

    bundle = open_bundle(chosen.bundle, other_code=chosen.allow_other_code, tell=tell)
    summary = Summary(chosen.file)
    with written_to(chosen.out, bundle) as write:
        for ids, frame in read_rows(bundle, Path(chosen.file)):
            answers = bundle.predict(frame)
            write(answers, ids, summary.rows)
            summary.add(answers)
    sys.stderr.write("\n".join(summary.lines()) + "\n")
    return 0
