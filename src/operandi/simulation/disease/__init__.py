"""What becomes of a cohort: lesions, doses, progression, survival."""
