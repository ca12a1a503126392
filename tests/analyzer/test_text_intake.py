"""What operators' ways of saving do to the join: who a dump belongs to, when things were taken, and that a mismatch is said."""

from __future__ import annotations

from analyzer.waits.case import Case
from tests.builders import READ, diagnosis_of, dump, evidence_of, idle_exec, netstat, thread

DATE = "Thu Jan  1 03:04:00 UTC 2026\n"
LISTENER = "0 10.0.0.1:8080 0.0.0.0:* LISTEN 77/java"
CLIENTS = tuple(f"1 10.0.0.1:8080 10.0.0.9:{port} CLOSE_WAIT 77/java" for port in range(4001, 4005))


def basis(files: dict[str, str]) -> tuple[int | None, str | None]:
    """The process that the one dump was given to, and why."""
    (view,) = [view for view in Case(evidence_of(files).incident).views if view.dump is not None]
    return view.pid, view.dump_basis


def notes(files: dict[str, str]) -> str:
    return "\n".join(diagnosis_of(files).notes)


def with_pid(pid: int, text: str) -> str:
    """A dump as ``jcmd`` prints it: the pid stands above."""
    return f"{pid}:\n{text}"


class TestWhoseDump:
    TABLE = netstat(LISTENER, *CLIENTS, "0 10.0.0.1:9090 0.0.0.0:* LISTEN 88/java", "0 10.0.0.1:22 0.0.0.0:* LISTEN 1/systemd")

    def test_by_pid(self) -> None:
        assert basis({"netstat.txt": self.TABLE, "jcmd.txt": with_pid(77, dump(*idle_exec(3)))}) == (77, "pid")

    def test_by_the_pid_in_the_name(self) -> None:
        assert basis({"netstat.txt": self.TABLE, "jstack-88.txt": dump(*idle_exec(3, port=7070))}) == (88, "pid")

    def test_by_the_prompt(self) -> None:
        assert basis({"netstat.txt": self.TABLE, "session.txt": "$ jstack -l 88\n" + dump(*idle_exec(3, port=7070))}) == (88, "pid")

    def test_by_the_port_in_the_pools_name(self) -> None:
        assert basis({"netstat.txt": self.TABLE, "dump.txt": dump(*idle_exec(3))}) == (77, "port")

    def test_with_two_candidates_and_nothing_that_tells_it_is_nobodys(self) -> None:
        assert basis({"netstat.txt": self.TABLE, "dump.txt": dump(*idle_exec(3, port=7070))}) == (None, None)

    def test_the_only_candidate(self) -> None:
        assert basis({"netstat.txt": netstat(LISTENER, *CLIENTS), "dump.txt": dump(*idle_exec(3, port=8080))}) == (77, "port")
        worker = thread("worker-1", "RUNNABLE", *READ, "com.example.Work.run")
        assert basis({"netstat.txt": netstat(LISTENER, *CLIENTS), "dump.txt": dump(worker)}) == (77, "only")

    def test_a_dump_that_names_another_port_is_of_another_process(self) -> None:
        assert basis({"netstat.txt": netstat(LISTENER, *CLIENTS), "dump.txt": dump(*idle_exec(3, port=7070))}) == (None, None)

    def test_the_pid_of_a_container_is_not_the_hosts_init(self) -> None:
        files = {"netstat.txt": self.TABLE, "jcmd.txt": with_pid(1, dump(*idle_exec(3)))}
        assert basis(files) == (77, "port-against-pid")
        assert "names pid 1, the listener's owner is pid 77: a container's own numbering" in notes(files)

    def test_the_kernel_says_which_process_the_containers_pid_is(self) -> None:
        status = (
            "Name:\tjava\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t88\nPid:\t88\nPPid:\t60\nTracerPid:\t0\nNSpid:\t88\t1\nThreads:\t41\n"
        )
        files = {"netstat.txt": self.TABLE, "status.txt": status, "jcmd.txt": with_pid(1, dump(*idle_exec(3, port=7070)))}
        assert basis(files) == (88, "pid")

    def test_a_pid_that_owns_no_socket_is_said(self) -> None:
        assert "is of pid 4242, which owns no socket" in notes(
            {"netstat.txt": self.TABLE, "jcmd.txt": with_pid(4242, dump(*idle_exec(3, port=7070)))}
        )


