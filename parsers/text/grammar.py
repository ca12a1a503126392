"""The terminals that the formats share, each defined once.

Each terminal is one pattern, which the loops of the formats call. What needs a grammar of several terminals is in
:mod:`parsers.threads.deadlock_grammar`.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.records import JavaState, LockVerb, TcpState, Timer, TimerKind

POWERSHELL_STATES: Final[dict[str, TcpState]] = {
    "Listen": TcpState.LISTEN,
    "Established": TcpState.ESTABLISHED,
    "CloseWait": TcpState.CLOSE_WAIT,
    "TimeWait": TcpState.TIME_WAIT,
    "FinWait1": TcpState.FIN_WAIT1,
    "FinWait2": TcpState.FIN_WAIT2,
    "SynSent": TcpState.SYN_SENT,
    "SynReceived": TcpState.SYN_RECV,
    "LastAck": TcpState.LAST_ACK,
    "Closing": TcpState.CLOSING,
    "Closed": TcpState.CLOSE,
    "Bound": TcpState.CLOSE,
}
"""States as ``Get-NetTCPConnection`` spells them (System.Net.NetworkInformation.TcpState)."""
STATES: Final[dict[str, TcpState]] = {
    **{state.value: state for state in TcpState},
    "ESTAB": TcpState.ESTABLISHED,
    "CLOSED": TcpState.CLOSE,
    "BOUND": TcpState.CLOSE,
    "LISTENING": TcpState.LISTEN,
    "SYN_RCVD": TcpState.SYN_RECV,
    "SYN_RECEIVED": TcpState.SYN_RECV,
    "FIN_WAIT_1": TcpState.FIN_WAIT1,
    "FIN_WAIT_2": TcpState.FIN_WAIT2,
    "TIMEWAIT": TcpState.TIME_WAIT,
    # net-tools' catalogues (cs, de, et, fr, ja, pt_BR) translate only these
    "SPOJENO": TcpState.ESTABLISHED,
    "VERBUNDEN": TcpState.ESTABLISHED,
    "ESTABELECIDA": TcpState.ESTABLISHED,
    "NASLOUCHÁ": TcpState.LISTEN,
    "OUÇA": TcpState.LISTEN,
    "ESPERANDO_FECHAR": TcpState.CLOSE_WAIT,
    "ESPERA_FIN1": TcpState.FIN_WAIT1,
    "ESPERA_FIN2": TcpState.FIN_WAIT2,
    "ESPERA": TcpState.TIME_WAIT,
    "SYN_ENVIADO": TcpState.SYN_SENT,
    "SYN_RECEBIDO": TcpState.SYN_RECV,
    "FECHAR": TcpState.CLOSE,
    "FECHANDO": TcpState.CLOSING,
    "ZAVŘEN": TcpState.CLOSE,
}
"""Netstat's spellings of the states, of all systems and languages."""

HEX_STATES: Final[dict[str, TcpState]] = {
    f"{number:02X}": state
    for number, state in enumerate(
        (
            TcpState.ESTABLISHED,
            TcpState.SYN_SENT,
            TcpState.SYN_RECV,
            TcpState.FIN_WAIT1,
            TcpState.FIN_WAIT2,
            TcpState.TIME_WAIT,
            TcpState.CLOSE,
            TcpState.CLOSE_WAIT,
            TcpState.LAST_ACK,
            TcpState.LISTEN,
            TcpState.CLOSING,
            TcpState.SYN_RECV,  # TCP_NEW_SYN_RECV
        ),
        start=1,
    )
}
"""States as the kernel's own table has them: ``include/net/tcp_states.h``, from 01 on."""


TRANSLATED: Final = {
    "ABHÖREN": TcpState.LISTEN,
    "HERGESTELLT": TcpState.ESTABLISHED,
    "WARTEND": TcpState.TIME_WAIT,
    "SCHLIESSEN_WARTEN": TcpState.CLOSE_WAIT,
    "FIN_WARTEN_1": TcpState.FIN_WAIT1,
    "FIN_WARTEN_2": TcpState.FIN_WAIT2,
    "SYN_GESENDET": TcpState.SYN_SENT,
    "SYN_EMPFANGEN": TcpState.SYN_RECV,
}
"""States as the German netstat of Windows prints them; other languages keep the English words."""


def tcp_state(text: str) -> TcpState | None:
    """The state behind any tool's spelling, None for a word that is no state."""
    plain = text.replace("-", "_").upper()
    return STATES.get(plain) or TRANSLATED.get(plain)


TIMER_WORDS: Final[dict[str, TimerKind]] = {
    "off": TimerKind.OFF,
    "on": TimerKind.RETRANSMIT,
    "keepalive": TimerKind.KEEPALIVE,
    "timewait": TimerKind.TIME_WAIT,
    "probe": TimerKind.PROBE,
    "persist": TimerKind.PROBE,  # iproute2's word
    "unkn-4": TimerKind.PROBE,  # net-tools before it had the word
    # net-tools' translations
    "aus": TimerKind.OFF,
    "vyp": TimerKind.OFF,
    "オフ": TimerKind.OFF,
    "desligado": TimerKind.OFF,
    "zapnut": TimerKind.RETRANSMIT,
    "キープアライブ": TimerKind.KEEPALIVE,
    "時間待ち": TimerKind.TIME_WAIT,
    "eikäi": TimerKind.OFF,
}
"""The kinds of timer as the tools call them, in all languages."""

NETSTAT_TIMER = re.compile(r"(?P<kind>\S+) \(\(?(?P<left>\d{1,18}[.,]\d+)/(?P<retransmits>\d{1,18})/(?P<probes>\d{1,18})\)")
"""``keepalive (7196.98/0/0)``: seconds left, retransmissions, unanswered probes; a decimal comma in some locales."""


