"""Sessions that rest while the pool they belong to has none left to give: what is lent and does nothing was kept, or never given back."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.sessions import SERVERS, server_of
from analyzer.families.counted_sockets import shown
from analyzer.join.far_side import LISTS
from analyzer.join.turns import BRIEF
from analyzer.model.finding import Evidence, Outlook, RecoversWhen
from analyzer.model.message import plural, say
from parsers.records import Counted, SessionState, TcpState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analyzer.contention.leases import Shortage
    from analyzer.families.busy_leases import Busy
    from analyzer.join.connections import Connection
    from analyzer.join.counts import Count
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import LogEvent, Session, SessionCount

DATABASES: Final = frozenset(
    {
        "HikariCP",
        "Tomcat JDBC pool",
        "DBCP",
        "c3p0",
        "Druid",
        "UCP",
        "IronJacamar",
        "WebLogic",
        "WebSphere",
        "SQLAlchemy",
        "Active Record",
        "Knex",
        "Sequelize",
        "node-postgres",
        "ADO.NET",
        "psycopg2",
    }
)
"""Software whose pools lend connections to a database."""
KEEPS_BY_THREAD: Final = frozenset({"Active Record", "SQLAlchemy"})
"""Software whose pool keeps a connection for a thread as long as that works on one job or request."""
CHANNELS: Final = frozenset({"gRPC"})
"""Software of which a channel, and not a connection of a pool, is what somebody must close."""
CLIENTS: Final = frozenset({"Apache HttpClient", "Reactor Netty"})
"""Software whose pools lend connections of HTTP."""
OPEN: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("If calls that take long have the connections, these come back; if nobody gives them back, only a restart helps."),
)
"""The outlook where no line tells who has what a pool has lent."""
RESTS: Final = 60.0
"""Seconds of rest from which on a session's client hardly works with it: a call that uses a connection comes back to it in between."""
_FEWEST: Final = 2
"""Sessions of one client that rest so: a single one may be anybody's."""
_MANY: Final = 5
"""Sessions that rest alike in their transactions, of which no moment explains all."""
_OBJECTS: Final = LISTS | {"redis"}
"""Servers to whose connections a pool of objects may lead, and which list the idle ones, too."""


_ANYBODY: Final = "default"
"""The user of Redis as whom everybody is logged in."""


class Resting(msgspec.Struct, frozen=True):
    """All listed sessions of one client and user, none of which does anything.

    ``sure``: they can hardly be those of another pool that is at rest: their transactions are open for minutes, or no other client's rest.
    """

    sessions: tuple[Session, ...]
    sure: bool

    @property
    def words(self) -> str:
        """``all 3 listed sessions of 10.0.0.5 are idle in transaction, for 61 to 2,467 s``."""
        first = self.sessions[0]
        ages = sorted(one.state_age or one.transaction_age or 0.0 for one in self.sessions)
        in_transaction = all(one.state is SessionState.IN_TRANSACTION for one in self.sessions)
        statements = list(dict.fromkeys(one.statement for one in self.sessions if one.statement))
        last = say(", each after “{statement}”", statement=statements[0]) if len(statements) == 1 else ""
        who = (
            first.application
            or (first.user if first.user != _ANYBODY else None)
            or (first.client.host if first.client is not None else None)
        )
        return say(
            "{sessions} of {server}{who} {are}, for {time} s{last}",
            sessions=plural(len(self.sessions), "listed session"),
            server=server_of(first),
            who=say(" ({who})", who=who) if who else "",
            are=say("are idle in transaction") if in_transaction else say("are idle"),
            time=f"{ages[0]:,.0f}"
            if round(ages[0]) == round(ages[-1])
            else say("{least:,.0f} to {most:,.0f}", least=ages[0], most=ages[-1]),
            last=last,
        )

    @property
    def evidence(self) -> Evidence:
        """The first row, and how many are like it."""
        return Evidence(self.sessions[0].where, self.words, (self.sessions[0].id,), len(self.sessions) - 1)


def resting_behind(case: Case, view: ProcessView, rows: Collection[Connection]) -> Resting | None:
    """The sessions at the far end of these connections, by their ports, if all rest; None if one works, or is not listed: a list of the idle ones hides it."""
    behind = [one.session for one in case.far_side(view).joined if one.connection is not None and one.connection in rows]
    rests = all(one.state in {SessionState.IDLE, SessionState.IN_TRANSACTION} for one in behind)
    ages = [one.state_age or one.transaction_age or 0.0 for one in behind]
    if not rests or not behind or len(behind) < len(rows) or min(ages) < BRIEF:
        return None
    return Resting(tuple(behind), sure=True)


