"""A client as somebody else would write it from the contract: each answer is checked before it is given on."""

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from document import Document
from shapes import PROBLEM, check

URL = os.environ["VAS_URL"]
CAMERA = os.environ["VAS_CAMERA"]
CLIENT_ID = os.environ["VAS_CLIENT_ID"]
CLIENT_SECRET = os.environ["VAS_CLIENT_SECRET"]

# Nothing takes longer on a machine that is busy with other tests.
SOON = 60.0
T = TypeVar("T")
UNKNOWN = "00000000-0000-7000-8000-000000000000"


class Vas:
    """The server, as a caller with a token sees it, or one without."""

    def __init__(self, document: Document | None, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.token = token
        self.document = document
        self.http = httpx.Client(base_url=URL, headers=headers, timeout=SOON)

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Any call. Errors have their one shape, and every answer is one that the API's document describes."""
        answer = self.http.request(method, path, **arguments)
        request_id = answer.headers["x-request-id"]
        assert request_id
        if answer.status_code >= 400 and answer.headers.get("content-type") != "application/sdp":
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            problem = answer.json()
            check(problem, PROBLEM)
            assert problem["status"] == answer.status_code
            assert problem["request_id"] == request_id
            assert problem["detail"] == problem["error_description"]
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
        if self.document is not None:
            self.document.check(method, path, answer)
        return answer

    def expect(self, status: int, method: str, path: str, **arguments: Any) -> Any:
        """The JSON of an answer with this status."""
        answer = self.call(method, path, **arguments)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return self.expect(status, "GET", path, params=query)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.expect(status, "POST", path, **({} if body is None else {"json": body}))

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self.expect(status, "PUT", path, json=body)

    def delete(self, path: str, status: int = 204) -> Any:
        return self.expect(status, "DELETE", path)

    def problem(self, status: int, code: str, method: str, path: str, **arguments: Any) -> Any:
        """The details of an error."""
        problem = self.expect(status, method, path, **arguments)
        assert problem["error"] == code, problem
        return problem["details"]

    def wrong(self, method: str, path: str, *fields: str, **arguments: Any) -> None:
        """422, and these fields are named."""
        details = self.problem(422, "VALIDATION_ERROR", method, path, **arguments)
        check(details, {"fields": dict})
        assert set(fields) <= set(details["fields"]), details
        check(list(details["fields"].values()), [str])

    # What many tests need.

    def add_device(self, name: str, url: str = CAMERA, **more: Any) -> Any:
        return self.post("/api/v1/devices", {"name": name, "rtsp_url": url, **more}, 201)

    def start(self, device: str) -> str:
        return self.post(f"/api/v1/devices/{device}/start-stream")["v2_stream_id"]

    def wait_state(self, stream: str, state: str) -> Any:
        def there() -> Any:
            found = self.get(f"/v2/streams/{stream}")
            return found if found["state"] == state else None

        return until(f"stream {state}", there)


def until(what: str, attempt: Callable[[], T | None]) -> T:
    """Tries until there is something."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found = attempt()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not come: {what}")
