"""`enrichd doctor`: looks at all that the daemon needs, says what is wrong and what to do.

A module an area; each has `look`, which yields findings. Nothing is changed anywhere, but that a
call of the vendor's list of jobs, which costs no credits, is made and counted for each account.
"""

from manager.operator.doctor.examine import AREAS, Diagnosis, examine
from manager.operator.doctor.finding import Area, Finding, Level

__all__ = ["AREAS", "Area", "Diagnosis", "Finding", "Level", "examine"]
