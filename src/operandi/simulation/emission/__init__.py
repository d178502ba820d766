"""PET and SPECT of a painted scene."""
