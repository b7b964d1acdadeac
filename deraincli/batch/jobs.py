"""From folders, files and globs to jobs: which picture is restored to which file."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from deraincli.batch.shards import Shard
from deraincli.errors import InputError, UsageError
from deraincli.files.manifest import Job
from deraincli.files.walk import results_among, walk
from deraincli.imaging.formats import FORMATS

DERAINED = ".derained"
"""Added to the stem of a result that lies beside its picture."""


@dataclass(frozen=True)
class Naming:
    """How results are named."""

    output: Path | None = None
    """Their folder; None for FOLDER-derained beside every FOLDER with pictures, and beside a picture that is
    named itself."""
    suffix: str = ""
    """Added to the stem of every name."""
    format: str | None = None
    """A key of `FORMATS`; None for that of the picture's own name."""

    def __post_init__(self) -> None:
        """Raises UsageError for a suffix that would change the folder."""
        if "/" in self.suffix or os.sep in self.suffix:
            raise UsageError(f"--suffix {self.suffix!r} is a part of a file name and has no folders in it.")

    def root(self, folder: Path) -> Path:
        """Where the results of a folder's pictures go. Raises UsageError if it has no name to go by."""
        if self.output is not None:
            return self.output
        named = folder if folder.name and folder.name != ".." else Path(os.path.realpath(folder))
        if not named.name:
            raise UsageError(f"There is no place beside '{named}': choose the results' folder with -o.")
        return named.with_name(f"{named.name}-derained")

    def job(self, folder: Path, name: str) -> Job:
        """The job of the picture `name` below `folder`."""
        path = PurePosixPath(name)
        extension = path.suffix
        if self.format is not None and extension.lower() not in FORMATS[self.format].suffixes:
            extension = FORMATS[self.format].suffixes[0]
        result = path.with_name(f"{path.stem}{self.suffix}{extension}")
        return Job(folder / name, name, self.root(folder), str(result))

    def job_alone(self, picture: Path) -> Job:
        """The job of a picture that is named itself; without `output`, as `derain image` names its result."""
        naming = self
        if self.output is None:
            naming = replace(self, output=picture.parent, suffix=self.suffix or DERAINED)
        return naming.job(picture.parent, picture.name)


@dataclass
class Found:
    """The jobs of a request, each picture once, and what was left out."""

    jobs: list[Job] = field(default_factory=list)
    links: int = 0
    """Symbolic links to folders, or out of the folder that was given."""
    results: int = 0
    """Files that an earlier run wrote."""
    unsupported: list[Path] = field(default_factory=list)
    """Pictures of other formats and videos, by their suffix."""
    unlisted: dict[Path, InputError] = field(default_factory=dict)
    """Folders that cannot be listed, with an error each."""


def find_jobs(inputs: Sequence[str], naming: Naming) -> Found:
    """The jobs of `inputs`: the pictures below folders and what globs match, in their order, then the files
    that are named themselves and are not among these.

    The part of a glob before the first wildcard is the folder whose sub-folders are mirrored. A file is
    taken whatever it is, so that reading it can report what is wrong with it.

    Raises:
        InputError: An input does not exist, a glob matches nothing, or none of the folders can be listed.
    """
    found = Found()
    jobs: dict[tuple[str, str], Job] = {}
    sources: set[str] = set()
    for given in sorted(inputs, key=_is_file):
        for job in _jobs_given(given, naming, found):
            source = os.path.realpath(job.source)
            if source in sources and _is_file(given):
                continue
            sources.add(source)
            jobs.setdefault((source, os.path.realpath(job.destination)), job)
    if found.unlisted.keys() >= set(map(Path, inputs)):
        raise next(iter(found.unlisted.values()))
    found.jobs = list(jobs.values())
    return found


def collisions(jobs: Sequence[Job]) -> dict[Job, str]:
    """The jobs whose result another job claims, too, or is another job's picture; with a sentence each."""
    sources = {os.path.realpath(job.source): job for job in jobs}
    claims: dict[str, Job] = {}
    found: dict[Job, str] = {}
    for job in jobs:
        destination = os.path.realpath(job.destination)
        first = claims.setdefault(destination, job)
        if first is not job:
            found[job] = (
                f"'{first.source}' and '{job.source}' would both be written to '{job.destination}': "
                "rename one, or give them different folders."
            )
        elif sources.get(destination, job) is not job:
            found[job] = (
                f"The result of '{job.source}' would replace '{sources[destination].source}': "
                "choose another folder with -o, or a --suffix."
            )
    return found


