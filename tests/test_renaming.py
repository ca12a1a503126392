"""Other names for threads, pools, classes, packages, hosts and ports change neither rule nor culprit nor counts."""

from __future__ import annotations

import pytest

from tests import renaming

SEED = 20
SHARE = 0.97
"""Of all samples: the law may have few exceptions, and each has a reason."""


@pytest.mark.parametrize("name", list(renaming.trials()))
def test_names_decide_nothing(name: str) -> None:
    assert renaming.broken(name, SEED) is None


def test_exceptions_are_few() -> None:
    broken = [name for name in renaming.EXCEPTIONS if renaming.broken(name, SEED) is not None]
    assert len(broken) <= (1 - SHARE) * len(renaming.NAMES)


def test_names_are_really_others() -> None:
    before, after = renaming.renamed("own-pool-slow-service", SEED)
    assert before.primary is not None
    assert after.diagnosis.primary is not None
    assert before.primary.culprit.pool != after.diagnosis.primary.culprit.pool
    assert before.primary.culprit.frame != after.diagnosis.primary.culprit.frame
    assert before.primary.culprit.listener != after.diagnosis.primary.culprit.listener
