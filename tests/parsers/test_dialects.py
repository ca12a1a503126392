"""What VMs, consoles and editors print that no manual shows, and headers of which a word is not understood."""

from __future__ import annotations

import pytest

from parsers import outputs, parse, recognise, sections
from parsers.records import JavaState, LockVerb, OpenFile, Record, SocketRow, Tally, TaskSyscall, TcpState, Thread, ThreadDump
from parsers.text.source import Source


def dumps(text: str, *, unread: int = 0, form: str | None = None) -> list[ThreadDump]:
    """Every dump of a text, which is read but for ``unread`` lines."""
    found: list[ThreadDump] = []
    rest = 0
    for section in sections(Source("x.txt", text.encode())):
        known = recognise(section)
        assert known is not None, list(section.lines)
        assert form in {None, known.NAME}
        parsed = parse(known, section)
        rest += sum(gap.lines for gap in parsed.unread)
        found += [record for record in parsed.records if isinstance(record, ThreadDump)]
    assert rest == unread
    return found


def records_of(text: str, unread: int = 0) -> list[Record]:
    """Everything that is read of a text, but for ``unread`` lines."""
    found = outputs(Source("x.txt", text.encode()))
    assert sum(gap.lines for output in found for gap in output.parsed.unread) == unread
    return [record for output in found for record in output.parsed.records]


def threads(text: str, *, unread: int = 0, form: str | None = None) -> list[Thread]:
    (dump,) = dumps(text, unread=unread, form=form)
    return list(dump.threads)


def calls(thread: Thread) -> list[str]:
    return [frame.call for frame in thread.frames]


def locks(thread: Thread) -> list[tuple[LockVerb, str | None]]:
    return [(lock.verb, lock.address) for lock in thread.locks]


ABOVE = '"idle-1" #7 prio=5 os_prio=0 tid=0x00007f00000000a0 nid=0x71 runnable  [0x00007f0000003000]\n\tat sun.nio.ch.EPoll.wait(Native Method)\n'


@pytest.mark.parametrize(
    "header",
    [
        '"busy" #8 color=red prio=5 tid=0x00007f00000000b0 nid=0x72 runnable',
        '"busy" #8 prio=5 tid=0x00007f00000000b0 nid=0x72 runnable  _some_ptr=0x00007f00000000f0 [0x00007f0000004000]',
        '  "busy" #8 prio=5 os_prio=0 tid=0x00007f00000000b0 nid=0x72 runnable  [0x00007f0000004000]',
        '"busy" #8 [114] nid=114 lastly',
    ],
)
def test_a_word_that_is_not_understood_costs_that_word(header: str) -> None:
    idle, busy = threads(f"{ABOVE}\n{header}\n   java.lang.Thread.State: RUNNABLE\n\tat com.acme.Page.print(Page.java:4)\n")
    assert (idle.name, calls(idle)) == ("idle-1", ["EPoll.wait"])
    assert (busy.name, busy.java_id, busy.native_id, calls(busy)) == ("busy", 8, 0x72, ["Page.print"])


def test_a_shortened_header_is_told_by_what_stands_below() -> None:
    first, second = threads(
        '"cron":\n\tat com.acme.Job.run(Job.java:4)\n\n"cron-2" daemon\n   java.lang.Thread.State: WAITING\n\tat com.acme.Job.next(Job.java:9)\n'
    )
    assert [(one.name, one.daemon, one.state) for one in (first, second)] == [("cron", False, None), ("cron-2", True, JavaState.WAITING)]


@pytest.mark.parametrize("lost", ["page-writer #8 daemon, runnable", "=> page-writer prio=5 tid=0x1 <=", "   * 'page-writer' (8)"])
def test_frames_below_a_header_that_is_not_understood_belong_to_nobody(lost: str) -> None:
    text = f"{ABOVE}\n{lost}\n   java.lang.Thread.State: RUNNABLE\n\tat com.acme.Page.print(Page.java:4)\n"
    (idle,) = threads(text, unread=3)
    assert calls(idle) == ["EPoll.wait"]
    assert idle.where.last == 2


