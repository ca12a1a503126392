"""The limits that a diagnostic report of Node.js states, where only that part of it was copied."""

from __future__ import annotations

from parsers import outputs
from parsers.records import Limit
from parsers.text.source import Source

PART = """```json
  "userLimits": {
    "core_file_size_blocks": {
      "soft": 0,
      "hard": "unlimited"
    },
    "open_files": {
      "soft": 1024,
      "hard": "unlimited"
    },
    ...
```
"""


def limits(text: str) -> list[Limit]:
    return [one for output in outputs(Source("post.md", text.encode())) for one in output.parsed.of(Limit)]


def test_the_limit_of_open_files_has_the_kernels_name() -> None:
    (found,) = limits(PART)
    assert (found.name, found.soft, found.hard, found.where.first) == ("Max open files", 1024, None, 8)


def test_other_json_with_such_words_has_no_limits() -> None:
    assert not limits(PART.replace("userLimits", "pool"))
    assert not limits(PART.replace("open_files", "open_orders"))
