"""Consumers that wait for the next message: the normal state of a listener, unless it waits for the answer to a message that it sent."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of

HEAD = """"{name}" #39 prio=5 os_prio=0 tid=0x00007f7f3d1c8000 nid=0x4c in Object.wait() [0x00007f7ef4bfc000]
   java.lang.Thread.State: TIMED_WAITING (on object monitor)
	at java.lang.Object.wait(Native Method)
"""
LOOP = ("org.springframework.jms.listener.DefaultMessageListenerContainer.run(DefaultMessageListenerContainer.java:1)",)
RECEIVERS = [
    "org.apache.activemq.artemis.jms.client.ActiveMQMessageConsumer.receive(ActiveMQMessageConsumer.java:126)",
    "com.tibco.tibjms.TibjmsMessageConsumer.receive(TibjmsMessageConsumer.java:8)",
    "org.apache.pulsar.client.impl.ConsumerBase.receive(ConsumerBase.java:310)",
    "com.ibm.mq.jms.MQMessageConsumer.receive(MQMessageConsumer.java:209)",
    "org.apache.kafka.clients.consumer.KafkaConsumer.poll(KafkaConsumer.java:1211)",
    "com.amazonaws.services.sqs.AmazonSQSClient.receiveMessage(AmazonSQSClient.java:1)",
]


def headline(*frames: str, name: str = "bills-1") -> str:
    text = HEAD.format(name=name) + "\n".join(f"\tat {frame}" for frame in frames)
    diagnosis = diagnosis_of({"post.md": f"Is it stuck?\n\n{text}\n"})
    assert not diagnosis.findings
    return diagnosis.verdict.headline


@pytest.mark.parametrize("frame", RECEIVERS)
def test_a_listener_is_idle(frame: str) -> None:
    said = headline(frame, *LOOP)
    assert "“bills-1” is idle: it waits for the next message in" in said
    assert "which is normal while none comes" in said
    assert "called from" not in said


def test_who_asked_waits_for_an_answer() -> None:
    ask = "org.springframework.jms.core.JmsTemplate.sendAndReceive(JmsTemplate.java:869)"
    said = headline(RECEIVERS[0], ask, "nl.mill.Orders.ask(Orders.java:44)")
    assert "waits for the answer to a message that it sent" in said
    assert "called from nl.mill.Orders.ask(Orders.java:44)" in said


def test_a_request_thread_is_not_idle() -> None:
    said = headline(RECEIVERS[0], "nl.mill.Orders.ask(Orders.java:44)", "javax.servlet.http.HttpServlet.service(HttpServlet.java:647)")
    assert "is idle" not in said
