"""The reading of an event stream, line by line, as the standard has it."""

import json

import pytest

from app.cli.stream import Message, messages


def event(place: int) -> list[str]:
    return [f"id: {place}", "event: a.b", f"data: {json.dumps({'n': place})}", ""]


def test_messages_come_with_their_places():
    assert list(messages(event(3) + event(4))) == [Message(3, {"n": 3}), Message(4, {"n": 4})]


def test_a_comment_is_a_sign_of_life():
    assert list(messages([": nothing new", "", *event(1)])) == [None, Message(1, {"n": 1})]


def test_data_over_several_lines_is_one_value():
    assert list(messages(["id: 9", 'data: {"a":', "data: 1}", ""])) == [Message(9, {"a": 1})]


@pytest.mark.parametrize(
    "lines", [["retry: 1000", ""], ["", ""], ["id: 5", ""], ["unknown", ""], ["data: {}"]]
)
def test_what_carries_no_whole_message_is_none(lines):
    assert list(messages(lines)) == []


def test_the_space_after_the_colon_may_be_missing():
    assert list(messages(["id:2", "data:{}", ""])) == [Message(2, {})]


def test_a_place_that_is_no_number_keeps_the_last_one():
    assert list(messages([*event(7), "id: x", "data: {}", ""]))[-1] == Message(7, {})
