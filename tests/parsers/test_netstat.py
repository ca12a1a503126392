"""netstat: rows are read by shape, whatever options, locale and age of the tool."""

from __future__ import annotations

import pytest

from parsers import recognise, sections
from parsers.records import Endpoint, SocketRow, TcpState, TimerKind
from parsers.sockets import netstat
from parsers.text.source import Section, Source


def table(*lines: str) -> list[SocketRow]:
    parsed = netstat.parse(Section("netstat.txt", 1, lines))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, SocketRow)]


def row(line: str) -> SocketRow:
    (only,) = table(line)
    return only


def test_every_column() -> None:
    found = row(
        "tcp6      58      0 127.0.0.1:38090         127.0.0.1:33320         CLOSE_WAIT  0          173430     1493/java            keepalive (7194.90/0/3)"
    )
    assert (found.proto, found.state, found.recv_q, found.send_q) == ("tcp", TcpState.CLOSE_WAIT, 58, 0)
    assert (found.local, found.remote) == (Endpoint("127.0.0.1", 38090), Endpoint("127.0.0.1", 33320))
    assert (found.user, found.inode, found.pid) == ("0", 173430, 1493)
    assert found.owners
    assert found.owners[0].command == "java"
    assert found.timer
    assert (found.timer.kind, found.timer.remaining, found.timer.probes) == (TimerKind.KEEPALIVE, 7194.9, 3)


def test_recv_q_of_a_close_wait_counts_the_fin() -> None:
    assert row("tcp        1      0 10.0.0.5:8080           10.0.0.9:60494          CLOSE_WAIT  27836/java").recv_q == 1


def test_a_dash_says_nothing_of_the_owner() -> None:
    found = row(
        "tcp        5      0 127.0.0.1:45200         127.0.0.1:52348         ESTABLISHED 0          0          -                    off (0.00/0/0)"
    )
    assert found.owners is None
    assert found.inode == 0


def test_without_p_and_e_nothing_is_filled_in() -> None:
    found = row("tcp        0      0 127.0.0.1:45200         127.0.0.1:52348         ESTABLISHED")
    assert (found.owners, found.inode, found.user, found.timer) == (None, None, None, None)


def test_timer_directly_behind_the_state() -> None:
    found = row("tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          ESTABLISHED on (0.49/1/0)")
    assert found.timer
    assert (found.timer.kind, found.timer.retransmits) == (TimerKind.RETRANSMIT, 1)


def test_program_names_hold_blanks_and_slashes() -> None:
    found = row("tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      600/sshd: /usr/sbin   off (0.00/0/0)")
    assert found.owners
    assert found.owners[0].command == "sshd: /usr/sbin"


def test_listen_has_no_remote() -> None:
    found = row("tcp6       0      0 :::8080                 :::*                    LISTEN      1493/java")
    assert found.remote is None
    assert found.local.is_wildcard


@pytest.mark.parametrize("spelling", ["::ffff:10.0.0.9:60494", "10.0.0.9:60494"])
def test_v4_mapped_addresses_are_v4(spelling: str) -> None:
    assert row(f"tcp6       0      0 ::ffff:10.0.0.5:8080    {spelling}  ESTABLISHED").remote == Endpoint("10.0.0.9", 60494)


def test_a_truncated_address_is_marked() -> None:
    found = row("tcp6       0      0 2001:db8:85a3::8a2:8080 2001:db8:85a3:8d3:60494 CLOSE_WAIT")
    assert found.remote
    assert found.remote.truncated
    assert not found.local.truncated


def test_service_names() -> None:
    found = row("tcp        0      0 app01:webcache          db01:nosuchservice      ESTABLISHED -")
    assert found.local == Endpoint("app01", 8080)
    assert found.remote == Endpoint("db01", None, "nosuchservice")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("VERBUNDEN", "ESTABLISHED"),
        ("OUÇA", "LISTEN"),
        ("NASLOUCHÁ", "LISTEN"),
        ("ESPERANDO_FECHAR", "CLOSE_WAIT"),
        ("SYN_RECV", "SYN_RECV"),
    ],
)
def test_translated_states(word: str, state: str) -> None:
    assert row(f"tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          {word}   1/java").state == TcpState(state)


