"""Label errors as a search would find them, without the minutes that it takes."""

import numpy as np

from dataset import load_digits
from experiments import label_errors
from experiments.label_errors import LabelErrors, SearchStatus, create_search


def make_label_errors() -> LabelErrors:
    """Ten suspected label errors of mnist-5k, labelled 0 to 9; each is read as the next digit."""
    digits = load_digits("mnist-5k", "all")
    answers = np.eye(10, dtype=np.float32)[digits.labels]
    rows = np.arange(10) * 500
    answers[rows] = 0.1 * np.eye(10, dtype=np.float32)
    answers[rows, (np.arange(10) + 1) % 10] = 0.9 - 0.01 * np.arange(10)
    search = create_search("mnist-5k", "all")
    search.save_answers(label_errors.NETWORKS, digits.labels, answers)
    search.write_status(SearchStatus("finished", share=1.0))
    return search.result()
