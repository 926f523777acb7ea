"""The page of each object: what it is, what happened to it, what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manager.errors import NotFoundError
from manager.operator.chosen import choose
from manager.operator.listing import EnrichmentRow, LaneRow, VendorJobRow, page
from manager.operator.whole import JOB_NOTES, whole_job, whole_request, whole_stray
from manager.web.console.acts import on_one
from manager.web.console.applies import states_of
from manager.web.console.asked import Asked
from manager.web.console.kinds import Link, job_link
from manager.web.console.log_lines import log_lines
from manager.web.console.object import (
    Object,
    facts,
    facts_of,
    found,
    lane_facts,
    lists_of,
    newest_first,
    shown,
    told_of,
    whole_id_of,
)
from manager.web.console.page import Page
from manager.web.console.source import Source
from manager.web.console.templates import url

# Bytes of an envelope that are shown.
MOST_BYTES = 100_000


def pages() -> list[Page]:
    """A page for each kind."""
    return [
        Page("/requests/{id}", "object.html", request),
        Page("/jobs/{id}", "object.html", job),
        Page("/enrichments/{id}", "object.html", enrichment),
        Page("/vendor-jobs/{account}/{id:path}", "object.html", vendor_job),
        Page("/strays/{id}", "object.html", stray, live=False),
        Page("/lanes/{id}", "object.html", lane),
        Page("/accounts/{id}", "object.html", account),
    ]


def request(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A request: how far it is, its jobs, its results."""
    with source.context.ledger.connect() as connection:
        id = whole_id_of(connection, "request", asked)
        whole = whole_request(connection, id)
        told = told_of(connection, "request", id)
    state = "cancelled" if whole.cancelled_at else "finished" if whole.finished_at else "open"
    states = (state, *(("failed",) if whole.failed else ()))
    return shown(
        Object(
            "request",
            id,
            told.about,
            state,
            facts_of(whole),
            lists_of({"jobs": "job", "enrichments": "enrichment"}, request=id),
            [
                (url(f"/requests/{id}/results.{it}"), f"results, {it.upper()}")
                for it in ("csv", "jsonl")
            ],
            on_one("request", id, *states) if asked.operator else (),
            *newest_first(told),
            lines=log_lines(source.context.settings, id),
            progress=whole,
            metadata=whole.metadata,
        )
    )


