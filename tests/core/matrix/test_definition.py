"""The planner against the definition, on random programs: same decisions, ties included."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from hotbay.core.planners.matrix import MatrixPlanner, Offer
from hotbay.core.planners.planner import View

from .definition import Definition, Outcome
from .programs import Case, Question, any_case, cases, overlapping_case

thorough = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SEEDS_AT_ONCE = 400


def check(case: Case) -> None:
    program, definition = case.compiled(), case.defined()
    planner = MatrixPlanner(program)
    assert [each.name for each in program.sets] == definition.order()
    for question in case.questions:
        decision, plan = planner.explain(*ask(question)), planner.decide(*ask(question))
        chosen = decision.chosen
        expected = definition.decide(question.target, question.running)
        assert expected == Outcome(
            decision.evict,
            chosen.set.name if chosen else None,
            chosen.combination if chosen else (),
            chosen.cost if chosen else 0,
        )
        assert decision.incomplete == ()
        assert (plan.evict, plan.set, plan.cost) == (expected.stop, expected.set, expected.cost)
        assert program.contains_together(question.running) == definition.together(question.running)


def ask(question: Question) -> tuple[str, View]:
    return question.target, View(question.running)


@thorough
@given(cases())
def test_decisions_are_those_of_the_definition(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("make", [any_case, overlapping_case])
@pytest.mark.parametrize("part", range(5))
def test_decisions_on_thousands_of_programs_are_those_of_the_definition(
    make: Callable[[int], Case], part: int
) -> None:
    for seed in range(part * SEEDS_AT_ONCE, (part + 1) * SEEDS_AT_ONCE):
        check(make(seed))


@thorough
@given(cases())
def test_no_combination_is_cheaper_than_the_chosen_one(case: Case) -> None:
    planner = MatrixPlanner(case.compiled())
    for question in case.questions:
        if question.target not in question.running:
            chosen = planner.explain(*ask(question)).chosen
            least = case.defined().least_cost(question.target, question.running)
            assert least == (chosen.cost if chosen else None)


@thorough
@given(cases())
def test_the_runner_up_is_the_best_that_another_set_offers(case: Case) -> None:
    planner = MatrixPlanner(case.compiled())
    for question in case.questions:
        if question.target not in question.running:
            decision = planner.explain(*ask(question))
            offers = offers_of(case.defined(), case, question)
            if decision.chosen:
                del offers[decision.chosen.set.name]
            expected = min(offers.items(), key=lambda offer: offer[1], default=None)
            assert expected == name_and_cost(decision.runner_up)


def offers_of(definition: Definition, case: Case, question: Question) -> dict[str, int]:
    """Return the least cost of every set with the target, in dependency order."""
    offers = {}
    for name in definition.order():
        costs = [
            definition.cost(set(question.running) - combination)
            for combination in definition.combinations(case.sets[name])
            if question.target in combination
        ]
        if costs:
            offers[name] = min(costs)
    return offers


def name_and_cost(offer: Offer | None) -> tuple[str, int] | None:
    return (offer.set.name, offer.cost) if offer else None
