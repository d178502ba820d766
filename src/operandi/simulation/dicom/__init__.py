"""Simulated scans as the files a scanner writes."""