class TestClocks:
    def test_a_dump_long_after_the_table_is_said(self) -> None:
        files = {
            "session.txt": f"$ date\n{DATE}$ netstat -tanp\n" + netstat(LISTENER, *CLIENTS),
            "dump.txt": dump(*idle_exec(3), time="2026-01-01 03:11:07"),
        }
        assert "7 minutes apart (2026-01-01T03:04:00+00:00 and 2026-01-01T03:11:07)" in notes(files)

    def test_a_dump_soon_after_it_is_not(self) -> None:
        files = {
            "session.txt": f"$ date\n{DATE}$ netstat -tanp\n" + netstat(LISTENER, *CLIENTS),
            "dump.txt": dump(*idle_exec(3), time="2026-01-01 03:04:09"),
        }
        assert "apart" not in notes(files)

    def test_two_zones_are_not_taken_for_a_delay(self) -> None:
        """The JVM runs in Korea's time, the shell in UTC: nine hours and nine seconds."""
        files = {
            "session.txt": f"$ date\n{DATE}$ netstat -tanp\n" + netstat(LISTENER, *CLIENTS),
            "dump.txt": dump(*idle_exec(3), time="2026-01-01 12:04:09"),
        }
        said = notes(files)
        assert "differ by 9 h (session.txt says 2026-01-01T03:04:00+00:00, dump.txt says 2026-01-01T12:04:09)" in said
        assert "counts of threads and sockets need not agree" not in said

    def test_a_thread_file_has_utc(self) -> None:
        virtual = (
            "4125\n2026-01-01T03:04:11.338278458Z\n25.0.2+10-LTS\n\n"
            '#12 "" virtual WAITING 2026-01-01T03:04:11.351099534Z\n    at java.base/java.lang.VirtualThread.park(Unknown Source)\n'
        )
        files = {"dump.txt": dump(*idle_exec(3), time="2026-01-01 12:04:09"), "threads.txt": virtual}
        assert "differ by 9 h" in notes(files)

    def test_two_dumps_of_one_clock_a_quarter_of_an_hour_apart_are_apart(self) -> None:
        other = dump(*idle_exec(3, port=9090), time="2026-01-01 03:19:09")
        files = {"a.txt": dump(*idle_exec(3), time="2026-01-01 03:04:09"), "b.txt": other}
        assert "15 minutes apart" in notes(files)

    def test_the_shells_clock_is_the_moments_time_where_no_dump_states_one(self) -> None:
        (moment,) = evidence_of({"s.txt": f"{DATE}" + netstat(LISTENER)}).incident.snapshots
        assert moment.time == "2026-01-01T03:04:00"


class TestMoments:
    def test_date_before_each_output_makes_no_moment_of_its_own(self) -> None:
        text = f"$ date\n{DATE}$ netstat -tanp\n{netstat(LISTENER)}$ date\n{DATE}$ jstack 77\n{dump(*idle_exec(3))}"
        (moment,) = evidence_of({"session.txt": text}).incident.snapshots
        assert (len(moment.rows), len(moment.dumps), len(moment.facts)) == (1, 1, 2)

    def test_a_loop_appended_to_one_file(self) -> None:
        once = "{date}Proto Recv-Q Send-Q Local Address           Foreign Address         State\ntcp   0 0 10.0.0.1:80 10.0.0.2:{port} ESTABLISHED\n"
        text = "".join(once.format(date=DATE.replace("04:00", f"04:0{n}"), port=5000 + n) for n in range(3))
        first, second, third = evidence_of({"loop.txt": text}).incident.snapshots
        assert [moment.time for moment in (first, second, third)] == [f"2026-01-01T03:04:0{n}" for n in range(3)]
        assert [row.remote.port for moment in (first, second, third) for row in moment.rows if row.remote] == [5000, 5001, 5002]


