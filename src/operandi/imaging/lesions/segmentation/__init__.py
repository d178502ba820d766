"""Segmentation: seeds by liver-referenced uptake, basins split at saddles, one file a method."""
