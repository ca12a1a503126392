"""What a stack does not show: calls that are written in C, tasks that goroutines hand over, goroutines that grow from dump to dump."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding, Status
from tests.analyzer.test_runtimes import SERVE, goroutine, spied
from tests.builders import diagnosis_of, found

PYTHON = "Process 77: /usr/bin/python3 depot.py\nPython v3.11.2 (/usr/bin/python3.11)\n\n"
HANDLER = (
    "Desk.do_GET (depot.py:60)",
    "BaseHTTPRequestHandler.handle (http/server.py:436)",
    "ThreadingMixIn.process_request_thread (socketserver.py:691)",
    "Thread.run (threading.py:982)",
    "Thread._bootstrap (threading.py:1002)",
)
HEADER = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"


def workers(count: int, *lines: int) -> str:
    """``count`` request threads in lines of one function, in turn."""
    made = (
        spied(100 + at, f"Thread-{at} (process_request_thread)", f"fetch (depot.py:{lines[at % len(lines)]})", *HANDLER)
        for at in range(count)
    )
    return PYTHON + spied(77, "MainThread", "select (selectors.py:415)", "serve_forever (socketserver.py:233)") + "".join(made)


def sockets(*, left: int = 0, waiting: int = 0, calls: int = 0, answered: bool = False) -> str:
    """``ss -tnpoi``: clients that left, clients that wait, and calls that followed their requests, with the kernel's counters."""
    rows = ['LISTEN 0 5 10.0.0.1:8090 0.0.0.0:* users:(("python3",pid=77,fd=3))\n\t cubic rto:1000\n']
    for at in range(left + waiting):
        state, queue = ("CLOSE-WAIT", 1) if at < left else ("ESTAB", 0)
        rows.append(f'{state} {queue} 0 10.0.0.1:8090 10.0.0.9:{4000 + at} users:(("python3",pid=77,fd={10 + at}))\n')
        rows.append(f"\t cubic rto:204 bytes_received:48 segs_in:3 data_segs_in:1 lastsnd:{6000 + at} lastrcv:{6000 + at} lastack:6000\n")
    for at in range(calls):
        got = "bytes_received:90 data_segs_in:1 " if answered else ""
        heard = 1000 if answered else 5990
        rows.append(f'ESTAB 0 0 10.0.0.1:{5000 + at} 10.0.0.7:7400 users:(("python3",pid=77,fd={50 + at}))\n')
        rows.append(f"\t cubic rto:204 bytes_sent:30 {got}data_segs_out:1 lastsnd:{5990 + at} lastrcv:{heard + at} lastack:1000\n")
    return HEADER + "".join(rows)


