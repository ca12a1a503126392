"""Numbers that somebody counted against a limit, on systems other than Linux: bound ports, descriptors by kind, queues that nobody takes from."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Severity, Status
from tests.builders import diagnosis_of, found


def report(*blocks: str, prose: str = "This is what I saved:") -> Diagnosis:
    return diagnosis_of({"report.md": "\n\n".join((prose, *(f"```\n{block.strip()}\n```" for block in blocks))) + "\n"})


RANGE = "PS C:\\> netsh int ipv4 show dynamicport tcp\nProtocol tcp Dynamic Port Range\n---------------------------------\nStart Port      : 49152\nNumber of Ports : 16384\n"


def bound(number: int) -> str:
    return (
        "PS C:\\> Get-NetTCPConnection | Group-Object State -NoElement | Sort Count -Desc\n\n"
        f"Count Name\n----- ----\n{number} Bound\n  120 Established\n   31 TimeWait\n\n"
        "PS C:\\> Get-NetTCPConnection -State Bound | Group-Object OwningProcess -NoElement | sort Count -desc\n\n"
        f"Count Name\n----- ----\n{number - 20} 4412\n   20 884\n"
    )


def test_bound_sockets_that_take_every_local_port() -> None:
    told = report(RANGE, bound(15990))
    (finding,) = found(told, "ephemeral-port-exhaustion")
    assert finding.headline.startswith("Process 4412 holds 15,970 of the 16,384 local ports")
    assert finding.confidence is Confidence.LIKELY
    assert finding.process is not None
    assert finding.process.pid == 4412


def test_a_few_thousand_bound_sockets_are_no_cause_and_no_all_clear() -> None:
    verdict = report(RANGE, bound(4000)).verdict
    assert verdict.status is Status.INSUFFICIENT
    assert "nothing unusual" not in verdict.headline


PFILES = "# pfiles 77 | awk '/S_IF/{{print $2}}' | sort | uniq -c\n   2 S_IFCHR\n   4 S_IFREG\n {sockets} S_IFSOCK\n# pfiles 77 | grep -c S_IFSOCK\n{sockets}\n"
LIMIT = "# pfiles 77 | head -2\n77:\t/opt/tolld -f x\n  Current rlimit: 256 file descriptors\n"
FAILED = "Jun 19 07:40:31 gate tolld[77]: [ID 702911 daemon.error] accept: Too many open files\n"
STATES = (
    "# netstat -an -f inet -P tcp | grep '\\.4460 ' | awk '{print $NF}' | sort | uniq -c\n 241 CLOSE_WAIT\n   3 ESTABLISHED\n   1 LISTEN\n"
)


def test_sockets_of_solaris_fill_the_descriptors_and_are_not_closed() -> None:
    told = report(FAILED, LIMIT, PFILES.format(sockets=249), STATES)
    (finding,) = found(told, "fd-exhaustion")
    assert finding.headline == "The process has used up its file descriptors: 255 of 256, most of them sockets, 241 in CLOSE_WAIT."
    assert finding.confidence is Confidence.CERTAIN
    assert [one.command for one in finding.actions if one.command] == ["pfiles 77 > fd.txt"]
    assert not found(report(FAILED, LIMIT, PFILES.format(sockets=120), STATES.replace("241", "20")), "fd-exhaustion")[
        0
    ].headline.startswith("The process has used")


def counted(pipes: int) -> str:
    rows = f" {pipes} PIPE\n  18 REG\n  11 IPv4\n   3 unix\n   2 KQUEUE\n"
    return f"ci@mini ~ % lsof -p 611 | awk 'NR>1{{print $5}}' | sort | uniq -c | sort -rn\n{rows}"


def test_pipes_fill_a_usual_limit() -> None:
    told = report("OSError: [Errno 24] Too many open files: '/tmp/x'", counted(220))
    (finding,) = found(told, "fd-exhaustion")
    assert "254 of 256, most of them pipes." in finding.headline
    assert finding.confidence is Confidence.LIKELY
    assert any("pipes of each child" in one.text for one in finding.actions)
    assert not [one for one in finding.actions if "/proc" in (one.command or "")]


def test_the_same_counts_without_an_error_fill_nothing() -> None:
    assert not found(report(counted(220)), "fd-exhaustion")


def queue(left: int, alive: int, waiting: int = 129) -> str:
    return (
        f"box# ss -lnt\nState      Recv-Q Send-Q Local Address:Port               Peer Address:Port\nLISTEN     {waiting}    128          *:8453                     *:*\n\n"
        f"box# ss -tan '( sport = :8453 )' | awk 'NR>1{{print $1}}' | sort | uniq -c\n     {left} CLOSE-WAIT\n    {alive} ESTAB\n      1 LISTEN\n"
    )


def test_a_queue_with_all_connections_of_its_port_is_not_accepted() -> None:
    told = report(queue(31, 98))
    assert (told.verdict.rule, told.verdict.severity, told.verdict.confidence) == ("acceptor-stalled", Severity.CRITICAL, Confidence.LIKELY)
    assert "129 connections wait in its queue of 128, and the clients of 31 have left unserved" in told.verdict.headline
    assert not found(told, "backlog-overflow")


@pytest.mark.parametrize(("left", "alive"), [(2, 127), (31, 900)])
def test_a_full_queue_of_a_server_that_accepts_may_be_a_burst(left: int, alive: int) -> None:
    told = report(queue(left, alive))
    assert not found(told, "acceptor-stalled")
    assert found(told, "backlog-overflow")


ROWS = "".join(f"f1000e00021c{at}bb8 tcp4       0      0  10.5.5.10.7600        10.5.6.77.3556{at}       FIN_WAIT_2\n" for at in range(6))


def test_rows_of_many_that_were_counted_are_not_called_few() -> None:
    told = report(
        "# netstat -Aan | grep 7600 | awk '{print $NF}' | sort | uniq -c\n     611 FIN_WAIT_2\n       1 LISTEN\n",
        "# netstat -Aan | grep FIN_WAIT_2 | head -6\n" + ROWS,
    )
    assert "611 connections of port 7600 to 10.5.6.77 in FIN_WAIT2" in told.verdict.headline
    assert "nothing to look at" not in told.verdict.headline
    few = report("# netstat -Aan | grep FIN_WAIT_2\n" + ROWS)
    assert "so few are nothing to look at" in few.verdict.headline


THROWN = """Caused by: java.io.UncheckedIOException: java.io.IOException: Too many open files
\tat java.net.http/jdk.internal.net.http.HttpClientImpl.<init>(HttpClientImpl.java:313)
\tat java.net.http/jdk.internal.net.http.HttpClientBuilderImpl.build(HttpClientBuilderImpl.java:135)
\tat net.umbra.relay.Notifier.push(Notifier.java:41)
"""


def kinds(polls: int, wakers: int, sockets: int) -> str:
    return (
        "$ ls -l /proc/7/fd | awk '{print $NF}' | sed 's/[0-9]\\+/N/g' | sort | uniq -c | sort -rn\n"
        f"  {polls} anon_inode:[eventpoll]\n  {wakers} anon_inode:[eventfd]\n  {sockets} socket:[N]\n"
    )


def test_selectors_of_clients_that_are_made_for_each_call() -> None:
    (finding,) = found(report(THROWN, kinds(1370, 1369, 1330)), "fd-exhaustion")
    assert (
        "most of them of 1,370 selectors: clients or event loops that net.umbra.relay.Notifier.push(Notifier.java:41) makes again and again"
        in finding.headline
    )
    assert finding.confidence is Confidence.LIKELY


def test_selectors_are_told_by_types_too_and_who_accepts_does_not_make_them() -> None:
    accepts = """SEVERE [http-nio-8080-Acceptor-0] NioEndpoint$Acceptor.run Socket accept failed
 java.io.IOException: Too many open files
        at sun.nio.ch.ServerSocketChannelImpl.accept0(Native Method)
        at net.umbra.relay.Door.run(Door.java:44)
