"""HAProxy's statistics: queues, servers that it takes for dead, sessions that are all in use."""

from __future__ import annotations

from parsers import FORMATS, recognise
from parsers.records import ProxyLoad
from parsers.sessions import haproxy_stat
from parsers.text.source import Section
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

HEADING = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act\n"
FRONT = "shop,FRONTEND,,,96,120,2000,71022,91022000,880100200,0,0,12,,,,,OPEN,,\n"
BUSY = "carts,c1,31,77,20,20,20,30111,41022000,480100200,,0,,7,3,44,9,UP,100,1\n"
DEAD = "carts,c2,0,9,0,20,20,20111,31022000,280100200,,0,,1402,3,44,9,DOWN,100,1\n"
WHOLE = "carts,BACKEND,4,90,20,40,200,50222,72044000,760200400,0,0,,1409,6,88,18,UP,100,1\n"
CALM = "till,t1,0,0,3,9,20,30111,41022000,480100200,,0,,0,0,0,0,UP,100,1\n"


def loads(text: str) -> list[ProxyLoad]:
    return [one for one in check(haproxy_stat, Section("x", 1, text.splitlines())).records if isinstance(one, ProxyLoad)]


def said(text: str) -> str:
    verdict = diagnosis_of({"post.txt": text}).verdict
    return f"{verdict.headline} {verdict.summary}"


def test_columns_are_read_by_their_heading() -> None:
    front, busy = loads(HEADING + FRONT + BUSY)
    assert (front.proxy, front.server, front.queued, front.current, front.limit) == ("shop", "FRONTEND", None, 96, 2000)
    assert (busy.queued, busy.current, busy.limit, busy.status, busy.failed) == (31, 20, 20, "UP", 7)
    (fewer,) = loads("# pxname,svname,qcur,qmax,scur,smax,slim,stot,status\ncarts,c1,5,7,1,2,9,100,UP\n")
    assert (fewer.status, fewer.failed) == ("UP", None)


def test_without_a_heading_only_the_usual_order_is_read() -> None:
    assert recognise(Section("x", 1, [BUSY.strip()])) is haproxy_stat
    assert recognise(Section("x", 1, ["carts,c1,31,77,20,20,20,30111,1,2,3,4,5,6,7,8,9,12,100,1"])) is not haproxy_stat
    assert [form.NAME for form in FORMATS if form.sniff([BUSY.strip()])] == [haproxy_stat.NAME]


def test_queues_come_first_then_dead_servers() -> None:
    text = said(f"Why does it queue?\n\n{HEADING}{FRONT}{BUSY}{DEAD}{WHOLE}")
    assert "31 requests wait in HAProxy's queue of carts/c1: all of its 20 places are taken." in text
    assert "HAProxy has 4 requests in the queue of carts." in text
    assert "HAProxy takes carts/c2 for DOWN (1,402 connections to it failed since it began)" in text


def test_a_frontend_without_a_place_left_is_told_and_a_calm_list_too() -> None:
    assert "shop/FRONTEND has all of its 2,000 sessions in use" in said(HEADING + FRONT.replace(",96,", ",2000,"))
    assert "HAProxy lists 1 server, none with a queue" in said(HEADING + FRONT + CALM)


CUT = """all I have of that time (columns: pxname svname qcur qmax scur smax slim stot econ status qtime ctime rtime ttime):

shop   FRONTEND -  -   990 2000 2000 911022 - OPEN - - - -
carts  c1       31 77  20  20   20   30111  7 UP 5200 1 7310 12600
carts  c2       29 70  20  20   20   30001  0 UP 5100 0 7290 12500
carts  BACKEND  60 150 40  40   60   60112  7 UP 5150 0 7300 12550
"""


def test_rows_that_awk_has_cut_out_are_read_by_names_in_front_of_them() -> None:
    _, one, two, _ = loads(CUT)
    assert (one.queued, one.current, one.limit, one.failed, one.status) == (31, 20, 20, 7, "UP")
    assert (two.answers, two.connects) == (7.29, 0.0)
    text = said(CUT)
    assert "60 requests wait in HAProxy's queue of carts: all of its 2 servers' 40 places are taken, and an answer takes 7.3 s" in text


def test_rows_with_another_number_of_cells_are_unread() -> None:
    parsed = check(haproxy_stat, Section("x", 1, [*CUT.splitlines(), "carts c3 1 2 3"]))
    assert sum(isinstance(one, ProxyLoad) for one in parsed.records) == 4
    assert parsed.unread
