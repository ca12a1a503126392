"""top: threads are threads only with -H."""

from __future__ import annotations

from parsers import sections
from parsers.process import top
from parsers.records import ThreadUsage
from parsers.text.source import Section, Source

SUMMARY = [
    "top - 12:27:05 up 23 min,  0 user,  load average: 1.36, 1.83, 1.18",
    "%Cpu(s):100.0 us,  0.0 sy",
    "MiB Mem :  24105.6 total,  22756.0 free",
]
HEADINGS = "  PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND"
THREADS = "Threads:  36 total,   0 running,  36 sleeping,   0 stopped,   0 zombie"
TASKS = "Tasks:  74 total,   1 running,  73 sleeping,   0 stopped,   0 zombie"
ROW = " 1497 tomcat    20   0 2683480 100524  22284 R  99.7   0.4   0:00.00 C2 Compil+"


def usages(*lines: str, prompt: str | None = None) -> list[ThreadUsage]:
    parsed = top.parse(Section("top.txt", 1, lines, prompt))
    assert parsed.unread == ()
    return [record for record in parsed.records if isinstance(record, ThreadUsage)]


def test_a_thread() -> None:
    (found,) = usages(*SUMMARY, THREADS, HEADINGS, ROW)
    assert (found.native_id, found.user, found.state, found.cpu_percent, found.command) == (1497, "tomcat", "R", 99.7, "C2 Compil+")
    assert found.where.first == 6


def test_processes_are_no_threads() -> None:
    assert usages(*SUMMARY, TASKS, HEADINGS, ROW) == []


def test_old_top_says_tasks_for_threads_too() -> None:
    rows = [ROW.replace("1497", str(number)) for number in (1497, 1498, 1499)]
    assert len(usages(*SUMMARY, TASKS, HEADINGS, *rows)) == 3
    assert usages(*SUMMARY, TASKS, HEADINGS, *[row.replace("2683480 100524", "0 0") for row in rows]) == []


def test_the_prompt_says_threads() -> None:
    assert len(usages(HEADINGS, ROW, prompt="top -b -n1 -Hp 1493")) == 1


def test_decimal_comma() -> None:
    assert usages(THREADS, HEADINGS, ROW.replace("99.7", "99,7").replace("0.4", "0,4"))[0].cpu_percent == 99.7


def test_columns_of_the_users_choice() -> None:
    (found,) = usages(
        THREADS,
        "  PID USER      PR  NI nTH  P  %CPU S     TIME+ COMMAND",
        " 1497 tomcat    20   0   1  3  12.5 S   0:00.00 http-nio-8080-e",
    )
    assert (found.cpu_percent, found.command) == (12.5, "http-nio-8080-e")


def test_a_thread_without_a_name() -> None:
    assert usages(THREADS, HEADINGS, "10874 root      20   0 8733116  39752  20792 S   0.0   0.2   0:00.00 ")[0].command == ""


def test_a_narrow_terminal_cuts_the_cpu_off() -> None:
    assert usages(THREADS, "  PID USER      PR  NI    VIRT    RES    SHR S", " 1497 tomcat    20   0 2683480 100524  22284 R") == []


def test_every_round_is_a_section() -> None:
    text = "\n".join([*SUMMARY, THREADS, "", HEADINGS, ROW, ""]) * 2
    assert [section.first for section in sections(Source("top.txt", text.encode()))] == [1, 8]
