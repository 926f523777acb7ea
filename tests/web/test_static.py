"""Files of the pages: those that there are, and no other."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from manager.web.static import static

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..%5capp.py",
        "%252e%252e/app.py",
        "login.css/../../app.py",
        "/etc/passwd",
        "%2fetc/passwd",
        "login.css%00",
        "login.css%00.png",
        "login.css/",
        "x" * 5_000,
        "",
        ".",
    ],
)
def test_no_path_leads_out_of_the_folder(client: TestClient, path: str) -> None:
    request = client.build_request("GET", "http://localhost/static/")
    request.url = request.url.copy_with(raw_path=f"/static/{path}".encode())
    assert client.send(request).status_code == 404


def test_a_file_that_is_asked_for_by_its_version_is_kept_for_ever(client: TestClient) -> None:
    answer = client.get(static("login.css"))
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"
    again = client.get("/static/login.css", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
