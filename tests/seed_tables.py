"""Tables I and II of Alkhulaifi, Alsahli & Ahmad (2020), with the text's figures.

Each row holds what the text says of the paper and what the tables print. Accuracies
and reductions are in percent; sizes in the unit of the text (millions of parameters).
An increase of accuracy against the teacher, and a decrease against the baseline, are
negative, as the measures have it.

Where print and text differ:

- The survey sometimes cuts digits instead of rounding them (2.3697 is printed 2.369),
  so a printed number may lie one unit of its last digit beside the computed one. Such
  numbers are listed in `cut`.
- Gao, Jin and Heo: the printed size reductions (50 %, 70.66 %, 70.66 %) do not follow
  from the parameters in the text (47.50 %, 85.54 %, 85.54 %). The printed scores do
  follow from the printed reductions; so the sizes below are 1 and 1 less the print, and
  `text_sizes` keeps the text's.
- Lopes: the table says MNIST, but 4.8 % is the reduction of CelebA (80.82 to 76.94);
  the text's MNIST figures give 5.89 % (fully connected) and 6.51 % (convolutional). Its
  "5.699 % decrease" against the baseline has no baseline in the text.
- Lopes and Nayak: the text has "50 % less" and "about 40 % less" instead of sizes.
- Liu (trees): "1-5 %" better than the baseline is all the text says; no sizes.
- Wang, Furlanello, Kimura, Yim, Fukuda: no size or no accuracy, so no score.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One paper: the text's figures, and what the tables print (None for a dash)."""

    name: str
    table: str
    teacher: float | None = None
    student: float | None = None
    baseline: float | None = None
    teacher_size: float | None = None
    student_size: float | None = None
    accuracy_reduction: str | None = None
    accuracy_improvement: str | None = None
    size_reduction: str | None = None
    score: str | None = None
    cut: tuple[str, ...] = ()
    text_sizes: tuple[float, float] | None = None


ROWS = (
    Row(
        "Gao et al.",
        "I",
        *(71.21, 70.77, 67.96, 1, 0.5),
        *("0.618", "4.135", "50", "0.253"),
        text_sizes=(21.282, 11.174),
    ),
    Row("Liu, Wang & Matwin", "I", 99.25, 86.55, accuracy_reduction="12.796"),
    Row(
        "Furlanello et al.",
        "I",
        *(83.13, 85.1),
        accuracy_reduction="-2.369",
        cut=("accuracy_reduction",),
    ),
    Row(
        "Polino et al.",
        "I",
        *(77.21, 77.07, None, 36.5, 17.2),
        *("0.1813", None, "52.87", "0.2365"),
        cut=("size_reduction",),
    ),
    Row(
        "Wang et al.",
        "I",
        teacher_size=2.87,
        student_size=0.603,
        size_reduction="78.99",
    ),
    Row(
        "Kurata & Audhkhasi",
        "I",
        *(86.6, 84.3, None, 138, 62),
        *("2.655", None, "55.07", "0.2379"),
        cut=("accuracy_reduction",),
    ),
    Row(
        "Munim et al.",
        "I",
        *(84.7, 77.7, 71.3, 16.8, 1.7),
        *("8.264", "8.97", "89.88", "0.09192"),
        cut=("accuracy_improvement",),
    ),
    Row(
        "Jin et al.",
        "I",
        *(75.49, 68.21, 64.2, 1, 0.2934),
        *("9.644", "6.246", "70.66", "0.1949"),
        text_sizes=(23.521, 3.4),
    ),
    Row(
        "Heo et al.",
        "I",
        *(69.78, 74.10, 64.93, 1, 0.2934),
        *("-6.191", "14.123", "70.66", "0.1157"),
        text_sizes=(23.521, 3.4),
    ),
    Row(
        "Lopes et al.",
        "II",
        *(80.82, 76.94, None, 1, 0.5),
        *("4.8", None, "50", "0.274"),
    ),
    Row(
        "Kimura et al.",
        "II",
        *(39.9, 44.1, 37.9),
        accuracy_reduction="-10.526",
        accuracy_improvement="16.359",
    ),
    Row(
        "Nayak et al.",
        "II",
        *(99.34, 98.77, None, 1, 0.6),
        *("0.57", None, "40", "0.3028"),
        cut=("score",),
    ),
    Row("Yim et al.", "II", 92, 92.28, accuracy_reduction="-0.3043"),
    Row(  # two teachers; the table compares with the better one
        "Fukuda et al.",
        "II",
        *(89.5, 88.8),
        accuracy_reduction="0.782",
    ),
    Row(  # the other experiment of the same paper: its student and its baseline
        "Fukuda et al., two layers",
        "II",
        None,
        86.8,
        84.9,
        accuracy_improvement="2.238",
    ),
    Row(
        "Pintea et al.",
        "II",
        *(93.28, 88.33, None, 1.235, 0.073),
        *("5.307", None, "94.09", "0.05609"),
    ),
    Row(
        "Zhou et al.",
        "II",
        *(93.42, 92.48, 91.23, 0.6, 0.2),
        *("1.006", "1.37", "66", "0.1717"),
        cut=("size_reduction",),
    ),
    Row(
        "He et al.",
        "II",
        *(76.21, 72.5, None, 26.82, 2.11),
        *("4.868", None, "92.13", "0.06368"),
    ),
    Row(
        "Wu et al.",
        "II",
        *(56.51, 56.16, None, 80.6, 33.6),
        *("0.6193", None, "58.31", "0.2115"),
        cut=("accuracy_reduction",),
    ),
    Row(  # "about 0.28M" parameters: the print's last digit is one too high
        "Liu et al.",
        "II",
        *(91.45, 90.69, 88.36, 1.06, 0.28),
        *("0.831", "2.637", "73.59", "0.1362"),
        cut=("size_reduction",),
    ),
)
"""Every row of the two tables, Fukuda's split into its two experiments."""

TEXT_REDUCTIONS = (
    ("Polino, quantized distillation", 77.21, 76.31, "1.165"),
    ("Kurata & Audhkhasi, CallHome", 76.8, 72.2, "5.989"),
    ("Munim, student-mid", 84.7, 80.3, "5.195"),
    ("Pintea, first student", 93.28, 89.81, "3.72"),
    ("Pintea, second student", 93.28, 89.25, "4.32"),
    ("Wu, UCF-101", 90.29, 88.50, "1.982"),
)
"""Reductions of accuracy that the text gives beside the tables."""

TEXT_SIZE_REDUCTIONS = (
    ("Munim, student-mid", 16.8, 6.1, "63.69"),
    ("Pintea, first student", 1.235, 0.122, "90.12"),
)
"""Reductions of size that the text gives beside the tables."""
