"""Documents as their authors wrote them: JSON, YAML and TOML, with the place of every value in the text."""

from ._json import read_json
from ._node import Member, Node, Refused, Span, Step, follow, steps_of
from ._positions import positions
from ._toml import read_toml
from ._yaml import read_yaml

READERS = {"json": read_json, "yaml": read_yaml, "toml": read_toml}
"""The readers by the names of the formats."""

__all__ = ["READERS", "Member", "Node", "Refused", "Span", "Step", "follow", "positions", "read_json", "read_toml", "read_yaml", "steps_of"]
