"""ss: every option mix, every age."""

from __future__ import annotations

import pytest

from parsers.records import Counter, Endpoint, Owner, Pid, SocketRow, TcpState, TimerKind
from parsers.sockets import ss
from parsers.text.source import Section

HEADER = "State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port Process"


def table(*lines: str, prompt: str | None = None) -> list[SocketRow]:
    parsed = ss.parse(Section("ss.txt", 1, lines, prompt))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, SocketRow)]


def row(*lines: str, prompt: str | None = None) -> SocketRow:
    (only,) = table(*lines, prompt=prompt)
    return only


def test_the_line_below_belongs_to_the_row() -> None:
    first, second = table(
        HEADER,
        'CLOSE-WAIT 58     0        [::ffff:127.0.0.1]:38092 [::ffff:127.0.0.1]:54278 users:(("java",pid=3427,fd=14)) timer:(keepalive,119min,0) ino:180041 sk:1034 cgroup:/ -->',
        "\t ts sack bbr wscale:10,10 rto:200 bytes_sent:7 bytes_received:58 segs_in:4 lastsnd:7552 lastrcv:3540 lastack:3539",
        "ESTAB      0      0                127.0.0.1:45200          127.0.0.1:52348 ino:0 sk:16d cgroup:/ <->",
        "\t                                              ",
    )
    assert (first.where.first, first.where.last) == (2, 3)
    assert first.info
    assert (first.info.last_received_ms, first.info.last_ack_ms, first.info.bytes_received) == (3540, 3539, 58)
    assert (first.info.last_sent_ms, first.info.rto_ms, first.info.bytes_sent, first.info.segments_in) == (7552, 200, 7, 4)
    assert (first.state, first.recv_q, first.inode, first.local) == (TcpState.CLOSE_WAIT, 58, 180041, Endpoint("127.0.0.1", 38092))
    assert first.timer
    assert (first.timer.kind, first.timer.remaining, first.timer.rounded) == (TimerKind.KEEPALIVE, 7140, True)
    assert (second.where.first, second.where.last) == (4, 4)
    assert (second.inode, second.owners, second.info) == (0, None, None)


def test_details_on_the_same_line() -> None:
    found = row(
        "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234 skmem:(r0,rb131072,t0,tb16384) ts sack cubic bytes_received:1 lastsnd:9 lastrcv:8 lastack:7"
    )
    assert found.info
    assert (found.info.bytes_received, found.info.last_received_ms, found.info.last_ack_ms) == (1, 8, 7)
    assert found.info.congestion == "cubic"
    assert found.memory
    assert (found.memory.received, found.memory.receive_buffer, found.memory.send_buffer, found.memory.drops) == (0, 131072, 16384, None)


def test_listen_queue_and_backlog() -> None:
    found = row("LISTEN     3      2                127.0.0.1:45200            0.0.0.0:*     ino:24492 sk:16b cgroup:/ <->")
    assert (found.recv_q, found.send_q, found.backlog, found.remote) == (3, 2, 2, None)


def test_backlog_only_for_listeners() -> None:
    assert row("ESTAB 0 7 10.0.0.5:8080 10.0.0.9:1234").backlog is None


@pytest.mark.parametrize(
    ("users", "owners"),
    [
        ('users:(("java",1234,56))', (Owner(Pid(1234), "java", 56),)),
        ('users:(("nginx",pid=7,fd=6),("nginx",pid=8,fd=6))', (Owner(Pid(7), "nginx", 6), Owner(Pid(8), "nginx", 6))),
        ('users:(("my prog(x",pid=10833,tid=10834,fd=3))', (Owner(Pid(10833), "my prog(x", 3),)),
        ('users:(("sshd",pid=9,proc_ctx=system_u:system_r:sshd_t:s0,fd=3))', (Owner(Pid(9), "sshd", 3),)),
    ],
)
def test_owners_of_every_age(users: str, owners: tuple[Owner, ...]) -> None:
    assert row(f"LISTEN 0 128 *:8080 *:* {users} ino:5 sk:1 <->").owners == owners


@pytest.mark.parametrize(
    ("printed", "kind", "seconds"),
    [
        ("keepalive,119min,0", TimerKind.KEEPALIVE, 7140),
        ("keepalive,5min29sec,0", TimerKind.KEEPALIVE, 329),
        ("timewait,59sec,0", TimerKind.TIME_WAIT, 59),
        ("on,504ms,1", TimerKind.RETRANSMIT, 0.504),
        ("persist,5.548ms,0", TimerKind.PROBE, 5.548),  # print_ms_timer: 5 seconds and 548 ms
    ],
)
def test_timers(printed: str, kind: TimerKind, seconds: float) -> None:
    timer = row(f"CLOSE-WAIT 1 9 10.0.0.5:8080 10.0.0.9:1234 timer:({printed})").timer
    assert timer
    assert timer.kind is kind
    assert timer.remaining == pytest.approx(seconds)


def test_netid_column() -> None:
    tcp, udp = table(
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess",
        "tcp   LISTEN 3      2          127.0.0.1:45200      0.0.0.0:*    uid:1000",
        "udp   UNCONN 0      0          127.0.0.1:45300      0.0.0.0:*    ",
    )
    assert (tcp.proto, tcp.state, tcp.user) == ("tcp", TcpState.LISTEN, "1000")
    assert (udp.proto, udp.state, udp.remote) == ("udp", None, None)


