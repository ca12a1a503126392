"""The parts that the diagnoses of the tests are made of: findings, tables, checks. Numbers and excerpts of a controlled reproduction."""

from __future__ import annotations

from msgspec.structs import replace

from analyzer.model.finding import (
    Action,
    Basis,
    Check,
    CloseWait,
    Confidence,
    Culprit,
    Evidence,
    Finding,
    Link,
    Missing,
    Outcome,
    PoolTable,
    Process,
    Severity,
    SocketTable,
    Step,
    Wait,
    When,
)
from analyzer.model.inputs import Input, UnreadLine
from parsers.records import Where

JAVA = Process(host="app01", pid=1493, command="java")
EXEC = Where("app01/jstack.txt", 140, 148)
HELPER = Where("app01/jstack.txt", 439, 446)
PAIR = Where("app01/lsof_nP_i.txt", 4, 5)
LISTENER = Where("app01/lsof_nP_i.txt", 2, 2)
INNER = Where("app01/netstat_tanope.txt", 67, 67)
QUEUED = Where("app01/netstat_tanope.txt", 51, 51)
ACCEPTOR = Where("app01/jstack.txt", 426, 434)

EXCERPTS: dict[Where, tuple[str, ...]] = {
    EXEC: (
        '"http-nio-38090-exec-1" #15 daemon prio=5 os_prio=0 cpu=34.09ms elapsed=9.47s tid=0x00007fa0b84b87d0 nid=0x60e waiting on condition  [0x00007fa0be7aa000]',
        "   java.lang.Thread.State: WAITING (parking)",
        "\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)",
        "\t- parking to wait for  <0x00000000f81ca0e0> (a java.util.concurrent.FutureTask)",
        "\tat java.util.concurrent.locks.LockSupport.park(java.base@17.0.15/LockSupport.java:211)",
        "\tat java.util.concurrent.FutureTask.awaitDone(java.base@17.0.15/FutureTask.java:447)",
        "\tat java.util.concurrent.FutureTask.get(java.base@17.0.15/FutureTask.java:190)",
        "\tat java.util.concurrent.AbstractExecutorService.invokeAll(java.base@17.0.15/AbstractExecutorService.java:252)",
        "\tat SelfCall$2.doGet(SelfCall.java:14)",
    ),
    HELPER: (
        '"pool-1-thread-1" #25 prio=5 os_prio=0 cpu=10.73ms elapsed=5.76s tid=0x0000557bb7876c60 nid=0x619 runnable  [0x00007fa0bddaa000]',
        "   java.lang.Thread.State: RUNNABLE",
        "\tat sun.nio.ch.Net.poll(java.base@17.0.15/Native Method)",
        "\tat sun.nio.ch.NioSocketImpl.park(java.base@17.0.15/NioSocketImpl.java:186)",
        "\tat sun.nio.ch.NioSocketImpl.timedRead(java.base@17.0.15/NioSocketImpl.java:290)",
        "\tat sun.nio.ch.NioSocketImpl.implRead(java.base@17.0.15/NioSocketImpl.java:314)",
    ),
    PAIR: (
        "java    1493 root   15u  IPv6 173394      0t0  TCP 127.0.0.1:38090->127.0.0.1:33026 (ESTABLISHED)",
        "java    1493 root   16u  IPv6 172916      0t0  TCP 127.0.0.1:33026->127.0.0.1:38090 (ESTABLISHED)",
    ),
    LISTENER: ("java    1493 root    7u  IPv6 173374      0t0  TCP *:38090 (LISTEN)",),
    INNER: (
        "tcp6     151      0 127.0.0.1:38090         127.0.0.1:33428         ESTABLISHED 0          172958     1493/java            keepalive (7194.71/0/0)",
    ),
    QUEUED: (
        "tcp6      58      0 127.0.0.1:38090         127.0.0.1:33320         CLOSE_WAIT  0          172956     1493/java            keepalive (7194.70/0/0)",
    ),
    ACCEPTOR: (
        '"http-nio-38092-Acceptor" #24 daemon prio=5 os_prio=0 cpu=12.81ms elapsed=12.06s tid=0x00007f5d7c4ccdf0 nid=0xd7a waiting on condition',
        "   java.lang.Thread.State: WAITING (parking)",
        "\tat org.apache.tomcat.util.threads.LimitLatch.countUpOrAwait(LimitLatch.java:117)",
    ),
}

E1 = Evidence(EXEC, "8 of 8 request threads wait in FutureTask.get", mark=("FutureTask.get", "SelfCall$2.doGet(SelfCall.java:14)"), more=7)
E2 = Evidence(
    HELPER,
    "8 helper threads wait for an answer of an HTTP server",
    mark=("NioSocketImpl.timedRead",),
    more=7,
    inferred="A thread dump does not name the peer. The link to 127.0.0.1:38090 rests on 8 ESTABLISHED sockets of this process to that address.",
)
E3 = Evidence(PAIR, "Both ends of 8 connections to port 38090 belong to pid 1493", mark=("127.0.0.1:33026->127.0.0.1:38090",), more=7)
E4 = Evidence(LISTENER, "Pid 1493 listens on port 38090", mark=("*:38090 (LISTEN)",))
E5 = Evidence(INNER, "The inner requests lie unread: 151 bytes in each", mark=("151",), more=7)
E6 = Evidence(QUEUED, "32 clients have given up before their request was read", mark=("58 ", "CLOSE_WAIT"), more=31)

