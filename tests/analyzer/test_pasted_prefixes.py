"""Stacks below a warning, each line behind the time that a log shipper writes, among prose and commands of somebody."""

from __future__ import annotations

from tests.builders import diagnosis_of, found

WARNING = "WARNING: Thread Thread[vert.x-eventloop-thread-2,5,main] has been blocked for {ms} ms, time limit is 2000 ms"
STACK = (
    "io.vertx.core.VertxException: Thread blocked",
    "\tat java.base@11.0.10/java.net.SocketInputStream.socketRead0(Native Method)",
    "\tat app//com.mysql.cj.protocol.ReadAheadInputStream.fill(ReadAheadInputStream.java:107)",
    "\tat app//nl.mill.Fares.load(Fares.java:74)",
    "\tat app//io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:493)",
    "\tat java.base@11.0.10/java.lang.Thread.run(Thread.java:834)",
)
STAMPED = "".join(
    f"2026-03-04T10:11:{14 + at // 4:02d}.60{at:04d}027Z {line}\n"
    for at, line in enumerate((WARNING.format(ms=3493), WARNING.format(ms=5494), *STACK, WARNING.format(ms=13501)))
)
POST = f"""**Probe fails**

Four loops. `kubectl logs fares --timestamps | tail`:

```
{STAMPED}```

Is the limit too low?
"""


def test_what_a_shipper_writes_before_each_line_of_a_stack_is_taken_off() -> None:
    (finding,) = found(diagnosis_of({"post.md": POST}), "event-loop-blocked")
    assert finding.culprit.frame is not None
    assert finding.culprit.frame.startswith("nl.mill.Fares.load")
    assert "for 13 s as the server's own warning says" in finding.explanation


def test_a_shorter_blockage_later_is_another_one() -> None:
    (finding,) = found(diagnosis_of({"post.md": POST.replace("13501", "2100")}), "event-loop-blocked")
    assert "for 5 s" in finding.explanation
