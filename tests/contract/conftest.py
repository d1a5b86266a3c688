"""What the tests have in common: one server, started by whoever runs them, with one real camera."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from client import CAMERA, CLIENT_ID, CLIENT_SECRET, URL, Vas, until
from document import Document


@pytest.fixture(scope="session")
def document() -> Document:
    return Document(httpx.get(f"{URL}/openapi.json").raise_for_status().json())


@pytest.fixture(scope="session")
def anonymous(document: Document) -> Vas:
    return Vas(document)


@pytest.fixture(scope="session")
def vas(document: Document, anonymous: Vas) -> Vas:
    """An admin."""
    body = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return Vas(document, anonymous.post("/v2/auth/token", body)["access_token"])


@pytest.fixture(scope="session")
def live(vas: Vas) -> dict[str, Any]:
    """A device whose stream is live, with some seconds of recording."""
    device = vas.add_device("Contract camera", CAMERA)
    stream = vas.start(device["id"])
    vas.wait_state(stream, "LIVE")

    def recorded() -> Any:
        ranges = vas.get(f"/v2/streams/{stream}/recordings")["ranges"]
        return ranges[0] if ranges and ranges[0]["duration_seconds"] > 4 else None

    return {"device": device["id"], "stream": stream, "recorded": until("a recording", recorded)}


@pytest.fixture
def idle(vas: Vas, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A device that was never started."""
    device = vas.add_device(request.node.name, f"{CAMERA}?{request.node.name}")
    yield device
    vas.call("DELETE", f"/api/v1/devices/{device['id']}")