@pytest.mark.parametrize(
    ("printed", "kind"),
    [("aus (0,00/0/0)", TimerKind.OFF), ("eikäi ((0,00/0/0)", TimerKind.OFF), ("unkn-4 (5.42/0/3)", TimerKind.PROBE)],
)
def test_timers_of_other_locales_and_ages(printed: str, kind: TimerKind) -> None:
    timer = row(f"tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          CLOSE_WAIT  1/java               {printed}").timer
    assert timer
    assert timer.kind is kind


def test_udp_has_no_state() -> None:
    found = row("udp        0      0 127.0.0.1:45300         0.0.0.0:*                           10833/dnsmasq")
    assert (found.proto, found.state, found.pid) == ("udp", None, 10833)


def test_headers_remarks_and_unix_rows_are_read_and_give_no_row() -> None:
    assert (
        table(
            "(Not all processes could be identified, non-owned process info",
            " will not be shown, you would have to be root to see it all.)",
            "Active Internet connections (w/o servers)",
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer",
            "Active UNIX domain sockets (w/o servers)",
            "Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path",
            "unix  3      [ ]         STREAM     CONNECTED     1672     -                    ",
        )
        == []
    )


def test_a_state_that_does_not_exist_is_unread() -> None:
    parsed = netstat.parse(Section("netstat.txt", 7, ["tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          SLEEPING"]))
    assert parsed.records == ()
    assert [(gap.where.first, gap.lines) for gap in parsed.unread] == [(7, 1)]


def test_numbers_without_end_are_unread() -> None:
    parsed = netstat.parse(
        Section("netstat.txt", 1, [f"tcp        {'9' * 5000}      0 10.0.0.5:8080           10.0.0.9:60494          ESTABLISHED"])
    )
    assert parsed.records == ()
    assert parsed.unread


# net-tools 2.10, ``netstat -tanope`` in each language it knows, on one host at one time: a listener, a half-closed client, a connection
# with keepalive, and one whose peer has left. Decimal commas are real; the Portuguese header lacks a column.
LOCALES = {
    "cs": """\
Aktivní Internetová spojení (servery a navázaná spojení)
Proto Přích-F Odch-F Místní Adresa          Vzdálená Adresa         Stav      Uživatel   I-uzel     PID/Program name     Časovač
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               NASLOUCHÁ  0          872525     1753/python3         vyp (0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         FIN_WAIT2   0          0          -                    timewait (59,06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         SPOJENO     0          872528     1753/python3         keepalive (7199,06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     1753/python3         vyp (0.00/0/0)""",
    "de": """\
Aktive Internetverbindungen (Server und stehende Verbindungen)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       Benutzer   Inode      PID/Program name     Timer
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               LISTEN      0          872525     1753/python3         aus (0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         FIN_WAIT2   0          0          -                    timewait (59,06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         VERBUNDEN   0          872528     1753/python3         keepalive (7199,06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     1753/python3         aus (0.00/0/0)
Aktive Sockets in der UNIX-Domäne (Server und stehende Verbindungen)
unix  3      [ ]         STREAM     VERBUNDEN     1672     -                    """,
    "et": """\
Aktiivsed internetiühendused (serverid ja ühendatud)
Proto  VvJrk SaatJrk Kohalik aadress        Väline aadress          Olek        Kasutaja   I-kirje    PID/Program name     Taimer
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               LISTEN      0          872525     1753/python3         eikäi ((0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         FIN_WAIT2   0          0          -                    timewait (59,06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         ESTABLISHED 0          872528     1753/python3         keepalive (7199,06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     1753/python3         eikäi ((0.00/0/0)""",
    "fr": """\
Connexions Internet actives (serveurs et établies)
Proto Recv-Q Send-Q Adresse locale          Adresse distante        Etat        Utilisatr  Inode      PID/Program name     Timer
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               LISTEN      0          872525     1753/python3         off (0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         FIN_WAIT2   0          0          -                    timewait (59,06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         ESTABLISHED 0          872528     1753/python3         keepalive (7199,06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     1753/python3         off (0.00/0/0)""",
    "ja": """\
稼働中のインターネット接続 (サーバと確立)
Proto 受信-Q 送信-Q 内部アドレス            外部アドレス            状態        ユーザ    Iノード     PID/Program name    タイマ
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               LISTEN      0          872525     1753/python3         オフ (0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         FIN_WAIT2   0          0          -                    時間待ち (59.06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         ESTABLISHED 0          872528     1753/python3         キープアライブ (7199.06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     1753/python3         オフ (0.00/0/0)
稼働中のUNIXドメインソケット (サーバと確立)""",
    "pt_BR": """\
Conexões Internet Ativas (servidores e estabelecidas)
Proto Recv-Q Send-Q Endereço Local          Endereço Remoto         Estado      Usuário    PID/Program name     Temporizador
tcp        0      0 127.0.0.1:45511         0.0.0.0:*               OUÇA       0          872525     1753/python3         desligado (0.00/0/0)
tcp        0      0 127.0.0.1:48164         127.0.0.1:45511         ESPERA_FIN2 0          0          -                    timewait (59,06/0/0)
tcp        0      0 127.0.0.1:48170         127.0.0.1:45511         ESTABELECIDA 0          872528     1753/python3         keepalive (7199,06/0/0)
tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         ESPERANDO_FECHAR 0          872527     1753/python3         desligado (0.00/0/0)""",
}


