"""How full file systems are, as every df prints it."""

from __future__ import annotations

import pytest

from parsers import FORMATS, outputs, recognise
from parsers.process import df
from parsers.records import FileSystem
from parsers.text.source import Section, Source
from tests.parsers.test_properties import check

GIB = 1024**3
PLAIN = """Filesystem      1K-blocks     Used Available Use% Mounted on
/dev/vda1        41943040 39845888         0 100% /
tmpfs             8388608     1024   8387584   1% /run
"""
HUMAN = """Filesystem      Size  Used Avail Use% Mounted on
/dev/vda1        40G   38G     0 100% /
tmpfs           8.0G  1.0M  8.0G   1% /run
"""
TYPED = """Filesystem     Type   Size  Used Avail Use% Mounted on
/dev/vda1      ext4    40G   38G     0 100% /
/dev/loop3     squashfs 64M   64M     0 100% /snap/core20/2318
"""
POSIX = """Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1         41943040 39845888         0     100% /
"""
WRAPPED = """Filesystem           1K-blocks      Used Available Use% Mounted on
/dev/mapper/vg_store-lv_a_long_name
                      41943040  39845888         0 100% /
"""
FREEBSD = """Filesystem   512-blocks     Used   Avail Capacity  Mounted on
/dev/ada0p2    83886080 79691776 -2516582   103%    /
devfs                 2        2        0   100%    /dev
"""
SOLARIS = """Filesystem            kbytes    used   avail capacity  Mounted on
/dev/dsk/c0t0d0s0    41943040 39845888       0   100%    /
"""
INODES = """Filesystem      Inodes  IUsed   IFree IUse% Mounted on
/dev/vda1      2621440 2621440       0  100% /
"""
BUSYBOX_INODES = """Filesystem              Inodes      Used Available Use% Mounted on
/dev/vda1              2621440   2621440         0 100% /
"""
KOREAN = """파일 시스템     크기  사용  가용 사용% 마운트위치
/dev/vda1        40G   38G     0 100% /
"""
GERMAN = """Dateisystem    Größe Benutzt Verf. Verw% Eingehängt auf
/dev/vda1        40G     38G     0  100% /
"""
AIX = """Filesystem    GB blocks      Free %Used    Iused %Iused Mounted on
/dev/hd4          40.00      0.00  100%    10221    60% /
/proc                 -         -    -         -     -  /proc
"""
MAC = """Filesystem       Size   Used  Avail Capacity iused ifree %iused  Mounted on
/dev/disk3s1s1   40Gi   38Gi    0Bi   100%    393k    0  100%   /
map auto_home     0Bi    0Bi    0Bi   100%       0    0     -   /System/Volumes/Data/home
"""


def systems(text: str, prompt: str | None = None) -> list[FileSystem]:
    parsed = check(df, Section("x", 1, text.splitlines(), prompt=prompt))
    assert not parsed.unread
    return [one for one in parsed.records if isinstance(one, FileSystem)]


@pytest.mark.parametrize("text", [PLAIN, HUMAN, TYPED, POSIX, WRAPPED, SOLARIS, KOREAN, GERMAN, AIX])
def test_every_system_says_that_nothing_is_available(text: str) -> None:
    assert recognise(Section("x", 1, text.splitlines())) is df
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [df.NAME]
    root = next(one for one in systems(text) if not one.inodes)
    assert (root.mount, root.size, root.available, root.used_percent) == ("/", 40 * GIB, 0, 100)
    assert root.device.startswith("/dev/")


@pytest.mark.parametrize("text", [INODES, BUSYBOX_INODES])
def test_inodes_are_no_bytes(text: str) -> None:
    (root,) = systems(text)
    assert root.inodes
    assert (root.size, root.used, root.available, root.used_percent) == (2621440, 2621440, 0, 100)


def test_the_type_of_a_file_system_where_it_is_printed() -> None:
    assert [(one.kind, one.device, one.mount) for one in systems(TYPED)] == [
        ("ext4", "/dev/vda1", "/"),
        ("squashfs", "/dev/loop3", "/snap/core20/2318"),
    ]


def test_less_than_nothing_is_what_root_has_used_of_its_own() -> None:
    root, pseudo = systems(FREEBSD)
    assert (root.available, root.used_percent, root.size) == (-2516582 * 512, 103, 40 * GIB)
    assert pseudo.size == 1024


def test_a_row_of_bytes_and_inodes_is_two_records() -> None:
    text = MAC.replace("393k", "393216")
    root, inodes, home, _ = systems(text)
    assert (root.inodes, root.size, root.available) == (False, 40 * GIB, 0)
    assert (inodes.inodes, inodes.size, inodes.used, inodes.available, inodes.used_percent) == (True, 393216, 393216, 0, 100)
    assert (home.device, home.mount) == ("map auto_home", "/System/Volumes/Data/home")
    (root, inodes, *pseudo) = systems(AIX)
    assert (inodes.inodes, inodes.used_percent, inodes.used, inodes.available) == (True, 60, 10221, None)
    assert {one.size for one in pseudo} == {None}


def test_blanks_in_names_and_words_around_the_table() -> None:
    text = (
        "df: /root/.cache/doc: Permission denied\nFilesystem      Size  Used Avail Use% Mounted on\n"
        "//store/a share  40G   10G   30G  25% /mnt/a b\ntotal            40G   10G   30G  25% -\n"
    )
    (share,) = systems(text)
    assert (share.device, share.mount, share.available) == ("//store/a share", "/mnt/a b", 30 * GIB)


def test_rows_behind_a_filter_only_where_their_unit_is_certain() -> None:
    row = "/dev/vdb1        41943040 39845888         0 100% /data\n"
    assert recognise(Section("x", 1, [row])) is None  # kibibytes or inodes
    human = "/dev/vdb1   40G   38G     0 100% /data"
    assert recognise(Section("x", 1, [human])) is df
    assert systems(human)[0].size == 40 * GIB
    for prompt, inodes in (("df | grep data", False), ("df -i | grep data", True), ("df -x tmpfs -P | grep data", False)):
        (output,) = outputs(Source("x", f"$ {prompt}\n{row}".encode()))
        assert output.form is df
        (one,) = [one for one in output.parsed.records if isinstance(one, FileSystem)]
        assert (one.inodes, one.mount) == (inodes, "/data")
        assert one.size == 41943040 * (1 if inodes else 1024)


def test_other_tables_are_none() -> None:
    for line in (
        "Filesystem               kind    since  Mounted on",
        "/dev/vda1 on / type ext4 (rw,relatime)",
        "2026-12-01 10:00:01 disk /dev/vda1 40G 38G 0 100% /data",
        "device  40G 38G 2G 95% full",
    ):
        assert not df.sniff([line])


def test_a_name_that_no_row_follows_is_not_read() -> None:
    text = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/mapper/gone\n/dev/vda1 100 100 0 100% /\nDone.\n"
    parsed = check(df, Section("x", 1, text.splitlines()))
    assert sum(gap.lines for gap in parsed.unread) == 2
    assert len(parsed.records) == 1
