r"""Lines of failures that a program met: time limits, refused connections, used-up descriptors, threads and memory.

    java.net.SocketTimeoutException: Read timed out
    java.net.ConnectException: Connection refused
    dial tcp 10.0.0.7:5432: connect: connection refused
    java.io.IOException: Too many open files
    INFO: Maximum number of threads (200) created for connector with address null and port 8080
    java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached

One such line proves that it happened once. It says neither why nor that it lasts.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

_HOST: Final = r"(?P<subject>(?:\[[0-9a-fA-F:.]{2,45}\]|[\w.-]{1,120}):\d{1,5})"


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, loud: bool = True) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud)


SHAPES: Final = (
    _shape("JVM", LogKind.NO_THREAD, "unable to create", r"OutOfMemoryError: unable to create (?:new )?native thread"),
    _shape("JVM", LogKind.NO_THREAD, "pthread_create failed", r"Failed to start thread [^\n]{0,120}pthread_create failed"),
    _shape(
        "JVM",
        LogKind.MEMORY,
        "OutOfMemoryError",
        r"OutOfMemoryError: (?:Java heap space|GC overhead limit exceeded|Metaspace|Compressed class space|Direct buffer memory|Cannot reserve \d+ bytes of direct buffer memory)",
    ),
    _shape(
        "kernel",
        LogKind.MEMORY,
        "Killed process",
        r"Out of memory: Killed process (?P<process>\d{1,10}) \((?P<subject>[^)\n]{1,40})\)",
        loud=False,
    ),
    _shape(
        "program",
        LogKind.DESCRIPTORS,
        "oo many open files",
        r"(?:(?:IOException|SocketException|FileNotFoundException|FileSystemException|OSError|IOError|ENFILE|EMFILE|Errno 24|accept[46]?|open|socket)\b[^\n\"]{0,240}?[(:\]] ?[Tt]oo many open files"
        r"|\((?:24|23): Too many open files|: too many open files(?: in system)?[;.]?\s*$|java\.io\.\w+: [^\n\"]{1,240}\(Too many open files\))",
    ),
    # Node names the error without its words: "Error: connect EMFILE 10.0.0.9:443 - Local (undefined:undefined)", "accept EMFILE", "spawn EMFILE".
    _shape(
        "Node",
        LogKind.DESCRIPTORS,
        " EMFILE",
        r"\bError: (?:connect|accept|open|spawn|listen|pipe|scandir|watch|getaddrinfo|dup)\b[^\n\"]{0,80}? EMFILE\b",
    ),
    _shape(
        "Tomcat",
        LogKind.THREADS,
        "Maximum number of threads",
        r"Maximum number of threads \((?P<limit>\d{1,9})\) created for connector with address \[?[^\s\]]{0,80}\]? and port \[?(?P<port>\d{1,5})",
        loud=False,
    ),
    _shape(
        "PHP-FPM",
        LogKind.THREADS,
        "pm.max_children",
        r"\[pool (?P<subject>[\w.-]{1,60})\] server reached pm\.max_children setting \((?P<limit>\d{1,9})\)",
        loud=False,
    ),
    _shape(
        "PHP-FPM",
        LogKind.WORKERS,
        "seems busy (you may need",
        r"\[pool (?P<subject>[\w.-]{1,60})\] seems busy \(you may need to increase pm\.start_servers[^)\n]{0,80}\), spawning \d{1,9} child(?:ren)?, there are (?P<idle>0) idle, and (?P<total>\d{1,9}) total",
        loud=False,
    ),
    _shape(
        "PHP-FPM",
        LogKind.SLOW_REQUEST,
        "executing too slow (",
        r"\[pool [\w.-]{1,60}\] child (?P<process>\d{1,10}), script '(?P<subject>[^'\n]{1,300})' \(request: \"[^\"\n]{0,2000}\"\) execut(?:ing too slow|ion timed out) \((?P<s>\d{1,9}\.\d{1,6}) sec\)",
        loud=False,
    ),
    _shape("Apache httpd", LogKind.THREADS, "server reached", r"server reached (?:MaxRequestWorkers|MaxClients) setting", loud=False),
    _shape(
        "nginx",
        LogKind.RETURNED,
        "worker_connections are not enough while",
        # Who asks and who is asked are one address, and the port is the one that the request itself came in on, as its Host says. A Host without a port
        # may be one of https: there the protocol tells, which is that of a proxy and of hardly anybody else.
        r"(?P<limit>\d{1,9}) worker_connections are not enough while connecting to upstream, client: (\d{1,3}(?:\.\d{1,3}){3}),[^\n]{0,2000}?"
        r"(?: HTTP/1\.0\", upstream: \"http://\2:80/[^\"\n]{0,2000}\", host: \"[^\":\n]{1,200}"
        r"|upstream: \"http://\2:(\d{1,5})/[^\"\n]{0,2000}\", host: \"[^\":\n]{1,200}:\3)\"",
        loud=False,
    ),
    _shape(
        "nginx", LogKind.SLOTS, "worker_connections are not enough", r"(?P<limit>\d{1,9}) worker_connections are not enough", loud=False
    ),
    _shape(
        "JVM",
        LogKind.CONNECT_TIMEOUT,
        "imed out",
        rf"(?:SocketTimeoutException: [cC]onnect timed out|ConnectException: Connection timed out|ConnectTimeoutException: (?:Connect to {_HOST}[^\n]{{0,200}}?(?:timed out|failed)|connection timed out)|HttpConnectTimeoutException: HTTP connect timed out)",
    ),
    _shape("program", LogKind.CONNECT_TIMEOUT, "i/o timeout", rf"dial tcp {_HOST}: i/o timeout"),
    _shape("program", LogKind.READ_TIMEOUT, "i/o timeout", rf"read tcp [^\s\"]{{3,60}}->{_HOST}: i/o timeout"),
    _shape("program", LogKind.READ_TIMEOUT, "Client.Timeout exceeded", r"Client\.Timeout (?:exceeded|or context cancellation) while"),
    _shape(
        "JVM",
        LogKind.READ_TIMEOUT,
        "imed out",
        r"SocketTimeoutException: (?:Read timed out|timeout|[\d,.]{1,12} milliseconds timeout on connection)|HttpTimeoutException: request timed out|: Read timed out\b",
    ),
    _shape(
        "JVM",
        LogKind.READ_TIMEOUT,
        "imeout",
        r"SocketTimeoutException: (?:timeout|[\d,.]{1,12} ?(?:milliseconds|MILLISECONDS))|\bReadTimeoutException\b|\bReadTimeout\(|ReadTimeoutError\(",
    ),
    _shape(
        "program",
        LogKind.REFUSED,
        "efused",
        rf"(?:(?:ConnectException|HttpHostConnectException): (?:Connect to {_HOST}[^\n]{{0,200}}?)?[^\n\"]{{0,80}}?[cC]onnection refused|dial tcp [^\s\"]{{3,60}}: connect: connection refused|connect ECONNREFUSED |ConnectionRefusedError: |Connection refused: (?:no further information: )?[\w.-]{{1,120}}[:/])",
    ),
    _shape(
        "program",
        LogKind.CONNECT_TIMEOUT,
        "ETIMEDOUT",
        rf"connect ETIMEDOUT {_HOST}",
    ),
    _shape(
        "Cassandra driver",
        LogKind.READ_TIMEOUT,
        "imed out",
        r"OperationTimedOutException: \[/?(?P<subject>[\w.:-]{3,80})[^\]\n]{0,80}\] Timed out|DriverTimeoutException: Query timed out",
    ),
    _shape(
        "program",
        LogKind.ADDRESSES,
        "assign requested address",
        r"(?:NoRouteToHostException|BindException|ConnectException|Errno 99\]|dial tcp|connect\b)[^\n\"]{0,200}?[Cc]an(?:'t|not) assign requested address",
    ),
    _shape("program", LogKind.ADDRESSES, "EADDRNOTAVAIL", rf"\bconnect EADDRNOTAVAIL\b(?: {_HOST})?"),
    _shape(
        "Windows",
        LogKind.ADDRESSES,
        "phemeral port number",
        r"request to allocate an ephemeral port number from the global (?:TCP|UDP) port space has failed",
    ),
    _shape(
        "Hazelcast",
        LogKind.READ_TIMEOUT,
        "OperationTimeoutException: ",
        r"OperationTimeoutException: \w{3,80} invocation failed to complete due to (?:operation-heartbeat-timeout|call-timeout)[^\n]{0,2500}?\btarget=\[?(?P<subject>[\w.:-]{3,80}?)\]?(?::\d{1,5})?,",
    ),
    _shape(
        "Apache HttpClient 4",
        LogKind.POOL_EMPTY,
        "route allocated: ",
        r"Connection request: \[route: [^\n]{1,300}?route allocated: (?P<active>\d{1,6}) of (?P<total>(?P=active));",
        loud=False,
    ),
    _shape(
        "Windows",
        LogKind.ADDRESSES,
        "local endpoint was recently used",
        r"outgoing connection because the selected local endpoint was recently used to connect to the same remote endpoint",
    ),
    _shape(
        "program",
        LogKind.ADDRESSES,
        "Only one usage of each socket address",
        rf"(?:dial tcp {_HOST}: connectex|TCP Provider, error: \d{{1,9}} -|establish(?:ing)? a connection[^\n]{{0,200}}?:)\s?Only one usage of each socket address",
    ),
    _shape(
        "program",
        LogKind.ADDRESSES,
        "is normally permitted",
        rf"Only one usage of each socket address \([^()\n]{{1,80}}\) is normally permitted[.:]? \(?{_HOST}",
    ),
    _shape("program", LogKind.ADDRESSES, "(10048)", rf"SocketException \(10048\)(?:[^\n]{{0,160}}? {_HOST})?"),
    _shape("gunicorn", LogKind.WORKER_ENDED, "WORKER TIMEOUT (pid:", r"WORKER TIMEOUT \(pid:(?P<process>\d{1,10})\)", loud=False),
    _shape("program", LogKind.REFUSED, "ECONNREFUSED", rf"connect ECONNREFUSED {_HOST}"),
)