def test_a_second_state_is_another_threads() -> None:
    (idle,) = threads(f"{ABOVE.replace('[0x', chr(10) + '   java.lang.Thread.State: RUNNABLE' + chr(10) + '[', 1)}", unread=1)
    assert idle.state is JavaState.RUNNABLE
    text = f"{ABOVE}   java.lang.Thread.State: BLOCKED\n\tat com.acme.Page.print(Page.java:4)\n"
    (idle,) = threads(text, unread=2)
    assert (idle.state, calls(idle)) == (None, ["EPoll.wait"])


def test_a_line_of_a_log_between_two_frames_ends_nothing() -> None:
    text = ABOVE + "12:00:01 INFO served 12 pages\n\tat com.acme.Loop.run(Loop.java:4)\n"
    (idle,) = threads(text, unread=1)
    assert calls(idle) == ["EPoll.wait", "Loop.run"]


def test_frames_may_have_lost_their_at() -> None:
    text = (
        ABOVE.replace("\tat ", "")
        + "com.acme.Loop.run(Loop.java:4)\njava.base/java.lang.Thread.run(Thread.java:840)\nsee also main(args)\n"
    )
    (idle,) = threads(text, unread=1)
    assert calls(idle) == ["EPoll.wait", "Loop.run", "Thread.run"]


def test_saps_fields_end_no_name() -> None:
    one, two = threads(
        '"w-1" cpu=1.50 [reset 0.10] ms allocated=100 B (0.10 kB) [reset 100 B (0.10 kB)] user="SHOP" prio=5 tid=0x00007f0000000010 nid=0x10 runnable [0x1]\n'
        "\tat com.acme.Work.take(ILjava/lang/String;)V(Work.java:7)\n\n"
        '"w-2" daemon cpu=0.00 [reset 0.00] ms user="SHOP" prio=5 tid=0x00007f0000000020 nid=0x20 runnable\n'
    )
    assert one.cpu == pytest.approx(0.0015)
    assert (one.name, calls(one)) == ("w-1", ["Work.take"])
    assert (two.name, two.daemon) == ("w-2", True)


def test_a_thread_of_hp_ux_that_has_no_kernel_thread() -> None:
    (main,) = threads(
        '"main" prio=10 tid=60000000000a8a20 nid=1 lwp_id=-1 in Object.wait() [9fffffffffffc000..9fffffffffffd0b0]\n\tat com.acme.Main.main(Main.java:5)\n'
    )
    assert (main.native_id, calls(main)) == (None, ["Main.main"])


def test_the_histogram_that_kill_3_may_print() -> None:
    text = f"Full thread dump X (1.5.0):\n\n{ABOVE}\nnum   #instances    #bytes  class name\n--------------------------\n  1:   13   1300  [C\nTotal   13   1300\n"
    assert len(threads(text)) == 1


REPORT = """\
Found one Java-level deadlock:
=============================
"late":
  waiting to lock monitor 0x00007f1000000a10 (object 0x00000000f0000010, a com.acme.Till),
  which is held by "a"
"a":
  waiting to lock monitor 0x00007f1000000a20 (object 0x00000000f0000020, a com.acme.Drawer),
  which is held by "b"
"b":
  waiting to lock monitor 0x00007f1000000a10 (object 0x00000000f0000010, a com.acme.Till),
  which is held by "a"
"""
STACKS = """\

Java stack information for the threads listed above:
===================================================
"a":
\tat com.acme.Sale.take(Sale.java:5)
\t- waiting to lock <0x00000000f0000020> (a com.acme.Drawer)
\t- locked <0x00000000f0000010> (a com.acme.Till)
"b":
\tat com.acme.Sale.give(Sale.java:8)
\t- waiting to lock <0x00000000f0000010> (a com.acme.Till)
\t- locked <0x00000000f0000020> (a com.acme.Drawer)

Found 1 deadlock.
"""


def test_a_deadlock_report_alone_has_the_threads_of_its_stacks() -> None:
    (dump,) = dumps(REPORT + STACKS)
    assert [entry.thread for entry in dump.deadlocks[0].entries] == ["late", "a", "b"]
    assert [(one.name, calls(one)) for one in dump.threads] == [("a", ["Sale.take"]), ("b", ["Sale.give"])]
    assert dump.fragment


