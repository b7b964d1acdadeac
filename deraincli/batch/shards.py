"""Splitting a set of pictures between runs that know nothing of each other."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from deraincli.errors import UsageError


@dataclass(frozen=True)
class Shard:
    """One of `count` disjoint parts, 1 to `count`, that together are the whole."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/5` → the second of five. Raises UsageError."""
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise UsageError(f"--shard takes I/N with I from 1 to N, such as 1/4, not {text!r}.")
        return shard

    def holds(self, name: str) -> bool:
        """Whether a picture belongs to this part: a matter of its name alone, whatever else there is."""
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1
