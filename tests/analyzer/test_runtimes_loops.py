"""Processes that are loops, or whose table names no owners: who is called, who blocks the loop, and who never closes."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Status
from tests.analyzer.test_runtimes import goroutine
from tests.builders import diagnosis_of, evidence_of, found, netstat

ASK = "net.(*conn).Read(0x1)\n\t/go/net.go:183 +0x1\nexample.com/mail.(*Hop).ask(0x1)\n\t/b/hop.go:30 +0x1\nexample.com/mail.(*Hop).talk(0x1)\n\t/b/hop.go:50 +0x1\ncreated by main.main\n\t/b/hop.go:70 +0x1\n"
ACCEPT = "net.(*TCPListener).Accept(0x1)\n\t/go/tcpsock.go:288 +0x1\nmain.main()\n\t/b/hop.go:69 +0x1\n"
LWP = 'Thread 1 (Thread 0x7f0000000000 (LWP 640) "{name}"):\n'


def nobodys(*rows: str) -> str:
    """A table whose rows name no owner."""
    return netstat(*(f"{row} -" for row in rows))


class TestCallsOnOneHost:
    """A table without owners: both ends of a call are this host's, and that is all it says."""

    def test_calls_that_somebody_else_reads_go_to_a_service(self) -> None:
        left = [f"1 127.0.0.1:2525 127.0.0.1:{4000 + at} CLOSE_WAIT" for at in range(6)]
        calls = [f"0 127.0.0.1:{5000 + at} 127.0.0.1:2626 ESTABLISHED" for at in range(6)]
        ends = [f"0 127.0.0.1:2626 127.0.0.1:{5000 + at} ESTABLISHED" for at in range(6)]
        listen = ["0 127.0.0.1:2525 0.0.0.0:* LISTEN", "0 127.0.0.1:2626 0.0.0.0:* LISTEN"]
        stacks = goroutine(1, "IO wait", ACCEPT) + "".join(goroutine(number, "IO wait", ASK) for number in range(5, 11))
        diagnosis = diagnosis_of({"goroutines.txt": stacks, "netstat.txt": nobodys(*listen, *left, *calls, *ends)})
        assert diagnosis.verdict.rule == "slow-backend"
        (finding,) = found(diagnosis, "slow-backend")
        assert finding.confidence is not Confidence.CERTAIN
        assert "none of them leads back" not in finding.explanation

    def test_calls_to_the_port_that_others_call_too_are_its_own(self) -> None:
        left = [f"1 127.0.0.1:2525 127.0.0.1:{4000 + at} CLOSE_WAIT" for at in range(6)]
        calls = [f"0 127.0.0.1:{5000 + at} 127.0.0.1:2525 ESTABLISHED" for at in range(6)]
        ends = [f"0 127.0.0.1:2525 127.0.0.1:{5000 + at} ESTABLISHED" for at in range(6)]
        stacks = goroutine(1, "IO wait", ACCEPT) + "".join(goroutine(number, "IO wait", ASK) for number in range(5, 11))
        table = nobodys("0 127.0.0.1:2525 0.0.0.0:* LISTEN", *left, *calls, *ends)
        assert diagnosis_of({"goroutines.txt": stacks, "netstat.txt": table}).verdict.rule == "self-call-starvation"


WAITS = LWP.format(name="inboxd") + "#0  0x00007f01 in epoll_wait () from /lib64/libc.so.6\n#1  0x0000560a in main () at inboxd.c:12\n"
RESOLVES = LWP.format(name="linkd") + (
    "#0  0x00007f01 in __GI___poll (fds=0x7ffe, nfds=1, timeout=5000) at ../sysdeps/unix/sysv/linux/poll.c:29\n"
    "#1  0x00007f02 in send_dg (statp=0x7fa1) at ./resolv/res_send.c:996\n"
    "#2  0x00007f03 in __GI_getaddrinfo (name=0x5652, service=0x5653) at ../sysdeps/posix/getaddrinfo.c:2397\n"
    "#3  0x0000560a in find_peer (name=0x5652) at linkd.c:40\n#4  0x0000560b in main () at linkd.c:90\n"
)


