"""The source of every choice of a generator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice(random.Random):
    """A generator of random numbers. `is_right`: what it is used for should be accepted by the program."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.is_right = self.random() < 0.6
        self.existing: list[str] = []  # credspecs that live in the cluster

    def some(self, probability: float = 0.3) -> bool:
        return self.random() < probability

    def pick(self, right: Sequence[T], odd: Sequence[T], rate: float = 0.15) -> T:
        """One of `right`; in an input that need not be accepted now and then one of `odd`."""
        return self.choice(odd) if not self.is_right and self.some(rate) else self.choice(right)

    def few(self, pool: Sequence[T], least: int = 1, most: int = 2) -> list[T]:
        return self.sample(pool, min(len(pool), self.randint(least, most)))
