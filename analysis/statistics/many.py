"""Multiple comparisons: adjusted p-values, and the compact letter display of systems that do not differ."""

from string import ascii_letters

import numpy as np
import numpy.typing as npt

from ...datasets.arrays import FloatArray


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """(m,) p-values adjusted by Holm (1979): the probability of rejecting any true hypothesis at level α is at most α.

    In ascending order, the i-th becomes the maximum of (m - j + 1) p_j over j <= i, at most 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def letters(different: npt.ArrayLike) -> list[str]:
    """The letters of each of m systems, from verdicts (m, m): two systems share a letter if and only if they are not called different.

    The compact letter display of Piepho (2004), with `a` for the group of the first system: pass the best first.
    """
    verdicts = np.asarray(different, dtype=bool)
    groups = _groups(verdicts)
    return ["".join(_letter(place) for place, group in enumerate(groups) if system in group) for system in range(len(verdicts))]


def _groups(different: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Maximal groups without a difference inside, until they cover every pair without a difference."""
    alike = ~(different | different.T)
    np.fill_diagonal(alike, True)
    together, groups = np.zeros_like(alike), []
    for first, second in np.argwhere(np.triu(alike)).tolist():
        if not together[first, second]:
            group = sorted({first, second})
            for other in range(len(alike)):
                if other not in group and alike[other, group].all():
                    group.append(other)
            together[np.ix_(group, group)] = True
            groups.append(sorted(group))
    return sorted(groups)


def _letter(place: int) -> str:
    """a to z, A to Z, then a1 and so on."""
    rounds, letter = divmod(place, len(ascii_letters))
    return f"{ascii_letters[letter]}{rounds or ''}"