def test_a_deadlock_report_below_its_dump_adds_no_threads() -> None:
    (dump,) = dumps(ABOVE + "\n" + REPORT + STACKS)
    assert [one.name for one in dump.threads] == ["idle-1"]


def test_a_deadlock_report_without_its_first_lines() -> None:
    (dump,) = dumps(REPORT.split("\n", 2)[2])
    assert len(dump.deadlocks) == 1


def test_a_deadlock_report_in_the_agents_words() -> None:
    text = REPORT.replace("monitor 0x", "Monitor@0x").replace("(object ", "(Object@").replace("com.acme.", "com/acme/")
    (dump,) = dumps(text)
    assert [entry.cls for entry in dump.deadlocks[0].entries] == ["com.acme.Till", "com.acme.Drawer", "com.acme.Till"]


def test_intellij_says_who_holds_a_lock() -> None:
    waiter, owner = threads(
        '"w-1" prio=0 tid=0x0 nid=0x0 blocked\n     java.lang.Thread.State: BLOCKED\n on com.acme.Till@1f2e owned by "w-2" Id=32\n'
        "\tat com.acme.Sale.take(Sale.java:8)\n\n\n"
        '"w-2" prio=0 tid=0x0 nid=0x0 runnable\n     java.lang.Thread.State: RUNNABLE\n (in native)\n\tat java.net.SocketInputStream.socketRead0(Native Method)\n'
    )
    assert (locks(waiter), waiter.locks[0].holder, waiter.native_id) == ([(LockVerb.WAITING_TO_LOCK, "com.acme.Till@1f2e")], "w-2", None)
    assert locks(owner) == [(LockVerb.LOCKED, "com.acme.Till@1f2e")]
    assert owner.locks[0].line == 3  # where the dump says so


def test_the_debugger_of_intellij_numbers_names() -> None:
    waiter, owner = threads(
        '"w-1@104" daemon prio=5 tid=0x2a nid=NA waiting for monitor entry\n  java.lang.Thread.State: BLOCKED\n'
        "\t waiting for w-2@108 to release lock on <0x2b7c> (a com.acme.Till)\n\t  at com.acme.Sale.take(Sale.java:83)\n\n"
        '"w-2@108" daemon prio=5 tid=0x2c nid=NA waiting\n  java.lang.Thread.State: WAITING\n\t blocks w-1@104\n'
        "\t  at java.lang.Object.wait(Object.java:-1)\n\t  at com.acme.Sale.open(Sale.java:12)\n\t  - locked <0x2b7c> (a com.acme.Till)\n"
    )
    assert (waiter.name, waiter.locks[0].holder, owner.name) == ("w-1", "w-2", "w-2")
    assert locks(owner) == [(LockVerb.LOCKED, "0x2b7c")]


def test_jenkins_prints_the_group() -> None:
    waiter, owner = threads(
        '"Handling GET /a : exec-4" Id=23 Group=main BLOCKED on com.acme.Till@5a owned by "Handling POST /b : exec-3" Id=22\n'
        "\tat com.acme.View.get(View.java:9)\n\t-  blocked on com.acme.Till@5a\n\n"
        '"Handling POST /b : exec-3" Id=22 Group=main RUNNABLE\n\tat com.acme.Save.post(Save.java:12)\n',
        form="management",
    )
    assert (waiter.state, locks(waiter), waiter.locks[0].owner) == (JavaState.BLOCKED, [(LockVerb.WAITING_TO_LOCK, "com.acme.Till@5a")], 22)
    assert locks(owner) == [(LockVerb.LOCKED, "com.acme.Till@5a")]


