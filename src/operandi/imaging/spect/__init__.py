"""SPECT: counts of a reconstruction, when and with which camera they were acquired."""
