"""Chooses between two specialists for each picture, one for rain streaks and one for drops on the lens.

Users need not know which rain a picture shows. A classifier recognises it. Where it is in doubt about drops,
both specialists are tried on windows of the picture. Where drops and streaks are found, the drops are removed
first and the streaks after them. Where no drops are found, the specialist for streaks restores the picture,
because it does less harm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning, part_of
from deraincli.inference.change import percent
from deraincli.inference.tiled import RainKinds, Restored, check_values
from deraincli.restoration.derainer import Derainer, check_shape
from deraincli.restoration.rain_kind import RainClassifier, at_judged_size
from deraincli.restoration.window_trial import windows_show_drops

FOUND = 0.5
"""Probability from which streaks count as found, and drops as more probable than not, 0–1."""
NO_DROPS, SURE_DROPS = 0.3, 0.7
"""Probabilities of drops below which there are none, and from which there are some, 0–1.

Between them, windows of the picture decide. Both were chosen on 300 synthetic pictures of 320×320 pixels with
unseen seeds: below 0.3 the classifier missed 1.8 % of those with drops, and from 0.7 on it found drops in
2.6 % of the others.
"""


class AutoDerainer(Derainer):
    """A model that restores each picture with one of two specialists, or with both in turn."""

    def __init__(self, name: str, streak: Derainer, drop: Derainer, classifier: RainClassifier) -> None:
        """Combines two specialists.

        Args:
            name: The name of both together.
            streak: The specialist for streaks.
            drop: The specialist for drops, with the same network, device, precision and backend.
            classifier: Recognises the rain.
        """
        self.name = name
        self.device = streak.device
        self.precision = streak.precision
        self.backend = streak.backend
        self.notes = streak.notes
        self._streak = streak
        self._drop = drop
        self._both = _InTurn(drop, streak)
        self._classifier = classifier

    @property
    def level_strides(self) -> tuple[int, ...]:
        """`Derainer.level_strides` of both specialists, which are equal."""
        return self._streak.level_strides

    def rain(self, pixels: NDArray[Any]) -> RainKinds:
        """Returns how probable each kind of rain is in a picture.

        Args:
            pixels: The picture, H×W×3 or H×W×1, as `restore` takes it.

        Raises:
            InputError: The array has another shape, dtype or range.
        """
        return self._classifier(_judged(pixels))

    def select(self, pixels: NDArray[Any], *, on_warning: OnWarning | None = None) -> Derainer:
        """Returns what restores a picture: a specialist, or both in turn.

        Args:
            pixels: The picture, as `restore` takes it.
            on_warning: Receives a sentence for the user if the choice is doubtful.
        """
        return self._choose(pixels, on_warning)[0]

    def _choose(self, pixels: NDArray[Any], on_warning: OnWarning | None) -> tuple[Derainer, RainKinds]:
        """Returns what restores a picture, and the rain by which it was chosen."""
        judged = _judged(pixels)
        rain = self._classifier(judged)
        if rain.drops >= SURE_DROPS:
            return (self._both if rain.streaks >= FOUND else self._drop), rain
        if rain.drops >= NO_DROPS and windows_show_drops(judged, self._streak, self._drop):
            return self._drop, rain
        if on_warning and rain.drops >= FOUND:
            on_warning(
                f"There may be drops on the lens (probability {rain.drops:.0%}), which are left: "
                "add --task drop if there are."
            )
        return self._streak, rain

    def restore(
        self,
        pixels: NDArray[Any],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """Restores a picture with what `select` returns.

        `Restored.model` and `Restored.rain` name the choice. `Derainer.restore` describes the arguments and
        the errors.
        """
        specialist, rain = self._choose(pixels, on_warning)
        result = specialist.restore(
            pixels, maps=maps, levels=levels, on_progress=on_progress, on_warning=on_warning
        )
        return result._replace(rain=rain)


def explain_choice(rain: RainKinds) -> str:
    """Explains the choice in one sentence.

    Args:
        rain: The rain by which `AutoDerainer` chose.
    """
    found = f"({percent(rain.drops)}; streaks {percent(rain.streaks)})"
    if rain.drops < NO_DROPS:
        return f"Drops on the lens are improbable {found}, so the model for streaks was used."
    if rain.drops < SURE_DROPS:
        return f"Drops on the lens are possible {found}, so both models were tried on parts of the picture."
    used = "both models were used" if rain.streaks >= FOUND else "the model for drops was used"
    return f"Drops on the lens are probable {found}, so {used}."


def _judged(pixels: NDArray[Any]) -> NDArray[Any]:
    """Checks a picture, and returns it at the size at which its rain is judged."""
    check_shape(pixels)
    check_values(pixels)
    return at_judged_size(pixels)


class _InTurn(Derainer):
    """Two models, of which the second restores what the first one made."""

    def __init__(self, first: Derainer, second: Derainer) -> None:
        self.name = f"{first.name} and {second.name}"
        self.device = first.device
        self.precision = first.precision
        self.backend = first.backend
        self.notes = first.notes
        self._models = first, second

    @property
    def level_strides(self) -> tuple[int, ...]:
        return self._models[0].level_strides

    def select(self, pixels: NDArray[Any], *, on_warning: OnWarning | None = None) -> Derainer:
        return self

    def restore(
        self,
        pixels: NDArray[Any],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """Restores a picture twice. A pixel of the maps is as rainy as the rainier of both maps says."""
        first, second = self._models
        how: dict[str, Any] = {"maps": maps, "levels": levels, "on_warning": on_warning}
        one = first.restore(pixels, **how, on_progress=part_of(on_progress, 0, 2))
        two = second.restore(one.image, **how, on_progress=part_of(on_progress, 1, 2))
        joined = two._replace(model=self.name, whole=one.whole and two.whole)
        if one.ram is None or one.cam is None or two.ram is None or two.cam is None:
            return joined
        joined = joined._replace(ram=np.maximum(one.ram, two.ram), cam=np.minimum(one.cam, two.cam))
        if one.levels is None or two.levels is None:
            return joined
        rainier = (
            np.maximum(one.levels[:, 0], two.levels[:, 0]),
            np.minimum(one.levels[:, 1], two.levels[:, 1]),
        )
        return joined._replace(levels=np.stack(rainier, axis=1))
