import pytest

from operandi.pipeline.step import Refusal, Step, in_order
from tests.pipeline.arithmetic import number, total
from tests.pipeline.graphs import a_node, a_source, a_step


def test_every_node_comes_after_its_inputs_and_once() -> None:
    top = a_node(number, "top", (a_source("1"),))
    left, right = a_node(total, "left", (top,)), a_node(total, "right", (top,))
    end = a_node(total, "end", (left, right, top))

    assert in_order([end, left]) == (top, left, right, end)


def test_a_chain_may_be_long() -> None:
    node = a_node(number, "0", (a_source("1"),))
    for link in range(1, 3000):
        node = a_node(total, str(link), (node,))

    assert [one.subject for one in in_order([node])] == [str(link) for link in range(3000)]


def test_the_text_of_a_node_does_not_grow_with_its_ancestors() -> None:
    node = a_node(number, "0", (a_source("1"),))
    for link in range(1, 30):
        node = a_node(total, str(link), (node, node))

    assert len(repr(node)) < 400


def test_refuses_two_nodes_of_one_name() -> None:
    with pytest.raises(ValueError, match="two nodes are called number:P-001"):
        in_order([a_node(number), a_node(number)])


def test_refuses_a_function_that_no_other_process_can_find() -> None:
    with pytest.raises(ValueError, match="another process can import"):
        a_step(lambda: 1)


def test_refuses_a_step_without_version() -> None:
    with pytest.raises(ValueError, match="needs a name, a version"):
        Step(name="number", function=number, version="", title="number")


def test_a_refusal_says_what_where_and_who() -> None:
    refusal = Refusal(
        step="suv",
        subject="P-014/BASELINE",
        what="SUV needs mass > 0, got 0.0 kg.",
        remedy="Record the weight in Visits; it is never assumed.",
        who="site 03",
    )

    assert str(refusal) == (
        "SUV needs mass > 0, got 0.0 kg (P-014, BASELINE, step suv). "
        "Record the weight in Visits; it is never assumed. For: site 03."
    )
