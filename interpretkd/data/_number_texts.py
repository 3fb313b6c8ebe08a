"""Numbers as people write them: 0,5 and 1'200 and 12 % and $50.

A format holds for a whole column. What a cell alone leaves open (1,200) the other
cells may tell, then the other columns of the file; else a person is asked.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from interpretkd._base import InputError

PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A number as computers write it."""
_INFINITE = r"(?i)^[+-]?inf(?:inity)?$"
_WHOLE = r"^[+-]?[0-9]+$"
_CURRENCY = (
    r"(?:US|CA?|AU?|NZ|HK|S|R)?\$|\p{Sc}|USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK"
    r"|HUF|CAD|AUD|NZD|BRL|MXN|ZAR|TRY|RUB|KRW|SGD|HKD|ILS|kr\.?|zł|Kč|Fr\.?"
)
_BLANKS = "\u00a0\u202f\u2009"
_MARKED = (
    r"^(?P<opened>\()? ?(?P<sign>[-+\x{2212}]?) ?(?P<front>CURRENCY)? ?"
    r"(?P<inner>[-+\x{2212}]?)(?P<body>[0-9](?:[0-9.,' ]*[0-9])?[.,]?|[.,][0-9]+)"
    r"(?P<exponent>(?:[eE][+-]?[0-9]+)?) ?(?P<back>%|CURRENCY)?(?P<closed>\))?$"
).replace("CURRENCY", _CURRENCY)
_STYLES = ((".", ""), (",", ""), (".", ","), (",", "."))
_SAMPLE = 200


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : {".", ","}, default="."
        The decimal mark.
    group : {"", ",", ".", " ", "'"}, default=""
        What stands between thousands.
    mark : str, default=""
        "%" or a currency, which stands beside each number and is not read.

    Examples
    --------
    >>> NumberFormat(",", ".", "EUR").text
    '1.234,5 EUR'
    >>> NumberFormat.from_text("1'234.5").group
    "'"
    """

    decimal: str = "."
    group: str = ""
    mark: str = ""

    @property
    def text(self) -> str:
        """An example of the format, which `from_text` reads."""
        return f"1{self.group}234{self.decimal}5 {self.mark}".rstrip()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `text` wrote.

        Parameters
        ----------
        text : str
            Such as "1.234,5 %".

        Returns
        -------
        NumberFormat
            The format.

        Raises
        ------
        InputError
            For any other text.
        """
        found = re.fullmatch(r"1([,. ']?)234([.,])5(?: (.+))?", text)
        if found is None or found[1] == found[2]:
            raise InputError(f"No format of numbers is written {text!r}.")
        return cls(found[2], found[1], found[3] or "")


