"""Groups of equal stacks and of alike sockets, from the dump to every format."""

from __future__ import annotations

import json
import re

import pytest

from reports.contract import json_v1 as json_contract
from reports.formats import html, markdown, text
from reports.view import build as view
from tests.builders import PARK, SAMPLES, diagnosis_of, dump, netstat, sample, thread
from tests.test_goldens import NAMES

IDLE = (*PARK, "java.util.concurrent.LinkedBlockingQueue.take", "java.util.concurrent.ThreadPoolExecutor.getTask", "java.lang.Thread.run")
CALL = ("java.net.Socket$SocketInputStream.read", "org.depot.Tariff.ask", "org.depot.Tariff.price", "java.lang.Thread.run")
OTHER = ("java.net.Socket$SocketInputStream.read", "org.depot.Stock.ask", "java.lang.Thread.run")


def worker(number: int, *stack: str, cpu: float = 5.0) -> str:
    made = thread(f"courier-{number}", "RUNNABLE", *stack, nid=0x200 + number)
    return made.replace("prio=5 os_prio=0", f"prio=5 os_prio=0 cpu={cpu:.2f}ms elapsed=100.00s")


def three_dumps() -> dict[str, str]:
    first = dump(*(worker(n, *CALL) for n in (1, 2, 3)), worker(9, *OTHER), time="2026-01-02 03:04:05")
    second = dump(*(worker(n, *CALL) for n in (1, 2)), worker(3, *OTHER), worker(9, *OTHER), time="2026-01-02 03:04:15")
    third = dump(
        worker(1, *CALL),
        worker(2, *CALL),
        worker(3, *CALL),
        worker(4, *CALL),
        *(worker(n, *IDLE) for n in (5, 6)),
        time="2026-01-02 03:04:25",
    )
    return {"jstack-77-1.txt": first, "jstack-77-2.txt": second, "jstack-77-3.txt": third}


def test_equal_stacks_are_one_group_with_the_course_of_each_thread() -> None:
    stacks = diagnosis_of(three_dumps()).stacks
    busy = stacks[0]
    assert (busy.count, busy.application_frame, busy.dumps) == (4, "org.depot.Tariff.ask(Tariff.java:11)", ("1", "2", "3"))
    assert {row.cells: row.threads for row in busy.rows} == {
        "PSS": ("courier-1", "courier-2"),
        "PMM": ("courier-3",),
        "--N": ("courier-4",),
    }
    assert busy.moved is True
    assert busy.application == (1, 2)


def test_idle_groups_come_after_all_that_work_and_gone_threads_last() -> None:
    stacks = diagnosis_of(three_dumps()).stacks
    assert [(group.idle, group.gone, group.count) for group in stacks] == [(False, False, 4), (True, False, 2), (False, True, 1)]
    assert stacks[2].rows[0].cells == "PSG"


def test_a_thread_that_used_cpu_on_the_same_stack_worked() -> None:
    before = dump(worker(1, *CALL, cpu=5.0), worker(2, *CALL, cpu=5.0))
    after = dump(worker(1, *CALL, cpu=900.0), worker(2, *CALL, cpu=5.0), time="2026-01-02 03:04:25")
    group = diagnosis_of({"jstack-77-1.txt": before, "jstack-77-2.txt": after}).stacks[0]
    assert {row.cells: row.threads for row in group.rows} == {"PW": ("courier-1",), "PS": ("courier-2",)}
    assert group.moved is True


def test_nothing_is_said_of_movement_where_there_is_one_dump() -> None:
    group = diagnosis_of({"jstack-77.txt": dump(worker(1, *CALL))}).stacks[0]
    assert group.moved is None
    assert group.rows[0].cells == "P"


def test_line_numbers_are_those_of_the_dump() -> None:
    files = three_dumps()
    for group in diagnosis_of(files).stacks:
        line = files[group.where.file].splitlines()[group.where.first - 1]
        assert line.startswith(f'"{group.threads[0]}"')


def test_sockets_are_grouped_by_far_host_state_and_queue() -> None:
    table = netstat(
        "0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java",
        "1 10.0.0.1:8080 10.0.0.9:4001 CLOSE_WAIT 77/java",
        "1 10.0.0.1:8080 10.0.0.9:4002 CLOSE_WAIT 77/java",
        "300 10.0.0.1:8080 10.0.0.9:4003 CLOSE_WAIT 77/java",
        "0 10.0.0.1:5001 10.0.0.7:5432 ESTABLISHED 77/java",
    )
    groups = diagnosis_of({"netstat.txt": table}).socket_groups
    assert [(one.side, one.port, one.remote, one.state, one.queue.value, one.count) for one in groups] == [
        ("server", 8080, "10.0.0.9", "CLOSE_WAIT", "fin", 2),
        ("client", None, "10.0.0.7:5432", "ESTABLISHED", "empty", 1),
        ("server", 8080, "10.0.0.9", "CLOSE_WAIT", "unread", 1),
    ]


def test_the_page_folds_every_stack_and_prints_application_frames_in_bold() -> None:
    page = html.render(view.build(diagnosis_of(three_dumps()), "analyze x", "0"))
    assert "<h2>Stacks</h2>" in page
    assert "<b>org.depot.Tariff.ask(Tariff.java:11)</b>" in page
    assert "<b>java.net.Socket$SocketInputStream.read" not in page
    assert '<td class="cell cM">M</td>' in page, "the state is a letter, not a colour alone"
    assert not re.search(r"<details open", page)


def test_at_most_twelve_groups_are_shown_and_the_rest_is_counted() -> None:
    many = [thread(f"lane{n}x", "RUNNABLE", "java.net.Socket.read", f"org.depot.Lane{n}.run", nid=0x300 + n) for n in range(30)]
    made = diagnosis_of({"jstack-77.txt": dump(*many)})
    shown = view.build(made, "analyze x", "0")
    assert len(shown.stacks) == 12
    assert "18 more groups" in shown.stacks_rest
    assert len(json.loads(json_contract.render(made, "0"))["stacks"]) == 30


def test_markdown_folds_stacks_and_text_has_the_first_three() -> None:
    shown = view.build(diagnosis_of(three_dumps()), "analyze x", "0")
    assert "<details><summary>4 × courier" in markdown.render(shown)
    assert "→ org.depot.Tariff.ask(Tariff.java:11)" in markdown.render(shown)
    assert text.render(shown).count("\n- 4 × courier") == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_thread_of_a_sample_stands_in_one_group_and_the_page_stays_small(name: str) -> None:
    made = sample(name)
    page = html.render(view.build(made, f"analyze samples/{name}", "0"))
    assert len(page.encode()) <= 200_000
    for group in made.stacks:
        assert sum(len(row.threads) for row in group.rows) == group.count == len(group.threads) == sum(group.pools.values())
        assert len(group.dumps) == {len(row.cells) for row in group.rows}.pop()
    told = [group.idle for group in made.stacks if not group.told and not group.gone]
    busy = {(group.host, group.pid) for group in made.stacks}
    assert len(busy) > 1 or told == sorted(told), "idle groups stand last"
    if any(pool.size for pool in made.pools) and name != "node-response-leak":  # a report of an event loop, without stacks
        assert made.stacks, SAMPLES / name