@pytest.mark.parametrize("number", ["Id=31", "id=31", "tid=0x1f"])
def test_jmx_consoles(number: str) -> None:
    text = (
        "2026-11-28 10:00:00\nFull thread dump Some VM 17\n\n"
        f'"w-1" {number} in BLOCKED on lock=com.acme.Till@1f2e\n     owned by w-2 Id=32\n    at com.acme.Sale.take(Sale.java:8)\n\n'
        "    Locked synchronizers: count = 1\n      - java.util.concurrent.locks.ReentrantLock$NonfairSync@166\n\n"
        f'"w-2" {number.replace("31", "32").replace("1f", "20")} in RUNNABLE (running in native)\n    at com.acme.Sale.call(Sale.java:20)\n      - locked com.acme.Till@1f2e\n'
    )
    (dump,) = dumps(text, form="management")
    assert (dump.time, dump.vm, dump.fragment) == ("2026-11-28T10:00:00", "Some VM 17", False)
    waiter, owner = dump.threads
    assert (waiter.java_id, waiter.state, owner.native_state) == (31, JavaState.BLOCKED, "in native")
    assert (LockVerb.WAITING_TO_LOCK, "com.acme.Till@1f2e") in locks(waiter)
    assert locks(owner) == [(LockVerb.LOCKED, "com.acme.Till@1f2e")]


def test_visualvms_state_names_the_lock() -> None:
    waiter, owner = threads(
        '"w-1" - Thread t@31\n   java.lang.Thread.State: BLOCKED on com.acme.Till@1f owned by: w-2\n\tat com.acme.Sale.take(Sale.java:8)\n\n'
        '"w-2" - Thread t@32\n   java.lang.Thread.State: TIMED_WAITING on java.util.TaskQueue@73\n\tat java.lang.Object.wait(Native Method)\n'
        "\tat com.acme.Sale.call(Sale.java:20)\n\t- locked [Ljava.lang.Object;@18\n"
    )
    assert (waiter.state, locks(waiter)) == (JavaState.BLOCKED, [(LockVerb.WAITING_TO_LOCK, "com.acme.Till@1f")])
    assert set(locks(owner)) == {
        (LockVerb.WAITING_ON, "java.util.TaskQueue@73"),
        (LockVerb.LOCKED, "[Ljava.lang.Object;@18"),
        (LockVerb.LOCKED, "com.acme.Till@1f"),
    }


def test_a_thread_of_the_actuator_without_an_id() -> None:
    found = threads(
        '"x" - Thread t@4\n   java.lang.Thread.State: RUNNABLE\n\n"Cleaner"\n   java.lang.Thread.State: WAITING\n\tat com.acme.Job.next(Job.java:9)\n'
    )
    assert [(one.name, one.java_id, calls(one)) for one in found] == [("x", 4, []), ("Cleaner", None, ["Job.next"])]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"GC 1" id=? idx=0xc tid=101 prio=5 alive, native_waiting, daemon\n\n"w" id=7 idx=0x10 tid=102 prio=5 alive, blocked\n    at com/acme/Work.take()V(Work.java:7)\n', ["GC 1", "w"]),
        ('"w"  id: 0x00000480  prio: 5  WAITING, DAEMON, GCABLE\n    thread: 0x40D41C78  lastj: 0x4125FD8C  pt_thr: 0x00000278\n    at com/acme/Work.take(Work.java:7)@40C49257\n    --- End of stack trace\n', ["w"]),
        ('"m" prio=5 id=0x80 tid=0x104c active, daemon\n\n"w" prio=8 id=0x380 tid=0x7c8 waiting, daemon\n    at com/acme/Work.take(Work.java:7)@0x00CCC541\n    --- End of stack trace\n', ["m", "w"]),
        ('Thread-0x80 "w" <Waiting, priority=5> {\n    -- Waiting for notification on: com/acme/Till@1349b30[fat lock]\n    com/acme/Work.take()V(Work.java:7)\n}\n', ["w"]),
    ],
)  # fmt: skip
def test_jrockit_of_every_age(text: str, names: list[str]) -> None:
    (dump,) = dumps(f"===== FULL THREAD DUMP ===============\nSat Nov 28 10:00:00 JST 2026\n\n{text}", form="jrockit")
    assert ([one.name for one in dump.threads], dump.time) == (names, "2026-11-28T10:00:00")
    assert calls(dump.threads[-1]) == ["Work.take"]


