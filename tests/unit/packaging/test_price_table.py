"""The table of docs/choosing-nodes.md is what the model's figures and the prices say."""

from pydantic import TypeAdapter

from benchmarks.price_table import PAGE, PRICES, Prices, table


def test_table_of_nodes_is_up_to_date() -> None:
    prices = TypeAdapter(Prices).validate_json(PRICES.read_bytes())
    assert table(prices) in PAGE.read_text(), "run python -m benchmarks.price_table"
    assert all(node.speed_is for node in prices.nodes)
