"""A bound holds for whom it is meant for and nobody else, in memory and in Redis, whatever becomes of the Redis."""

import contextlib
import logging
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask_limiter import Limiter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import parse

from app.core.limits import BOUNDS, MOST_KEYS, PAUSE, Bounds, Limits, RetryAfter
from app.core.secret import Secret

from ..conftest import Clock
from ..infisical.servers import CERTIFICATE
from ..processes import environment
from ..redis_server import PASSWORD, RedisServer, running

AN_HOUR = 60 * 60
SLOW: Bounds = {
    "sign-in": {"identity": "2 per hour", "address": "5 per hour"},
    "create": {"person": "2 per hour"},
}
"""Bounds that no test lives long enough to see open again."""

QUICK: Bounds = {"sign-in": {"identity": "2 per 2 seconds"}}
"""One that opens again while a test waits for Redis, whose clock no test can move."""

INFISICAL_REMEMBERS = 30
"""Seconds after which Infisical forgets a wrong secret, unless another has come meanwhile; its default."""

Make = Callable[..., Limits]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    with running() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """A Redis that knows nothing yet."""
    shared_server.stop()
    assert shared_server.start()
    return shared_server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.full)])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes limits that count in memory, and limits that count in Redis."""
    storage = request.getfixturevalue("server").address if request.param == "redis" else None

    def make(bounds: Bounds = SLOW) -> Limits:
        return Limits(storage=storage, bounds=bounds)

    return make


def is_refused(wait: RetryAfter | None, *, key: str) -> bool:
    return wait is not None and wait.key == key and 1 <= wait.seconds <= AN_HOUR


# Bounds


def test_the_bounds_are_these() -> None:
    assert BOUNDS == {
        "sign-in": {"identity": "2 per 61 seconds", "address": "10 per minute"},
        "create": {"person": "30 per minute", "address": "60 per minute"},
        "check": {"person": "10 per minute", "address": "30 per minute"},
        "once": {"identity": "1 per minute"},
    }


def test_of_any_three_tries_two_lie_further_apart_than_infisical_remembers_a_wrong_secret() -> None:
    bound = parse(BOUNDS["sign-in"]["identity"])
    assert bound.amount == 2
    assert bound.get_expiry() > 2 * INFISICAL_REMEMBERS


def test_what_nobody_chose_is_bounded_as_the_table_says() -> None:
    limits = Limits(storage=None)
    assert limits.hit("sign-in", identity="a") is None
    assert limits.hit("sign-in", identity="a") is None
    wait = limits.hit("sign-in", identity="a")
    assert wait is not None
    assert 30 < wait.seconds <= 61


def test_what_is_forgotten_may_be_done_again_and_no_other_key_of_it(make: Make) -> None:
    limits = make(BOUNDS)
    assert [limits.hit("once", identity=text) is None for text in ("a", "b")] == [True, True]
    limits.forget("once", identity="a")
    assert [limits.hit("once", identity=text) is None for text in ("a", "b")] == [True, False]


def test_as_many_uses_as_the_bound_says_are_allowed_and_not_one_more(make: Make) -> None:
    limits = make()
    assert limits.hit("sign-in", identity="a") is None
    assert limits.hit("sign-in", identity="a") is None
    assert is_refused(limits.hit("sign-in", identity="a"), key="identity")


def test_a_refusal_names_the_key_with_the_longest_wait(make: Make) -> None:
    limits = make({"sign-in": {"identity": "1 per minute", "address": "1 per hour"}})
    assert limits.hit("sign-in", identity="a", address="192.0.2.1") is None
    assert is_refused(limits.hit("sign-in", identity="a", address="192.0.2.1"), key="address")
    assert is_refused(limits.hit("sign-in", identity="a", address="192.0.2.2"), key="identity")


def test_the_bound_holds_in_every_window_whenever_it_begins(clock: Clock) -> None:
    limits = Limits(storage=None, bounds={"sign-in": {"identity": "2 per minute"}}, clock=clock.monotonic)
    began = clock.monotonic()
    allowed: list[float] = []
    for seconds in (0, 40, 19, 1, 1, 38, 1, 1, 20, 60, 1, 1):
        clock.passes(seconds)
        if limits.hit("sign-in", identity="a") is None:
            allowed.append(clock.monotonic() - began)
    assert allowed == [0, 40, 61, 101, 181, 182]
    assert all(third - first > 60 for first, third in zip(allowed, allowed[2:], strict=False))


def test_whoever_waits_as_long_as_was_told_is_allowed(clock: Clock) -> None:
    limits = Limits(storage=None, bounds=QUICK, clock=clock.monotonic)
    for _ in range(2):
        assert limits.hit("sign-in", identity="a") is None
        clock.passes(0.3)
    wait = limits.hit("sign-in", identity="a")
    assert wait == RetryAfter(seconds=2, key="identity")
    clock.passes(wait.seconds)
    assert limits.hit("sign-in", identity="a") is None


@pytest.mark.full
def test_whoever_waits_for_redis_as_long_as_was_told_is_allowed(server: RedisServer) -> None:
    limits = Limits(storage=server.address, bounds=QUICK)
    for _ in range(2):
        assert limits.hit("sign-in", identity="a") is None
    wait = limits.hit("sign-in", identity="a")
    assert wait is not None
    time.sleep(wait.seconds)
    assert limits.hit("sign-in", identity="a") is None


def test_to_ask_again_and_again_does_not_make_the_wait_longer(clock: Clock) -> None:
    limits = Limits(storage=None, bounds=QUICK, clock=clock.monotonic)
    waits = []
    for _ in range(10):
        waits.append(limits.hit("sign-in", identity="a"))
        clock.passes(0.25)
    assert [wait.seconds if wait else 0 for wait in waits] == [0, 0, 2, 2, 2, 1, 1, 1, 1, 0]


def test_a_use_that_one_key_refuses_is_not_counted_for_the_others(make: Make) -> None:
    limits = make()
    for _ in range(2):
        assert limits.hit("sign-in", identity="a", address="192.0.2.1") is None
    for _ in range(10):
        assert is_refused(limits.hit("sign-in", identity="a", address="192.0.2.1"), key="identity")
    for _ in range(3):
        assert limits.hit("sign-in", address="192.0.2.1") is None
    assert is_refused(limits.hit("sign-in", address="192.0.2.1"), key="address")


def test_a_key_without_a_text_is_not_counted(make: Make) -> None:
    limits = make()
    for _ in range(9):
        assert limits.hit("sign-in", identity=None) is None


def test_people_and_actions_are_counted_apart(make: Make) -> None:
    limits = make({"create": {"person": "1 per hour"}, "check": {"person": "1 per hour"}})
    assert limits.hit("create", person="a") is None
    assert limits.hit("create", person="b") is None
    assert limits.hit("check", person="a") is None
    assert limits.hit("create", person="a") is not None


def test_a_key_that_the_action_has_no_bound_for_is_an_error() -> None:
    with pytest.raises(LookupError):
        Limits(storage=None).hit("create", identity="a")


def test_all_addresses_of_one_ipv6_network_count_together() -> None:
    limits = Limits(storage=None, bounds={"sign-in": {"address": "1 per hour"}})
    assert limits.hit("sign-in", address="2001:db8:1:1::1") is None
    assert limits.hit("sign-in", address="2001:db8:1:1:ffff:ffff:ffff:ffff") is not None
    assert limits.hit("sign-in", address="2001:db8:1:2::1") is None


def test_ipv4_addresses_count_one_by_one_however_they_are_written() -> None:
    limits = Limits(storage=None, bounds={"sign-in": {"address": "1 per hour"}})
    assert limits.hit("sign-in", address="192.0.2.1") is None
    assert limits.hit("sign-in", address="::ffff:192.0.2.2") is None
    assert limits.hit("sign-in", address="::ffff:192.0.2.3") is None
    assert limits.hit("sign-in", address="::ffff:192.0.2.1") is not None


def test_what_is_no_address_is_counted_as_it_stands() -> None:
    limits = Limits(storage=None, bounds={"sign-in": {"address": "1 per hour"}})
    assert limits.hit("sign-in", address="unix:") is None
    assert limits.hit("sign-in", address="unix:") is not None


def test_many_at_the_same_moment_get_no_more_than_the_bound(make: Make) -> None:
    limits = make({"create": {"person": "20 per hour"}})
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: limits.hit("create", person="a"), range(80)))
    assert sum(wait is None for wait in waits) == 20


def test_memory_does_not_grow_with_every_stranger() -> None:
    limits = Limits(storage=None, bounds={"create": {"person": "1 per hour"}})
    assert limits.hit("create", person="a") is None
    assert limits.hit("create", person="a") is not None
    for stranger in range(MOST_KEYS):
        limits.hit("create", person=f"stranger {stranger}")
    assert limits.hit("create", person="a") is None


def test_a_crowd_of_strangers_does_not_open_again_what_is_shut() -> None:
    limits = Limits(storage=None, bounds={"sign-in": {"identity": "1 per hour", "address": "3 per hour"}})
    assert limits.hit("sign-in", identity="a", address="192.0.2.1") is None
    for stranger in range(MOST_KEYS + 10):
        limits.hit("sign-in", identity=f"stranger {stranger}", address="192.0.2.2")
    assert is_refused(limits.hit("sign-in", identity="a", address="192.0.2.3"), key="identity")
    assert is_refused(limits.hit("sign-in", identity="b", address="192.0.2.2"), key="address")


# In somebody else's application


def host(**config: object) -> tuple[Flask, Limits]:
    """An application with a Flask-Limiter of its own, which counts its one page; its other one spends ours."""
    app = Flask(__name__)
    app.config.update(RATELIMIT_HEADERS_ENABLED=True, **config)
    theirs = Limiter(lambda: "everybody", app=app, storage_uri="memory://", default_limits=["3 per hour"])
    ours = Limits(storage=None, bounds=SLOW)

    @app.get("/theirs")
    def their_page() -> str:
        return "theirs"

    @app.get("/ours")
    @theirs.exempt
    def our_page() -> str:
        return str(ours.hit("create", person="a"))

    return app, ours


def test_a_hosts_own_limiter_counts_its_own_pages_alone() -> None:
    client = host()[0].test_client()
    ours = [client.get("/ours").text for _ in range(5)]
    theirs = [client.get("/theirs") for _ in range(4)]
    assert [text == "None" for text in ours] == [True, True, False, False, False]
    assert [answer.status_code for answer in theirs] == [200, 200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in theirs] == ["2", "1", "0", "0"]


def test_a_host_that_switches_its_limiter_off_does_not_switch_ours_off() -> None:
    client = host(RATELIMIT_ENABLED=False)[0].test_client()
    assert [client.get("/ours").text == "None" for _ in range(3)] == [True, True, False]
    assert all(client.get("/theirs").status_code == 200 for _ in range(9))


# Redis


@pytest.mark.full
def test_two_that_share_a_redis_count_together(server: RedisServer) -> None:
    one, other = (Limits(storage=server.address, bounds=SLOW) for _ in range(2))
    assert one.hit("create", person="a") is None
    assert other.hit("create", person="a") is None
    assert is_refused(one.hit("create", person="a"), key="person")
    assert is_refused(other.hit("create", person="a"), key="person")


@pytest.mark.full
def test_nothing_that_redis_stores_tells_whom_it_is_about(server: RedisServer) -> None:
    limits = Limits(storage=server.address, bounds=SLOW)
    limits.hit("sign-in", identity="12735bda-1105-498c-bb98-028029b9c592", address="192.0.2.1")
    assert sorted(re.sub("[0-9a-f]{32}", "…", key) for key in server.stored_keys()) == [
        "infisical-connect:LIMITER/sign-in/address/…/5/1/hour",
        "infisical-connect:LIMITER/sign-in/identity/…/2/1/hour",
    ]


@pytest.mark.full
def test_everything_that_redis_stores_ends_by_itself(server: RedisServer) -> None:
    limits = Limits(storage=server.address, bounds=SLOW)
    limits.hit("sign-in", identity="made-up", address="192.0.2.1")
    limits.hit("create", person="made-up")
    ends = server.seconds_to_live()
    assert len(ends) == 3
    assert all(0 < seconds <= 3600 for seconds in ends)


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text() | st.just("a/b\0\r\n" * 9999) | st.just("\ud800"))
def test_any_text_can_be_a_key(text: str, shared_server: RedisServer) -> None:
    Limits(storage=shared_server.address, bounds=SLOW).hit("create", person=text)
    assert all(
        re.fullmatch(r"infisical-connect:LIMITER/[a-z-]+/[a-z]+/[0-9a-f]{32}/\d+/\d+/[a-z]+", key)
        for key in shared_server.stored_keys()
    )


def test_making_them_connects_to_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        Limits(storage=Secret(f"redis://127.0.0.1:{listener.getsockname()[1]}"))
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.full
def test_while_redis_is_stopped_uses_are_counted_in_memory_and_the_log_says_so_once(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(storage=server.address, bounds=SLOW, clock=clock.monotonic)
    assert limits.hit("create", person="before") is None
    server.stop()
    allowed = []
    for _ in range(5):
        allowed.append(limits.hit("create", person="a") is None)
        clock.passes(PAUSE + 1)
    # One of the two that the bound allows: the server's other process may take the other one.
    assert allowed == [True, False, False, False, False]
    assert [record.getMessage() for record in caplog.records] == [
        "Redis cannot be used (ConnectionError). Until it can, each process counts for itself."
    ]


@pytest.mark.full
def test_when_redis_is_back_it_is_used_again_and_the_next_outage_is_told_again(
    server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(storage=server.address, bounds=SLOW, clock=clock.monotonic)
    server.stop()
    assert limits.hit("create", person="a") is None
    assert server.start()
    assert limits.hit("create", person="a") is not None
    assert server.stored_keys() == []
    clock.passes(PAUSE + 1)
    assert limits.hit("create", person="a") is None
    assert limits.hit("create", person="a") is None
    assert len(server.stored_keys()) == 1
    server.stop()
    assert limits.hit("create", person="b") is None
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "Redis cannot be used",
        "Redis is in use again.",
        "Redis cannot be used",
    ]


@pytest.mark.full
def test_a_redis_that_was_started_anew_between_two_uses_is_no_outage(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(storage=server.address, bounds=SLOW)
    limits.hit("create", person="a")
    server.stop()
    assert server.start()
    assert limits.hit("create", person="a") is None
    assert len(server.stored_keys()) == 1
    assert not caplog.records


def test_a_redis_that_never_answers_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = Limits(storage=Secret(f"redis://127.0.0.1:{silent.getsockname()[1]}"), bounds=SLOW)
        assert [limits.hit("create", person="a") is None for _ in range(3)] == [True, False, False]
    assert "(TimeoutError)" in caplog.text


@pytest.mark.full
def test_a_password_that_redis_refuses_is_an_outage_and_stays_out_of_the_log(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "made-up-wrong-password"
    limits = Limits(storage=Secret(server.address.reveal().replace(PASSWORD, wrong)), bounds=SLOW)
    assert [limits.hit("create", person="a") is None for _ in range(3)] == [True, False, False]
    assert "(AuthenticationError)" in caplog.text
    assert wrong not in caplog.text


# Forks


def test_they_can_be_made_and_used_before_a_fork(server: RedisServer) -> None:
    """Each child counts in memory for itself, and in Redis with the others."""
    program = """
        import os, sys
        from app.core.limits import Limits
        from app.core.secret import Secret

        bounds = {"create": {"person": "4 per hour"}}
        every = [Limits(storage=None, bounds=bounds), Limits(storage=Secret(sys.stdin.read()), bounds=bounds)]
        told = lambda: " ".join(str(sum(limits.hit("create", person="a") is None for _ in range(2))) for limits in every)
        print(told(), flush=True)
        for _ in range(2):
            child = os.fork()
            if not child:
                print(told(), flush=True)
                os._exit(0)
            os.waitpid(child, 0)
    """
    done = subprocess.run(  # noqa: S603  # our own program
        (sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)),
        env=environment(),
        input=server.address.reveal(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["2 2", "2 2", "2 0"]
    assert done.stderr == ""


@pytest.mark.parametrize("authorities", [None, CERTIFICATE])
def test_a_redis_over_tls_may_be_behind_the_authority_of_the_network(authorities: Path | None) -> None:
    """Whether the handshake comes to its end: behind it nobody speaks Redis."""
    trusted: list[bool] = []

    def serve(listening: socket.socket) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        with (
            contextlib.suppress(OSError),
            listening.accept()[0] as plain,
            tls.wrap_socket(plain, server_side=True) as spoken,
        ):
            trusted.append(bool(spoken.recv(1)))

    with socket.create_server(("localhost", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        storage = Secret(f"rediss://localhost:{listening.getsockname()[1]}")
        assert not Limits(storage=storage, authorities=authorities).reached()
        thread.join(5)
    assert trusted == ([True] if authorities else [])
