"""Two processes of Elixir that call each other show in the reports of their ends; one that calls another that is slow, or gone, does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

ENTRY = """{stamp}[error] GenServer {name} terminating
** (stop) exited in: GenServer.call({callee}, {{:book, 7}}, 8000)
    ** (EXIT) {why}
    (elixir 1.15.7) lib/gen_server.ex:1063: GenServer.call/3
    (depot 0.4.0) lib/depot/{file}.ex:{line}: {name}.handle_call/3
    (stdlib 5.1) gen_server.erl:1113: :gen_server.try_handle_call/4
    (stdlib 5.1) proc_lib.erl:241: :proc_lib.init_p_do_apply/3
Last message (from #PID<0.811.0>): {{:move, 7}}
"""


def entry(name: str, callee: str, *, why: str = "time out", stamp: str = "10:02:41.377 ") -> str:
    return ENTRY.format(name=name, callee=callee, why=why, stamp=stamp, file=name.rpartition(".")[2].lower(), line=88)


def rings(text: str) -> list[Finding]:
    return [one for one in diagnosis_of({"log.txt": text}).findings if one.rule == "java-deadlock"]


@pytest.mark.parametrize("stamp", ["10:02:41.377 ", "2025-02-03 10:02:41.377 ", ""])
def test_two_that_call_each_other_are_suspected(stamp: str) -> None:
    (one,) = rings(entry("Depot.Stock", "Depot.Ledger", stamp=stamp) + entry("Depot.Ledger", "Depot.Stock", stamp=stamp))
    assert one.confidence is Confidence.SUSPECTED
    assert "“Depot.Stock” and “Depot.Ledger”" in one.headline
    assert "until its time limit" in one.headline
    assert "infinity" in one.explanation
    assert "Stock.handle_call/3(stock.ex:88)" in one.explanation


def test_a_chain_or_a_process_that_is_gone_is_no_ring() -> None:
    assert not rings(entry("Depot.Stock", "Depot.Ledger") + entry("Depot.Ledger", "Depot.Tax"))
    assert not rings(
        entry("Depot.Stock", "Depot.Ledger") + entry("Depot.Ledger", "Depot.Stock", why="no process: the process is not alive")
    )
    assert not rings(entry("Depot.Stock", "Depot.Ledger"))
