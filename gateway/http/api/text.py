"""What no text of a request may hold: control characters, which no store and no log can keep."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from gateway.http.api.problem import Refusal

CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


def check(value: Any, path: str = "") -> None:
    """422 that names the field; only what the shapes know is looked at."""
    if isinstance(value, str) and CONTROL.search(value):
        raise Refusal(422, "invalid-field", f"{path}: control characters cannot be kept", path)
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            check(getattr(value, name), f"{path}.{name}" if path else name)
