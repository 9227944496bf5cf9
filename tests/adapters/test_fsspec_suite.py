"""fsspec's own published suite for file systems, whole."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fsspec.tests.abstract import AbstractFixtures
from fsspec.tests.abstract.copy import AbstractCopyTests
from fsspec.tests.abstract.get import AbstractGetTests
from fsspec.tests.abstract.open import AbstractOpenTests
from fsspec.tests.abstract.pipe import AbstractPipeTests
from fsspec.tests.abstract.put import AbstractPutTests

from everstore import sync
from everstore.adapters.fsspec import EverstoreFileSystem


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgres"])
def file_system(request, variables_of, tmp_path_factory):
    variables = variables_of(request.param, tmp_path_factory.mktemp("suite"))
    with sync.open_store(environment=variables) as store:
        yield EverstoreFileSystem(store)


class TestSuite(
    AbstractCopyTests,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
    AbstractFixtures,
):
    @pytest.fixture
    def fs(self, file_system):
        return file_system

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def fs_path(self):
        return f"a session/{uuid4()}"