def resting(case: Case, *, of_database: bool) -> Resting | CountedRest | None:
    """The largest group of sessions of one client that all rest, in the last list; None where one of the group works.

    ``of_database``: the pool lends connections to a database; one of objects may lead to Redis, too.
    """
    last = next((one for one in reversed(case.incident.snapshots) if one.sessions), None)
    if last is None:
        return counted_rest(case) if of_database else None
    groups: dict[tuple[str, str | None, str | None, str | None], list[Session]] = defaultdict(list)
    for session in last.sessions:
        if session.server in (LISTS if of_database else _OBJECTS):
            host = session.client.host if session.client is not None else None
            groups[session.server, session.user, session.application, host].append(session)
    rested = [
        tuple(members)
        for members in groups.values()
        if len(members) >= _FEWEST and (all(map(_rests, members)) or _all_in_transaction(members))
    ]
    if not rested:
        return None
    largest = max(rested, key=len)
    in_transaction = all(one.state is SessionState.IN_TRANSACTION for one in largest)
    return Resting(largest, sure=in_transaction or len(rested) == 1)


class CountedRest(msgspec.Struct, frozen=True):
    """Sessions of a database that a query counted, or that the text tells of, none of which does anything."""

    counts: tuple[SessionCount, ...]
    sure: bool = False

    @property
    def told(self) -> bool:
        """True if no query counted them."""
        return any(one.told for one in self.counts)

    @property
    def words(self) -> str:
        """``all 20 sessions of PostgreSQL that a query counted are idle, for up to 27,672 s``."""
        longest = max((one.longest or 0.0 for one in self.counts), default=0.0)
        return say(
            "all {sessions} of {server} that {counted} {are}{longest}",
            counted=say("the text tells of") if self.told else say("a query counted"),
            sessions=plural(sum(one.count for one in self.counts), "session"),
            server=SERVERS.get(self.counts[0].server, self.counts[0].server),
            are=say("are idle in transaction") if all(one.state is SessionState.IN_TRANSACTION for one in self.counts) else say("are idle"),
            longest=say(", for up to {seconds:,.0f} s", seconds=longest) if longest else "",
        )

    @property
    def evidence(self) -> Evidence:
        """The first row."""
        return Evidence(self.counts[0].where, self.words, (str(self.counts[0].count),), len(self.counts) - 1)


def counted_rest(case: Case) -> CountedRest | None:
    """What a query counted of the sessions of one database, if more than a few are there and none works."""
    every = [one for snapshot in case.incident.snapshots for one in snapshot.session_counts if one.state is not SessionState.UNKNOWN]
    counts = tuple(one for one in every if not one.told) or tuple(every)[:1]
    rest = all(one.state in {SessionState.IDLE, SessionState.IN_TRANSACTION} for one in counts)
    alone = len({one.server for one in counts}) == 1
    return CountedRest(counts) if rest and alone and sum(one.count for one in counts) >= _FEWEST else None


class CountedWork(msgspec.Struct, frozen=True):
    """Sessions of a database that a query counted, all of which run a statement: what is lent is in use."""

    counts: tuple[SessionCount, ...]

    @property
    def words(self) -> str:
        """``all 10 counted sessions of PostgreSQL run a statement, for up to 2.9 s``."""
        longest = max((one.longest or 0.0 for one in self.counts), default=0.0)
        return say(
            "all {sessions} of {server} run a statement{longest}",
            sessions=plural(sum(one.count for one in self.counts), "counted session"),
            server=SERVERS.get(self.counts[0].server, self.counts[0].server),
            longest=say(", for up to {seconds:.1f} s", seconds=longest) if longest else "",
        )

    @property
    def evidence(self) -> Evidence:
        """The first row."""
        return Evidence(self.counts[0].where, self.words, (str(self.counts[0].count),), len(self.counts) - 1)


def counted_work(case: Case) -> CountedWork | None:
    """What a query counted of the sessions of one database, if all of them run a statement and none waits for a lock: nobody keeps one that it does not use."""
    counts = tuple(one for snapshot in case.incident.snapshots for one in snapshot.session_counts)
    works = all(one.state is SessionState.ACTIVE and not one.told for one in counts)
    alone = len({one.server for one in counts}) == 1
    return CountedWork(counts) if works and alone and sum(one.count for one in counts) >= _FEWEST else None


