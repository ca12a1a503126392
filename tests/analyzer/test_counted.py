"""Findings and sentences from numbers that a command counted: never more than they prove."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Finding, Severity, Status
from tests.builders import diagnosis_of, found, thread

FAR = "$ netstat -tanp | grep 5120 | awk '{{print $5, $6}}' | sort | uniq -c | sort -rn\n   {count} 10.7.0.8:8983 CLOSE_WAIT\n     12 10.7.0.8:8983 ESTABLISHED\n"
PS = "$ ps -fp 5120\nUID        PID  PPID  C STIME TTY          TIME CMD\nshop      5120     1 22 Mar02 ?        01:04:11 /usr/bin/java -jar shop.jar\n"
REFUSED = "java.net.NoRouteToHostException: Cannot assign requested address (Address not available)\n\tat java.net.Socket.connect(Socket.java:589)\n\tat org.dune.Mill.grind(Mill.java:12)\n"


def diagnosed(text: str) -> Diagnosis:
    return diagnosis_of({"report.txt": text})


def only(text: str, rule: str) -> Finding:
    diagnosis = diagnosed(text)
    (finding,) = (one for one in found(diagnosis, rule) if one.severity is not Severity.INFO)
    assert diagnosis.verdict.rule == rule
    return finding


def said(text: str) -> str:
    verdict = diagnosed(text).verdict
    assert verdict.status is Status.INSUFFICIENT
    return f"{verdict.headline} {verdict.summary}"


def test_many_closed_by_one_service_are_suspected_of_a_leak_of_the_client() -> None:
    finding = only(FAR.format(count=912) + PS, "connection-leak")
    assert finding.confidence is Confidence.SUSPECTED
    assert "java (pid 5120) keeps 912 connections to 10.7.0.8:8983 in CLOSE_WAIT" in finding.headline
    assert finding.culprit.remote == "10.7.0.8:8983"


def test_a_second_count_is_another_moment_and_no_sum() -> None:
    finding = only(
        FAR.format(count=912) + PS + "\nTwenty minutes earlier... I mean 20 minutes before:\n\n   812 10.7.0.8:8983 CLOSE_WAIT\n",
        "connection-leak",
    )
    assert finding.confidence is Confidence.LIKELY
    assert "812 → 912 within 20 minutes, which is 300 an hour" in finding.explanation
    assert "1,724" not in f"{finding.headline} {finding.explanation}"


def test_a_count_that_fell_proves_no_growth() -> None:
    finding = only(FAR.format(count=912) + "\nAnd the same 5 minutes later:\n\n   702 10.7.0.8:8983 CLOSE_WAIT\n", "connection-leak")
    assert finding.confidence is Confidence.SUSPECTED
    assert "702 connections" in finding.headline
    assert "counted 2 times: 912 → 702" in finding.explanation


@pytest.mark.parametrize("count", [3, 60, 199])
def test_few_closed_by_a_service_are_a_pool(count: int) -> None:
    assert not found(diagnosed(FAR.format(count=count)), "connection-leak")


def test_many_closed_by_clients_are_the_servers() -> None:
    text = "$ netstat -tan | awk '{print $4, $6}' | sort | uniq -c\n   845 10.7.0.2:9443 CLOSE_WAIT\n    20 10.7.0.2:9443 ESTABLISHED\n"
    finding = only(text, "server-never-closes")
    assert finding.confidence is Confidence.SUSPECTED
    assert "845 connections of its port 9443" in finding.headline
    assert not any("jstack" in one.command for one in finding.missing), "nothing says that it is a JVM"


def test_a_limit_that_is_near_makes_it_likely() -> None:
    text = (
        "$ netstat -an | grep '[.]7070 ' | head -2\n      *.7070               *.*                0      0 49152      0 LISTEN\n"
        "10.0.0.26.7070       10.0.0.9.49212       64240      0 49640      0 CLOSE_WAIT\n...\n\n"
        "$ netstat -an | grep '\\.7070 ' | grep -c CLOSE_WAIT\n240\n"
        "$ pfiles 2207 | head -2\n2207:   /opt/relay/bin/relayd -d\n  Current rlimit: 256 file descriptors\n$ pfiles 2207 | grep -c 'port: 7070'\n243\n"
    )
    finding = only(text, "server-never-closes")
    assert finding.confidence is Confidence.LIKELY
    assert finding.headline.startswith("relayd (pid 2207) keeps 240 connections of its port 7070")
    assert "240 sockets in CLOSE_WAIT were counted, of which 1 row is here." in diagnosed(text).notes


def test_a_table_that_shows_them_all_is_not_told_twice() -> None:
    rows = "".join(f"tcp        1      0 10.0.0.5:8080 10.0.0.9:{4000 + at} CLOSE_WAIT 77/wsd\n" for at in range(250))
    table = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\ntcp 0 0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/wsd\n"
    text = f"$ netstat -tan | awk '{{print $4, $6}}' | sort | uniq -c\n   250 10.0.0.5:8080 CLOSE_WAIT\n\n{table}{rows}"
    assert not any("counted" in finding.headline for finding in diagnosed(text).findings)
    assert not found(diagnosed(text), "server-never-closes")


def test_a_proxy_that_passed_the_end_on_waits_for_whoever_stands_behind() -> None:
    text = (
        "$ ss -tnp | grep haproxy | awk '{print $1, $4, $5}' | sed 's/:[0-9]\\{5\\}//' | sort | uniq -c\n"
        "   604 CLOSE-WAIT 10.9.0.5:8443 x.x.x.x\n   601 FIN-WAIT-2 10.9.0.5 10.9.0.44:5222\n    80 ESTAB 10.9.0.5 10.9.0.44:5222\n"
    )
    row = 'tcp    CLOSE-WAIT 1      0      10.9.0.44:5222     10.9.0.5:40112    users:(("jabberd",pid=91,fd=52))\n'
    finding = only(f"{text}\nThere:\n\n{row}", "server-never-closes")
    assert finding.confidence is Confidence.LIKELY
    assert finding.headline.startswith("jabberd (pid 91) does not close 601 connections of 10.9.0.44:5222")
    alone = only(text, "proxy-half-close")
    assert "the process behind 10.9.0.44:5222 does not close" in alone.headline


OWN = (
    "$ ss -tn | grep 8085 | awk '{{print $1,$2,$4,$5}}' | sed 's/:[3-6][0-9]*//g' | sort | uniq -c\n"
    "   60 ESTAB {unread} 127.0.0.1:8085 127.0.0.1\n   60 ESTAB 0 127.0.0.1 127.0.0.1:8085\n"
)


def test_both_halves_of_calls_to_the_own_port_and_a_thread_that_waits() -> None:
    stack = thread(
        "http-nio-8085-exec-3", "RUNNABLE", "java.net.SocketInputStream.socketRead0", "org.apache.http.impl.io.SessionInputBufferImpl.fillBuffer",
        "org.apache.http.impl.conn.DefaultHttpResponseParser.parseHead", "org.dune.Prices.load", "org.apache.tomcat.util.net.SocketProcessorBase.run",
    )  # fmt: skip
    finding = only(OWN.format(unread=187) + "\n" + stack, "self-call-starvation")
    assert finding.confidence is Confidence.LIKELY
    assert "org.dune.Prices.load" in finding.headline
    assert only(OWN.format(unread=187), "self-call-starvation").confidence is Confidence.SUSPECTED
    assert not found(diagnosed(OWN.format(unread=0)), "self-call-starvation"), "calls that are read are served"


PORTS = "$ netstat -tan | awk '{{print $5,$6}}' | sort | uniq -c | sort -n | tail -2\n   14 10.3.0.9:5984 ESTABLISHED\n{count} 10.3.0.9:5984 TIME_WAIT\n"


def test_ports_that_are_used_up_by_count_range_and_error() -> None:
    text = REFUSED + PORTS.format(count=9970) + "$ sysctl net.ipv4.ip_local_port_range\nnet.ipv4.ip_local_port_range = 20000\t29999\n"
    finding = only(text, "ephemeral-port-exhaustion")
    assert finding.confidence is Confidence.CERTAIN
    assert "9,984 of 10,000 are in use, 9,970 of them in TIME_WAIT" in finding.headline
    assert "org.dune.Mill.grind(Mill.java:12)" in finding.explanation


def test_ports_without_their_range_are_suspected_or_likely() -> None:
    assert only(PORTS.format(count=28100), "ephemeral-port-exhaustion").confidence is Confidence.SUSPECTED
    assert only(REFUSED + PORTS.format(count=28100), "ephemeral-port-exhaustion").confidence is Confidence.LIKELY
    wide = PORTS.format(count=28100) + "$ cat /proc/sys/net/ipv4/ip_local_port_range\n1024\t65000\n"
    assert not found(diagnosed(wide), "ephemeral-port-exhaustion")
    near = PORTS.format(count=28100).replace("$5,$6", "$4,$6")
    assert not found(diagnosed(near), "ephemeral-port-exhaustion"), "clients that come to a port of this host take no local port"


FILES = "# ls -l /proc/55/fd | awk '{{print $NF}}' | sed 's/[0-9]*$//' | sort | uniq -c | sort -rn\n  {files} /srv/index/part-\n   {sockets} socket:\n    5 anon_inode:\n"
LIMIT = "# grep 'open files' /proc/55/limits\nMax open files            1024                 4096                 files\n"
TOO_MANY = "2026-02-01 10:00:00,120 ERROR Acceptor: java.io.IOException: Too many open files\n"


def test_descriptors_that_are_files_are_no_leak_of_sockets() -> None:
    finding = only(TOO_MANY + FILES.format(files=930, sockets=80) + LIMIT, "fd-exhaustion")
    assert finding.confidence is Confidence.CERTAIN
    assert "1,015 of 1,024, most of them files (/srv/index/part-)" in finding.headline
    assert "Only 80 of them are sockets" in finding.explanation
    assert only(FILES.format(files=930, sockets=80) + LIMIT, "fd-exhaustion").confidence is Confidence.LIKELY


def test_descriptors_below_the_limit_are_no_finding() -> None:
    assert not found(diagnosed(FILES.format(files=500, sockets=80) + LIMIT), "fd-exhaustion")


NAMES = "$ grep '^\"job-' td.txt | sed 's/^\"job-[0-9]*-/\"job-N-/' | cut -d'\"' -f2 | sort | uniq -c\n   {count} job-N-thread-1\n   {count} job-N-thread-2\n"
NO_THREAD = 'Exception in thread "main" java.lang.OutOfMemoryError: unable to create new native thread\n\tat java.lang.Thread.start0(Native Method)\n\tat org.dune.Fan.out(Fan.java:40)\n'


def test_pools_of_one_pattern_by_the_thousand_are_a_leak_of_threads() -> None:
    finding = only(NO_THREAD + NAMES.format(count=450) + "$ ulimit -u\n1000\n", "thread-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "900 threads of 450 pools named job-N" in finding.headline
    assert "1,000" in finding.explanation
    assert only(NAMES.format(count=450), "thread-leak").confidence is Confidence.SUSPECTED
    assert not found(diagnosed(NAMES.format(count=20)), "thread-leak")


def goroutines(*groups: tuple[int, int, str, str]) -> str:
    """A profile: count, hidden frames of the runtime, function, place."""
    text = f"goroutine profile: total {sum(count for count, *_ in groups)}\n"
    for at, (count, hidden, function, place) in enumerate(groups, start=1):
        call = 0x600000 + 0x1000 * at
        above = "".join(f" {0x430000 + number:#x}" for number in range(hidden))
        text += f"{count} @{above} {call:#x} 0x46c321\n#\t{call - 1:#x}\t{function}+0x10\t{place}\n\n"
    return text


def test_goroutines_that_hang_at_a_channel() -> None:
    text = goroutines((4100, 3, "dune.example/mill.(*Wheel).turn.func1", "/src/mill/wheel.go:88"), (20, 0, "main.main", "/src/main.go:9"))
    finding = only(text, "thread-leak")
    assert finding.confidence is Confidence.SUSPECTED
    assert "4,100 of 4,120 goroutines hang at a channel (a send or a receive)" in finding.headline
    assert "wheel.go:88" in finding.headline
    few = goroutines((400, 3, "dune.example/mill.(*Wheel).turn.func1", "/src/mill/wheel.go:88"))
    assert not found(diagnosed(few), "thread-leak")


def test_goroutines_of_served_connections_are_no_leak() -> None:
    served = "goroutine profile: total 4100\n4100 @ 0x43 0x44 0x45 0x600010 0x610010 0x46c321\n#\t0x60000f\tdune.example/mill.Wait+0x1\t/src/w.go:3\n#\t0x61000f\tnet/http.(*conn).serve+0x1\t/go/server.go:9\n"
    assert not found(diagnosed(served), "thread-leak")


def test_answers_that_nobody_closes_and_the_place_that_closed_them() -> None:
    client = (
        (3000, 2, "net/http.(*persistConn).readLoop", "/go/net/http/transport.go:2213"),
        (3001, 2, "net/http.(*persistConn).writeLoop", "/go/net/http/transport.go:2392"),
    )
    sockets = "\n$ ss -tan state close-wait | awk '{print $4}' | sort | uniq -c\n   2900 10.3.0.7:9443\n"
    finding = only(goroutines(*client) + sockets, "connection-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "3,000 answers of HTTP calls to 10.3.0.7:9443 were never closed" in finding.headline
    assert only(goroutines(*client), "connection-leak").confidence is Confidence.SUSPECTED
    readers = (2500, 2, "net/http.(*bodyEOFSignal).Read", "/go/net/http/transport.go:2800")
    assert not found(diagnosed(goroutines(*client, readers)), "connection-leak"), "answers that are being read"
    idle = tuple((count, 0, function, place) for count, _, function, place in client)
    assert not found(diagnosed(goroutines(*idle)), "connection-leak"), "connections that are kept for the next call"


def test_a_goroutine_of_a_profile_is_never_called_running() -> None:
    text = goroutines((4100, 0, "dune.example/mill.Turn", "/src/w.go:3"))
    verdict = diagnosed(text).verdict
    assert "running" not in f"{verdict.headline} {verdict.summary}".lower()


def test_a_pile_of_which_nothing_else_is_known_is_a_fact_and_no_cause() -> None:
    text = said("netstat -an | awk '/^tcp/ {print $6}' | sort | uniq -c\n   2021 CLOSE_WAIT\n    233 ESTABLISHED\n     19 LISTEN\n")
    assert "this host has 2,021 sockets in CLOSE_WAIT" in text
    assert "no setting of the kernel or of a server ends that" in text


def test_states_of_a_quiet_host_are_called_normal() -> None:
    text = said("netstat -an | awk '{print $6}' | sort | uniq -c\n    2 CLOSE_WAIT\n  150 ESTABLISHED\n   9 LISTEN\n  740 TIME_WAIT\n")
    assert "nothing unusual is among the states that were counted: 740 TIME_WAIT are normal" in text


@pytest.mark.parametrize(
    "rows",
    ["  740 TIME_WAIT\n", "   90 SYN_RECV\n  740 TIME_WAIT\n", "  150 CLOSE_WAIT\n  740 TIME_WAIT\n", "   9 LISTEN\n  16100 TIME_WAIT\n"],
)
def test_states_that_are_not_quiet_are_not_called_normal(rows: str) -> None:
    assert "nothing unusual" not in said(f"netstat -an | awk '{{print $6}}' | sort | uniq -c\n{rows}")


TRACKED = "# sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max\nnet.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = 8192\n"
STATES = "# conntrack -L | awk '{print $1,$4}' | sort | uniq -c\n   7000 tcp TIME_WAIT\n    900 tcp ESTABLISHED\n"
DROPPED = "[1822031.118276] nf_conntrack: nf_conntrack: table full, dropping packet\n"


def test_a_full_table_of_tracked_connections() -> None:
    finding = only(TRACKED.format(count=8190) + STATES, "conntrack-full")
    assert finding.confidence is Confidence.LIKELY
    assert "full (8,190 of 8,192)" in finding.headline
    assert "7,000 TIME_WAIT, 900 ESTABLISHED" in finding.explanation
    assert not found(diagnosed(TRACKED.format(count=8190) + STATES), "ephemeral-port-exhaustion")
    for line in (DROPPED, DROPPED.replace("full,", "full in netns 4026532181,")):
        assert only(line + TRACKED.format(count=8192), "conntrack-full").confidence is Confidence.CERTAIN


def test_a_table_with_room_is_no_full_one_and_a_line_of_the_kernel_alone_is_likely() -> None:
    assert not found(diagnosed(TRACKED.format(count=812) + STATES), "conntrack-full")
    assert [one.confidence for one in found(diagnosed(DROPPED * 3), "conntrack-full")] == [Confidence.LIKELY]


def test_sockets_of_one_process_of_which_no_end_is_known() -> None:
    text = "$ lsof -nP -p 881 | grep -c CLOSE_WAIT\n905\n$ grep files /proc/881/limits\nMax open files            {limit}                 4096                 files\n"
    finding = only(text.format(limit=4096), "connection-leak")
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.headline == "process 881 keeps 905 sockets in CLOSE_WAIT: their far ends have closed, and it has not."
    assert only(text.format(limit=1000), "connection-leak").confidence is Confidence.LIKELY
    rows = "".join(f"java  881 app  {40 + at}u  IPv4 555  0t0  TCP 10.0.0.5:51{at}->10.0.0.9:9200 (CLOSE_WAIT)\n" for at in range(3))
    shown = f"COMMAND PID USER   FD  TYPE DEVICE SIZE/OFF NODE NAME\n{rows}...\n\n"
    finding = only(shown + text.format(limit=4096), "connection-leak")
    assert "905 sockets in CLOSE_WAIT (3 rows are here, to 10.0.0.9:9200)" in finding.headline


def test_a_number_that_may_be_a_port_names_no_process() -> None:
    text = said("$ netstat -antp | grep 8009 | awk '{print $6}' | sort | uniq -c\n    512 CLOSE_WAIT\n      1 LISTEN\n")
    assert "process 8009" not in text
    assert "this host has 512 sockets in CLOSE_WAIT" in text


def test_rounds_of_a_loop_show_growth() -> None:
    text = "$ for i in 1 2 3; do date +%T; ss -tn state close-wait dst 10.1.9.9:9200 | wc -l; sleep 600; done\n14:00:01\n402\n14:10:02\n433\n14:20:02\n467\n"
    finding = only(text, "connection-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "402 → 433 → 467 within 20 minutes, which is 195 an hour" in finding.explanation


@pytest.mark.parametrize(
    "rows",
    [
        "$ ss -tan | awk '{print $1,$5}' | cut -d: -f1 | sort | uniq -c\n  26120 TIME-WAIT 10.8.0.12\n    310 ESTAB 10.8.0.12\n",
        "$ netstat -tan | awk '{print $6}' | sort | uniq -c\n  26120 TIME_WAIT\n    310 ESTABLISHED\n     22 LISTEN\n",
    ],
)
def test_an_error_of_connect_names_the_place_that_a_count_leaves_out(rows: str) -> None:
    error = "Error: connect EADDRNOTAVAIL 10.8.0.12:6379 - Local (0.0.0.0:0)\n    at internalConnect (net.js:923:16)\n"
    finding = only(rows + "\n" + error, "ephemeral-port-exhaustion")
    assert finding.confidence is Confidence.LIKELY
    assert "10.8.0.12:6379" in finding.headline
    assert not found(diagnosed(rows), "ephemeral-port-exhaustion")


def test_threads_of_one_process_or_of_one_name() -> None:
    by_pid = "$ ps -eLf | awk '{print $2}' | sort | uniq -c | sort -rn | head -2\n   3870 4123\n     88 912\n"
    assert not found(diagnosed(by_pid), "thread-leak"), "a large server may have that many"
    finding = only(by_pid + "$ cat /proc/sys/kernel/threads-max\n4096\n" + NO_THREAD, "thread-leak")
    assert finding.confidence is Confidence.LIKELY
    assert "3,870 threads of process 4123" in finding.headline
    by_name = "$ jstack 1 | grep '^\"' | sed 's/[0-9]*//g' | cut -d'\"' -f2 | sort | uniq -c | sort -rn\n   {count} mill-timer\n     90 http-nio--exec-\n"
    assert only(by_name.format(count=2100), "thread-leak").confidence is Confidence.SUSPECTED
    assert not found(diagnosed(by_name.format(count=120)), "thread-leak")


def test_commands_that_are_asked_for_fit_the_system_and_the_runtime() -> None:
    bsd = diagnosed("% netstat -an -p tcp | awk '{print $6}' | sort | uniq -c\n   2021 CLOSE_WAIT\n    19 LISTEN\n")
    assert not any("ss -" in one.command or "jstack" in one.command or "/proc" in one.command for one in bsd.missing)
    neutral = diagnosed("$ netstat -tan | awk '{print $6}' | sort | uniq -c\n   2021 CLOSE_WAIT\n    19 LISTEN\n")
    assert any(one.command.startswith("gdb -p PID") for one in neutral.missing)
    java = diagnosed("$ netstat -tanp | grep java | awk '{print $6}' | sort | uniq -c\n   21 CLOSE_WAIT\n    19 LISTEN\n")
    assert any(one.command.startswith("jstack") for one in java.missing)


MASKED = "$ jstack 6155 | grep '^\"' | cut -d'\"' -f2 | sed 's/[0-9]\\+/N/g' | sort | uniq -c | sort -rn | head\n   {saw} Saw (saw-N) thread #N - Template\n     75 http-bio-N-exec-N\n     10 ajp-bio-N-exec-N\n"


def test_a_row_whose_numbers_are_all_masked_counts_no_pools() -> None:
    log = "java.lang.OutOfMemoryError: unable to create new native thread\n\tat java.lang.Thread.start0(Native Method)\n\tat nl.mill.Forwarder.forward(Forwarder.java:58)\n"
    findings = found(diagnosis_of({"post.md": f"```\n{log}```\n\n```\n{MASKED.format(saw=4813)}```\n"}), "thread-leak")
    assert len(findings) == 1
    assert "4,813 threads named Saw (saw-N) thread #N - Template" in findings[0].headline
    assert "called from nl.mill.Forwarder.forward(Forwarder.java:58)" in findings[0].explanation


def test_as_many_connections_as_threads_are_told() -> None:
    sockets = "$ lsof -nP -p 6155 | grep -c '198.51.100.24:443 (ESTABLISHED)'\n{count}\n"
    (near,) = found(diagnosis_of({"post.md": f"{MASKED.format(saw=4813)}\n{sockets.format(count=4800)}"}), "thread-leak")
    assert "About as many connections to 198.51.100.24:443 are open (4,800)" in near.explanation
    (far,) = found(diagnosis_of({"post.md": f"{MASKED.format(saw=4813)}\n{sockets.format(count=48)}"}), "thread-leak")
    assert "About as many" not in far.explanation


ROUNDS = "ops:~$ for i in 1 2 3 4; do date +%H:%M; {command}; sleep 3600; done\n{rows}"


def rounds(command: str, *counts: int) -> str:
    return ROUNDS.format(command=command, rows="".join(f"{9 + n:02}:00\n{count}\n" for n, count in enumerate(counts)))


def test_a_loop_that_prints_the_time_before_each_count() -> None:
    verdict = diagnosis_of({"post.txt": rounds("netstat -an | grep CLOSE_WAIT | wc -l", 1240, 1388, 1561, 1702)}).verdict
    assert "1,702 sockets" in verdict.headline
    assert "They grow: 1,240 → 1,388 → 1,561 → 1,702 within 180 minutes, which is 154 an hour." in verdict.summary


@pytest.mark.parametrize(("counts", "steady"), [((2231, 2240, 2228, 2236), True), ((900, 1400, 1900, 2236), False)])
def test_time_wait_alone_is_normal_and_its_course_is_told(counts: tuple[int, ...], steady: bool) -> None:
    verdict = diagnosis_of({"post.txt": rounds("ss -tan state time-wait | wc -l", *counts)}).verdict
    said = f"{verdict.headline} {verdict.summary}"
    assert "2,236 sockets in TIME_WAIT were counted" in said
    assert "they are normal, as each connection that this host closes first stays so for a minute" in said
    assert ("their number does not grow" in said) is steady


def test_time_wait_near_the_range_of_ports_is_not_called_normal() -> None:
    verdict = diagnosis_of({"post.txt": rounds("ss -tan state time-wait | wc -l", 26000, 27000, 27500, 28000)}).verdict
    assert "they are normal" not in f"{verdict.headline} {verdict.summary}"
