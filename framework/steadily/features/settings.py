"""The section ``features`` of ``conf/operate.yaml``: where the online store is, and how long serving waits for it."""

from __future__ import annotations

from pathlib import Path

from pydantic import NonNegativeFloat, PositiveFloat, SecretStr

from steadily import layout
from steadily.settings import Section

FILE = layout.STATE / "features.db"


class FeaturesSettings(Section):
    """The online store of feature sets.

    Attributes:
        store: ``sqlite:///FILE``, ``postgresql://…`` or ``redis://HOST:PORT/NUMBER`` (``?prefix=WORD`` for its keys);
            null is a file, ``.steadily/features.db``. One with a password comes from the environment.
        timeout: How many seconds a lookup waits for the store.
        refresh: After how many seconds serving asks whether something newer was published.
    """

    store: SecretStr | None = None
    timeout: PositiveFloat = 0.2
    refresh: NonNegativeFloat = 1.0

    def address(self, project: Path) -> str:
        """Give the store's address; a SQLite file's path is relative to the project."""
        given = self.store.get_secret_value() if self.store else f"sqlite:///{FILE}"
        scheme, found, path = given.partition(":///")
        if found and path and scheme.startswith("sqlite"):
            return f"{scheme}:///{project.absolute() / path}"
        return given
