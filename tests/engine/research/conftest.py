"""A real Ray cluster, for the tests that need one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from engine.research.ray_address import load_ray

# Ray reads these when it is first imported, by whichever test that is: nobody else may use the clusters of tests.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", "this-token-is-only-for-tests-0123456789")

STORE_BYTES = 150_000_000  # of each machine


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Two machines with a worker each, which are processes on this one."""
    load_ray()
    from ray.cluster_utils import Cluster  # noqa: PLC0415  (loaded by `load_ray`)

    cluster = Cluster()
    add_machine(cluster)
    add_machine(cluster)
    yield cluster
    cluster.shutdown()


def add_machine(cluster: Any) -> Any:
    """One more machine, for the test that loses it."""
    return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, include_dashboard=False)


@pytest.fixture
def third_machine(cluster: Any) -> Any:
    """A machine that a test may take away."""
    return add_machine(cluster)
