"""Decoding, numbering of lines, and cutting a paste into outputs."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from parsers import HEAD_LINES, recognise, sections
from parsers.records import Elision, Where
from parsers.text.patterns import lazy
from parsers.text.shapes import Shapes
from parsers.text.source import LONGEST, Section, Source, decode, is_binary, leftovers

SESSION = """\
[root@app01 ~]# lsof -i:8080
COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME
java    27836   tomcat 1712r  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)
...
[root@app01 ~]# netstat -tonp
tcp        1      0 10.0.0.26:8080          10.0.0.150:16011        CLOSE_WAIT  27836/java          keepalive (7196.98/0/0)

[root@app01 ~]# date
Mon Nov 23 12:27:08 UTC 2026
"""


def outputs(text: str) -> list[tuple[str | None, int, list[str], str | None]]:
    """Format, first line, lines and prompt of every section."""
    cut = sections(Source("paste.txt", text.encode()))
    return [(form.NAME if (form := recognise(section)) else None, section.first, list(section.lines), section.prompt) for section in cut]


@pytest.mark.parametrize(
    "data",
    [
        "a\nüb".encode(),
        b"\xef\xbb\xbf" + "a\nüb".encode(),
        "a\nüb".encode("cp1252"),
        b"\xff\xfe" + "a\nüb".encode("utf-16-le"),
        b"\xfe\xff" + "a\nüb".encode("utf-16-be"),
        "a\r\nüb\r\n".encode("utf-16-le"),
        "a\r\nüb\r\n".encode("utf-16-be"),
        b"a\r\n\xfcb\r\n",
    ],
)
def test_encodings(data: bytes) -> None:
    assert Source("x", data).lines == ["a", "üb"]


def test_a_character_that_the_end_cuts() -> None:
    assert decode("abc€".encode()[:-1]) == "abc�"


def test_only_line_feeds_end_a_line() -> None:
    assert Source("x", "a\x0cb\u2028c\vd\ne".encode()).lines == ["a\x0cb\u2028c\vd", "e"]


def test_nothing() -> None:
    source = Source("x", b"")
    assert (source.lines, sections(source)) == ([], [])


def test_size_and_hash_are_of_the_bytes() -> None:
    source = Source("x", b"\xef\xbb\xbfa")
    assert source.size == 4
    assert source.sha256 == sha256(b"\xef\xbb\xbfa").hexdigest()


def test_excerpt() -> None:
    source = Source("x", b"1\n2\n3\n4\n5\n6\n7\n")
    assert source.excerpt(Where("x", 2, 3)) == ("2", "3")
    assert source.excerpt(Where("x", 2, 6)) == ("2", "3", "4", "5", "6")
    assert source.excerpt(Where("x", 1, 7)) == ("1", "…", "5", "6", "7")
    indented = Source("x", b"a\n    b\n    c\n    d\n    e\n    f\n    g\n")
    assert indented.excerpt(Where("x", 2, 7)) == ("    b", "    …", "    e", "    f", "    g")


@pytest.mark.parametrize(
    ("data", "binary"), [(b"text", False), (b"\x7fELF\0\0\0\1\2", True), ("text".encode("utf-16-le"), False), (b"\xff\xfea\0", False)]
)
def test_binary(data: bytes, *, binary: bool) -> None:
    assert is_binary(data) is binary


def test_a_session_with_prompts() -> None:
    assert [(name, first, len(lines), prompt) for name, first, lines, prompt in outputs(SESSION)] == [
        ("lsof", 2, 3, "lsof -i:8080"),
        ("netstat", 6, 2, "netstat -tonp"),
        ("host_facts", 9, 1, "date"),
    ]


def test_dots_are_an_elision() -> None:
    first, *_ = sections(Source("paste.txt", SESSION.encode()))
    form = recognise(first)
    assert form
    assert [record.where.first for record in form.parse(first).records if isinstance(record, Elision)] == [4]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("```", "```"), ("~~~ bash", "~~~"), ("{code:java}", "{code}"), ("{% highlight bash %}", "{% endhighlight %}"), ("<pre>", "</pre>")],
)
def test_fences(opening: str, closing: str) -> None:
    row = "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234"
    text = f"We saw this:\n{opening}\n{row}\n{closing}\nand nothing else.\n"
    assert [(name, lines) for name, _, lines, _ in outputs(text)] == [
        (None, ["We saw this:"]),
        ("ss", [row]),
        (None, ["and nothing else."]),
    ]


def test_a_prompt_inside_a_fence() -> None:
    text = "```\n$ ss -tan state close-wait\n19     0   127.0.0.1:45200  127.0.0.1:52310 \n```\n"
    assert [(first, prompt) for _, first, _, prompt in outputs(text)] == [(3, "ss -tan state close-wait")]


def test_a_warning_below_a_prompt_stays_with_its_output() -> None:
    text = "$ sudo lsof -nP -i\nlsof: WARNING: can't stat() fuse file system /run/user/1000/doc\nCOMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME\n"
    assert [(name, first, len(lines)) for name, first, lines, _ in outputs(text)] == [("lsof", 2, 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "netstat",
            (
                "(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n"
                "Active Internet connections (w/o servers)\n"
            ),
        ),
        ("netstat", '(No info could be read for "-p": geteuid()=33 but you should be root.)\nActive Internet connections (w/o servers)\n'),
        (
            "lsof",
            "lsof: WARNING: can't stat() x\n      Output information may be incomplete.\nCOMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME\n",
        ),
    ],
)
def test_complaints_above_a_header_belong_to_it(name: str, text: str) -> None:
    (found,) = outputs("\n" + text)
    assert (found[0], found[1], len(found[2])) == (name, 2, text.count("\n"))


def test_outputs_without_anything_between_them() -> None:
    lines = [
        "top - 12:27:05 up 23 min,  0 user,  load average: 1.36, 1.83, 1.18",
        "Active Internet connections (w/o servers)",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State",
        "tcp        1      0 10.0.0.26:8080          10.0.0.150:16011        CLOSE_WAIT",
        "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234",
        "java    27836   tomcat 1712r  IPv4 844147418      0t0  TCP 10.0.0.26:8080->10.0.0.149:60494 (CLOSE_WAIT)",
        "Max open files            4096                 4096                 files     ",
        "TcpExtListenOverflows           152                0.0",
        "lr-x------ 1 root root 64 Nov 23 12:26 0 -> /dev/null",
        "   1: 0100007F:80F8 0100007F:94CA 06 00000000:00000000 03:00001532 00000000     0        0 0 3 0000000069da8af2",
        '"main" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable',
    ]
    assert [(name, first) for name, first, _, _ in outputs("\n".join(lines))] == [
        ("top", 1),
        ("netstat", 2),
        ("ss", 5),
        ("lsof", 6),
        ("limits", 7),
        ("counters", 8),
        ("proc_fd", 9),
        ("proc_net", 10),
        ("hotspot", 11),
    ]


def test_a_filtered_ss_table_is_not_cut_as_netstat() -> None:
    text = "Netid Recv-Q Send-Q       Local Address:Port        Peer Address:Port Process\ntcp   19     0  127.0.0.1:45200  127.0.0.1:52310 timer:(keepalive,119min,0)\n"
    assert [(name, len(lines)) for name, _, lines, _ in outputs(text)] == [("ss", 2)]


def test_a_header_far_down_is_found() -> None:
    noise = [f"noise {number}" for number in range(3 * HEAD_LINES)]
    text = "\n".join([*noise, "COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME", *noise])
    assert [(name, first) for name, first, _, _ in outputs(text)] == [(None, 1), ("lsof", 3 * HEAD_LINES + 1)]


def test_lines_too_long_for_any_tool_are_unread() -> None:
    row = "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234 "
    section = Section("ss.txt", 1, [row, row + " " * LONGEST, row])
    form = recognise(section)
    assert form
    parsed = form.parse(section)
    assert ([record.where.first for record in parsed.records], [gap.where.first for gap in parsed.unread]) == ([1, 3], [2])


def test_an_output_may_begin_where_a_header_ends() -> None:
    shapes = Shapes({"first": ("A\n", "a"), "second": ("B", "b")})
    assert list(shapes.starts("A\nB", 0, 3)) == [0, 2]


def test_a_row_begins_an_output_only_below_another_one() -> None:
    shapes = Shapes({"first": ("A", "a"), "second": ("B", "b")})
    assert list(shapes.starts("a\na\nb\nb\na\nA\nA\n", 0, 14)) == [0, 4, 8, 10, 12]


def test_neighbours_with_one_reason_are_one_gap() -> None:
    section = Section("x", 10, ["a", "b", "", "c", "[...]", "d"])
    gaps, elisions = leftovers(section, [(0, "odd"), (1, "odd"), (3, "odd"), (4, "odd"), (5, "other")])
    assert [(gap.where.first, gap.where.last, gap.lines, gap.why) for gap in gaps] == [
        (10, 11, 2, "odd"),
        (13, 13, 1, "odd"),
        (15, 15, 1, "other"),
    ]
    assert [elision.where.first for elision in elisions] == [14]


def test_a_hundred_thousand_blank_lines_are_cut_in_one_go() -> None:
    """Counted, not timed: a cut that looks at every blank line from every blank line would not come back."""
    (section,) = sections(Source("x.txt", b"nothing\n" + b"\n" * 200_000))
    assert section.nonblank == 1


def test_a_lazy_pattern_is_compiled_at_its_first_use_and_is_then_the_pattern() -> None:
    broken, whole = lazy("("), lazy(r"(?P<word>\w+)", re.IGNORECASE)
    take = whole.match
    assert (match := take("Till 4")) is not None
    assert match["word"] == "Till"
    assert whole.pattern == r"(?P<word>\w+)"
    assert [one[0] for one in whole.finditer("a b")] == ["a", "b"]
    with pytest.raises(re.error):
        broken.match("x")
