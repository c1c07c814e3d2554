"""Address: one TCP address in front of several servers, which take turns with new connections.

A connection stays with its server until it ends, as behind a load balancer with sticky sessions.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

CHUNK = 1 << 16


@contextmanager
def one_address(ports: list[int]) -> Iterator[str]:
    """The address; the next server takes each new connection, or the one after it if it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        turns = count()

        def accept() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    visitor, _ = listener.accept()
                    turn = next(turns)
                    order = [ports[(turn + place) % len(ports)] for place in range(len(ports))]
                    threading.Thread(target=_serve, args=(visitor, order), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(visitor: socket.socket, ports: list[int]) -> None:
    """Connect a visitor with the first of these servers that answers, until one side ends."""
    with visitor:
        for port in ports:
            try:
                server = socket.create_connection(("127.0.0.1", port), timeout=5)
            except OSError:
                continue
            with server:
                server.settimeout(None)
                sending = threading.Thread(target=_copy, args=(visitor, server), daemon=True)
                sending.start()
                _copy(server, visitor)
                sending.join()
            return


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Send on all bytes until one side ends; then end both."""
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
