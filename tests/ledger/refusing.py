"""How a test says that a call is refused, and why."""

from collections.abc import Callable

import pytest

from ledger.refusals import Reason, Rejected


def refusal(call: Callable[[], object]) -> Reason:
    """Why the call is refused."""
    with pytest.raises(Rejected) as caught:
        call()
    return caught.value.reason


def refused(reason: Reason, call: Callable[[], object], field: str | None = None) -> Rejected:
    """The call is refused for this reason (and names this field)."""
    with pytest.raises(Rejected) as caught:
        call()
    assert caught.value.reason is reason, caught.value
    if field is not None:
        assert caught.value.details.get("field") == field
    return caught.value
