"""The parts of the page of an analysis, each from plain results to words, charts and tables."""
