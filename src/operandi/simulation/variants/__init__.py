"""Tumor genomes as files."""
