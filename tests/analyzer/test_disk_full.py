"""Full file systems: what logs say, what df shows, and all that is full and no trouble."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Severity, When
from parsers.logs import events_of
from parsers.logs.space import SHM
from parsers.records import LogKind
from parsers.text.source import Section
from tests.builders import diagnosis_of, found, sample

HEAD = "Filesystem     Type      Size  Used Avail Use% Mounted on\n"
ROOM = "/dev/vda1      ext4       40G   12G   26G  32% /\ntmpfs          tmpfs     7.8G  1.2M  7.8G   1% /run\n"
FULL = "/dev/vdb1      xfs       100G  100G     0 100% /data\n"
SNAP = "/dev/loop3     squashfs   64M   64M     0 100% /snap/core20/2318\n"
INODES = "Filesystem      Inodes   IUsed   IFree IUse% Mounted on\n/dev/vda1      2621440   91223 2530217    4% /\n/dev/vdb1      6553600 6553600       0  100% /data\ntmpfs          2044000     812 2043188    1% /run\n"
LOG = "2026-12-01 10:00:00,101 INFO begun\n2026-12-01 10:00:02,318 ERROR not kept\n{line}\n2026-12-01 10:00:03,002 INFO next\n2026-12-01 10:00:04,002 INFO next\n"
AT = "java.nio.file.FileSystemException: /data/in/7.raw: No space left on device"
LSOF = (
    "COMMAND   PID USER   FD   TYPE DEVICE    SIZE/OFF NLINK  NODE NAME\n"
    "loader   4410  app   12w   REG 254,17 21474836480     0 90021 /data/log/in.log (deleted)\n"
    "loader   4410  app   13w   REG 254,17 21474836480     0 90021 /data/log/in.log (deleted)\n"
    "loader   4410  app   14w   REG 254,17  1073741824     0 90044 /data/log/out.log (deleted)\n"
    "mailer   4522  app    9w   REG  254,1 85899345920     0   712 /var/tmp/x (deleted)\n"
)


def one(files: dict[str, str]) -> Finding:
    (finding,) = found(diagnosis_of(files), "disk-full")
    return finding


def told(line: str) -> list[tuple[LogKind, str, str | None]]:
    return [(event.kind, event.source, event.subject) for event in events_of(Section("x", 1, line.splitlines()))]


@pytest.mark.parametrize(
    ("line", "source", "path"),
    [
        ("java.io.IOException: No space left on device", "program", None),
        ("java.io.FileNotFoundException: /data/x.tmp (No space left on device)", "program", "/data/x.tmp"),
        (AT, "program", "/data/in/7.raw"),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "program", "/var/lib/docker/tmp/GetImageBlob1"),
        ("Error: ENOSPC: no space left on device, open '/data/up/1'", "program", "/data/up/1"),
        ("cp: error writing '/mnt/x': No space left on device", "program", "/mnt/x"),
        ("OSError: [Errno 28] No space left on device: '/data/x.log'", "program", "/data/x.log"),
        ("2026-12-01 10:00:00 [ERROR] [MY-010283] Disk is full writing '/data/mysql/b.12' (OS errno 28 - No space left on device). Waiting", "MySQL", "/data/mysql/b.12"),
        ("InnoDB: Error number 28 means 'No space left on device'.", "InnoDB", None),
        ('PANIC:  could not write to file "pg_wal/xlogtemp.6101": No space left on device', "PostgreSQL", None),
        ('ERROR:  could not extend file "base/16384/24576": No space left on device', "PostgreSQL", None),
        ('ERROR:  could not resize shared memory segment "/PostgreSQL.12" to 8388608 bytes: No space left on device', "PostgreSQL", SHM),
        ('2026/12/01 10:00:00 [crit] 12#12: *7 pwrite() "/var/cache/b/01" failed (28: No space left on device), client: 10.0.0.1, request: "POST /up HTTP/1.1"', "nginx", "/var/cache/b/01"),
        ("5151:M 01 Dec 2026 12:00:00.000 # Write error saving DB on disk: No space left on device", "Redis", None),
        ("System.IO.IOException: There is not enough space on the disk. : 'D:\\logs\\a.log'", "Windows", "D:\\logs\\a.log"),
    ],
)  # fmt: skip
def test_the_words_of_many_programs(line: str, source: str, path: str | None) -> None:
    assert told(line) == [(LogKind.NO_SPACE, source, path)]


@pytest.mark.parametrize(
    ("line", "kind", "source", "subject"),
    [
        ("OSError: [Errno 122] Disk quota exceeded: '/home/lena/out.csv'", LogKind.QUOTA, "program", "/home/lena/out.csv"),
        ("flood stage disk watermark [95%] exceeded on [kV3][es-1][/data/es] free: 1.1gb[2.7%], all indices on this node will be marked read-only", LogKind.NEARLY_FULL, "Elasticsearch", "/data/es"),
        ("blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];", LogKind.NEARLY_FULL, "Elasticsearch", None),
        ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", LogKind.UNSAVED, "Redis", None),
        ("Disk free space insufficient. Free bytes:0 Limit:50000000", LogKind.ALARM, "RabbitMQ", "space"),
        ("2026-12-01 10:00:00 [warning] disk resource limit alarm set on node rabbit@mq1.", LogKind.ALARM, "RabbitMQ", "disk"),
        ("Error: ENOSPC: System limit for number of file watchers reached, watch '/srv/shop'", LogKind.KERNEL_LIMIT, "inotify", "fs.inotify.max_user_watches"),
        ("failed to add inotify watch: no space left on device", LogKind.KERNEL_LIMIT, "inotify", "fs.inotify.max_user_watches"),
        ("Error: watch /srv/app ENOSPC", LogKind.KERNEL_LIMIT, "inotify", "fs.inotify.max_user_watches"),
        ("epoll_ctl: No space left on device", LogKind.KERNEL_LIMIT, "epoll", "fs.epoll.max_user_watches"),
        ("FATAL:  could not create semaphores: No space left on device", LogKind.KERNEL_LIMIT, "semaphores of System V", "kernel.sem"),
        ("(28)No space left on device: AH00023: Couldn't create the mpm-accept mutex", LogKind.KERNEL_LIMIT, "semaphores of System V", "kernel.sem"),
        ("shmget(key=1): No space left on device", LogKind.KERNEL_LIMIT, "shared memory of System V", "kernel.shmmni, kernel.shmall"),
        ("mkdir /sys/fs/cgroup/memory/docker/ab12: no space left on device", LogKind.KERNEL_LIMIT, "control groups", "/proc/cgroups"),
        ("unshare: unshare failed: No space left on device", LogKind.KERNEL_LIMIT, "namespaces", "user.max_*_namespaces, fs.mount-max"),
        ("runc: create session key: disk quota exceeded", LogKind.KERNEL_LIMIT, "keys of the kernel", "kernel.keys.maxkeys"),
        ("write /data/watch/namespace/mutex.log: no space left on device", LogKind.NO_SPACE, "program", "/data/watch/namespace/mutex.log"),
    ],
)  # fmt: skip
def test_what_has_nearly_the_same_words_is_told_by_what_it_is(line: str, kind: LogKind, source: str, subject: str) -> None:
    assert told(line) == [(kind, source, subject)]


def test_a_trace_tells_what_the_words_are_about() -> None:
    inotify = 'Traceback (most recent call last):\n  File "/usr/lib/python3/dist-packages/watchdog/observers/inotify_c.py", line 9, in add\n    raise\nOSError: [Errno 28] No space left on device'
    assert told(inotify) == [(LogKind.KERNEL_LIMIT, "inotify", "fs.inotify.max_user_watches")]
    lock = '  File "/usr/lib/python3.11/multiprocessing/synchronize.py", line 57, in __init__\n    sl = _multiprocessing.SemLock(\nOSError: [Errno 28] No space left on device'
    assert told(lock) == [(LogKind.NO_SPACE, "program", SHM)]
    semget = "FATAL:  could not create them: No space left on device\nDETAIL:  Failed system call was semget(5432127, 17, 03600)."
    assert [kind for kind, _, _ in told(semget)] == [LogKind.KERNEL_LIMIT]
    kafka = "[2026-12-01 10:00:00,120] ERROR Error while appending records to t-0 in dir /data/kafka (kafka.server.LogDirFailureChannel)\njava.io.IOException: No space left on device"
    assert told(kafka) == [(LogKind.NO_SPACE, "program", "/data/kafka")]
    other = f"inotify is fine\n{AT}"
    assert [kind for kind, _, _ in told(other)] == [LogKind.NO_SPACE]


@pytest.mark.parametrize(
    "line",
    [
        "It would not say No space left on device there",
        "INFO the words No space left on device were not seen",
        'we never get a "No space left on device" here',
        "low disk watermark [85%] exceeded on [kV3][es-1][/data/es] free: 12gb[12%], replicas will not be assigned to this node",
    ],
)
def test_what_is_denied_or_harmless_is_none(line: str) -> None:
    assert told(line) == []


def test_a_line_and_df_that_agree_are_certain() -> None:
    # Without a path the line does not say that it is this file system: the only full one of a table is likely the one.
    for line, sure in ((AT, Confidence.CERTAIN), ("java.io.IOException: No space left on device", Confidence.LIKELY)):
        finding = one({"app.log": LOG.format(line=line), "df.txt": HEAD + ROOM + FULL + SNAP})
        assert (finding.severity, finding.confidence) == (Severity.CRITICAL, sure)
        assert finding.headline == "The file system /data is full (df: 0 of 100.0 GiB available), and a program met it."
        assert {evidence.where.file for evidence in finding.evidence} == {"app.log", "df.txt"}


def test_a_line_without_a_path_where_two_are_full_is_no_certainty() -> None:
    other = FULL.replace("vdb1", "vdc1").replace("/data", "/logs")
    line = LOG.format(line="java.io.IOException: No space left on device")
    findings = found(diagnosis_of({"app.log": line, "df.txt": HEAD + ROOM + FULL + other}), "disk-full")
    assert [finding.confidence is Confidence.CERTAIN for finding in findings] == [False] * 3
    findings = found(diagnosis_of({"app.log": LOG.format(line=AT), "df.txt": HEAD + ROOM + FULL + other}), "disk-full")
    assert [(finding.confidence, "/logs" in finding.headline) for finding in findings] == [
        (Confidence.CERTAIN, False),
        (Confidence.SUSPECTED, True),
    ]


def test_who_keeps_the_room_by_files_that_are_deleted() -> None:
    finding = one({"app.log": LOG.format(line=AT), "df.txt": HEAD + ROOM + FULL, "lsof.txt": LSOF})
    assert "loader (pid 4410) still has 2 deleted files open there, of 21.0 GiB" in finding.explanation
    assert "mailer" not in finding.explanation
    assert finding.actions[0].command == "truncate -s 0 /proc/4410/fd/13"
    assert not any("lsof" in missing.command for missing in finding.missing)


def test_a_line_alone_is_likely_and_asks_for_df() -> None:
    finding = one({"app.log": LOG.format(line=AT)})
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.headline == "A program found no space left at /data/in/7.raw."
    assert [missing.command for missing in finding.missing][:2] == ["df -h > df.txt; df -i > df-i.txt", "lsof -nP +L1 > lsof-deleted.txt"]


def test_a_line_where_df_shows_room_is_suspected() -> None:
    finding = one({"app.log": LOG.format(line=AT), "df.txt": HEAD + ROOM + FULL.replace("100G     0 100%", " 40G   60G  40%")})
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
    assert "while df shows 60.0 GiB of 100.0 GiB available on /data" in finding.headline
    assert any("quota" in missing.command for missing in finding.missing)


def test_a_path_that_df_was_not_asked_for_is_no_certainty() -> None:
    root = HEAD + "/dev/vda1      ext4       40G   40G     0 100% /\n"
    assert one({"app.log": LOG.format(line=AT), "df.txt": root}).confidence is Confidence.LIKELY


def test_inodes_that_are_used_up_while_bytes_are_free() -> None:
    roomy = FULL.replace("100G     0 100%", " 40G   60G  40%")
    finding = one({"app.log": LOG.format(line=AT), "df.txt": HEAD + ROOM + roomy, "df-i.txt": INODES})
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CERTAIN)
    assert finding.headline == (
        "The file system /data has no inode left (df: 0 of 6,553,600 inodes free), and a program met it: "
        "no further file can be made there, while 60.0 GiB are free."
    )
    assert [action.command for action in finding.actions if action.when is When.NOW] == ["du --inodes -x /data | sort -n | tail -20"]
    both = one({"app.log": LOG.format(line=AT), "df.txt": HEAD + ROOM + FULL, "df-i.txt": INODES})
    assert "is full" in both.headline  # APFS and XFS count no free inode where no byte is free


def test_df_alone_is_a_suspicion() -> None:
    finding = one({"df.txt": HEAD + ROOM + FULL})
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.SUSPECTED)
    assert finding.headline.endswith("; no line of a log here names it.")
    assert any(missing.command.startswith("findmnt") for missing in finding.missing)
    boot = one({"df.txt": HEAD + ROOM + "/dev/vda2      ext4      471M  471M     0 100% /boot\n"})
    assert boot.severity is Severity.INFO


@pytest.mark.parametrize(
    "row",
    [
        SNAP,
        "/dev/sr0       iso9660   4.4G  4.4G     0 100% /mnt/disc\n",
        "/dev/loop7     ext4       64M   64M     0 100% /opt/image\n",
        "/dev/dm-3      erofs     1.0G  1.0G     0 100% /opt/base\n",
        "/dev/sdc1      vfat      4.4G  4.4G     0 100% /media/cdrom\n",
        "efivarfs       efivarfs  128K  128K     0 100% /sys/firmware/efi/efivars\n",
        "none           tmpfs     4.0K  4.0K     0 100% /mnt/one-file\n",
        "/dev/root      squashfs   12M   12M     0 100% /rom\n",
        "none           tmpfs        0     0     0    - /proc/acpi\n",
        "/dev/vdb1      xfs       100G   97G  3.0G  97% /data\n",
        "/dev/vdb1      xfs       2.0T  2.0T  7.9G 100% /data\n",
    ],
)
def test_what_is_full_by_nature_or_has_room_is_no_trouble(row: str) -> None:
    diagnosis = diagnosis_of({"df.txt": HEAD + ROOM + row})
    assert not found(diagnosis, "disk-full")


def test_a_reserve_for_root_is_told() -> None:
    row = "/dev/vdb1      ext4      100G   95G     0 100% /data\n"
    assert "5.0 GiB more are kept for root" in one({"df.txt": HEAD + ROOM + row}).explanation
    assert "kept for root" not in one({"df.txt": HEAD + ROOM + row.replace("ext4", "xfs ")}).explanation


def test_a_quota_is_no_full_disk() -> None:
    line = "OSError: [Errno 122] Disk quota exceeded: '/data/out.csv'"
    finding = found(diagnosis_of({"app.log": LOG.format(line=line), "df.txt": HEAD + ROOM + FULL}), "disk-full")[0]
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.headline == "A program reached a quota of disk space at /data/out.csv."


def test_a_limit_of_the_kernel_is_no_full_disk() -> None:
    diagnosis = diagnosis_of({"x.txt": "Error: ENOSPC: System limit for number of file watchers reached, watch '/srv/shop'\n"})
    assert not found(diagnosis, "disk-full")
    assert diagnosis.verdict.rule == "connection-limit"
    assert "fs.inotify.max_user_watches" in diagnosis.verdict.headline


def test_a_store_that_refuses_writes_early() -> None:
    line = "[2026-12-01T10:00:02,318][WARN ] flood stage disk watermark [95%] exceeded on [kV3][es-1][/data/es] free: 4.1gb[4.1%], all indices on this node will be marked read-only"
    nearly = HEAD + ROOM + FULL.replace("100G     0 100%", " 96G  4.1G  96%")
    finding = one({"es.log": LOG.format(line=line), "df.txt": nearly})
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CERTAIN)
    assert finding.headline == "Elasticsearch takes no more writes, as its disk at /data/es is nearly full (4.1 % left)."
    assert "df shows 96 % used on /data." in finding.explanation
    assert one({"es.log": LOG.format(line=line)}).confidence is Confidence.LIKELY


def test_a_store_that_could_not_save_may_have_other_reasons() -> None:
    line = (
        "2026-12-01 10:00:02 ReplyError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."
    )
    assert one({"app.log": LOG.format(line=line)}).confidence is Confidence.SUSPECTED
    # The answer stands in the log of a client: the full file system of its host is another one.
    findings = found(diagnosis_of({"app.log": LOG.format(line=line), "df.txt": HEAD + ROOM + FULL}), "disk-full")
    assert [finding.confidence for finding in findings] == [Confidence.SUSPECTED] * len(findings)
    assert not any("met it in" in finding.headline or "Redis met" in finding.headline for finding in findings)


def test_a_line_of_another_day_is_nothing() -> None:
    line = "2026-11-27 10:00:02,318 ERROR java.io.IOException: No space left on device"
    assert not found(diagnosis_of({"app.log": LOG.format(line=line)}), "disk-full")


def test_the_sample_names_the_program_that_keeps_the_room() -> None:
    (finding,) = found(sample("disk-full"), "disk-full")
    assert finding.culprit.frame == "uploads.store(uploads.py:15)"
    assert "python3 (pid 21712) still has a deleted file open there, of 32.0 MiB" in finding.explanation
