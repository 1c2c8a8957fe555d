"""Fifty visitors of the studio at once."""

import asyncio

import pytest

from scripts.benchmarks.studio import children, peak_megabytes, visit_together
from tests.studio.serving import Server, Visit

MAX_SERVER, MAX_GROWTH = 600, 100  # MB


def megabytes(process):
    return float(peak_megabytes(process).replace(",", ""))


@pytest.mark.slow
def test_fifty_visitors_see_no_error_and_memory_stays(trained_runs, tmp_path):
    with Server(trained_runs, tmp_path) as server:
        with Visit(server.url) as visit:
            visit.job("samples", run="digits", n=1)
        asyncio.run(visit_together(server.url, "digits", 50, 5))
        processes = [server.process.pid, *children(server.process.pid)]
        before = [megabytes(one) for one in processes]
        load = asyncio.run(visit_together(server.url, "digits", 50, 20))
        after = [megabytes(one) for one in processes]
        assert load.errors == []
        assert len(load.seconds) > 50
        assert after[0] < MAX_SERVER
        for first, last in zip(before, after, strict=True):
            assert last < first + MAX_GROWTH, (before, after)
