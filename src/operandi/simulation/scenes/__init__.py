"""Shapes and their voxels."""
