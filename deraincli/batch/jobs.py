"""Turns folders, files and globs into jobs, each a picture and the path of its result."""

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
from deraincli.files.walk import DERAINED, results_among, walk
from deraincli.imaging.formats import FORMATS, result_suffix


@dataclass(frozen=True)
class Naming:
    """How results are named."""

    output: Path | None = None
    """Folder of the results.

    If it is None, the results of a FOLDER go to FOLDER-derained beside it, and the result of a single file
    goes beside that file.
    """
    suffix: str = ""
    """Text added to the stem of every name."""
    format: str | None = None
    """A key of `FORMATS`. If it is None, the picture's file name decides."""

    def __post_init__(self) -> None:
        """Checks the suffix.

        Raises:
            UsageError: The suffix has a folder in it.
        """
        if "/" in self.suffix or os.sep in self.suffix:
            raise UsageError(f"--suffix {self.suffix!r} is a part of a file name and has no folders in it.")

    def root(self, folder: Path) -> Path:
        """Returns the folder of the results of a folder's pictures.

        Args:
            folder: The folder of the pictures.

        Raises:
            UsageError: The folder is the root of the file system, and there is no `output`.
        """
        if self.output is not None:
            return self.output
        named = folder if folder.name and folder.name != ".." else Path(os.path.realpath(folder))
        if not named.name:
            raise UsageError(f"There is no place beside '{named}': choose the results' folder with -o.")
        return named.with_name(f"{named.name}-derained")

    def job(self, folder: Path, name: str) -> Job:
        """Returns the job of a picture below a folder.

        Args:
            folder: The folder that the user gave.
            name: Path of the picture relative to the folder, with / between the parts.
        """
        path = PurePosixPath(name)
        extension = result_suffix(path.suffix)
        if self.format is not None and extension.lower() not in FORMATS[self.format].suffixes:
            extension = FORMATS[self.format].suffixes[0]
        result = path.with_name(f"{path.stem}{self.suffix}{extension}")
        return Job(folder / name, name, self.root(folder), str(result))

    def job_alone(self, picture: Path) -> Job:
        """Returns the job of a picture that the user gave as a file.

        Without `output`, the result has the name that `derain image` gives it.

        Args:
            picture: The picture.
        """
        naming = self
        if self.output is None:
            naming = replace(self, output=picture.parent, suffix=self.suffix or DERAINED)
        return naming.job(picture.parent, picture.name)


@dataclass
class Found:
    """The jobs of a request, and the files that were left out."""

    jobs: list[Job] = field(default_factory=list)
    """The jobs. No two have both the same picture and the same result."""
    links: int = 0
    """Number of symbolic links to folders, and of links to pictures outside the given folder."""
    results: int = 0
    """Number of files that an earlier run wrote."""
    unsupported: list[Path] = field(default_factory=list)
    """Files whose suffix is that of a video or of an unsupported picture format."""
    unlisted: dict[Path, InputError] = field(default_factory=dict)
    """Folders that cannot be listed, each with its error."""


@dataclass(frozen=True)
class BatchRequest:
    """The pictures to restore, and the part of them that falls to this run."""

    inputs: tuple[str, ...]
    """Folders, files and globs."""
    naming: Naming
    """How results are named."""
    shard: Shard | None = None
    """The part for this run. None stands for all pictures."""
    masks: tuple[Path, ...] = ()
    """Masks and folders of masks. Below a folder of pictures, they are not pictures to restore."""

    def find(self) -> Found:
        """Finds the jobs of all shards in the current state of the folders.

        Raises:
            InputError: As `find_jobs` raises it.
        """
        found = find_jobs(self.inputs, self.naming)
        inputs = [Path(os.path.realpath(given)) for given in self.inputs]
        masks = [Path(os.path.realpath(mask)) for mask in self.masks]
        apart = [mask for mask in masks if not any(given.is_relative_to(mask) for given in inputs)]
        found.jobs = [job for job in found.jobs if not _lies_in(job.source, apart)]
        return found

    def share(self, jobs: Sequence[Job]) -> list[Job]:
        """Returns those jobs that fall to this shard.

        Args:
            jobs: The jobs of all shards.
        """
        return [job for job in jobs if self.shard is None or self.shard.holds(job.name)]


def find_jobs(inputs: Sequence[str], naming: Naming) -> Found:
    """Finds the jobs of the inputs.

    The pictures of folders and globs come first, in the order of the inputs. Files that were given by name
    and are not among these follow. The folder before the first wildcard of a glob is the one whose
    sub-folders are mirrored. A file given by name becomes a job whatever its content, so that its reader can
    report what is wrong with it.

    Args:
        inputs: Folders, files and globs.
        naming: How results are named.

    Returns:
        The jobs, and the files that were left out.

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
    """Finds the jobs that would overwrite the result or the picture of another job.

    Args:
        jobs: All jobs of a run.

    Returns:
        One sentence for the user for each such job.
    """
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
    """Checks before the work starts that results replace neither each other nor pictures.

    Args:
        jobs: All jobs of a run.
        overwrite: Whether a result may replace its own picture.

    Raises:
        UsageError: A result would replace another result or a picture.
    """
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


def _lies_in(file: Path, places: Sequence[Path]) -> bool:
    """Returns whether a file is one of some files or lies in one of some folders, all without links."""
    real = Path(os.path.realpath(file))
    return any(real.is_relative_to(place) for place in places)


def _is_file(given: str) -> bool:
    """Returns whether an input is the name of a file rather than a folder or a glob."""
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
        except InputError as error:  # the folder cannot be listed
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
    results = results_among(folder, walked.names).intersection(wanted)
    found.results += len(results)
    yield from (naming.job(folder, name) for name in wanted if name not in results)


def _wanted(name: str, pattern: tuple[str, ...]) -> bool:
    return not pattern or _matches(tuple(name.split("/")), pattern)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Returns whether a path matches a glob.

    As in shells, a wildcard matches within one part, and ** matches any number of folders.
    """
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _reaches(folder: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Returns whether the pattern can match a path below a folder."""
    if not pattern or pattern[0] == "**" or not folder:
        return True
    return len(pattern) > 1 and fnmatchcase(folder[0], pattern[0]) and _reaches(folder[1:], pattern[1:])
