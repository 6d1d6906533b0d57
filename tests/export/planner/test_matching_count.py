"""Servers that cap a page without a word: a page is all there is if a count says exactly as many works."""

from __future__ import annotations

import random

import pytest

from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import CountAccuracy
from tests.export.test_planner import CAPS, Cap, Model, Run, fill, with_cap

from .pages import keys, opened, page, plan, take


@pytest.mark.parametrize("works", [1, 7, 20])
@pytest.mark.parametrize("count_first", [False, True])
def test_the_first_page_is_complete_if_the_count_beside_it_says_so(works: int, count_first: bool) -> None:
    planned = plan()
    export, count = opened(planned)
    shown = keys(*range(works))
    if count_first:
        assert planned.feed_count(count, works) == []
        batches = planned.feed(export, page(shown))
    else:
        assert planned.feed(export, page(shown)) == []
        assert planned.take() is None
        batches = planned.feed_count(count, works)
    assert [name for batch in batches for name in batch.items] == [name for _, name in shown]
    assert planned.done
    assert (planned.proofs["count"], planned.duplicates) == (works, 0)


@pytest.mark.parametrize("works", [0, 7, 20])
def test_a_count_that_was_made_before_the_run_proves_the_first_page_alone(works: int) -> None:
    planned = plan(counted=works)
    export = take(planned)
    assert planned.take() is None
    batches = planned.feed(export, page(keys(*range(works))))
    assert sum(len(batch.items) for batch in batches) == works
    assert planned.done
    assert planned.proofs["count"] == works


@pytest.mark.parametrize("counted", [6, 8])
def test_one_that_the_first_page_contradicts_is_made_anew(counted: int) -> None:
    planned = plan(counted=counted)
    assert planned.feed(take(planned), page(keys(*range(7)))) == []
    count = take(planned)
    assert count.kind == "count"
    planned.feed_count(count, 7)
    assert planned.done


def test_a_count_that_says_more_proves_nothing() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed_count(count, 12)
    assert planned.feed(export, page(keys(*range(11)))) == []
    assert not planned.done
    assert planned.take() is not None


def test_a_count_that_says_less_is_asked_for_again_with_the_page_and_then_not_used() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(11))))
    assert planned.feed_count(count, 10) == []
    export, count = opened(planned)
    assert planned.feed(export, page(keys(*range(11)))) == []
    assert planned.feed_count(count, 10) == []
    assert planned.expected is None
    assert take(planned).kind == "export"
    assert planned.proofs["count"] == 0


def test_a_work_that_was_deleted_between_page_and_count() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(11))))
    planned.feed_count(count, 10)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(10))))
    (_, batch) = planned.feed_count(count, 10)
    assert len(batch.items) == 10
    assert planned.done


@pytest.mark.parametrize("caps", CAPS[1:])
@pytest.mark.parametrize("count", ["low", "one_less"])
def test_counts_that_are_too_low_hide_nothing(caps: Cap, count: CountAccuracy) -> None:
    for seed in range(30):
        rng = random.Random(seed)
        model = Model(with_cap(Quirks(count=count, sort_by="random"), caps), rng)
        fill(model, works=90, shape="in order")
        run = Run(model)
        run.finish(rng)
        run.check(list(model.items.values()))


def test_a_page_of_an_interval_is_proved_by_a_count_of_its_own_range() -> None:
    rng = random.Random(1)
    model = Model(Quirks(sort_by="random"), rng)
    fill(model, works=200, shape="in order")
    run = Run(model)
    run.finish(rng)
    assert any(request.kind == "count" and request.after is not None for request in model.requests)
    assert run.plan.proofs["count"] == 200
