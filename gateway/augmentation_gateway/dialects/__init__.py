"""The REST dialects, one module or package each, with its Dialect as `DIALECT`: to add one is to add a file here."""

from importlib import import_module
from pkgutil import iter_modules

from augmentation_gateway.dialect import Dialect


def find_dialects() -> tuple[Dialect, ...]:
    """The dialects of this package, the longest prefix first: of two that begin alike, it is the more specific one."""
    dialects = (import_module(f"{__name__}.{module.name}").DIALECT for module in iter_modules(__path__))
    return tuple(sorted(dialects, key=lambda dialect: (-len(dialect.prefix), dialect.name)))
