"""Every format of text, in one list: what a format offers, and which of them show what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from parsers.process import (
    busybox_lsof,
    class_histogram,
    collection,
    counters,
    df,
    file_locks,
    free,
    heap_info,
    host_facts,
    iostat,
    jfr_events,
    jstat,
    kernel_stacks,
    limits,
    node_handles,
    node_stats,
    pfiles,
    pidstat,
    pool_tables,
    proc_fd,
    proc_task,
    process_status,
    procstat_stacks,
    ps,
    puma_stats,
    queue_lists,
    server_status,
    settings,
    strace,
    top,
    truss,
    vmstat,
    wait_channels,
)
from parsers.sessions import (
    connection_lists,
    haproxy,
    haproxy_info,
    haproxy_stat,
    innodb,
    mongodb,
    mysql,
    oracle,
    pgbouncer,
    postgresql,
    redis,
    session_counts,
    sqlserver,
)
from parsers.sockets import (
    conntrack,
    listen_queues,
    lsfd,
    lsof,
    lsof_fields,
    lsof_json,
    net_tcp_connection,
    netstat,
    netstat_bsd,
    netstat_solaris,
    netstat_windows,
    nettop,
    proc_net,
    socket_counts,
    sockstat,
    ss,
    tcpdump_text,
)
from parsers.threads import (
    asyncio_tasks,
    attach_failure,
    bare_stack,
    console_threads,
    dotnet_stacks,
    elixir_errors,
    erlang_crash_dump,
    erlang_shell,
    goroutine_counts,
    goroutines,
    hot_threads,
    hotspot,
    hotspot_agent,
    inspector_stacks,
    javacore,
    jrockit,
    lldb_stacks,
    mac_sample,
    management,
    merged_stacks,
    named_stacks,
    native_stacks,
    node_profile,
    node_report,
    php_fpm_status,
    php_slow_log,
    pinned_traces,
    python_json,
    python_stacks,
    python_traces,
    ruby_stacks,
    solr_threads,
    stuck_threads,
    thread_file,
    windows_stacks,
    worker_timeouts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Parsed
    from parsers.records.shows import Shows
    from parsers.text.source import Section


class Format(Protocol):
    """What a format module offers.

    ``HEADER`` and ``ROW_SHAPE`` are patterns for the beginning of a line: a header always begins a new output, a row does so only
    after the output of something else (see :class:`parsers.text.shapes.Shapes`).
    ``sniff`` gets the first non-blank lines of a section. ``parse`` never raises, whatever the content.
    """

    NAME: str
    SHOWS: frozenset[Shows]
    HEADER: str
    ROW_SHAPE: str

    def sniff(self, head: Sequence[str]) -> bool:
        """True if these lines are of this format."""

    def parse(self, section: Section) -> Parsed:
        """Records, and the lines that were not understood."""


FORMATS: Final[tuple[Format, ...]] = (
    management,
    hotspot_agent,
    hotspot,
    thread_file,
    javacore,
    jrockit,
    stuck_threads,
    pinned_traces,
    console_threads,
    solr_threads,
    hot_threads,
    goroutines,
    native_stacks,
    lldb_stacks,
    mac_sample,
    windows_stacks,
    merged_stacks,
    asyncio_tasks,
    python_stacks,
    python_json,
    python_traces,
    ruby_stacks,
    php_slow_log,
    php_fpm_status,
    worker_timeouts,
    node_report,
    node_profile,
    inspector_stacks,
    dotnet_stacks,
    elixir_errors,
    erlang_crash_dump,
    erlang_shell,
    conntrack,
    tcpdump_text,
    nettop,
    ss,
    netstat_bsd,
    sockstat,
    netstat_windows,
    netstat_solaris,
    listen_queues,
    net_tcp_connection,
    netstat,
    file_locks,
    lsof,
    lsof_fields,
    lsof_json,
    lsfd,
    proc_net,
    socket_counts,
    goroutine_counts,
    proc_fd,
    busybox_lsof,
    proc_task,
    strace,
    collection,
    top,
    truss,
    pidstat,
    iostat,
    vmstat,
    free,
    df,
    jstat,
    heap_info,
    class_histogram,
    counters,
    limits,
    pfiles,
    node_handles,
    node_stats,
    puma_stats,
    queue_lists,
    server_status,
    pool_tables,
    settings,
    process_status,
    wait_channels,
    procstat_stacks,
    kernel_stacks,
    ps,
    attach_failure,
    pgbouncer,
    postgresql,
    innodb,
    mysql,
    redis,
    haproxy,
    haproxy_info,
    haproxy_stat,
    oracle,
    sqlserver,
    mongodb,
    connection_lists,
    session_counts,
    jfr_events,
    host_facts,
)
"""Every format, the most telling first: the first whose ``sniff`` agrees gets the section, and tests hold that no other would."""


def formats_showing(what: Shows) -> frozenset[str]:
    """The names of the formats that show it."""
    return frozenset(form.NAME for form in (*FORMATS, bare_stack, named_stacks) if what in form.SHOWS)
