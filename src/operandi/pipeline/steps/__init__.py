"""The steps of the road: plain functions from inputs and settings to a value."""