def lsof(left: int, *, opened: int = 1, files: bool = True) -> str:
    """What ``lsof -p`` prints of a server; without files as behind ``-i``."""
    rows = ["COMMAND PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME"]
    if files:
        rows.append("inboxd  640 app  cwd    DIR    8,1     4096    2 /srv")
    rows.append("inboxd  640 app    3u  IPv4   9000      0t0  TCP 10.1.0.4:7070 (LISTEN)")
    rows += [
        f"inboxd  640 app   {10 + at}u  IPv4   {9100 + at}      0t0  TCP 10.1.0.4:7070->10.1.0.8:{4000 + at} (CLOSE_WAIT)"
        for at in range(left)
    ]
    rows += [
        f"inboxd  640 app  {500 + at}u  IPv4   {9900 + at}      0t0  TCP 10.1.0.4:7070->10.1.0.8:{6000 + at} (ESTABLISHED)"
        for at in range(opened)
    ]
    return "\n".join(rows) + "\n"


class TestLoopsThatKeepConnections:
    """A program of one loop has no pool: that the loop is free, and calls nobody, tells that no request is behind the connections."""

    def files(self, *counts: int, **how: bool) -> dict[str, str]:
        made = {f"lsof-{number}.txt": lsof(count, **how) for number, count in enumerate(counts, 1)}
        return {**made, "gdb.txt": WAITS, **{f"date-{number}.txt": f"Sun Nov 29 10:0{number}:00 UTC 2026\n" for number in range(1, 4)}}

    def test_they_only_grow(self) -> None:
        diagnosis = diagnosis_of(self.files(7, 15, 22))
        (finding,) = found(diagnosis, "server-never-closes")
        assert diagnosis.verdict.rule == "server-never-closes"
        assert finding.confidence is Confidence.LIKELY
        assert "7→15→22" in finding.explanation

    def test_one_moment_says_little(self) -> None:
        assert not found(diagnosis_of(self.files(22)), "server-never-closes")

    def test_behind_a_filter_by_port_a_call_may_be_open(self) -> None:
        assert not found(diagnosis_of(self.files(7, 15, 22, files=False)), "server-never-closes")

    def test_requests_of_a_loop_leave_no_thread(self) -> None:
        files = self.files(7, 15, 22)
        call = "inboxd  640 app  900u  IPv4   9999      0t0  TCP 10.1.0.4:5151->10.1.0.9:6379 (ESTABLISHED)\n"
        assert not found(
            diagnosis_of({name: text + call if "lsof" in name else text for name, text in files.items()}), "server-never-closes"
        )

    def test_files_of_a_date_belong_to_what_has_their_number(self) -> None:
        times = [snapshot.time for snapshot in evidence_of(self.files(7, 15, 22)).incident.snapshots]
        assert [(time or "")[:16] for time in times] == ["2026-11-29T10:01", "2026-11-29T10:02", "2026-11-29T10:03"]


QUEUE = [
    "9 0.0.0.0:8181 0.0.0.0:* LISTEN 640/{name}",
    *(f"44 10.1.0.4:8181 10.1.0.8:{4000 + at} ESTABLISHED -" for at in range(5)),
    *(f"44 10.1.0.4:8181 10.1.0.8:{4100 + at} CLOSE_WAIT -" for at in range(4)),
    "1 10.1.0.4:8181 10.1.0.8:4200 CLOSE_WAIT 640/{name}",
]


class TestLoopsThatBlock:
    """One thread serves everybody, and stands in something else."""

    def diagnosis(self, stacks: str, name: str) -> tuple[str | None, str]:
        table = netstat(*(row.format(name=name) for row in QUEUE))
        diagnosis = diagnosis_of({"gdb.txt": stacks, "netstat.txt": table})
        return diagnosis.verdict.rule, next((finding.culprit.frame or "" for finding in diagnosis.findings), "")

    def test_in_the_resolver(self) -> None:
        assert self.diagnosis(RESOLVES, "linkd") == ("dns-stall", "find_peer(linkd.c:40)")

    def test_in_a_file_below_javascript(self) -> None:
        stack = LWP.format(name="node") + (
            "#0  0x00007f01 in __libc_open64 (file=0x7ffc, oflag=524288) at ../sysdeps/unix/sysv/linux/open64.c:41\n"
            "#1  0x000018b0 in uv__fs_open (req=0x7ffc) at ../deps/uv/src/unix/fs.c:386\n#2  0x00000cc9 in node::fs::Open(v8::Args const&) ()\n"
            "#3  0x000018cf in Builtins_InterpreterEntryTrampoline ()\n#4  0x0000 in ?? ()\n"
        )
        assert self.diagnosis(stack, "node") == ("event-loop-blocked", "node::fs.Open")

    def test_in_code_that_computes(self) -> None:
        stack = LWP.format(name="node") + (
            "#0  0x00001c30 in SHA256_Update ()\n#1  0x00000e3c in node::crypto::ScryptTraits::DeriveBits(node::Environment*) ()\n"
            "#2  0x000018cf in Builtins_InterpreterEntryTrampoline ()\n#3  0x0000 in ?? ()\n"
        )
        assert self.diagnosis(stack, "node") == ("event-loop-blocked", "node::crypto::ScryptTraits.DeriveBits")

    def test_a_loop_that_waits_for_events_is_not_blocked(self) -> None:
        table = netstat(*(row.format(name="node") for row in QUEUE))
        diagnosis = diagnosis_of({"gdb.txt": WAITS.replace("inboxd", "node"), "netstat.txt": table})
        assert not found(diagnosis, "event-loop-blocked")
        assert diagnosis.verdict.status is not Status.HEALTHY


