"""The shape of the asset graph, kept as a snapshot: a change of the flow is seen in review.

To renew it after a meant change: `python -m tests.architecture.test_graph > tests/architecture/graph.txt`.
"""

from __future__ import annotations

from pathlib import Path

SNAPSHOT = Path(__file__).with_name("graph.txt")
ORDER = "abcdefgh"


def shape() -> str:
    """One line per asset: group, key, and what it directly rests on."""
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    lines = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        parents = " ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        lines.append(f"{node.group_name}  {key.to_user_string()}  <-  {parents}".rstrip())
    return "\n".join(sorted(lines)) + "\n"


def test_the_graph_has_the_shape_that_was_reviewed() -> None:
    assert shape() == SNAPSHOT.read_text(encoding="utf-8")


def test_groups_follow_the_flow() -> None:
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        for parent in node.parent_keys:
            before = graph.get(parent).group_name or ""
            # dbt's marts (f_...) rest on each other across folders; otherwise nothing rests on a later group.
            assert ORDER.index(before[0]) <= ORDER.index((node.group_name or "")[0]) or before[0] in "ef", key


def test_nothing_is_published_past_a_gate() -> None:
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    release = next(key for key in graph.get_all_asset_keys() if key.to_user_string() == "release")
    assert {parent.to_user_string() for parent in graph.get(release).parent_keys} == {"marts_gate"}
    for key in graph.get_all_asset_keys():
        if key.path[0] == "delivered":
            assert "arrivals_gate" in {parent.to_user_string() for parent in graph.get(key).parent_keys}


if __name__ == "__main__":
    print(shape(), end="")
