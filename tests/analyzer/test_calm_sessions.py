"""Lists of sessions that rest by their own wish are normal; what piles up, waits for a lock or scans a collection is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders import diagnosis_of

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

CLIENT = "id={id} addr=172.20.4.{host}:4{id} fd={id} name= age={idle} idle={idle} flags={flags} db=0 sub={sub} psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem={omem} events=r cmd={cmd} user=default"
NOTHING = "Nothing is wrong in what is shown"


def client(id_: int, cmd: str, flags: str = "N", idle: int = 3, host: int = 9, omem: int = 0) -> str:
    return CLIENT.format(id=id_, host=host, idle=idle, flags=flags, sub=int(flags == "P"), omem=omem, cmd=cmd)


RESTING = [
    client(101, "psubscribe", "P", 700000),
    client(102, "bzpopmin", "b", 2),
    client(103, "blpop", "b", 4),
    client(104, "get", idle=31),
]


def said_of(text: str) -> Diagnosis:
    return diagnosis_of({"list.txt": text})


def test_subscribers_and_blocking_pops_are_normal() -> None:
    verdict = said_of("\n".join(RESTING) + "\n").verdict
    assert verdict.headline.startswith(NOTHING)
    assert "1 has subscribed and only receives" in verdict.headline
    assert "2 wait in a blocking command" in verdict.headline


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([client(105, "psubscribe", "P", 90, omem=48_000_000)], "keeps 48,000,000 bytes for session 105"),
        ([client(200 + n, "NULL", idle=86000, host=77) for n in range(60)], "60 connections of 172.20.4.77 never sent a command"),
        ([client(200 + n, "get", idle=86000, host=77) for n in range(60)], "Redis"),
        ([client(105, "brpop", "b", 50000)], "Redis"),
    ],
)
def test_what_piles_up_beside_them_is_not(more: list[str], told: str) -> None:
    verdict = said_of("\n".join([*RESTING, *more]) + "\n").verdict
    assert not verdict.headline.startswith(NOTHING)
    assert told in verdict.headline


HELLO = """{ "desc" : "conn7", "connectionId" : 7, "client" : "172.20.4.9:40118", "active" : true, "opid" : 5501, "secs_running" : NumberLong(%s), "op" : "command", "ns" : "admin.$cmd", "command" : { "isMaster" : 1, "topologyVersion" : { }, "maxAwaitTimeMS" : NumberLong(10000), "$db" : "admin" }, "locks" : { }, "waitingForLock" : false }"""
TAILS = """{ desc: 'conn9', connectionId: 9, client: '172.20.4.8:51200', clientMetadata: { os: { type: 'Linux', ... }, ... }, active: true, opid: 5507, secs_running: Long("2"), op: 'getmore', ns: 'local.oplog.rs', command: { getMore: Long("77"), collection: 'oplog.rs' }, planSummary: 'COLLSCAN', cursor: { tailable: true, awaitData: true, ... }, waitingForLock: false }"""
SCANS = """{ "desc" : "conn8", "connectionId" : 8, "client" : "172.20.4.9:40120", "active" : true, "opid" : 5502, "secs_running" : NumberLong(412), "op" : "query", "ns" : "depot.parcels", "command" : { "find" : "parcels" }, "planSummary" : "COLLSCAN", "locks" : { }, "waitingForLock" : false }"""
WAITS = SCANS.replace('"waitingForLock" : false', '"waitingForLock" : true')


def ops(*documents: str) -> str:
    return '{ "inprog" : [\n' + ",\n".join(f"  {one}" for one in documents) + '\n], "ok" : 1 }\n'


def test_awaited_commands_and_the_secondaries_cursors_are_normal() -> None:
    verdict = said_of(ops(HELLO % "8", TAILS)).verdict
    assert verdict.headline.startswith(NOTHING)
    assert "1 is a driver's hello" in verdict.headline
    assert "1 is a tailable cursor" in verdict.headline


@pytest.mark.parametrize(
    ("more", "told"),
    [(SCANS, "with “query depot.parcels COLLSCAN”"), (WAITS, "waiting for a lock"), (HELLO % "412", "MongoDB")],
)
def test_what_runs_beside_them_is_told_and_not_normal(more: str, told: str) -> None:
    verdict = said_of(ops(HELLO % "8", TAILS, more)).verdict
    assert not verdict.headline.startswith(NOTHING)
    assert told in verdict.headline


def test_a_tailable_cursor_of_no_await_is_an_ordinary_statement() -> None:
    other = TAILS.replace("local.oplog.rs", "depot.events").replace("awaitData: true", "awaitData: false")
    assert not said_of(ops(HELLO % "8", other)).verdict.headline.startswith(NOTHING)
