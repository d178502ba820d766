"""Scenarios for tests, made from the shipped one."""

from typing import Any

from operandi.simulation.scenario import Scenario, read_scenario


def a_scenario(*, lesions_mean: float = 5.5, **disease: Any) -> Scenario:
    """The dose scenario with other keys of ``[disease]``; doses are log-normal if not said."""
    stated = read_scenario("dose").model_dump()
    stated["disease"] |= {"dose": "log-normal"} | disease
    stated["cohort"] |= {"lesions_mean": lesions_mean}
    return Scenario.model_validate(stated)


def with_effect(scenario: Scenario, *, covariate: str, on: str, log_factor: float) -> Scenario:
    """The scenario with one effect."""
    stated = scenario.model_dump()
    stated["effect"] = [{"covariate": covariate, "on": on, "log_factor": log_factor}]
    return Scenario.model_validate(stated)