@dataclass(frozen=True, eq=False)
class NumberTexts:
    """Cells that may be numbers, taken apart.

    Parameters
    ----------
    n_texts : int
        How many there are.
    places : ndarray of int
        Which of them are numbers in some form.
    marks : ndarray of object
        The mark of each of these, "" for none.
    bodies : Array of str
        Digits with what is between.
    signs : ndarray of bool
        Whether each is below 0.
    exponents : Array of str
        Such as "e5", mostly "".
    """

    n_texts: int
    places: NDArray[np.int64]
    marks: NDArray[Any]
    bodies: pyarrow.Array
    signs: NDArray[np.bool_]
    exponents: pyarrow.Array

    @classmethod
    def of(cls, texts: pyarrow.Array) -> Self:
        """Take texts apart.

        Parameters
        ----------
        texts : Array of str
            Without blanks around them.

        Returns
        -------
        NumberTexts
            Those that look like numbers.
        """
        plain = pc.replace_substring_regex(texts, f"[{_BLANKS}]", " ")
        plain = pc.replace_substring(plain, "\u2019", "'")
        parts = pc.extract_regex(plain, _MARKED)
        found = {
            name: pc.fill_null(pc.struct_field(parts, name), "")
            for name in ("opened", "sign", "front", "inner", "back", "closed")
        }
        cells = {k: v.to_numpy(zero_copy_only=False) for k, v in found.items()}
        opened, closed = cells["opened"] != "", cells["closed"] != ""
        twice = (cells["front"] != "") & (cells["back"] != "")
        signed = (cells["sign"] != "") & (cells["inner"] != "")
        good = parts.is_valid().to_numpy(zero_copy_only=False)
        good &= (opened == closed) & ~twice & ~signed
        places = np.flatnonzero(good)
        sign = (cells["sign"] + cells["inner"])[places]
        below = np.isin(sign.astype(str), ["-", "\u2212"]) | opened[places]
        taken = pyarrow.array(places)
        return cls(
            len(texts),
            places,
            (cells["front"] + cells["back"])[places],
            pc.struct_field(parts, "body").take(taken),
            below,
            pc.struct_field(parts, "exponent").take(taken),
        )

    @property
    def all_fit(self) -> bool:
        """Whether every text looks like a number."""
        return self.n_texts > 0 and len(self.places) == self.n_texts

    def formats(self) -> list[NumberFormat]:
        """Return the formats in which every one of the numbers can be read.

        Returns
        -------
        list of NumberFormat
            None for marks that differ and for digits that lie otherwise.
        """
        marks = set(self.marks.tolist())
        if len(marks) != 1:
            return []
        mark = marks.pop()
        present = {c for c in ".,' " if self._holds(c)}
        styles = [*_STYLES]
        for group in present & {" ", "'"}:
            styles = [(".", group), (",", group)] if len(present) < 3 else []
        found = []
        for decimal, group in styles:
            used = present <= {decimal, group} and (not group or group in present)
            idle = decimal == "," and "," not in present and not group
            if group in (" ", "'") and decimal == "," and "," not in present:
                idle = True
            if used and not idle and self.fits(decimal, group).all():
                found.append(NumberFormat(decimal, group, mark))
        return found

    def fits(self, decimal: str, group: str) -> NDArray[np.bool_]:
        """Say which of the numbers are written so.

        Parameters
        ----------
        decimal : {".", ","}
            The decimal mark.
        group : {"", ",", ".", " ", "'"}
            What stands between thousands.

        Returns
        -------
        ndarray of shape (n_numbers,), bool
            One a number.
        """
        d, g = re.escape(decimal), re.escape(group)
        forms = [rf"[0-9]+(?:{d}[0-9]*)?", rf"{d}[0-9]+"]
        if group:
            forms.append(rf"[1-9][0-9]{{0,2}}(?:{g}[0-9]{{3}})+(?:{d}[0-9]+)?")
        if group == ",":  # lakhs and crores: 12,34,567
            forms.append(rf"[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}(?:{d}[0-9]+)?")
        pattern = f"^(?:{'|'.join(forms)})$"
        matched = pc.match_substring_regex(self.bodies, pattern)
        return np.asarray(matched.to_numpy(zero_copy_only=False), dtype=bool)

    def fit_somehow(self) -> NDArray[np.bool_]:
        """Say which of the numbers can be read by themselves, in whatever style.

        Returns
        -------
        ndarray of shape (n_numbers,), bool
            One a number.
        """
        found = np.zeros(len(self.places), bool)
        for style in ((".", ","), (",", "."), (".", " "), (",", " "), (".", "'")):
            found |= self.fits(*style)
        return found

    def look_grouped(self, group: str) -> bool:
        """Say whether a mark stands between thousands rather than before decimals.

        Numbers below 1000 have none, and 0 may stand last: whoever writes 2,900 for
        2.9 writes 900,000 for 900, or no zeros at the end at all.

        Parameters
        ----------
        group : {",", "."}
            The mark; each number has three digits behind it, or none.

        Returns
        -------
        bool
            Whether all that holds.
        """
        has = pc.match_substring(self.bodies, group).to_numpy(zero_copy_only=False)
        sizes = pc.utf8_length(self.bodies).to_numpy(zero_copy_only=False)
        zeros = pc.ends_with(self.bodies, "0").to_numpy(zero_copy_only=False)
        bare = ~has
        return bool(bare.any() and (sizes[bare] <= 3).all() and (zeros & has).any())

    def values(self, form: NumberFormat) -> NDArray[Any]:
        """Read the numbers.

        Parameters
        ----------
        form : NumberFormat
            One of `formats`.

        Returns
        -------
        ndarray of shape (n_numbers,), int64 or float64
            Whole numbers where all are written so.
        """
        digits = self.bodies
        if form.group:
            digits = pc.replace_substring(digits, form.group, "")
        if form.decimal == ",":
            digits = pc.replace_substring(digits, ",", ".")
        wide = pyarrow.large_string()
        parts = digits.cast(wide), self.exponents.cast(wide)
        digits = pc.binary_join_element_wise(*parts, pyarrow.scalar("", wide))
        values = plain_values(digits)
        return np.where(self.signs, -values, values)

    def _holds(self, character: str) -> bool:
        return bool(pc.any(pc.match_substring(self.bodies, character)).as_py())


def are_plain(texts: pyarrow.Array) -> NDArray[np.bool_]:
    """Say which texts are numbers as computers write them, infinity included.

    Parameters
    ----------
    texts : Array of str
        Without blanks around them.

    Returns
    -------
    ndarray of shape (n_texts,), bool
        One a text.
    """
    found = pc.match_substring_regex(texts, PLAIN)
    if not pc.all(found).as_py():
        found = pc.or_(found, pc.match_substring_regex(texts, _INFINITE))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def seem_plain(texts: pyarrow.Array) -> bool:
    """Look at the first texts only.

    Parameters
    ----------
    texts : Array of str
        Without blanks around them.

    Returns
    -------
    bool
        Whether the first are numbers as computers write them.
    """
    return bool(are_plain(texts.slice(0, _SAMPLE)).all())


def plain_values(texts: pyarrow.Array) -> NDArray[Any]:
    """Read numbers that are written as computers do, each to the nearest float.

    Parameters
    ----------
    texts : Array of str
        `are_plain`, all of them.

    Returns
    -------
    ndarray of shape (n_texts,), int64 or float64
        Whole numbers where all are written so and 64 bits hold them.
    """
    texts = pc.replace_substring_regex(texts, r"^\+", "")
    if pc.all(pc.match_substring_regex(texts, _WHOLE)).as_py():
        try:
            return np.asarray(pc.cast(texts, pyarrow.int64()).to_numpy())
        except pyarrow.ArrowInvalid:
            pass  # 2**63 and more
    try:
        return np.asarray(pc.cast(texts, pyarrow.float64()).to_numpy())
    except pyarrow.ArrowInvalid:  # forms that only Python reads
        return np.asarray([float(text) for text in texts.to_pylist()])
