"""Stories of lines in which a component says itself that nothing is left: a table of the kernel, a limit, a store, or any goroutine that could run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.story import Story
from analyzer.model.finding import Confidence, Outlook, RecoversWhen
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_ITSELF: Final = say("The kernel wrote the line itself, at the moment it happened; whether it lasts, the line does not show.")

LIMITS: Final[Mapping[LogKind, Story]] = {
    LogKind.ENDED: Story(
        "java-deadlock",
        say(
            "The runtime of Go itself found that no goroutine could run any more: none of them computes, and none waits for a timer, a file or the network. Whoever should have let them go on is missing: a channel that nobody sends to or closes any more, a WaitGroup whose Done is missing or was called on a copy, a lock that is not given back. A larger buffer of a channel only moves the moment."
        ),
        say(
            "Follow each goroutine's stack: what does it wait for, and who should have given it that? go vet finds groups and locks that are copied."
        ),
        "go vet ./...",
        say(
            "Let the last sender close the channel, call Done in every path (defer) on the group that is waited for (hand over *sync.WaitGroup, never a copy), and unlock in every path."
        ),
        say("waits for one that waits, too"),
        why=say("The runtime proved it, and ended the program for it."),
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.RESTART, say("The program has ended; started again it may come to the same place.")),
    ),
    LogKind.ARCHIVE: Story(
        "blocked-write",
        say(
            "Oracle uses an online log again only after it was archived. The archiver could not write, so that, when all of them are full, every session that changes something waits (log file switch, archiving needed), while those that only read go on. Row locks beside it are kept by sessions that wait for this, too; ending one of them does not help."
        ),
        say("See what fills the place where the logs are archived, and since when backups have not deleted it."),
        "sqlplus / as sysdba: select * from v$recovery_file_dest; select * from v$recovery_area_usage; select dest_id, status, error from v$archive_dest",
        say(
            "Back up and delete archived logs with RMAN (backup archivelog all delete input), or raise db_recovery_file_dest_size if the disk has room; sessions go on by themselves. Then see why the backups did not delete them."
        ),
        say("cannot archive its log"),
        why=say("The database wrote it itself; whether it lasts, its views tell."),
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.CAUSE, say("The sessions go on as soon as a log can be archived.")),
    ),
    LogKind.STORE_FULL: Story(
        "blocked-write",
        say(
            "There is no room for further archived logs. When no log can be archived any more, every session that changes something waits, while those that only read go on."
        ),
        say("See what fills it, and since when backups have not deleted it."),
        "sqlplus / as sysdba: select * from v$recovery_file_dest; select * from v$recovery_area_usage",
        say(
            "Back up and delete archived logs with RMAN, or raise the limit if the disk has room. Then see why the backups did not delete them."
        ),
        say("has no room for its logs"),
        why=say("The database wrote it itself; whether it lasts, its views tell."),
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.CAUSE, say("The sessions go on as soon as there is room again.")),
    ),
    LogKind.TRACKED: Story(
        "conntrack-full",
        say(
            "The kernel of a host that tracks connections (a firewall, a router, a node with containers) had no entry left: the packets of new connections were dropped, whatever process makes them, while those that are in the table go on. Processes, threads and processor time look well. Many short connections, long timeouts of entries, and a flood fill it alike."
        ),
        say("Compare the entries with the limit, and see who has them."),
        "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; conntrack -L | awk '{print $1,$4}' | sort | uniq -c | sort -rn | head",
        say(
            "Raise net.netfilter.nf_conntrack_max, which works at once; then make fewer or shorter entries: keep-alive, a shorter nf_conntrack_tcp_timeout_time_wait, notrack for traffic that needs no state."
        ),
        say("drops packets of new connections"),
        why=_ITSELF,
        confidence=Confidence.LIKELY,
    ),
    LogKind.NEIGHBOURS: Story(
        "connection-limit",
        say(
            "Each address that the host speaks to without a router between needs an entry in this table (ARP, neighbour discovery). Where it is full, packets to an address without an entry fail (“No buffer space available”), and those to the others go on: some hosts cannot be reached, now these and now those. Buffers of sockets, the network driver and the table of tracked connections are other things. A flat network with many hosts or pods, and a scan of one, fill it alike; old kernels write the same where the loopback interface is down."
        ),
        say("Compare the entries with the limit (gc_thresh3), and see which interface has them."),
        "ip neigh | wc -l; ip neigh | awk '{print $3, $NF}' | sort | uniq -c | sort -rn | head; sysctl -a | grep gc_thresh",
        say(
            "Raise net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 together (net.ipv6 for IPv6), well above the hosts of the network, or make the network that one host sees directly smaller."
        ),
        say("finds no place for another neighbour"),
        why=_ITSELF,
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.LOAD, say("Unused entries are thrown out after a while: it comes and goes.")),
    ),
    LogKind.REACHED: Story(
        "connection-limit",
        say(
            "The component says itself that it has as many as it may: further ones are refused, dropped, or must wait. A limit that is too low for an honest load, a client that takes most of it or does not give back, and work that is slow and so keeps its places look the same: the list of who has them tells."
        ),
        say("List who has the places, by client and by state: one client with most of them, many that do nothing, or all at work?"),
        None,
        say(
            "Let what is not used be given back (close it, idle timeouts), and give each client a limit of its own; raise the limit where all of them are at work and the host bears more."
        ),
        say("has no place left"),
        why=say("The component wrote the line itself; who uses the limit up, and whether it lasts, the line does not show."),
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.CAUSE, say("There is room again when some of what is in use is given back.")),
    ),
    LogKind.KERNEL_LIMIT: Story(
        "connection-limit",
        say(
            "The kernel has one number for a full file system and for some limits of its own (ENOSPC; EDQUOT for keys), so that the words are those of a full disk. What was asked for here is no disk: it tells which limit is meant, of watches of inotify, semaphores or shared memory of System V, namespaces, control groups or keys. What was made and never given back, and a limit that is too low for the number of programs or files, look the same."
        ),
        say("Compare what is in use with the limit; df shows whether a disk is full besides."),
        "sysctl fs.inotify.max_user_watches fs.inotify.max_user_instances kernel.sem kernel.keys.maxkeys user.max_user_namespaces; ipcs -u; cat /proc/cgroups; df -h",
        say(
            "Raise the limit (sysctl -w), which works at once, where honest use has reached it; remove what ended programs have left (ipcrm), and watch fewer files."
        ),
        say("gets no more of it from the kernel"),
        why=_ITSELF,
        confidence=Confidence.LIKELY,
    ),
    LogKind.DISCARDED: Story(
        "pool-stuck",
        say(
            "The server throws away what has waited longer than its timeout, as whoever asked has given up: more came than it did. Slow disks, long pauses of the collector, too many requests or too large ones, and, for what came from other nodes, clocks that differ, look the same."
        ),
        say("See which stage has work pending, and the disks and pauses of that time."),
        "nodetool tpstats; nodetool compactionstats; iostat -x 1 5; grep GCInspector system.log | tail",
        say("Find what slows the node down, or send it less; what was dropped must be repaired (nodetool repair)."),
        say("does not keep up with its work"),
        why=say("The server counted it itself; what slowed it down, the line does not say."),
        confidence=Confidence.LIKELY,
    ),
}
"""The first of all stories, in the order in which they are told."""
