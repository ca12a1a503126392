"""The scenarios, by what goes wrong."""

from scenarios import backends, healthy, leaks, locks, processes, self_calls, virtual

ALL = (
    self_calls.SCENARIOS,
    backends.SCENARIOS,
    leaks.SCENARIOS,
    locks.SCENARIOS,
    processes.SCENARIOS,
    virtual.SCENARIOS,
    healthy.SCENARIOS,
)
