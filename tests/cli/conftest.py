"""The scheduler of the pipeline's tests and their sound study serve here, too."""

from tests.pipeline.conftest import scheduler, sound

__all__ = ["scheduler", "sound"]
