"""Which drawings a person may see."""

import numpy as np
from numpy.typing import NDArray

from dashboard.access.decision import is_owner
from dashboard.session import state
from dataset import Drawings


def visible_drawings(drawings: Drawings) -> NDArray[np.bool_]:
    """A mask (n,): all for an owner; for a visitor those in use and their own that wait."""
    if is_owner():
        return np.ones(len(drawings.id), bool)
    own = (drawings.state == "waiting") & (drawings.session == state.session_id)
    return np.asarray((drawings.state == "kept") | own, bool)
