"""`/api/v1/devices`."""

import time as clock
from typing import Any

import pytest

from client import CAMERA, UNKNOWN, Vas
from shapes import DEVICE, STARTED, check, integer, nullable, text, time, uuid

DEVICES = "/api/v1/devices"


def test_a_device_lives(vas: Vas) -> None:
    url = "rtsp://viewer:planted@127.0.0.1:9/lives"
    made = vas.add_device("Lives", url, description="d", location="l")
    check(
        made, DEVICE | {"name": "Lives", "description": "d", "location": "l", "is_active": False, "updated_at": None}
    )
    at = f"{DEVICES}/{made['id']}"
    assert vas.get(at)["id"] == made["id"]
    changed = vas.put(at, {"name": "Lives on", "description": None})
    check(changed, DEVICE | {"name": "Lives on", "description": None, "location": "l", "updated_at": time})
    vas.delete(at)
    vas.problem(404, "NOT_FOUND", "GET", at)
    vas.problem(404, "NOT_FOUND", "DELETE", at)


def test_the_list_is_an_array_in_a_stable_order(vas: Vas, idle: dict[str, Any]) -> None:
    devices = vas.get(DEVICES, skip=0, limit=100)
    check(devices, [DEVICE])
    assert idle["id"] in [device["id"] for device in devices]
    assert vas.get(DEVICES) == devices
    assert vas.get(DEVICES, skip=0, limit=1) == devices[:1]
    assert vas.get(DEVICES, skip=len(devices)) == []
    by_name = [device["name"] for device in vas.get(DEVICES, sort="name", order="desc")]
    assert by_name == sorted(by_name, key=str.lower, reverse=True)
    found = vas.get(DEVICES, q=idle["name"].upper())
    assert [device["id"] for device in found] == [idle["id"]]
    assert all(device["is_active"] for device in vas.get(DEVICES, is_active="true"))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"skip": -1}, "skip"),
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "rtsp_url"}, "sort"),
        ({"order": "up"}, "order"),
        ({"is_active": "perhaps"}, "is_active"),
    ],
)
def test_a_wrong_query_names_its_field(vas: Vas, query: dict[str, Any], field: str) -> None:
    vas.wrong("GET", DEVICES, field, params=query)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "rtsp_url"]),
        ({"name": "", "rtsp_url": CAMERA}, ["name"]),
        ({"name": 5, "rtsp_url": CAMERA}, ["name"]),
        ({"name": "x", "rtsp_url": "http://127.0.0.1/"}, ["rtsp_url"]),
        ({"name": "x", "rtsp_url": None}, ["rtsp_url"]),
        ({"name": "x" * 201, "rtsp_url": CAMERA}, ["name"]),
        ({"name": "x", "rtsp_url": CAMERA, "location": []}, ["location"]),
        ([], ["body"]),
        ("text", ["body"]),
    ],
)
def test_a_wrong_body_names_its_fields(vas: Vas, body: Any, fields: list[str]) -> None:
    vas.wrong("POST", DEVICES, *fields, json=body)


def test_a_body_that_is_no_json_is_422_and_another_type_415(vas: Vas) -> None:
    headers = {"Content-Type": "application/json"}
    vas.wrong("POST", DEVICES, "body", content=b"{", headers=headers)
    vas.problem(
        415, "UNSUPPORTED_MEDIA_TYPE", "POST", DEVICES, content=b"a=b", headers={"Content-Type": "text/plain"}
    )
    large = b'{"name": "' + b"x" * (2 << 20) + b'"}'
    vas.problem(413, "PAYLOAD_TOO_LARGE", "POST", DEVICES, content=large, headers=headers)


@pytest.mark.parametrize("name", [UNKNOWN, "1", "..%2F..", "%00", "x" * 500])
def test_unknown_and_malformed_ids_are_404(vas: Vas, name: str) -> None:
    for method, path in [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/status"),
        ("POST", "/start-stream"),
        ("POST", "/stop-stream"),
    ]:
        body = {"json": {}} if method == "PUT" else {}
        vas.problem(404, "NOT_FOUND", method, f"{DEVICES}/{name}{path}", **body)


