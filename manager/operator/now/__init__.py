"""What is going on now: slots over the last hour, what waits and until when, what was got through.

For the console and `enrichd top`; everything is read in a bounded number of rows.
"""

from manager.operator.now.backlog import Backlog
from manager.operator.now.forecast import Forecast
from manager.operator.now.moves import Move, moves
from manager.operator.now.now import AccountNow, Now, now
from manager.operator.now.pace import Period
from manager.operator.now.timeline import Gap, Others, Span, Timeline

__all__ = [
    "AccountNow",
    "Backlog",
    "Forecast",
    "Gap",
    "Move",
    "Now",
    "Others",
    "Period",
    "Span",
    "Timeline",
    "moves",
    "now",
]
