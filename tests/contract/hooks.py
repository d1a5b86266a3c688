"""What schemathesis is to know beyond the API's document: how bodies are sent that are no JSON."""

from typing import Any

import schemathesis


def as_text(context: Any, value: Any) -> Any:
    return value.encode() if isinstance(value, str) else str(value).encode()


for media_type in ("application/sdp", "application/trickle-ice-sdpfrag"):
    schemathesis.serializer(media_type)(as_text)