SELF_CALL = Finding(
    id="F1",
    rule="self-call-starvation",
    severity=Severity.CRITICAL,
    confidence=Confidence.CERTAIN,
    headline="The server waits for itself: no request thread is left to answer the calls it makes to its own port 38090.",
    explanation=(
        "All 8 threads of http-nio-38090-exec wait in FutureTask.get for pool-1. Its 8 threads wait for an answer from 127.0.0.1:38090, "
        "and that is this same process. 40 clients have closed their side; the server never closes its own, so the sockets stay in "
        "CLOSE_WAIT. No wait has a timeout: it does not recover without a restart."
    ),
    why_confident="The thread dump shows who waits, and two socket tables show that both ends of the connections belong to pid 1493.",
    evidence=(E1, E2, E3, E4, E5, E6),
    process=JAVA,
    culprit=Culprit(
        pool="http-nio-38090-exec",
        frame="SelfCall$2.doGet(SelfCall.java:14)",
        listener="*:38090",
        remote="127.0.0.1:38090",
        library="HttpURLConnection",
    ),
    chain=(
        Step(
            "8 threads of http-nio-38090-exec",
            "wait without a timeout for",
            "FutureTask.get under SelfCall$2.doGet(SelfCall.java:14)",
            (E1,),
        ),
        Step("8 threads of pool-1", "read without a timeout from", "NioSocketImpl.timedRead", (E2, E3)),
        Step(
            "Listener *:38090 of the same process",
            "needs a free thread of",
            "8 inner requests lie unread; all 8 threads are taken",
            (E4, E5),
        ),
    ),
    loop=True,
    actions=(
        Action(When.NOW, "Save one more thread dump, then restart the process.", "jstack -l 1493 > jstack-last.txt"),
        Action(When.FIX, "Give the wait in SelfCall$2.doGet(SelfCall.java:14) a timeout."),
        Action(When.FIX, "Set connect and read timeouts on HttpURLConnection."),
        Action(
            When.PREVENT,
            "Call the resource in process, or give it a connector and a pool of its own. More threads only move the threshold.",
        ),
    ),
    figures=(
        ("40", "sockets in CLOSE_WAIT"),
        ("8 of 8", "request threads waiting"),
        ("8 of 8", "helpers reading from this process"),
        ("151 bytes", "unread in each inner call"),
    ),
)

IDLE = Finding(
    id="F2",
    rule="benign-wait",
    severity=Severity.INFO,
    confidence=Confidence.LIKELY,
    headline="40 sockets in FIN_WAIT2 are the other ends of the CLOSE_WAIT sockets on this host.",
    explanation="Clients and server share the host, so each connection is listed twice. Count it once.",
    why_confident="The addresses and ports mirror each other.",
    evidence=(
        Evidence(Where("app01/netstat_tanope.txt", 5, 5), "A FIN_WAIT2 socket whose mirror is in CLOSE_WAIT", mark=("FIN_WAIT2",), more=39),
    ),
    process=JAVA,
)


def sockets(snapshot: str = "2026-11-23T12:27:08", waiting: int = 40, established: int = 16) -> SocketTable:
    return SocketTable(
        snapshot=snapshot,
        host="app01",
        pid=1493,
        command="java",
        local_port=38090,
        side="server",
        remote=None,
        states={"CLOSE_WAIT": waiting, "ESTABLISHED": established, "LISTEN": 1},
        close_wait=CloseWait(total=waiting, fin_only=min(8, waiting), unread=max(0, waiting - 8)),
    )


def pool(name: str, size: int, busy: int, role: str, doing: dict[str, int], snapshot: str = "2026-11-23T12:27:08") -> PoolTable:
    return PoolTable(
        snapshot=snapshot, host="app01", pid=1493, name=name, role=role, size=size, busy=busy, idle=size - busy, listener=None, doing=doing
    )


POOLS = (
    pool("http-nio-38090-exec", 8, 8, "server", {"future": 8}),
    pool("pool-1", 8, 8, "executor", {"socket-read": 8}),
    pool("http-nio-38090-Poller", 1, 0, "event-loop", {"select": 1}),
    pool("Catalina-utility", 2, 0, "executor", {"idle": 2}),
    pool("http-nio-38090-Acceptor", 1, 0, "acceptor", {"accept": 1}),
    pool("JVM", 12, 0, "jvm", {"idle": 12}),
)

