"""The rows that a teacher is asked about, and how further ones are drawn.

Belongs here: the transfer set (Hinton et al. 2015) and generators of rows.
Does not: the teacher (`teachers`), and what a student is fitted to (`targets`).
Read first: `_transfer_set.py` (rows with logits), `_neighbours.py` (rows like these).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.transfer._images import augment_images as augment_images
    from interpretkd.transfer._local import local_rows as local_rows
    from interpretkd.transfer._munge import munge as munge
    from interpretkd.transfer._neighbours import *
    from interpretkd.transfer._smoothing import *
    from interpretkd.transfer._transfer_set import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _images: augment_images
        _local: local_rows
        _munge: munge
        _neighbours: GENERATORS Generator decode_rows draw_rows
            mix_neighbours resample_columns
        _smoothing: neighbour_graph smooth
        _transfer_set: GIVEN LOCKED REPEATED TransferSet UNLABELLED
        """,
    )
