"""Creates the folders of results."""

from __future__ import annotations

import os
from pathlib import Path

from deraincli.errors import OutputError


def make_folder(folder: Path) -> None:
    """Creates a folder and its missing parents.

    Args:
        folder: The folder. It may exist already.

    Raises:
        OutputError: The folder cannot be created, or a file has its name or that of a parent.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        raise OutputError(f"'{file}' is not a folder: choose another place for the results.") from error
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror or error}.") from error
