"""The console: lists, objects, search, files and actions, as a browser asks for them."""

from __future__ import annotations

import json
import re
from html import unescape
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from manager import Settings
from manager.operator.chosen import Kind
from manager.operator.listing import SORTS
from manager.operator.problems import CODES, warning
from manager.web.console import PAGES
from manager.web.console.kinds import SHOWN
from manager.web.console.templates import environment
from manager.web.console.ways import WAYS, ways
from tests.web.conftest import Serve
from tests.web.life import LONG, NAMES, enliven, run
from tests.web.users import USERS, log_in

pytestmark = pytest.mark.integration


@pytest.fixture
def requests(settings: Settings) -> list[UUID]:
    """The ids of the requests of a ledger with life in it."""
    return enliven(settings)


def texts(html: str) -> str:
    """What is read on the page."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def fields(html: str) -> dict[str, str]:
    """What the page's form that changes something sends."""
    form = html[html.rindex('method="post"') :]  # another one logs out
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


@pytest.mark.parametrize("path", [it.path for it in PAGES if "{" not in it.path])
def test_every_page_is_there_on_an_empty_ledger(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_no_page_holds_a_style_or_script_of_its_own(
    client: TestClient, requests: list[UUID]
) -> None:
    for path in ("/", "/jobs", f"/requests/{requests[0]}", "/search?q=stripe.com"):
        html = client.get(path).text
        assert not re.search(r"<style|<script(?! src=)| style=| on[a-z]+=", html), path


def test_every_template_compiles() -> None:
    templates = environment()
    assert len([templates.get_template(name) for name in templates.list_templates()]) > 10


@pytest.mark.parametrize("kind", SHOWN)
def test_a_list_refuses_what_is_no_filter_of_it_and_names_those_that_are(
    client: TestClient, kind: str
) -> None:
    answer = client.get(SHOWN[kind].path, params={"colour": "blue"})  # type: ignore[index]
    assert answer.status_code == 400
    assert "'colour' is no filter" in texts(answer.text)


def test_a_form_is_led_to_a_url_that_can_be_saved(client: TestClient) -> None:
    sent = [("form", "1"), ("state", "failed"), ("state", "merged"), ("since", ""), ("id", "")]
    answer = client.get("/jobs", params=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?state=failed%2Cmerged")


def heads(html: str) -> dict[str, tuple[str | None, str | None]]:
    """How the list is sorted by each column that can be sorted by, and where its head leads."""
    found = {}
    for sorted, inner in re.findall(
        r'<th scope="col" class="[^"]*"(?: aria-sort="(\w+)")?>(.*?)</th>', html
    ):
        to = re.search('href="([^"]*)"', inner)
        if sorted or to:
            found[texts(inner).strip(" ▲▼")] = (sorted or None, unescape(to[1]) if to else None)
    return found


def test_a_list_is_sorted_by_the_heads_of_its_columns(
    client: TestClient, requests: list[UUID]
) -> None:
    newest = heads(client.get("/jobs?state=merged,failed").text)
    assert newest == {
        "packed": ("descending", "/jobs?state=merged%2Cfailed&sort=oldest"),
        "ended": (None, "/jobs?state=merged%2Cfailed&sort=ended"),
    }
    oldest = heads(client.get(str(newest["packed"][1])).text)
    assert oldest["packed"] == ("ascending", "/jobs?state=merged%2Cfailed")
    assert heads(client.get(str(newest["ended"][1])).text)["ended"] == ("descending", None)
    assert heads(client.get("/lanes").text) == {"waiting": ("descending", None)}


@pytest.mark.parametrize("kind", SHOWN)
def test_each_sort_that_a_list_offers_it_has(
    client: TestClient, requests: list[UUID], kind: Kind
) -> None:
    shown = SHOWN[kind]
    for query in ("", "?state=failed") if kind == "enrichment" else ("",):
        page = client.get(shown.path + query).text
        offered = re.findall(rf'href="({shown.path}[^"]*sort=[^"]*)"', page)
        for to in (unescape(it) for it in offered):
            assert client.get(to).status_code == 200, to
    assert {name for it in shown.columns for name in it.sorts} <= set(SORTS[kind])


def test_a_filter_that_is_taken_away_takes_its_sort_with_it(
    client: TestClient, requests: list[UUID]
) -> None:
    """Of all enrichments, those that are settled last cannot be told."""
    answer = client.get("/enrichments?form=1&sort=settled&state=", follow_redirects=False)
    assert answer.headers["location"] == "/enrichments"


def test_what_happened_to_a_company_is_one_search_away(
    client: TestClient, requests: list[UUID]
) -> None:
    page = client.get("/search", params={"q": f"https://WWW.{NAMES[1]}/about"}).text
    assert "What happened to it" in page
    assert str(requests[0]) in page
    for word in ("nightly-2026-11-26", "team=growth", "batch-1-3", str(requests[0])[:13]):
        assert "By this name" in client.get("/search", params={"q": word}).text, word
    assert "knows nothing" in client.get("/search", params={"q": "nobody.example"}).text


def test_each_object_has_a_page(client: TestClient, requests: list[UUID]) -> None:
    for kind in SHOWN.values():
        [row, *_] = re.findall(r'<tr id="row-([^"]*)"', client.get(kind.path).text)
        answer = client.get(unescape(row))
        assert answer.status_code == 200, row
    assert client.get("/accounts/test").status_code == 200


def test_the_beginning_of_an_id_leads_to_its_page(client: TestClient, requests: list[UUID]) -> None:
    job = client.get("/jobs?state=failed").text
    [id, *_] = re.findall(r"/jobs/([0-9a-f-]{36})", job)
    answer = client.get(f"/jobs/{id[:13]}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{id}")


@pytest.mark.parametrize(
    "path",
    ["/jobs/{0}", "/requests/{0}", "/enrichments/99999", "/lanes/99", "/strays/99", "/accounts/no",
     "/vendor-jobs/test/no%2Fsuch", "/act/job.explode", "/notices/{0}"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path.format(uuid4()))
    assert answer.status_code == 404
    assert "Not found" in answer.text


def test_what_a_list_shows_can_be_had_as_a_file(client: TestClient, requests: list[UUID]) -> None:
    answer = client.get("/jobs/export.csv?state=failed")
    assert answer.headers["content-disposition"].startswith('attachment; filename="jobs-')
    head, *lines = answer.text.splitlines()
    assert head.startswith("job_id,account,endpoint")
    assert len(lines) == 1
    lines = client.get("/enrichments/export.jsonl").text.splitlines()
    assert len([json.loads(line) for line in lines]) == 368
    assert client.get("/jobs/export.csv?colour=blue").status_code == 400
    assert client.get("/jobs/export.xml").status_code == 400


def test_a_requests_results_can_be_had_as_a_file(client: TestClient, requests: list[UUID]) -> None:
    answer = client.get(f"/requests/{requests[2]}/results.jsonl")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [it["identifier"] for it in found] == ["Stripe", "Ikea of Sweden"]
    assert client.get(f"/requests/{requests[2]}/results.csv").text.startswith("identifier,outcome")
    assert client.get(f"/requests/{uuid4()}/results.csv").status_code == 404


def test_an_action_is_done_to_what_was_seen_and_written_down(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    page = client.get("/act/request.cancel?state=open&since=1h").text
    sent = fields(page)
    assert "since=2" in sent["filter"]  # a moment, not a span
    answer = client.post("/act/request.cancel", data=sent | {"typed": "2", "why": "no longer"})
    assert "Cancelled: 2 requests" in answer.text
    assert run(settings, "SELECT count(*) FROM request WHERE cancelled_at IS NOT NULL") == [(2,)]
    assert run(settings, "SELECT who, via, why FROM operator_action") == [
        ("local", "console", "no longer")
    ]
    assert "no longer" in client.get("/history").text
    assert "no longer" in client.get(f"/requests/{requests[0]}").text


@pytest.mark.parametrize("typed", ["", "1", "3", "two"])
def test_what_discards_is_not_done_unless_the_count_is_typed(
    settings: Settings, client: TestClient, requests: list[UUID], typed: str
) -> None:
    sent = fields(client.get("/act/request.cancel?state=open").text)
    answer = client.post("/act/request.cancel", data=sent | {"typed": typed})
    assert answer.status_code == 409
    assert "type 2" in texts(answer.text)
    assert run(settings, "SELECT count(*) FROM operator_action") == [(0,)]


def test_what_has_become_more_meanwhile_is_shown_again(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    sent = fields(client.get(f"/act/request.cancel?id={requests[0]}").text)
    sent["filter"] = "state=open"
    answer = client.post("/act/request.cancel", data=sent | {"typed": sent["count"]})
    assert answer.status_code == 409
    assert "another number of objects" in answer.text
    assert run(settings, "SELECT count(*) FROM operator_action") == [(0,)]


def test_one_object_that_is_discarded_is_named(client: TestClient, requests: list[UUID]) -> None:
    page = client.get(f"/act/request.cancel?id={requests[0]}").text
    assert f"type {str(requests[0])[:8]} to confirm" in texts(page)


def test_no_page_reads_a_file_of_the_server(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    [(id,)] = run(settings, "SELECT id FROM job WHERE state = 'failed'")
    page = client.get(f"/act/job.merge?id={id}&with.file=/etc/passwd").text
    assert "/etc/passwd" not in page
    assert "with.file" not in page


def test_what_is_forged_is_not_done(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    sent = fields(client.get("/act/request.cancel?state=open").text) | {"typed": "2"}
    answer = client.post("/act/request.cancel", data=sent | {"csrf_token": "x"})
    assert answer.status_code == 403
    assert run(settings, "SELECT count(*) FROM operator_action") == [(0,)]


def test_a_viewer_sees_everything_and_is_offered_nothing(
    settings: Settings, serve: Serve, requests: list[UUID]
) -> None:
    client = serve(web_users=USERS)
    log_in(client, "vera")
    assert "/act/" not in client.get("/").text
    assert "/act/" not in client.get("/jobs").text
    page = client.get("/act/request.cancel?state=open").text
    assert "needs the role operator" in page
    answer = client.post("/act/request.cancel", data=fields(page) | {"typed": "2"})
    assert answer.status_code == 403
    assert run(settings, "SELECT count(*) FROM operator_action") == [(0,)]


def test_who_has_logged_in_is_who_is_written_down(
    settings: Settings, serve: Serve, requests: list[UUID]
) -> None:
    client = serve(web_users=USERS)
    log_in(client, "olga")
    assert "olga (operator)" in texts(client.get("/").text)
    sent = fields(client.get(f"/act/request.reprioritise?id={requests[0]}&with.priority=9").text)
    assert "Reprioritised" in client.post("/act/request.reprioritise", data=sent).text
    assert run(settings, "SELECT who FROM operator_action") == [("olga",)]


def test_an_account_is_paused_and_resumed_with_a_click(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    assert "/act/account.pause?account=test" in client.get("/").text
    sent = fields(client.get("/act/account.pause?account=test&with.reason=night").text)
    assert "Paused: account test" in client.post("/act/account.pause", data=sent).text
    assert run(settings, "SELECT paused_reason FROM account") == [("night",)]


def test_each_way_out_is_of_a_problem_that_there_is_and_leads_to_a_page(
    client: TestClient, requests: list[UUID]
) -> None:
    assert set(WAYS) <= set(CODES)
    for code in WAYS:
        found = ways(warning(code, "a text", "a way out", "test"), operator=True)
        assert found
        for to, _ in found:
            assert client.get(to).status_code == 200, to


def test_a_viewer_is_led_to_what_can_be_seen_and_to_no_action() -> None:
    trouble = warning("few-found", "a text", "a way out", "test")
    assert [label for _, label in ways(trouble, operator=True)] == ["Merged jobs", "Acknowledge"]
    assert [label for _, label in ways(trouble, operator=False)] == ["Merged jobs"]


def test_a_problem_has_its_way_out_beside_it(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    run(settings, "UPDATE account SET paused_at = now(), paused_reason = 'by hand'")
    page = client.get("/").text
    assert '<a href="/act/account.resume?account=test">Resume</a>' in page


def test_hostile_texts_stay_texts(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    run(settings, "UPDATE job SET why = %s", LONG)
    page = client.get("/jobs").text
    assert "<script>document" not in page
    assert f"({len(LONG):,} characters)" in page


def test_a_stream_says_what_it_is_to_every_proxy(client: TestClient) -> None:
    page = client.get("/jobs?state=failed").text
    assert 'data-stream="/live/jobs?state=failed"' in page


def test_nobody_holds_a_file_back_either(client: TestClient, requests: list[UUID]) -> None:
    """A proxy that took much of it at once would read nothing for minutes, and we would end it."""
    for path in ("/enrichments/export.csv", f"/requests/{requests[0]}/results.csv"):
        assert client.get(path).headers["x-accel-buffering"] == "no", path


@pytest.mark.parametrize("path", ["/live/", "/live/jobs", "/enrichments/export.csv", "/jobs"])
def test_a_head_is_answered_at_once(client: TestClient, path: str) -> None:
    """Also where the content has no end."""
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/accounts/%00", "/vendor-jobs/test/%00", "/jobs/%00", "/jobs?reason=%00"]
)
def test_what_postgres_cannot_hold_is_no_fault_of_postgres(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_what_is_not_answered_here_says_what_is(client: TestClient) -> None:
    answer = client.options("/jobs", headers={"accept": "text/html"})
    assert answer.status_code == 405
    assert re.search("OPTIONS is not answered here; .*GET.* is", texts(answer.text))


def test_without_postgres_a_page_says_so(cut_off: TestClient) -> None:
    answer = cut_off.get("/jobs")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
    assert "hunter2" not in answer.text


def test_what_has_failed_is_acknowledged_where_it_is_told(
    settings: Settings, client: TestClient, requests: list[UUID]
) -> None:
    to = "/act/account.acknowledge?account=test"
    assert to in client.get("/").text
    sent = fields(client.get(to).text)
    assert "Acknowledged: account test" in client.post("/act/account.acknowledge", data=sent).text
    assert run(settings, "SELECT action FROM operator_action") == [("account.acknowledge",)]


HTML = {"accept": "text/html"}


@pytest.mark.parametrize("path", ["/nope", "/jobs/a/b", "/accounts/"])
def test_a_page_that_is_not_there_is_a_page_of_the_console(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 404
    assert f"There is no page {path}." in answer.text
    assert '<nav aria-label="Pages">' in answer.text
    assert client.get(path).text == "Not Found"


def test_what_is_not_allowed_is_told_by_a_page_of_the_console(serve: Serve) -> None:
    client = serve(web_users=USERS)
    log_in(client, "vera")
    answer = client.post("/act/account.pause", headers=HTML)
    assert answer.status_code == 403
    assert "This needs the role operator." in answer.text
    assert '<nav aria-label="Pages">' in answer.text


def test_a_form_that_is_too_old_leads_back_to_the_login(serve: Serve) -> None:
    answer = serve(web_users=USERS).post("/login", data={"csrf_token": "old"}, headers=HTML)
    assert answer.status_code == 403
    assert "load the page again" in answer.text
    assert '<form method="post" action="/login">' in answer.text
