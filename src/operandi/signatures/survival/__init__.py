"""Times to events: curves, tests, and hazards under interval censoring."""
