"""Actions: what would be done to what is chosen, confirmed, done, and told.

What is seen is what is done: the form carries the filter with moments instead of spans of time, and
the count that was shown; where the count is another one meanwhile, it is shown again instead.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from manager.errors import InvalidRequestError, NotFoundError
from manager.operator.actions import (
    ACTIONS,
    Action,
    Actor,
    Argument,
    ChosenOne,
    Done,
    Preview,
    perform,
    preview,
)
from manager.operator.chosen import KINDS, Chosen, choose
from manager.operator.trouble import TROUBLE, named
from manager.web.console.applies import LOCAL_FILES, OF_ONE, OFFERED
from manager.web.console.asked import Asked
from manager.web.console.kinds import SHOWN
from manager.web.console.page import Console, is_operator
from manager.web.console.templates import words

PATH = "/act"
# An argument's name in URL and form: filters have names of their own.
WITH = "with."
ID_TYPED = 8
# What no filter chooses, but its name alone.
NAMED = ("account", "target", "notice")
REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Asking:
    """An action, what it is about, and the arguments as they were given."""

    action: Action
    chosen: Chosen | ChosenOne
    given: Mapping[str, str]

    @property
    def arguments(self) -> list[Argument]:
        """Those that a page may give: none names a file of the server's own."""
        return [it for it in self.action.arguments if it.name not in LOCAL_FILES]

    @property
    def complete(self) -> bool:
        """Whether everything that is needed was given."""
        return all(self.given.get(it.name) for it in self.arguments if it.required)

    @property
    def filter(self) -> str:
        """What it is about, as a URL's query that means the same later."""
        chosen = self.chosen
        return chosen.fixed.query if isinstance(chosen, Chosen) else chosen.query

    @property
    def of_all(self) -> bool:
        """Whether it is about each object that there is."""
        return not self.chosen.query

    @property
    def back(self) -> str:
        """Where what it is about is seen."""
        if isinstance(self.chosen, ChosenOne):
            return "/" if self.chosen.kind == "account" else "/notices"
        path = SHOWN[self.chosen.kind].path
        return f"{path}?{self.chosen.query}" if self.chosen.query else path

    def to_type(self, seen: Preview) -> str | None:
        """What confirms it; None: nothing need be typed."""
        if self.action.effect == "safe":
            return None
        only = self.chosen.given.get("id", "") if isinstance(self.chosen, Chosen) else ""
        return only[:ID_TYPED] if seen.count == 1 and only else str(seen.count)


class Acts:
    """The pages of the actions."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: OrderedDict[str, tuple[Asking, Done]] = OrderedDict()

    def routes(self) -> list[Route]:
        """The page that confirms an action, what does it, and the page that says what was done."""
        return [
            Route(PATH + "/done/{token}", self._told),
            Route(PATH + "/{action}", self._ask, methods=["GET"]),
            Route(PATH + "/{action}", self._act, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        asked = Asked.by(request, is_operator(request))
        return await run_in_threadpool(self._show, request, asked)

    async def _act(self, request: Request) -> Response:
        form = await request.form()
        return await run_in_threadpool(self._do, request, form)

    async def _told(self, request: Request) -> Response:
        found = self._done.get(request.path_params["token"])
        values = {"title": "Done", "asking": found and found[0], "done": found and found[1]}
        return await run_in_threadpool(self._console.respond, request, "done.html", values)

    def _show(self, request: Request, asked: Asked) -> Response:
        try:
            given = asked.given()
            asking = _asking(asked.named["action"], given)
            return self._confirm(request, asking)
        except TROUBLE as error:
            return self._console.refuse(request, error)

    def _do(self, request: Request, form: FormData) -> Response:
        """Do it, if it is what was seen and confirmed."""
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
        try:
            given = dict(parse_qsl(sent.get("filter", "")))
            given |= {name: value for name, value in sent.items() if name.startswith(WITH)}
            asking = _asking(request.path_params["action"], given)
        except TROUBLE as error:
            return self._console.refuse(request, error)
        why, typed = sent.get("why", "").strip(), sent.get("typed", "").strip()
        context = self._console.source.context
        try:
            seen = preview(context, asking.action.name, asking.chosen, asking.given)
            if str(seen.count) != sent.get("count"):
                wrong = "Meanwhile it is about another number of objects. Look again, and confirm."
                return self._confirm(request, asking, wrong, why)
            wanted = asking.to_type(seen)
            if wanted is not None and typed.replace(",", "").lower() != wanted.lower():
                wrong = f"Nothing was done: type {wanted} to confirm it."
                return self._confirm(request, asking, wrong, why)
            actor = Actor(request.state.user.name, "console", why or None)
            done = perform(context, asking.action.name, asking.chosen, asking.given, actor)
        except TROUBLE as error:
            return self._confirm(request, asking, f"Not done: {named(error)}", why)
        token = secrets.token_urlsafe(12)
        self._done[token] = asking, done
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        return RedirectResponse(f"{PATH}/done/{token}", 303)

    def _confirm(
        self, request: Request, asking: Asking, wrong: str | None = None, why: str = ""
    ) -> Response:
        """The page on which it is confirmed; wrong: what kept it from being done."""
        seen: Preview | None = None
        trouble = wrong
        if asking.complete:
            try:
                context = self._console.source.context
                seen = preview(context, asking.action.name, asking.chosen, asking.given)
            except TROUBLE as error:
                trouble = wrong or str(named(error))
        values = {
            "title": f"{asking.action.label}: {words(asking.action.kind)}",
            "asking": asking,
            "seen": seen,
            "wrong": trouble,
            "why": why,
            "to_type": asking.to_type(seen) if seen else None,
            "prefix": WITH,
        }
        return self._console.respond(request, "act.html", values, 409 if wrong else 200)


def _asking(name: str, given: Mapping[str, str]) -> Asking:
    """The action of that name on what is given. Raises NotFoundError, InvalidRequestError."""
    action = ACTIONS.get(name)
    if action is None:
        raise NotFoundError(f"There is no action {name[:80]!r}.")
    arguments = {
        argument: value
        for key, value in given.items()
        if key.startswith(WITH) and (argument := key.removeprefix(WITH)) not in LOCAL_FILES
    }
    chosen = {key: value for key, value in given.items() if not key.startswith(WITH)}
    kind = action.kind
    if kind in NAMED:
        if set(chosen) != {kind}:
            raise InvalidRequestError(f"Name the {kind}, as in ?{kind}=NAME, and nothing else.")
        return Asking(action, ChosenOne(chosen[kind], kind), arguments)
    assert action.kind in KINDS  # the rest are the kinds of filters
    return Asking(action, choose(action.kind, chosen), arguments)


def on_all(chosen: Chosen) -> list[tuple[str, str]]:
    """URLs and labels of what can be done to all that is chosen."""
    query = f"?{chosen.query}" if chosen.query else ""
    return [
        (f"{PATH}/{it.name}{query}", it.label)
        for it in ACTIONS.values()
        if it.kind == chosen.kind and it.name not in OF_ONE
    ]


def on_one(kind: str, id: object, *states: str) -> list[tuple[str, str]]:
    """URLs and labels of what can be done to one object that is in these states."""
    query = urlencode({kind if kind in NAMED else "id": str(id)})
    return [
        (f"{PATH}/{it.name}?{query}", it.label)
        for it in ACTIONS.values()
        if it.kind == kind and (it.name not in OFFERED or OFFERED[it.name](set(states)))
    ]
