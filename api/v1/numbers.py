"""Numbers in addresses: decimal digits written in the one way, so that no record has two addresses."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator


def decimal(text: object) -> object:
    """The integer of decimal digits without sign and leading zero; a default passes as it is."""
    if isinstance(text, str):
        if re.fullmatch("0|[1-9][0-9]{0,15}", text, re.ASCII) is None:
            raise ValueError("decimal digits without sign and leading zero")
        return int(text)
    return text


Index = Annotated[int, BeforeValidator(decimal), Path(ge=0, le=2**53 - 1, description="Index of a record, from 0")]
