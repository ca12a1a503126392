"""Evidence as people copy it: two disguises around any sample change nothing that is read."""

from __future__ import annotations

import html
import json
import random
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from parsers import outputs
from parsers.records import JavaState, LockVerb, ThreadDump
from parsers.text.source import Source
from tests.parsers.test_every_sample import FILES, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LONGEST = 160
"""Lines of a sample that are copied: as many as anybody pastes."""


def before(*texts: str) -> Callable[[Sequence[str]], list[str]]:
    """Something in front of each line; ``{n}`` is the line's number."""
    return lambda lines: [texts[number % len(texts)].format(n=number + 311) + line for number, line in enumerate(lines)]


def clock(text: str) -> Callable[[Sequence[str]], list[str]]:
    """A time in front of each line, some milliseconds later from line to line."""
    return lambda lines: [
        text.format(s=f"{number // 40 % 60:02}", f=f"{number * 25 % 1000:03}") + line for number, line in enumerate(lines)
    ]


DISGUISES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "kubectl --timestamps": clock("2026-11-28T09:14:{s}.{f}456789Z "),
    "kubectl --prefix": before("[pod/shop-5d8f7c9b4-x2x9k/app] "),
    "cri": clock("2026-11-28T09:14:{s}.{f}456789+09:00 stdout F "),
    "docker compose": before("shop-1  | "),
    "docker json": lambda lines: [json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-11-28T09:14:00Z"}) for line in lines],
    "journald": clock("Nov 28 09:14:{s} app01 java[1493]: "),
    "log4j": clock("2026-11-28 09:14:{s},{f} INFO  [stdout] (main) "),
    "levels": before("INFO | jvm 1 | ", "ERROR | jvm 1 | "),
    "grep -n": before("{n}:"),
    "grep of files": before("dump.txt:{n}:"),
    "editor": before("{n:>6}  "),
    "mail": before("> "),
    "mail twice": before("> > "),
    "four blanks": before("    "),
    "bullets": before("- "),
    "html": lambda lines: [html.escape(line) for line in lines],
    "colours": lambda lines: [f"\x1b[0m{line}\x1b[K" for line in lines],
    "notes": lambda lines: [
        f"{line}   <-- see this one" if number % 5 == 3 and line.strip() else line for number, line in enumerate(lines)
    ],
    "curly quotes": lambda lines: [line.replace('"', "”") for line in lines],
    "no-break spaces": lambda lines: [line.replace("  ", "\N{NO-BREAK SPACE} ") for line in lines],
    "tabs": lambda lines: [line.expandtabs() for line in lines],
    "carriage returns": lambda lines: [line + "\r\r" for line in lines],
    "fence": lambda lines: ["```", *lines[:-2], "```"] if len(lines) > 2 else list(lines),
}


def records(lines: Sequence[str]) -> list[tuple[str, str]]:
    """What is read, without places and raw whitespace."""
    found = []
    for output in outputs(Source("x.txt", "\n".join(lines).encode())):
        for record in output.parsed.records:
            kind = type(record).__name__
            if isinstance(record, ThreadDump):
                found += [
                    (
                        kind,
                        str(
                            (
                                thread.name,
                                thread.native_id,
                                thread.state,
                                list(map(str, thread.frames)),
                                [(lock.verb, lock.address) for lock in thread.locks],
                            )
                        ),
                    )
                    for thread in record.threads
                ]
                found += [(kind, str(one.entries)) for one in record.deadlocks]
                found.append((kind, f"{record.time} {record.vm} {record.pid} {record.fragment}"))
            else:
                fields = (f"{name}={getattr(record, name)}" for name in record.__struct_fields__ if name not in {"where", "listing"})
                found.append((kind, " ".join(fields)))
    return found


def _is_tried(path: Path) -> bool:
    """A part of the files, chosen by name, so that a new sample moves no other. Statements of session lists may hold a disguise's own signs."""
    statements = ("pg_", "blocking", "pgbouncer", "processlist", "innodb", "redis", "show_sess")
    name = "/".join(path.parts[-3:])
    # A prompt is taken off before anything is undone: with one in front, the lines are another output's.
    # What stands in front of a single line repeats nothing, and could be its own.
    several = len(lines_of(path)) > 1
    return several and crc32(name.encode()) % 7 == 0 and not path.name.startswith(statements) and not lines_of(path)[0].startswith("$ ")


@pytest.mark.parametrize("path", [path for path in FILES if _is_tried(path)], ids=lambda path: "-".join(path.parts[-2:]))
def test_two_disguises_change_nothing(path: Path) -> None:
    lines = lines_of(path)[:LONGEST]
    chance = random.Random("/".join(path.parts[-3:]))
    plain = records(lines)
    for _ in range(4):
        first, second = chance.sample(sorted(DISGUISES), 2)
        if second == "fence":
            first, second = second, first
        kept = lines if first != "fence" else lines[:-2] if len(lines) > 2 else lines
        expected = plain if kept is lines else records(kept)
        assert records(DISGUISES[second](DISGUISES[first](lines))) == expected, (first, second, str(path)[-50:])


