from unit.loadtest.conftest import ran_project

__all__ = ["ran_project"]