def running(case: Case) -> Busy | None:
    """The listed sessions that run one statement for long."""
    if not any(snapshot.sessions for snapshot in case.incident.snapshots):
        return None
    from analyzer.families.busy_leases import busy  # noqa: PLC0415 - for lists of sessions

    return busy(case)


def at_rest(shortage: Shortage) -> Resting | CountedRest | None:
    """The sessions of one client, if picked threads wait for a connection to the server that lists them, and none of them does anything."""
    lender = shortage.lender
    leads = any(word in frame for word in _OBJECTS - LISTS for frame in lender.frames)
    return resting(shortage.case, of_database=False) if leads and shortage.few and not shortage.users else None


def _rests(session: Session) -> bool:
    age = session.state_age if session.state_age is not None else session.transaction_age
    return session.state in {SessionState.IDLE, SessionState.IN_TRANSACTION} and age is not None and age >= RESTS


def _all_in_transaction(sessions: Sequence[Session]) -> bool:
    """True for many sessions that rest in their transactions after one statement: a call that comes back to them in between would be met in some."""
    ages = [one.state_age if one.state_age is not None else one.transaction_age for one in sessions]
    return (
        len(sessions) >= _MANY
        and all(one.state is SessionState.IN_TRANSACTION for one in sessions)
        and len({one.statement for one in sessions}) == 1
        and all(age is not None and age >= BRIEF for age in ages)
    )


COUNTED_HALVES: Final = 10
"""Connections in CLOSE_WAIT that come and go where idle members of a pool are closed by their services."""


class Halves(msgspec.Struct, frozen=True):
    """Counts of connections that their services have closed, and whether rows of them show bytes that nobody has read.

    ``default``: as many as the client has in its pool where nothing else is set. ``sure``: then, and with unread bytes, they are what it has lent.
    """

    counts: tuple[Count, ...]
    unread: bool
    default: int | None = None

    @property
    def sure(self) -> bool:
        """True if their number is the pool's, and answers in them were never read."""
        return self.unread and self.default is not None

    @property
    def words(self) -> str:
        """``50 connections are in CLOSE_WAIT, with bytes that nobody has read``."""
        number = sum(one.number for one in self.counts)
        return say(
            "{connections} in CLOSE_WAIT{unread}{default}",
            connections=plural(number, "connection is", "connections are"),
            unread=say(", with bytes that nobody has read") if self.unread else "",
            default=say(", as many as the client's pool has where nothing else is set") if self.default is not None else "",
        )

    @property
    def evidence(self) -> Evidence:
        """The first row, and how many are like it."""
        return shown(self.counts[0].last.where, self.counts[0], self.counts[0].number)


_BY_DEFAULT: Final = (("com.amazonaws.", 50), ("software.amazon.awssdk.", 50), ("org.apache.http.impl.", 20), ("org.apache.hc.", 25))
"""How many connections the pools of clients have for all services together (ClientConfiguration of the AWS SDK, PoolingHttpClientConnectionManager)."""


def half_closed(case: Case, event: LogEvent) -> Halves | None:
    """The connections to other places that were counted in CLOSE_WAIT, if they are more than come and go; of several counts of one place the last."""
    rows = [row for view in case.latest for row in view.sockets.of(TcpState.CLOSE_WAIT)]
    outward = _all_outward(case)
    counts = tuple(
        one
        for one in case.counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT)
        if one.last.local is None and (one.last.remote or one.last.end or outward)
    )
    number = sum(one.number for one in counts)
    if len({one.last.listing for one in counts}) != 1 or number < COUNTED_HALVES:
        return None
    most = next((size for prefix, size in _BY_DEFAULT if any(frame.cls.startswith(prefix) for frame in event.frames)), None)
    return Halves(counts, any((row.recv_q or 0) > 1 for row in rows), most if most == number else None)


def _all_outward(case: Case) -> bool:
    """True if the rows in CLOSE_WAIT that are here are all of connections which the process opened itself: then a count of the state alone is of such, too."""
    mine = [row for view in case.latest for row in view.client_side if row.state is TcpState.CLOSE_WAIT]
    rows = [row for view in case.latest for row in view.sockets.of(TcpState.CLOSE_WAIT)]
    return len(rows) >= _SHOWN and len(mine) == len(rows)


_SHOWN: Final = 5
"""Rows that tell which way the connections lead that were counted."""
