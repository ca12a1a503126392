"""FreeBSD's procstat and sockstat, and sysstat's pidstat: every shape of a row, and what is none."""

from __future__ import annotations

from parsers.process import pidstat, procstat_stacks
from parsers.records import SocketRow, TaskSyscall, TcpState, ThreadUsage
from parsers.sockets import sockstat
from parsers.text.source import Section
from tests.analyzer.test_fragments import found
from tests.parsers.test_properties import check


def section(text: str) -> Section:
    return Section("x", 1, text.splitlines())


def test_where_a_thread_sleeps_is_below_the_scheduler() -> None:
    parsed = check(
        procstat_stacks,
        section(
            "  PID    TID COMM                TDNAME              KSTACK\n"
            " 77 100 till                -                   mi_switch+0xc1 sleepq_catch_signals+0x2e6 sleepq_wait_sig+0x9 _sleep+0x1f2 kqueue_kevent+0x3a1 sys_kevent+0xbc fast_syscall_common+0xf8\n"
            " 77 101 till                saw one             mi_switch sleepq_wait _sleep bwait breadn_flags ffs_read vn_read sys_read\n"
            " 77 102 till                -                   <running>\n"
        ),
    )
    first, second = (one for one in parsed.records if isinstance(one, TaskSyscall))
    assert (first.wait_channel, first.call, first.state) == ("kqueue_kevent", "kevent", "S")
    assert (second.wait_channel, second.call, second.state) == ("bwait", "read", "D")
    assert not parsed.unread


def test_sockets_with_and_without_a_state() -> None:
    parsed = check(
        sockstat,
        section(
            "USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\n"
            "www      till       77    5  tcp4   *:8080                *:*\n"
            "www      till       77    9  tcp6   2001:db8::5:8080      2001:db8::9:51022     CLOSE_WAIT\n"
            "?        ?          ?     ?  tcp4   10.0.0.5:8080         10.0.0.9:51023\n"
            "root     syslogd    9     7  udp4   *:514                 *:*\n"
            "root     syslogd    9     4  dgram  /var/run/log\n"
        ),
    )
    listener, left, nobody, datagram = (one for one in parsed.records if isinstance(one, SocketRow))
    assert (listener.state, listener.remote, listener.pid) == (TcpState.LISTEN, None, 77)
    assert (left.state, left.remote and left.remote.port) == (TcpState.CLOSE_WAIT, 51022)
    assert (nobody.state, nobody.owners) == (None, ())
    assert (datagram.proto, datagram.state) == ("udp", None)
    assert not parsed.unread


ROWS = (
    "Linux 5.4.0 (web3) \t03/02/26 \t_x86_64_\t(8 CPU)\n\n"
    "10:00:01 AM   UID      TGID       TID    %usr %system  %guest   %wait    %CPU   CPU  Command\n"
    "10:00:02 AM  1001      4410         -   99.00    1.00    0.00    0.00  100.00     2  java\n"
    "10:00:02 AM  1001         -      4433   98.00    1.00    0.00    0.00   {cpu}     2  |__java\n"
)
STACK = '"worker-7" #31 prio=5 os_prio=0 tid=0x1 nid=0x1151 runnable [0x2]\n   java.lang.Thread.State: RUNNABLE\n\tat net.tarn.Wrap.lines(Wrap.java:88)\n\tat net.tarn.Job.run(Job.java:58)\n'


def test_threads_of_pidstat_are_those_of_the_dump() -> None:
    (usage,) = (one for one in check(pidstat, section(ROWS.format(cpu="99.00"))).records if isinstance(one, ThreadUsage))
    assert (usage.native_id, usage.cpu_percent, usage.command) == (4433, 99.0, "java")
    finding = found(f"one core at 100 %\n\n{ROWS.format(cpu='99.00')}\n{STACK}")
    assert finding.rule == "cpu-spin"
    assert "Wrap.lines" in finding.headline


def test_a_damaged_number_of_pidstat_is_no_row() -> None:
    lines = [
        "10:00:01      UID      TGID       TID    %usr %system  %guest   %wait    %CPU   CPU  Command",
        "10:00:02     1001         -      4433   98.00    1.00    0.00    0.00       :     2  |__java",
    ]
    assert not pidstat.parse(Section("x", 1, lines)).records
