"""Mistakes with what a backend claims."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from everstore.conformance.mutants.broken import mutant
from everstore.interfaces import Capabilities

if TYPE_CHECKING:
    from everstore.conformance.mutants.broken import Broken

__all__: list[str] = []


@mutant("capabilities.typed")
def declares_in_its_own_way(broken: Broken) -> None:
    """Capabilities are declared in an object of the backend's own."""
    broken.capabilities = SimpleNamespace(**asdict(broken.files.capabilities))


@mutant("capabilities.durable")
def claims_to_last(broken: Broken) -> None:
    """A backend that forgets everything declares itself durable."""
    broken.capabilities = Capabilities(durable=True)


@mutant("capabilities.shared")
def claims_to_be_shared(broken: Broken) -> None:
    """A backend that nobody else can see declares itself shared."""
    broken.capabilities = Capabilities(shared=True)


@mutant("capabilities.max_file_bytes.write")
def claims_limits_it_has_not(broken: Broken) -> None:
    """Largest sizes are declared, and what is larger is kept all the same."""
    broken.capabilities = Capabilities(max_file_bytes=4096, max_value_bytes=4096)


@mutant("capabilities.time_to_live.undeclared")
def claims_no_time_to_live(broken: Broken) -> None:
    """Time to live works, and is not declared."""
    broken.capabilities = Capabilities(time_to_live=False)


@mutant("lifecycle.refused_setting.unknown_setting", lenient=True)
def opens_whatever_the_settings(broken: Broken) -> None:
    """A wrong setting is passed over, and something is opened."""
    del broken
