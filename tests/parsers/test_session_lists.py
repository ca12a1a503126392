"""Session lists of Oracle, SQL Server, MongoDB, RabbitMQ, ZooKeeper and memcached: columns in any order, in every shape that clients print."""

from __future__ import annotations

import json

import pytest

from parsers import outputs
from parsers.records import Session, SessionBlock, SessionState
from parsers.text.dashed import dashed, is_dashed
from parsers.text.shell_json import plain_json
from parsers.text.source import Source


def records(text: str) -> tuple[list[object], int]:
    """Records, and the lines that were not understood."""
    found = outputs(Source("list.txt", text.encode()))
    lines = sum(1 for line in text.split("\n") if line.strip())
    unread = sum(gap.lines for _, _, parsed in found for gap in parsed.unread)
    assert sum(parsed.read for _, _, parsed in found) + unread == lines
    return [record for _, _, parsed in found for record in parsed.records], unread


def sessions(text: str) -> list[Session]:
    found, unread = records(text)
    assert not unread
    return [record for record in found if isinstance(record, Session)]


def shown(found: list[Session]) -> list[tuple[str, str, SessionState, tuple[str, ...]]]:
    return [(one.id, str(one.client), one.state, one.blocked_by) for one in found]


ORACLE = """
       SID    SERIAL# USERNAME   STATUS   MACHINE                PORT EVENT                          BLOCKING_SESSION SECONDS_IN_WAIT
---------- ---------- ---------- -------- ---------------- ---------- ------------------------------ ---------------- ---------------
        27       9182 SHOP       INACTIVE app01.example         43208 SQL*Net message from client                                  61
       143      50121 SHOP       ACTIVE   app01.example         43210 enq: TX - row lock contention                27              58
       150       1211 SHOP       INACTIVE app01.example         43212 SQL*Net message from client                                   3
       151       1212 SHOP       ACTIVE   app01.example         43214 db file sequential read                                      12

4 rows selected.
"""
MEANT = [
    ("27", "app01.example:43208", SessionState.IN_TRANSACTION, ()),
    ("143", "app01.example:43210", SessionState.LOCKED, ("27",)),
    ("150", "app01.example:43212", SessionState.IDLE, ()),
    ("151", "app01.example:43214", SessionState.ACTIVE, ()),
]
WRAPPED = """SQL> select sid, serial#, username, status, machine, port, event, seconds_in_wait, blocking_session from v$session;

       SID    SERIAL# USERNAME                       STATUS
---------- ---------- ------------------------------ --------
MACHINE                                                                PORT
---------------------------------------------------------------- ----------
EVENT                                                            SECONDS_IN_WAIT
---------------------------------------------------------------- ---------------
BLOCKING_SESSION
----------------
        27       9182 SHOP                           INACTIVE
app01.example                                                         43208
SQL*Net message from client                                                   61


       143      50121 SHOP                           ACTIVE
app01.example                                                         43210
enq: TX - row lock contention                                                 58
              27
"""


def test_oracle_as_sqlplus_spools_it() -> None:
    found = sessions(ORACLE)
    assert shown(found) == MEANT
    assert (found[1].serial, found[1].waits_on, found[1].state_age) == ("50121", "enq: TX - row lock contention", 58.0)
    assert found[0].waits_on is None


def test_oracle_pages_repeat_their_heading() -> None:
    lines = ORACLE.strip("\n").split("\n")
    paged = "\n".join(["", *lines[:4], "", *lines[:2], *lines[4:6], "", "4 rows selected.", ""])
    assert sorted(one.id for one in sessions(paged)) == ["143", "150", "151", "27"]


