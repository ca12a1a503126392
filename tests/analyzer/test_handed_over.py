"""Waits behind other threads of the same process: who should take what is handed over, locks on files, datagrams, children, full descriptor tables."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Severity, Status
from tests.analyzer.test_kinds_of_waits import HTTP, SERVES, crew
from tests.analyzer.test_roles import ACCEPTS, LISTEN, left, open_to
from tests.builders import PARK, READ, diagnosis_of, dump, found, netstat, thread

PUT = (*PARK, "java.util.concurrent.SynchronousQueue.put", "org.acme.tide.Inlet.pour")
WRITE = ("sun.nio.ch.SocketDispatcher.write0", "sun.nio.ch.NioSocketImpl.write", "java.net.Socket$SocketOutputStream.write")
RUNS = ("org.acme.tide.Inlet.drain", "java.lang.Thread.run")
FULL = "tcp6       0 812000 10.2.0.4:51000          10.9.9.9:7000           ESTABLISHED 431/java\n"


def handing(*others: str) -> str:
    """A dump of a server whose threads all wait to hand something over."""
    return dump(ACCEPTS, *crew(*PUT, *HTTP), *others)


class TestHandedOver:
    """A queue has no name in a dump: who alone is elsewhere should take from it."""

    PUMP = thread("pump", "RUNNABLE", *WRITE, *RUNS, native="runnable")

    def test_who_should_take_is_held_up_in_a_write(self) -> None:
        diagnosis = diagnosis_of({"jstack-431.txt": handing(self.PUMP), "netstat.txt": netstat(LISTEN, *left(4, 3)) + FULL})
        (finding,) = found(diagnosis, "blocked-write")
        assert (diagnosis.verdict.rule, finding.severity, finding.confidence) == ("blocked-write", Severity.CRITICAL, Confidence.LIKELY)
        assert (finding.culprit.thread, finding.culprit.remote) == ("pump", "10.9.9.9:7000")

    def test_where_no_bytes_wait_nobody_is_blamed(self) -> None:
        files = {"jstack-431.txt": handing(self.PUMP), "netstat.txt": netstat(LISTEN, *left(4, 3), *open_to("10.9.9.9:7000", 1))}
        assert diagnosis_of(files).verdict.rule == "pool-stuck"

    def test_who_should_take_waits_for_a_service(self) -> None:
        pump = thread("pump", "RUNNABLE", *READ, *RUNS, native="runnable")
        rows = netstat(LISTEN, *left(4, 3), *open_to("10.9.9.9:7000", 1))
        diagnosis = diagnosis_of({"jstack-431.txt": handing(pump), "netstat.txt": rows})
        assert diagnosis.verdict.rule == "slow-backend"
        assert "to hand over to pump" in found(diagnosis, "slow-backend")[0].explanation

    def test_who_takes_is_inferred_so_nothing_is_certain(self) -> None:
        pump = thread("pump", "RUNNABLE", *READ, *RUNS, native="runnable")
        rows = netstat(LISTEN, *left(8, 0), *open_to("10.9.9.9:7000", 1))
        (finding,) = found(diagnosis_of({"jstack-431.txt": handing(pump), "netstat.txt": rows}), "slow-backend")
        assert finding.confidence is not Confidence.CERTAIN

    @pytest.mark.parametrize(("calls", "rule"), [(1, "slow-backend"), (2, "pool-stuck")], ids=["one call", "more calls than threads"])
    def test_a_call_that_the_stack_hides(self, calls: int, rule: str) -> None:
        tail = "    Thread.run (threading.py:982)\n    Thread._bootstrap_inner (threading.py:1045)\n"
        asks = "    Condition.wait (threading.py:320)\n    Queue.put (queue.py:140)\n    pour (weir.py:9)\n    do_GET (weir.py:12)\n    BaseHTTPRequestHandler.handle (http/server.py:436)\n"
        stacks = "Process 431: python weir.py\nPython v3.11.7 (/usr/bin/python3.11)\n\n" + "".join(
            f'Thread {440 + at} (idle): "Thread-{at} (process_request_thread)"\n{asks}{tail}\n' for at in range(6)
        )
        stacks += 'Thread 431 (idle): "MainThread"\n    _PollLikeSelector.select (selectors.py:415)\n    BaseServer.serve_forever (socketserver.py:233)\n    <module> (weir.py:15)\n\n'
        stacks += f'Thread 432 (idle): "scoop"\n    drain (weir.py:7)\n{tail}'
        rows = [one.replace("431/java", "431/python") for one in (LISTEN, *left(4, 0), *open_to("10.9.9.9:7000", calls))]
        diagnosis = diagnosis_of({"pyspy.txt": stacks, "netstat.txt": netstat(*rows)})
        assert diagnosis.verdict.rule == rule
        assert diagnosis.verdict.confidence is not Confidence.CERTAIN

    @pytest.mark.parametrize("kind", ["taker", "two"])
    def test_nobody_is_blamed_where_another_may_take(self, kind: str) -> None:
        takes = thread("scoop", "WAITING (parking)", *PARK, "java.util.concurrent.LinkedBlockingQueue.take", *RUNS)
        works = thread("scoop", "RUNNABLE", "org.acme.tide.Inlet.weigh", *RUNS, native="runnable")
        other = takes if kind == "taker" else works
        diagnosis = diagnosis_of({"jstack-431.txt": handing(self.PUMP, other), "netstat.txt": netstat(LISTEN, *left(4, 3)) + FULL})
        assert not [one for one in found(diagnosis, "blocked-write") if one.culprit.thread == "pump"]

    def test_a_pipeline_that_serves_its_clients_is_left_alone(self) -> None:
        diagnosis = diagnosis_of({"jstack-431.txt": handing(self.PUMP), "netstat.txt": netstat(LISTEN) + FULL})
        assert not found(diagnosis, "blocked-write")


class TestFilesAndDatagrams:
    """What neither a monitor nor a connection is."""

    @staticmethod
    def stuck(*stack: str, state: str = "RUNNABLE") -> str:
        members = crew(*stack, "org.acme.tide.Kiln.fire", *SERVES, state=state)
        diagnosis = diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *members), "netstat.txt": netstat(LISTEN, *left(4, 3))})
        assert diagnosis.verdict.rule == "pool-stuck"
        return found(diagnosis, "pool-stuck")[0].explanation

    def test_a_lock_on_a_file(self) -> None:
        assert "a lock of the operating system on a file" in self.stuck(
            "sun.nio.ch.FileDispatcherImpl.lock0", "sun.nio.ch.FileChannelImpl.lock"
        )

    def test_a_datagram(self) -> None:
        assert "wait for a datagram" in self.stuck("sun.nio.ch.DatagramChannelImpl.receive0", "java.net.DatagramSocket.receive")

    def test_receivers_of_datagrams_wait_by_design(self) -> None:
        members = crew("sun.nio.ch.DatagramChannelImpl.receive0", "java.net.DatagramSocket.receive", "org.acme.tide.Buoy.hear", "java.lang.Thread.run", state="RUNNABLE")  # fmt: skip
        assert (
            diagnosis_of({"jstack-431.txt": dump(ACCEPTS, *members), "netstat.txt": netstat(LISTEN)}).verdict.status is not Status.PROBLEM
        )


NODE = 'Thread 1 (Thread 0x7f0000000000 (LWP 640) "node"):\n#0  0x00007f01 in __GI_epoll_pwait (epfd=20) at ../sysdeps/unix/sysv/linux/epoll_pwait.c:40\n#1  0x018c in uv__io_poll (loop=0x32f2, timeout=-1) at ../deps/uv/src/unix/linux.c:1368\n#2  0x018a in uv_run (loop=0x32f2, mode=UV_RUN_DEFAULT) at ../deps/uv/src/unix/core.c:447\n'
SPAWNS = (
    NODE
    + "#3  0x0dd3 in node::SyncProcessRunner::TryInitializeAndRunLoop(v8::Local<v8::Value>) ()\n#4  0x0dd4 in node::SyncProcessRunner::Spawn(v8::FunctionCallbackInfo<v8::Value> const&) ()\n"
)
IDLE_NODE = NODE + "#3  0x0dd3 in node::SpinEventLoop(node::Environment*) ()\n#4  0x0dd4 in node::Start(int, char**) ()\n"
QUEUED = "\n".join(
    [
        "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
        'LISTEN 5      511    127.0.0.1:7070     0.0.0.0:*         users:(("node",pid=640,fd=18)) ino:9000 sk:1 <->',
        *(f"ESTAB  31     0      127.0.0.1:7070     127.0.0.1:{4000 + at}    ino:0 sk:{at + 2:x} <->" for at in range(5)),
    ]
)


class TestChildOfANode:
    """Node runs a second loop while it waits for a child: the first one stands still."""

    def test_the_loop_is_blocked_and_not_gone(self) -> None:
        diagnosis = diagnosis_of({"gdb-640.txt": SPAWNS, "ss.txt": QUEUED})
        assert diagnosis.verdict.rule == "event-loop-blocked"
        assert "is gone" not in found(diagnosis, "acceptor-stalled")[0].headline

    def test_a_loop_that_waits_for_events_is_not_blocked(self) -> None:
        assert not found(diagnosis_of({"gdb-640.txt": IDLE_NODE, "ss.txt": QUEUED}), "event-loop-blocked")


def listed(*, to_one: int, clients: int) -> str:
    """What ``lsof -p`` prints of a process with connections to one service and of many clients."""
    rows = ["COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME"]
    rows += [f"java    431 app    {at}w   REG    8,1     4096   20 /srv/console.log" for at in (1, 2)]
    rows += [
        f"java    431 app   {10 + at}u  IPv4   {9000 + at}      0t0  TCP 10.2.0.4:{51000 + at}->10.9.9.9:7000 (ESTABLISHED)"
        for at in range(to_one)
    ]
    rows += [
        f"java    431 app  {200 + at}u  IPv4   {9500 + at}      0t0  TCP 10.2.0.4:6612->10.2.9.{at}:41000 (ESTABLISHED)"
        for at in range(clients)
    ]
    return "\n".join(rows) + "\n"


LIMITS = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            64                   64                   files\n"


class TestFullTables:
    """What fills the descriptors: lsof lists each socket by other addresses."""

    def test_sockets_to_one_service(self) -> None:
        (finding,) = found(diagnosis_of({"lsof-431.txt": listed(to_one=58, clients=4), "limits-431.txt": LIMITS}), "fd-exhaustion")
        assert "most of them sockets to 10.9.9.9:7000" in finding.headline
        assert finding.culprit.remote == "10.9.9.9:7000"

    def test_sockets_of_many_clients(self) -> None:
        (finding,) = found(diagnosis_of({"lsof-431.txt": listed(to_one=2, clients=60), "limits-431.txt": LIMITS}), "fd-exhaustion")
        assert "most of them sockets." in finding.headline
        assert finding.culprit.remote is None


def listed_process(number: int, name: str, stack: str, began: str, queue: int = 0) -> str:
    """A process of ``[io:format("~p ~p~n", [P, process_info(P, …)]) || P <- processes()]``."""
    return (
        f"<0.{number}.0> [{{registered_name,{name}}},\n          {{current_stacktrace,\n              [{stack}]}},\n"
        f"          {{status,waiting}},\n          {{message_queue_len,{queue}}},\n          {{initial_call,{began}}}]\n"
    )


ASKS = '{gen,do_call,4,[{file,"gen.erl"},{line,237}]},\n               {gen_server,call,3,[{file,"gen_server.erl"},{line,381}]},\n               {reef,talk,1,[{file,"src/reef.erl"},{line,9}]}'
ANSWERS = '{prim_inet,recv0,3,[]},\n               {reef,handle_call,3,[{file,"src/reef.erl"},{line,4}]},\n               {gen_server,try_handle_call,4,[{file,"gen_server.erl"},{line,1149}]}'
RESTS = '{gen_server,loop,7,[{file,"gen_server.erl"},{line,871}]},\n               {proc_lib,init_p_do_apply,3,[{file,"proc_lib.erl"},{line,240}]}'


class TestCalledProcesses:
    """A list of processes names nobody who is called: the only server process that is at work has the calls before it."""

    @staticmethod
    def listing(*servers: str) -> str:
        callers = "".join(listed_process(80 + at, "[]", ASKS, "{reef,talk,1}") for at in range(5))
        return listed_process(70, "logbook", RESTS, "{proc_lib,init_p,5}") + "".join(servers) + callers

    def test_the_one_at_work_is_who_is_called(self) -> None:
        (finding,) = found(
            diagnosis_of({"processes.txt": self.listing(listed_process(77, "tideline", ANSWERS, "{proc_lib,init_p,5}", 4))}), "lock-convoy"
        )
        assert "the process “tideline”, which itself waits for an answer on a socket" in finding.headline
        assert "reef:talk/1" in finding.headline

    def test_of_two_neither_is_blamed(self) -> None:
        servers = [listed_process(77 + at, name, ANSWERS, "{proc_lib,init_p,5}", 2) for at, name in enumerate(("tideline", "ebbline"))]
        findings = found(diagnosis_of({"processes.txt": self.listing(*servers)}), "lock-convoy")
        assert all("line”" not in one.headline for one in findings)


class TestAcceptorThatCalls:
    """Who accepts waits for a service: the table tells for which."""

    QUEUE = tuple(f"96 10.2.0.4:6612 10.2.9.7:{43000 + at} ESTABLISHED -" for at in range(4))

    def told(self, *rows: str) -> str:
        loop = thread("porch", "RUNNABLE", *READ, "org.acme.tide.Porch.greet", "org.acme.tide.Porch.main", native="runnable")
        table = netstat(LISTEN.replace("0 ", "4 ", 1), *self.QUEUE, *rows)
        (finding,) = found(diagnosis_of({"jstack-431.txt": dump(loop), "netstat.txt": table}), "acceptor-stalled")
        return finding.headline

    def test_the_service_is_named(self) -> None:
        assert "the acceptor waits for an answer of 10.9.9.9:7000" in self.told(*open_to("10.9.9.9:7000", 1))

    def test_a_client_that_it_has_accepted_is_none(self) -> None:
        assert "busy with something else" in self.told("0 10.2.0.4:6612 10.2.9.7:41000 ESTABLISHED 431/java")
