"""A blocked group: threads of one process that all wait for the same thing, and how much that hurts.

One dump is a moment. A blocked group in it is a queue that may move on; that it stands still shows in an earlier dump, or in clients that gave up.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, role_doubt
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import shown_of
from analyzer.evidence.movement import all_still, all_worked
from analyzer.evidence.multiples import Multiple, multiple, names_of, picked_in_words
from analyzer.evidence.nouns import of_pool, waiting_of
from analyzer.model.finding import Confidence, Culprit, Evidence, Missing, Severity, Step
from analyzer.model.message import joined, say
from analyzer.software.blockers import FUTURES, application_frame
from analyzer.software.pools import ThreadSet
from analyzer.waits.acceptors import acceptor_of
from analyzer.waits.server_pools import SATURATED, pressure
from analyzer.waits.targets import MAJORITY
from parsers.records import MAIN, Frame, Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from parsers.records import Endpoint, Thread

FEWEST: Final = 3
"""Waiting threads that make a group: one or two wait for a moment on every healthy server."""

NOTABLE: Final = 0.25
"""Share of a pool without a free thread that makes a group one of the causes, when clients suffer: there may be two or three at once."""


@lru_cache(maxsize=64)  # every group of a process asks
def _homes(view: ProcessView) -> dict[Thread, int]:
    """Thread → the place of its pool."""
    return {member.thread: place for place, pool in enumerate(view.pools) for member in pool.members}


SPARE: Final = 0.5
"""Free workers for each that waits, from which on a pool still serves, as far as a dump alone can tell."""


class BlockedGroup:
    """Threads that wait for one thing.

    Attributes:
        view: the process.
        members: the threads that wait.
        pool: the pool that most of them belong to.
        of_lock: True if they wait for a lock, or for a thread that writes: what lends permits or connections keeps count, and one waiter is none.
        serving: the server pool that suffers: ``pool`` itself, or one that waits for results of ``pool``. None if there is none.
    """

    of_lock: bool = False

    def __init__(self, case: Case, view: ProcessView, members: Sequence[ThreadActivity], also: Sequence[ThreadActivity] = ()) -> None:
        """A blocked group of ``members``; ``also`` are stuck for the same reason (they hold what the others want).

        Raises:
            StopIteration: if the first member belongs to no pool of ``view``.
        """
        self.view = view
        self.members = tuple(members)
        self._case = case
        stuck, inside = ThreadSet((*members, *also)), ThreadSet(members)
        homes = _homes(view)
        votes = Counter(homes[member.thread] for member in members if member.thread in homes)
        self.pool: Pool = view.pools[min(votes, key=lambda place: (-votes[place], place), default=0)]
        self.here = sum(worker in inside for worker in self.pool.workers)
        self._stuck = sum(worker in stuck for worker in self.pool.workers)
        self.serving: ServerPool | None = _sufferer(case, view, self.pool)

    @property
    def noteworthy(self) -> bool:
        """True if this is more than a busy moment: a group, and either most of its pool or clients that suffer from it.

        Fewer threads count where somebody picked them out of a dump.
        """
        if self.few:
            return self.picked
        if self.at_the_door:
            return True
        workers = max(1, len(self.pool.workers))
        # That nobody suffers only a socket table shows; without one, a few free threads are no comfort.
        spare = not self.lasting and self.pool.idle > 0 and bool(self.view.sockets or self.pool.idle >= SPARE * self.here)
        if not self.suffering and (spare or all_worked(self.members, self._earlier) > MAJORITY * len(self.members)):
            return False  # they go on, or enough others are free to serve: a busy moment
        if self.here >= MAJORITY * workers and self.pool.idle < self.here:
            return True
        return self.pool.idle == 0 and self._stuck >= NOTABLE * workers and self.suffering

    @property
    def case(self) -> Case:
        """The case that the group is of."""
        return self._case

    @property
    def few(self) -> bool:
        """True if these threads are too few for a group: one or two wait for a moment on every healthy server, but for the one at the door."""
        return len(self.members) < FEWEST and not self.at_the_door

    @property
    def picked(self) -> bool:
        """True if somebody picked these threads out of a dump, so that one stands for many."""
        return chosen(self._case, self.view)

    @cached_property
    def at_the_door(self) -> bool:
        """True if the thread that lets clients in is among them, and clients suffer: one is enough to close a server."""
        if not self.of_lock or self.port is None or not self.suffering:
            return False
        acceptor = acceptor_of(self.view, self.port)
        return acceptor is not None and any(member.thread is acceptor.thread for member in self.members)

    @property
    def port(self) -> int | None:
        """The listener whose clients suffer."""
        if self.serving is not None:
            return self.serving.port
        return next(iter(self.view.listeners)) if len(self.view.listeners) == 1 else None

    @cached_property
    def suffering(self) -> bool:
        """True if clients of the listener wait or gave up."""
        return pressure(self.view, self.port).exists

    @property
    def starved(self) -> bool:
        """True if no thread of the server pool is free: its own wait here, or for results that this pool owes."""
        if self.serving is None or self.serving.pool.idle:
            return False
        if self.serving.pool is self.pool:
            return self._stuck >= SATURATED * len(self.pool.workers)
        owed = sum(member.activity.kind in FUTURES for member in self.serving.pool.busy)
        return owed >= SATURATED * len(self.serving.pool.workers)

    @property
    def severity(self) -> Severity:
        """Critical if nobody serves requests any more or clients suffer."""
        if self.at_the_door:
            return Severity.CRITICAL
        if self.few:
            return Severity.WARNING
        free = self.serving.pool.idle if self.serving is not None else 0
        guessed = self.serving is not None and self.serving.pool.basis is not None and self.serving.pool.sure is Confidence.SUSPECTED
        if guessed and not self.suffering:
            return Severity.WARNING  # that requests are served here at all is a suspicion
        return Severity.CRITICAL if self.starved or (self.suffering and not free) else Severity.WARNING

    @cached_property
    def _earlier(self) -> tuple[ProcessView, ...]:
        """The process in earlier snapshots, where these have a dump of it."""
        history = self._case.history(self.view)
        return tuple(view for view in history[: history.index(self.view)] if view.dump is not None)

    @cached_property
    def lasting(self) -> int:
        """How many members stood in the same place in an earlier dump of the process."""
        return all_still(self.members, self._earlier)

    @property
    def frame(self) -> Frame | None:
        """The application frame that most of them share; in PHP the call itself, where that is the script."""
        found = common_frame(self.members)
        if self.view.known.runtime is Runtime.PHP and (found is None or found.method == MAIN):
            calls = (member.thread.frames[:2] for member in self.members if member.thread.frames)
            return next((Frame("", call.method, call.source or (below[0].source if below else "")) for call, *below in calls), None)
        return found

    @property
    def site(self) -> str:
        """That frame in words."""
        if not any(member.thread.frames for member in self.members):
            return say("code that the dump does not show")
        return place(self.frame)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why a dump with this group may mislead."""
        found = []
        if all_worked(self.members, self._earlier) > MAJORITY * len(self.members):
            found.append(say("most of these threads have used CPU since the dump before: what they wait for may pass from one to the next"))
        elif self._earlier and not self.lasting:
            found.append(say("none of these threads stood here in the dump before: they may move on"))
        elif not self.suffering and self.lasting < MAJORITY * len(self.members):
            found.append(say("nobody is seen to have given up and there is no second dump, so this may be a busy moment"))
        if self.serving is not None and self.serving.pool is self.pool and (doubt := role_doubt(self.pool)):
            found.append(doubt)
        if self.counted:
            return tuple(found)
        if self.view.dump is not None and self.view.dump.fragment:
            found.append(say("it is only a piece of a dump"))
        elif self.view.dump is not None and self.view.dump.complete is False:
            found.append(say("the thread dump is cut off"))
        return tuple(found)

    @cached_property
    def multiple(self) -> Multiple | None:
        """How many stand like threads that somebody picked, where the evidence says so."""
        return multiple(self._case, self.members) if self.picked else None

    @property
    def counted(self) -> bool:
        """True if a command counted them over the whole dump, of which a piece is here."""
        return self.multiple is not None and not self.multiple.told and not self.multiple.by_state

    @property
    def count(self) -> str:
        """``30 of 38 threads of http-nio-8080-exec``; of picked threads ``Threads like “http-nio-8080-exec-3” (1 pasted)``."""
        if self.few or self.multiple is not None:
            names = names_of(self.members)
            return picked_in_words(names, len(self.members), self.multiple)
        total = len(self.pool.workers)
        beside = len(self.members) - self.here
        more = "" if not beside else say(" and {beside} of other pools", beside=beside)
        if beside and self.at_the_door:
            more = say(" and {beside} of other pools, the acceptor among them", beside=beside)
        here = shown_of(self.view.dump, self.here, total)
        return of_pool(self.view, here, total, self.pool.name, more)

    @property
    def clients(self) -> str:
        """What the listener's clients suffer, in words; empty if nothing shows it."""
        return clients_in_words(self.view, self.port)

    @property
    def figures(self) -> tuple[tuple[str, str], ...]:
        """Clients and waiting threads as figures."""
        return (
            *client_figures(self.view, self.port),
            (
                (f"{self.multiple.number:,}", say("threads waiting"))
                if self.multiple is not None
                else (say("{pasted} pasted", pasted=len(self.members)), say("threads waiting"))
                if self.few
                else (
                    say("{here:,} of {workers_count:,}", here=self.here, workers_count=len(self.pool.workers)),
                    waiting_of(self.view, self.pool.name),
                )
            ),
        )

    @property
    def client_evidence(self) -> list[Evidence]:
        """What the listener's clients suffer, as evidence."""
        return client_evidence(self.view, self.port)

    @property
    def before(self) -> tuple[Step, ...]:
        """The step of a server pool that waits for results of the group's pool, if there is one."""
        if self.serving is None or self.serving.pool is self.pool:
            return ()
        pool = self.serving.pool
        count = shown_of(self.view.dump, len(self.serving.waiters), len(pool.workers))
        return (Step(pool.name, say("waits for a result of"), say("{count} wait for tasks of {name}", count=count, name=self.pool.name)),)

    @property
    def second_dump(self) -> tuple[Missing, ...]:
        """What would show that it stands still, if nothing does yet."""
        if self.suffering or self.lasting:
            return ()
        command = say("jstack -l {pid} > jstack-2.txt", pid=self.pid)
        return (
            Missing(say("second thread dump, ten seconds later"), say("whether the same threads are still in the same place"), command),
        )

    def culprit(
        self,
        frame: Frame | None,
        *,
        thread: str | None = None,
        remote: Endpoint | str | None = None,
        lock: str | None = None,
        library: str | None = None,
    ) -> Culprit:
        """What to blame: the group's pool and listener, and what the rule adds."""
        return Culprit(
            pool=self.pool.name,
            thread=thread,
            frame=str(frame) if frame is not None else None,
            listener=f"*:{self.port}" if self.port is not None else None,
            remote=str(remote) if remote is not None else None,
            lock=lock,
            library=library,
        )

    @property
    def pid(self) -> str:
        """The pid for commands, ``PID`` if it is unknown."""
        return str(self.view.process.pid) if self.view.process.pid is not None else "PID"


