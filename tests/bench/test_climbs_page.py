from climbs_page import difference

from rung.evaluate import Marked
from rung.types import Example, Prediction, Sealed, Task


def test_rungs_that_give_other_fields_are_compared():
    """The counts of field F1 have a column for each field that was wanted or given, and one of the two gave one more."""
    task = Task("t", "extract", "field-f1", "en", (), (), Sealed(()))
    examples = tuple(Example(str(i), "x", '{"a":"1"}') for i in range(30))
    right, wrong = (
        Marked(task, examples, tuple(Prediction(e.id, output) for e in examples))
        for output in ('{"a":"1"}', '{"a":"2","b":"3"}')
    )
    found = difference(right, wrong)
    assert (found.value, found.low, found.high, found.p) == (1.0, 1.0, 1.0, None)
