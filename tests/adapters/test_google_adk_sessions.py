"""ADK's sessions: its own services beside ours, races, and a run of an agent."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest
from google.adk.agents import LlmAgent
from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import DatabaseSessionService, InMemorySessionService, Session
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.tools.tool_context import ToolContext  # noqa: TC002 - ADK looks it up
from google.genai import types

from everstore.adapters.google_adk import EverstoreArtifactService, EverstoreSessionService
from everstore.errors import InvalidKeyError


def event(delta=None, timestamp=None, **fields):
    times = {} if timestamp is None else {"timestamp": timestamp}
    return Event(
        author="user", invocation_id="i", actions=EventActions(state_delta=delta or {}), **times, **fields
    )


async def loaded(service, session="s", app="app", user="user", config=None):
    return await service.get_session(app_name=app, user_id=user, session_id=session, config=config)


def plain(session):
    """A session without what differs between two runs, times to the microsecond, as databases keep them."""
    if session is None:
        return None
    events = [each.model_dump(mode="json", exclude_none=True, exclude={"id"}) for each in session.events]
    return (
        session.app_name,
        session.user_id,
        session.id,
        session.state,
        events,
        round(session.last_update_time, 5),
    )


# -- beside ADK's own


async def on(services, call):
    answers = []
    for service in services:
        try:
            answers.append(await call(service))
        except (AlreadyExistsError, SessionNotFoundError, StaleSessionError) as error:
            answers.append(type(error))
    return answers


STATES = (
    {"a": 1}, {"a": None, "b": [1, {"x": "\U0001f600"}]}, {"app:x": 1.5}, {"user:y": "é"}, {"temp:z": 1},
    {"app:x": None, "user:y": {}, "c": True, "temp:z": 2}, {},
)  # fmt: skip


class Twins:
    """ADK's own services and ours, to which the same is done; the sessions that each has handed out."""

    def __init__(self, chance, *services):
        self.chance, self.services, self.now = chance, services, 1_800_000_000.0
        self.held = [{} for _ in services]

    def name(self):
        return {
            "app_name": self.chance.choice(["app", "other"]),
            "user_id": self.chance.choice(["ann", "bob"]),
            "session_id": self.chance.choice(["1", "2"]),
        }

    def tick(self):
        self.now += 1
        return self.now

    async def same(self, call):
        answers = await on(self.services, call)
        assert all(answer == answers[0] for answer in answers), answers
        return answers[0]

    async def create(self):
        name, state = self.name(), self.chance.choice(STATES)

        async def call(service):
            session = await service.create_session(**name, state=dict(state))
            session.last_update_time = 0
            return plain(session)

        await self.same(call)

    async def get(self):
        name = self.name()
        config = self.chance.choice(
            [
                None,
                *(GetSessionConfig(num_recent_events=n) for n in (0, 1, 3)),
                *(GetSessionConfig(after_timestamp=self.now - ago) for ago in (0, 2.5, 40)),
            ]
        )

        async def call(service):
            return plain(await service.get_session(**name, config=config))

        await self.same(call)

    async def append(self):
        name, delta, timestamp = self.name(), self.chance.choice(STATES), self.tick()
        content = types.Content(role="user", parts=[types.Part(text=f"at {timestamp}")])

        async def call(service):
            session = await service.get_session(**name) or Session(id="none", app_name="app", user_id="ann")
            partial = timestamp % 7 == 0
            appended = await service.append_event(
                session, event(dict(delta), timestamp, content=content, partial=partial or None)
            )
            return plain(session), appended.actions.state_delta

        await self.same(call)

    async def list(self):
        name = self.name() | {"session_id": None}
        user = self.chance.choice([None, name["user_id"]])

        async def call(service):
            listed = await service.list_sessions(app_name=name["app_name"], user_id=user)
            return sorted(
                (each.user_id, each.id, str(sorted(each.state.items())), len(each.events))
                for each in listed.sessions
            )

        await self.same(call)

    async def delete(self):
        name = self.name()
        await self.same(lambda service: service.delete_session(**name))

    async def user_state(self):
        name = self.name()
        await self.same(
            lambda service: service.get_user_state(app_name=name["app_name"], user_id=name["user_id"])
        )


@pytest.fixture
async def database(tmp_path):
    async with DatabaseSessionService(f"sqlite+aiosqlite:///{tmp_path}/own.db") as service:
        yield service


@pytest.mark.parametrize("seed", range(2))
async def test_calls_at_random_are_answered_as_adks_own_services_do(store, database, seed, monkeypatch):
    chance = random.Random(seed)
    twins = Twins(chance, EverstoreSessionService(store), InMemorySessionService(), database)
    monkeypatch.setattr("google.adk.platform.time.get_time", lambda: twins.now)
    calls = [
        twins.create,
        twins.create,
        twins.append,
        twins.append,
        twins.append,
        twins.get,
        twins.list,
        twins.user_state,
    ]
    for turn in range(60):
        await (chance.choice(calls) if turn % 20 else twins.delete)()


