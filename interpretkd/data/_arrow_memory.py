"""Files as Arrow reads them: in memory of its own."""

import pyarrow


def arrow_reader(content: bytes) -> pyarrow.BufferReader:
    """Return a file's content for Arrow's readers.

    Arrow's threads let go of what they read after the reader has returned. What is
    Python's (bytes, an io.BytesIO) they give back to an interpreter that may have ended
    by then, and the process aborts after its last word: apache/arrow#34314.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    pyarrow.BufferReader
        A copy of it.
    """
    copy = pyarrow.BufferOutputStream()
    copy.write(content)
    return pyarrow.BufferReader(copy.getvalue())
