"""/metrics, /healthz and /readyz on one port, in a thread of their own: a busy event loop cannot delay them."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, make_wsgi_app

from streams.errors import ConfigError
from streams.metrics.declared import READY, STALLED
from streams.metrics.health import Health

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A probe every second is no news."""


class WebServer:
    """Serves until closed. `port` is the one it got, which matters where 0 was asked for."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        self._health = health
        self._metrics = make_wsgi_app(REGISTRY)
        try:
            self._server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Quiet)
        except OSError as error:
            raise ConfigError(f"web.port = {port} on {host}: {error.strerror}; another or 0 may be free") from error
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        READY.set_function(lambda: 0.0 if self._health.problems() else 1.0)
        STALLED.set_function(lambda: float(len(self._health.stalled())))
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return self._metrics(environ, start_response)  # type: ignore[no-any-return]
        if path == "/healthz":
            status, text = "200 OK", "alive"
        elif path == "/readyz":
            problems = self._health.problems()
            status, text = ("503 Service Unavailable", "; ".join(problems)) if problems else ("200 OK", "ready")
        else:
            status, text = "404 Not Found", "there are /metrics, /healthz and /readyz"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]
