"""Making the folders that results go to."""

from __future__ import annotations

import os
from pathlib import Path

from deraincli.errors import OutputError


def make_folder(folder: Path) -> None:
    """Makes a folder with those it lies in, if they are not there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        raise OutputError(f"'{file}' is no folder: choose another place for the results with -o.") from error
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror or error}.") from error
