"""What a script runs in: a transaction of its own, or a part of a caller's, all or nothing."""

from __future__ import annotations

from manager.errors import UnavailableError
from manager.ledger.execute import Execute
from manager.ledger.script import Abandon, Read, Script, T
from manager.ledger.session import give_back
from manager.ledger.sql import Statements

SQL = Statements("scope")


class NotBegunError(UnavailableError):
    """The connection was lost before anything was done on it: the script can still be run."""


def in_transaction(script: Script[T], prepare: Execute | None = None) -> Script[T]:
    """Run the script in a transaction of its own, on a connection in autocommit mode.

    prepare: what is done first, such as `session.in_transaction`. Raises NotBegunError.
    """
    begun = False
    try:
        yield Execute(SQL.begin)
        begun = True
        if prepare is not None:
            yield prepare
        result = yield from script
        yield Execute(SQL.commit)
    except GeneratorExit:
        raise
    except BaseException as error:
        try:
            yield Execute(SQL.roll_back)
        except Exception:
            yield Abandon()
        if not begun and isinstance(error, UnavailableError):
            raise NotBegunError(str(error)) from error.__cause__
        raise
    return result


def in_savepoint(script: Script[T], *borrowed: Execute) -> Script[T]:
    """Run the script inside a caller's transaction, with settings that are borrowed there.

    borrowed: each answered with Before; the last is set last and given back first. Outside a
    transaction, on a connection that is not in autocommit mode, the savepoint opens one, as any
    statement would; it stays the caller's to commit. All settings are the caller's again at the
    end, and whenever the script lets the caller's own code run.
    """
    for each in reversed(borrowed):
        script = _borrowing(each, script)
    yield Execute(SQL.savepoint)
    try:
        result = yield from script
    except GeneratorExit:
        raise
    except BaseException:
        try:
            yield Execute(SQL.undo)
            yield Execute(SQL.release)
        except Exception:  # half an enqueue must not be there to be committed
            yield Abandon()
        raise
    yield Execute(SQL.release)
    return result


def _borrowing(borrow: Execute, script: Script[T]) -> Script[T]:
    taken = yield borrow
    try:
        command = next(script)
        while True:
            try:
                if isinstance(command, Read):
                    yield give_back(taken)
                    answer = yield command
                    taken = yield borrow
                else:
                    answer = yield command
            except BaseException as error:
                command = script.throw(error)
            else:
                command = script.send(answer)
    except StopIteration as end:
        result: T = end.value
    yield give_back(taken)
    return result
