"""The world outside: takes every call, writes it down, and answers at once unless it was told otherwise."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: The variable that names its address to those who call it.
RECEIVER = "CHAOS_RECEIVER"
#: Who calls it, and on which events: `outside` declares so in the platform's processes, and only there.
CALLER, LISTENER, HEARS = "outside.tell_outside", "outside:outside.tell_outside", "site.deploy.published"
LONGEST_HOLD = 4.0  # seconds; less than the callers' patience


@dataclass(frozen=True)
class Call:
    """One call from the platform, as it was written down."""

    key: str
    event: str
    deploy: str


class Receiver:
    """An HTTP server on a free port; `log` has a line for every call, refused ones too."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.answering = threading.Event()
        self.answering.set()
        self.refusing = False
        self._writing = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answers())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def calls(self) -> list[Call]:
        if not self.log.exists():
            return []
        return [Call(**json.loads(line)) for line in self.log.read_text().splitlines()]

    def close(self) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, key: str, body: bytes) -> int:
        with self._writing, self.log.open("a") as log:
            log.write(json.dumps({"key": key, **json.loads(body)}) + "\n")
        self.answering.wait(LONGEST_HOLD)
        return 503 if self.refusing else 204

    def _answers(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the inner class has a self of its own
        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._take(self.headers["Idempotency-Key"], body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the log is our own."""

        return Answers
