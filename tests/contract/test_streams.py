"""`/v2/streams`, `/api/v1/streams` and `/api/v1/rtsp/streams`; health and the system's figures."""

import socket
from typing import Any

import pytest

from client import UNKNOWN, Vas, until
from shapes import HEALTH, LIVE_STREAM, PAGINATION, STARTED, STATE, STREAM, check, integer, number, text, time, uuid

STREAMS = "/v2/streams"


def test_a_live_stream_is_as_the_contract_says(vas: Vas, live: dict[str, Any]) -> None:
    stream = vas.get(f"{STREAMS}/{live['stream']}")
    check(stream, LIVE_STREAM | {"id": live["stream"], "camera_id": live["device"]})


def test_streams_are_listed_by_state_in_any_case_and_by_camera(vas: Vas, live: dict[str, Any]) -> None:
    shape = {"streams": [STREAM], "pagination": PAGINATION}
    for state in ["LIVE", "live", "Live"]:
        found = vas.get(STREAMS, state=state)
        check(found, shape)
        assert live["stream"] in [stream["id"] for stream in found["streams"]]
        assert {stream["state"] for stream in found["streams"]} == {"LIVE"}
    found = vas.get(STREAMS, camera_id=live["device"], limit=1, offset=0)
    assert found["pagination"] == {"total": 1, "limit": 1, "offset": 0}
    assert [stream["id"] for stream in found["streams"]] == [live["stream"]]
    assert vas.get(STREAMS, camera_id=live["device"], offset=1)["streams"] == []
    assert vas.get(STREAMS, camera_id=UNKNOWN)["pagination"]["total"] == 0
    check(vas.get(STREAMS, sort="state_since", order="desc", q="contract"), shape)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "PAUSED"}, "state"),
        ({"camera_id": "x"}, "camera_id"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"offset": -1}, "offset"),
        ({"sort": "ssrc"}, "sort"),
    ],
)
def test_a_wrong_query_names_its_field(vas: Vas, query: dict[str, Any], field: str) -> None:
    vas.wrong("GET", STREAMS, field, params=query)


def test_a_stream_is_made_once_and_closed_for_good(vas: Vas) -> None:
    device = vas.add_device("Made", "rtsp://127.0.0.1:9/made")["id"]
    made = vas.post(STREAMS, {"camera_id": device, "name": "Own name"}, 201)
    check(made, STREAM | {"camera_id": device, "name": "Own name"})
    details = vas.problem(409, "CONFLICT", "POST", STREAMS, json={"camera_id": device})
    assert details["stream_id"] == made["id"]
    failed = vas.wait_state(made["id"], "ERROR")
    check(failed, STREAM)
    health = vas.get(f"{STREAMS}/{made['id']}/health")
    check(
        health, HEALTH | {"status": "unhealthy", "state": "ERROR", "ffmpeg": {"status": "error"}, "last_error": text}
    )
    not_live = vas.problem(
        409, "STREAM_NOT_LIVE", "POST", f"{STREAMS}/{made['id']}/snapshots", json={"source": "live"}
    )
    assert not_live["current_state"].lower() == "error"
    history = vas.get(f"{STREAMS}/{made['id']}/transitions")
    change = {"from": STATE, "to": STATE, "reason": {"code": text, "text": text}, "at": time}
    check(history, {"stream_id": made["id"], "transitions": [change]})
    assert "ERROR" in [change["to"] for change in history["transitions"]]
    vas.delete(f"{STREAMS}/{made['id']}")
    assert vas.get(f"{STREAMS}/{made['id']}")["state"] == "CLOSED"
    assert vas.get(STREAMS, camera_id=device)["streams"] == []
    again = vas.post(f"/api/v1/devices/{device}/start-stream")
    assert again["v2_stream_id"] != made["id"], "a later start makes a new id"
    vas.delete(f"/api/v1/devices/{device}")


@pytest.mark.parametrize(
    ("body", "field"), [({}, "camera_id"), ({"camera_id": "x"}, "camera_id"), ({"camera_id": 1}, "camera_id")]
)
def test_a_wrong_body_names_its_field(vas: Vas, body: dict[str, Any], field: str) -> None:
    vas.wrong("POST", STREAMS, field, json=body)


