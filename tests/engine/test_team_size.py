"""How many threads a team has, by times that are made up."""

import random
from dataclasses import dataclass, field

import pytest

from steepest.engine.team_size import TeamSize

QUIET = {1: 150e-6, 2: 89e-6}
BUSY = {1: 150e-6, 2: 250e-6}  # with another program on one of two cores


@dataclass
class Fit:
    """What a fit does with its team: chunks of steps whose paces, in seconds, are given."""

    team: TeamSize
    pace: object  # (threads, second of the fit) -> seconds a step
    lack: object = lambda threads, second: 0.0  # the part of the time without a core
    second: float = 0.0
    steps: int = 0
    sizes: list = field(default_factory=list)

    def last(self, seconds):
        """Go on for so long; return by how much steps took longer than with the best number."""
        end, begun, ideal = self.second + seconds, self.second, 0.0
        chunk = 1
        while self.second < end:
            threads = self.team.threads
            self.sizes.append(threads)
            steps = min(chunk, self.team.most_steps)
            pace = self.pace(threads, self.second)
            self.team.took(steps, steps * pace, steps * pace * self.lack(threads, self.second))
            numbers = range(self.team.least, self.team.most + 1)
            ideal += steps * min(self.pace(n, self.second) for n in numbers)
            self.second, self.steps = self.second + steps * pace, self.steps + steps
            chunk = max(1, min(4 * chunk, int(0.05 / pace)))
        return (self.second - begun) / ideal


def fit(first, most, paces, lack=0.0):
    return Fit(TeamSize(first, most), lambda n, second: paces[n], lambda n, second: lack * (n > 1))


def test_a_slow_first_step_says_nothing_against_threads():
    team = TeamSize(2, 2)
    team.took(3, 1.02, 0.45)  # 0.34 s a step, for want of memory and of a core
    assert team.threads == 2
    for _ in range(100):
        team.took(1, 0.12 if team.threads == 2 else 0.22, 0.001)
        assert team.threads == 2 or team.is_trying
    assert team._present == 2


def test_it_begins_with_the_cores_that_are_idle_and_soon_asks_whether_that_was_right():
    busy = Fit(TeamSize(2, 2, idle=1), lambda n, second: BUSY[n])
    assert busy.team.threads == 1
    assert busy.last(0.3) < 1.1
    assert busy.team.threads == 1
    quiet = Fit(TeamSize(2, 2, idle=1), lambda n, second: QUIET[n])
    quiet.last(0.2)
    assert quiet.team.threads == 2
    assert TeamSize(2, 2, least=2, idle=1).threads == 2


def test_nothing_is_tried_that_could_not_pay():
    team = TeamSize(1, 2)
    team.expect(25_000)  # 2.5 s
    tried_at = []
    for k in range(1000):
        if team.is_trying:
            tried_at.append(k)
        team.took(25, 25e-4)
    assert tried_at
    assert max(tried_at) < 990
    late = TeamSize(1, 2)
    late.expect(10_200)
    for _ in range(408):
        late.took(25, 25e-4)
        assert not late.is_trying


def test_fits_at_once_leave_one_another_cores():
    team = TeamSize(2, 2)
    found = Fit(team, lambda n, second: QUIET[n])
    found.last(0.5)
    assert team.threads == 2
    team.allow(1)
    assert team.threads == 1
    found.last(10)
    assert set(found.sizes[-100:]) == {1}
    team.allow(2)
    found.last(0.1)
    assert team.threads == 2


def test_a_try_ends_where_its_threads_are_allowed_no_more():
    team = TeamSize(1, 2)
    while not team.is_trying:
        team.took(100, 0.01)
    team.allow(1)
    assert (team.threads, team.is_trying) == (1, False)
    team.allow(0.5)  # the least are always allowed
    assert team.threads == 1


def test_a_short_fit_tries_nothing():
    quiet = fit(2, 2, QUIET, 0.02)
    quiet.last(0.9)
    assert set(quiet.sizes) == {2}


@pytest.mark.parametrize("seconds", [1, 10, 60, 300])
@pytest.mark.parametrize("first", [1, 2])
def test_tries_cost_less_than_two_percent(first, seconds):
    found = fit(first, 2, QUIET, 0.02)
    found.last(2)
    assert found.last(seconds) < 1.02
    assert found.team.threads == 2 or found.team.is_trying


def test_who_lacks_a_core_has_fewer_threads_soon():
    busy = fit(2, 2, BUSY, 0.35)
    assert busy.last(0.2) < 1.5
    assert busy.team.threads == 1
    assert busy.last(1) < 1.03
    assert busy.last(60) < 1.01


