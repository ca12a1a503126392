"""``python3 -m analyzer``: the command, for who has a checkout and no install. Any Python 3 can read this file, to say that it is too old."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python reads this far
    found = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        "analyze: Python 3.11 or newer is needed, and this is "
        + found
        + "; docs/release.md says how to get one file that brings what it needs"
    )

from analyzer.app.cli import main

if __name__ == "__main__":
    main()