class TestCallsInC:
    """py-spy without --native shows the line that calls, and not what: a socket, a lock and a sleep look the same."""

    def test_as_many_calls_without_an_answer_are_what_the_threads_wait_for(self) -> None:
        diagnosis = diagnosis_of({"py-spy.txt": workers(8, 31), "ss.txt": sockets(left=5, waiting=3, calls=8)})
        (finding,) = found(diagnosis, "slow-backend")
        assert (diagnosis.verdict.rule, finding.confidence) == ("slow-backend", Confidence.LIKELY)
        assert (finding.culprit.remote, finding.culprit.frame) == ("10.0.0.7:7400", "depot.fetch(depot.py:31)")
        assert "rests on the numbers" in finding.why_confident

    def test_threads_that_run_another_function_are_none_of_the_pool(self) -> None:
        idle = spied(200, "Thread-99 (drain)", "get (queue.py:171)", "drain (depot.py:80)", "Thread.run (threading.py:982)")
        diagnosis = diagnosis_of({"py-spy.txt": workers(8, 31) + idle, "ss.txt": sockets(left=5, waiting=3, calls=8)})
        assert diagnosis.verdict.rule == "slow-backend"
        assert "every request thread of process_request_thread" in diagnosis.verdict.headline

    @pytest.mark.parametrize(("calls", "answered"), [(3, False), (8, True)])
    def test_other_numbers_and_answered_calls_say_nothing(self, calls: int, *, answered: bool) -> None:
        table = sockets(left=5, waiting=3, calls=calls, answered=answered)
        diagnosis = diagnosis_of({"py-spy.txt": workers(8, 31), "ss.txt": table})
        assert not found(diagnosis, "slow-backend")
        assert diagnosis.verdict.status is not Status.HEALTHY

    def test_a_wait_that_is_not_shown_is_not_healthy_and_what_would_show_it_is_asked_for(self) -> None:
        diagnosis = diagnosis_of({"py-spy.txt": workers(7, 31, 44), "ss.txt": sockets(waiting=7)})
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "wait in depot.fetch, and none is free" in diagnosis.verdict.headline
        assert any("py-spy dump --native --pid 77" in missing.command for missing in diagnosis.missing)

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"1/py-spy.txt": workers(7, 31)}, "A second dump would tell."),
            ({"1/py-spy.txt": workers(7, 31), "2/py-spy.txt": workers(7, 31)}, "What their clients expect, and the log, would tell."),
        ],
    )
    def test_what_is_here_is_not_asked_for(self, files: dict[str, str], said: str) -> None:
        last = f"{len(files)}/ss.txt"
        assert said in diagnosis_of({**files, last: sockets(waiting=7)}).verdict.summary


RUN = "main.worker()\n\t/b/tiles.go:30 +0x5b\ncreated by main.main\n\t/b/tiles.go:45 +0x2d\n"
TASK = "main.render(0x2)\n\t/b/tiles.go:41 +0xa7\nmain.(*Tiles).Get.func1()\n\t/b/tiles.go:47 +0x1e\n"
ASKS = "main.(*Tiles).Get(0x1)\n\t/b/tiles.go:48 +0x71\n"
NEXT = "main.next(0x1)\n\t/b/tiles.go:21 +0x71\n"


def tiles(task: str, asks: str, *others: str, state: str = "chan receive") -> str:
    made = [goroutine(4 + at, state, task + RUN) for at in range(4)]
    made += [goroutine(20 + at, "chan receive", asks + SERVE) for at in range(6)]
    return "".join((*made, *others))


class TestWorkersThatWaitForEachOther:
    def test_closures_tell_whose_tasks_they_run(self) -> None:
        diagnosis = diagnosis_of({"goroutines.txt": tiles(TASK, ASKS)})
        (finding,) = found(diagnosis, "nested-task-starvation")
        assert (finding.confidence, finding.culprit.pool) == (Confidence.SUSPECTED, "main.worker")
        assert finding.culprit.frame == "main.render(tiles.go:41)"
        assert not any("jstack" in (action.command or "") for action in finding.actions)

    def test_two_dumps_make_it_likely(self) -> None:
        diagnosis = diagnosis_of({"1/goroutines.txt": tiles(TASK, ASKS), "2/goroutines.txt": tiles(TASK, ASKS)})
        assert [one.confidence for one in found(diagnosis, "nested-task-starvation")] == [Confidence.LIKELY]

    @pytest.mark.parametrize(
        ("stacks", "why"),
        [
            (tiles(NEXT, ASKS), "idle workers wait for a task in a function of their own"),
            (tiles(TASK, "main.news(0x1)\n\t/b/news.go:8 +0x1\n"), "requests wait for something else: long polls"),
            (tiles(TASK, ASKS, state="select"), "a select may have another way out"),
            (
                tiles(TASK, ASKS, goroutine(60, "sleep", "time.Sleep(0x1)\n\t/go/time.go:195\nmain.tick()\n\t/b/tiles.go:9 +0x1\n")),
                "one wakes up",
            ),
            (tiles(TASK, ASKS, goroutine(60, "running", "main.sum()\n\t/b/tiles.go:9 +0x1\n")), "one works"),
            (tiles(TASK, ASKS, goroutine(60, "chan receive", RUN)), "one worker is free"),
        ],
    )
    def test_twins(self, stacks: str, why: str) -> None:
        assert not found(diagnosis_of({"goroutines.txt": stacks}), "nested-task-starvation"), why


