"""The scheduler of the pipeline's tests serves here, too."""

from tests.pipeline.conftest import scheduler

__all__ = ["scheduler"]
