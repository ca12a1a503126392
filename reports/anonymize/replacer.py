"""Replaces what names somebody, in any text of a diagnosis, by the pseudonyms of one map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import msgspec
from msgspec.structs import replace

from analyzer.model.finding import SessionFact
from analyzer.model.known_issue import KnownIssue
from analyzer.model.message import Message
from analyzer.software.knowledge import knowledge
from reports.anonymize import addresses, patterns
from reports.anonymize.identities import COLLECTION, LOCAL_NAMES, NOBODY, PROMPT, VERSIONS, Identities, host_of, users_in
from reports.anonymize.placed import Placed, is_ordinary
from reports.anonymize.vocabulary import PLACES, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from analyzer.model.finding import Diagnosis
    from parsers.records import Where
    from reports.anonymize.pseudonyms import Pseudonyms

SHORTEST: Final = 4
"""Characters of a secret or path that is replaced wherever it stands; shorter ones occur by chance."""
_LONGEST_SECRET: Final = 500
"""Characters; longer ones stand in one place, if only because reports cut them."""
_LONGEST_NAME: Final = 255
"""Characters of a host's name at most (RFC 1035), and of a file's."""
_IDENTIFIER: Final = {"request": 3, "path": 7, "file": 14}
"""Digits of a number that is kept: a request's longer ones name customers; a pid has 7 at most; a file's name may hold a time."""
_FIXED: Final = VERSIONS | frozenset({"rule", "id", "finding", "consequence_of", "fingerprint"})
"""Fields whose words are the tool's own."""
_FILES: Final = frozenset({"file", "capture"})
_ROOTS: Final = frozenset(
    ["com", "org", "net", "edu", "gov", "io", "de", "kr", "co", "jp", "uk", "fr", "cn", "java", "javax", "jakarta", "jdk", "sun", "app"]
)
_ENDING: Final = re.compile(r"(?<![),.;:'\"\]}>])(?P<ending>[),.;:'\"\]}>]*)$")
_RUN: Final = re.compile(r"[^\W\d_]+|\d+")