def refuse_collisions(jobs: Sequence[Job], *, overwrite: bool) -> None:
    """Raises UsageError, before any work, where results would replace each other or their own sources."""
    found = collisions(jobs)
    if found:
        others = f" {len(found) - 1} more collide." if len(found) > 1 else ""
        raise UsageError(next(iter(found.values())) + others)
    if not overwrite:
        for job in jobs:
            if os.path.realpath(job.source) == os.path.realpath(job.destination):
                raise UsageError(
                    f"'{job.source}' would be replaced by its own result: choose another folder with -o, "
                    "a --suffix, or --overwrite."
                )


def _is_file(given: str) -> bool:
    """Whether an input is the name of a file, rather than a folder or a glob."""
    return os.path.lexists(given) and not Path(given).is_dir()


def _jobs_given(given: str, naming: Naming, found: Found) -> list[Job]:
    try:
        return list(_jobs_of(given, naming, found))
    except OSError as error:  # such as a name that is too long
        raise InputError(f"'{given}' cannot be read: {error.strerror or error}.") from error


def _jobs_of(given: str, naming: Naming, found: Found) -> Iterator[Job]:
    path = Path(given)
    if path.is_dir():
        try:
            yield from _jobs_below(path, (), naming, found)
        except InputError as error:  # it cannot be listed
            found.unlisted[path] = error
    elif _is_file(given):
        if results_among(path.parent, [path.name]):
            found.results += 1
        else:
            yield naming.job_alone(path)
    elif glob.has_magic(given):
        parts = path.parts
        fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        folder = Path(*parts[:fixed])
        if not folder.is_dir():
            raise InputError(f"There is no folder '{folder}' to look for '{given}' in: check its name.")
        left_out = found.results + len(found.unsupported)
        jobs = list(_jobs_below(folder, parts[fixed:], naming, found))
        if not jobs and found.results + len(found.unsupported) == left_out:
            closed = next(iter(found.unlisted.values()), None)
            raise closed or InputError(f"No picture matches '{given}': check the pattern.")
        yield from jobs
    else:
        raise InputError(f"There is no picture or folder '{given}': check its name.")


def _jobs_below(folder: Path, pattern: tuple[str, ...], naming: Naming, found: Found) -> Iterator[Job]:
    walked = walk(folder, apart=naming.root(folder))
    found.links += walked.folder_links + len(walked.outside)
    for name, error in walked.unlisted.items():
        if _reaches(tuple(name.split("/")), pattern):
            found.unlisted[folder / name] = error
    found.unsupported.extend(folder / name for name in walked.unsupported if _wanted(name, pattern))
    wanted = [name for name in walked.names if _wanted(name, pattern)]
    results = results_among(folder, wanted)
    found.results += len(results)
    yield from (naming.job(folder, name) for name in wanted if name not in results)


def _wanted(name: str, pattern: tuple[str, ...]) -> bool:
    return not pattern or _matches(tuple(name.split("/")), pattern)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """As in shells: wildcards stay within a part, except that ** stands for any number of folders."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _reaches(folder: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether the pattern can match something below a folder."""
    if not pattern or pattern[0] == "**" or not folder:
        return True
    return len(pattern) > 1 and fnmatchcase(folder[0], pattern[0]) and _reaches(folder[1:], pattern[1:])


@dataclass(frozen=True)
class BatchRequest:
    """Which pictures, and which part of them."""

    inputs: tuple[str, ...]
    """Folders, files and globs."""
    naming: Naming
    shard: Shard | None = None

    def find(self) -> Found:
        """All pictures as they are now. Raises InputError."""
        return find_jobs(self.inputs, self.naming)

    def share(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that fall to this shard."""
        return [job for job in jobs if self.shard is None or self.shard.holds(job.name)]
