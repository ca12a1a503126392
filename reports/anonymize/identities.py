"""What in a diagnosis names somebody: hosts, users, files, addresses.

Gathered before anything is replaced, so that a name that one table states is known wherever else it stands, in thread names and prose too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from reports.anonymize.addresses import Address, found_in, is_kept, parse
from reports.anonymize.patterns import MODULE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident

NOBODY: Final = frozenset({"root", "nobody", "-", "?", "*", "USER", "UID"})
"""Users that are the same everywhere; that a server runs as root is worth knowing."""
LOCAL_NAMES: Final = re.compile(r"(?:ip6-)?(?:localhost|loopback)\d?(?:\.localdomain\d?)?$|\*?$", re.IGNORECASE)
VERSIONS: Final = frozenset({"vm", "kernel"})
"""Fields that hold versions: four numbers with dots between them are no address there."""
COLLECTION: Final = re.compile(r"(?<![A-Za-z0-9])(?P<before>closewait-)(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?=-\d{1,9}-\d{8}T\d{6}Z)")
"""The host in the names of the collector's archives and folders."""
MODULES: Final = re.compile(MODULE)
PROMPT: Final = re.compile(
    r"^\s*(?:\(\w+\)\s*)?\[?(?P<user>[a-z_][\w.-]{0,31}\$?)@(?P<host>[A-Za-z0-9][\w.-]{0,62})(?=[\s:~\]][^\n]{0,80}[$#>%](?:\s|$))"
)
_REQUEST_OF: Final = re.compile(r"\burl: /[^\s;\"”]{0,300}; user: (?P<user>[^\s;,\"”]{1,64})")
"""What Jira and Confluence add to the name of a thread while it serves a request."""
_STATE: Final = r"(?:LISTEN|ESTABLISHED|CLOSE_WAIT|TIME_WAIT|FIN_WAIT[12]|SYN_SENT|SYN_RECV|LAST_ACK|CLOSING|CLOSED?)"
COLUMNS: Final = tuple(
    re.compile(shape)
    for shape in (
        # lsof; with -K or -R further numbers stand before the user
        r"^\S+\s+\d+\s+(?:\d+\s+(?:\S+\s+)?)?(?P<user>\S+)\s+(?:\*?\d+[rwu]?[a-zA-Z-]?|cwd|rtd|txt|mem|DEL|mmap|NOFD|err)\s+(?:IPv[46]|REG|DIR|CHR|FIFO|unix|sock|a_inode|unknown|0000|LINK|netlink)\b",
        r"^\s*\d+\s+(?P<user>\S+)\s+(?:rt|-?\d+)\s+-?\d+\s+\S+\s+\S+\s+\S+\s+[A-Za-z]\s",  # top
        r"^(?P<user>\S+)\s+\d+\s+\d+[.,]\d\s+\d+[.,]\d\s+\d+\s",  # ps aux
        r"^(?P<user>\S+)\s+\d+\s+\d+\s+(?:\d+\s+)?\d+\s+(?:\d+\s+)?\S+\s+(?:\?|pts/\d+|tty\d*)\s",  # ps -ef, -eLf
        rf"^(?:tcp|udp)6?\s.*\s{_STATE}\s+(?P<user>[^\s\d]\S*)\s+\d+\s",  # netstat -e without -n
        r"^[-dlrwxsStT]{10}[.+@]?\s+\d+\s+(?P<user>\S+)\s+(?P<group>\S+)\s",  # ls -l
    )
)
"""Rows with a user's name, as the tools print them; columns are split on white space, since other tools' pseudonyms shift them."""


_CLIENTS: Final = frozenset(
    {
        "psql",
        "default",
        "mysql",
        "PostgreSQL JDBC Driver",
        "JDBC Thin Client",
        "SQL*Plus",
        "SQLCMD",
        "Microsoft JDBC Driver for SQL Server",
        "MongoDB Shell",
        "mongosh",
    }
)
"""What servers list as user or application everywhere: it is nobody's name."""


class Identities(msgspec.Struct, frozen=True):
    """Names by kind. ``addresses`` are written as :mod:`ipaddress` writes them; ``gone`` are secrets, paths and requests with their kind."""

    hosts: frozenset[str]
    users: frozenset[str]
    files: frozenset[str]
    addresses: frozenset[str]
    parsed: tuple[Address, ...] = ()
    gone: frozenset[tuple[str, str]] = frozenset()
    listed: frozenset[str] = frozenset()
    """Files with lists of sessions: words of their rows may be anybody's name."""


