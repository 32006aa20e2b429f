"""The election with two candidates, one API server in memory, and clocks that a test holds in its hand."""

from turnout_operator.kube import ApiError
from turnout_operator.kube_fake import FakeKube
from turnout_operator.lease import EPOCH, PLAUSIBLE_AHEAD_MS, Elector
from turnout_operator.settings import LeaseTimings

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/turnout-operator"
NOON = 1_800_000_000_000


class Clock:
    """Monotonic seconds and Unix milliseconds, apart, as they are."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = NOON

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.wall += round(seconds * 1000)


def elector(kube: FakeKube, clock: Clock, name: str = "a") -> Elector:
    return Elector(
        kube,
        namespace="system",
        name="turnout-operator",
        identity=name,
        timings=LeaseTimings(),
        monotonic=lambda: clock.now,
        wall_ms=lambda: clock.wall,
    )


def epoch_in(kube: FakeKube) -> int:
    return int(kube.objects[PATH]["metadata"]["annotations"][EPOCH])


def leads(candidate: Elector) -> bool:
    return candidate.leading


def leading(kube: FakeKube, clock: Clock, name: str = "a") -> tuple[Elector, int]:
    candidate = elector(kube, clock, name)
    candidate.step()
    assert candidate.epoch is not None
    return candidate, candidate.epoch


def test_the_first_one_leads_under_an_epoch_of_its_clock() -> None:
    kube, clock = FakeKube(), Clock()
    _, epoch = leading(kube, clock)
    assert epoch == NOON == epoch_in(kube)


def test_a_second_one_waits_while_the_first_renews() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    second = elector(kube, clock, "b")
    for _ in range(30):
        clock.pass_(2)
        first.step()
        second.step()
        assert first.epoch == epoch
        assert second.epoch is None


def test_a_silent_leader_stops_before_the_next_one_starts() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    second = elector(kube, clock, "b")
    stopped_at = started_at = 0.0
    for _ in range(300):
        clock.pass_(0.1)
        second.step()
        stopped_at = stopped_at or (clock.now if not first.leading else 0.0)
        if second.leading:
            started_at = clock.now
            break
    assert 0 < stopped_at < started_at
    assert (second.epoch or 0) > epoch
    assert kube.objects[PATH]["spec"]["leaseTransitions"] == 1


def test_a_paused_leader_knows_at_once_that_its_time_is_over() -> None:
    kube, clock = FakeKube(), Clock()
    first, _ = leading(kube, clock)
    clock.pass_(60)
    assert first.epoch is None
    second = elector(kube, clock, "b")
    second.step()
    clock.pass_(16)
    second.step()
    assert second.leading
    first.step()
    assert not leads(first)


def test_a_rivals_wall_clock_means_nothing() -> None:
    kube, clock = FakeKube(), Clock()
    first, _ = leading(kube, clock)
    ahead = Clock()
    ahead.wall += 365 * 86_400_000
    second = elector(kube, ahead, "b")
    for _ in range(10):
        clock.pass_(2)
        ahead.pass_(2)
        first.step()
        second.step()
    assert leads(first)
    assert not second.leading


def test_an_epoch_rises_also_when_the_clock_was_set_back() -> None:
    kube, clock = FakeKube(), Clock()
    _, epoch = leading(kube, clock)
    clock.wall -= 86_400_000
    second = elector(kube, clock, "b")
    second.step()
    clock.now += 16
    second.step()
    assert second.epoch == epoch + 1


def test_an_epoch_rises_also_when_the_lease_was_deleted_and_the_clock_set_back() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    del kube.objects[PATH]
    clock.wall -= 86_400_000
    clock.now += 2
    first.step()
    assert first.epoch == epoch + 1


def test_a_leader_goes_above_what_a_gateway_has_seen() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    first.raise_above(epoch + 5000)
    assert first.epoch == epoch + 5001 == epoch_in(kube)
    first.raise_above(epoch)
    assert first.epoch == epoch + 5001


def test_a_leader_that_hears_a_higher_epoch_and_has_lost_the_lease_leads_no_more() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    del kube.objects[PATH]
    _, other = leading(kube, clock, "b")
    assert leads(first)  # it has not looked yet
    first.raise_above(max(other, epoch) + 1)
    assert not leads(first)
    assert kube.objects[PATH]["spec"]["holderIdentity"] == "b"


def test_an_epoch_of_the_far_future_is_not_believed() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    first.raise_above(NOON + PLAUSIBLE_AHEAD_MS + 1)
    assert first.epoch == epoch
    assert first.plausible(NOON + PLAUSIBLE_AHEAD_MS)
    assert not first.plausible(2**62)


def test_a_restart_under_the_same_name_is_a_new_term_at_once() -> None:
    kube, clock = FakeKube(), Clock()
    _, epoch = leading(kube, clock)
    clock.pass_(1)
    _, again = leading(kube, clock)
    assert again > epoch


def test_a_released_lease_is_taken_without_waiting_and_keeps_its_epoch() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)
    first.release()
    assert not leads(first)
    assert epoch_in(kube) == epoch
    clock.wall -= 86_400_000
    _, next_epoch = leading(kube, clock, "b")
    assert next_epoch == epoch + 1


def test_an_api_server_that_does_not_answer_is_a_renewal_that_did_not_happen() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)

    def fault(_method: str, _path: str) -> None:
        raise ApiError(0, "NoAnswer", "down")

    kube.fault = fault
    clock.pass_(9)
    first.step()
    assert first.epoch == epoch
    clock.pass_(2)
    first.step()
    assert not leads(first)
    kube.fault = None
    first.step()
    assert (first.epoch or 0) > epoch


def test_a_write_between_reading_and_renewing_costs_one_step_and_not_the_lease() -> None:
    kube, clock = FakeKube(), Clock()
    first, epoch = leading(kube, clock)

    def fault(method: str, path: str) -> None:
        if method == "PUT":
            kube.fault = None
            raise ApiError(409, "Conflict", "the object has been modified")

    kube.fault = fault
    clock.pass_(2)
    first.step()
    clock.pass_(2)
    first.step()
    clock.pass_(9)
    assert first.epoch == epoch
