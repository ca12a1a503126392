"""A seeded part of the laws of evidence; ``python -m tests.laws`` tries everything."""

from __future__ import annotations

import random

import pytest

from tests import laws

EACH = 2
"""Trials of each kind for each sample."""


@pytest.mark.parametrize("kind", [laws.subsets, laws.cuts], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", laws.NAMES)
def test_less_evidence_makes_no_new_claim_and_no_sick_server_healthy(name: str, kind: laws.Kind) -> None:
    trials = list(kind(name))
    for trial in random.Random(name).sample(trials, min(EACH, len(trials))):
        assert laws.broken(trial) is None, trial.damage


@pytest.mark.parametrize("kind", [laws.disguises, laws.pairs], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", laws.NAMES)
def test_other_clothes_and_other_company_change_no_verdict(name: str, kind: laws.Kind) -> None:
    trial = random.Random(name).choice(list(kind(name)))
    assert laws.broken(trial) is None, trial.damage


@pytest.mark.parametrize("name", laws.NAMES)
def test_a_stranger_beside_it_takes_no_cause_away_and_makes_none_surer(name: str) -> None:
    for trial in laws.strangers(name):
        assert laws.broken(trial) is None, trial.damage
