"""Runs tasks on a Dask cluster that somebody else has set up: one small adapter, the same tasks and results as on the cores of this machine.

Scheduling, retries and the death of workers are Dask's business: a task whose worker dies is given to another one. The extra
``closewait[fleet]`` brings what is needed here; the workers need the same version of this tool.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analyzer.fleet.engine import Engine
from analyzer.fleet.finished import tool
from analyzer.model.errors import UsageError
from analyzer.model.message import say
from analyzer.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

MadeT = TypeVar("MadeT")

_PATIENCE: Final = "10s"
"""How long to wait for a scheduler that does not answer."""


class _Cluster(Executor):
    """What Dask takes for an executor, closed with its connection."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # A task is never "the same as before": its bytes may have changed, and its result is not kept.
        self._inner = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., MadeT], /, *args: object, **kwargs: object) -> Future[MadeT]:
        """Give it to the scheduler."""
        made: Future[MadeT] = self._inner.submit(fn, *args, **kwargs)
        return made

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of what is left, and of the scheduler, which goes on without us."""
        del wait, cancel_futures  # the results are here, or nobody waits for them any more
        self._inner.shutdown(wait=False)
        self._client.close()


def about() -> tuple[str, str]:
    """The version of the tool and one word for its code, on whatever machine this runs."""
    return VERSION, tool()


def cluster(address: str) -> Engine:
    """The engine of a scheduler at ``tcp://HOST:PORT``.

    Raises:
        UsageError: if Dask is not installed, nobody answers, there is no worker, or a worker has another version of this tool.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra, and half a second
    except ImportError as error:
        raise UsageError(
            say("--scheduler needs Dask, which is not installed here ({error}); pip install 'closewait[fleet]'", error=error)
        ) from error

    def connected() -> Any:
        try:
            return Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(say("--scheduler: no scheduler answers at {address}: {error}", address=address, error=error)) from error

    client = connected()
    try:
        width = _checked(client, address)
    finally:
        client.close()
    return Engine(lambda: _Cluster(connected()), width, fatal=())


def _checked(client: Any, address: str) -> int:
    """How many tasks the workers work on at a time."""
    threads: dict[str, int] = client.nthreads()
    if not threads:
        raise UsageError(
            say("--scheduler: {address} has no workers; start some with “dask worker {address} --nthreads 1”", address=address)
        )
    said = client.run(about, on_error="return")
    mine = about()
    for worker, theirs in sorted(said.items()):
        if isinstance(theirs, BaseException):
            raise UsageError(
                say(
                    "--scheduler: the worker {worker} has no closewait that can be loaded: {error}",
                    worker=worker,
                    error=f"{type(theirs).__name__}: {theirs}",
                )
            )
        if tuple(theirs) != mine:
            what = f"closewait {theirs[0]}" if theirs[0] != mine[0] else f"another build of closewait {theirs[0]}"
            raise UsageError(
                say(
                    "--scheduler: the worker {worker} has {what}, this is {mine}; install the same on every worker",
                    worker=worker,
                    what=what,
                    mine=mine[0],
                )
            )
    return sum(threads.values())
