"""The bundle: a model and everything that answering a row takes, in one folder that can be trusted or is refused.

Owns the folder's form, its digests, and the replay of the training's transforms on
new rows. It needs neither DVC nor Hydra, nor the project that it was trained in.
"""

from __future__ import annotations

from steadily.bundle.open import open_bundle
from steadily.bundle.replay import Answers, Bundle

__all__ = ["Answers", "Bundle", "open_bundle"]
