r"""Settings that people paste beside a line about a full pool: how many connections it has, and how many threads share them; how long a batch took, what uses a processor.

    pool: <%= ENV.fetch("DB_POOL") { 5 } %>
    spring.datasource.hikari.maximum-pool-size=10
    db.SetMaxOpenConns(8)
    :concurrency: 25
    server.tomcat.threads.max=200
    400 rows imported, avg 1210 ms
    top -> node 99.7
    if (/^([a-z]+)*$/.test(title)) return

Only short texts are asked, as a log of a program does not quote its settings. What a setting of the environment falls back to is marked by the name of its variable as
``subject``; a line that says that the variable is not set has that name and no number. Threads of separate processes share no pool: workers of gunicorn and of Celery's
default are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import LineFact
from parsers.records import LogEvent, LogKind
from parsers.text.hedges import hedged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.text.source import Section

MOST: Final = 400
"""Lines of a text that somebody wrote by hand, settings and a piece of a log in it."""
_LONGEST: Final = 400
_IS: Final = r"[\"']?(?: ?[:=] ?|[ ]|\()[\"']?"
_N: Final = r"\d{1,5}(?!\w|%|\.\d)"
_POOL: Final = re.compile(
    r"^[ \t>|-]{0,12}pool: ?[\"']?<%=[^%\n]{0,60}?(?P<variable>(?!ENV\b)[A-Z][A-Z0-9_]{2,40})[^%\n]{0,30}?(?P<fallback>\d{1,5})[^%\n]{0,20}%>"
    rf"|^[ \t>|-]{{0,12}}pool: ?(?P<pool>{_N})\s*$"
    rf"|(?:maximum-?[pP]ool-?[sS]ize|[mM]aximumPoolSize|\bmaxPoolSize|\bmax_pool_size|\bpool_size|\bPOOL_SIZE|SetMaxOpenConns|\bconnectionLimit|\bconnection_limit|\bmaxActive|\bmax-active|\bmaxTotal|Max(?:imum)? Pool Size){_IS}(?P<set>{_N})"
    rf"|(?:Simple|Threaded)ConnectionPool\(\s{{0,4}}(?:minconn=)?\d{{1,4}},\s{{0,4}}(?:maxconn=)?(?P<maxconn>{_N})"
    rf"|\bpool{_IS}\{{[^}}\n]{{0,60}}?\bmax{_IS}(?P<most>{_N})"
)
_ROUTE: Final = re.compile(
    rf"(?:[mM]ax(?:imum)?(?:Conn(?:ection)?s?|Total)?Per(?:Route|Host|Server)|\bpool_maxsize|DefaultConnectionLimit|\bmaxSockets)(?:{_IS}|[`\"']? (?:was |is |raised |set |changed ){{0,2}}(?:from \d{{1,5}} )?to )(?P<route>{_N})"
)
_OVERFLOW: Final = re.compile(rf"\b(?i:max_overflow){_IS}(?P<overflow>{_N})")
_USERS: Final = re.compile(
    rf"^[ \t>|-]{{0,12}}:?concurrency: ?(?P<jobs>{_N})\s*$|\bsidekiq\b[^\n]{{0,120}}? (?:-c|--concurrency)[ =](?P<option>{_N})"
    rf"|^[ \t>|-]{{0,12}}threads[ (](?:\d{{1,4}}, ?)?(?P<puma>{_N})\)?\s*$|\bMax threads: (?P<started>{_N})"
    rf"|(?:\btomcat\.(?:max-threads|threads\.max)|\bmaxThreads|\bthreads\.max|--threads|\bmax_workers|\bMaxWorkers|\bnumWorkers|newFixedThreadPool){_IS}(?P<pooled>{_N})"
    rf"|(?<![\w.,])(?P<requests>\d{{1,5}}) (?:concurrent|parallel|simultaneous) (?:requests|jobs|tasks|threads|workers|queries|coroutines|users)\b"
    rf"|\b(?:num_)?[wW]orkers ?:= ?(?P<go>{_N})|\bcelery\b[^\n]{{0,160}}?(?:-P|--pool)[ =](?:gevent|eventlet|threads)[^\n]{{0,80}}?(?:-c|--concurrency)[ =](?P<green>{_N})"
)
_UNSET: Final = re.compile(
    r"\b(?P<variable>[A-Z][A-Z0-9_]{3,40})`? (?:(?:is|was|are)(?: not|n[o'’]t)|isn[’']t|wasn[’']t|not|never) (?:\w{2,12} )?(?:set|defined|configured)\b|\b(?P<plain>[A-Z][A-Z0-9_]{3,40})`? is (?:unset|missing)\b"
)
_HINT: Final = re.compile(
    r"[+*]\)[+*]|[+*?]\)[+*]|\bwith |\.acquire\(|sync\.WaitGroup|\bnew |\.new(?:Builder|Http)|pids-limit|[pP]ids_?[lL]imit|TasksMax|(?:requests\.|urlopen|http\.[GPH])|(?i:celery|sidekiq|cpu|processor|core|\btop\b|pool|conn|max|threads|concurren|parallel|simultaneous|workers|\bset\b|defined|configured|avg|average|mean|each|per|poll|batch|processed| in \d)"
)
_DONE: Final = (
    r"(?:rendered|processed|handled|sent|stored|written|imported|indexed|done|finished|consumed|inserted|converted|saved|mailed|booked)"
)
_EACH: Final = re.compile(
    rf"(?<![\w.])(?P<records>\d{{1,7}}) [a-z]{{2,20}}(?: [a-z]{{2,20}})? {_DONE}\b[^\n]{{0,40}}?\b(?i:avg|average|mean)\.?[ :=~]{{1,3}}(?P<each>\d{{1,7}}(?:\.\d{{1,3}})?) ?ms\b"
)
_PER: Final = re.compile(
    r"(?<![\w.])(?P<each>\d{1,7}(?:\.\d{1,3})?) ?(?P<unit>ms|s|sec|seconds)(?: each\b| (?:per|for each|a) (?:record|message|event|row|item|invoice|document|mail)\b)"
)
_AT_ONCE: Final = re.compile(r"\bmax[._-]?poll[._-]?records[\"']?(?: ?[:=(] ?| is | to | of |[ ])[\"']?(?P<records>\d{1,6})\b")
_TOOK: Final = re.compile(
    rf"\b(?i:{_DONE}|batch of) (?P<records>\d{{1,7}})(?: [a-z]{{2,20}}){{0,2}} (?:in|took) (?P<took>\d{{1,9}}(?:\.\d{{1,3}})?) ?(?P<unit>ms|s|sec|seconds|min|minutes)\b"
    rf"|(?<![\w.])(?P<records2>\d{{1,7}}) [a-z]{{2,20}} {_DONE} in (?P<took2>\d{{1,9}}(?:\.\d{{1,3}})?) ?(?P<unit2>ms|s|sec|seconds|min|minutes)\b"
)
_ASIDE: Final = re.compile(
    r"(?i:time-?outs?|\bretr|heartbeat|\bsleep|(?<!poll\.)interval|back-?off|\b(?:an)?other (?:programs?|jobs?|consumers?)\b|\bacross\b|\bby all\b|\bin total\b|\ball (?:\d{1,4} )?(?:consumers|workers|threads)\b|\bnightly\b)"
)
"""Words of times that no message takes, and of work that one consumer did not do alone."""
_PLACES: Final = re.compile(r"\bmax_connections\b[\"'`]?[ |]{0,20}(?:[=:|][ |]{0,4})?(?P<places>\d{1,6})(?!\w|\.\d)")
_HEADED: Final = re.compile(r"[\s|>]{0,12}max_connections\s{0,8}$")
_PERCENT: Final = r"(?P<{}>(?:9\d|1\d\d)(?:\.\d{{1,2}})?)"
_BUSY: Final = re.compile(
    rf"\b(?:CPU|cpu|processor|core)\b(?:[ :=~]|usage|is|at|shows|about|around|of|to|goes){{0,8}}{_PERCENT.format('first')} ?%"
    rf"|(?<![\w.]){_PERCENT.format('second')} ?% (?:of )?(?:a |one |the |single )?(?:CPU|cpu|processor|core)\b"
    rf"|\btop\b[^\n]{{0,24}}?\b[a-z][\w.-]{{1,30}} {_PERCENT.format('third')} ?%?(?=[\s.,;]|$)"
)
_OF_ANOTHER: Final = re.compile(r"\b(?:an)?other (?:box|host|server|machine|node)\b|\byesterday\b|\blast (?:week|night|month)\b")
_DENIED: Final = re.compile(r"\b(?:not|never|no longer|normal|below|under|less than)\b|n't\b")
_MATCHED: Final = re.compile(
    r"\.(?:test|match|matchAll|replace|exec|split|search|matches|replaceAll)\(|=~|RegExp|[Rr]egex|Pattern\.compile|\bre\.\w|preg_\w|\bscan\("
)
_NESTED: Final = r"\((?:\?:)?[^()\n]{0,60}?[+*](?:\\?[^()\n\\][?*]){0,4}\)[+*]"
_PATTERN: Final = re.compile(
    rf"(?P<pattern>/[^/\n]{{0,80}}{_NESTED}[^/\n]{{0,80}}/|\"[^\"\n]{{0,80}}{_NESTED}[^\"\n]{{0,80}}\"|'[^'\n]{{0,80}}{_NESTED}[^'\n]{{0,80}}')"
)
_TAKES: Final = re.compile(
    r"\s*+(?:(?:>|->)\s*+)?(?P<line>\d{1,6})[:|]?\s{1,40}(?:with (?P<lock>(?:\w{1,60}\.){0,4}\w{0,60}(?:lock|mutex|_lk|guard)\w{0,20})\s*:|(?P<acquired>(?:\w{1,60}\.){0,4}\w{0,60}(?:lock|mutex)\w{0,20})\.acquire\(\s*\))",
    re.IGNORECASE,
)
"""A numbered line of Python that takes a lock without a time limit."""
_CALL: Final = re.compile(
    r"(?<![\w.])(?P<call>requests\.(?:get|post|put|patch|delete|head|request)|(?:urllib\.request\.|urllib2\.)urlopen|http\.(?:Get|Post|PostForm|Head))\([^\n]{1,300}\)\s*[;,:]?\s*(?:[)#]|$)"
)
"""A call of a client that waits for ever unless it is told otherwise, and that ends in the same line."""
_COPIED: Final = re.compile(r"\bfunc\b[^\n{]{0,200}[(,] ?\w{1,40} (?P<call>sync\.WaitGroup)\b")
"""A parameter of Go that copies the group: ``Done`` on the copy is not seen by whoever waits for the original."""
_MADE: Final = re.compile(
    r"(?:=|\breturn|\() ?new (?:\w{1,20}\.){0,6}(?P<call>OkHttpClient|ZooKeeper|KafkaProducer|KafkaAdminClient|DefaultAsyncHttpClient|Timer|MongoClient|ActiveMQConnectionFactory)\b"
    r"|(?:=|\breturn|\() ?(?P<of>HttpClient)\.new(?:Builder|HttpClient)\("
)
"""A client with threads of its own, made in code; what is kept in a field is made once."""
_KEPT: Final = re.compile(r"\b(?:static|private|public|protected|val|by lazy)\b|@Bean|\bthis\.|\bonce\b|\bsingleton\b")
_TASKS: Final = re.compile(
    r"(?:--pids-limit[ =]|\bpids_limit\b[\"']?: ?|\bpodPidsLimit\b[\"']?: ?|\bTasksMax ?= ?|\bDefaultTasksMax ?= ?)(?P<most>\d{1,7})(?!\w|\.\d|%)"
)
"""How many tasks a container or a service may have."""
_OF_CODE: Final = re.compile(r"^\s{0,20}(?:#|//|--|\* )|(?i:\b(?:old|tests?|before|was|were|used|not|fixed)\b)")
"""What stands before a call that is no code of that moment."""
_NUMBERED: Final = re.compile(r"[\s>|*-]{0,12}(?:L|line )?(?P<line>\d{1,6})(?:[:|.)]|\s|$)")
_INTERVAL: Final = re.compile(r"\bmax\.poll\.interval(?:\.ms)?[\"']? ?[:=] ?[\"']?(?P<interval>\d{4,9})\b")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "minutes": 60.0}


def events_of(section: Section) -> Iterator[LogEvent]:
    """What the lines of a short text set or measured; nothing of a long one."""
    if len(section.lines) > MOST:
        return
    limited = any("setdefaulttimeout" in line for line in section.lines)
    for index, line in section.rows():
        if _HINT.search(line, 0, _LONGEST):
            if _HEADED.match(line, 0, _LONGEST) and index + 2 < len(section.lines):
                line += f" {section.lines[index + 2].strip()}"  # noqa: PLW2901 - psql prints the value two lines below
            code = () if limited and _CALL.search(line) else _of_code(line[:_LONGEST])
            for fact in (*_facts(line[:_LONGEST]), *_of_batches(line[:_LONGEST]), *code):
                yield LogEvent(where=section.where(index), kind=fact.kind, source=fact.source, subject=fact.subject, figures=fact.figures)


def _facts(line: str) -> Iterator[LineFact]:
    if (match := _UNSET.search(line)) is not None:
        yield LineFact(LogKind.SIZE, "setting", match["variable"] or match["plain"], ())
    if (match := _PLACES.search(line)) is not None:
        yield LineFact(LogKind.SIZE, "setting", None, (("places", float(match["places"])),))
    if hedged(line) is None and "redis" not in line.lower():
        yield from _sizes(line)


def _sizes(line: str) -> Iterator[LineFact]:
    """How large a pool is, and how many use it."""
    if (match := _POOL.search(line)) is not None:
        size = next(value for name, value in match.groupdict().items() if value is not None and name != "variable")
        more = _OVERFLOW.search(line)
        figures = (("pool", float(size)), *((("overflow", float(more["overflow"])),) if more is not None else ()))
        yield LineFact(LogKind.SIZE, "setting", match["variable"], figures)
    elif (match := _ROUTE.search(line)) is not None:
        yield LineFact(LogKind.SIZE, "setting", None, (("route", float(match["route"])),))
    if (match := _USERS.search(line)) is not None:
        noun = "request" if match["requests"] is not None else None
        yield LineFact(LogKind.SIZE, "setting", noun, (("users", float(next(filter(None, match.groups())))),))


def _of_batches(line: str) -> Iterator[LineFact]:
    """How many messages come at once, how long each or all of them take, and how long that may be."""
    if (match := _INTERVAL.search(line)) is not None:
        yield LineFact(LogKind.BATCH, "setting", None, (("limit", float(match["interval"]) / 1000),))
    if (match := _AT_ONCE.search(line)) is not None:
        yield LineFact(LogKind.BATCH, "setting", None, (("records", float(match["records"])),))
    if _ASIDE.search(line) or hedged(line):
        return
    if (match := _PER.search(line)) is not None:
        yield LineFact(LogKind.BATCH, "program", None, (("each", float(match["each"]) * _UNITS[match["unit"]] * 1000),))
    if (match := _EACH.search(line)) is not None:
        records, each = float(match["records"]), float(match["each"])
        yield LineFact(LogKind.BATCH, "program", None, (("records", records), ("each", each), ("took", records * each / 1000)))
    elif (match := _TOOK.search(line)) is not None:
        took = float(match["took"] or match["took2"]) * _UNITS[match["unit"] or match["unit2"]]
        yield LineFact(LogKind.BATCH, "program", None, (("records", float(match["records"] or match["records2"])), ("took", took)))


def _of_code(line: str) -> Iterator[LineFact]:
    """What a line of code shows, or words about the load of a processor."""
    if (match := _BUSY.search(line)) is not None and not _DENIED.search(line, 0, match.end()) and not _OF_ANOTHER.search(line):
        yield LineFact(LogKind.BUSY, "program", None, (("percent", float(next(filter(None, match.groups())))),))
    if (match := _CALL.search(line)) is not None and _OF_CODE.search(line, 0, match.start()) is None and "timeout" not in line.lower():
        yield LineFact(LogKind.UNTIMED, "program", match["call"], ())
    if (match := _COPIED.search(line)) is not None and _OF_CODE.search(line, 0, match.start()) is None:
        yield LineFact(LogKind.COPIED, "program", match["call"], ())
    if (match := _MADE.search(line)) is not None and not _KEPT.search(line) and _OF_CODE.search(line, 0, match.start()) is None:
        yield LineFact(LogKind.MADE, "program", match["call"] or f"java.net.http.{match['of']}", ())
    if (match := _TASKS.search(line)) is not None:
        yield LineFact(LogKind.BESIDE_LIMIT, "tasks", None, (("most", float(match["most"])),))
    if (match := _TAKES.match(line)) is not None:
        yield LineFact(LogKind.TAKES, "program", match["lock"] or match["acquired"], (("line", float(match["line"])),))
    if _MATCHED.search(line) and (match := _PATTERN.search(line)) is not None:
        number = _NUMBERED.match(line)
        figures = (("line", float(number["line"])),) if number is not None else ()
        yield LineFact(LogKind.PATTERN, "program", match["pattern"], figures)