PRINTED = """\
"web-1" #31 prio=5 os_prio=0 tid=0x00007f10d0a1f000 nid=0x251f waiting for monitor entry  [0x00007f108a1fd000]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat com.acme.shop.catalogue.cache.ReadThroughCache.getOrLoadFromRemote(ReadThroughCache.java:110)
\t- waiting to lock <0x00000000f0000010> (a com.acme.Cache)

"web-2" #32 prio=5 os_prio=0 tid=0x00007f10d0a20000 nid=0x2520 runnable  [0x00007f108a20d000]
   java.lang.Thread.State: RUNNABLE
\tat java.net.SocketInputStream.socketRead0(Native Method)
\tat com.acme.shop.catalogue.cache.ReadThroughCache.load(ReadThroughCache.java:140)
\t- locked <0x00000000f0000010> (a com.acme.Cache)
"""
DUMP = PRINTED.split("\n")
TABLE = [
    "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name",
    *(f"tcp6     {at}10      0 10.0.0.5:8080           10.0.0.9:4000{at}          CLOSE_WAIT  1493/java" for at in range(1, 6)),
]


def unread(lines: Sequence[str]) -> int:
    return sum(gap.lines for output in outputs(Source("x", "\n".join(lines).encode())) for gap in output.parsed.unread)


@pytest.mark.parametrize("lines", [DUMP, TABLE], ids=["dump", "table"])
@pytest.mark.parametrize("width", [72, 80, 100])
@pytest.mark.parametrize("words", [False, True], ids=["characters", "words"])
def test_lines_wrapped_at_a_width(lines: list[str], width: int, words: bool) -> None:
    wrapped = []
    for line in lines:
        rest = line.expandtabs()
        while len(rest) > width:
            end = width if not words else max(rest.rfind(" ", 12, width), 0) or (rest.find(" ", 12) if " " in rest[12:] else len(rest))
            wrapped.append(rest[:end])
            rest = rest[end:].lstrip() if words else rest[end:]
        wrapped.append(rest)
    assert records(wrapped) == records(lines)


def test_a_table_is_not_joined_with_what_stands_below_it() -> None:
    text = [*TABLE, "that is all I could save"]
    assert (records(text), unread(text)) == (records(TABLE), 1)


@pytest.mark.parametrize("breaks", ["<br>", "<br />", "<BR/>"])
def test_one_line_that_only_markup_tells_apart(breaks: str) -> None:
    assert records([breaks.join(html.escape(line) for line in DUMP)]) == records(DUMP)


def test_one_object_that_holds_the_whole_dump() -> None:
    text = json.dumps({"@timestamp": "2026-11-28T09:14:00Z", "level": "ERROR", "message": "\n".join(DUMP)})
    (output,) = outputs(source := Source("x", text.encode()))
    assert records([text]) == records(DUMP)
    assert source.lines[2] == DUMP[2]  # places are those of the unpacked lines
    assert output.section.where(2).first == 3


def test_a_sign_before_the_headers_alone() -> None:
    assert records([f"> {line}" if line.startswith('"') else line for line in DUMP]) == records(DUMP)


def test_context_lines_of_grep() -> None:
    assert records([f"{at}{':' if line.startswith(chr(34)) else '-'}{line}" for at, line in enumerate(DUMP, 90)]) == records(DUMP)


def test_places_are_those_of_the_file() -> None:
    (output,) = outputs(Source("x", "\n".join(["pasted from the chat:", *(f"> {line}" for line in DUMP)]).encode()))[1:]
    (dump,) = output.parsed.records
    assert isinstance(dump, ThreadDump)
    assert [thread.where.first for thread in dump.threads] == [2, 7]


def test_pieces_of_one_dump_in_several_fences() -> None:
    text = ["One waits:", "```", *DUMP[:5], "```", "and this one holds it:", "```", *DUMP[5:], "```"]
    found = [record for output in outputs(Source("x", "\n".join(text).encode())) for record in output.parsed.records]
    (dump,) = (record for record in found if isinstance(record, ThreadDump))
    assert [thread.name for thread in dump.threads] == ["web-1", "web-2"]


def test_one_thread_twice_is_two_moments() -> None:
    text = ["```", *DUMP[:5], "```", "a minute later:", "```", *DUMP[:5], "```"]
    found = [record for output in outputs(Source("x", "\n".join(text).encode())) for record in output.parsed.records]
    assert len([record for record in found if isinstance(record, ThreadDump)]) == 2


