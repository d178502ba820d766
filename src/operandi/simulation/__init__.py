"""Digital studies with known truth: an analytic torso, a DICOM writer, a demonstration study."""
