"""The sandbox as one web application: the vendor's routes and the control routes."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox import panel
from sandbox.rules import Refusal
from sandbox.vendor import Vendor, refused


def create_app(vendor: Vendor) -> Starlette:
    """The vendor's routes and the control routes as one application."""
    return Starlette(
        routes=[*panel.routes(vendor), *vendor.routes()],
        lifespan=vendor.lifespan,
        exception_handlers={HTTPException: _http_error},
    )


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(
        Refusal(error.status_code, HTTPStatus(error.status_code).name.lower(), error.detail)
    )