def test_unknown_streams_are_404(vas: Vas) -> None:
    vas.problem(404, "NOT_FOUND", "POST", STREAMS, json={"camera_id": UNKNOWN})
    for name in [UNKNOWN, "x"]:
        for method, path in [
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/health"),
            ("GET", "/transitions"),
            ("GET", "/recordings"),
            ("GET", "/consumers"),
            ("GET", "/router-capabilities"),
            ("GET", "/hls/playlist.m3u8"),
            ("GET", "/hls/index.m3u8"),
            ("GET", "/still.jpg"),
        ]:
            vas.problem(404, "NOT_FOUND", method, f"{STREAMS}/{name}{path}")


def test_health_of_a_live_stream(vas: Vas, live: dict[str, Any]) -> None:
    def healthy() -> Any:
        health = vas.get(f"{STREAMS}/{live['stream']}/health")
        check(health, HEALTH)
        return health if health["is_healthy"] and health["metrics"]["fps"] > 0 else None

    health = until("health", healthy)
    check(
        health, HEALTH | {"status": "healthy", "state": "LIVE", "ffmpeg": {"status": "running"}, "last_error": None}
    )


def test_older_paths_name_a_stream_or_its_device(vas: Vas, live: dict[str, Any]) -> None:
    check(vas.get("/api/v1/streams"), [STREAM])
    for name in [live["stream"], live["device"]]:
        check(vas.get(f"/api/v1/rtsp/streams/{name}/health"), HEALTH | {"stream_id": live["stream"]})
        check(vas.get(f"/api/v1/rtsp/streams/{name}/stats"), {"stream_id": live["stream"], "state": STATE})
        for path in [f"/api/v1/streams/{name}/start", f"/api/v1/rtsp/streams/{name}/start"]:
            check(vas.post(path), STARTED | {"v2_stream_id": live["stream"], "reconnect": True})
    check(vas.post(f"/api/v1/rtsp/streams/{live['stream']}/reconnect"), STARTED | {"v2_stream_id": live["stream"]})
    vas.wait_state(live["stream"], "LIVE")
    for path in ["streams", "rtsp/streams"]:
        for action in ["start", "stop"]:
            vas.problem(404, "NOT_FOUND", "POST", f"/api/v1/{path}/{UNKNOWN}/{action}")


def test_older_paths_stop(vas: Vas) -> None:
    device = vas.add_device("Older", "rtsp://127.0.0.1:9/older")["id"]
    stream = vas.post(f"/api/v1/streams/{device}/start")["v2_stream_id"]
    for path in [f"/api/v1/streams/{stream}/stop", f"/api/v1/rtsp/streams/{device}/stop"]:
        check(vas.post(path), {"status": "success", "device_id": device, "stopped": True})
    assert vas.get(f"{STREAMS}/{stream}")["state"] == "STOPPED"
    not_live = vas.problem(409, "STREAM_NOT_LIVE", "POST", f"{STREAMS}/{stream}/snapshots", json={"source": "live"})
    assert not_live["current_state"].lower() == "stopped"
    vas.delete(f"/api/v1/devices/{device}")


def test_the_server_tells_how_it_does(vas: Vas, anonymous: Vas, live: dict[str, Any]) -> None:
    anonymous.get("/health")
    anonymous.get("/ready")
    check(vas.get("/v2/health"), {"status": text})
    streams = vas.get("/v2/health/streams")
    check(streams["streams"], [HEALTH])
    check(vas.get("/v2/health/system"), {"status": text})
    resources = vas.get("/v2/system/resources")
    check(resources, {"cpu": {"percent": number}, "memory": dict, "network": dict})
    check(
        vas.get("/v2/system/stats"),
        {"streams": {"total": integer}, "per_stream": [{"stream_id": uuid, "state": STATE}]},
    )


def test_a_stream_that_has_no_media_yet_says_when_to_try_again(vas: Vas) -> None:
    # A camera that takes the connection and then says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/silent"
        device = vas.add_device("Silent", url)["id"]
        stream = vas.start(device)
        capabilities = {"codecs": [], "headerExtensions": []}
        for path, body in [
            ("snapshots", {"source": "live"}),
            ("bookmarks", {"source": "live"}),
            ("consume", {"client_id": "c", "rtp_capabilities": capabilities}),
        ]:
            answer = vas.call("POST", f"{STREAMS}/{stream}/{path}", json=body)
            assert (answer.status_code, answer.json()["error"]) == (409, "NO_PRODUCER"), answer.text
            assert answer.json()["details"]["retry_after_seconds"] == int(answer.headers["retry-after"])
        vas.delete(f"/api/v1/devices/{device}")