HUB = 'Thread 640 (idle): "MainThread"\n    Hub.run (gevent/hub.py:647)\n'


def served_by_loop(*, left: int, quiet: int, calls: int) -> str:
    """A table of a process that serves port 8282 in one loop."""
    rows = ["0 10.1.0.4:8282 0.0.0.0:* LISTEN 640/gunicorn"]
    rows += [f"1 10.1.0.4:8282 10.1.0.8:{4000 + at} CLOSE_WAIT 640/gunicorn" for at in range(left)]
    rows += [f"0 10.1.0.4:8282 10.1.0.8:{4500 + at} ESTABLISHED 640/gunicorn" for at in range(quiet)]
    rows += [f"0 10.1.0.4:{5000 + at} 10.1.0.9:9091 ESTABLISHED 640/gunicorn" for at in range(calls)]
    return netstat(*rows)


class TestTasksThatNoDumpShows:
    """Greenlets and coroutines leave no thread: the loop looks idle whatever they wait for."""

    def files(self, **rows: int) -> dict[str, str]:
        head = "Process 640: gunicorn: worker\nPython v3.11.2 (/usr/bin/python3.11)\n\n"
        return {"pyspy.txt": head + HUB, "netstat.txt": served_by_loop(**rows)}

    def test_as_many_calls_as_requests(self) -> None:
        (finding,) = found(diagnosis_of(self.files(left=6, quiet=3, calls=9)), "slow-backend")
        assert (finding.confidence, finding.culprit.remote) == (Confidence.SUSPECTED, "10.1.0.9:9091")
        assert "leave no thread" in finding.explanation

    def test_nobody_gave_up(self) -> None:
        assert not found(diagnosis_of(self.files(left=0, quiet=9, calls=9)), "slow-backend")

    def test_other_numbers(self) -> None:
        assert not found(diagnosis_of(self.files(left=6, quiet=3, calls=2)), "slow-backend")


class TestAnswersThatNobodyReads:
    """The body is larger than the buffer: the service cannot close, and nothing is in CLOSE_WAIT."""

    PROFILE = "goroutine profile: total {total}\n{n} @ 0x43b256 0x44b05c\n#\t0x65fb64\tnet/http.(*persistConn).readLoop+0xd84\t/go/transport.go:2213\n\n{n} @ 0x43b256 0x44b05d\n#\t0x660c14\tnet/http.(*persistConn).writeLoop+0xf4\t/go/transport.go:2392\n"

    def table(self, unread: int) -> str:
        rows = [f"{unread} 10.5.0.1:{5000 + at} 10.5.0.7:8443 ESTABLISHED 77/poll" for at in range(7)]
        return netstat("0 10.5.0.1:8080 0.0.0.0:* LISTEN 77/poll", *rows)

    def test_bytes_lie_unread(self) -> None:
        diagnosis = diagnosis_of({"pprof.txt": self.PROFILE.format(n=7, total=14), "netstat.txt": self.table(131072)})
        (finding,) = found(diagnosis, "connection-leak")
        assert (diagnosis.verdict.rule, finding.confidence, finding.culprit.remote) == (
            "connection-leak",
            Confidence.LIKELY,
            "10.5.0.7:8443",
        )

    def test_nothing_lies_unread(self) -> None:
        diagnosis = diagnosis_of({"pprof.txt": self.PROFILE.format(n=7, total=14), "netstat.txt": self.table(0)})
        assert not found(diagnosis, "connection-leak")
