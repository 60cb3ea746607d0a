"""The load: people who ask for deploys over HTTP, and ask again with the same key until they are answered."""

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faults.asking import archive

PATIENCE = 30.0
AGAIN_AFTER = 0.3
TOO_MANY = 429  # the platform has enough to do for now


@dataclass
class Wish:
    """One deploy that is asked for; `word` is what its site will say."""

    key: str
    slug: str
    word: str
    tries: int = 0
    #: Whether the answer was the one of an earlier try, which was lost.
    repeated: bool = False
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)


class Load:
    """`people` ask side by side for as long as `may_ask()` allows, until every wish is answered."""

    def __init__(self, url: str, token: str, wishes: list[Wish], may_ask: Callable[[], bool]) -> None:
        self.wishes = wishes
        self.stopping = threading.Event()
        self._may_ask = may_ask
        self._left = iter(wishes)
        self._taking = threading.Lock()
        self._client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, trust_env=False
        )
        self._threads: list[threading.Thread] = []

    def start(self, people: int) -> None:
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(people)]
        for each in self._threads:
            each.start()

    def close(self) -> None:
        self.stopping.set()
        for each in self._threads:
            each.join(PATIENCE + 1)
        self._client.close()

    @property
    def answered(self) -> int:
        return sum(wish.status is not None for wish in self.wishes)

    @property
    def done(self) -> bool:
        return self.answered == len(self.wishes)

    def make_site(self, slug: str, patience: float = 60) -> bool:
        """Whether the platform has made the site within so many seconds."""
        asked = {"slug": slug, "name": slug}
        return self._until_answered("/v1/sites", f"site-{slug}", patience=patience, json=asked) is not None

    def ask(self, wish: Wish) -> None:
        """Ask for a deploy until it is answered; the archive is the same each time."""
        content = archive(wish.word)
        path, files = f"/v1/sites/{wish.slug}/deploys", {"archive": ("site.zip", content, "application/zip")}
        answer = self._until_answered(path, wish.key, wish, files=files)
        if answer is not None:
            wish.answer = answer.json()
            wish.repeated = "Idempotency-Replayed" in answer.headers
            wish.status = answer.status_code

    def _ask_on(self) -> None:
        while not self.stopping.is_set():
            if not self._may_ask():
                self.stopping.wait(0.05)
                continue
            with self._taking:
                wish = next(self._left, None)
            if wish is None:
                return
            self.ask(wish)

    def _until_answered(
        self, path: str, key: str, wish: Wish | None = None, *, patience: float = math.inf, **body: Any
    ) -> httpx2.Response | None:
        give_up = time.monotonic() + patience
        while not self.stopping.is_set() and time.monotonic() < give_up:
            if wish:
                wish.tries += 1
            try:
                answer = self._client.post(path, headers={"Idempotency-Key": key}, **body)
                if answer.status_code < 500 and answer.status_code != TOO_MANY:
                    return answer
            except httpx2.TransportError:
                pass  # the server was killed, or the answer was lost on its way
            self.stopping.wait(AGAIN_AFTER)
        return None


def wishes_for(flows: int, sites: int, rng: random.Random) -> list[Wish]:
    """So many deploys, spread over so many sites, no two of one content."""
    return [
        Wish(key=f"wish-{number}", slug=f"site-{rng.randrange(sites)}", word=f"word-{number}")
        for number in range(flows)
    ]