def test_other_methods_are_405(vas: Vas) -> None:
    answer = vas.call("PATCH", DEVICES)
    assert (answer.status_code, answer.json()["error"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"] and "POST" in answer.headers["allow"]


def test_an_address_is_taken_once(vas: Vas, idle: dict[str, Any]) -> None:
    body = {"name": "another", "rtsp_url": f"{CAMERA}?{idle['name']}"}
    vas.problem(409, "CONFLICT", "POST", DEVICES, json=body)


def test_validate_tells_what_a_camera_sends(vas: Vas) -> None:
    found = vas.post(f"{DEVICES}/validate", {"name": "trial", "rtsp_url": CAMERA})
    check(found, {"valid": True, "rtsp_url": text, "ssrc": nullable(integer), "message": text})


@pytest.mark.parametrize("url", ["rtsp://127.0.0.1:9/nobody", "no address at all", "", "http://127.0.0.1/"])
def test_validate_tells_why_there_is_none(vas: Vas, url: str) -> None:
    begun = clock.monotonic()
    found = vas.post(f"{DEVICES}/validate", {"rtsp_url": url})
    check(found, {"valid": False, "rtsp_url": str, "error": text})
    assert clock.monotonic() - begun < 20, "it says 10 s at most"


def test_validate_wants_a_text(vas: Vas) -> None:
    vas.wrong("POST", f"{DEVICES}/validate", "rtsp_url", json={})


def test_a_stream_starts_once_and_stops(vas: Vas) -> None:
    # Nobody is there: a start answers all the same.
    device = vas.add_device("Starts", "rtsp://127.0.0.1:9/starts")["id"]
    at = f"{DEVICES}/{device}"
    first = vas.post(f"{at}/start-stream")
    check(
        first, STARTED | {"device_id": device, "room_id": device, "stream": {"status": "started", "started_at": time}}
    )
    again = vas.post(f"{at}/start-stream")
    check(again, STARTED | {"stream": {"status": "active", "started_at": time}, "reconnect": True})
    assert [again[name] for name in ("transport_id", "producers", "v2_stream_id")] == [
        first[name] for name in ("transport_id", "producers", "v2_stream_id")
    ]
    check(
        vas.get(f"{at}/status"),
        DEVICE
        | {
            "device_id": device,
            "is_active": True,
            "streaming": {"active": True, "room_id": device, "started_at": time},
        },
    )
    for _ in range(2):
        check(vas.post(f"{at}/stop-stream"), {"status": "success", "device_id": device, "stopped": True})
    check(
        vas.get(f"{at}/status"),
        DEVICE
        | {
            "is_active": False,
            "streaming": {"active": False, "room_id": None, "started_at": None},
        },
    )
    assert vas.post(f"{at}/start-stream")["v2_stream_id"] == first["v2_stream_id"], "an id survives stop and start"
    vas.delete(at)
    vas.get(f"/v2/streams/{first['v2_stream_id']}", 404)


def test_passwords_are_told_to_nobody_who_is_no_admin(vas: Vas, anonymous: Vas) -> None:
    device = vas.add_device("Secret", "rtsp://viewer:planted-secret@127.0.0.1:9/secret")["id"]
    made = vas.post("/v2/auth/clients", {"client_id": "contract-secrets", "scopes": ["streams:read"]}, 201)
    body = {"client_id": "contract-secrets", "client_secret": made["client_secret"]}
    reader = Vas(anonymous.document, anonymous.post("/v2/auth/token", body)["access_token"])
    for path in [DEVICES, f"{DEVICES}/{device}", f"{DEVICES}/{device}/status", "/v2/streams", "/v2/health/streams"]:
        assert "planted-secret" not in reader.call("GET", path).text
    vas.delete(f"{DEVICES}/{device}")
