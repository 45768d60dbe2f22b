"""Which dataset trials and looks belong to: a name that stays the same while the dataset grows.

The content hash of a dataset changes with every session that is added, and trials must not be forgotten with it. So
a dataset is known by its name, its interval and its kind of prices, and the content hash is recorded beside that.
Sessions of earlier trials that the dataset does not have any more show that another one took its name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data.manifest import Manifest
from engine.errors import DataError
from engine.ledger.ledger import Ledger
from engine.ledger.trials import datasets_tried


class ForeignLedger(DataError):
    """The ledger counts the trials of another dataset."""


def dataset_key(manifest: Manifest, interval: str = "") -> str:
    """The lasting name of a dataset.

    Args:
        manifest: of the dataset.
        interval: of the bars that are tried, when they are put together from finer ones.

    Returns:
        Name, interval and kind of prices. A synthetic dataset never grows, so its content is a part of its name.

    >>> from datetime import date
    >>> day = date(2024, 1, 2)
    >>> dataset_key(Manifest(name="krx", source=(), first=day, last=day, interval="1d", adjusted=False))
    'krx 1d raw'
    """
    prices = "adjusted" if manifest.adjusted else "raw"
    made = f" synthetic {manifest.content_hash[:12]}" if manifest.synthetic else ""
    return f"{manifest.name} {interval or manifest.interval} {prices}{made}"


def require_dataset(
    ledger: Ledger, dataset: str, sessions: Sequence[int] | NDArray[np.int64], *, new: bool = False
) -> None:
    """Refuse to count trials of a dataset in the ledger of another one.

    Args:
        ledger: the ledger that the trials shall go to.
        dataset: see `dataset_key`.
        sessions: all sessions of the dataset, as days since 1970-01-01.
        new: the user has said that this ledger shall count this dataset too.

    Raises:
        ForeignLedger: the ledger has trials, but of other datasets only and not `new`; or it has trials on sessions
            that this dataset lacks, though it bears the same name.
    """
    tried = datasets_tried(ledger)
    if tried and dataset not in tried and not new:
        known = "; ".join(f"{count:,} of {name}" for name, count in tried.items())
        raise ForeignLedger(
            f"The ledger counts trials of another dataset ({known}), none of {dataset}. The number of trials decides "
            f"what is luck, so it is kept per dataset: use a ledger of its own (--ledger), or say "
            "that this one shall count both (--new-dataset)."
        )
    known_days = np.asarray(sessions, dtype=np.int64)
    for first, last, raw in ledger.connection.execute(
        "SELECT first_session, last_session, sessions FROM trial_windows WHERE window_hash IN "
        "(SELECT DISTINCT window_hash FROM rule_trials WHERE dataset = ?) ORDER BY last_session",
        (dataset,),
    ):
        missing = np.setdiff1d(np.frombuffer(raw, dtype="<i4").astype(np.int64), known_days)
        if missing.size:
            raise ForeignLedger(
                f"The ledger has trials on {dataset} from {first} to {last}, and this dataset lacks {missing.size:,} "
                f"of those sessions ({np.datetime64(int(missing[0]), 'D')} …). A dataset may grow, not shrink: another "
                f"one has taken its name. Give it a name or a ledger of its own."
            )