def test_oracle_with_other_separators() -> None:
    rows = [line.split(None, 5) for line in ORACLE.strip("\n").split("\n")[2:6]]
    cells = [[*row[:5], row[5][:5], row[5][5:36].strip(), "27" if row[0] == "143" else "", "5"] for row in rows]
    names = ["SID", "SERIAL#", "USERNAME", "STATUS", "MACHINE", "PORT", "EVENT", "BLOCKING_SESSION", "SECONDS_IN_WAIT"]
    for sign in ("|", ";", "\t"):
        text = "\n".join(sign.join(row) for row in [names, *cells]) + "\n"
        assert shown(sessions(text)) == MEANT, sign
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [names, *cells]) + "\n"
    assert shown(sessions(quoted)) == MEANT
    # SET COLSEP '|'
    barred = ORACLE.strip("\n").split("\n")
    places = [index for index, sign in enumerate(barred[1]) if sign == " "]
    text = "\n".join("".join("|" if index in places else sign for index, sign in enumerate(line)) for line in barred[:6]) + "\n"
    assert shown(sessions(text)) == MEANT


def test_a_row_of_oracle_that_wraps_over_lines() -> None:
    """A line of a row is blank where all of its cells are NULL."""
    found, unread = records(WRAPPED)
    assert unread == 1, "the query itself"
    assert shown([one for one in found if isinstance(one, Session)]) == MEANT[:2]


def test_a_cell_wider_than_its_column_goes_on_below() -> None:
    text = """   SID USERNAME EVENT            PORT
------ -------- ---------- ----------
    27 SHOP     SQL*Net me      43208
                ssage from
                 client
   143          enq: TX -       43210
"""
    lines = [(index, line) for index, line in enumerate(text.split("\n")) if line]
    assert is_dashed([line for _, line in lines])
    names, rows, unread = dashed(lines)
    assert (names, [row.cells["port"] for row in rows], unread) == (("sid", "username", "event", "port"), ["43208", "43210"], [])
    assert (rows[0].first, rows[0].last) == (2, 4)


def test_oracle_in_a_cluster_and_blockers() -> None:
    text = "INST_ID,SID,SERIAL#,STATUS,PORT,MACHINE,BLOCKING_INSTANCE,BLOCKING_SESSION,STATE,EVENT,SQL_TEXT\n"
    text += "2,143,7,ACTIVE,43210,ACME\\app01,1,27,WAITING,enq: TX - row lock contention,update t set a = 'x, y' where b = 7\n".replace(
        "'x, y'", "'x'"
    )
    (one,) = sessions(text)
    assert shown([one]) == [("143@2", "app01:43210", SessionState.LOCKED, ("27@1",))]
    assert one.statement == "update t set a = ? where b = ?"
    found, _ = records("SID|BLOCKER_SID|WAIT_EVENT_TEXT\n143|27|enq: TX\n")
    assert [(block.waiter, block.holders) for block in found if isinstance(block, SessionBlock)] == [("143", ("27",))]


def test_a_wait_of_oracle_that_is_over_is_none() -> None:
    (one,) = sessions("SID|SERIAL#|STATUS|EVENT|STATE\n9|1|ACTIVE|enq: TX - row lock contention|WAITED SHORT TIME\n")
    assert (one.state, one.waits_on) == (SessionState.ACTIVE, None)


SQLCMD = """session_id  client_net_address client_tcp_port status     blocking_session_id wait_type  wait_time   open_transaction_count text
----------- ------------------ --------------- ---------- ------------------- ---------- ----------- ---------------------- -------------------------------
         54 10.0.0.5                     43208 sleeping                     0 NULL                 0                      1 NULL
         61 10.0.0.5                     43210 suspended                   54 LCK_M_X          61000                      1 update stock set n = 5 where id = 7
         62 ::ffff:10.0.0.5              43212 sleeping                     0 NULL                 0                      0 NULL
         63 10.0.0.5                     43214 running                     -2 NULL                 0                      0 select 'a;b'

(4 rows affected)
"""


