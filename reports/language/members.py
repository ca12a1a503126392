"""What goroutines, Erlang's processes and forked workers are called where a translation speaks of threads."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = {"goroutine": "고루틴", "process": "프로세스", "worker": "워커"}
_PARTICLES: Final = {"가": "이(가)", "는": "은(는)", "를": "을(를)", "와": "과(와)", "로": "(으)로"}
"""What stands after the vowel of the Korean word for a thread, in both forms: another word may end in a consonant."""
_THREAD: Final = re.compile(r"(?:요청 )?스레드(?! ?(?:덤프|풀))(?P<particle>[가는를와로](?![가-힣]))?")


def in_words(text: str, word: str) -> str:
    """A translated text with another word for threads; English ones are said so already, others stay."""
    if not word or "스레드" not in text:
        return text
    return _THREAD.sub(lambda match: _WORDS[word] + _PARTICLES.get(match["particle"] or "", ""), text)
