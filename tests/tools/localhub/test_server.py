"""The server under the local hub."""

from starlette.applications import Starlette

from devcluster.localhub.server import server_of


def test_idle_connections_live_as_long_as_behind_a_load_balancer() -> None:
    # Of the hubs that it stands for; uvicorn's own five seconds are what clients wait between two polls.
    assert server_of(Starlette()).config.timeout_keep_alive >= 75
