"""Numbers that a command counted: what the command says of columns, state, port and process."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import Counted, Limit, ProcessRow, Record, Setting, SocketRow, Tally
from parsers.text.apart import apart_in_words
from parsers.text.pipelines import pipeline
from parsers.text.source import Source


def records_of(text: str, unread: int = 0) -> list[Record]:
    source = Source("x.txt", text.encode())
    found = outputs(source)
    assert sum(gap.lines for output in found for gap in output.parsed.unread) == unread
    return [record for output in found for record in output.parsed.records]


def tallies(text: str, unread: int = 0) -> list[Tally]:
    return [record for record in records_of(text, unread) if isinstance(record, Tally)]


@pytest.mark.parametrize(
    ("command", "row", "expected"),
    [
        ("netstat -tan | awk '{print $4, $6}' | sort | uniq -c", "  77 10.1.0.4:8443 CLOSE_WAIT", ("10.1.0.4:8443", None, "CLOSE_WAIT")),
        ("netstat -tan | awk '{print $5, $6}' | sort | uniq -c", "  77 10.1.0.4:8443 CLOSE_WAIT", (None, "10.1.0.4:8443", "CLOSE_WAIT")),
        ("netstat -tan | awk '{print $6\" \"$5}' | sort | uniq -c", "  77 CLOSE_WAIT 10.1.0.4:8443", (None, "10.1.0.4:8443", "CLOSE_WAIT")),
        ("ss -tan | awk '{print $1, $4, $5}' | sort | uniq -c", "  77 CLOSE-WAIT 10.1.0.4:8443 x.x.x.x", ("10.1.0.4:8443", "x.x.x.x:*", "CLOSE_WAIT")),
        ("ss -tan state close-wait | awk '{print $4}' | sort | uniq -c", "  77 10.1.0.4:8443", (None, "10.1.0.4:8443", "CLOSE_WAIT")),
        ("ss -tan state close-wait | awk '{print $3}' | sort | uniq -c", "  77 10.1.0.4:8443", ("10.1.0.4:8443", None, "CLOSE_WAIT")),
        ("ss -an state close-wait | awk '{print $5}' | sort | uniq -c", "  77 10.1.0.4:8443", (None, "10.1.0.4:8443", "CLOSE_WAIT")),
        ("netstat -tan | grep CLOSE_WAIT | awk '{print $5}' | cut -d: -f1 | sort | uniq -c", "  77 10.1.0.4", (None, "10.1.0.4:*", "CLOSE_WAIT")),
        ("netstat -an -P tcp | awk '{print $2, $7}' | sort | uniq -c", "  77 10.1.0.4.8443 CLOSE_WAIT", (None, "10.1.0.4:8443", "CLOSE_WAIT")),
        (
            "lsof -p 77 -a -i -nP | awk '{print $8\" \"$9\" \"$10}' | sed 's/:[0-9]*->/->/' | sort | uniq -c",
            "  77 TCP 10.1.0.4->10.1.0.9:8443 (CLOSE_WAIT)",
            ("10.1.0.4:*", "10.1.0.9:8443", "CLOSE_WAIT"),
        ),
        ("netstat -tan | tr -s ' ' | cut -d' ' -f4,6 | sort | uniq -c", "  77 10.1.0.4:8443 CLOSE_WAIT", ("10.1.0.4:8443", None, "CLOSE_WAIT")),
        ("Get-NetTCPConnection | Group-Object State,RemoteAddress", "   77 CloseWait, 10.1.0.4      {MSFT_NetTCPConnection}", (None, "10.1.0.4:*", "CLOSE_WAIT")),
    ],
)  # fmt: skip
def test_the_command_says_what_a_column_is(command: str, row: str, expected: tuple[str | None, str | None, str]) -> None:
    (tally,) = tallies(f"$ {command}\n{row}\n" if not command.startswith("Get") else f"{command}\n{row}\n")
    ends = tuple(str(end) if end is not None else None for end in (tally.local, tally.remote))
    assert (*ends, tally.state) == expected
    assert tally.count == 77
    assert tally.what is Counted.SOCKETS


@pytest.mark.parametrize(
    ("command", "pid", "process", "port"),
    [
        ("lsof -nP -p 881 | grep -c CLOSE_WAIT", 881, None, None),
        ("netstat -tnp | grep 881/relay | grep -c CLOSE_WAIT", 881, "relay", None),
        ("netstat -tanp | grep relay | grep CLOSE_WAIT | wc -l", None, "relay", None),
        ("netstat -tanp | grep 88112 | grep CLOSE_WAIT | wc -l", 88112, None, None),
        ("netstat -tan | grep ':9301 ' | grep -c CLOSE_WAIT", None, None, 9301),
        ("netstat -tan | grep 9301 | grep -c CLOSE_WAIT", None, None, 9301),
        ('netstat -an | findstr :9301 | findstr CLOSE_WAIT | find /c "TCP"', None, None, 9301),
    ],
)  # fmt: skip
def test_whose_sockets_a_number_counts(command: str, pid: int | None, process: str | None, port: int | None) -> None:
    (tally,) = tallies(f"$ {command}\n640\n")
    assert (tally.pid, tally.process, tally.end.port if tally.end else None) == (pid, process, port)
    assert (tally.count, tally.state) == (640, "CLOSE_WAIT")


def test_a_filter_of_ss_names_the_side() -> None:
    (tally,) = tallies("$ ss -tn state close-wait '( sport = :9301 )' | wc -l\n640\n")
    assert str(tally.local) == "*:9301"


def test_what_is_left_out_is_not_counted() -> None:
    line = pipeline("netstat -tan | grep -v LISTEN | grep -c 9301")
    assert line is not None
    assert line.state is None


def test_a_number_is_a_port_where_an_end_has_it() -> None:
    rows = "   20 10.1.0.4:9301 CLOSE_WAIT\n    3 10.1.0.4:9301 ESTABLISHED\n"
    found = tallies(f"$ netstat -tanp | grep 9301 | awk '{{print $4, $6}}' | sort | uniq -c\n{rows}")
    assert [one.pid for one in found] == [None, None]


def test_rounds_of_a_loop_are_readings() -> None:
    found = tallies("$ while true; do lsof -p 77 | grep -c CLOSE_WAIT; sleep 30; done\n310\n322\n335\n")
    assert [one.count for one in found] == [310, 322, 335]
    assert {one.apart for one in found} == {30.0}
    assert len({one.listing for one in found}) == 3


def test_rows_below_counted_addresses_are_an_output_of_their_own() -> None:
    text = (
        "$ ss -tn state close-wait | awk '{print $4}' | sort | uniq -c\n     12 10.1.0.9:8983\n\nand the listener:\n\n"
        "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\nLISTEN     0      128          0.0.0.0:8443       0.0.0.0:*\n"
    )
    found = records_of(text, unread=1)
    assert [type(one) for one in found] == [Tally, SocketRow]


def test_a_command_without_its_prompt_counts_too() -> None:
    found = tallies(
        "We ran this:\n\nnetstat -an | awk '/^tcp/ {print $6}' | sort | uniq -c\n    300 CLOSE_WAIT\n      2 LISTEN\n", unread=1
    )
    assert [(one.state, one.count) for one in found] == [("CLOSE_WAIT", 300), ("LISTEN", 2)]
    assert all(one.command is not None for one in found)


def test_descriptors_by_target() -> None:
    found = tallies("# ls -l /proc/55/fd | awk '{print $NF}' | sort | uniq -c | sort -rn\n   900 /srv/log/audit.log\n    20 socket:\n")
    assert [(one.what, one.count, one.name, one.pid) for one in found] == [
        (Counted.DESCRIPTORS, 900, "/srv/log/audit.log", 55),
        (Counted.DESCRIPTORS, 20, "socket:", 55),
    ]


def test_threads_by_name() -> None:
    found = tallies("$ grep '^\"' td.txt | cut -d'\"' -f2 | sed 's/[0-9]*$//' | sort | uniq -c\n   812 mailer-\n    12 http-\n")
    assert [(one.what, one.count, one.name) for one in found] == [(Counted.THREADS, 812, "mailer-"), (Counted.THREADS, 12, "http-")]


def test_tracked_connections() -> None:
    found = tallies("# conntrack -L | awk '{print $1,$4}' | sort | uniq -c\n   7000 tcp TIME_WAIT\n     30 udp src=10.1.0.2\n")
    assert [(one.what, one.count, one.state, one.name) for one in found] == [
        (Counted.TRACKED, 7000, "TIME_WAIT", None),
        (Counted.TRACKED, 30, None, "udp src=10.1.0.2"),
    ]


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("net.ipv4.ip_local_port_range = 20000\t20999\n", "net.ipv4.ip_local_port_range", (20000, 20999)),
        ("$ cat /proc/sys/net/ipv4/ip_local_port_range\n20000\t20999\n", "net.ipv4.ip_local_port_range", (20000, 20999)),
        ("$ sysctl -n net.netfilter.nf_conntrack_max\n4096\n", "net.netfilter.nf_conntrack_max", (4096,)),
        ("$ ulimit -u\n900\n", "ulimit -u", (900,)),
        ("net.inet.ip.portrange.first: 10000\n", "net.inet.ip.portrange.first", (10000,)),
        (
            "Protocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n",
            "dynamicport",
            (49152, 65535),
        ),
    ],
)
def test_settings(text: str, name: str, values: tuple[int, ...]) -> None:
    (setting,) = (record for record in records_of(text) if isinstance(record, Setting))
    assert (setting.name, setting.values) == (name, values)


def test_a_configuration_alone_is_no_setting_of_a_trouble() -> None:
    assert not records_of("net.ipv4.tcp_fin_timeout = 30\nnet.core.somaxconn = 1024\n", unread=2)


def test_pfiles_names_the_process_and_its_limit() -> None:
    text = (
        "2207:   /opt/relay/bin/relayd -f /etc/relayd.conf\n  Current rlimit: 256 file descriptors\n"
        "   0: S_IFCHR mode:0666 dev:302,0 ino:6815752 uid:0 gid:3 rdev:13,2\n      O_RDWR\n"
        "   4: S_IFSOCK mode:0666 dev:309,0 ino:18311 uid:0 gid:0 size:0\n      O_RDWR|O_NONBLOCK\n        SOCK_STREAM\n"
        "        sockname: AF_INET 10.0.0.26  port: 7070\n"
    )
    found = records_of(text)
    assert [one.soft for one in found if isinstance(one, Limit)] == [256]
    assert [one.command for one in found if isinstance(one, ProcessRow)] == ["/opt/relay/bin/relayd -f /etc/relayd.conf"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("The same an hour before:", (True, 3600.0)),
        ("10 minutes later:", (False, 600.0)),
        ("half an hour ago it was", (True, 1800.0)),
        ("and this is the count from yesterday", (True, 0.0)),
        ("Here is the output", None),
    ],
)
def test_the_words_above_say_when(words: str, expected: tuple[bool, float] | None) -> None:
    assert apart_in_words([words, "", "  20 CLOSE_WAIT"], 2) == expected


@pytest.mark.parametrize("sign", ["'", '"', "|", "\\", "$(", "grep -c ", "awk '{print $1", "uniq -c "])
def test_hostile_commands_are_taken_apart_in_no_time(sign: str) -> None:
    for text in (sign * 4000, f"netstat -an | grep {sign * 3000} | uniq -c"):
        pipeline(text)
        for section, _, parsed in outputs(Source("x.txt", f"$ {text}\n 12 CLOSE_WAIT\n".encode())):
            assert parsed.read + sum(gap.lines for gap in parsed.unread) == section.nonblank


def test_columns_that_name_processes_are_read_where_all_are_known() -> None:
    found = tallies("# sockstat -4 -s -P tcp | awk '{print $2,$NF}' | sort | uniq -c\n 404 relayd CLOSE_WAIT\n  12 php-fpm LISTEN\n")
    assert [(one.process, one.state, one.count) for one in found] == [("relayd", "CLOSE_WAIT", 404), ("php-fpm", "LISTEN", 12)]
    (owner,) = tallies("# lsof -i -nP | grep CLOSE_WAIT | awk '{print $1,$2}' | sort | uniq -c\n   5120 celery 3312\n")
    assert (owner.process, owner.pid, owner.state) == ("celery", 3312, "CLOSE_WAIT")


def test_a_row_that_does_not_fit_its_columns_is_no_count() -> None:
    assert not tallies("# sockstat -4 -s | awk '{print $2,$NF}' | sort | uniq -c\n 404 relayd 7\n", unread=1)


def test_descriptors_by_the_type_that_lsof_prints() -> None:
    found = tallies("$ lsof -nP -p 20417 | awk '{print $5}' | sort | uniq -c\n  650 IPv4\n   21 REG\n")
    assert [(one.what, one.name, one.pid) for one in found] == [(Counted.DESCRIPTORS, "IPv4", 20417), (Counted.DESCRIPTORS, "REG", 20417)]


def test_an_address_that_was_looked_for_is_an_end() -> None:
    (tally,) = tallies("$ netstat -an | grep 10.20.0.9:1521 | grep -c CLOSE_WAIT\n110\n")
    assert str(tally.end) == "10.20.0.9:1521"
    (far,) = tallies("$ ss -tn state close-wait dst 10.20.0.9 | wc -l\n110\n")
    assert str(far.remote) == "10.20.0.9:*"
