"""The flows of a capture: compact rows, what they show in columns, and a record of each that somebody asks for.

A capture may have two hundred thousand flows, of which a rule wants those that hang: it asks for their numbers by what they show.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, overload

from parsers.capture.kernel import bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from parsers.capture.facts import Flow
    from parsers.capture.kernel.signs import Signs
    from parsers.records import Endpoint

# fmt: off
Sign: TypeAlias = Literal[
    "taken", "ignored", "resent", "by client", "by server", "ended", "ended both", "reset", "reset by client",
    "waiting", "left", "requested", "answered", "full",
]
# fmt: on
"""What a flow shows. ``taken``: neither ignored nor refused. ``by client``, ``by server``: who ended it first. ``ended``: a FIN; ``ended both``: one of each end.
``waiting``: a request without an answer; ``left``: and the client's FIN or RST behind it. ``full``: the client's window is at zero at the end."""
_BITS: Final[dict[Sign, int]] = {
    "taken": bits.TAKEN,
    "ignored": bits.IGNORED,
    "resent": bits.RESENT,
    "by client": bits.BY_CLIENT,
    "by server": bits.BY_SERVER,
    "ended": bits.ENDED,
    "ended both": bits.ENDED_BOTH,
    "reset": bits.RESET,
    "reset by client": bits.RESET_BY_CLIENT,
    "waiting": bits.WAITING,
    "left": bits.LEFT,
    "requested": bits.REQUESTED,
    "answered": bits.ANSWERED,
    "full": bits.FULL,
}


class Glance(NamedTuple):
    """What rules ask of flows by the thousand, at a tenth of the cost of a record.

    The client, the SYNs it sent, and when, in nanoseconds since 1970, the server last sent data and the client's window was first at zero;
    None for never.
    """

    client: Endpoint
    syns: int
    served: int | None
    full: int | None


class Flows(Sequence["Flow"]):
    """The flows of a capture, in the order of their first packets, by their numbers from 0. A record of one is made when it is asked for, and kept."""

    __slots__ = ("_build", "_glance", "_glanced", "_made", "_newest", "_servers", "signs")

    def __init__(
        self,
        signs: Signs,
        servers: Sequence[Endpoint],
        build: Callable[[int], Flow],
        glance: Callable[[int], Glance],
        newest: Callable[[Endpoint, Endpoint], int],
    ) -> None:
        """``servers``: those that ``signs`` number. ``build`` makes the record of a flow, ``glance`` looks at one, ``newest`` finds the last one between two endpoints."""
        self.signs = signs
        self._servers = servers
        self._build = build
        self._glance = glance
        self._newest = newest
        self._made: dict[int, Flow] = {}
        self._glanced: dict[int, Glance] = {}

    def __len__(self) -> int:
        return len(self.signs.bits)

    @overload
    def __getitem__(self, index: int) -> Flow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Flow, ...]: ...
    def __getitem__(self, index: int | slice) -> Flow | tuple[Flow, ...]:
        places = range(len(self))
        if isinstance(index, slice):
            return tuple(self[place] for place in places[index])
        place = places[index]
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = self._build(place)
        return made

    def __iter__(self) -> Iterator[Flow]:
        return (self._made.get(place) or self._build(place) for place in range(len(self)))

    def glance(self, number: int) -> Glance:
        """A look at the flow of that number."""
        seen = self._glanced.get(number)
        if seen is None:
            seen = self._glanced[number] = self._glance(number)
        return seen

    def between(self, one: Endpoint, other: Endpoint) -> int | None:
        """The number of the newest flow between two endpoints, in either order, None if the capture has none."""
        number = self._newest(one, other)
        return number if number >= 0 else None

    def by_server(self) -> list[tuple[Endpoint, Sequence[int]]]:
        """The servers in their order, each with the numbers of its flows."""
        groups = [array("I") for _ in self._servers]
        if len(groups) == 1:
            groups[0].extend(range(len(self)))
        else:
            for number, server in enumerate(self.signs.server):
                groups[server].append(number)
        return sorted(zip(self._servers, groups, strict=True))

    def having(self, numbers: Iterable[int], *wanted: Sign, without: Sequence[Sign] = ()) -> list[int]:
        """Those of the flows with these numbers that show all that is wanted, and nothing of the rest."""
        found, mask = _asked(wanted, without)
        shown = self.signs.bits
        return [number for number in numbers if shown[number] & mask == found]

    def alike(self, numbers: Iterable[int]) -> Alike:
        """The flows with these numbers, sorted out for rules that ask for many signs."""
        groups: defaultdict[int, list[int]] = defaultdict(list)
        shown = self.signs.bits
        for number in numbers:
            groups[shown[number]].append(number)
        return Alike(groups)


class Alike:
    """Flows by all that they show: thousands of them show some dozens of things."""

    __slots__ = ("_groups",)

    def __init__(self, groups: Mapping[int, Sequence[int]]) -> None:
        """``groups``: the numbers of the flows that have these bits."""
        self._groups = groups

    def having(self, *wanted: Sign, without: Sequence[Sign] = ()) -> list[int]:
        """As :meth:`Flows.having`, in the same order."""
        found, mask = _asked(wanted, without)
        return sorted(number for shown, numbers in self._groups.items() if shown & mask == found for number in numbers)


def _asked(wanted: Sequence[Sign], without: Sequence[Sign]) -> tuple[int, int]:
    """The bits that are set, and those that are looked at."""
    found = sum(_BITS[sign] for sign in wanted)
    return found, found | sum(_BITS[sign] for sign in without)
