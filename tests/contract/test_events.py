"""Events, over a WebSocket and as server-sent events."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
from websockets.sync.client import connect

from client import SOON, URL, Vas
from document import Document
from shapes import STATE, check, integer, nullable, number, text, time, uuid

MESSAGE = {"seq": integer, "topic": text, "at": time, "data": dict}


class Feed:
    """An events socket, whose messages are checked."""

    def __init__(self, vas: Vas, document: Document, query: str = "") -> None:
        address = f"ws{URL.removeprefix('http')}/ws/events?token={vas.token}{query}"
        self.socket = connect(address, open_timeout=SOON, max_size=None)
        schema = {"$ref": "#/components/schemas/EventMessage", "components": document.document["components"]}
        self.schema = jsonschema.Draft202012Validator(schema)

    def next(self) -> Any:
        message = json.loads(self.socket.recv(SOON))
        check(message, MESSAGE)
        self.schema.validate(message)
        return message

    def wait(self, topic: str, **data: Any) -> Any:
        """The next message of a topic with these data."""
        for _ in range(10_000):
            message = self.next()
            if message["topic"] == topic and all(message["data"].get(name) == value for name, value in data.items()):
                return message
        raise AssertionError(f"no {topic} with {data}")


def test_states_figures_and_captures_are_told(vas: Vas, document: Document, live: dict[str, Any]) -> None:
    feed = Feed(vas, document)
    assert feed.next()["data"] == {"type": "connected"}
    figures = feed.wait("metrics")["data"]["streams"]
    check(
        figures,
        [
            {
                "stream_id": uuid,
                "state": STATE,
                "fps": number,
                "bitrate_kbps": number,
                "viewers": integer,
                "loss": number,
            }
        ],
    )
    assert live["stream"] in [stream["stream_id"] for stream in figures]
    assert live["stream"] in [
        part["stream_id"] for part in feed.wait("recording", type="progress")["data"]["streams"]
    ]
    device = vas.add_device("Told", "rtsp://127.0.0.1:9/told")["id"]
    feed.wait("system", type="device_added", device_id=device)
    stream = vas.start(device)
    told = feed.wait("stream_state", stream_id=stream, state="ERROR")["data"]
    check(
        told,
        {"reason": {"code": text, "text": text}, "attempt": integer, "next_retry_at": nullable(time), "since": time},
    )
    waiting = told if told["next_retry_at"] else feed.wait("stream_state", stream_id=stream, state="ERROR")["data"]
    check(waiting["next_retry_at"], time)
    snapshot = vas.post(f"/v2/streams/{live['stream']}/snapshots", {"source": "live"}, 201)["id"]
    feed.wait("snapshot", type="created", id=snapshot)
    feed.wait("snapshot", type="finished", id=snapshot, status="ready")
    vas.delete(f"/v2/snapshots/{snapshot}")
    feed.wait("snapshot", type="deleted", id=snapshot)
    vas.delete(f"/api/v1/devices/{device}")
    feed.wait("system", type="device_deleted", device_id=device)
    feed.socket.close()


def test_a_client_goes_on_from_where_it_was(vas: Vas, document: Document) -> None:
    feed = Feed(vas, document, "&topics=system")
    since = feed.next()["seq"]
    feed.socket.close()
    device = vas.add_device("Missed", "rtsp://127.0.0.1:9/missed")["id"]
    feed = Feed(vas, document, f"&topics=system&since={since}")
    assert feed.next()["seq"] == since
    missed = feed.next()
    assert missed["data"] == {"type": "device_added", "device_id": device} and missed["seq"] > since
    feed.socket.close()
    lost = Feed(vas, document, "&since=1")
    assert [lost.next()["data"]["type"] for _ in range(2)] == ["connected", "gap"]
    lost.socket.close()
    vas.delete(f"/api/v1/devices/{device}")


def server_sent(answer: httpx.Response) -> Iterator[tuple[int, Any]]:
    number = 0
    for line in answer.iter_lines():
        if line.startswith("id:"):
            number = int(line.removeprefix("id:"))
        elif line.startswith("data:"):
            yield number, json.loads(line.removeprefix("data:"))


def test_the_same_as_server_sent_events(vas: Vas, live: dict[str, Any]) -> None:
    with vas.http.stream("GET", "/v2/events", params={"topics": "metrics"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = server_sent(answer)
        (first, connected), (_, figures) = next(events), next(events)
        assert connected["data"] == {"type": "connected"} and figures["topic"] == "metrics"
        assert live["stream"] in [stream["stream_id"] for stream in figures["data"]["streams"]]
    with vas.http.stream("GET", "/v2/events", headers={"Last-Event-ID": str(first)}) as answer:
        assert next(server_sent(answer))[0] == first


def test_wrong_topics_are_named(vas: Vas) -> None:
    vas.wrong("GET", "/v2/events", "topics", params={"topics": "weather"})
    vas.wrong("GET", "/v2/events", "since", params={"since": "now"})