JAVACORE = (
    '{tag}      "{name}" J9VMThread:0x0000000000010000, omrthread_t:0x00007F0000000010, java/lang/Thread:0x00000000F0000110, state:B, prio=5\n'
    '3XMTHREADBLOCK     Blocked on: com/acme/Till@0x00000000F0000010 Owned by: "b" (J9VMThread:0x0000000000020000, java/lang/Thread:0x00000000F0000120)\n'
    "4XESTACKTRACE                at com/acme/Sale.take(Sale.java:9)\n"
    '3XMTHREADINFO      "b" J9VMThread:0x0000000000020000, omrthread_t:0x00007F0000000020, java/lang/Thread:0x00000000F0000120, state:R, prio=5\n'
)


@pytest.mark.parametrize("tag", ["3XMTHREADINFO", "XMTHREADINFO", "MTHREADINFO"])
def test_a_tag_of_a_javacore_may_have_lost_its_beginning(tag: str) -> None:
    waiter, owner = threads(JAVACORE.format(tag=tag, name="a"), form="javacore")
    assert (waiter.name, calls(waiter), owner.name, locks(owner)) == ("a", ["Sale.take"], "b", [(LockVerb.LOCKED, "0x00000000f0000010")])


def test_a_name_in_a_javacore_may_hold_a_whole_statement() -> None:
    waiter, _ = threads(JAVACORE.format(tag="3XMTHREADINFO", name="select a from t " * 900), form="javacore")
    assert waiter.name.startswith("select a")
    assert waiter.name.endswith("…")
    assert calls(waiter) == ["Sale.take"]


def test_the_locks_section_of_a_javacore_alone() -> None:
    found = threads(
        "2LKMONINUSE      sys_mon_t:0x00007FCE3C16F258 infl_mon_t: 0x00007FCE3C16F2D8:\n"
        '3LKMONOBJECT       com/acme/Till@0x00000000FBF1D0C8: Flat locked by "b" (J9VMThread:0x0000000001B4BF00), entry count 1\n'
        "3LKWAITERQ            Waiting to enter:\n"
        '3LKWAITER                "a" (J9VMThread:0x00000000006EB200)\n'
        "3LKNOTIFYQ            Waiting to be notified:\n"
        '3LKWAITNOTIFY            "c" (J9VMThread:0x0000000000718D00)\n',
        form="javacore",
    )
    address = "0x00000000fbf1d0c8"
    assert [(one.name, one.state, locks(one)) for one in found] == [
        ("b", None, [(LockVerb.LOCKED, address)]),
        ("a", JavaState.BLOCKED, [(LockVerb.WAITING_TO_LOCK, address)]),
        ("c", JavaState.WAITING, [(LockVerb.WAITING_ON, address)]),
    ]


def test_an_early_thread_file_writes_virtual_in_capitals() -> None:
    found = threads(
        '#1 "main" TIMED_WAITING\n      com.acme.Main.main(Main.java:5)\n\n#5 "" VIRTUAL WAITING\n      com.acme.Job.next(Job.java:9)\n'
    )
    assert [(one.name, one.virtual, calls(one)) for one in found] == [("main", False, ["Main.main"]), ("", True, ["Job.next"])]


def rows(text: str) -> list[SocketRow]:
    """The rows of a table that is read without rest."""
    found: list[SocketRow] = []
    for section in sections(Source("x.txt", text.encode())):
        known = recognise(section)
        assert known is not None, list(section.lines)
        parsed = parse(known, section)
        assert parsed.unread == ()
        found += [record for record in parsed.records if isinstance(record, SocketRow)]
    return found


def test_windows_names_ports_without_n() -> None:
    found = rows(
        "\nActive Connections\n\n  Proto  Local Address          Foreign Address        State\n"
        "  TCP    10.0.0.5:49801         db01:ms-sql-s          ESTABLISHED\n"
        "  TCP    10.0.0.5:49802         10.0.0.9:own-thing     CLOSE_WAIT\n"
        "  TCP    0.0.0.0:8080           app01:0                LISTENING\n"
    )
    assert [(str(row.remote), row.state) for row in found] == [
        ("db01:1433", TcpState.ESTABLISHED),
        ("10.0.0.9:own-thing", TcpState.CLOSE_WAIT),
        ("None", TcpState.LISTEN),
    ]


