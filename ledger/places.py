"""Communes. A commune is its official code AND the day from which that code meant it: codes are reused.

`11500@2025-01-01` is Xã Bạch Đằng; `11500@2019-01-01` was Xã Minh Tân. A record keeps the unit of the day.
"""

from typing import Annotated

import msgspec

CommuneCode = Annotated[str, msgspec.Meta(pattern="^[0-9]{5}@[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")]
ProvinceCode = Annotated[str, msgspec.Meta(pattern="^[0-9]{2}$(?!\n)")]
