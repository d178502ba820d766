"""Segmentation models of others: described by a manifest, run here or elsewhere, never fetched."""