async def test_stale_sessions_are_refused_as_adks_database_does(store, database):
    for service in (EverstoreSessionService(store), database):
        first = await service.create_session(app_name="app", user_id="user", session_id="s")
        second = await loaded(service)
        await service.append_event(first, event({"a": 1}))
        with pytest.raises(StaleSessionError):
            await service.append_event(second, event({"a": 2, "b": 2, "app:x": 2}))
        await service.append_event(first, event({"c": 3}))
        found = await loaded(service)
        assert (found.state, len(found.events)) == ({"a": 1, "c": 3}, 2)
        by_hand = Session(id="s", app_name="app", user_id="user", last_update_time=1)
        with pytest.raises(StaleSessionError):
            await service.append_event(by_hand, event())
        by_hand.events = found.events
        await service.append_event(by_hand, event())
        await service.delete_session(app_name="app", user_id="user", session_id="s")
        with pytest.raises(SessionNotFoundError):
            await service.append_event(found, event())


async def test_a_session_that_misses_an_event_for_an_error_has_to_be_got_again(store):
    service = EverstoreSessionService(store)
    session = await service.create_session(app_name="app", user_id="user", session_id="s")
    with pytest.raises(InvalidKeyError):  # of the shared state, which follows the event
        await service.append_event(session, event({"a": 1, "app:\0": 2}))
    assert session.events == []
    with pytest.raises(StaleSessionError):
        await service.append_event(session, event())
    found = await loaded(service)
    assert (found.state, len(found.events)) == ({"a": 1}, 1)
    await service.append_event(found, event())


async def test_sessions_are_listed_by_when_they_were_updated(store):
    service = EverstoreSessionService(store)
    for name in "abc":
        session = await service.create_session(app_name="app", user_id="user", session_id=name)
        await service.append_event(session, event({f"user:{name}": 1, "k": name}, 5.0 - ord(name) % 3))
    await service.create_session(app_name="app", user_id="other")
    listed = (await service.list_sessions(app_name="app", user_id="user")).sessions
    assert [each.last_update_time for each in listed] == sorted(each.last_update_time for each in listed)
    assert {each.id for each in listed} == {"a", "b", "c"}
    assert listed[0].state == {"k": listed[0].id, "user:a": 1, "user:b": 1, "user:c": 1}
    assert len((await service.list_sessions(app_name="app")).sessions) == 4


async def test_what_json_cannot_hold_is_kept_as_its_repr_and_the_rest_as_it_is(store, caplog):
    service = EverstoreSessionService(store)
    await service.create_session(app_name="app", user_id="user", session_id="s", state={"f": len, "n": 1})
    assert (await loaded(service)).state == {"f": repr(len), "n": 1}
    assert "JSON cannot hold" in caplog.text


# -- races


async def test_fifty_branches_of_one_session_append_and_nothing_is_lost(store):
    service = EverstoreSessionService(store)
    session = await service.create_session(app_name="app", user_id="user", session_id="s")
    await asyncio.gather(
        *(
            service.append_event(session, event({f"k{n}": n, f"user:k{n}": n, f"app:k{n}": n}))
            for n in range(50)
        )
    )
    found = await loaded(service)
    assert [each.id for each in found.events] == [each.id for each in session.events]
    assert (
        found.state
        == session.state
        == {f"{scope}k{n}": n for n in range(50) for scope in ("", "user:", "app:")}
    )


