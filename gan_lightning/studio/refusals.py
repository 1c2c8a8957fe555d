"""Errors that the studio answers as JSON."""

from typing import Any

from starlette.responses import JSONResponse


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
        self,
        status: int,
        code: str,
        message: str,
        values: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.values, self.headers = status, code, values or {}, headers

    @property
    def content(self) -> dict[str, Any]:
        """The error as the API writes it."""
        values = {key: _encodable(value) if isinstance(value, str) else value for key, value in self.values.items()}
        return {"code": self.code, "message": _encodable(str(self)), "values": values}

    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.content}, self.status, self.headers)


def _encodable(text: str) -> str:
    """Return text without lone surrogates, which JSON may hold and UTF-8 may not."""
    return text.encode("utf-8", "backslashreplace").decode()


def unknown(kind: str, name: str) -> Refusal:
    """Return the refusal for an id that does not exist, or belongs to another visitor."""
    return Refusal(404, f"unknown_{kind}", f"there is no {kind} {name[:100]!r} here", {kind: name[:100]})