def profile(count: int, others: int = 5) -> str:
    """``?debug=1``: the runtime's frames have no names, and their addresses tell a channel."""
    return (
        f"goroutine profile: total {count + others}\n"
        f"{count} @ 0x43b256 0x40708c 0x406c3d 0x6709b8 0x46b121\n#\t0x6709b7\tmain.quote.func1+0x37\t/b/quote.go:24\n\n"
        f"{others} @ 0x43b256 0x433d77 0x465b49\n#\t0x465b48\tmain.serve+0x88\t/b/serve.go:305\n"
    )


class TestGrowth:
    @pytest.mark.parametrize(
        ("counts", "sure"), [((400, 900), Confidence.SUSPECTED), ((300, 500, 800), Confidence.LIKELY), ((1500,), Confidence.SUSPECTED)]
    )
    def test_goroutines_that_grow_from_dump_to_dump(self, counts: tuple[int, ...], sure: Confidence) -> None:
        diagnosis = diagnosis_of({f"goroutine-{at}.txt": profile(count) for at, count in enumerate(counts, 1)})
        (finding,) = found(diagnosis, "thread-leak")
        assert finding.confidence is sure
        asks_for_more = any("second profile" in action.text for action in finding.actions)
        assert asks_for_more is (len(counts) == 1)

    @pytest.mark.parametrize("counts", [(900,), (800, 900), (900, 400), (60, 150), (300, 900, 500)])
    def test_what_is_few_or_comes_and_goes_is_no_leak(self, counts: tuple[int, ...]) -> None:
        diagnosis = diagnosis_of({f"goroutine-{at}.txt": profile(count) for at, count in enumerate(counts, 1)})
        assert not found(diagnosis, "thread-leak")

    def test_a_dump_that_is_cut_shows_no_growth(self) -> None:
        cut = profile(300).replace("total 305", "total 905")
        assert not found(diagnosis_of({"goroutine-1.txt": cut, "goroutine-2.txt": profile(900)}), "thread-leak")
        assert found(diagnosis_of({"goroutine-1.txt": profile(300), "goroutine-2.txt": profile(900)}), "thread-leak")


PUTS = ("put (queue.py:140)", "take_order (depot.py:52)", *HANDLER)
DIED = (
    "Exception in thread Thread-3 (pack):\n"
    "Traceback (most recent call last):\n"
    '  File "/usr/lib/python3.11/threading.py", line 1038, in _bootstrap_inner\n'
    "    self.run()\n"
    '  File "/srv/depot/depot.py", line 71, in pack\n'
    "    label(order)\n"
    '  File "/srv/depot/labels.py", line 9, in label\n'
    '    raise KeyError("size")\n'
    "KeyError: 'size'\n"
)


class TestConsumerOfPython:
    def diagnosed(self, log: str) -> Finding:
        made = (spied(100 + at, f"Thread-{at} (process_request_thread)", *PUTS) for at in range(10, 16))
        stacks = PYTHON + spied(77, "MainThread", "select (selectors.py:415)", "serve_forever (socketserver.py:233)") + "".join(made)
        diagnosis = diagnosis_of({"py-spy.txt": stacks, "ss.txt": sockets(left=4, waiting=2), "depot.log": log})
        (finding,) = found(diagnosis, "pool-stuck")
        return finding

    def test_its_end_is_found_in_the_log_with_the_innermost_line_of_the_application(self) -> None:
        finding = self.diagnosed(DIED)
        assert "an exception ended the thread “Thread-3 (pack)” in labels.label(labels.py:9)" in finding.explanation

    def test_later_tracebacks_are_of_others(self) -> None:
        later = DIED.replace("Exception in thread Thread-3 (pack):\n", "ERROR request failed\n").replace("label", "weigh")
        assert "in labels.label(labels.py:9)" in self.diagnosed(DIED + later).explanation

    def test_a_thread_that_lives_has_not_ended(self) -> None:
        assert "ended the thread" not in self.diagnosed(DIED.replace("Thread-3 (pack)", "Thread-11 (process_request_thread)")).explanation