"""
    types = "$ lsof -nP -p 91 | awk '{print $5}' | sort | uniq -c | sort -rn\n   2566 FIFO\n   1283 a_inode\n    142 REG\n     82 IPv4\n"
    limits = "$ cat /proc/91/limits | grep files\nMax open files            4096                 4096                 files\n"
    (finding,) = found(report(accepts, types, limits), "fd-exhaustion")
    assert "most of them of 1,283 selectors: clients or event loops that are made again and again" in finding.headline
    assert "Door" not in finding.headline
    (children,) = found(
        report(accepts, types.replace("1283 a_inode", "12 a_inode").replace("142 REG", "1413 REG"), limits), "fd-exhaustion"
    )
    assert "most of them pipes" in children.headline


def test_who_opens_a_file_meets_the_full_table_and_makes_no_selectors() -> None:
    opens = (
        "Traceback (most recent call last):\n"
        '  File "/srv/umbra/pages.py", line 31, in upload\n'
        "    with open(path) as page:\n"
        "OSError: [Errno 24] Too many open files: 'a.txt'\n"
    )
    (finding,) = found(report(opens, kinds(1370, 1369, 1330)), "fd-exhaustion")
    assert "most of them of 1,370 selectors: clients or event loops that are made again and again" in finding.headline


def test_sockets_whose_numbers_are_masked_are_sockets() -> None:
    (finding,) = found(report(THROWN, kinds(3, 3, 4080)), "fd-exhaustion")
    assert "most of them sockets" in finding.headline
    assert "selectors" not in finding.headline


def test_who_does_not_accept_may_wait_for_its_only_call() -> None:
    calls = (
        "box# ss -tanp | grep 'pid=71,'\nLISTEN 129 128 0.0.0.0:8453 0.0.0.0:* users:((\"tariffd\",pid=71,fd=3))\n"
        'ESTAB 0 0 10.5.5.10:40117 10.5.0.3:6432 users:(("tariffd",pid=71,fd=7))\n'
    )
    told = report(queue(31, 98), calls)
    assert told.verdict.rule == "acceptor-stalled"
    assert len(found(told, "acceptor-stalled")) == 1


def test_the_first_line_of_a_long_list_is_no_descriptor() -> None:
    listed = "box# ls -l /proc/77/fd | awk '{print $NF}' | sed 's/:.*//' | sort | uniq -c\n   4000 log\n     96 socket\n      1 0\n"
    limit = "box# grep 'open files' /proc/77/limits\nMax open files            4096                 4096                 files\n"
    (finding,) = found(report("java.io.IOException: Too many open files", listed, limit), "fd-exhaustion")
    assert "4,096 of 4,096" in finding.headline


STUCK = (
    "<BEA-000337> <[STUCK] ExecuteThread: '{n}' for queue: 'weblogic.kernel.Default (self-tuning)' has been busy for \"{seconds}\" seconds working on the request \"x@1[\nGET /a HTTP/1.1\n\n"
    ']", which is more than the configured time (StuckThreadMaxTime) of "600" seconds. Stack trace:\n'
    "\tjava.lang.Object.wait(Native Method)\n\tcom.sun.jndi.ldap.Connection.readReply(Connection.java:418)\n\tcom.sun.jndi.ldap.LdapClient.search(LdapClient.java:534)\n"
    "\tjavax.naming.directory.InitialDirContext.search(InitialDirContext.java:248)\n\tcom.acme.users.Directory.find(Directory.java:119)\n"
    "\tweblogic.servlet.internal.ServletRequestImpl.run(ServletRequestImpl.java:1490)\n\tweblogic.work.ExecuteThread.run(ExecuteThread.java:221)\n>\n"
)


@pytest.mark.parametrize(("seconds", "sure"), [(615, Confidence.LIKELY), (5, Confidence.SUSPECTED)])
def test_the_servers_own_warning_says_that_it_is_no_moment(seconds: int, sure: Confidence) -> None:
    rows = "".join(
        f"tcp        0      0 10.9.1.33:482{at}1             10.9.7.20:389               ESTABLISHED 218/java\n" for at in range(2)
    )
    stuck = STUCK.format(n=23, seconds=seconds + 27) + STUCK.format(n=8, seconds=seconds)
    told = report(stuck, "[root@app ~]# netstat -anp | grep :389\n" + rows)
    (finding,) = found(told, "database-read-hang")
    assert finding.confidence is sure
    assert "2 pasted request threads of ExecuteThread wait" in finding.headline
    assert f"each is at it for {seconds} s or longer" in finding.explanation
    assert not any("statement" in action.text for action in finding.actions)
    assert any("com.sun.jndi.ldap.read.timeout" in action.text for action in finding.actions)
