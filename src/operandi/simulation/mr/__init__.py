"""MR series of the digital cohort: one file a sequence, each signal one obvious function."""
