"""How long jobs take, where it is drawn: the same durations for the same seed, known beforehand."""

import random


def duration(seconds: tuple[float, float], seed: int, number: int) -> float:
    """How long the job of that number takes, counted from 0 in the order of acceptance."""
    return random.Random(f"{seed} {number}").uniform(*seconds)  # noqa: S311


def job_durations(seconds: tuple[float, float], seed: int, count: int) -> list[float]:
    """How long the first `count` jobs take with the settings `job_seconds` and `seed`.

    In seconds of the sandbox's clock, from acceptance to the end, in the order of acceptance;
    jobs of other tools are not counted.
    """
    return [duration(seconds, seed, number) for number in range(count)]
