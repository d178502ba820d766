"""What a trial writes down: days, visits, tables, and what goes wrong."""
