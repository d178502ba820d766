"""Models that challenge the plan's own: a forest, boosting, a Bayesian horseshoe."""
