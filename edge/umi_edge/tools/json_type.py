"""The type of a JSON value; mypy has no use for the recursive spelling at this seam."""

from typing import Any

JSON = Any
