"""Snapshots and bookmarks."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from client import UNKNOWN, Vas, until
from shapes import BOOKMARK, PAGINATION, SNAPSHOT, check, integer, text


def finished(vas: Vas, at: str) -> Any:
    def done() -> Any:
        found = vas.get(at)
        return found if found["status"] != "processing" else None

    return until(f"{at} finished", done)


def moment(live: dict[str, Any], seconds: float) -> str:
    return (datetime.fromisoformat(live["recorded"]["start"]) + timedelta(seconds=seconds)).isoformat()


def test_a_live_snapshot_is_processing_and_then_ready(vas: Vas, live: dict[str, Any]) -> None:
    made = vas.post(f"/v2/streams/{live['stream']}/snapshots", {"source": "live"}, 201)
    check(
        made,
        SNAPSHOT
        | {
            "stream_id": live["stream"],
            "status": "processing",
            "file_size": None,
            "width": None,
            "height": None,
            "metadata": {},
            "source": "live",
        },
    )
    ready = finished(vas, f"/v2/snapshots/{made['id']}")
    check(ready, SNAPSHOT | {"status": "ready", "file_size": integer, "width": integer, "height": integer})
    for path in [ready["image_url"], f"/api/v1/snapshots/{made['id']}/image"]:
        image = vas.expect(200, "GET", path)
        assert image.headers["content-type"] == "image/jpeg" and image.content[:2] == b"\xff\xd8"
        assert len(image.content) == ready["file_size"]
    vas.delete(f"/v2/snapshots/{made['id']}")
    vas.problem(404, "NOT_FOUND", "GET", f"/v2/snapshots/{made['id']}")


def test_a_snapshot_of_what_was_recorded(vas: Vas, live: dict[str, Any]) -> None:
    body = {"source": "historical", "timestamp": moment(live, 1), "created_by": "tester", "metadata": {"a": [1]}}
    made = vas.post(f"/v2/streams/{live['stream']}/snapshots", body, 201)
    check(made, SNAPSHOT | {"source": "historical", "created_by": "tester", "metadata": {"a": [1]}})
    assert finished(vas, f"/api/v1/snapshots/{made['id']}")["status"] == "ready"
    listed = vas.get(
        "/v2/snapshots", stream_id=live["stream"], created_by="tester", source="historical", limit=10, offset=0
    )
    check(listed, {"snapshots": [SNAPSHOT], "pagination": PAGINATION})
    assert [snapshot["id"] for snapshot in listed["snapshots"]] == [made["id"]]
    assert (
        vas.get("/v2/snapshots", after="2001-01-01T00:00:00", before="2001-01-02T00:00:00")["pagination"]["total"]
        == 0
    )
    never = {"source": "historical", "timestamp": "2001-01-01T00:00:00Z"}
    vas.problem(404, "NO_RECORDING", "POST", f"/v2/streams/{live['stream']}/snapshots", json=never)
    vas.delete(f"/api/v1/snapshots/{made['id']}")


def test_snapshots_by_device(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/api/v1/snapshots/devices/{live['device']}/capture"
    for kind, body in [("live", {}), ("historical", {"timestamp": moment(live, 1)})]:
        made = vas.post(f"{at}/{kind}", body, 201)
        check(made, SNAPSHOT | {"stream_id": live["stream"], "source": kind})
        finished(vas, f"/v2/snapshots/{made['id']}")
    check(vas.get("/api/v1/snapshots"), {"snapshots": [SNAPSHOT], "pagination": PAGINATION})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "source"),
        ({"source": "dead"}, "source"),
        ({"source": "historical"}, "timestamp"),
        ({"source": "historical", "timestamp": "noon"}, "timestamp"),
        ({"source": "live", "metadata": []}, "metadata"),
        ({"source": "live", "created_by": 5}, "created_by"),
    ],
)
def test_a_wrong_snapshot_names_its_field(vas: Vas, live: dict[str, Any], body: dict[str, Any], field: str) -> None:
    vas.wrong("POST", f"/v2/streams/{live['stream']}/snapshots", field, json=body)


def test_a_live_bookmark_becomes_ready(vas: Vas, live: dict[str, Any]) -> None:
    body = {
        "source": "live",
        "before_seconds": 2,
        "after_seconds": 1,
        "label": "Here",
        "tags": ["a", "b"],
        "confidence": 0.5,
    }
    made = vas.post(f"/v2/streams/{live['stream']}/bookmarks", body, 201)
    check(
        made,
        BOOKMARK
        | {
            "stream_id": live["stream"],
            "status": "processing",
            "label": "Here",
            "tags": [str],
            "confidence": 0.5,
            "video_url": None,
            "metadata": {},
            "source": "live",
            "event_type": None,
        },
    )
    start, center, end = (
        datetime.fromisoformat(made[name]) for name in ("start_time", "center_timestamp", "end_time")
    )
    assert (center - start, end - center) == (timedelta(seconds=2), timedelta(seconds=1))
    assert made["duration_seconds"] == 3
    at = f"/v2/bookmarks/{made['id']}"
    ready = finished(vas, at)
    check(ready, BOOKMARK | {"status": "ready", "video_url": text, "thumbnail_url": text})
    video = vas.expect(200, "GET", ready["video_url"])
    assert video.headers["content-type"] == "video/mp4" and video.content[4:8] == b"ftyp"
    part = vas.expect(206, "GET", f"{at}/video", headers={"Range": "bytes=0-9"})
    assert part.content == video.content[:10] and part.headers["content-range"].startswith("bytes 0-9/")
    assert vas.expect(200, "GET", ready["thumbnail_url"]).headers["content-type"] == "image/jpeg"
    changed = vas.put(at, {"label": None, "event_type": "gate", "tags": [], "metadata": {"n": 1}})
    check(changed, BOOKMARK | {"label": None, "event_type": "gate", "metadata": {"n": 1}})
    assert changed["tags"] == []
    listed = vas.get("/v2/bookmarks", event_type="gate", stream_id=live["stream"], source="live")
    check(listed, {"bookmarks": [BOOKMARK], "pagination": PAGINATION})
    assert made["id"] in [bookmark["id"] for bookmark in listed["bookmarks"]]
    assert vas.get("/v2/bookmarks", start_before="2001-01-01T00:00:00Z")["bookmarks"] == []
    assert vas.get(f"/api/v1/bookmarks/{made['id']}")["id"] == made["id"]
    vas.delete(at)
    for path in ["", "/video", "/thumbnail"]:
        vas.problem(404, "NOT_FOUND", "GET", at + path)


def test_bookmarks_by_device(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/api/v1/bookmarks/devices/{live['device']}/capture"
    body = {"center_timestamp": moment(live, 2), "before_seconds": 1, "after_seconds": 1}
    for kind in ["historical", "live"]:
        made = vas.post(f"{at}/{kind}", body, 201)
        check(made, BOOKMARK | {"stream_id": live["stream"], "source": kind})
        assert finished(vas, f"/v2/bookmarks/{made['id']}")["status"] == "ready"
    vas.problem(404, "NOT_FOUND", "POST", f"/api/v1/bookmarks/devices/{UNKNOWN}/capture/live", json={})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "source"),
        ({"source": "live", "before_seconds": -1}, "before_seconds"),
        ({"source": "live", "after_seconds": "x"}, "after_seconds"),
        ({"source": "live", "confidence": 2}, "confidence"),
        ({"source": "live", "tags": "a"}, "tags"),
        ({"source": "live", "tags": [1]}, "tags"),
        ({"source": "historical"}, "center_timestamp"),
        ({"source": "live", "metadata": "x"}, "metadata"),
    ],
)
def test_a_wrong_bookmark_names_its_field(vas: Vas, live: dict[str, Any], body: dict[str, Any], field: str) -> None:
    vas.wrong("POST", f"/v2/streams/{live['stream']}/bookmarks", field, json=body)


def test_a_bookmark_of_what_was_never_recorded_is_404(vas: Vas, live: dict[str, Any]) -> None:
    body = {"source": "historical", "center_timestamp": "2001-01-01T00:00:00Z"}
    vas.problem(404, "NO_RECORDING", "POST", f"/v2/streams/{live['stream']}/bookmarks", json=body)


@pytest.mark.parametrize("kind", ["snapshots", "bookmarks"])
def test_unknown_ids_and_wrong_queries(vas: Vas, kind: str) -> None:
    for home in [f"/v2/{kind}", f"/api/v1/{kind}"]:
        for name in [UNKNOWN, "x"]:
            for method in ["GET", "DELETE"]:
                vas.problem(404, "NOT_FOUND", method, f"{home}/{name}")
        vas.wrong(
            "GET", home, "stream_id", "source", "limit", params={"stream_id": "x", "source": "dead", "limit": 0}
        )