LEASE = ("Queue.get (sqlalchemy/util/queue.py:174)", "QueuePool._do_get (sqlalchemy/pool/impl.py:169)", "book (depot.py:31)", *HANDLER)
SESSIONS = (
    " pid | client_addr | client_port | state | state_change | now | query\n"
    "-----+-------------+-------------+-------+--------------+-----+-------\n"
    + "".join(
        f" 90{at} | 10.0.0.1 | {5000 + at} | {{state}} | 2026-03-01 10:00:00+00 | 2026-03-01 10:00:09+00 | select n from lots where id=7\n"
        for at in range(3)
    )
    + "(3 rows)\n"
)


class TestLentConnectionsAtRest:
    """A lent connection whose session rests, and whose thread is nowhere, was not given back."""

    def diagnosed(self, state: str, sessions: str = SESSIONS) -> Finding:
        made = "".join(spied(100 + at, f"Thread-{at} (process_request_thread)", *LEASE) for at in range(7))
        main = spied(77, "MainThread", "_PollLikeSelector.select (selectors.py:415)", "BaseServer.serve_forever (socketserver.py:233)")
        table = sockets(left=4, waiting=3, calls=3).replace("10.0.0.7:7400", "10.0.0.7:5432")
        files = {"py-spy.txt": PYTHON + main + made, "ss.txt": table, "pg_stat_activity.txt": sessions.format(state=state)}
        (finding,) = found(diagnosis_of(files), "jdbc-pool-exhausted")
        return finding

    def test_the_database_says_that_nothing_is_done_over_them(self) -> None:
        finding = self.diagnosed("idle in transaction")
        assert "Nothing is done over them: 3 listed sessions of PostgreSQL" in finding.explanation
        assert "are idle in transaction, for 9 s, each after “select n from lots where id=?”" in finding.explanation
        assert any(evidence.where.file == "pg_stat_activity.txt" for evidence in finding.evidence)
        assert "may hold" not in finding.why_confident, "a loop that accepts holds none"

    def test_a_list_of_the_idle_ones_leaves_out_who_works(self) -> None:
        rows = SESSIONS.splitlines(keepends=True)
        filtered = "".join((*rows[:-2], "(2 rows)\n"))
        assert "Nothing is done over them" not in self.diagnosed("idle", filtered).explanation

    def test_a_session_that_works_does_not_rest(self) -> None:
        assert "Nothing is done over them" not in self.diagnosed("active").explanation


def native(number: int, *calls: str) -> str:
    """A thread of gdb's ``thread apply all bt``."""
    frames = "".join(f"#{at}  0x00005555 in {call}\n" for at, call in enumerate(calls))
    return f'Thread {number} (Thread 0x7f00{number:02} (LWP {76 + number}) "press"):\n{frames}\n'


PUT = (
    "___pthread_cond_wait (cond=0x1 <room>) at ./nptl/pthread_cond_wait.c:618",
    "queue_put () at press.c:13",
    "serve (x=0x0) at press.c:15",
)
START = ("start_thread (arg=0x0) at ./nptl/pthread_create.c:442", "clone3 () at ../sysdeps/unix/sysv/linux/x86_64/clone3.S:81")
JOIN = (
    "__futex_abstimed_wait_common64 (abstime=0x0) at ./nptl/futex-internal.c:57",
    "__pthread_clockjoin_ex (threadid=1) at ./nptl/pthread_join_common.c:105",
    "main () at press.c:16",
)