def test_sql_server_as_sqlcmd_prints_it() -> None:
    found = sessions(SQLCMD)
    assert shown(found) == [
        ("54", "10.0.0.5:43208", SessionState.IN_TRANSACTION, ()),
        ("61", "10.0.0.5:43210", SessionState.LOCKED, ("54",)),
        ("62", "10.0.0.5:43212", SessionState.IDLE, ()),
        ("63", "10.0.0.5:43214", SessionState.ACTIVE, ()),
    ]
    assert (found[1].waits_on, found[1].state_age, found[1].statement) == ("LCK_M_X", 61.0, "update stock set n = ? where id = ?")
    assert found[3].statement == "select ?"


def test_sql_server_as_a_grid_with_its_heading() -> None:
    text = (
        "login_name\tsession_id\tblocking_session_id\thost_name\tstatus\nshop\t61\t54\tAPP01\tsuspended\nshop\t54\tNULL\tAPP01\tsleeping\n"
    )
    assert shown(sessions(text)) == [("61", "None", SessionState.LOCKED, ("54",)), ("54", "None", SessionState.IN_TRANSACTION, ())]


SP_WHO2 = """SPID  Status                         Login   HostName BlkBy DBName Command          CPUTime DiskIO LastBatch      ProgramName       SPID  REQUESTID
----- ------------------------------ ------- -------- ----- ------ ---------------- ------- ------ -------------- ----------------- ----- ---------
1     BACKGROUND                     sa        .        .   NULL   LAZY WRITER      15      0      11/28 10:00:00                   1     0
54    sleeping                       shop    APP01      .   shop   AWAITING COMMAND 0       2      11/28 10:01:07 cart              54    0
61    SUSPENDED                      shop    APP01    54    shop   UPDATE           0       0      11/28 10:01:07 cart              61    0
"""


def test_sp_who2_names_no_port() -> None:
    found = sessions(SP_WHO2)
    assert shown(found) == [
        ("1", "None", SessionState.UNKNOWN, ()),
        ("54", "None", SessionState.IN_TRANSACTION, ()),
        ("61", "None", SessionState.LOCKED, ("54",)),
    ]


def test_sp_whoisactive() -> None:
    text = "dd hh:mm:ss.mss\tsession_id\tsql_text\tlogin_name\twait_info\tblocking_session_id\topen_tran_count\thost_name\tstatus\n"
    text += "00 00:01:02.500\t61\t<?query -- update t set a = 9 --?>\tshop\t(61234ms)LCK_M_U\t54\t1\tAPP01\tsuspended\n"
    text += "00 00:02:00.000\t54\tNULL\tshop\tNULL\tNULL\t1\tAPP01\tsleeping\n"
    one, two = sessions(text)
    assert (one.state, one.state_age, two.state, two.state_age) == (SessionState.LOCKED, 61.234, SessionState.IN_TRANSACTION, 120.0)
    assert "9" not in (one.statement or "")


OPS = """{
    "inprog" : [
        {
            "type" : "op",
            "host" : "db1:27017",
            "desc" : "conn57",
            "connectionId" : 57,
            "client" : "10.0.0.5:43210",
            "appName" : "cart",
            "active" : true,
            "currentOpTime" : "2026-11-28T10:00:00.000+0000",
            "opid" : NumberLong(812),
            "lsid" : { "id" : UUID("0e6c0b6e-0000-4000-8000-000000000000"), "uid" : BinData(0,"47DEQpj8") },
            "secs_running" : NumberLong(61),
            "op" : "update",
            "ns" : "shop.stock",
            "command" : { "q" : { "name" : "Bond, \\"James\\"", "at" : ISODate("2026-11-28T10:00:00Z") }, "u" : { "$set" : { "n" : 5 } } },
            "planSummary" : "COLLSCAN",
            "waitingForLock" : true
        },
        { "desc" : "conn58", "connectionId" : 58, "client" : "10.0.0.5:43212", "active" : false, "type" : "idleSession",
          "transaction" : { "timeOpenMicros" : NumberLong("62000000") } },
        { "desc" : "conn59", "connectionId" : 59, "client" : "10.0.0.5:43214", "active" : false },
        { "desc" : "ReplWriter", "active" : true, "opid" : 5, "op" : "none" }
    ],
    "ok" : 1
}
"""
MONGOSH = """{
  inprog: [
    {
      type: 'op',
      host: 'db1:27017',
      desc: 'conn57',
      connectionId: 57,
      client: '10.0.0.5:43210',
      appName: 'cart',
      active: true,
      opid: 812,
      secs_running: Long("61"),
      microsecs_running: Long('61000000'),
      op: 'update',
      ns: 'shop.stock',
      command: { q: { name: "O'Neil: the {boss}", re: /a{2}/i }, u: { '$set': { n: 5 } } },
      planSummary: 'COLLSCAN',
      waitingForLock: true
    },
    { desc: 'conn58', connectionId: 58, client: '10.0.0.5:43212', active: false, type: 'idleSession', transaction: { timeOpenMicros: Long("62000000") } },
    { desc: 'conn59', connectionId: 59, client: '10.0.0.5:43214', active: false },
    { desc: 'ReplWriter', active: true, opid: 5, op: 'none' }
  ],
  ok: 1
}
"""


