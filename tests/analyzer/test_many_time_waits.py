"""Thousands of TIME_WAIT to a few services, and nothing else that is unusual: normal where no port was missing."""

from __future__ import annotations

import pytest

from tests.builders import diagnosis_of

REPORT = """Our proxy has {words} connections in TIME_WAIT. A leak?

$ ss -s
Total: 1200
TCP:   {total} (estab 800, closed {closed}, orphaned 1, timewait {waiting})

$ ss -Htan state time-wait | awk '{{print $4}}' | sort | uniq -c | sort -rn | head -3
   {most} 10.7.0.21:9000
   {most} 10.7.0.22:9000
      1 198.51.100.90:61544

$ ss -Htan state close-wait | wc -l
{left}

$ sysctl net.ipv4.ip_local_port_range
net.ipv4.ip_local_port_range = 32768	60999

$ grep -c 'Cannot assign requested address' /var/log/nginx/error.log
{errors}
"""


def told(most: int = 9000, errors: int = 0, left: int = 0, words: str = "18 thousand") -> tuple[str, str]:
    waiting = 2 * most + 1
    text = REPORT.format(words=words, total=waiting + 820, closed=waiting + 3, waiting=waiting, most=most, left=left, errors=errors)
    verdict = diagnosis_of({"report.md": text}).verdict
    return verdict.headline, verdict.summary


@pytest.mark.parametrize("words", ["18 thousand", "18k", "about 18,000", "nearly 18 thousand"])
def test_they_are_normal_where_no_port_was_missing(words: str) -> None:
    headline, summary = told(words=words)
    assert headline.startswith("Nothing is wrong in what is shown: the TIME_WAIT are normal")
    assert "the 9,000 to one service take 32 % of its 28,232 local ports" in headline
    assert "(18 TIME_WAIT)" not in headline + summary
    assert "0 sockets in CLOSE_WAIT were counted" in summary


@pytest.mark.parametrize(("most", "errors", "left"), [(9000, 37, 0), (21000, 0, 0), (9000, 0, 400)])
def test_missing_ports_a_range_that_is_nearly_used_up_and_half_closed_ones_are_not(most: int, errors: int, left: int) -> None:
    assert "Nothing is wrong" not in told(most, errors, left)[0]


def test_without_a_count_of_errors_a_third_of_the_range_is_not_called_normal() -> None:
    text = REPORT.partition("$ grep")[0].format(words="18 thousand", total=18821, closed=18004, waiting=18001, most=9000, left=0)
    assert "Nothing is wrong" not in diagnosis_of({"report.md": text}).verdict.headline


@pytest.mark.parametrize(
    ("words", "count"), [("29 thousand", "29,000"), ("2.5 thousand", "2,500"), ("3 hundred", "300"), ("4k", "4,000"), ("29", "29")]
)
def test_a_sentence_counts_with_its_multiplier(words: str, count: str) -> None:
    verdict = diagnosis_of({"report.md": f"We have {words} connections in FIN_WAIT2 since the update.\n"}).verdict
    assert f"{count} FIN_WAIT2" in verdict.headline + verdict.summary