WRAPPED = """\
> "dock-1" prio=10 tid=0x00007f5f1c2a1000 nid=0x77a1 waiting for
> monitor entry [0x00007f5ef8efd000]
>    java.lang.Thread.State: BLOCKED (on object monitor)
>         at org.crate.Ledger.find(Ledger.java:81)
>         - waiting to lock <0x00000000e8fb2210> (a
> org.crate.Ledger)
>         at
> java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1145)
>
> "dock-3" prio=10 tid=0x00007f5f1c2a9800
> nid=0x77a3 waiting on
> condition [0x00007f5ef8cfb000]
>    java.lang.Thread.State: TIMED_WAITING (sleeping)
>         at java.lang.Thread.sleep(Native Method)
>         at org.crate.Ledger.copy(Ledger.java:154)
>         - locked
> <0x00000000e8fb2210> (a org.crate.Ledger)
"""


def test_lines_that_mail_wrapped_at_blanks_go_on_with_the_next() -> None:
    found = outputs(Source("mail.txt", f"Here are the two:\n\n{WRAPPED}\nThanks!\n".encode()))
    (dump,) = [record for output in found for record in output.parsed.records if isinstance(record, ThreadDump)]
    first, second = dump.threads
    assert (first.name, first.native_id, first.state) == ("dock-1", 0x77A1, JavaState.BLOCKED)
    assert [(lock.verb, lock.address) for lock in first.locks] == [(LockVerb.WAITING_TO_LOCK, "0x00000000e8fb2210")]
    assert first.frames[-1].call == "ThreadPoolExecutor.runWorker"
    assert (second.native_id, [(lock.verb, lock.cls) for lock in second.locks]) == (0x77A3, [(LockVerb.LOCKED, "org.crate.Ledger")])


def test_the_log_around_a_dump_stays_unread() -> None:
    log = [
        f"2026-11-28 09:14:0{at} ERROR java.lang.IllegalStateException: no\n2026-11-28 09:14:0{at} ERROR \tat com.acme.Other.run(Other.java:{at})"
        for at in range(9)
    ]
    text = "\n".join([*DUMP, *log, ""]).split("\n")
    assert (records(text), unread(text)) == (records(DUMP), 18)


@pytest.mark.parametrize(
    "line",
    ['"a" ' * 2000, "1 " * 4000, "[" * 8000, "> " * 4000, '{"log":' * 1000, "&lt;" * 2000, "<br" * 2500, "\x1b[" * 3000, " |" * 4000, "Nov 28 " * 1100, '"a" #1 tid' * 700, "0:" * 4000],
    ids=lambda line: line[:6],
)  # fmt: skip
def test_hostile_lines_are_left_alone(line: str) -> None:
    """As many times the work for as many times the lines: a pattern that goes back would never end here."""
    assert unread([line] * 60) == 60


ROWS = {
    "psql": " pid  | client_addr | client_port | state\n------+-------------+-------------+-------\n 7649 | 10.1.1.9    |       54182 | idle\n  641 | 10.1.1.9    |       54183 | active\n(2 rows)\n",
    "redis": "".join(
        f"id={n} addr=10.1.1.9:{50000 + n} laddr=10.1.1.2:6379 fd={n} name=till age=8 idle=8 flags=b db=0 cmd=blpop\n" for n in range(3, 7)
    ),
    "haproxy": "".join(
        f"0x55b34ddf99a{n}: proto=tcpv4 src=10.1.1.9:4808{n} fe=web be=app srv=<none> ts=00 age=9s calls=1\n" for n in range(4)
    ),
    "vertical": "".join(
        f"{'*' * 27} {n}. row {'*' * 27}\n     Id: {n}\n   User: till\n   Host: 10.1.1.9:4000{n}\nCommand: Sleep\n" for n in (1, 2)
    ),
    "ruby": '[{"name":"Thread: TID-a1","backtrace":["/srv/till/app.rb:9:in `read\'","/srv/till/app.rb:3:in `main\'"]}]\n',
}
"""Lists whose rows are so alike that a prefix is hard to tell from them."""


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "prefix",
    ["> ", "    ", "till-1  | ", "2026-05-04T03:02:01.{0:03}Z ", "May  4 03:02:{0:02} web-01 till[4105]: ", "12:0{0}:11 [x-{0}] INFO  - "],
)
def test_lists_keep_their_rows_behind_a_prefix(name: str, prefix: str) -> None:
    lines = ROWS[name].splitlines()
    assert records([f"{prefix.format(at)}{line}" for at, line in enumerate(lines)]) == records(lines)


@pytest.mark.parametrize("name", ROWS)
def test_blanks_at_the_end_are_nothing(name: str) -> None:
    lines = ROWS[name].splitlines()
    assert records([f"{line}  " for line in lines]) == records(lines)
    assert unread([f"{line}  " for line in lines]) == 0
