"""A file system is full: nothing more can be written there, or no further file be made.

Looks for: the words of programs that found no room (“No space left on device”, those of databases and brokers), and the row of df for the file system of that path:
nothing available, or no free inode. Files that are deleted and still open, by lsof, name who keeps the room.

Why it matters: whatever writes there fails, or waits until there is room: databases stop or take no more writes, logs and uploads are cut, and what
tries again hangs. What only reads goes on, so that half of a system seems well.

Do next: see which file system it is, of bytes or of inodes, and what fills it. Empty a log that is open rather than delete it: a deleted file keeps
its room as long as it is open.

Wrong when: the file system is an image that is only read, which is full by nature; the words are those of another limit of the kernel (watches of inotify,
semaphores), a quota, or the limit of a container's volume, which the host's df does not show; or the room is back by now.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import site_of
from analyzer.families.full_disks import full_disks, held_on, is_grave, sure_of, values_of
from analyzer.families.log_joins import alone
from analyzer.model.finding import Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.need import Need
    from analyzer.waits.case import Case

NEEDS: Final[tuple[Need, ...]] = ()
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("Writes succeed again as soon as somebody, or a timer, makes room; what failed meanwhile is lost, or must be repeated."),
)
CLEAN: Final = say("no program says that it found no room, and df shows no full file system that can be written")
MOST: Final = 3
"""Findings, and lines of one of them, that are shown: more of them say the same."""
TEXT: Final = Text(
    "disk-full",
    headline=Either(
        "shown",
        Either(
            "inodes",
            "The file system {mount} has no inode left (df: {figures}){met}: no further file can be made there{room}.",
            "The file system {mount} is full (df: {figures}){met}.",
        ),
        Either(
            "quota",
            "{who} reached a quota of disk space{at}{in_site}{often}.",
            Either(
                "nearly",
                "{who} takes no more writes, as its disk{at} is nearly full{left}{often}.",
                Either(
                    "unsaved",
                    "{who} says that it could not save to its disk{often}.",
                    "{who} found no space left{at}{in_site}{often}{though}.",
                ),
            ),
        ),
    ),
    explanation=Either(
        "shown",
        "df shows {figures} on {mount} ({device}).{kept}{held_words} What writes there fails, or waits until there is room; what only reads goes on.{alike}",
        Either(
            "quota",
            "A quota limits a user, a group, a project or a folder, whatever room the file system itself has: df does not show it.",
            Either(
                "nearly",
                "The store refuses writes by itself before the disk is full, so that it can still work: searches and reads go on.{percent}{held_words}",
                Either(
                    "unsaved",
                    "The store refuses writes, or the statement failed, as it could not write to its disk. A full file system, a process that could not be forked for want of memory, missing permissions and a limit of its own show the same; its own log has the reason.",
                    "A write failed, as the kernel had no room for it. Room may be back by now, when a temporary file went. A file system without free inodes, the limit of a container's volume, a reserve for root, and files that are deleted and still open look the same; a quota and a limit of the kernel have nearly the same words.{held_words}",
                ),
            ),
        ),
    ),
    why=Either(
        "agreed",
        "A program's own words and the table of df agree.",
        Either(
            "alone",
            "The table of df says that nothing is left for users; no line of a log here names it.",
            Either(
                "shown",
                "A program's own words, and a full file system; that it is the one which the program wrote to, the line does not say.",
                "The program wrote it itself, at that moment; whether it lasts, df tells.",
            ),
        ),
    ),
    do=(
        Do(When.NOW, "See which file system is full, of bytes or of inodes.", "df -h; df -i", on="unshown"),
        Do(
            When.NOW,
            "{holder} keeps {kept_bytes} by what is deleted and still open: restart it, or empty its largest file.",
            "truncate -s 0 /proc/{holder_pid}/fd/{fd}",
            on="sized",
        ),
        Do(When.NOW, "See what fills it, on that file system alone.", "du -xh --max-depth=2 {mount} | sort -h | tail -20", on="bytes"),
        Do(When.NOW, "See which folders have so many files.", "du --inodes -x {mount} | sort -n | tail -20", on="inodes"),
        Do(
            When.NOW,
            "Look for files that are deleted and still open: they keep their room, and du does not show them.",
            "lsof -nP +L1",
            on="unheld",
        ),
        Do(
            When.NOW,
            "Empty a log that is still written rather than delete it: a deleted file keeps its room as long as it is open.",
            "truncate -s 0 FILE",
            on="unsized",
        ),
        Do(
            When.NOW,
            "When there is room again, let the store take writes (new versions do so by themselves).",
            'curl -XPUT localhost:9200/_all/_settings -H "Content-Type: application/json" -d \'{"index.blocks.read_only_allow_delete": null}\'',
            on="nearly",
        ),
        Do(
            When.FIX,
            "Rotate logs (logrotate, by size), delete what is old by a timer, and move what grows to a file system of its own, or make this one larger.",
        ),
        Do(When.PREVENT, "Watch the free bytes and inodes of each file system, and raise an alarm long before the end."),
    ),
    ask=(
        Ask(
            "free bytes and inodes", "which file system is full, and whether it still is", "df -h > df.txt; df -i > df-i.txt", on="unshown"
        ),
        Ask(
            "files that are deleted and open",
            "whether a process keeps room that du does not show",
            "lsof -nP +L1 > lsof-deleted.txt",
            on="unheld",
        ),
        Ask(
            "options of the mount",
            "whether it can be written at all: what is only read is full by nature",
            "findmnt -o TARGET,FSTYPE,OPTIONS {mount}",
            on="alone",
        ),
        Ask(
            "quotas",
            "whether a quota of a user, group or project is used up",
            "quota -v; repquota -a; xfs_quota -x -c report",
            on="doubted",
        ),
    ),
    figures=(("{figures}", "{mount}"),),
    chain=(("{who}", "writes to", "{target}"), ("{target}", "has no room left", "")),
    phrases={
        "met": Either("told", ", and {who_small} met it{in_site}{often}", "; no line of a log here names it"),
        "in_site": Either("site", " in {site}"),
        "room": Either("roomy", ", while {free} are free"),
        "at": Either("path", " at {path}"),
        "left": Either("percent_left", " ({percent_left:g} % left)"),
        "though": Either("mount", ", while df shows {figures} on {mount}"),
        "kept": Either(
            "reserve", " {reserve} more are kept for root (a reserve of the file system): root may still write there while others fail."
        ),
        "held_words": Either(
            "holder",
            ByNumber(
                "files",
                " {holder} still has a deleted file open there{kept_size}: its room comes back when the process closes it or ends.",
                " {holder} still has {files:,} deleted files open there{kept_size}: their room comes back when the process closes them or ends.",
            ),
        ),
        "kept_size": Either("sized", ", of {kept_bytes}"),
        "alike": Either("alone", " An image that is only read is full by nature and no trouble; nor is a full one to which nobody writes."),
        "percent": Either("near", " df shows {used} % used on {mount}."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding for each file system, or kind of lines."""
    for found in islice(full_disks(case), MOST):
        told, system, held, sure = found.told, found.system, held_on(case, found), sure_of(found)
        text = TEXT.filled(Process(system.host) if system is not None else None, **values_of(case, found, held))
        rows = (system.evidence,) if system is not None and found.kind is not LogKind.QUOTA else ()
        shown = (*(one.evidence for one in told[:MOST]), *rows)
        site = site_of(told[0].event, case.known) if told else None
        yield text.finding(
            severity=Severity.CRITICAL
            if found.agreed or (told and found.shown)
            else Severity.WARNING
            if is_grave(found)
            else Severity.INFO,
            confidence=sure,
            evidence=(*shown, *((held.evidence,) if held is not None else ())),
            chain=text.steps(shown[:1], shown[-1:]),
            culprit=Culprit(frame=str(site) if site is not None else None),
            doubts=() if found.system is not None else (alone(sure),),
        )