class Replacer:
    """Replaces in any text. Made for one diagnosis by :func:`reports.anonymize.anonymize.anonymized`."""

    def __init__(self, pseudonyms: Pseudonyms, known: Identities, kinds: Collection[str]) -> None:
        """``known`` are the names to find in free text, ``kinds`` a choice of addresses, hosts, users, packages."""
        self.gone: dict[str, str] = {}
        """Secrets, paths, requests and packages that were taken out, with the word for what they are."""
        self._pseudonyms, self._known, self._kinds = pseudonyms, known, frozenset(kinds)
        self._texts: dict[str, str] = {}
        self._names: frozenset[str] | None = None
        hidden = {text: kind for text, kind in known.gone if SHORTEST <= len(text) <= _LONGEST_SECRET and not is_ordinary(text)}
        self._hidden = hidden
        named = [name for name in known.hosts if len(name) <= _LONGEST_NAME and "hosts" in kinds]
        every = {*named, *(name.partition(".")[0] for name in named)}
        self._hosts = {name.lower() for name in every if len(name) > 1}
        free = {name for name in self._hosts if not is_ordinary(name)}
        self._users = {name for name in known.users if "users" in kinds and len(name) <= _LONGEST_NAME}
        self._ordinary = Placed((name for name in self._users if is_ordinary(name)), self.user, known.listed)
        files = {name for name in known.files if 1 < len(name) <= _LONGEST_NAME}
        names = f"(?P<hidden>{patterns.any_of(hidden)})|(?P<host>(?i:{patterns.any_of(free)}))|(?P<user>{patterns.any_of(user for user in self._users if not is_ordinary(user))})"
        self._named = re.compile(names)
        inside = f"(?P<v4>{addresses.V4})|(?P<dashed>{addresses.DASHED})"
        self._in_paths = re.compile(f"{inside}|{names}")
        self._in_files = re.compile(f"{inside}|(?P<domain>{patterns.DOMAIN})|{names}")
        placed = patterns.any_of(self._hosts - free)
        parts = {
            "module": patterns.MODULE,
            "oracle": patterns.ORACLE,
            "url": patterns.URL,
            "http": patterns.HTTP,
            "secret": patterns.ASSIGNED,
            "query": patterns.QUERY,
            "mail": patterns.MAIL,
            "v6": addresses.V6,
            "v4": addresses.V4,
            "dashed": addresses.DASHED,
            "hex": addresses.HEX,
            "file": patterns.any_of(files),
            "path": patterns.PATH,
            "package": patterns.PACKAGE if "packages" in kinds else r"(?!)",
            "domain": patterns.DOMAIN,
            "placed": rf"(?i:(?<![\w.-]){placed}(?=:(?:\d|[a-z])))",
        }
        self._finder = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in parts.items()) + f"|{names}")
        self._handlers: dict[str, Callable[[re.Match[str]], str]] = {name: getattr(self, f"_{name}") for name in (*parts, "host", "user")}
        self._handlers["hidden"] = self._hidden_text

    def text(self, text: str) -> str:
        """Free text, or any other that has no rule of its own."""
        made = self._texts.get(text)
        if made is None:
            made = self._finder.sub(self._replaced, text)
            self._texts[text] = made
        return made

    def line(self, line: str) -> str:
        """A quoted line: a user's column is known by its place, whatever the user is called."""
        spans = users_in(line) if "users" in self._kinds else []
        prompt = PROMPT.match(line)
        if prompt:
            user, host = prompt["user"], prompt["host"]
            start, end = prompt.span("user")[0], prompt.span("host")[1]
            return f"{line[:start]}{self.user(user)}@{self.host(host)}{self.text(line[end:])}"
        made, at = "", 0
        for start, end in spans:
            made += self.text(line[at:start]) + self.user(line[start:end])
            at = end
        return made + self.text(line[at:])

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that the evidence names, if hosts are replaced at all."""
        return frozenset(self._known.hosts) if "hosts" in self._kinds else frozenset()

    def host(self, name: str) -> str:
        """A host's name or address."""
        bare, zone, interface = name.strip("[]").partition("%")
        address = addresses.parse(bare)
        if address is not None:
            return name.replace(bare, self._address(address, bare)) if "addresses" in self._kinds else name
        if "hosts" not in self._kinds or LOCAL_NAMES.match(name):
            return name
        label, dot, domain = bare.strip(".").lower().partition(".")
        if dot and "." not in domain and domain not in patterns.INTERNAL and domain in patterns.TOP_LEVEL:
            return self._pseudonyms.name("domain", f"{label}.{domain}") + zone + interface
        made = self._pseudonyms.name("host", label)
        if dot:
            made += f".{domain if domain in patterns.INTERNAL else self._pseudonyms.name('domain', domain)}"
        return made + zone + interface

    def user(self, name: str) -> str:
        """A user's name."""
        return name if "users" not in self._kinds or name in NOBODY or name.isdecimal() else self._pseudonyms.name("user", name)

    def file(self, name: str) -> str:
        """The name of an artifact: words that say what it is stay, others do not."""
        return "/".join(self._named_file(part) for part in name.split("/"))

    def _named_file(self, part: str) -> str:
        """A file or folder. The collector writes the host into its names, whatever that is called."""
        match = COLLECTION.match(part)
        if match is None:
            return self._segment(part, "file")
        return match["before"] + self.host(match["host"]) + self._segment(part[match.end() :], "file")

    def _replaced(self, match: re.Match[str]) -> str:
        kind = next(name for name, found in match.groupdict().items() if found is not None and name in self._handlers)
        return self._handlers[kind](match)

    def _address(self, address: addresses.Address, text: str) -> str:
        """The pseudonym; what stays, stays as it is written."""
        return text if addresses.is_kept(address) else self._pseudonyms.address(address)

    def _v4(self, match: re.Match[str]) -> str:
        address = addresses.parse(match["v4"])
        return match["v4"] if address is None or "addresses" not in self._kinds else self._address(address, match["v4"])

    def _v6(self, match: re.Match[str]) -> str:
        token = match["v6"]
        if "addresses" not in self._kinds:
            return token
        found = addresses.split_v6(token, self._known.addresses)
        if found is not None:
            return self._address(found[0], found[1]) + found[2]
        if not addresses.is_cut(token):
            return token
        head, _, port = token.rpartition(":")
        return f"2001:db8:ffff:{self._pseudonyms.name('word', head).removeprefix('name')}:{port}"

    def _hex(self, match: re.Match[str]) -> str:
        address = addresses.from_hex(match["hex"])
        if addresses.is_kept(address) or "addresses" not in self._kinds:
            return match["hex"]
        made = addresses.parse(self._pseudonyms.address(address))
        return addresses.to_hex(made) if made is not None else "0" * len(match["hex"])

    def _dashed(self, match: re.Match[str]) -> str:
        joint = match["joint"]
        dotted = match["dashed"].replace(joint, ".")
        address = addresses.parse(dotted)
        said = re.search(r"(?:ip|ec2|host|node|dyn|static|server|vm|pod)[-_]$", match.string[: match.start()], re.IGNORECASE)
        if address is None or "addresses" not in self._kinds or not (said or str(address) in self._known.addresses):
            return match["dashed"]
        return self._address(address, dotted).replace(".", joint)

    def _module(self, match: re.Match[str]) -> str:
        return match["module"]

    def _oracle(self, match: re.Match[str]) -> str:
        self.gone[match["oracle"]] = "secret"
        return "jdbc:oracle:(removed)"

    def _url(self, match: re.Match[str]) -> str:
        ending = cast("re.Match[str]", _ENDING.search(match["url"]))["ending"]
        scheme, _, rest = match["url"].removesuffix(ending).partition("://")
        authority = re.split(r"[/?;#]", rest, maxsplit=1)[0]
        login, at, ends = authority.rpartition("@")
        if login:
            self.gone[login] = "secret"
        hosts = ",".join(self._end(end) for end in ends.split(","))
        return f"{scheme}://{'(login)' if at else ''}{at}{hosts}{self._target(rest[len(authority) :])}{ending}"

    def _end(self, end: str) -> str:
        """``host:port`` of a URL; an IPv6 address has brackets."""
        host, colon, port = end.rpartition(":") if re.search(r":\d*$", end) and not end.endswith("]") else (end, "", "")
        if not host:
            return end
        return (self.host(host) if host_of(host) else self.text(host)) + colon + port

    def _http(self, match: re.Match[str]) -> str:
        target = match["target"]
        if "://" in target:
            return f"{match['method']} {self.text(target)}"
        if not target.startswith(("/", "*")):
            # Not a request but a word after GET, or CONNECT's host and port.
            return f"{match['method']} {self._end(target) if match['method'] == 'CONNECT' else self.text(target)}"
        return f"{match['method']} {self._target(target)}"

    def _target(self, target: str) -> str:
        """Path and query of a request: equal paths stay equal, a query goes."""
        path, mark, query = re.match(r"([^?;#]*)([?;#]?)(.*)", target, re.DOTALL).groups()  # type: ignore[union-attr]
        if mark and query:
            self.gone[query] = "secret"
        made = self._request(path)
        self._note(path, made, "request")
        return f"{made}{mark}{'(removed)' if mark else ''}"

    def _request(self, path: str) -> str:
        return "/".join(self._segment(part, "request") for part in path.split("/"))

    def _hidden_text(self, match: re.Match[str]) -> str:
        """What a dry run has found elsewhere."""
        text = match["hidden"]
        match self._hidden.get(text):
            case "request":
                return self._request(text)
            case "path":
                return self._parts(text)
            case _:
                return "(removed)"

    def _secret(self, match: re.Match[str]) -> str:
        self.gone[match["value"] or match["content"]] = "secret"
        return f"{match['key']}=(removed)" if match["key"] else f"{match['header']}: (removed)"

    def _query(self, match: re.Match[str]) -> str:
        self.gone[match["query"][1:]] = "secret"
        return "?(removed)"

    def _mail(self, match: re.Match[str]) -> str:
        return f"{self.user(match['local'])}@{self.host(match['at'])}"

    def _file(self, match: re.Match[str]) -> str:
        return self.file(match["file"])

    def _path(self, match: re.Match[str]) -> str:
        ending = cast("re.Match[str]", _ENDING.search(match["path"]))["ending"]
        path, mark, query = match["path"].removesuffix(ending).partition("?")
        if query:
            self.gone[query] = "secret"
        made = self._parts(path)
        self._note(path, made, "path")
        return f"{made}{mark}{'(removed)' if mark else ''}{ending}"

    def _parts(self, path: str) -> str:
        """A path; the folder below ``home`` is a user."""
        parts = re.split(r"([/\\])", path)
        made = ""
        for index, part in enumerate(parts):
            home = index > 1 and parts[index - 2].lower() in {"home", "users"} and part.lower() not in PLACES
            made += self.user(part) if home and part else part if part in "/\\~" else self._segment(part, "path")
        return made

    def _note(self, path: str, made: str, kind: str) -> None:
        """A path that was changed and is long enough to be told from a word."""
        if path != made and len(path) >= SHORTEST:
            self.gone[path] = kind

    def _segment(self, part: str, where: str) -> str:
        """A part of a path: known names and addresses as everywhere, other words unless they say what a thing is."""
        finder = self._in_files if where == "file" else self._in_paths
        made, at = "", 0
        for match in finder.finditer(part):
            made += self._words(part[at : match.start()], where) + self._replaced(match)
            at = match.end()
        return made + self._words(part[at:], where)

    def _words(self, part: str, where: str) -> str:
        return _RUN.sub(lambda run: self._word(run[0], where), part)

    def _word(self, word: str, where: str) -> str:
        if word.isdecimal():
            return word if len(word) <= _IDENTIFIER[where] else self._pseudonyms.name("word", word)
        if len(word) == 1 or word.lower() in PLACES or (where != "request" and word.lower() in spoken()):
            return word
        return self._pseudonyms.name("word", word)

    def _package(self, match: re.Match[str]) -> str:
        package = match["package"]
        if package.startswith(knowledge().tables.framework.prefixes):
            return package
        parts = package.rstrip(".").split(".")
        made = [part if part in _ROOTS and not index else self._pseudonyms.name("package", part) for index, part in enumerate(parts)]
        self._note(package, f"{'.'.join(made)}.", "package")
        return f"{'.'.join(made)}."

    def _domain(self, match: re.Match[str]) -> str:
        name = match["domain"]
        labels = name.split(".")
        last = labels[-1].lower()
        if last not in patterns.TOP_LEVEL or self._is_known_file(name):
            return self.text_of_names(name)
        if labels[0].lower() in _ROOTS and len(labels) > 2 and last not in patterns.CLASSIC | patterns.INTERNAL:  # noqa: PLR2004 - a package
            return self.text_of_names(name)
        if last not in patterns.CLASSIC and (any(re.search(r"[a-z][A-Z]|^[A-Z][a-z]", label) for label in labels) or _is_file(labels)):
            return self.text_of_names(name)
        # The host may stand behind other words of a thread's name: http-nio-app01.example.com-8443-exec-1
        pieces = labels[0].split("-")
        for index in range(1, len(pieces)):
            tail = "-".join(pieces[index:])
            if tail.lower() in self._hosts or ".".join((tail, *labels[1:])).lower() in self._hosts:
                return f"{self.text_of_names('-'.join(pieces[:index]))}-{self.host(name[-len(tail) - len(name) + len(labels[0]) :])}"
        front = connector[0] if (connector := patterns.CONNECTOR.match(name)) else ""
        return front + self.host(name.removeprefix(front))

    def text_of_names(self, text: str) -> str:
        """Only known names and addresses replaced: for what looks like a domain and is none."""
        return self._in_paths.sub(self._replaced, text)

    def _is_known_file(self, name: str) -> bool:
        """True for the name of an artifact whose ending is a country's too, as in README.md."""
        if self._names is None:
            self._names = frozenset(file.rpartition("/")[2] for file in self._known.files)
        return name in self._names and name.count(".") == 1

    def _placed(self, match: re.Match[str]) -> str:
        return self.host(match["placed"])

    def _host(self, match: re.Match[str]) -> str:
        return self.host(match["host"])

    def _user(self, match: re.Match[str]) -> str:
        return self.user(match["user"])

    def whole(self, diagnosis: Diagnosis) -> Diagnosis:
        """The diagnosis with pseudonyms."""
        excerpts = {
            cast("Where", self.walk(where)): tuple(self.line(self._ordinary.row(line, where.file)) for line in lines)
            for where, lines in diagnosis.excerpts.items()
        }
        rest = cast("Diagnosis", self.walk(replace(diagnosis, excerpts={})))
        return replace(rest, excerpts=excerpts, incident=replace(rest.incident, name=self.file(diagnosis.incident.name)))

    def message(self, message: Message) -> str:
        """The sentence with pseudonyms; one that can still be translated, unless a name is only recognised in the whole sentence."""
        message = self._ordinary.message(message)
        whole = self.text(str(message))
        made = message.refilled(lambda value: self.message(value) if isinstance(value, Message) else self._filled(value))
        return made if made == whole else whole

    def _filled(self, value: object) -> object:
        """A value of a sentence: numbers stay numbers, for their format."""
        return value if isinstance(value, int | float) else self.text(str(value))

    def walk(self, value: object, field: str = "") -> object:
        """The same tree with every text replaced by the rule of its field."""
        if isinstance(value, Message) and field not in _FIXED:
            return self.message(value)
        if isinstance(value, str):
            if field in _FIXED or type(value) is not str:
                return value
            return (
                self.file(value)
                if field in _FILES
                else self.host(value)
                if field in {"host", "hosts"}
                else self.text(self._ordinary.value(value))
            )
        if isinstance(value, tuple):
            return tuple(self.walk(item, field) for item in value)
        if isinstance(value, dict):
            return {self.walk(key): self.walk(item, field) for key, item in value.items()}
        if isinstance(value, KnownIssue) and not value.own:
            return replace(value, file=self.file(value.file))  # public words, and a public tracker's address
        if isinstance(value, msgspec.Struct):
            # The id of a session has a user and a database in it; other ids are the tool's own.
            owner = "session" if isinstance(value, SessionFact) else ""
            return type(value)(
                **{name: self.walk(getattr(value, name), owner if name == "id" and owner else name) for name in value.__struct_fields__}
            )
        return value


def _is_file(labels: list[str]) -> bool:
    """True for ``collect.sh`` and the like: an ending that is also a country's, behind a word of the tool's own."""
    return len(labels) == 2 and is_ordinary(labels[0])  # noqa: PLR2004 - a name and its ending
