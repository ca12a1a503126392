"""Deadlocks of native Windows programs: critical sections, and the loader lock beside the end of a thread."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Diagnosis, Status
from tests.builders import diagnosis_of as _diagnosis_of

NUMBER = "   {n}  Id: 77c.{tid} Suspend: 1 Teb: 00000041`2e40{n}000 Unfrozen\n # Child-SP          RetAddr               Call Site\n"
UNLOADS = (
    "00 00000041`2e1fe4c8 00007ff9`626f9cee     ntdll!NtWaitForSingleObject+0x14\n"
    "01 00000041`2e1fe4d0 00007ff9`31c81a47     KERNELBASE!WaitForSingleObjectEx+0x8e\n"
    "02 00000041`2e1fe570 00007ff9`31c81199     glyphs!Renderer::~Renderer+0x37 [E:\\glyphs\\renderer.cpp @ 64]\n"
    "03 00000041`2e1fe5a0 00007ff9`31c8e0ab     glyphs!DllMain+0x49 [E:\\glyphs\\entry.cpp @ 22]\n"
    "04 00000041`2e1fe630 00007ff9`64aec1e7     ntdll!LdrpCallInitRoutine+0x61\n"
    "05 00000041`2e1fe770 00007ff6`1ba03355     KERNELBASE!FreeLibrary+0x1e\n"
    "06 00000041`2e1fe7a0 00007ff6`1ba01020     atlas!Fonts::Clear+0x55\n"
)
STANDS = (
    "00 00000041`2edffa38 00007ff9`64ab3a6d     ntdll!NtWaitForAlertByThreadId+0x14\n"
    "01 00000041`2edffb20 00007ff9`64aafbf0     ntdll!RtlpEnterCriticalSectionContended+0x1c4\n"
    "02 00000041`2edffba0 00007ff9`64a92c77     ntdll!RtlEnterCriticalSection+0x42\n"
)
ENDS = (
    STANDS + "03 00000041`2edffbd0 00007ff9`64a922e1     ntdll!LdrShutdownThread+0x71\n"
    "04 00000041`2edffcd0 00007ff9`63a07ac4     ntdll!RtlExitUserThread+0x3e\n"
)
HANDLE = "0:000> !handle 3c8 f\nHandle 3c8\n  Type         \tThread\n  HandleCount  \t3\n  Object Specific Information\n    Thread Id   77c.5e8\n"
LOADER = "0:000> !locks\nCritSec ntdll!LdrpLoaderLock+0 at 00007ff964bf65c8\nLockCount          1\nOwningThread       3d4\n*** Locked\n"


def diagnosis_of(text: str) -> Diagnosis:
    return _diagnosis_of({"report.txt": text})


def text_of(*threads: str, told: str = "") -> str:
    tids = ("3d4", "5e8", "9a0")
    return "0:000> ~*k\n\n" + "\n".join(NUMBER.format(n=n, tid=tids[n]) + stack for n, stack in enumerate(threads)) + "\n" + told


@pytest.mark.parametrize("told", ["", LOADER])
def test_a_library_that_waits_in_its_end_while_a_thread_cannot_end_is_suspected(told: str) -> None:
    said = diagnosis_of(text_of(UNLOADS, ENDS, told=told))
    found = said.findings[0]
    assert (found.rule, found.confidence) == ("java-deadlock", Confidence.SUSPECTED)
    assert "“thread 0” waits in Renderer.~Renderer" in found.headline
    assert "the loader lock" in found.headline
    assert "needs that lock to end" in found.headline
    assert "!handle" in found.missing[0].command
    assert len(said.findings) == 1 or said.findings[1].rule == "lock-convoy"


def test_a_handle_among_the_arguments_tells_whose_end_is_awaited() -> None:
    wide = UNLOADS.replace(
        "00007ff9`626f9cee     ntdll!",
        "00007ff9`626f9cee : 00000000`000003c8 00000000`00000000 00000000`00000000 00000000`00000000 : ntdll!",
    )
    found = diagnosis_of(text_of(wide, ENDS, told=HANDLE)).findings[0]
    assert found.confidence is Confidence.LIKELY
    assert "waits for the end of “thread 1”" in found.headline
    other = diagnosis_of(text_of(wide.replace("3c8", "3cc"), ENDS, told=HANDLE)).findings[0]
    assert other.confidence is Confidence.SUSPECTED


def test_who_reads_from_a_socket_under_the_loader_lock_is_in_no_circle() -> None:
    reads = UNLOADS.replace("ntdll!NtWaitForSingleObject", "mswsock!WSPRecv").replace("KERNELBASE!WaitForSingleObjectEx", "WS2_32!recv")
    said = diagnosis_of(text_of(reads, ENDS))
    assert all(one.rule != "java-deadlock" for one in said.findings)


def test_who_waits_for_the_loader_lock_in_the_midst_of_its_work_is_in_no_such_circle() -> None:
    loads = (
        STANDS
        + "03 00000041`2edffbd0 00007ff9`64a922e1     ntdll!LdrpAcquireLoaderLock+0x71\n04 00000041`2edffcd0 00007ff9`63a07ac4     atlas!Icons::Load+0x3e\n"
    )
    assert all(one.rule != "java-deadlock" for one in diagnosis_of(text_of(UNLOADS, loads)).findings)


SECTIONS = "0:000> !locks\nCritSec atlas!g_map+0 at 00007ff61bb0a010\nOwningThread       {0}\n*** Locked\nCritSec atlas!g_tiles+0 at 00007ff61bb0a040\nOwningThread       {1}\n*** Locked\n"
ENTERS = (
    STANDS
    + "03 00000041`2edffbd0 00007ff9`64a922e1     atlas!{0}::Lock+0x71\n04 00000041`2edffcd0 00007ff9`63a07ac4     atlas!{0}::Draw+0x3e\n"
)


def test_two_sections_and_their_owners_that_wait_are_a_suspected_deadlock_where_no_argument_says_for_which() -> None:
    said = diagnosis_of(text_of(ENTERS.format("Map"), ENTERS.format("Tiles"), told=SECTIONS.format("3d4", "5e8")))
    found = said.findings[0]
    assert (found.rule, found.confidence) == ("java-deadlock", Confidence.SUSPECTED)
    assert "atlas!g_tiles" in found.explanation
    assert "inferred" in found.why_confident


def test_an_owner_that_works_is_in_no_deadlock() -> None:
    works = "00 00000041`2edffa38 00007ff9`64ab3a6d     atlas!Tiles::Decode+0x14\n"
    said = diagnosis_of(text_of(ENTERS.format("Map"), works, told=SECTIONS.format("5e8", "5e8")))
    assert all(one.rule != "java-deadlock" for one in said.findings)


CHAIN = "DERIVED_WAIT_CHAIN:  \n\nDl Eid Cid     WaitType\n-- --- ------- --------------------------\n{0}  0   77c.3d4 Critical Section       -->\n{0}  5   77c.5e8 Critical Section       {1}\n\nWAIT_CHAIN_COMMAND:  ~0s;k;;~5s;k;;\n\nBLOCKING_THREAD:  000005e8\n"


def test_the_debuggers_own_chain_is_a_deadlock_only_if_it_comes_back() -> None:
    found = diagnosis_of(CHAIN.format("x", "--^")).findings[0]
    assert (found.rule, found.confidence) == ("java-deadlock", Confidence.LIKELY)
    assert "“thread 0” and “thread 5”" in found.headline
    assert all(one.rule != "java-deadlock" for one in diagnosis_of(CHAIN.format(" ", "   ")).findings)


IDLE = (
    "00 00000041`2edffa38 00007ff9`64ab3a6d     ntdll!NtWaitForWorkViaWorkerFactory+0x14\n01 00000041`2edffb20 00007ff9`64aafbf0     ntdll!TppWorkerThread+0x2ee\n",
    "00 00000041`2edffa38 00007ff9`64ab3a6d     ntdll!NtRemoveIoCompletion+0x14\n01 00000041`2edffb20 00007ff9`64aafbf0     KERNELBASE!GetQueuedCompletionStatus+0x4e\n02 00000041`2edffb80 00007ff9`64aafbf0     atlas!IoPump::Run+0x34\n",
    "00 00000041`2edffa38 00007ff9`64ab3a6d     ntdll!NtReadFile+0x14\n01 00000041`2edffb20 00007ff9`64aafbf0     sechost!ScDispatcherLoop+0x73\n02 00000041`2edffb80 00007ff9`64aafbf0     atlas!wmain+0x34\n",
)


def test_idle_pools_of_windows_rest() -> None:
    said = diagnosis_of(text_of(*IDLE))
    assert not said.findings
    assert said.verdict.status is Status.INSUFFICIENT
    assert "wait for work" in said.verdict.headline
    assert not any("ss -" in one.command or "gdb" in one.command for one in said.missing)
