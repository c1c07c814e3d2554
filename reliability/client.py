"""Client: a session of a page over the server's websocket, without a browser.

It sends what a browser sends, or what a forger would: values of widgets and components, also those
that the page does not offer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

SECONDS = 60.0  # to wait for an answer
DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Drawn:
    """Everything that one run of the script has drawn, and when it came."""

    began: float = 0.0  # these three in seconds of time.perf_counter()
    answered: float = 0.0  # when the answer to a drawing came; 0: none came
    ended: float = 0.0
    answer: str = ""  # HTML
    images: tuple[str, ...] = ()  # addresses, which name the content
    texts: tuple[str, ...] = ()  # of messages, Markdown and HTML
    bytes: int = 0


@dataclass
class Session:
    """One session of one page."""

    socket: ClientConnection
    page: str
    query: str = ""
    page_hash: str = ""
    buttons: dict[str, Any] = field(default_factory=dict)  # all that were drawn, by their label
    components: dict[str, str] = field(default_factory=dict)  # ids, by name
    fragments: dict[str, str] = field(default_factory=dict)  # by the id of a widget: its fragment
    polls: dict[str, float] = field(default_factory=dict)  # fragments with the seconds until each runs again

    def open(self) -> Drawn:
        """Run the whole script, as after a reload of the page."""
        return self._run(self._request())

    def press(self, label: str) -> Drawn:
        """Press a button, whether it can be pressed or not."""
        button = self.buttons[label].id
        ask = self._request(self.fragments.get(button, ""))
        ask.rerun_script.widget_states.widgets.add(id=button, trigger_value=True)
        return self._run(ask)

    def send(self, component: str, value: Any) -> Drawn:
        """Send a value of a component. `component`: a part of its name."""
        widget = next(place for name, place in self.components.items() if component in name)
        ask = self._request(self.fragments.get(widget, ""))
        ask.rerun_script.widget_states.widgets.add(id=widget, json_value=json.dumps(value))
        return self._run(ask)

    def poll(self, fragment: str) -> Drawn:
        """Run a fragment again, as a browser does for one that updates itself."""
        ask = self._request(fragment)
        ask.rerun_script.is_auto_rerun = True
        return self._run(ask)

    def _request(self, fragment: str = "") -> BackMsg:
        ask = BackMsg()
        ask.rerun_script.page_name = self.page
        ask.rerun_script.page_script_hash = self.page_hash
        ask.rerun_script.query_string = self.query
        ask.rerun_script.fragment_id = fragment
        return ask

    def _run(self, ask: BackMsg) -> Drawn:
        drawn = Drawn(began=time.perf_counter())
        self.socket.send(ask.SerializeToString())
        while True:
            content = self.socket.recv(timeout=SECONDS)
            assert isinstance(content, bytes), "Streamlit sends bytes."
            message = ForwardMsg()
            message.ParseFromString(content)
            drawn.bytes += len(content)
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            elif kind == "auto_rerun":
                self.polls[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._note(message.delta.new_element, message.delta.fragment_id, drawn)
            elif kind == "script_finished" and message.script_finished in DONE:
                drawn.ended = time.perf_counter()
                return drawn

    def _note(self, element: Any, fragment: str, drawn: Drawn) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button
            self.fragments[element.button.id] = fragment
        elif kind == "bidi_component":
            self.components[element.bidi_component.component_name] = element.bidi_component.id
            self.fragments[element.bidi_component.id] = fragment
        elif kind == "imgs":
            drawn.images += tuple(image.url for image in element.imgs.imgs)
        elif kind == "html":
            drawn.texts += (element.html.body,)
        elif kind == "alert":
            drawn.texts += (element.alert.body,)
        elif kind == "markdown":
            drawn.texts += (element.markdown.body,)
            if 'class="answer' in element.markdown.body:
                drawn.answer, drawn.answered = element.markdown.body, time.perf_counter()


@contextmanager
def session(url: str, page: str, query: str = "") -> Iterator[Session]:
    """A session at this page of the server, whose script has run once."""
    address = f"ws://{urlsplit(url).netloc}/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    with connect(address, origin=Origin(url), max_size=None, subprotocols=protocols, open_timeout=SECONDS) as socket:
        visitor = Session(socket, page, query)
        visitor.open()
        yield visitor
