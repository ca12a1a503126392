"""Descriptors from newer tools: lsof's JSON and lsfd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

from parsers import recognise, sections
from parsers.records import Endpoint, OpenFile, SocketRow, TcpState
from parsers.sockets import lsfd, lsof_json
from parsers.text.source import Section, Source

NESTED = (
    '{"lsof_version":"4.99.7","processes":[{"pid":1493,"command":"my prog","uid":0,"login":"root","files":['
    '{"fd":"cwd","type":"DIR","device_number":"0xfe00","size":"4096","inode":"2188738","name":"/srv/app"},'
    '{"fd":"12345","access":"u","type":"IPv4","device":"173374","offset":"0","protocol":"TCP","tcp_info":{"state":"CLOSE_WAIT","recv_queue":19,"send_queue":0}},'
    '{"fd":"8","access":"u","type":"IPv4","device":"173375","protocol":"TCP","name":"10.0.0.5:8080->10.0.0.9:60494","tcp_info":{"state":"CLOSE_WAIT","recv_queue":19,"send_queue":0}}'
    "]}]}"
)


@pytest.mark.parametrize("lines", [[NESTED], NESTED.replace("},{", "},\n{").split("\n"), NESTED.replace(",", ",\n  ").split("\n")])
def test_lsof_of_all_processes_in_one_object(lines: list[str]) -> None:
    parsed = lsof_json.parse(Section("x", 1, lines))
    assert parsed.unread == ()
    assert parsed.read == len(lines)
    folder, nameless, named = parsed.records
    assert isinstance(folder, OpenFile)
    assert (folder.pid, folder.command, folder.fd, folder.target) == (1493, "my prog", "cwd", "/srv/app")
    assert isinstance(nameless, OpenFile)
    assert (nameless.fd, nameless.kind, nameless.inode) == ("12345u", "IPv4", 173374)
    assert isinstance(named, SocketRow)
    assert (named.state, named.recv_q, named.inode, named.remote) == (TcpState.CLOSE_WAIT, 19, 173375, Endpoint("10.0.0.9", 60494))


def test_a_cut_json_gives_what_is_there() -> None:
    parsed = lsof_json.parse(Section("x", 1, [NESTED[: NESTED.index('{"fd":"8"')]]))
    assert len(parsed.records) == 2


def test_lsfd_names_sockets_by_protocol_and_inode() -> None:
    """util-linux 2.38.1."""
    parsed = lsfd.parse(
        Section(
            "x",
            1,
            [
                "COMMAND            PID USER  ASSOC MODE TYPE       SOURCE MNTID      INODE NAME",
                "kthreadd             2 root    cwd  ---  DIR          vda     0          2 /",
                "python3           6043 root      3  rw- SOCK       sockfs    10     761505 TCP:[761505]",
                "python3           6043 root    251  -w- FIFO       pipefs    16     759291 pipe:[759291]",
            ],
        )
    )
    assert parsed.unread == ()
    files = [record for record in parsed.records if isinstance(record, OpenFile)]
    assert [(file.pid, file.fd, file.kind, file.inode) for file in files] == [
        (2, "cwd", "DIR", None),
        (6043, "3", "SOCK", 761505),
        (6043, "251", "FIFO", None),
    ]


def test_lsfd_with_columns_of_ones_choice() -> None:
    lines = ["PID COMMAND ASSOC TYPE INODE NAME", "6043 java 5 TCP 761507 state=listen laddr=0.0.0.0:8080"]
    assert not lsfd.sniff(lines)  # the usual first column is what tells lsfd from ps
    parsed = lsfd.parse(Section("x", 1, ["COMMAND PID ASSOC TYPE INODE NAME", "java 6043 5 TCP 761507 state=listen laddr=10.0.0.5:8080"]))
    (row,) = parsed.records
    assert isinstance(row, SocketRow)
    assert (row.state, row.local, row.remote, row.inode, row.pid) == (TcpState.LISTEN, Endpoint("10.0.0.5", 8080), None, 761507, 6043)


def test_lsfd_as_json() -> None:
    text = """{
   "lsfd": [
      {
         "command": "python3",
         "pid": 6043,
         "user": "root",
         "assoc": "5",
         "mode": "rw-",
         "type": "SOCK",
         "source": "sockfs",
         "mntid": 10,
         "inode": 761507,
         "name": "TCP:[761507]"
      }
   ]
}"""
    section = Section("x", 1, text.split("\n"))
    assert lsfd.sniff(section.head(80))
    parsed = lsfd.parse(section)
    assert parsed.read == section.nonblank
    (file,) = parsed.records
    assert isinstance(file, OpenFile)
    assert (file.pid, file.fd, file.inode, file.where.first, file.where.last) == (6043, "5", 761507, 3, 14)


@pytest.mark.skipif(shutil.which("lsfd") is None, reason="util-linux 2.38 or later has lsfd")
@pytest.mark.parametrize("options", [(), ("-J",), ("-r",), ("-l",), ("-J", "-o", "COMMAND,PID,ASSOC,TYPE,INODE,NAME")])
def test_what_lsfd_of_this_machine_prints(options: tuple[str, ...]) -> None:
    """Every line of a real listing is read, and a socket of this very process is in it with its descriptor and inode."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        printed = subprocess.run(["lsfd", *options, "-p", str(os.getpid())], check=True, capture_output=True, text=True).stdout
        inode = os.fstat(server.fileno()).st_ino
        fd = str(server.fileno())
    (section,) = sections(Source("x", printed.encode()))
    assert recognise(section) is lsfd
    parsed = lsfd.parse(section)
    assert (parsed.unread, parsed.read) == ((), section.nonblank)
    mine = [one for one in parsed.records if isinstance(one, OpenFile | SocketRow) and one.inode == inode]
    assert {(one.pid, one.fd if isinstance(one, OpenFile) else str(one.owners and one.owners[0].fd)) for one in mine} == {(os.getpid(), fd)}