def netstat_timer(kind: str, left: str, retransmits: str, probes: str) -> Timer:
    """A timer of ``netstat -o``, to the hundredth of a second."""
    return Timer(TIMER_WORDS.get(kind, TimerKind.UNKNOWN), float(left.replace(",", ".")), int(retransmits), int(probes))


SS_TIMER = re.compile(
    r"timer:\((?P<kind>[\w-]+),(?:(?P<min>\d{1,9})min)?(?:(?P<sec>\d{1,9}(?:\.\d+)?)sec)?(?:(?P<ms>\d{1,9}(?:\.\d+)?)ms)?,(?P<retr>\d{1,9})\)"
)
"""``timer:(keepalive,119min,0)``: iproute2 rounds to whole minutes above one minute (``ss.c``, ``print_ms_timer``)."""


def ss_timer(kind: str, minutes: str | None, seconds: str | None, millis: str | None, retransmits: str) -> Timer:
    """A timer of ``ss -o``; ``rounded`` when the tool left out the seconds."""
    # print_ms_timer writes "5.548ms" for 5 seconds and 548 ms: with a point in it, the number is of seconds.
    fraction = float(millis or 0) / (1 if millis and "." in millis else 1000)
    left = 60 * float(minutes or 0) + float(seconds or 0) + fraction
    word = TIMER_WORDS.get(kind, TimerKind.UNKNOWN)
    return Timer(word, left, int(retransmits), None, rounded=minutes is not None and seconds is None)


def decimal(text: str | None) -> float | None:
    """A number that may have a decimal comma (the JVM prints ``cpu=12,34ms`` in some locales); None for what is no number."""
    if text is None:
        return None
    try:
        return float(text.replace(",", ".") if "," in text else text)
    except ValueError:
        return None


THREAD_HEADER = re.compile(
    r'"(?P<name>[^"]*+(?="[^"]*+$)|.*)"(?: #(?P<jid>\d{1,18}))?(?: \[(?P<tidb>\d{1,18})\])?(?P<daemon> daemon)?(?: prio=-?\d+)?(?: os_prio=-?\d+)?'
    r"(?: cpu=(?P<cpu>\d{1,18}(?:[.,]\d+)?)(?: \[reset [\d.,]{1,30}\])?\s?ms)?(?: elapsed=(?P<elapsed>\d{1,18}(?:[.,]\d+)?)\s?s)?"
    r"(?: allocated=\S+(?: B)?(?: \([^()]{1,40}\))?(?: \[reset [^\]]{1,60}\])?)?(?: defined_classes=\d+)?"
    r"(?P<vendor>\s+io= [^\"]{1,600}?(?:\sdaemon)?\s+prio=-?\d+(?: os_prio=-?\d+)?)?"
    r"\s+tid=(?:0x)?[0-9a-fA-F]+(?:\s+nid=(?P<nid>0x[0-9a-fA-F]{1,16}|\d{1,18}|NA))?(?:\s+lwp_id=(?P<lwp>-?\d{1,18}))?"
    r"(?P<state>(?:\s+[a-zA-Z][\w.()]*(?: state \d+)?)*)\s*+(?:\[[^\]]*\]\s*+)*$"
)
"""``"NAME" #JID [TID] daemon prio=5 os_prio=0 cpu=1.07ms elapsed=9.4s tid=0x… nid=0x… waiting on condition  [0x…]``.

HotSpot ``javaThread.cpp``, ``JavaThread::print_on``. The name is printed raw: the last quote before known fields
ends it. HP-UX adds ``lwp_id=``, the kernel's number; the SAP JVM has ``cpu=1.50 [reset 1.50] ms``, a line ``io= file i/o: …`` and the VM's state
in brackets (both after published dumps, not captured here).
"""

STATE_LINE = re.compile(r"\s*java\.lang\.Thread\.State: (?P<state>[A-Z_]+)(?: \((?P<detail>[^)]*)\))?\s*$")

FRAME = re.compile(
    r"\s*at (?:[\w.@+-]*/){0,2}(?P<call>(?!0x[0-9a-f]{4})[^\s()/][^()]*)(?:\([\w/;$\[]*\)[\w/;$\[]+)?\((?P<source>[^()]*(?:\([^()]*\)[^()]*)?)\)\s*$"
)
"""``at pkg.Class.method(java.base@17/File.java:12)``, also ``at app//pkg.Class.method(…)``.

A slash in front of an address is no module: ``at Main$$Lambda$1/0x00007fe755000a08.run(Unknown Source)`` is one class. SAP prints descriptors:
``at java.lang.Object.wait(J)V(Native Method)``.
"""

LOCK_LINE = re.compile(
    r"\s*- (?P<verb>locked|waiting on the Class initialization monitor for|waiting on|waiting to lock|"
    r"waiting to re-lock in wait\(\)|parking to wait for|eliminated)\s+"
    r"(?:<(?P<address>0x[0-9a-fA-F]+|[0-9a-fA-F]{16})>|<(?P<none>[^>]*)>|(?P<plain>\S+))(?: \((?:a )?(?P<cls>.+)\))?\s*$"
)
"""``- parking to wait for  <0x…> (a java.util.concurrent.FutureTask)`` (two blanks in jstack, one in dump files)."""

SYNCHRONIZER = re.compile(r"\s*- (?:None|<(?P<address>0x[0-9a-fA-F]+)> \(a (?P<cls>.+)\))\s*$")

LOCK_VERBS: Final[dict[str, LockVerb]] = {verb.value: verb for verb in LockVerb}
JAVA_STATES: Final[dict[str, JavaState]] = {state.value: state for state in JavaState}
