"""The root causes, one file each: the module's docstring is what users read in reports and in ``analyze explain``.

A rule says what it says in a ``Text`` on top, and judges below it. A new rule is a file here, an entry in ``RULES``, a test, a sample. What two
rules need of a finding lives in ``families``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from analyzer.rules import (
    acceptor_stalled,
    async_never_completed,
    backlog_overflow,
    blocked_write,
    blocking_commands,
    class_init_deadlock,
    common_pool_starvation,
    connection_leak,
    connection_limit,
    conntrack_full,
    cpu_spin,
    cross_system_deadlock,
    database_deadlock,
    database_read_hang,
    disk_full,
    disk_stall,
    dns_stall,
    entropy_stall,
    ephemeral_port_exhaustion,
    event_loop_blocked,
    fd_exhaustion,
    fd_leak_without_tcp,
    finalizer_stuck,
    gc_thrash,
    http_pool_exhausted,
    idle_connections_pin_threads,
    inherited_fd,
    java_deadlock,
    jdbc_pool_exhausted,
    keep_alive_missing,
    lock_convoy,
    lock_held_by_idle_transaction,
    lock_order_inversion,
    logging_stall,
    lost_session,
    mutual_call_starvation,
    nested_connection_lease,
    nested_task_starvation,
    object_pool_exhausted,
    pool_stuck,
    process_stopped,
    proxy_half_close,
    proxy_timeout,
    queued_at_proxy,
    recursive_read_lock,
    self_call_starvation,
    server_never_closes,
    slow_backend,
    slow_statement,
    sync_over_async,
    thread_leak,
    vanished_peer,
    virtual_thread_pinning,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.model.finding import Finding, Outlook
    from analyzer.model.need import Need
    from analyzer.waits.case import Case


class Rule(Protocol):
    """What a rule module offers.

    ``NEEDS`` names the input without which it is skipped. ``CONSEQUENCE_OF`` names
    the rules whose finding on the same process explains this one. ``OUTLOOK``: whether it heals by itself, where a finding does not say it
    better. ``CLEAN`` says in one line why it is not this cause. ``diagnose`` is pure.
    """

    @property
    def __name__(self) -> str:
        """The module's name."""

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The explanation."""

    @property
    def NEEDS(self) -> tuple[Need, ...]:  # noqa: N802 - a constant of the module
        """The inputs without which the rule is skipped."""

    @property
    def CONSEQUENCE_OF(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The rules that this one may follow from."""

    @property
    def OUTLOOK(self) -> Outlook:  # noqa: N802 - a constant of the module
        """Whether it heals by itself."""

    @property
    def CLEAN(self) -> str:  # noqa: N802 - a constant of the module
        """Why it is not this cause, in one line, for when the rule looked and found nothing."""

    def diagnose(self, case: Case) -> Iterable[Finding]:
        """The findings of this cause; none if it is not so."""


RULES: Final[tuple[Rule, ...]] = (
    cross_system_deadlock,
    lock_held_by_idle_transaction,
    lost_session,
    blocking_commands,
    queued_at_proxy,
    slow_statement,
    database_deadlock,
    self_call_starvation,
    mutual_call_starvation,
    nested_task_starvation,
    common_pool_starvation,
    sync_over_async,
    slow_backend,
    database_read_hang,
    jdbc_pool_exhausted,
    http_pool_exhausted,
    nested_connection_lease,
    object_pool_exhausted,
    java_deadlock,
    class_init_deadlock,
    lock_order_inversion,
    recursive_read_lock,
    lock_convoy,
    logging_stall,
    dns_stall,
    event_loop_blocked,
    blocked_write,
    connection_limit,
    acceptor_stalled,
    fd_exhaustion,
    ephemeral_port_exhaustion,
    keep_alive_missing,
    cpu_spin,
    thread_leak,
    connection_leak,
    async_never_completed,
    fd_leak_without_tcp,
    gc_thrash,
    idle_connections_pin_threads,
    server_never_closes,
    virtual_thread_pinning,
    process_stopped,
    vanished_peer,
    inherited_fd,
    finalizer_stuck,
    entropy_stall,
    backlog_overflow,
    conntrack_full,
    disk_full,
    disk_stall,
    proxy_half_close,
    proxy_timeout,
    pool_stuck,
)
"""Every rule, in the order in which ``analyze explain`` lists them."""


def slug(rule: Rule) -> str:
    """The rule's id: its file's name with dashes."""
    return rule.__name__.rpartition(".")[2].replace("_", "-")