@pytest.mark.parametrize("tail", ["Internet       4321", "4321", ""])
def test_get_nettcpconnection(tail: str) -> None:
    found = rows(
        "LocalAddress       LocalPort RemoteAddress    RemotePort State       AppliedSetting OwningProcess\n"
        "------------       --------- -------------    ---------- -----       -------------- -------------\n"
        f"fe80::1%5          50100     fe80::2%5        443        CloseWait   {tail}\n0.0.0.0            8080      0.0.0.0          0          Listen\n"
    )
    assert [(str(row.local), str(row.remote), row.state, row.recv_q) for row in found] == [
        ("[fe80::1]:50100", "[fe80::2]:443", TcpState.CLOSE_WAIT, None),
        ("0.0.0.0:8080", "None", TcpState.LISTEN, None),
    ]
    assert found[0].pid == (4321 if tail else None)


@pytest.mark.parametrize(
    "head",
    [
        "\nConexiones activas\n\n  Proto  Dirección local        Dirección remota       Estado           PID\n",
        "\n활성 연결\n\n  프로토콜  로컬 주소              외부 주소              상태            PID\n",
        "\nLiens en cours\n\n  Proto  Adresse locale         Adresse distante       État             PID\n",
    ],
)
def test_windows_headers_in_other_languages(head: str) -> None:
    text = head + "  TCP    10.0.0.5:443           10.0.0.9:50100         CLOSE_WAIT      940\n"
    found = [
        record
        for section in sections(Source("x", text.encode()))
        if (known := recognise(section))
        for record in parse(known, section).records
    ]
    assert [(row.state, row.pid) for row in found if isinstance(row, SocketRow)] == [(TcpState.CLOSE_WAIT, 940)]


def test_tables_of_other_kinds_below_those_of_the_bsds() -> None:
    (row,) = rows(
        "Active Internet connections\nTcpcb            Proto Recv-Q Send-Q Local Address      Foreign Address    (state)\n"
        "fffff80003df43d0 tcp4       0      0 10.0.0.5.22        10.0.0.9.56321     ESTABLISHED\n"
        "icm4       0      0  *.*                    *.*\n"
        "Active UNIX domain sockets\nAddress          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr\n"
        "fffff80003ab1e00 seqpac      0      0 fffff80003c1f000                0                0                0 /var/run/x.pipe\n"
        "Active Multipath Internet connections\nRegistered kernel control modules\n"
        "id       flags    pcbcount rcvbuf   sndbuf   name\n       1        9        0   131072   131072 com.acme.flow\n"
        "Active kernel event sockets\nProto Recv-Q Send-Q vendor  class subcl\nkevt       0      0      1      1     11\n"
        "Active kernel control sockets\nProto Recv-Q Send-Q   unit     id name\nkctl       0      0      1      7 com.acme.control\n"
    )
    assert str(row.remote) == "10.0.0.9:56321"


def test_the_state_of_a_raw_socket_is_a_number() -> None:
    (row,) = rows(
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\nraw6       0      0 :::58                   :::*                    7           865/NetworkManager\n"
    )
    assert row.pid == 865


def test_counts_by_state_in_both_orders() -> None:
    text = "$ netstat -ant | awk '{print $6}' | sort | uniq -c\n   1208 CLOSE_WAIT\n      1 Foreign\n      7 ESTAB\n\nTIME_WAIT 12\nLAST_ACK: 3\n"
    counts = [(one.state, one.count) for one in records_of(text) if isinstance(one, Tally)]
    assert counts == [("CLOSE_WAIT", 1208), ("ESTABLISHED", 7), ("TIME_WAIT", 12), ("LAST_ACK", 3)]


@pytest.mark.parametrize("command", ["ss -tn | grep 9000 | wc -l", "netstat -an | grep -c 9000", "ss -tn | grep --count 9000"])
def test_a_number_that_the_command_counted(command: str) -> None:
    table = (
        "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\nCLOSE-WAIT 1      0           10.0.0.5:8080      10.0.0.9:40000\n"
    )
    found = records_of(f"$ {command}\n26358\n{table}")
    assert [(one.command, one.count, one.end and one.end.port) for one in found if isinstance(one, Tally)] == [(command, 26358, 9000)]
    assert len([one for one in found if isinstance(one, SocketRow)]) == 1


