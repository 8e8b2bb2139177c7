"""A page that changes while it is looked at: a small server for this machine alone.

It answers on the loopback address, to requests with the token that stands in the address, sent to
that address and by a page of it. So no other user, no other machine and no page of another origin
reads it or steers it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from ..errors import SteepestError
from .page import finite, page

__all__ = ["PageServer"]

_HOST = "127.0.0.1"
_MOST = 100_000_000  # bytes that a page may send
_ALIVE = 10.0  # seconds after which a line goes to a page that nothing happens on
_FAREWELL = 1.0  # seconds that pages have to hear the last news
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PageServer:
    """Serves one page, sends it news, and hears its buttons; a context manager.

    Parameters
    ----------
    document : mapping
        As of `page`.
    main : str
        The module that draws it.
    answers : mapping of str to callable, optional
        What the page may ask for beside buttons: a function for each name, which takes what the
        page sends, JSON of any kind, and returns what it is told. A `SteepestError` is told, too.

    Attributes
    ----------
    address : str
        With the token; for the user of this machine.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        main: str,
        answers: Mapping[str, Callable[[Any], str]] | None = None,
    ) -> None:
        self._answers = answers or {}
        self._content = page(document, main, live=True)
        self._token = secrets.token_urlsafe(24)
        self._changed = threading.Condition()
        self._news, self._number, self._ended = "{}", 0, False
        self._watched, self._pressed = 0, set[str]()
        self._server = _Server((_HOST, 0), _Handler)
        self._server.page_server = self
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.address = f"http://{self._server.place}/?token={self._token}"

    @property
    def watched(self) -> bool:
        """Whether a page is open."""
        return self._watched > 0

    def send(self, news: Mapping[str, Any]) -> None:
        """Send news to all pages that are open; one opened later gets the latest ones."""
        text = json.dumps(finite(news), allow_nan=False)
        with self._changed:
            self._news = text
            self._number += 1
            self._changed.notify_all()

    def pressed(self, button: str) -> bool:
        """Say whether a button has been pressed."""
        return button in self._pressed

    def close(self) -> None:
        """Tell the pages that there will be no more news, and stop."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._watched, _FAREWELL)
        # Ends the wait for a request.
        socket.create_connection((_HOST, self._server.server_address[1]), _FAREWELL).close()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        """Answer requests. It sleeps between them: nothing is polled beside a training."""
        while not self._ended:
            self._server.handle_request()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def knows(self, token: str) -> bool:
        """Say whether a token is ours, in a time that does not depend on where it differs."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def content(self) -> bytes:
        """Return the page."""
        return self._content

    def press(self, button: str) -> None:
        """Note that a button has been pressed."""
        self._pressed.add(button)

    def answer(self, name: str, sent: bytes) -> tuple[int, str] | None:
        """Return a status and what a page is told; None if there is nobody of this name."""
        if name not in self._answers:
            return None
        try:
            return 200, self._answers[name](json.loads(sent))
        except (SteepestError, ValueError, RecursionError) as error:
            return 400, str(error)

    def follow(self, handler: _Handler) -> None:
        """Write the news to a page until there are no more, or it is closed."""
        number = -1
        with self._changed:
            self._watched += 1
        try:
            while True:
                with self._changed:
                    if number == self._number and not self._ended:
                        self._changed.wait(_ALIVE)
                    fresh, text, ended = number != self._number, self._news, self._ended
                    number = self._number
                line = f"data: {text}\n\n" if fresh else ": still here\n\n"
                handler.wfile.write(line.encode())
                if ended:
                    handler.wfile.write(b"event: end\ndata: {}\n\n")
                    return
                handler.wfile.flush()
        except OSError:  # closed
            return
        finally:
            with self._changed:
                self._watched -= 1
                self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    page_server: PageServer

    @property
    def place(self) -> str:
        """The host and the port."""
        return f"{_HOST}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave the terminal alone: a page that goes away is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"
    timeout = 60

    def do_GET(self) -> None:
        """Return the page, or follow the news."""
        asked = self._asked()
        if asked == "/":
            content = self.server.page_server.content()
            self._begin(200, "text/html; charset=utf-8", len(content))
            self.wfile.write(content)
        elif asked == "/news":
            self._begin(200, "text/event-stream")
            self.server.page_server.follow(self)
        elif asked is not None:
            self._refuse(404)

    def do_POST(self) -> None:
        """Hear a button."""
        asked = self._asked()
        if asked is None:
            return
        if self.headers.get("Origin") != f"http://{self.server.place}":
            self._refuse(403)
        elif asked.startswith("/press/"):
            self.server.page_server.press(asked.removeprefix("/press/"))
            self._begin(204, "text/plain", 0)
        elif asked.startswith("/ask/"):
            self._answer(asked.removeprefix("/ask/"))
        else:
            self._refuse(404)

    def _answer(self, name: str) -> None:
        """Let somebody answer what the page sent."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > _MOST:
            self._tell(413, f"a page may send {_MOST:,} bytes at most, with their number in front")
            return
        found = self.server.page_server.answer(name, self.rfile.read(int(length)))
        if found is None:
            self._refuse(404)
            return
        self._tell(*found)

    def _tell(self, status: int, words: str) -> None:
        """Answer in words."""
        content = words.encode("utf-8", "backslashreplace")
        self._begin(status, "text/plain; charset=utf-8", len(content))
        self.wfile.write(content)

    def _asked(self) -> str | None:
        """Return the path of a request that may be answered; refuse others."""
        split = urlsplit(self.path)
        token = parse_qs(split.query).get("token", [""])[0]
        origin = self.headers.get("Origin")
        ours = self.headers.get("Host") == self.server.place
        ours = ours and origin in (None, f"http://{self.server.place}")
        if ours and self.server.page_server.knows(token):
            return split.path
        self._refuse(403)
        return None

    def _begin(self, status: int, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: int) -> None:
        self._begin(status, "text/plain", 0)

    def version_string(self) -> str:
        """Say nothing of what answers."""
        return "steepest"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests, which hold the token, from the terminal."""