def judge(doubts: Sequence[str], proof: str, *, other_cause: str | None = None) -> tuple[Confidence, str]:
    """Confidence and its reason. ``other_cause`` fits the evidence alike: then it is a suspicion, whatever else agrees."""
    if other_cause is not None:
        return Confidence.SUSPECTED, say("{proof} But {other_cause}.", proof=proof, other_cause=other_cause)
    if not doubts:
        return Confidence.CERTAIN, proof
    return Confidence.LIKELY, say("{proof} Not certain, because {list}.", proof=proof, list=joined(" and ", doubts))


def common_frame(members: Sequence[ThreadActivity]) -> Frame | None:
    """The application frame that most of the threads share; None if none has any."""
    frames = [frame for member in members if (frame := application_frame(*member)) is not None]
    return max(sorted(set(frames), key=str), key=frames.count, default=None)


def place(frame: Frame | None) -> str:
    """A frame in words: there is none where only frameworks are on the stack."""
    return str(frame) if frame is not None else say("framework code")


def _sufferer(case: Case, view: ProcessView, pool: Pool) -> ServerPool | None:
    mine = [serving for serving in case.server_pools if serving.view is view]
    own = next((serving for serving in mine if serving.pool is pool), None)
    return own or next((serving for serving in mine if any(dependency.helper is pool for dependency in serving.dependencies)), None)
