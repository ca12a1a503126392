"""``--anonymize``: nothing that names somebody is left in any format, and what a diagnosis rests on stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from analyzer.intake.read import assemble, read_one
from analyzer.model.errors import Disclosed
from analyzer.model.finding import Evidence, Process
from analyzer.model.incident_facts import IncidentFacts
from parsers.records import Where
from reports.anonymize.addresses import is_kept
from reports.anonymize.anonymize import KINDS, anonymized, command
from reports.anonymize.disclosure import check_data, check_reports, originals_of
from reports.anonymize.identities import Identities, gather, users_in
from reports.anonymize.pseudonyms import Pseudonyms
from reports.anonymize.replacer import Replacer
from reports.contract import json_v1 as json_contract
from reports.formats import terminal
from reports.view import build as view
from tests.builders import SAMPLES, dump, evidence_of, judge, netstat, sample, thread
from tests.reports import diagnoses, parts
from tests.reports.hostile import KINDS as POISONS
from tests.reports.hostile import hostile
from tests.reports.rendering import RENDERERS

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident


def rendered(diagnosis: Diagnosis, incident: Incident | None = None, kinds: tuple[str, ...] = KINDS[:3]) -> dict[str, str]:
    """Every format of the anonymised diagnosis, each searched by the check that guards real runs."""
    pseudonyms = Pseudonyms()
    made, by = anonymized(diagnosis, pseudonyms, kinds, incident, ("app01",))
    shown = view.build(made, command("analyze /home/kim/acme-hang --host app01 -o /srv/kim/report.html"), "0")
    texts = {name: render(shown) for name, render in RENDERERS.items()}
    texts |= {"json": json_contract.render(made, "0")} | {
        f"verdict {width}": terminal.verdict(shown, width, color=False) for width in (40, 120)
    }
    if "addresses" in kinds:
        check_data(made, pseudonyms)
    check_reports(texts, originals_of(by, pseudonyms, addresses="addresses" in kinds))
    return texts


def anonymizer(
    hosts: tuple[str, ...] = (), users: tuple[str, ...] = (), kinds: tuple[str, ...] = KINDS[:3], files: tuple[str, ...] = ()
) -> Replacer:
    return Replacer(Pseudonyms(), Identities(frozenset(hosts), frozenset(users), frozenset(files), frozenset()), kinds)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("8 calls to 10.41.249.26:8080 from 10.41.249.27", "8 calls to 10.0.1.1:8080 from 10.0.1.2"),
        ("http-nio-10.41.249.26-8443-exec-1", "http-nio-10.0.1.1-8443-exec-1"),
        ("/10.41.249.26:8080", "/10.0.1.1:8080"),
        ("[::ffff:10.41.249.26]:8080 is 10.41.249.26", "[::ffff:10.0.1.1]:8080 is 10.0.1.1"),
        ("1: 1AF9290A:1F90 0100007F:94CA 06", "1: 0101000A:1F90 0100007F:94CA 06"),
        ("203.0.113.9 and 8.8.8.8", "198.18.0.1 and 198.18.1.1"),
        ("ip-10-41-249-26.eu-west-1.compute.internal", "host-1.domain-1.example"),
        ("RMI TCP Connection(5)-10.41.249.26", "RMI TCP Connection(5)-10.0.1.1"),
        ("2001:db8:85a3::8a2e:370:7334", "2001:db8:0:1::1"),
        ("*:8080 127.0.0.1:1 [::1]:2 fe80::1%eth0 pid 1493", "*:8080 127.0.0.1:1 [::1]:2 fe80::1%eth0 pid 1493"),
        ("jstack.txt:146-148 at 12:27:08", "jstack.txt:146-148 at 12:27:08"),
        ("(java.base@11.0.16.1/Net.java:-2)", "(java.base@11.0.16.1/Net.java:-2)"),
        ("producer | app01-kafka", "producer | host-1-kafka"),
        ("app01 app010 myapp01 APP01", "host-1 app010 myapp01 host-1"),
        ("app01.acme.com is app01, api.acme.com is not", "host-1.domain-1.example is host-1, host-2.domain-1.example is not"),
        ("http-nio-app01.acme.com-8443-exec-1", "http-nio-host-1.domain-1.example-8443-exec-1"),
        ("http-nio-web7.acme.com-8443-exec-1", "http-nio-host-1.domain-1.example-8443-exec-1"),
        ("acme.com acme.co.kr", "domain-1.example host-1.domain-2.example"),
        ("kim.lee@acme.com", "user-1@domain-1.example"),
        ("com.acme.shop.Search.all(Search.java:3)", "com.acme.shop.Search.all(Search.java:3)"),
        ("sun.nio.ch.SocketDispatcher.read0", "sun.nio.ch.SocketDispatcher.read0"),
        ("sh collect.sh 1493", "sh collect.sh 1493"),
        ("GET /account/4711/kim?token=abc HTTP/1.1", "GET /name1/name2/name3?(removed) HTTP/1.1"),
        ("GET http://u:p@api.acme.com:8080/a/42?x=1 HTTP/1.1", "GET http://(login)@host-1.domain-1.example:8080/a/42?(removed) HTTP/1.1"),
        ("CONNECT api.acme.com:443", "CONNECT host-1.domain-1.example:443"),
        ("jdbc:mysql://db7.acme.com:3306/orders?user=kim&password=x", "jdbc:mysql://host-1.domain-1.example:3306/name1?(removed)"),
        ("jdbc:oracle:thin:scott/tiger@db1:1521:ORCL", "jdbc:oracle:(removed)"),
        ("kafka://k1.acme.com:9092,k2.acme.com:9092", "kafka://host-1.domain-1.example:9092,host-2.domain-1.example:9092"),
        ("java -Ddb.password=hunter2 -jar /opt/acme/lib/acme-gw.jar", "java -Ddb.password=(removed) -jar /opt/name1/lib/name1-gw.jar"),
        ("Authorization: Bearer abc.def", "Authorization: (removed)"),
        ("/home/kim/app.log and /Users/kim", "/home/user-1/app.log and /Users/user-1"),
        (r"C:\Users\kim\acme.log", r"C:\Users\user-1\name1.log"),
        ("/proc/1493/fd and/or I/O", "/proc/1493/fd and/or I/O"),
    ],
)
def test_a_text(text: str, shown: str) -> None:
    assert anonymizer(hosts=("app01",) if "app01" in text else ()).text(text) == shown


def test_equal_values_stay_equal_and_different_ones_different() -> None:
    made = anonymizer(hosts=("app01", "app02"), users=("kim",))
    assert made.text("app01 kim 10.1.1.1 /kim/x app02 app01") == "host-1 user-1 10.0.1.1 /user-1/x host-2 host-1"
    assert made.text("app01") == "host-1"


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (("addresses",), "10.0.1.1 app01 kim com.acme.Shop.buy"),
        (("hosts",), "10.1.1.1 host-1 kim com.acme.Shop.buy"),
        (("users",), "10.1.1.1 app01 user-1 com.acme.Shop.buy"),
        (("packages",), "10.1.1.1 app01 kim com.pkg1.Shop.buy"),
    ],
)
def test_only_what_was_asked_for(kinds: tuple[str, ...], shown: str) -> None:
    assert anonymizer(hosts=("app01",), users=("kim",), kinds=kinds).text("10.1.1.1 app01 kim com.acme.Shop.buy") == shown


def test_packages_of_public_software_stay() -> None:
    made = anonymizer(kinds=KINDS)
    assert (
        made.text("org.apache.tomcat.util.net.NioEndpoint.run java.util.List.of")
        == "org.apache.tomcat.util.net.NioEndpoint.run java.util.List.of"
    )
    assert (
        made.text("com.acme.a.X com.acme.b.Y net.acme.X") == "com.pkg1.a.X com.pkg1.b.Y net.pkg1.X"
        or made.text("com.acme.a.X") == "com.pkg1.pkg2.X"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("java    27836 tomcat 1712r  IPv4 844147418      0t0  TCP 10.0.0.26:webcache->10.0.0.149:60494 (CLOSE_WAIT)", "tomcat"),
        ("java 27836 tomcat cwd DIR 8,1 4096 2 /opt", "tomcat"),
        (" 1493 tomcat      20   0 2683480 100524  22284 S   0.0   0.4   0:01.30 java", "tomcat"),
        ("tomcat    9414  4.1 12.3 8996052 96992 ?       Tl   13:20   1:02 /usr/bin/java", "tomcat"),
        ("tomcat    9414  1  0 13:20 ?  00:01:02 /usr/bin/java", "tomcat"),
        ("tcp6 1 0 10.0.0.1:80 10.0.0.2:99 CLOSE_WAIT tomcat 8123 77/java", "tomcat"),
        ("lr-x------ 1 tomcat tomcat 64 Nov 23 12:27 0 -> /dev/null", "tomcat"),
        ("[tomcat@app ~]# jstack 12", "tomcat"),
        ("tomcat@app:~$ ss -tanp", "tomcat"),
    ],
)
def test_a_user_with_a_name_of_software_is_known_by_its_column(line: str, shown: str) -> None:
    made = anonymizer(users=("tomcat",), hosts=("app",))
    assert shown not in made.line(line)
    assert "user-1" in made.line(line)
    assert made.text("org.apache.tomcat and a tomcat of version 9") == "org.apache.tomcat and a tomcat of version 9"


def test_root_stays_and_numbers_too() -> None:
    assert users_in("java 1 root 7u IPv4 1 0t0 TCP *:80 (LISTEN)") == []
    assert users_in("tcp6 0 0 :::80 :::* LISTEN 1001 77 9/java") == []


def hidden() -> dict[str, str]:
    """Files of an incident whose hosts, users, addresses and requests stand in every place they can."""
    lines = [
        "[kim@acme-web7 ~]$ netstat -tape",
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name",
        "tcp6       0      0 acme-web7:http-alt       [::]:*                  LISTEN      kim        8001       77/java",
        *(
            f"tcp6       1      0 acme-web7:http-alt       client-{n}.big.example.com:4{n:03} CLOSE_WAIT kim     {9000 + n}     77/java"
            for n in range(20)
        ),
    ]
    stack = ("java.net.SocketInputStream.socketRead0", "com.acme.Shop.buy", "org.apache.tomcat.util.net.SocketProcessorBase.run")
    names = ["http-nio-acme-web7-8080-exec-1", "http-nio-acme-web7-8080-exec-2 GET /cart/998877?pin=4711", "worker for kim@acme-secret.com"]
    threads = [thread(name, "RUNNABLE", *stack, native="runnable") for name in names] + [
        thread(f"http-nio-8080-exec-{n}", "RUNNABLE", *stack, native="runnable") for n in range(3, 9)
    ]
    return {"acme-web7/netstat-kim.txt": "\n".join(lines) + "\n", "acme-web7/jstack-77.txt": dump(*threads)}


HIDDEN = ("acme-web7", "kim", "big.example.com", "client-3", "4711", "998877", "acme-secret")


def test_names_that_only_tables_state_are_gone_everywhere() -> None:
    evidence = evidence_of(hidden())
    texts = rendered(judge(evidence), evidence.incident)
    for name, text in texts.items():
        for secret in HIDDEN:
            assert not re.search(rf"(?<![a-z0-9]){secret}(?![a-z0-9])", text, re.IGNORECASE), f"{secret} in {name}"
    assert "com.acme.Shop.buy" in texts["json"], "classes stay: the diagnosis needs them"


def test_a_user_in_the_name_of_a_thread_is_gone() -> None:
    """Jira names a thread after the request that it serves, and after who asked."""
    held, wanted = "- locked <0x00000000c0a1f0a8> (a java.lang.Object)", "- waiting to lock <0x00000000c0a1f0a8> (a java.lang.Object)"
    names = [f"http-nio-8080-exec-{n} url: /browse/OPS-{n}; user: sunniva.b{n}" for n in range(9)]
    read = ("java.net.SocketInputStream.socketRead0", "com.example.desk.Mail.fetch", "com.example.desk.Board.load", held)
    threads = [thread(names[0], "RUNNABLE", *read, nid=0x60)]
    threads += [
        thread(name, "BLOCKED (on object monitor)", "com.example.desk.Board.load", wanted, nid=0x70 + n) for n, name in enumerate(names[1:])
    ]
    evidence = evidence_of({"jstack.txt": dump(*threads)})
    texts = rendered(judge(evidence), evidence.incident)
    assert not [name for name, text in texts.items() if "sunniva" in text]
    assert "; user: user-1" in texts["text"].replace("\n", " ")


def test_what_was_found_does_not_change() -> None:
    evidence = evidence_of(hidden())
    before = judge(evidence)
    after, _ = anonymized(before, Pseudonyms(), incident=evidence.incident)
    assert [(one.id, one.rule, one.severity, one.confidence) for one in after.findings] == [
        (one.id, one.rule, one.severity, one.confidence) for one in before.findings
    ]
    assert after.verdict.fingerprint == before.verdict.fingerprint
    assert [table.states for table in after.sockets] == [table.states for table in before.sockets]
    assert [(table.size, table.doing) for table in after.pools] == [(table.size, table.doing) for table in before.pools]
    assert [(item.sha256, item.records) for item in after.inputs] == [(item.sha256, item.records) for item in before.inputs]
    assert [(where.first, where.last) for where in sorted(after.excerpts)] == [
        (where.first, where.last) for where in sorted(before.excerpts)
    ]
    assert {item.where for one in after.findings for item in one.evidence} <= set(after.excerpts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    sorted(path.name for path in SAMPLES.iterdir() if (path / "README.md").exists() and path.name not in {"lab", "self-call-at-scale"}),
)
def test_every_sample_passes_its_own_check(name: str) -> None:
    made = sample(name)
    known = gather(made)
    text = rendered(made)["json"]
    for address in known.addresses:
        assert not re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", text)


@pytest.mark.parametrize("kind", [*POISONS, ""])
def test_hostile_texts_pass_it_too(kind: str) -> None:
    rendered(hostile(kind))


@pytest.mark.parametrize("state", sorted(diagnoses.STATES))
def test_every_state_passes_it(state: str) -> None:
    rendered(diagnoses.STATES[state](), kinds=KINDS)


WORD = st.from_regex(r"[a-z]{2,6}[0-9]{1,3}[a-z0-9]{0,4}", fullmatch=True)
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda address: not is_kept(address) and not getattr(address, "ipv4_mapped", None)
)
SHAPES = (
    "{host}", "http-nio-{host}-8080-exec-1", "calls {end}", "/{address}:80", "{user}@{host}.{word}.com", "GET /{word}/{word}?{word}={user} HTTP/1.1",
    "https://{user}:{word}@{host}.{word}.internal:8443/{word}", "/home/{user}/{word}.log", "java 12 {user} 7u IPv4 1 0t0 TCP {end} (CLOSE_WAIT)",
    "[{user}@{host} ~]# lsof", "tcp 1 0 {end} {end} CLOSE_WAIT {user} 12 9/java", "{host}.{word}.co.kr`|*<b>{host}</b>", "password={word}",
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_original_is_left_wherever_it_stood(data: st.DataObject) -> None:
    hosts, users, words = (data.draw(st.lists(WORD, min_size=2, max_size=3, unique=True)) for _ in range(3))
    addresses = data.draw(st.lists(ADDRESS, min_size=1, max_size=4, unique=True))
    secret = {*hosts, *users}

    def text() -> str:
        address = data.draw(st.sampled_from(addresses))
        fields = {
            "host": data.draw(st.sampled_from(hosts)),
            "user": data.draw(st.sampled_from(users)),
            "word": data.draw(st.sampled_from(words)),
        }
        shape = data.draw(st.sampled_from(SHAPES))
        return shape.format(address=address, end=f"[{address}]:443" if address.version == 6 else f"{address}:443", **fields)

    where = Where("jstack.txt", 1, 2)
    finding = replace(
        parts.SELF_CALL,
        headline=text(),
        explanation=f"{text()} and {text()}.",
        why_confident=text(),
        process=Process(hosts[0], 7, "java"),
        culprit=replace(parts.SELF_CALL.culprit, pool=text(), thread=text(), remote=f"{hosts[1]}:443"),
        evidence=(Evidence(where, text(), (text(),), 0, text()),),
    )
    made = replace(
        diagnoses.self_call(),
        incident=IncidentFacts(name="x", hosts=tuple(hosts), first=None, last=None),
        findings=(finding, parts.IDLE),
        verdict=diagnoses.verdict_of(finding),
        excerpts={where: tuple(text() for _ in range(4)) + tuple(f"java 12 {user} 7u IPv4 1 0t0 TCP *:1 (LISTEN)" for user in users)},
        notes=(text(), text()),
    )
    for name, output in rendered(made).items():
        for one in secret:
            assert not re.search(rf"(?<![A-Za-z0-9]){one}(?![A-Za-z0-9])", output), f"{one} in {name}"
        for address in addresses:
            assert not re.search(rf"(?<![0-9a-f.:]){re.escape(str(address))}(?![0-9a-f.:])", output), f"{address} in {name}"


class TestTheCheckItself:
    """It must fail when the replacement does."""

    def test_an_address_that_was_forgotten_in_the_data(self) -> None:
        with pytest.raises(Disclosed, match=r"10\.1\.2\.3"):
            check_data(replace(diagnoses.self_call(), notes=("seen at 10.1.2.3",)), Pseudonyms())

    @pytest.mark.parametrize(
        "text",
        ["on acme-web7.", "on ACME-WEB7", "on acme\\-web7", "on acme&#45;web7", "on acme-\n   web7", "on ac\u200bme-web7", '"acme-web7"'],
    )
    def test_a_name_behind_escapes_and_line_ends(self, text: str) -> None:
        with pytest.raises(Disclosed, match="md"):
            check_reports({"md": text}, {"acme-web7"})

    def test_a_longer_name_is_another(self) -> None:
        check_reports({"md": "acme-web70 xacme-web7"}, {"acme-web7"})

    def test_a_field_that_is_passed_by(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = evidence_of(hidden())
        monkeypatch.setattr(
            "reports.anonymize.replacer._FIXED", frozenset({"headline", "explanation", "why", "says", "remote", "notes", "name"})
        )
        with pytest.raises(Disclosed):
            rendered(judge(evidence), evidence.incident)


def test_the_tree_of_types_is_kept() -> None:
    made, _ = anonymized(diagnoses.consequence(), Pseudonyms())
    assert msgspec.json.decode(json_contract.render(made, "0"), type=json_contract.Report).schema == "diagnosis/1"


def test_netstat_of_bsd_and_cut_addresses() -> None:
    made = anonymizer()
    assert made.text("tcp4 0 0 10.9.9.9.8080 10.9.9.8.53 CLOSE_WAIT") == "tcp4 0 0 10.0.1.1.8080 10.0.1.2.53 CLOSE_WAIT"
    assert "85a3" not in made.text("tcp6 0 0 2001:db8:85a3:8d3:13:8080 :::* LISTEN")


def test_rows_in_a_table_of_names() -> None:
    evidence = evidence_of({"netstat.txt": netstat("0 web.corp:8080 *:* LISTEN 7/java", "1 web.corp:8080 db-3:4000 CLOSE_WAIT 7/java")})
    text = rendered(judge(evidence), evidence.incident)["json"]
    assert "db-3" not in text
    assert "web.corp" not in text


def test_evidence_that_was_anonymised_before_can_be_anonymised_again() -> None:
    evidence = evidence_of(hidden())
    once, _ = anonymized(judge(evidence), Pseudonyms(), incident=evidence.incident)
    text = rendered(once)["json"]
    assert "com.acme.Shop.buy" in text


def test_a_file_name_with_blanks_and_other_scripts() -> None:
    made = anonymizer(hosts=("app01",))
    assert made.file("Acme Prod/결제 서버 jstack-27836 (app01).txt") == "name1 Prod/name2 name3 jstack-27836 (host-1).txt"


def test_the_name_that_the_host_gave_itself_goes_though_the_user_gave_another() -> None:
    named = thread("ledger77-pool-thread", "RUNNABLE", "com.example.A.b", nid=0x900)
    evidence = assemble(
        "incident", [read_one("uname.txt", b"$ uname -n\nledger77\n"), read_one("jstack.txt", dump(named).encode())], "shop9"
    )
    assert all("ledger77" not in text for text in rendered(judge(evidence), evidence.incident).values())


LISTED = """pid|usename|datname|application_name|client_addr|client_port|state|wait_event_type|blocked_by|xact_start|query_start|query
7101|orders|shop|thread|10.7.0.4|41001|active|Lock|{7090}|2026-03-04 06:00:00+00|2026-03-04 06:00:00+00|update sack set owner = 'Miller'
7090|orders|shop|thread|10.7.0.9|41009|idle in transaction|Client|{}|2026-03-04 05:50:00+00|2026-03-04 06:01:00+00|select 1
(2 rows)
"""


def test_users_and_databases_that_are_ordinary_words_go_from_lists_and_sentences() -> None:
    evidence = evidence_of({"sessions.txt": LISTED})
    diagnosis = judge(evidence)
    assert "(thread, 10.7.0.9:41009)" in diagnosis.verdict.headline
    for name, text in rendered(diagnosis, evidence.incident).items():
        assert not re.search(r"\borders\b|\bshop\b|\(thread,|[|]thread[|]", text), name
        assert "Miller" not in text
