"""The version of closewait, stated once."""

from typing import Final

VERSION: Final = "0.1.0"
