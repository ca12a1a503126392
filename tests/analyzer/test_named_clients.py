"""Threads that wait for the answer of a service over a library that has a name: of LDAP, mail, files and memory."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of

GEMS = "/opt/bundle/ruby/3.1.0/gems"


def sidekiq(*lines: str) -> str:
    head = "2024-02-03T09:11:02.119Z 31 TID-aa1 WARN: "
    first, *others = (*lines, "/srv/harbour/app/jobs/berth_job.rb:14:in `perform'")
    return f"{head}Thread TID-bb{len(first)} processor\n{head}{first}\n" + "\n".join(others) + "\n"


@pytest.mark.parametrize(
    ("lines", "library"),
    [
        (
            (
                f"{GEMS}/net-ldap-0.17.1/lib/net/ber/ber_parser.rb:168:in `getbyte'",
                f"{GEMS}/net-ldap-0.17.1/lib/net/ber/ber_parser.rb:168:in `read_ber'",
                f"{GEMS}/net-ldap-0.17.1/lib/net/ldap/connection.rb:252:in `block in read'",
            ),
            "LDAP client (net-ldap)",
        ),
        (
            (
                f"{GEMS}/dalli-2.7.11/lib/dalli/socket.rb:14:in `read_nonblock'",
                f"{GEMS}/dalli-2.7.11/lib/dalli/socket.rb:14:in `readfull'",
            ),
            "memcached client (dalli)",
        ),
        (
            (
                "/usr/lib/ruby/2.7.0/net/protocol.rb:217:in `wait_readable'",
                f"{GEMS}/net-http-0.3.2/lib/net/http/response.rb:42:in `read_status_line'",
            ),
            "Ruby HTTP client",
        ),
    ],
)
def test_the_library_of_the_answer_is_named(lines: tuple[str, ...], library: str) -> None:
    (finding,) = diagnosis_of({"post.md": f"The queue grows:\n\n```\n{sidekiq(*lines)}```\n"}).findings
    assert finding.confidence is Confidence.SUSPECTED
    assert f"for an answer through {library}" in finding.headline


def test_a_byte_of_a_file_of_the_application_s_own_is_nobody_s_answer() -> None:
    text = sidekiq("/srv/harbour/app/models/chart.rb:9:in `getbyte'", "/srv/harbour/app/models/chart.rb:9:in `depth'")
    assert "through" not in " ".join(one.headline for one in diagnosis_of({"post.md": f"It hangs:\n\n```\n{text}```\n"}).findings)
