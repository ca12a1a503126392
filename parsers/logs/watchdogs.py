r"""Lines of watchdogs: who blocks where nothing may block, who took longer than a limit and was ended, and whose threads are all busy.

    reactor.blockhound.BlockingOperationError: Blocking call! java.net.SocketInputStream#socketRead0
    block()/blockFirst()/blockLast() are blocking, which is not supported in thread reactor-http-nio-3
    UT000126: Attempted to do blocking IO from the IO thread. This is prohibited as it may result in deadlocks
    Rack::Timeout::RequestTimeoutException (Request ran for longer than 15000ms )
    [2026-03-01 10:00:17,420: ERROR/MainProcess] Hard time limit (300s) exceeded for tasks.sync_orders[7d1c0b2e]
    [812] ! Terminating timed out worker (Worker 0 failed to check in within 60 seconds): 831

    {alarms,[{resource_limit,disk,rabbit@mq1}]},
    [2026-03-01 03:17:44,806: ERROR/MainProcess] Process 'ForkPoolWorker-2' pid:14 exited with 'signal 9 (SIGKILL)'
    Usage(default:store:queue://ORDERS:store) percentUsage=100%, usage=10737418240, limit=10737418240

What blocks an event loop stops all of its connections. A worker that was ended was busy or stuck: its stack below the line tells where. "All 200 http
threads are busy" is what a person tells. Written after the documentation and sources of these programs, not captured here.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

LONG: Final = 0.5
"""Seconds from which on clients feel that a dispatcher was late."""


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, loud: bool = False, least: float = 0.0) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud, least)


_BLOCKS: Final = "locking"
"""A word that all of these lines have: each further word costs a pass over every log."""
_NINE: Final = "signal 9"
"""As those of kills by signal have this one."""
_WORKERS: Final = r"(?:threads|workers)"
_BUSY: Final = r"(?:all )?(?:currently )?(?:busy|blocked|stuck|hung|hanging|occupied|exhausted|in use|used up|BLOCKED)\b"
SHAPES: Final = (
    _shape("BlockHound", LogKind.BLOCKING, _BLOCKS, r"Blocking call! (?P<subject>[\w.$/]{1,200}[#.]\w{1,80})"),
    _shape(
        "Reactor",
        LogKind.BLOCKING,
        _BLOCKS,
        r"block\(\)/blockFirst\(\)/blockLast\(\) are blocking, which is not supported in thread (?P<subject>[\w.-]{1,120})",
    ),
    _shape("Netty", LogKind.BLOCKING, _BLOCKS, r"io\.netty\.util\.concurrent\.BlockingOperationException\b"),
    _shape("Undertow", LogKind.BLOCKING, _BLOCKS, r"UT000126\b[^\n]{0,40}[bB]locking"),
    _shape(
        "Quarkus",
        LogKind.BLOCKING,
        _BLOCKS,
        r"attempted to perform a blocking operation on (?:a|an|the) (?:IO|I/O|event loop|Vert\.x) thread",
    ),
    _shape(
        "dispatcher",
        LogKind.STARVED,
        "tarvation",
        r"(?i:starvation)(?! or clock leap)[^\n]{0,120}?(?i:detected|delay|dispatcher)[^\n]{0,200}?(?<![\dms.])(?P<ms>\d{1,9}(?:\.\d{1,6})?) ?ms\b",
        least=LONG,
    ),
    _shape(
        "rack-timeout",
        LogKind.WORKER_ENDED,
        "Request ran for longer than",
        r"Request ran for longer than (?P<ms>\d{1,9})ms",
    ),
    _shape(
        "Celery",
        LogKind.WORKER_ENDED,
        "time limit (",
        r"(?:Hard|Soft) time limit \((?P<s>\d{1,7}(?:\.\d{1,3})?)s\) exceeded for (?P<subject>[\w.-]{1,200})",
    ),
    _shape(
        "Puma",
        LogKind.WORKER_ENDED,
        "Terminating timed out worker",
        r"Terminating timed out worker(?: \(Worker \d{1,5} failed to check in within (?P<s>\d{1,6}) seconds\))?: (?P<process>\d{1,10})",
    ),
    _shape(
        "rack-timeout",
        LogKind.WORKER_ENDED,
        "state=timed_out",
        r"source=rack-timeout [^\n]{0,300}?timeout=(?P<ms>\d{1,9})ms [^\n]{0,200}?state=timed_out",
    ),
    _shape(
        "Unicorn",
        LogKind.WORKER_ENDED,
        " timeout (",
        r"worker=\d{1,5} PID:(?P<process>\d{1,10}) timeout \((?P<s>\d{1,7})(?:\.\d{1,6})?s > \d{1,7}s\), killing",
    ),
    _shape(
        "Odoo",
        LogKind.WORKER_ENDED,
        "real time limit (",
        r"real time limit \((?P<s>\d{1,7})(?:\.\d{1,6})?/\d{1,7}(?:\.\d{1,6})?s\) reached",
    ),
    _shape("Celery", LogKind.WORKER_ENDED, "TimeLimitExceeded(", r"(?:Soft)?TimeLimitExceeded\((?P<s>\d{1,7}(?:\.\d{1,3})?)?,?\)"),
    _shape("Celery", LogKind.KILLED, _NINE, r"[Pp]rocess '[^'\n]{1,80}' pid:(?P<process>\d{1,10}) exited with 'signal 9\b"),
    _shape("Celery", LogKind.KILLED, _NINE, r"Worker exited prematurely: signal 9\b"),
    _shape("nginx", LogKind.KILLED, _NINE, r"worker process (?P<process>\d{1,10}) exited on signal 9\b"),
    _shape("PHP-FPM", LogKind.KILLED, _NINE, r"child (?P<process>\d{1,10}) exited on signal 9\b"),
    _shape("PostgreSQL", LogKind.KILLED, _NINE, r"\(PID (?P<process>\d{1,10})\) was terminated by signal 9\b"),
    _shape("uWSGI", LogKind.KILLED, _NINE, r"\(pid: (?P<process>\d{1,10})\) died, killed by signal 9\b"),
    _shape("gunicorn", LogKind.KILLED, _NINE, r"Worker (?:with pid |\(pid:)(?P<process>\d{1,10})\)? was terminated due to signal 9\b"),
    _shape("gunicorn", LogKind.KILLED, "was sent SIGKILL!", r"Worker \(pid:(?P<process>\d{1,10})\) was sent SIGKILL!"),
    _shape(
        "supervisord",
        LogKind.KILLED,
        "terminated by SIGKILL",
        r"exited: (?P<subject>[\w.:-]{1,120}) \(terminated by SIGKILL; not expected\)",
    ),
    _shape(
        "systemd",
        LogKind.KILLED,
        "status=9/KILL",
        r"(?P<subject>[\w.@\\-]{1,120}\.service): [Mm]ain process exited, code=killed, status=9/KILL",
    ),
    _shape("uWSGI", LogKind.WORKER_ENDED, "HARAKIRI", r"HARAKIRI ON WORKER \d{1,5} \(pid: (?P<process>\d{1,10})"),
    _shape("RabbitMQ", LogKind.ALARM, "resource_limit,", r"\{resource_limit,(?P<subject>disk|memory),"),
    _shape("RabbitMQ", LogKind.ALARM, " alarm on node ", r"(?P<subject>Free disk space|Memory) alarm on node [\w.@-]{1,120}"),
    _shape("RabbitMQ", LogKind.ALARM, "isk free space", r"Disk free (?P<subject>space) (?:is )?insufficient\. Free bytes"),
    _shape("RabbitMQ", LogKind.ALARM, "resource limit alarm set", r"(?P<subject>disk|memory) resource limit alarm set on node"),
    _shape(
        "ActiveMQ",
        LogKind.ALARM,
        "percentUsage=100%",
        r"Usage\((?:[^()\n]{0,60}?:(?=(?:queue|topic)://))?(?P<subject>(?:queue|topic)://[^\s():]{1,120}|[^()\n]{1,160})[^()\n]{0,40}\) percentUsage=100%",
    ),
    _shape(
        "ActiveMQ",
        LogKind.ALARM,
        "Usage Manager",
        r"Usage Manager(?: for [^\n]{0,80}?)? ?[mM]emory [lL]imit[^\n]{0,80}? reached",
    ),
    _shape(
        "ActiveMQ", LogKind.ALARM, "Usage Manager", r"Usage Manager (?:[tT]emp )?[sS]tore is [fF]ull|Usage Manager [mM]emory is [fF]ull"
    ),
    _shape(
        "kubelet",
        LogKind.PROBED,
        "failed liveness probe",
        r"(?:\(x(?P<times>\d{1,7}) over [^)\n]{1,20}\)[^\n]{0,60}?)?Container (?P<subject>[\w.-]{1,120}) failed liveness probe",
    ),
    _shape(
        "kubelet",
        LogKind.PROBED,
        "iveness probe failed",
        r"(?:\(x(?P<times>\d{1,7}) over [^)\n]{1,20}\)[^\n]{0,60}?)?Liveness probe (?:failed|errored)[^\n]{0,300}?(?:[tT]imeout|timed out|deadline exceeded)",
    ),
    _shape(
        "kubelet",
        LogKind.PROBED,
        "eadiness probe failed",
        r"(?:\(x(?P<times>\d{1,7}) over [^)\n]{1,20}\)[^\n]{0,60}?)?Readiness probe (?:failed|errored)[^\n]{0,300}?(?:[tT]imeout|timed out|deadline exceeded)",
    ),
    _shape(
        "WebSphere",
        LogKind.RECOVERED,
        "WSVR0606W",
        r"WSVR0606W: Thread \"(?P<subject>[^\"\n]{1,200})\"[^\n]{0,120}has completed\.(?:  ?It was active for approximately (?P<ms>\d{1,12}) milliseconds\.)?(?:  ?There is/are (?P<hanging>\d{1,9}) thread)?",
    ),
    _shape(
        "Tomcat",
        LogKind.RECOVERED,
        "previously reported to be stuck but has completed",
        r"Thread [\"\[](?P<subject>[^\"\[\]\n]{1,200})[\"\]][^\n]{0,80}was previously reported to be stuck but has completed\.(?: It was active for approximately \[?(?P<ms>\d{1,12})\]? milliseconds\.)?",
    ),
    _shape(
        "WebLogic",
        LogKind.RECOVERED,
        "BEA-000339",
        r"BEA-000339>? ?<?\[?(?:STUCK|ACTIVE|STANDBY)?\]? ?(?P<subject>ExecuteThread: '\d{1,6}'[^\"<>\n]{0,120}?) has become \"?unstuck",
    ),
    *(
        _shape(
            "program",
            LogKind.THREADS,
            word,
            rf"(?<![\w.])[Aa]ll (?:of )?(?:the |our |my |its )?(?P<threads>\d{{1,5}}) (?:of (?:the|our|its) )?(?P<subject>(?:[\w.-]{{1,40}} ){{0,3}}){_WORKERS} are {_BUSY}",
        )
        for word in ("hreads are ", "orkers are ")
    ),
)
