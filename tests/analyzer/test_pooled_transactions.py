"""A pooler that has lent all its connections, and sessions of the database that are idle in a transaction: one cause, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders import diagnosis_of

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

HEAD = " database | user | cl_active | cl_waiting | sv_active | sv_idle | sv_used | sv_tested | sv_login | maxwait | pool_mode\n----------+------+-----------+------------+-----------+---------+---------+-----------+----------+---------+-----------\n"
POOL = " mill     | sawer | {lent} | 70 | {lent} | 0 | 0 | 0 | 0 | 44 | transaction\n"
COUNTS = "\n=> select state, wait_event, count(*) from pg_stat_activity group by 1,2;\n        state        | wait_event | count\n---------------------+------------+-------\n{rows}"


def findings(lent: int, **counts: int) -> list[Finding]:
    rows = "".join(f" {state.replace('_', ' ')} | ClientRead | {count}\n" for state, count in counts.items())
    return list(diagnosis_of({"post.md": f"It stands.\n\n{HEAD}{POOL.format(lent=lent)}{COUNTS.format(rows=rows)}"}).findings)


@pytest.mark.parametrize("counts", [{"active": 5, "idle_in_transaction": 7}, {"active": 40, "idle_in_transaction": 11}])
def test_the_full_pool_follows_from_idle_transactions(counts: dict[str, int]) -> None:
    (finding,) = findings(12, **counts)
    assert finding.rule == "queued-at-proxy"
    assert f"{counts['idle_in_transaction']} sessions of the database are idle in a transaction" in finding.headline
    assert "look the same" not in finding.explanation
    assert len(finding.evidence) == 2


@pytest.mark.parametrize(
    "counts",
    [{"active": 10, "idle_in_transaction": 2}, {"active": 2, "idle_in_transaction": 30}, {"active": 40, "idle_in_transaction": 6}],
    ids=["few", "more than are lent", "of anybody"],
)
def test_numbers_that_do_not_agree_prove_nothing(counts: dict[str, int]) -> None:
    assert all("most likely these" not in finding.headline for finding in findings(12, **counts))
    assert any("are given to other clients" in finding.headline for finding in findings(12, **counts))