@pytest.mark.parametrize("language", LOCALES)
def test_every_language_says_the_same(language: str) -> None:
    text = f"lsof: WARNING: something else above\n{LOCALES[language]}\n"
    (section,) = [one for one in sections(Source("x", text.encode())) if recognise(one) is netstat]
    assert section.first == 2
    rows = table(*section.lines)
    assert [row.state for row in rows] == [TcpState.LISTEN, TcpState.FIN_WAIT2, TcpState.ESTABLISHED, TcpState.CLOSE_WAIT]
    assert [row.timer and (row.timer.kind, row.timer.remaining) for row in rows] == [
        (TimerKind.OFF, 0),
        (TimerKind.TIME_WAIT, 59.06),
        (TimerKind.KEEPALIVE, 7199.06),
        (TimerKind.OFF, 0),
    ]
    assert [(row.user, row.inode, row.pid) for row in rows] == [
        ("0", 872525, 1753),
        ("0", 0, None),
        ("0", 872528, 1753),
        ("0", 872527, 1753),
    ]


# The same four sockets by option; net-tools puts the columns of -e, -p and -o behind the state in this order.
@pytest.mark.parametrize("user", ["", "  1001       872527    "])
@pytest.mark.parametrize("owner", ["", " 600/sshd: /usr/sbin ", " -                   ", " 9420/Passenger Ruby "])
@pytest.mark.parametrize("timer", ["", " keepalive (7194.90/0/3)", " off (0.00/0/0)", " probe (5,42/0/3)"])
def test_every_mix_of_options(user: str, owner: str, timer: str) -> None:
    found = row(f"tcp6       1      0 10.0.0.5:8080           2001:db8::9:60494       CLOSE_WAIT {user}{owner}{timer}")
    assert (found.recv_q, found.state, found.remote) == (1, TcpState.CLOSE_WAIT, Endpoint("2001:db8::9", 60494))
    assert (found.user, found.inode) == (("1001", 872527) if user else (None, None))
    assert [one.command for one in found.owners or ()] == ([owner.strip().partition("/")[2]] if "/" in owner else [])
    assert (found.timer is None) == (not timer)


def test_busybox_pads_with_blanks_and_has_no_timers() -> None:
    """``busybox netstat -tane``, 1.35."""
    found = row("tcp        1      0 127.0.0.1:45511         127.0.0.1:48164         CLOSE_WAIT  0          872527     ")
    assert (found.user, found.inode, found.owners) == ("0", 872527, None)


def test_old_net_tools_prints_wide_when_asked() -> None:
    found = row("tcp        0      0 app-server-with-a-long-name.example.com:webcache another-long-name.example.com:60494 ESTABLISHED")
    assert found.remote == Endpoint("another-long-name.example.com", 60494)


def test_a_port_that_does_not_exist_is_unread() -> None:
    parsed = netstat.parse(Section("x", 1, ["tcp        0      0 10.0.0.5:8080           10.0.0.9:99999          ESTABLISHED"]))
    assert parsed.records == ()
    assert len(parsed.unread) == 1
