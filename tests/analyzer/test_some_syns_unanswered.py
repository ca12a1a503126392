"""SYNs without an answer to a port that answers another connection, in the lines of tcpdump."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of, found

ME, SERVER = "10.4.0.7", "10.4.0.9.9092"
OPTIONS = "win 64240, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"


def packet(at: str, source: str, target: str, flags: str, rest: str) -> str:
    return f"{at} IP {source} > {target}: Flags [{flags}], {rest}\n"


def syns(*times: str, port: int = 51820) -> str:
    return "".join(packet(at, f"{ME}.{port}", SERVER, "S", f"seq 177120, {OPTIONS}") for at in times)


def answered(at: str, port: int = 51833, server: str = SERVER) -> str:
    near = f"{ME}.{port}"
    return packet(f"{at}.1", near, server, "S", f"seq 7, {OPTIONS}") + packet(f"{at}.2", server, near, "S.", f"seq 9, ack 8, {OPTIONS}")


LOST = syns("09:12:44.1", "09:12:45.1", "09:12:47.1")


def test_the_service_is_up_and_what_is_lost_may_be_lost_twice() -> None:
    diagnosis = diagnosis_of({"post.txt": LOST + answered("09:12:46")})
    (one,) = found(diagnosis, "vanished-peer")
    assert one.headline == (
        "10.4.0.9:9092 is up, but 1 connection to it got no answer to 3 SYNs within 3 seconds, while another one was answered in the same seconds."
    )
    assert one.confidence is Confidence.SUSPECTED
    assert "on the way" in one.explanation
    assert "accept queue" in one.explanation
    assert "capture at the server" in {missing.artifact for missing in one.missing}.pop()
    assert "the other side is down" not in diagnosis.verdict.headline + diagnosis.verdict.summary


@pytest.mark.parametrize(
    "other",
    ["", answered("09:20:46"), answered("09:12:46", server="10.4.0.9.8080"), answered("09:12:46", server="10.4.0.8.9092")],
    ids=["none", "minutes later", "another port", "another host"],
)
def test_without_an_answer_of_the_same_port_at_that_time_it_may_be_down(other: str) -> None:
    diagnosis = diagnosis_of({"post.txt": LOST + other})
    assert not found(diagnosis, "vanished-peer")
    assert "the other side is down" in diagnosis.verdict.headline + diagnosis.verdict.summary


def test_rows_in_syn_sent_beside_it_tell_of_no_host_that_is_down() -> None:
    rows = "".join(f"SYN-SENT 0 1 {ME}:{port} 10.4.0.9:9092 timer:(on,7.3sec,3)\n" for port in (51820, 51821, 51822))
    text = f"{LOST}{answered('09:12:46')}\n# ss -tno\nState Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n{rows}"
    (one,) = found(diagnosis_of({"post.txt": text}), "vanished-peer")
    assert "is up" in one.headline