@pytest.mark.parametrize("text", [OPS, MONGOSH, f"rs0:PRIMARY> db.currentOp(true)\n{OPS}"], ids=["mongo", "mongosh", "session"])
def test_operations_of_mongodb(text: str) -> None:
    found = [record for record in records(text)[0] if isinstance(record, Session)]
    assert shown(found) == [
        ("57", "10.0.0.5:43210", SessionState.LOCKED, ()),
        ("58", "10.0.0.5:43212", SessionState.IN_TRANSACTION, ()),
        ("59", "10.0.0.5:43214", SessionState.IDLE, ()),
    ]
    assert (found[0].statement, found[0].state_age, found[0].application) == ("update shop.stock COLLSCAN", 61.0, "cart")
    assert found[1].transaction_age == 62.0


def test_operations_of_a_driver_one_a_line() -> None:
    op = {
        "connectionId": 9,
        "opid": 3,
        "client": "10.0.0.5:1",
        "client_s": "10.0.0.7:43210",
        "active": True,
        "op": "command",
        "ns": "shop.$cmd",
        "command": {"find": "x"},
    }
    (one,) = sessions(json.dumps(op) + "\n")
    assert shown([one]) == [("9", "10.0.0.7:43210", SessionState.ACTIVE, ())]
    assert one.statement == "find shop.$cmd"
    assert [each.id for each in sessions(json.dumps([op, {**op, "connectionId": 10}], indent=1))] == ["9", "10"]


def test_what_shells_print_becomes_json() -> None:
    assert json.loads(
        plain_json("{a: Long('5'), 'b': NumberLong(-6), c: ObjectId(\"5f\"), \"d: e\": 'x:\"y', f: undefined, g: new Date(7)}")
    ) == {
        "a": 5,
        "b": -6,
        "c": "5f",
        "d: e": 'x:"y',
        "f": None,
        "g": "7",
    }


RABBIT = "user\tpeer_host\tpeer_port\tstate\norders\t10.0.0.5\t43210\tblocked\norders\t10.0.0.5\t43212\trunning\n"
BOXED = """┌────────┬───────────┬───────────┬─────────┐
│ user   │ peer_host │ peer_port │ state   │
├────────┼───────────┼───────────┼─────────┤
│ orders │ 10.0.0.5  │ 43210     │ blocked │
├────────┼───────────┼───────────┼─────────┤
│ orders │ 10.0.0.5  │ 43212     │ running │
└────────┴───────────┴───────────┴─────────┘
"""
AS_JSON = '[\n{"user":"orders","peer_host":"10.0.0.5","peer_port":43210,"state":"blocked"}\n,{"user":"orders","peer_host":"10.0.0.5","peer_port":43212,"state":"running"}\n]\n'