def job(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A job: its moves, what the vendor's list showed of it, what is in it."""
    with source.context.ledger.connect() as connection:
        id = whole_id_of(connection, "job", asked)
        whole = whole_job(connection, id)
        told = told_of(connection, "job", id)
    return shown(
        Object(
            "job",
            id,
            told.about,
            whole.state,
            facts_of(whole, JOB_NOTES, {"job_id", *(("due_at",) if whole.ended_at else ())}),
            lists_of(
                {"enrichments": "enrichment", "requests": "request", "strays": "stray"}, job=id
            ),
            [(url("/enrichments/export.csv", job=id), "its enrichments, CSV")],
            on_one("job", id, whole.state) if asked.operator else (),
            *newest_first(told),
            lines=log_lines(source.context.settings, id),
        )
    )


def enrichment(source: Source, asked: Asked) -> Mapping[str, Any]:
    """One identifier in one lane: each purchase of it."""
    with source.context.ledger.connect() as connection:
        row: EnrichmentRow = found(connection, "enrichment", asked)
        id = str(row.enrichment_id)
        told = told_of(connection, "enrichment", id)
    search = Link(url("/search", q=row.identifier), "its records, by search", row.identifier)
    return shown(
        Object(
            "enrichment",
            row.identifier,
            told.about,
            row.state,
            facts(
                lane_facts(row)
                | {
                    "purchase": row.cycle,
                    "jobs that failed under it": row.attempts or None,
                    "priority": row.priority,
                    "job": job_link(row.job_id),
                    "due": row.due_at,
                    "settled": row.settled_at,
                    "reason": row.reason,
                    "records": search,
                }
            ),
            lists_of({"requests": "request", "jobs": "job"}, identifier=row.identifier),
            (),
            on_one("enrichment", id, row.state) if asked.operator else (),
            *newest_first(told),
        )
    )


def vendor_job(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A job on the vendor's list, and whose it is."""
    named = asked.named
    with source.context.ledger.connect() as connection:
        chosen = choose("vendor_job", {"account": named["account"], "id": named["id"]})
        rows: list[VendorJobRow] = page(connection, chosen).rows
    row = next((it for it in rows if it.batch_id == named["id"]), None)
    if row is None:
        raise NotFoundError(
            f"The vendor's list has not shown a job {named['id'][:80]} on account "
            f"{named['account'][:80]}, or it was removed since."
        )
    return shown(
        Object(
            "vendor_job",
            row.batch_id,
            f"{row.entity}/{row.action}, account {row.account}: {row.stage}",
            row.whose,
            facts(
                {
                    "account": row.account,
                    "our job": job_link(row.job_id),
                    "status there": row.status,
                    "stage": row.stage,
                    "identifiers": row.identifier_count,
                    "results": row.result_count,
                    "entities fulfilled": row.entities_fulfilled,
                    "made, by the vendor's clock": row.created_at,
                    "completed, by the vendor's clock": row.completed_at,
                    "first seen": row.first_seen_at,
                    "last seen": row.last_seen_at,
                    "judged": row.judged_at,
                    "why": row.why,
                }
            ),
        )
    )


def stray(source: Source, asked: Asked) -> Mapping[str, Any]:
    """An envelope that settled nothing, as it came."""
    with source.context.ledger.connect() as connection:
        whole = whole_stray(connection, whole_id_of(connection, "stray", asked))
    return shown(
        Object(
            "stray",
            str(whole.stray_id),
            f"line {whole.line:,} of a job's results: {whole.reason}",
            "stray",
            facts_of(whole),
            acts=on_one("stray", whole.stray_id) if asked.operator else (),
            text=whole.envelope[:MOST_BYTES].decode("utf-8", "backslashreplace"),
        )
    )


def lane(source: Source, asked: Asked) -> Mapping[str, Any]:
    """A lane: what waits in it, and what went through it."""
    with source.context.ledger.connect() as connection:
        row: LaneRow = found(connection, "lane", asked)
        told = told_of(connection, "lane", str(row.lane_id))
    states = ("paused",) if row.paused == "lane" else ()
    return shown(
        Object(
            "lane",
            f"{row.type.replace('_', ' ')}, {row.endpoint}",
            told.about,
            "paused" if row.paused else "open",
            facts(
                lane_facts(row)
                | {
                    "waiting": row.waiting,
                    "oldest": row.oldest_at,
                    "live jobs": row.jobs,
                    "in jobs": row.in_jobs,
                    "paused": row.paused and f"{row.paused}: {row.reason}",
                    "made": row.created_at,
                }
            ),
            lists_of(
                {"requests": "request", "jobs": "job", "enrichments": "enrichment"},
                lane=str(row.lane_id),
            ),
            (),
            on_one("lane", row.lane_id, *states) if asked.operator else (),
            *newest_first(told),
        )
    )


def account(source: Source, asked: Asked) -> Mapping[str, Any]:
    """An account: what happened on it."""
    name = asked.named["id"]
    with source.context.ledger.connect() as connection:
        told = told_of(connection, "account", name)
    now = source.status()
    standing = next((it for it in now.accounts if it.account == name), None)
    states = states_of(now, name)
    return shown(
        Object(
            "account",
            name,
            told.about,
            "paused" if "paused" in states else "open",
            facts(
                {}
                if standing is None
                else {
                    "slots": f"{standing.slots_held} of {standing.cap} held",
                    "taken by others": standing.foreign_active,
                    "open requests": standing.open_requests,
                    "paused": standing.paused_reason,
                    **{f"{it} is paused": why for it, why in standing.paused_endpoints.items()},
                }
            ),
            lists_of({"requests": "request", "jobs": "job", "lanes": "lane"}, account=name),
            (),
            on_one("account", name, *states) if asked.operator else (),
            *newest_first(told),
        )
    )
