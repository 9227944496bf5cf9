"""``EverstoreSaver`` beside LangGraph's memory saver: the same random calls, and the same answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME

from everstore.adapters.langgraph import EverstoreSaver

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint

CHANNELS = ("messages", "a/b~c", "\N{SNOWMAN}" * 50, "plain", "__start__")
NAMESPACES = ("", "child:1|grand/child:2")
TASKS = ("task 1", "task/2", "\N{PILE OF POO}")


def config_of(thread: str, namespace: str | None = "", checkpoint_id: str | None = None) -> Any:
    place = {"thread_id": thread}
    if namespace is not None:
        place["checkpoint_ns"] = namespace
    if checkpoint_id is not None:
        place["checkpoint_id"] = checkpoint_id
    return {"configurable": place}


class Twins:
    """Checkpointers that are called alike. A checkpoint's channels are what a graph's would be."""

    def __init__(self, savers: list[BaseCheckpointSaver[Any]], seed: int) -> None:
        self.savers = savers
        self.chance = random.Random(seed)
        self.threads = [f"{seed}/{name}" for name in ("one", "\N{GRINNING FACE} two", "three" * 60)]
        self.put: dict[tuple[str, str], list[Checkpoint]] = {}
        self.step = 0

    def _value(self) -> Any:
        return self.chance.choice(
            [
                None,
                True,
                self.step,
                0.5,
                "short",
                "long" * 40,
                [self.step],
                {"k": {"n": self.step}},
                b"\x00\xff",
                (1, 2),
            ]
        )

    def _place(self) -> tuple[str, str]:
        return self.chance.choice(self.threads), self.chance.choice(NAMESPACES)

    async def do_put(self) -> None:
        """A checkpoint: of the latest, of an older one, or a first one."""
        self.step += 1
        place = self._place()
        before = self.put.setdefault(place, [])
        parent = self.chance.choice(before[-3:]) if before else None
        values = {} if parent is None else dict(parent["channel_values"])
        versions: Any = {} if parent is None else dict(parent["channel_versions"])
        new: Any = {}
        for channel in self.chance.sample(CHANNELS, 2):
            versions[channel] = new[channel] = self.savers[0].get_next_version(versions.get(channel), None)
            values.pop(channel, None)
            if self.chance.random() < 0.8:
                values[channel] = self._value()
        checkpoint = empty_checkpoint() | {
            "id": str(uuid6(clock_seq=self.step)),
            "channel_values": values,
            "channel_versions": versions,
        }
        metadata: Any = {"source": self.chance.choice(["loop", "input"]), "step": self.step, "parents": {}}
        config = config_of(*place, None if parent is None else parent["id"])
        for saver in self.savers:
            await saver.aput(config, checkpoint, metadata, new)  # type: ignore[arg-type]  # a plain dict is what runs
        before.append(checkpoint)  # type: ignore[arg-type]  # a plain dict is what runs

    async def do_put_writes(self) -> None:
        """What a task wrote; often one that wrote before."""
        place = self._place()
        if not self.put.get(place):
            return
        checkpoint = self.chance.choice(self.put[place][-2:])
        channels = [
            self.chance.choice([*CHANNELS, ERROR, INTERRUPT, RESUME])
            for _ in range(self.chance.randint(1, 4))
        ]
        writes = [(channel, self._value()) for channel in channels]
        task, path = self.chance.choice(TASKS), self.chance.choice(["", "~pull, a", "~pull, b"])
        for saver in self.savers:
            await saver.aput_writes(config_of(*place, checkpoint["id"]), writes, task, path)

    async def do_delete_thread(self) -> None:
        """Seldom."""
        if self.chance.random() < 0.9:
            return
        thread = self.chance.choice(self.threads)
        for saver in self.savers:
            await saver.adelete_thread(thread)
        self.put = {place: there for place, there in self.put.items() if place[0] != thread}

    async def do_get(self) -> None:
        """The latest, or one by its id, or one that is not there."""
        place = self._place()
        ids = [None, "nothing", *(each["id"] for each in self.put.get(place, [])[-4:])]
        config = config_of(*place, self.chance.choice(ids))
        await self._alike([_shown(await saver.aget_tuple(config)) for saver in self.savers])

    async def do_list(self) -> None:
        """Some, by whatever a list may be asked for."""
        place = self._place()
        there = [each["id"] for each in self.put.get(place, [])]
        before = (
            config_of(*place, self.chance.choice(there)) if there and self.chance.random() < 0.5 else None
        )
        asked: Any = {
            "filter": self.chance.choice([None, {"source": "loop"}, {"source": "input", "step": self.step}]),
            "before": before,
            "limit": self.chance.choice([None, 1, 2, 30]),
        }
        await self._alike(
            [
                [_shown(each) async for each in saver.alist(config_of(*place), **asked)]
                for saver in self.savers
            ]
        )

    async def do_list_all(self) -> None:
        """All, of a thread or of every thread, in whatever order."""
        config = self.chance.choice([None, config_of(self.chance.choice(self.threads), None)])
        found = [[_shown(each) async for each in saver.alist(config)] for saver in self.savers]
        await self._alike([sorted(each, key=lambda shown: list(shown["config"].values())) for each in found])

    async def do_history(self) -> None:
        """What channels got on the way to a checkpoint."""
        place = self._place()
        if not self.put.get(place):
            return
        config = config_of(*place, self.chance.choice(self.put[place])["id"])
        await self._alike(
            [
                await saver.aget_delta_channel_history(config=config, channels=CHANNELS[:3])
                for saver in self.savers
            ]
        )

    async def _alike(self, answers: list[Any]) -> None:
        assert all(answer == answers[0] for answer in answers), answers

    async def delete_all(self) -> None:
        """Of what other twins would list."""
        for saver in self.savers:
            for thread in self.threads:
                await saver.adelete_thread(thread)

    async def go_on(self, calls: int) -> None:
        """So many calls."""
        acts = [self.do_put] * 4 + [self.do_put_writes] * 3 + [self.do_get] * 3 + [self.do_list] * 2
        acts += [self.do_list_all, self.do_history, self.do_delete_thread]
        for _ in range(calls):
            await self.chance.choice(acts)()


def _shown(found: CheckpointTuple | None) -> Any:
    """What two savers have in common of a tuple."""
    if found is None:
        return None
    return {
        "config": found.config["configurable"],
        "checkpoint": found.checkpoint,
        "metadata": found.metadata,
        "parent": None if found.parent_config is None else found.parent_config["configurable"],
        "writes": found.pending_writes,
    }


async def test_random_calls_are_answered_as_by_the_memory_saver(store):
    for seed in range(4):
        twins = Twins([InMemorySaver(), EverstoreSaver(store)], seed)
        await twins.go_on(100)
        await twins.delete_all()


async def test_another_saver_goes_on_where_one_stopped(store):
    twins = Twins([InMemorySaver(), EverstoreSaver(store)], 11)
    for _ in range(6):
        await twins.go_on(15)
        twins.savers[1] = EverstoreSaver(store)  # which remembers nothing
