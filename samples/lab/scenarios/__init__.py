"""The scenarios, by what goes wrong."""

from scenarios import (
    backends,
    bundles,
    connections,
    devices,
    far_side,
    far_waits,
    healthy,
    hosts,
    leaks,
    locks,
    mixed,
    other_runtimes,
    own_servers,
    processes,
    self_calls,
    virtual,
)

ALL = (
    self_calls.SCENARIOS,
    backends.SCENARIOS,
    leaks.SCENARIOS,
    locks.SCENARIOS,
    processes.SCENARIOS,
    virtual.SCENARIOS,
    connections.SCENARIOS,
    devices.SCENARIOS,
    hosts.SCENARIOS,
    bundles.SCENARIOS,
    own_servers.SCENARIOS,
    mixed.SCENARIOS,
    far_side.SCENARIOS,
    far_waits.SCENARIOS,
    other_runtimes.SCENARIOS,
    healthy.SCENARIOS,
)
