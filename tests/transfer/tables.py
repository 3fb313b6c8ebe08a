"""A table with columns of every kind, gaps among them."""

import numpy as np
import pandas as pd


def mixed_rows(seed, n_rows):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "dose": rng.normal(size=n_rows),
            "age": rng.integers(18, 80, n_rows).astype(float),
            "level": rng.choice([0.5, 1.0, 2.5], n_rows),
            "home": rng.choice(["own", "rent", "free"], n_rows).astype(object),
            "smoker": rng.choice([False, True], n_rows),
            "day": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
        }
    )
    frame.loc[rng.random(n_rows) < 0.3, ["age", "home"]] = None
    frame.loc[0, "home"] = "own"
    return frame
