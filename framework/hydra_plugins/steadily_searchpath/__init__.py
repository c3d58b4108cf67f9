"""Shows Hydra the config groups that installed Steadily plugins bring along, in our composing and in DVC's own.

Owns only that; where the folders are is found by ``steadily.config.conffiles``,
without importing a plugin.
"""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class SteadilySearchPath(SearchPathPlugin):
    """Adds the ``conf`` folder of each installed plugin behind the project's own, which therefore wins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append a folder for each plugin; a plugin that can't be found is passed over, never an error here."""
        from steadily.config.conffiles import plugin_folders

        for package, folder in plugin_folders():
            search_path.append(provider=f"steadily-{package}", path=f"file://{folder}")
