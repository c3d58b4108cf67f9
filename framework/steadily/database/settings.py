"""The sections ``database`` and ``retention`` of ``conf/operate.yaml``."""

from __future__ import annotations

from pathlib import Path

from pydantic import PositiveInt, SecretStr

from steadily import layout
from steadily.settings import Section

FILE = layout.STATE / "operate.db"


class DatabaseSettings(Section):
    """Where the database of operations is.

    Attributes:
        url: ``postgresql://…`` or ``sqlite:///FILE``; null is a SQLite file, ``.steadily/operate.db``. One with a
            password comes from the environment: ``${oc.env:STEADILY_DATABASE}``.
    """

    url: SecretStr | None = None

    def address(self, project: Path) -> str:
        """Give the URL; a SQLite file's path is relative to the project."""
        given = self.url.get_secret_value() if self.url else f"sqlite:///{FILE}"
        scheme, found, path = given.partition(":///")
        if found and scheme.startswith("sqlite"):
            return f"{scheme}:///{project.absolute() / path}" if path else given
        return given


class RetentionSettings(Section):
    """How many days rows are kept; releases and deployments are kept for ever.

    Attributes:
        predictions_days: Each answer.
        labels_days: The truth that came in later.
        load_tests_days: Results of load tests.
        workers_days: Processes that serve no longer.
        comparisons_days: Hourly sums of what a shadow or the previous release made of live's requests.
        monitoring_days: Hourly statistics, alerts that are over, messages that were delivered.
    """

    predictions_days: PositiveInt = 90
    labels_days: PositiveInt = 90
    load_tests_days: PositiveInt = 400
    workers_days: PositiveInt = 7
    comparisons_days: PositiveInt = 90
    monitoring_days: PositiveInt = 400