@pytest.mark.parametrize(
    "text",
    [
        RABBIT,
        f"Listing connections ...\n{RABBIT}",
        "Listing connections ...\n" + RABBIT.partition("\n")[2] + "...done.\n",
        BOXED,
        f"Listing connections ...\n{BOXED}",
        AS_JSON,
        "state\tpeer_port\tpeer_host\nblocked\t43210\t10.0.0.5\nrunning\t43212\t10.0.0.5\n",
    ],
    ids=["tabs", "preamble", "bare", "box", "box with preamble", "json", "other order"],
)
def test_connections_of_rabbitmq(text: str) -> None:
    one, two = sessions(text)
    assert (one.server, str(one.client), one.printed_state, str(two.client)) == ("rabbitmq", "10.0.0.5:43210", "blocked", "10.0.0.5:43212")
    assert (one.waits_on, two.waits_on) == ("publishers are held back (blocked)", None)


def test_connections_of_zookeeper() -> None:
    text = (
        " /10.0.0.5:43210[1](queued=0,recved=12,sent=11,sid=0x1000066a1fa0000,lop=GETD,est=1795878422486,to=30000)\n"
        " /[0:0:0:0:0:0:0:1]:43212[0](queued=3,recved=1,sent=1)\n"
    )
    one, two = sessions(text)
    assert (one.id, str(one.client), one.state) == ("0x1000066a1fa0000", "10.0.0.5:43210", SessionState.ACTIVE)
    assert (two.client is not None and two.client.port, two.state, two.waits_on) == (
        43212,
        SessionState.IDLE,
        "the client takes no answers",
    )


def test_connections_of_memcached() -> None:
    text = (
        "STAT 26:addr tcp:0.0.0.0:11211\nSTAT 26:state conn_listening\nSTAT 26:secs_since_last_cmd 99\n"
        "STAT 27:addr tcp:10.0.0.5:43210\nSTAT 27:listen_addr tcp:0.0.0.0:11211\nSTAT 27:state conn_nread\nSTAT 27:secs_since_last_cmd 12\n"
        "STAT 28:addr unix:/run/m.sock\nSTAT 28:state conn_read\nSTAT 28:secs_since_last_cmd 1\nEND\n"
    )
    (one,) = sessions(text)
    assert (one.id, str(one.client), one.state, one.state_age) == ("27", "10.0.0.5:43210", SessionState.IDLE, 12.0)


def test_connections_of_rabbitmq_by_name() -> None:
    (one,) = sessions("name\tstate\tchannels\n10.0.0.5:43210 -> 10.0.0.9:5672\tflow\t1\n")
    assert (str(one.client), one.printed_state) == ("10.0.0.5:43210", "flow")


def test_clients_in_the_state_of_zookeeper() -> None:
    text = "Clients:\n /10.0.0.5:43210[1](queued=0,recved=12,sent=12)\n\nLatency min/avg/max: 0/0/9\nReceived: 88\nOutstanding: 0\nZxid: 0x1f\nMode: standalone\nNode count: 5\n"
    found, unread = records(text)
    assert (len(found), unread) == (1, 1), "the heading stands above the first client"


def test_numbers_of_extended_json() -> None:
    op = {
        "type": "op",
        "connectionId": {"$numberInt": "9"},
        "client": "10.0.0.5:43210",
        "active": True,
        "op": "query",
        "secs_running": {"$numberLong": "61"},
    }
    (one,) = sessions(json.dumps({"inprog": [op]}, indent=2) + "\n")
    assert (one.id, one.state_age) == ("9", 61.0)


def test_quoted_cells_between_semicolons() -> None:
    (one,) = sessions('"SID";"SERIAL#";"STATUS";"PORT";"MACHINE";"PROGRAM"\n"9";"1";"ACTIVE";"43210";"app01";"a;b ""c"""\n')
    assert shown([one]) == [("9", "app01:43210", SessionState.ACTIVE, ())]
    assert one.application == 'a;b "c"'
