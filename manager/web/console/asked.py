"""What a page is asked for, whoever asks: all who ask the same share one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request

from manager.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Asked:
    """A path with its parameters, the query in its order, and the asker's role."""

    path: str
    parameters: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]
    operator: bool

    @classmethod
    def by(cls, request: Request, operator: bool, *, under: str = "") -> Asked:
        """What this request asks for; `under`: what its path has in front of the page's own."""
        return cls(
            request.url.path.removeprefix(under),
            tuple((name, str(value)) for name, value in request.path_params.items()),
            tuple(
                (name, value) for name, value in request.query_params.multi_items() if value.strip()
            ),
            operator,
        )

    @property
    def named(self) -> Mapping[str, str]:
        """The path's parameters by name."""
        return dict(self.parameters)

    def given(self, *besides: str) -> dict[str, str]:
        """The query but for `besides`; what a form sends several times is joined by commas."""
        made: dict[str, str] = {}
        for name, value in self.query:
            if name not in besides:
                made[name] = f"{made[name]},{value}" if name in made else value
        return made

    def one(self, name: str, default: str = "") -> str:
        """The value of a parameter that may be given once. Raises InvalidRequestError."""
        values = [value for given, value in self.query if given == name]
        if len(values) > 1:
            raise InvalidRequestError(f"{name} is given {len(values)} times; it may be given once.")
        return values[0] if values else default

    @property
    def url(self) -> str:
        """The page's own URL, which can be saved."""
        path = quote(self.path)
        return f"{path}?{urlencode(self.query)}" if self.query else path