async def test_of_fifty_who_know_the_same_session_one_appends(store):
    service = EverstoreSessionService(store)
    await service.create_session(app_name="app", user_id="user", session_id="s")
    known = await asyncio.gather(*(loaded(EverstoreSessionService(store)) for _ in range(50)))
    appends = (
        EverstoreSessionService(store).append_event(each, event({f"k{n}": n})) for n, each in enumerate(known)
    )
    answers = await asyncio.gather(*appends, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Event"] + ["StaleSessionError"] * 49
    found = await loaded(service)
    assert (len(found.events), len(found.state)) == (1, 1)


async def test_fifty_sessions_change_what_they_share_and_nothing_is_lost(store):
    service = EverstoreSessionService(store)
    sessions = await asyncio.gather(
        *(service.create_session(app_name="app", user_id="user", state={f"app:new{n}": n}) for n in range(50))
    )
    await asyncio.gather(
        *(
            service.append_event(each, event({f"user:k{n}": n, f"app:k{n}": n}))
            for n, each in enumerate(sessions)
        )
    )
    assert await service.get_user_state(app_name="app", user_id="user") == {f"k{n}": n for n in range(50)}
    state = (await loaded(service, sessions[0].id)).state
    assert {key: state[key] for key in state if key.startswith("app:")} == {
        f"app:{kind}{n}": n for kind in ("new", "k") for n in range(50)
    }


async def test_of_many_who_create_a_session_one_does(store):
    service = EverstoreSessionService(store)
    creations = (
        service.create_session(app_name="app", user_id="user", session_id="s", state={"n": n})
        for n in range(20)
    )
    answers = await asyncio.gather(*creations, return_exceptions=True)
    [made] = [answer for answer in answers if not isinstance(answer, AlreadyExistsError)]
    assert (await loaded(service)).state == made.state


APPENDS = """
import asyncio, sys
import everstore
from google.adk.errors import StaleSessionError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from everstore.adapters.google_adk import EverstoreSessionService

async def append(name):
    async with everstore.open_store() as store:
        service, turns = EverstoreSessionService(store), 0
        while turns < 20:
            delta = {f"{scope}{name}{turns}": turns for scope in ("", "user:", "app:")}
            session = await service.get_session(app_name="app", user_id="user", session_id="s")
            event = Event(author=name, actions=EventActions(state_delta=delta))
            try:
                await service.append_event(session, event)
            except StaleSessionError:
                continue
            turns += 1

asyncio.run(append(sys.argv[1]))
"""


async def test_two_processes_append_to_the_same_session_and_nothing_is_lost(environment, store):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    service = EverstoreSessionService(store)
    await service.create_session(app_name="app", user_id="user", session_id="s")
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", APPENDS, name) for name in ("one", "two")
    ]
    assert [await child.wait() for child in children] == [0, 0]
    found = await loaded(service)
    assert len(found.events) == 40
    expected = {
        f"{scope}{name}{n}": n
        for name in ("one", "two")
        for n in range(20)
        for scope in ("", "user:", "app:")
    }
    assert found.state == expected


# -- names


@pytest.mark.parametrize("name", ["", "a/b/../c", "\U0001f600 é", "x" * 10_000, "a\0b", "session"])
async def test_names_are_any_text(store, name):
    service = EverstoreSessionService(store)
    at = {"app_name": name + "a", "user_id": name + "u", "session_id": name}
    key = name[:900].replace("\0", "")  # of a state keys are those of the store
    session = await service.create_session(**at, state={key: 1, "user:" + key: 2, "app:" + key: 3})
    await service.append_event(session, event({key: 4}))
    found = await service.get_session(**at)
    assert (found.id, found.state) == (name, {key: 4, "user:" + key: 2, "app:" + key: 3})
    listed = (await service.list_sessions(app_name=name + "a", user_id=name + "u")).sessions
    assert [each.id for each in listed] == [name]
    await service.delete_session(**at)
    assert await service.get_session(**at) is None
    assert (await service.list_sessions(app_name=name + "a")).sessions == []
    assert await service.get_user_state(app_name=name + "a", user_id=name + "u") == {key: 2}


# -- a run


class FakeLlm(BaseLlm):
    """Asks for the tool when it is told to, and otherwise says how much it was shown."""

    async def generate_content_async(self, llm_request, stream=False):
        del stream
        last = llm_request.contents[-1].parts[-1]
        if last.text and "save" in last.text:
            part = types.Part(function_call=types.FunctionCall(name="save", args={"text": last.text}))
        else:
            part = types.Part(text=f"shown {len(llm_request.contents)}")
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


async def save(text: str, tool_context: ToolContext) -> dict[str, int]:
    """Save a text."""
    tool_context.state["user:saved"] = tool_context.state.get("user:saved", 0) + 1
    tool_context.state["temp:note"] = "gone"
    return {"version": await tool_context.save_artifact("note.txt", types.Part(text=text))}


async def test_an_agent_runs_over_it(store):
    agent = LlmAgent(name="helper", model=FakeLlm(model="fake"), tools=[save], output_key="answer")
    sessions, artifacts = EverstoreSessionService(store), EverstoreArtifactService(store)
    for turn, text in enumerate(["hello", "save one", "save two", "bye"]):
        runner = Runner(app_name="app", agent=agent, session_service=sessions, artifact_service=artifacts)
        if turn == 0:
            await sessions.create_session(app_name="app", user_id="user", session_id="s")
        message = types.Content(role="user", parts=[types.Part(text=text)])
        async for _ in runner.run_async(user_id="user", session_id="s", new_message=message):
            pass
    found = await loaded(sessions)
    assert found.state == {"user:saved": 2, "answer": "shown 11"}
    assert len(found.events) == 12
    at = {"app_name": "app", "user_id": "user", "session_id": "s", "filename": "note.txt"}
    assert await artifacts.list_versions(**at) == [0, 1]
    assert (await artifacts.load_artifact(**at)).text == "save two"