def gather(diagnosis: Diagnosis, incident: Incident | None = None, given: Iterable[str] = ()) -> Identities:
    """Everything that the diagnosis names; ``incident`` adds what its records name, which is more than the diagnosis shows.

    ``given`` are hosts that the user named.
    """
    hosts, users, addresses = {*diagnosis.incident.hosts, *given}, set[str](), dict[Address, None]()
    named = (diagnosis.incident.name, *(item.file for item in diagnosis.inputs))
    hosts.update(match["host"] for name in named for match in COLLECTION.finditer(name))
    for text in strings(diagnosis):
        prompt = PROMPT.match(text)
        if prompt:
            users.add(prompt["user"])
            hosts.add(prompt["host"])
        users.update(match["user"] for match in _REQUEST_OF.finditer(text))
    for line in (line for lines in diagnosis.excerpts.values() for line in lines):
        users.update(name for start, end in users_in(line) for name in [line[start:end]])
    hosts.update(_hosts(diagnosis))
    snapshots = incident.snapshots if incident is not None else ()
    if incident is not None:
        for snapshot in snapshots:
            hosts.update(end.host for row in snapshot.rows for end in (row.local, row.remote) if end is not None)
            hosts.update(fact.host for fact in snapshot.facts if fact.host)  # --host may have given it another name
            users.update(row.user for row in snapshot.rows if row.user)
            users.update(usage.user for usage in snapshot.usages if usage.user)
            hosts.update(end.host for one in snapshot.far_counts for end in (one.remote, one.onward) if end is not None)
            hosts.update(end.host for one in snapshot.tallies for end in (one.local, one.remote, one.end) if end is not None)
            for session in snapshot.sessions:
                people = (session.user, session.database, session.application, session.system_user)
                users.update(name for name in people if name and name not in _CLIENTS)
                hosts.update(end.host for end in (session.client, session.onward) if end is not None)
                hosts.update(session.machines)
    names = {host.strip("[]").partition("%")[0] for host in hosts}
    known = {host for host in names if parse(host) is not None}
    addresses.update((address, None) for host in sorted(known) if (address := parse(host)) is not None and not is_kept(address))
    for text in strings(diagnosis):
        # A version such as that of java.base@17.0.21.1 looks like an address, and nothing would be hidden by replacing it.
        addresses.update(dict.fromkeys(found_in(MODULES.sub(" ", text), known)))
    return Identities(
        hosts=frozenset(host for host in names - known if is_name(host)),
        users=frozenset(user for user in users - NOBODY if not user.isdecimal()),
        files=frozenset(item.file for item in diagnosis.inputs) | {where.file for where in diagnosis.excerpts},
        addresses=frozenset(str(address) for address in addresses),
        parsed=tuple(addresses),
        listed=frozenset(
            where.file
            for snapshot in snapshots
            for where in (*(one.where for one in snapshot.sessions), *(one.where for one in snapshot.blocks))
        ),
    )


def is_name(host: str) -> bool:
    """True for a host's name that could be somebody's: not localhost, no wildcard, no mere number."""
    return not LOCAL_NAMES.match(host) and not host.isdecimal()


def strings(value: object) -> Iterator[str]:
    """Every text in a tree of structs, tuples and dicts, each as often as it stands there."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            if field not in VERSIONS:
                yield from strings(getattr(value, field))


def users_in(line: str) -> list[tuple[int, int]]:
    """Where a row of lsof, top, ps, netstat -e or ls -l names its user (and group)."""
    for shape in COLUMNS:
        match = shape.match(line)
        if match:
            return [match.span(name) for name in match.groupdict() if match[name] not in NOBODY and not match[name].isdecimal()]
    return []


def _hosts(diagnosis: Diagnosis) -> Iterator[str]:
    """Hosts that fields name, whatever stands in them."""
    ends: Iterable[str | None] = (
        *(finding.culprit.remote for finding in diagnosis.findings),
        *(table.remote for table in diagnosis.sockets),
        *(end for link in diagnosis.links for end in (link.local, link.remote)),
        *(end for flow in diagnosis.flows for end in (flow.client, flow.server)),
    )
    yield from (host for end in ends if end and (host := host_of(end)) is not None)
    owners = (*(finding.process for finding in diagnosis.findings), *diagnosis.sockets, *diagnosis.pools, *diagnosis.links)
    yield from (owner.host for owner in owners if owner is not None and owner.host)


def host_of(end: str) -> str | None:
    """The host of ``host:port``, None where a blank or a comma shows that it is a phrase."""
    host = end.rpartition(":")[0] or end
    return host if re.fullmatch(r"[\w.:\[\]%*-]+", host) else None