class TestSosreport:
    """The tree of ``sos report``: commands are file names, the copied files lie where the host has them."""

    ROOT = "sosreport-app01-2026-01-01-abcdefg"

    def test_names_and_folders_do_not_matter(self) -> None:
        tree = {
            f"{self.ROOT}/sos_commands/networking/netstat_-W_-neopa": "Active Internet connections (servers and established)\n"
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name     Timer\n"
            "tcp        0      0 0.0.0.0:8080            0.0.0.0:*               LISTEN      1001       1675       77/java              off (0.00/0/0)\n"
            "tcp        1      0 10.0.0.1:8080           10.0.0.9:4001           CLOSE_WAIT  1001       1676       77/java              keepalive (7194.90/0/0)\n"
            "Active UNIX domain sockets (servers and established)\n"
            "Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path\n"
            "unix  2      [ ACC ]     STREAM     LISTENING     20523    1/systemd            /run/systemd/private\n",
            f"{self.ROOT}/sos_commands/networking/ss_-peaonmi": "Netid State      Recv-Q Send-Q Local Address:Port    Peer Address:Port Process\n"
            'tcp   CLOSE-WAIT 1      0          10.0.0.1:8080      10.0.0.9:4001  users:(("java",pid=77,fd=14)) timer:(keepalive,119min,0) uid:1001 ino:1676 sk:10 -->\n'
            "\t skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0) ts sack cubic rto:204 lastsnd:4000 lastrcv:3540 lastack:3540\n",
            f"{self.ROOT}/sos_commands/networking/netstat_-s": "Tcp:\n    0 active connection openings\nTcpExt:\n    152 times the listen queue of a socket overflowed\n",
            f"{self.ROOT}/sos_commands/process/lsof_M_-n_-l_-c": "COMMAND PID TID TASKCMD USER FD TYPE DEVICE SIZE/OFF NODE NAME\n"
            "java     77             1001   14u  IPv4  1676      0t0  TCP 10.0.0.1:8080->10.0.0.9:4001 (CLOSE_WAIT)\n",
            f"{self.ROOT}/sos_commands/process/ps_auxwwwm": "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
            "tomcat      77  4.1 12.3 8996052 96992 ?       -    13:20   1:02 /usr/bin/java -jar shop.jar\n"
            "tomcat       -  0.0    -       -     - -       Sl   13:20   0:00 -\n",
            f"{self.ROOT}/date": DATE,
            f"{self.ROOT}/uptime": " 03:04:00 up 12 days,  3:22,  2 users,  load average: 2.07, 2.42, 2.14\n",
            f"{self.ROOT}/sos_commands/kernel/uname_-a": "Linux app01 6.1.0-18-amd64 #1 SMP Debian 6.1.76-1 x86_64 GNU/Linux\n",
            f"{self.ROOT}/proc/net/sockstat": "sockets: used 65\nTCP: inuse 7 orphan 0 tw 2 alloc 26 mem 1\n",
        }
        incident = evidence_of(tree).incident
        (moment,) = incident.snapshots
        assert {row.tool for row in moment.rows} == {"netstat", "ss", "lsof"}
        assert {fact.host for fact in moment.facts if fact.host} == {"app01"}
        assert incident.hosts == ("app01",)
        assert moment.time == "2026-01-01T03:04:00"
        assert any(counter.name == "TcpExtListenOverflows" and counter.value == 152 for counter in moment.counters)
        unknown = [artifact.file for artifact in incident.artifacts if not artifact.formats]
        assert unknown == []
        assert [gap for artifact in incident.artifacts for gap in artifact.unread] == []

    def test_two_reports_side_by_side_are_two_hosts(self) -> None:
        files = {
            f"sosreport-{host}-2026-01-01-abc/sos_commands/networking/netstat_-W_-neopa": netstat(LISTENER) for host in ("app01", "app02")
        }
        assert len(evidence_of(files).incident.snapshots) == 2
        assert len({moment.host for moment in evidence_of(files).incident.snapshots}) == 2


def test_two_names_of_one_host_name_none() -> None:
    """A session that went on to another machine: whose the tables are is not said."""
    uname = "Linux {} 6.1.0-18-amd64 #1 SMP Debian 6.1.76-1 x86_64 GNU/Linux\n"
    files = {"uname-1.txt": uname.format("app01"), "uname-2.txt": uname.format("app02"), "netstat.txt": netstat(LISTENER)}
    assert evidence_of(files).incident.hosts == ()
    del files["uname-2.txt"]
    assert evidence_of(files).incident.hosts == ("app01",)
