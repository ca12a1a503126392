"""Threads that wait for something that is no socket and no lock: a finalizer's partner, a volume, a source of randomness."""

import os
import shutil
import time
from pathlib import Path

from host import BACKEND
from lab import Lab, Scenario, shell, wait
from programs import HERE
from truth import Verdict


def finalizer(lab: Lab) -> None:
    """Documents are given back by their finalizer, which waits for a confirmation that the store does not send."""
    lab.backend(7600, "first")
    app = lab.java("net.archive.vault.VaultServer", "threads=10", f"host={BACKEND}", "store=7600", port=8740, user="app")
    for number, count in ((1, 30), (2, 60)):
        load = lab.clients("ask", 8740, "/document/7", count=30, every_ms=10, seconds=4)
        load.finish(30)
        shell(f"jcmd {app.pid} GC.run")
        wait(f"{count} documents", lambda count=count: len(app.to(7600)) == count)
        time.sleep(2)
        commands = {
            f"jstack-{number}.txt": "jstack {pid}",
            f"ss-{number}.txt": "ss -tanpe",
            f"finalizer-{number}.txt": "jcmd {pid} GC.finalizer_info",
        }
        lab.snapshot(app, commands, number=number)
    lab.record(app)


def volume(lab: Lab) -> None:
    """The volume of the access notes is frozen: whoever writes to it sleeps in the kernel."""
    shell("truncate -s 16M /srv/notes.img")
    shell("mkfs.ext4 -q /srv/notes.img")
    shell("mkdir /srv/notes")
    shell("mount -o loop /srv/notes.img /srv/notes")
    shell("chown 1001:1001 /srv/notes")
    app = lab.java("com.clinic.records.RecordServer", "threads=12", "notes=/srv/notes", port=8760, user="app", folder="records")
    warm = lab.clients("ask", 8760, "/record/1", count=24, every_ms=10, seconds=4)
    warm.finish(30)
    shell("fsfreeze -f /srv/notes")
    try:
        load = lab.clients("ask", 8760, "/record/2", count=30, every_ms=10, seconds=3)
        load.finish(60)
        app.wait_close_waits(30)
        commands = {
            "top.txt": "top -H -b -n1 -p {pid} | head -60",
            "jstack.txt": "jstack {pid}",
            "ss.txt": "ss -tanpe",
            "ps.txt": "ps -L -o pid,tid,stat,wchan:32,comm -p {pid}",
        }
        lab.snapshot(app, commands)
        lab.record(app)
    finally:
        shell("fsfreeze -u /srv/notes")
        app.stop()
        shell("umount /srv/notes")


def full(lab: Lab) -> None:
    """A volume of 48 MiB is full: most of it is a journal that somebody deleted, and that the server still writes."""
    home = Path("/srv/uploads")
    home.mkdir()
    shutil.copy(HERE / "others" / "uploads.py", home)
    shell(f"chown -R 1001:1001 {home}")
    shell("mkdir /srv/spool")
    shell("mount -t tmpfs -o size=48m,mode=755,uid=1001,gid=1001 spool /srv/spool")
    app = lab.start(f"env -C {home} /usr/bin/python3 {home}/uploads.py 8110 /srv/spool", user="app")
    wait("it listens", lambda: app.listens(8110))
    before = lab.clients("ask", 8110, "/gate-4", count=20, every_ms=20, seconds=4)
    before.finish(60)
    Path("/srv/spool/journal.log").unlink()
    load = lab.clients("ask", 8110, "/gate-4", count=24, every_ms=40, seconds=4)
    load.finish(60)
    lab.clients("keep", 8110, "/gate-5", count=4, every_ms=20, seconds=60)
    wait("four clients are connected", lambda: len(app.sockets("ESTABLISHED")) >= 4)
    commands = {
        "uploads.log": f"cat {home}/uploads.log",
        "df.txt": "df -hT /srv /run /srv/spool",
        "df-i.txt": "df -i /srv /run /srv/spool",
        "lsof.txt": "lsof -nP +L1 /srv/spool",
        "ss.txt": "ss -tanpe",
    }
    lab.snapshot(app, commands)
    lab.record(app)


def entropy(lab: Lab) -> None:
    """The strong source of randomness gives nothing: in its place stands a pipe whose writer has stopped."""
    pipe = Path("/run/hardware-random")
    os.mkfifo(pipe, 0o666)
    pipe.chmod(0o666)
    os.open(pipe, os.O_RDWR)  # the writer, which writes nothing
    shell(f"mount --bind {pipe} /dev/random")
    app = lab.java("org.acme.token.TokenServer", "threads=14", port=8770, user="app", folder="token")
    load = lab.clients("ask", 8770, "/token/", count=32, every_ms=10, seconds=4)
    load.finish(60)
    app.wait_close_waits(32)
    for number in (1, 2):
        commands = {f"jstack-{number}.txt": "jstack -l {pid}", f"netstat-{number}.txt": "netstat -tanp"}
        lab.snapshot(app, commands, number=number)
        time.sleep(5)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "finalizer-stuck",
        "a finalizer waits for an answer from the store; two dumps, connections pile up",
        Verdict(
            "finalizer-stuck",
            "net.archive.vault.Document.finalize",
            must_not=("slow-backend", "self-call-starvation", "http-pool-exhausted"),
            pools={"vault-http-": 10},
        ),
        finalizer,
    ),
    Scenario(
        "disk-stall",
        "12 threads write to a frozen volume; top shows them in state D",
        Verdict(
            "disk-stall",
            "com.clinic.records.RecordServer.noteAccess",
            must_not=("slow-backend", "self-call-starvation", "connection-leak", "process-stopped"),
            pools={"records-http-": 12},
        ),
        volume,
    ),
    Scenario(
        "disk-full",
        "a volume of 48 MiB is full of a journal that was deleted and is still open; uploads fail",
        Verdict("disk-full", "uploads.store", must_not=("slow-backend", "disk-stall", "logging-stall", "connection-leak")),
        full,
    ),
    Scenario(
        "entropy-stall",
        "14 threads want tokens from a source of randomness that gives nothing; two dumps",
        Verdict(
            "entropy-stall",
            "org.acme.token.TokenServer.newToken",
            also=("lock-convoy",),
            must_not=("slow-backend", "self-call-starvation", "connection-leak"),
            pools={"token-http-": 14},
        ),
        entropy,
    ),
)