CHECKED = (
    Check("self-call-starvation", Outcome.FOUND, "F1"),
    Check("java-deadlock", Outcome.CLEAN, "no cycle of monitor owners in 1 dump"),
    Check("jdbc-pool-exhausted", Outcome.CLEAN, "no thread in a JDBC driver or pool"),
    Check("slow-backend", Outcome.CLEAN, "every read goes to this process itself"),
    Check("connection-limit", Outcome.CLEAN, "the acceptor is in accept, the accept queue is empty (0 of 100)"),
    Check("fd-exhaustion", Outcome.CLEAN, "73 of 20,000 descriptors open"),
    Check("vanished-peer", Outcome.SKIPPED, "needs a packet capture"),
    Check("thread-leak", Outcome.SKIPPED, "needs two snapshots"),
    Check("cpu-spin", Outcome.SKIPPED, "needs two snapshots"),
)

MISSING = (
    Missing("a second snapshot", "whether the same sockets and stacks stand still", "sh collect.sh --pid 1493 --snapshots 3"),
    Missing(
        "a packet capture",
        "that the requests were acknowledged and never answered",
        "tcpdump -i any -s 256 -w trace.pcap -c 100000 'tcp port 38090'",
    ),
)


def read(file: str, kind: str | None, records: int, size: int, unread: tuple[UnreadLine, ...] = ()) -> Input:
    digest = f"{sum(map(ord, file)):08x}" * 8
    return Input(file=file, format=kind, records=records, unread=unread, sha256=digest, bytes=size, snapshot="2026-11-23T12:27:08")


INPUTS = (
    read("app01/jstack.txt", "HotSpot thread dump", 32, 48_656),
    read("app01/lsof_nP_i.txt", "lsof", 57, 5_572),
    read("app01/netstat_tanope.txt", "netstat", 104, 15_243),
    read("app01/ss_tanoiep.txt", "ss", 104, 68_565, (UnreadLine(118, 2, "no column for skmem"), UnreadLine(204, 1, "a cut line"))),
    read("app01/limits.txt", "proc limits", 16, 1_323),
    read("app01/notes.md", None, 0, 412, (UnreadLine(1, 9, "no known format"),)),
)

LINKS = tuple(
    Link(
        snapshot="2026-11-23T12:27:08",
        host="app01",
        pid=1493,
        role="calls",
        local=f"127.0.0.1:{port}",
        remote="127.0.0.1:38090",
        state="ESTABLISHED",
        inode=172916 + index,
        thread=None,
        tid=None,
        pool="pool-1",
        basis=Basis.POOL_PORT,
        confidence=Confidence.LIKELY,
    )
    for index, port in enumerate((33026, 33316, 33336, 33368, 33382, 33406, 33428, 33452))
)

WAITS = tuple(
    Wait(
        snapshot="2026-11-23T12:27:08",
        waiter=f"http-nio-38090-exec-{index}",
        waiter_pool="http-nio-38090-exec",
        on="future",
        object=f"java.util.concurrent.FutureTask 0x00000000f81ca0{index:02x}",
        holder=None,
        holder_pool="pool-1",
        basis="frames",
        confidence=Confidence.LIKELY,
    )
    for index in range(1, 9)
)


BACKEND = replace(
    SELF_CALL,
    id="F2",
    rule="jdbc-pool-exhausted",
    headline="No connection to the database is free: 10 of 10 are taken, and 14 threads wait for one.",
    explanation="14 threads of batch-worker wait in HikariPool.getConnection. The 10 connections to 10.0.0.9:5432 are held by threads that read.",
    why_confident="The thread dump shows both the waiters and the holders.",
    evidence=(Evidence(Where("app01/jstack.txt", 700, 702), "14 threads wait in HikariPool.getConnection", more=13),),
    culprit=Culprit(pool="batch-worker", remote="10.0.0.9:5432", library="HikariCP"),
    chain=(
        Step("14 threads of batch-worker", "wait for a connection from", "HikariPool.getConnection"),
        Step("Pool of 10 connections", "is held by"),
        Step("10 threads of batch-worker", "read from", "10.0.0.9:5432, without a timeout"),
        Step("Database 10.0.0.9:5432", "does not answer"),
    ),
    loop=False,
    actions=(
        Action(When.NOW, "Look at the slow statements.", "psql -c 'select * from pg_stat_activity'"),
        Action(When.FIX, "Set socketTimeout."),
    ),
    figures=(),
)

LIMIT = replace(
    IDLE,
    id="F2",
    rule="connection-limit",
    severity=Severity.CRITICAL,
    confidence=Confidence.CERTAIN,
    headline="The connection limit of 10 is reached: the acceptor waits, and 6 clients are in the accept queue.",
    explanation="Every connection is held by a request that waits for F1, so the acceptor is in LimitLatch.countUpOrAwait.",
    why_confident="The stack and the full accept queue (6 of 5) say the same.",
    evidence=(Evidence(ACCEPTOR, "The acceptor waits in LimitLatch.countUpOrAwait", mark=("LimitLatch.countUpOrAwait",)),),
    consequence_of="F1",
)
