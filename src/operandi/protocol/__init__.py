"""A study as data: criteria that explain themselves, a schedule, responses, interchange."""
