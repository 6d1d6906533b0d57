"""What was fetched, and what of it is proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .intervals import Batch, Proof


def _none() -> dict[Proof, int]:
    return {"count": 0, "order": 0, "list": 0, "assumed_cap": 0}


@dataclass(slots=True)
class Tally:
    """Numbers of works.

    Attributes:
        before: works that were yielded before a checkpoint from which the export goes on.
        fetched: works in all answers.
        proved: works in all batches.
        intervals: batches.
        proofs: works that each kind of proof covers.
    """

    before: int = 0
    fetched: int = 0
    proved: int = 0
    intervals: int = 0
    proofs: dict[Proof, int] = field(default_factory=_none)

    @property
    def found(self) -> int:
        """Works that are proved, in earlier runs too."""
        return self.before + self.proved

    def add(self, batch: Batch[Any]) -> None:
        """Takes in a batch that is proved."""
        self.proved += len(batch.items)
        self.intervals += 1
        self.proofs[batch.proof] += len(batch.items)