def test_a_number_that_nothing_counted_is_no_count() -> None:
    assert not [one for one in records_of("$ ss -tn\n26358\n", unread=1) if isinstance(one, Tally)]


def test_lsof_of_busybox() -> None:
    null, socket, poll = (
        one
        for one in records_of(
            "863\t/opt/java/bin/java\t/dev/null\n863\t/opt/java/bin/java\tsocket:[289332]\n863     /opt/java/bin/java anon_inode:[eventpoll]\n"
        )
        if isinstance(one, OpenFile)
    )
    assert [(one.pid, one.command, one.kind, one.inode) for one in (null, socket, poll)] == [
        (863, "java", "file", None),
        (863, "java", "socket", 289332),
        (863, "java", "anon_inode", None),
    ]


def test_stacks_of_a_debugger() -> None:
    found = records_of(
        "[New LWP 78]\nThread 3 (LWP 79):\n#0  0x00007f90fb3286d3 in __lll_lock_wait () from /lib/libc.so.6\n#1  0x00007f90fb9697ad in work (s=0x1) at src/w.c:4\n\n"
        "Thread 2 (Thread 0x7f90fc02b700 (LWP 78)):\n#0  0x00007f90fb3286d3 in __GI___libc_recv (fd=7) at x.c:84\n#1  0x00007f90fb9697ad in tls_read (s=0x1) at src/tls.c:164\n\n"
        "Thread 1 (Thread 0x7f90fc0f37c0 (LWP 77)):\n#0  busy_loop () at src/main.c:9\n"
    )
    assert [(one.pid, one.native_id, one.call, one.caller) for one in found if isinstance(one, TaskSyscall)] == [
        (77, 79, "futex", "work"),
        (77, 78, "recvfrom", "tls_read"),
        (77, 77, None, None),
    ]


def test_strace_that_was_interrupted() -> None:
    (task,) = (
        one
        for one in records_of("strace: Process 77 attached\naccept4(5, ^Cstrace: Process 77 detached\n <detached ...>\n")
        if isinstance(one, TaskSyscall)
    )
    assert (task.pid, task.native_id, task.call, task.descriptor) == (77, 77, "accept4", 5)


