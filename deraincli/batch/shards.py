"""Splits a set of pictures between runs that do not communicate."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from deraincli.errors import UsageError


@dataclass(frozen=True)
class Shard:
    """One of several disjoint parts that together hold all pictures."""

    index: int
    """Number of the part, from 1 to `count`."""
    count: int
    """Number of parts, at least 1."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads a shard from text.

        Args:
            text: INDEX/COUNT. For example, 2/5 is the second of five parts.

        Raises:
            UsageError: The text is not such a shard.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise UsageError(f"--shard takes I/N with I from 1 to N, such as 1/4, not {text!r}.")
        return shard

    def holds(self, name: str) -> bool:
        """Returns whether a picture belongs to this part. Other pictures have no influence.

        Args:
            name: The picture's `Job.name`.
        """
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1
