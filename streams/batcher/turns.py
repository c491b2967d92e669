"""A window's answer, and with it those of records of earlier windows that waited for their turn."""

from collections.abc import Callable

from streams.batcher.search import reading_through
from streams.batcher.window import Window
from streams.logic.answer import Answer, Logic, ReadRows
from streams.logic.refine import Refinements

Answering = Callable[[Logic, Window, ReadRows], Answer]


def answer_in_turn(
    logic: Logic, later: Refinements, window: Window, read: ReadRows, first: Answering, again: Answering
) -> Answer:
    """Answer the window (an empty one, if there is nothing new) with `first`, then those whose turn it is with `again`.

    Errors: those of the two.
    """
    later.begin()
    answer = first(logic, window, read) if window.size else Answer()
    later.note(answer.requests)
    turn = later.take()
    if turn.size:
        more = again(later, turn, reading_through(answer, read))
        later.settle(turn, more)
        answer.merge(more)
    return answer