def test_workers_that_serve_may_wait_for_tasks_of_their_own_pool() -> None:
    """concurrent.futures: its futures name no lock, and are made by threads of executors."""
    task = ("_WorkItem.run (concurrent/futures/thread.py:58)", "_worker (concurrent/futures/thread.py:83)", "Thread.run (threading.py:982)")
    waits = ("wait (threading.py:327)", "result (concurrent/futures/_base.py:451)", "total (depot.py:6)", "serve (depot.py:8)")
    door = spied(77, "MainThread", "accept (socket.py:294)", "<module> (depot.py:11)")
    stacks = PYTHON + door + "".join(spied(100 + at, f"crew_{at}", *waits, *task) for at in range(5))
    (finding,) = found(diagnosis_of({"py-spy.txt": stacks, "ss.txt": sockets(left=5)}), "nested-task-starvation")
    assert finding.confidence is Confidence.LIKELY
    assert "need not be a task" in finding.why_confident
    assert finding.culprit.frame == "depot.total(depot.py:6)"


class TestThreadsOfOneName:
    """Linux names all threads of a program alike: where each began tells them apart."""

    IDLE = ("epoll_wait (epfd=3) at ../sysdeps/unix/sysv/linux/epoll_wait.c:30", "turn () at press.c:30", "main () at press.c:40")
    REST = ("___pthread_cond_wait (cond=0x1) at ./nptl/pthread_cond_wait.c:618", "tick () at press.c:50")
    TABLE = (
        "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        'LISTEN 0 5 *:8090 *:* users:(("press",pid=77,fd=3))\nESTAB 0 0 10.0.0.1:8090 10.0.0.9:4100 users:(("press",pid=77,fd=5))\n'
    )

    def diagnosed(self, *calls: str) -> Diagnosis:
        helpers = [native(at, *calls, *START) for at in (7, 6, 5, 4)]
        stacks = "".join((*helpers, native(3, *self.REST, *START), native(2, *self.REST, *START), native(1, *self.IDLE)))
        return diagnosis_of({"gdb-77.txt": stacks, "ss.txt": self.TABLE})

    def test_helpers_that_all_stand_in_a_file_are_no_health(self) -> None:
        """The loop is free, and other threads wait for work: none of them does what the helpers should."""
        diagnosis = self.diagnosed("__libc_open64 (file=0x1) at open64.c:41", "load () at press.c:20", "helper () at press.c:22")
        assert diagnosis.verdict.status is Status.INSUFFICIENT
        assert "4 threads of press all wait, in libc.open" in diagnosis.verdict.headline

    def test_helpers_that_wait_for_work_are(self) -> None:
        assert self.diagnosed(self.REST[0], "helper () at press.c:22").verdict.status is Status.HEALTHY


class TestWorkersThatAccept:
    """Each worker of a native program takes a connection for itself: where all of them wait, nobody is left to accept, and that is no cause."""

    def diagnosed(self, queued: int) -> Diagnosis:
        stacks = "".join(native(at, *PUT, *START) for at in range(6, 1, -1)) + native(1, *JOIN)
        waiting = "".join(f"ESTAB 27 0 10.0.0.1:8090 10.0.0.9:{4100 + at}\n\t cubic rto:200\n" for at in range(queued))
        table = sockets(left=4, waiting=1).replace("LISTEN 0 5", f"LISTEN {queued} 5").replace("python3", "press") + waiting
        return diagnosis_of({"1/gdb.txt": stacks, "2/gdb.txt": stacks, "2/ss.txt": table})

    def test_what_they_wait_for_is_told_not_an_acceptor_that_never_was(self) -> None:
        diagnosis = self.diagnosed(queued=3)
        (finding,) = found(diagnosis, "pool-stuck")
        assert diagnosis.verdict.rule == "pool-stuck"
        assert finding.culprit.frame == "queue_put(press.c:13)"
        assert finding.headline.startswith("All 5 request threads of press")
        assert not found(diagnosis, "acceptor-stalled")
