"""What may be stored, how large it is, and how it is edited: against plainer ways to say the same."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everstore import SessionFile, errors, new_session_id
from everstore.content import (
    add_to_counter,
    append_content,
    content_bytes,
    content_of,
    content_size,
    replace_text,
    require_text,
    stored_size,
    text_size,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SMALL = st.text("ab.\n", max_size=8)


def file_of(content, encoding="text", *, is_readonly=False):
    return SessionFile(1, 1, 1, new_session_id(), "/f", 1, 0, is_readonly, content, encoding)


@given(TEXT)
def test_a_text_is_as_large_as_its_utf_8(text):
    size = len(text.encode("utf-8"))
    assert text_size(text) == content_size(text, "text") == stored_size(text, "text") == size
    assert content_of(content_bytes(text, "text"), "text") == text


@given(st.binary())
def test_bytes_are_as_large_as_they_are(data):
    content = base64.b64encode(data).decode()
    assert content_size(content, "base64") == stored_size(content, "base64") == len(data)
    assert content_bytes(content, "base64") == data
    assert content_of(data, "base64") == content_bytes(data, "base64") == data
    assert stored_size(data, "base64") == len(data)


@given(st.text("AZaz09+/=-_ \nYQ", max_size=12))
@example("YQ==YQ==")
@example("YR==")
@example("YWF=")
@example("====")
def test_base64_is_what_standard_encoding_gives_and_nothing_else(text):
    canonical = re.fullmatch(
        r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?", text
    )
    if canonical:
        assert base64.b64encode(content_bytes(text, "base64")).decode() == text
        assert content_size(text, "base64") == len(content_bytes(text, "base64"))
    else:
        with pytest.raises(errors.InvalidContentError):
            content_size(text, "base64")


@given(SMALL, SMALL.filter(bool), SMALL, st.booleans())
@example("aaa", "aa", "b", False)
@example("aa.aa", "aa", "", True)
def test_an_edit_needs_one_occurrence_or_takes_all(text, old, new, replace_all):
    places = [at for at in range(len(text)) if text.startswith(old, at)]
    if not places or (len(places) > 1 and not replace_all):
        with pytest.raises(errors.EditError) as caught:
            replace_text("/f", text, old, new, replace_all=replace_all)
        assert (caught.value.matches == 0) == (not places)
        assert 0 <= caught.value.matches <= len(places)
        return
    edited, lines = replace_text("/f", text, old, new, replace_all=replace_all)
    before, *after = [edited] if not new else text.split(old)
    for number, part in enumerate(after):
        assert lines[number] == before.count("\n") + 1
        before += new + part
    assert len(lines) == text.count(old)
    if len(places) == 1:
        assert edited == text[: places[0]] + new + text[places[0] + len(old) :]
    else:
        assert edited == new.join(text.split(old))


@given(TEXT, TEXT, st.binary(), st.binary())
def test_appending_joins_text_and_bytes(text, more, data, further):
    assert append_content(file_of(text), more, "text") == text + more
    encoded = [base64.b64encode(part).decode() for part in (data, further)]
    for content in (encoded[1], further):
        assert append_content(file_of(encoded[0], "base64"), content, "base64") == data + further


def test_appending_refuses_what_the_verbs_refuse():
    with pytest.raises(errors.PathIsDirectoryError):
        append_content(file_of(None), "x", "text")
    with pytest.raises(errors.ReadOnlyFileError):
        append_content(file_of("x", is_readonly=True), "x", "text")
    with pytest.raises(errors.InvalidContentError):
        append_content(file_of("x"), "eA==", "base64")


def test_only_a_text_file_has_text():
    assert require_text(file_of("x")) == "x"
    with pytest.raises(errors.InvalidContentError):
        require_text(file_of("eA==", "base64"))
    with pytest.raises(errors.PathIsDirectoryError):
        require_text(file_of(None))


INT_64 = st.integers(-(2**63), 2**63 - 1)


@given(st.none() | INT_64, st.one_of(INT_64, st.integers()))
def test_a_counter_adds_within_64_bits(value, amount):
    total = (value or 0) + amount
    text = None if value is None else str(value)
    if -(2**63) <= total < 2**63:
        assert add_to_counter(text, amount) == total
    else:
        with pytest.raises(errors.InvalidContentError):
            add_to_counter(text, amount)


@given(st.text(st.sampled_from("0123456789-+. _ex\u0663\n"), max_size=24))
@example("9" * 5000)
def test_a_counter_is_decimal_digits_or_refused(text):
    if re.fullmatch(r"-?[0-9]+", text, re.ASCII) and len(text) <= 20 and -(2**63) <= int(text) < 2**63:
        assert add_to_counter(text, 0) == int(text)
    else:
        with pytest.raises(errors.InvalidContentError):
            add_to_counter(text, 0)
