"""The API's own document, and whether answers are as it says."""

import re
from typing import Any

import httpx
import jsonschema


class Document:
    """An OpenAPI 3.1 document."""

    def __init__(self, document: Any) -> None:
        self.document = document
        # What stands literally wins over what stands for a parameter.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self.paths = [(re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in paths]

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """Fails where an answer is not among those that are described."""
        path = httpx.URL(path).path
        found = next((name for pattern, name in self.paths if pattern.match(path)), None)
        if found is None:
            assert answer.status_code in (404, 401, 421, 429), f"{method} {path} is not described"
            return
        operation = self.document["paths"][found].get(method.lower())
        if operation is None:
            assert answer.status_code == 405 or method in ("HEAD", "OPTIONS"), f"{method} {found} is not described"
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{method} {found} does not describe {answer.status_code}: {answer.text[:500]}"
        described = self.resolve(described)
        if not answer.content:
            return
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert kind in described.get("content", {}), f"{method} {found} {answer.status_code} does not describe {kind}"
        if kind.endswith("json"):
            schema = described["content"][kind]["schema"] | {"components": self.document["components"]}
            jsonschema.Draft202012Validator(schema).validate(answer.json())

    def resolve(self, part: Any) -> Any:
        if "$ref" in part:
            target = part["$ref"].removeprefix("#/").split("/")
            part = self.document
            for name in target:
                part = part[name]
        return part
