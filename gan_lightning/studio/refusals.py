"""Errors that the studio answers as JSON."""

from typing import Any

from fastapi.responses import JSONResponse


class Refusal(Exception):
    """A request that the studio does not fulfil.

    Args:
        status: HTTP status of the answer.
        code: stable name of the reason, which the page translates.
        message: the reason in one line of English.
        values: values that the translation needs.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, values: dict[str, Any] | None = None, headers: dict | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.values, self.headers = status, code, values or {}, headers

    @property
    def content(self) -> dict[str, Any]:
        """The error as the API writes it."""
        return {"code": self.code, "message": str(self), "values": self.values}

    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.content}, self.status, self.headers)


def unknown(kind: str, name: str) -> Refusal:
    """Return the refusal for an id that does not exist, or belongs to another visitor."""
    return Refusal(404, f"unknown_{kind}", f"there is no {kind} {name[:100]!r} here", {kind: name[:100]})