def test_udp_alone_has_no_netid_and_is_not_taken_for_tcp() -> None:
    assert {
        found.proto for found in table(HEADER, "ESTAB  0 0 127.0.0.1:43776 127.0.0.1:45300 ", "UNCONN 0 0 127.0.0.1:45300 0.0.0.0:*")
    } == {"udp"}
    assert row("ESTAB  0 0 127.0.0.1:43776 127.0.0.1:45300 ", prompt="ss -uanp").proto == "udp"
    assert row("ESTAB  0 0 127.0.0.1:43776 127.0.0.1:45300 ", prompt="ss -tuanp").proto == "tcp"


def test_a_state_filter_drops_the_column() -> None:
    lines = (
        "Recv-Q Send-Q       Local Address:Port        Peer Address:Port Process",
        "19     0                127.0.0.1:45200          127.0.0.1:52310 ",
    )
    assert row(*lines).state is None
    assert row(*lines, prompt="ss -tan state close-wait").state is TcpState.CLOSE_WAIT
    assert row(lines[1], prompt="ss -Htan state close-wait").recv_q == 19


def test_interface_and_names() -> None:
    found = row("ESTAB 0 0 10.0.0.5%eth0:webcache app-7.example.com:ssh ")
    assert (found.local, found.remote) == (Endpoint("10.0.0.5", 8080), Endpoint("app-7.example.com", 22))


def test_other_families_and_the_summary_give_no_rows() -> None:
    assert (
        table(
            "Total: 65",
            "TCP:   26 (estab 17, closed 2, orphaned 0, timewait 2)",
            "",
            "Transport Total     IP        IPv6",
            "RAW\t  0         0         0        ",
            "TCP\t  24        17        7        ",
            "*         11        -         -",
            "Netid State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess",
            "u_str LISTEN 0      5      /tmp/.java_pid10855.tmp 23237            * 0     ",
            "u_str ESTAB 0      0                  * 1672            * 1671       ",
            "nl    UNCONN 4352   0             tcpdiag:ss/7664             *           ",
        )
        == []
    )


def test_a_detail_without_its_row_is_unread() -> None:
    parsed = ss.parse(Section("ss.txt", 1, ["\t cubic rto:200", "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234"]))
    assert [gap.where.first for gap in parsed.unread] == [1]


def test_the_summary_counts_the_hosts_sockets() -> None:
    parsed = ss.parse(Section("ss.txt", 1, ["Total: 65", "TCP:   26 (estab 17, closed 2, orphaned 1, timewait 2)"]))
    counters = [record for record in parsed.records if isinstance(record, Counter)]
    assert [(counter.name, counter.value, counter.where.first) for counter in counters] == [
        ("TCP estab", 17, 2),
        ("TCP closed", 2, 2),
        ("TCP orphaned", 1, 2),
        ("TCP timewait", 2, 2),
        ("sockets of TCP", 26, 2),
    ]


def test_every_field_of_info_is_typed() -> None:
    """``ss -tim`` of iproute2 6.1 on a lossy path, put together from real lines."""
    found = row(
        "ESTAB 0 4096 10.0.0.5:8080 10.0.0.9:1234",
        "\t skmem:(r2304,rb131072,t4352,tb87040,f1792,w6144,o0,bl0,d3) ts sack ecn bbr wscale:7,7 rto:408 backoff:1 rtt:203.4/1.25 ato:40 mss:1448"
        " pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 ssthresh:7 bytes_sent:5000 bytes_retrans:1448 bytes_acked:904 bytes_received:58 segs_out:9 segs_in:4"
        " data_segs_out:8 data_segs_in:1 bbr:(bw:2.1Mbps,mrtt:0.02) send 569530bps lastsnd:12 lastrcv:3540 lastack:200 pacing_rate 1.1Mbps"
        " delivered:2 app_limited busy:3540ms rwnd_limited:250ms(7.1%) sndbuf_limited:8ms(0.2%) unacked:3 retrans:1/2 lost:1 rcv_space:14480"
        " rcv_ssthresh:64088 notsent:1000 minrtt:0.02 snd_wnd:65536",
    )
    info, memory = found.info, found.memory
    assert info
    assert memory
    assert (info.congestion, info.rto_ms, info.backoff, info.rtt_ms, info.rtt_var_ms, info.min_rtt_ms) == ("bbr", 408, 1, 203.4, 1.25, 0.02)
    assert (info.mss, info.cwnd, info.bytes_sent, info.bytes_acked, info.bytes_received, info.bytes_retransmitted) == (
        1448,
        10,
        5000,
        904,
        58,
        1448,
    )
    assert (info.segments_out, info.segments_in, info.data_segments_out, info.data_segments_in) == (9, 4, 8, 1)
    assert (info.last_sent_ms, info.last_received_ms, info.last_ack_ms) == (12, 3540, 200)
    assert (info.unacked, info.retransmitting, info.retransmitted, info.lost, info.not_sent, info.send_window) == (3, 1, 2, 1, 1000, 65536)
    assert (info.busy_ms, info.rwnd_limited_ms, info.sndbuf_limited_ms, info.app_limited) == (3540, 250, 8, True)
    assert (memory.received, memory.receive_buffer, memory.sending, memory.send_buffer, memory.forward) == (2304, 131072, 4352, 87040, 1792)
    assert (memory.queued, memory.options, memory.backlog, memory.drops) == (6144, 0, 0, 3)


def test_a_glued_header_and_no_header_at_all() -> None:
    assert len(table("State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess", "ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234")) == 1
    assert len(table("ESTAB 0 0 10.0.0.5:8080 10.0.0.9:1234", prompt="ss -Htan")) == 1


def test_a_port_that_does_not_exist_is_unread() -> None:
    parsed = ss.parse(Section("ss.txt", 1, ["ESTAB 0 0 10.0.0.5:8080 10.0.0.9:99999"]))
    assert parsed.records == ()
    assert len(parsed.unread) == 1
