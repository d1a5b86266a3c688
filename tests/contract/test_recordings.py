"""Recordings: what there is, what is recorded, and playing it."""

from datetime import datetime
from typing import Any

import pytest

from client import UNKNOWN, Vas
from shapes import check, integer, number, text, time

RECORDINGS = "/api/v1/recordings"


def test_ranges_are_listed_and_play(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}"
    found = vas.get(f"{at}/recordings")
    check(
        found,
        {
            "start": time,
            "end": time,
            "ranges": [{"start": time, "end": time, "duration_seconds": number, "bytes": integer}],
        },
    )
    window = {"start": live["recorded"]["start"], "end": live["recorded"]["end"]}
    playlist = vas.expect(200, "GET", f"{at}/playback.m3u8", params=window)
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert "#EXT-X-PROGRAM-DATE-TIME" in playlist.text and "#EXT-X-ENDLIST" in playlist.text
    clip = vas.expect(200, "GET", f"{at}/clip.mp4", params=window)
    assert clip.headers["content-type"] == "video/mp4" and clip.content[4:8] == b"ftyp"
    part = vas.expect(206, "GET", f"{at}/clip.mp4", params=window, headers={"Range": "bytes=0-99"})
    assert part.content == clip.content[:100]


def test_what_was_not_recorded_is_404_and_a_wrong_range_422(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}"
    never = {"start": "2001-01-01T00:00:00Z", "end": "2001-01-01T00:01:00Z"}
    for path in ["playback.m3u8", "clip.mp4"]:
        vas.problem(404, "NO_RECORDING", "GET", f"{at}/{path}", params=never)
        vas.wrong("GET", f"{at}/{path}", "start", "end")
        vas.wrong("GET", f"{at}/{path}", "end", params={"start": never["end"], "end": never["start"]})
        vas.wrong("GET", f"{at}/{path}", "start", params={"start": "yesterday", "end": never["end"]})
        vas.expect(404, "GET", f"/v2/streams/{UNKNOWN}/{path}", params=never)


def test_older_paths_list_days_and_play_one(vas: Vas, live: dict[str, Any]) -> None:
    days = vas.get(f"{RECORDINGS}/devices/{live['device']}/dates")
    check(
        days,
        {
            "status": text,
            "device_id": live["device"],
            "dates": [{"date": text, "formatted": text, "segments_count": integer}],
        },
    )
    day = days["dates"][-1]
    assert datetime.strptime(day["date"], "%Y%m%d") == datetime.strptime(day["formatted"], "%Y-%m-%d")
    playlist = vas.expect(200, "GET", f"{RECORDINGS}/devices/{live['device']}/playlist", params={"date": day["date"]})
    name = next(line for line in playlist.text.splitlines() if line and not line.startswith("#"))
    segment = vas.expect(200, "GET", f"{RECORDINGS}/devices/{live['device']}/{name}")
    assert segment.content[0] == 0x47
    vas.wrong("GET", f"{RECORDINGS}/devices/{live['device']}/playlist", "date", params={"date": "2026-11-22"})
    vas.problem(404, "NOT_FOUND", "GET", f"{RECORDINGS}/devices/{UNKNOWN}/dates")


def test_recording_is_switched_by_hand(vas: Vas, live: dict[str, Any]) -> None:
    check(vas.get(f"{RECORDINGS}/streams"), {"status": text, "streams": [dict]})
    at = f"{RECORDINGS}/streams/{live['stream']}"
    check(vas.get(at), {"stream_id": live["stream"], "is_recording": bool})
    for action in ["stop", "start"]:
        check(vas.post(f"{at}/{action}"), {"status": "success", "device_id": live["device"]})
    check(vas.post(f"{at}/cleanup"), {"status": "success"})
    for action in ["start", "stop", "cleanup"]:
        vas.problem(404, "NOT_FOUND", "POST", f"{RECORDINGS}/streams/{UNKNOWN}/{action}")


@pytest.mark.parametrize("body", [{"mode": "sometimes"}, {"retention_days": -1}, {"retention_days": "x"}])
def test_wrong_options_name_their_field(vas: Vas, live: dict[str, Any], body: dict[str, Any]) -> None:
    vas.wrong("PUT", f"{RECORDINGS}/devices/{live['device']}/options", next(iter(body)), json=body)
