"""Words of the code's own values that readers see, and remarks of the parsers: what the catalogues translate besides sentences."""

from __future__ import annotations

from typing import Final

LABELS: Final = (
    # verdicts, severities, confidences
    *("healthy", "not enough evidence", "critical", "warning", "info", "certain", "likely", "suspected"),
    # comparisons
    *(
        "fixed",
        "better",
        "same",
        "worse",
        "cannot be compared",
        "first",
        "second",
        "threads",
        "packets",
        "found",
        "clean",
        "skipped",
        "fault",
    ),
    # histories
    *("new", "returned", "known", "gone"),
    # small numbers at the beginning of a sentence
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    # ends of a connection, and what a pool does with a socket
    *("client", "server", "serves", "calls", "holds", "queued"),
    # what a link rests on
    *("descriptor", "name", "unique", "pool-port", "frame-port", "count"),
    # what threads wait for or do
    *(
        "accept",
        "call",
        "completable-future",
        "condition",
        "connection-latch",
        "dns",
        "file-io",
        "future",
        "idle",
        "join",
        "latch",
        "lease",
    ),
    *("lock", "monitor", "none", "object-wait", "park", "queue", "reserved", "running", "select", "semaphore", "sleep", "socket"),
    *("socket-connect", "socket-read", "socket-write", "waiting"),
    # lists that the copy inside the page cuts
    *("links", "waits", "flows", "sockets", "pools", "inputs", "checked", "missing", "notes", "known_issues"),
)
"""In lower case, as the code has them."""

REMARKS: Final = (
    "empty",
    "no format that is known",
    "not part of the thread dump",
    "no line of a thread dump",
    "no line of the agent's dump",
    "no line of a javacore",
    "no line of JRockit's dump",
    "no line of a thread file",
    "no line of date, uptime or uname",
    "no line of strace",
    "no line of goroutines",
    "no line of a native stack",
    "no line of a Python stack",
    "no line of a Ruby stack",
    "no line of a slow log",
    "no netstat row",
    "no lsof row",
    "no field of lsof",
    "no row of lsfd",
    "no row of a manifest",
    "no row of ps",
    "no row of top",
    "no row of /proc/net",
    "no field of /proc/PID/status",
    "no link of a descriptor",
    "no message of an attaching tool",
    "no thread's system call",
    "an address or state that netstat does not print",
    "an address that netstat does not print",
    "settings of this analysis, not evidence",
    "a link that leads to nothing",
    "a link to another file of the folder, which is read",
    "the system's inventory; not looked into",
    "of a support bundle, and of no known format",
    "no line of an event",
    "no line of hot threads",
    "no connection",
    "a link that leads out of the folder; not followed",
    "no regular file; not opened",
    "not a text file",
    "holds no packets",
    "encrypted; not read",
    "unpacks to far more than a text file would; not read",
    "an archive inside an archive inside an archive; not opened",
    "it unpacks to far more than a capture would",
    "the packed data end in the middle",
    "the last record is cut short",
    "ends within the header of the capture",
    "{n} packets cut to the snap length",
    "the capturing machine lost {n} packets",
    "{n} packets captured twice, counted once",
    "{n} packets fragmented; only first fragments are read",
    "{n} packets inside a tunnel, not opened",
    "{n} packets captured too short for their headers",
    "{n} packets with headers that contradict themselves",
    "{n} packets of a rare link type, read by scapy's dissectors",
    "{n} packets of an interface that the file does not describe",
    "{n} packets without a time",
    "{n} flows that ended well and show nothing were counted and let go",
    "{n} attempts to connect without an answer were counted and let go",
    "{n} flows that were silent longest were let go",
)
"""What a file or a line of it was found to be; ``{n}`` is a number, ``packets`` also stands for one."""