@pytest.mark.parametrize(
    ("text", "name", "remark"),
    [
        ('[3/2/26 10:00:17:420 CET] 00000027 ThreadMonitor W   WSVR0605W: Thread "WebContainer : 4" (00000025) has been active for 733344 milliseconds and may be hung.  There is/are 5 thread(s) in total in the server that may be hung.', "WebContainer : 4", "733 s"),
        ("####<Mar 2, 2026 10:00:17 AM KST> <Error> <WebLogicServer> <h> <s1> <x> <<WLS Kernel>> <> <> <177> <BEA-000337> <[STUCK] ExecuteThread: '3' for queue: 'weblogic.kernel.Default (self-tuning)' has been busy for \"612\" seconds working on the request \"x\", which is more than the configured time (StuckThreadMaxTime) of \"600\" seconds. Stack trace:", "[STUCK] ExecuteThread: '3' for queue: 'weblogic.kernel.Default (self-tuning)'", "612 s"),
        ('02-Mar-2026 10:00:17.420 WARNING [Catalina-utility-1] org.apache.catalina.valves.StuckThreadDetectionValve.notifyStuckThreadDetected Thread "http-nio-8080-exec-5" (id=35) has been active for 61,123 milliseconds (since 3/2/26 9:59 AM) to serve the same request for http://h/x and may be stuck (configured threshold for this StuckThreadDetectionValve is 60 seconds).', "http-nio-8080-exec-5", None),
        ("02-Mar-2026 10:00:17.420 WARNING [Catalina-utility-1] org.apache.catalina.valves.StuckThreadDetectionValve.notifyStuckThreadDetected Thread [http-nio-8080-exec-5] (id=[35]) has been active for [61,123] milliseconds (since [3/2/26 9:59 AM]) to serve the same request for [http://h/x] and may be stuck (configured threshold for this StuckThreadDetectionValve is [60] seconds). There is/are [2] thread(s) in total that are monitored by this Valve and may be stuck.\n java.lang.Throwable", "http-nio-8080-exec-5", "61 s"),
        ("<Mar 2, 2026 10:00:17 AM KST> <Error> <WebLogicServer> <BEA-000337> <[STUCK] ExecuteThread: '8' for queue: 'weblogic.kernel.Default (self-tuning)' has been busy for \"641\" seconds working on the request \"weblogic.servlet.internal.ServletRequestImpl@54b0af12[\nPOST /till HTTP/1.1\nHost: till.example\n]\", which is more than the configured time (StuckThreadMaxTime) of \"600\" seconds. Stack trace:", "[STUCK] ExecuteThread: '8' for queue: 'weblogic.kernel.Default (self-tuning)'", "641 s"),
        ("   98.7% (493.6ms out of 500ms) cpu usage by thread 'tide[node-3][search][T#7]'\n     10/10 snapshots sharing following 6 elements", "tide[node-3][search][T#7]", None),
        ("WARNING: Thread Thread[vert.x-eventloop-thread-0,5,main] has been blocked for 5123 ms, time limit is 2000 ms", "vert.x-eventloop-thread-0", "5 s"),
        ("pool-2-thread-9 - priority:5 - threadId:0x00007ff0b0003800 - nativeId:0x9de7 - nativeId (decimal):40423 - state:BLOCKED\nstackTrace:\njava.lang.Thread.State: BLOCKED (on object monitor)", "pool-2-thread-9", None),
    ],
    ids=["websphere", "weblogic", "tomcat", "tomcat-brackets", "weblogic-request", "hot-threads", "vertx", "console"],
)  # fmt: skip
@pytest.mark.parametrize("at", ["\tat ", "\t", "at "])
def test_warnings_of_servers_about_threads_that_hang(text: str, name: str, remark: str | None, at: str) -> None:
    log = "2026-03-02 10:00:16 INFO all is well\n" * 90
    stack = f"{at}java.net.SocketInputStream.socketRead0(Native Method)\n{at}com.acme.Order.list(Order.java:61)\n"
    (dump,) = (one for one in records_of(f"{log}{text}\n{stack}2026-03-02 10:00:18 INFO next\n", unread=91) if isinstance(one, ThreadDump))
    (thread,) = dump.threads
    assert (thread.name, calls(thread)) == (name, ["SocketInputStream.socketRead0", "Order.list"])
    assert remark is None or remark in (thread.native_state or "")
    assert dump.fragment


PRINTED = """\
Name: till-4
State: BLOCKED on com.example.Cart@5f2a owned by: till-9
Total blocked: 3  Total waited: 12

Stack trace:
com.example.Cart.total(Cart.java:41)
   - locked com.example.Order@1b9c
app//com.example.Order.show(Order.java:12)

Thread[#42,till-5,5,main] state=WAITING
    at java.base/jdk.internal.misc.Unsafe.park(Native Method)
    at com.example.Search.all(Search.java:44)
2026-03-01 10:00:00 INFO next
Thread[till-6,5,] has gone
"""


def test_threads_that_a_console_prints() -> None:
    found = outputs(Source("paste.txt", PRINTED.encode()))
    (dump,) = [record for output in found for record in output.parsed.records if isinstance(record, ThreadDump)]
    first, second = dump.threads
    assert dump.fragment
    assert (first.name, first.state, [frame.full for frame in first.frames]) == (
        "till-4",
        JavaState.BLOCKED,
        ["com.example.Cart.total", "com.example.Order.show"],
    )
    assert [(lock.verb, lock.address, lock.holder, lock.depth) for lock in first.locks] == [
        (LockVerb.WAITING_TO_LOCK, "com.example.Cart@5f2a", "till-9", 0),
        (LockVerb.LOCKED, "com.example.Order@1b9c", None, 0),
    ]
    assert (second.name, second.java_id, second.state) == ("till-5", 42, JavaState.WAITING)
    assert sum(output.parsed.read + sum(gap.lines for gap in output.parsed.unread) for output in found) == 12
