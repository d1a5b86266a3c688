"""Shapes of JSON, checked strictly: types are those of JSON, and nothing passes for something else.

A shape is a dict of shapes (further members are free), a list with the shape of its items, a tuple of possible
shapes, a type, a function that judges a value, or the value itself.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

Shape = Any


class Missing:
    """A member that may be left out."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape


def uuid(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def time(value: Any) -> bool:
    """RFC 3339 in UTC."""
    if not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is None:
        return False
    return datetime.fromisoformat(value).tzinfo is not None


def text(value: Any) -> bool:
    """A text that is not empty."""
    return isinstance(value, str) and value != ""


def integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def nullable(shape: Shape) -> Shape:
    return (None, shape)


def one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: any(value == allowed and type(value) is type(allowed) for allowed in values)


def check(value: Any, shape: Shape, at: str = "$") -> None:
    """Fails where a value has another shape, naming the place."""
    match shape:
        case dict():
            assert isinstance(value, dict), f"{at}: {value!r} is no object"
            for name, member in shape.items():
                optional = isinstance(member, Missing)
                if name not in value:
                    assert optional, f"{at}.{name} is missing in {sorted(value)}"
                    continue
                check(value[name], member.shape if optional else member, f"{at}.{name}")
        case [item]:
            assert isinstance(value, list), f"{at}: {value!r} is no array"
            for index, element in enumerate(value):
                check(element, item, f"{at}[{index}]")
        case tuple():
            for possible in shape:
                try:
                    return check(value, possible, at)
                except AssertionError as error:
                    last = error
            raise AssertionError(f"{at}: {value!r} has none of the possible shapes; the last: {last}")
        case None:
            assert value is None, f"{at}: {value!r} is not null"
        case type():
            assert type(value) is shape, f"{at}: {value!r} is no {shape.__name__}"
        case _ if callable(shape):
            assert shape(value), f"{at}: {value!r} is no {getattr(shape, '__name__', shape)}"
        case _:
            assert type(value) is type(shape) and value == shape, f"{at}: {value!r} is not {shape!r}"


PROBLEM = {
    "type": text,
    "title": text,
    "status": integer,
    "detail": text,
    "instance": text,
    "error": lambda value: isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", value) is not None,
    "error_description": text,
    "details": nullable(dict),
    "request_id": text,
}

STATE = one_of("INITIALIZING", "READY", "LIVE", "ERROR", "STOPPED", "CLOSED")

DEVICE = {
    "id": uuid,
    "name": text,
    "description": nullable(str),
    "rtsp_url": text,
    "is_active": bool,
    "location": nullable(str),
    "created_at": time,
    "updated_at": nullable(time),
}

STREAM = {
    "id": uuid,
    "name": text,
    "camera_id": uuid,
    "state": STATE,
    "codec_config": dict,
    "producer": nullable({"id": uuid, "mediasoup_id": uuid, "state": text, "ssrc": integer}),
    "consumers": {"count": integer, "active": integer},
    "endpoints": {"webrtc": text, "whep": text, "hls": text, "health": text},
    "created_at": time,
    "uptime_seconds": number,
}

LIVE_STREAM = STREAM | {
    "state": "LIVE",
    "codec_config": {
        "video": {
            "codec": "H264",
            "profile": lambda value: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{6}", value) is not None,
            "payloadType": integer,
            "width": integer,
            "height": integer,
            "fps": number,
        },
        "audio": Missing(dict),
    },
    "producer": {"id": uuid, "mediasoup_id": uuid, "state": "ACTIVE", "ssrc": integer},
}

HEALTH = {
    "stream_id": uuid,
    "status": one_of("healthy", "degraded", "unhealthy"),
    "is_healthy": bool,
    "state": STATE,
    "uptime_seconds": number,
    "metrics": {
        "bitrate_kbps": number,
        "fps": number,
        "packet_loss": number,
        "jitter_ms": number,
        "keyframe_interval_s": nullable(number),
        "last_frame_age_ms": nullable(number),
    },
    "producer": nullable(dict),
    "consumers": {"active": integer},
    "ingest": nullable(dict),
    "ffmpeg": {"status": one_of("running", "stopped", "error")},
    "recording": dict,
    "last_error": nullable(str),
    "checked_at": time,
}

PAGINATION = {"total": integer, "limit": integer, "offset": integer}

CAPTURE_STATUS = one_of("processing", "ready", "failed")
SOURCE = one_of("live", "historical")

SNAPSHOT = {
    "id": uuid,
    "stream_id": uuid,
    "timestamp": time,
    "source": SOURCE,
    "created_by": text,
    "format": "jpg",
    "file_size": nullable(integer),
    "width": nullable(integer),
    "height": nullable(integer),
    "image_url": text,
    "metadata": dict,
    "status": CAPTURE_STATUS,
    "created_at": time,
}

BOOKMARK = {
    "id": uuid,
    "stream_id": uuid,
    "center_timestamp": time,
    "start_time": time,
    "end_time": time,
    "duration_seconds": number,
    "source": SOURCE,
    "label": nullable(str),
    "created_by": text,
    "event_type": nullable(str),
    "confidence": nullable(number),
    "tags": [str],
    "video_url": nullable(text),
    "thumbnail_url": nullable(text),
    "status": CAPTURE_STATUS,
    "metadata": dict,
    "created_at": time,
}

STARTED = {
    "status": "success",
    "device_id": uuid,
    "room_id": uuid,
    "transport_id": uuid,
    "producers": {"video": uuid, "audio": Missing(uuid)},
    "stream": {"status": one_of("started", "active"), "started_at": time},
    "v2_stream_id": uuid,
}

TOKEN = {
    "access_token": text,
    "token_type": "Bearer",
    "expires_in": integer,
    "refresh_token": text,
    "scopes": [text],
    "scope": text,
}