def test_a_core_that_is_taken_away_and_given_back():
    def pace(threads, second):
        return (BUSY if 20 < second < 50 else QUIET)[threads]

    found = Fit(TeamSize(2, 2), pace, lambda n, second: 0.35 * (n > 1 and 20 < second < 50))
    assert found.last(19) < 1.01
    assert found.last(30) < 1.05
    assert found.sizes[-1] == 1
    assert found.last(60) < 1.15  # until a try says that it is free again
    assert found.team.threads == 2
    assert found.last(60) < 1.01


def test_threads_that_are_slower_though_they_have_their_cores():
    """As where two cores share no cache."""
    found = fit(2, 2, {1: 80e-6, 2: 114e-6}, 0.02)
    found.last(1.5)
    assert found.last(10) < 1.02


def test_a_slower_pace_is_compared_at_once_with_what_another_number_had():
    def pace(threads, second):
        return {1: 80e-6, 2: 114e-6 if second > 20 else 48e-6}[threads]

    found = Fit(TeamSize(2, 2), pace)
    assert found.last(20) < 1.01
    found.last(3)
    assert found.team.threads == 1


@pytest.mark.parametrize("seed", range(10))
def test_noise_costs_little(seed):
    """Two busy programs on two cores: either number has any pace from one window to the next."""
    rng = random.Random(seed)
    team, spans = TeamSize(2, 2), {1: (195e-6, 336e-6), 2: (211e-6, 395e-6)}
    second, steps = 0.0, 0
    while second < 30:
        threads = team.threads
        pace = rng.uniform(*spans[threads])
        done = min(team.most_steps, int(0.05 / pace))
        team.took(done, done * pace, done * pace * rng.uniform(0.3, 0.6) * (threads > 1))
        second, steps = second + done * pace, steps + done
    assert second / steps < 1.05 * sum(spans[1]) / 2


def test_threads_that_pay_though_they_lack_cores():
    found = fit(2, 2, {1: 200e-6, 2: 120e-6}, 0.5)
    found.last(1)
    assert found.last(30) < 1.03


@pytest.mark.parametrize("best", [1, 2, 3, 5, 7, 8])
@pytest.mark.parametrize("first", [1, 8])
def test_any_number_is_found_among_eight(best, first):
    def pace(threads):
        return 1e-4 / threads if threads <= best else 1e-4 / best * (1 + 0.4 * (threads - best))

    found = fit(first, 8, {n: pace(n) for n in range(1, 9)}, 0.02)
    found.last(20)
    assert found.last(30) < 1.03


def test_what_a_try_finds_terrible_is_bounded():
    """Of what may take a thousand times as long, a step is tried first."""
    found = fit(1, 2, {1: 150e-6, 2: 54e-3}, 0.9)
    assert found.last(60) < 1.01
    assert 2 in found.sizes
    assert max(map(len, "".join(map(str, found.sizes)).split("1"))) == 1  # never two pieces of it


def test_steps_that_take_longer_than_a_window():
    found = fit(2, 2, {1: 0.2, 2: 0.11}, 0.01)
    assert found.last(60) < 1.02
    assert 1 in found.sizes
    assert found.team.most_steps == 1


def test_pieces_are_as_long_as_looks_are_to_be_apart():
    team = TeamSize(2, 2)
    assert team.most_steps == 16
    team.took(16, 16e-3)
    assert team.most_steps == 20  # to the end of the first window
    team.took(20, 20e-3)
    assert team.most_steps == 50


def test_a_try_may_be_put_off_until_it_is_worth_its_cost():
    busy, put_off = fit(2, 2, BUSY, 0.35), []
    while not put_off or busy.second < 30:
        busy.last(0.001)
        if busy.team.is_trying and busy.second < 30:
            put_off.append(busy.second)
            busy.team.put_off(5.0)
            assert not busy.team.is_trying
    assert put_off[0] < 0.2  # at once, as cores lack
    assert put_off[1] > 15  # when five seconds have been lost
    busy.last(30)
    assert busy.team.threads == 1


def test_a_number_that_is_refused_is_not_tried_again():
    found = fit(2, 4, {1: 4e-4, 2: 2e-4, 3: 1.5e-4, 4: 1e-4})
    for _ in range(1000):
        if found.team.threads < 3:
            found.last(0.01)
    found.team.refuse()
    found.sizes.clear()
    found.last(60)
    assert set(found.sizes) == {1, 2}


def test_nothing_is_tried_where_there_is_no_choice():
    team = TeamSize(3, 3, least=3)
    assert team.is_fixed
    for _ in range(1000):
        team.took(10, 0.05, 0.03)
        assert team.threads == 3
    assert not TeamSize(2, 2).is_fixed
