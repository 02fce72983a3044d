"""Which ID tokens are believed, however they are forged, and who a believed one says it is."""

import base64
import hmac
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc import jwk

from app.auth.id_tokens import (
    Reason,
)
from app.auth.oidc import read_keys
from app.auth.oidc_views import believed
from app.config import Settings

from .played_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    DISCOVERY,
    ISSUER,
    PlayedProvider,
    in_base64,
    refused,
    rsa_key,
)

# ── ID tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────

KEYS_AND_ALGORITHMS = [
    (lambda: rsa_key("k"), "RS256"),
    (lambda: rsa_key("k"), "PS512"),
    (lambda: jwk.ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
    (lambda: jwk.ECKey.generate_key("P-384", {"kid": "k"}), "ES384"),
    (lambda: jwk.OKPKey.generate_key("Ed25519", {"kid": "k"}), "Ed25519"),
]


@pytest.mark.parametrize(("make_key", "algorithm"), KEYS_AND_ALGORITHMS)
def test_every_usual_signature_is_believed(
    provider: PlayedProvider, make_key: Callable[[], Any], algorithm: str
) -> None:
    provider.signing_key = make_key()
    provider.published = [rsa_key(), provider.signing_key]
    provider.header = {"alg": algorithm, "kid": "k"}
    assert provider.signs_in().subject == "ada"


def test_eddsa_by_its_older_name_is_believed(provider: PlayedProvider) -> None:
    key = jwk.OKPKey.generate_key("Ed25519", {"kid": "first"})
    provider.published = [key]
    attempt = provider.asks()
    signed = f"{in_base64({'alg': 'EdDSA', 'kid': 'first'})}.{in_base64(provider.usual_claims())}"
    provider.token = f"{signed}.{base64_of(key.raw_value.sign(signed.encode()))}"  # type: ignore[union-attr]
    assert (
        provider.client.authenticate({"code": CODE, "state": attempt.state}, request=attempt).subject == "ada"
    )


def base64_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signs_in_with(provider: PlayedProvider, make_token: Callable[[], str]) -> object:
    """Signs in with a token that is made once the nonce is known."""
    attempt = provider.asks()
    provider.token = make_token()
    return provider.client.authenticate({"code": CODE, "state": attempt.state}, request=attempt)


def test_a_token_without_a_signature_is_never_believed(provider: PlayedProvider) -> None:
    for algorithm in ("none", "None", "nOnE", ""):
        unsigned = {"alg": algorithm, "kid": "first"}
        fault = refused(
            lambda unsigned=unsigned: signs_in_with(  # type: ignore[misc]
                provider, lambda: f"{in_base64(unsigned)}.{in_base64(provider.usual_claims())}."
            )
        )
        assert fault.reason is Reason.ALGORITHM


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_public_key_as_a_secret_is_not_believed(
    provider: PlayedProvider, algorithm: str
) -> None:
    def forged(secret: bytes) -> str:
        signed = f"{in_base64({'alg': algorithm, 'kid': 'first'})}.{in_base64(provider.usual_claims())}"
        return f"{signed}.{base64_of(hmac.digest(secret, signed.encode(), algorithm.replace('HS', 'sha')))}"

    public = rsa_key().as_pem(private=False)
    for secret in (public, public.strip(), CLIENT_SECRET.encode(), b""):
        fault = refused(lambda secret=secret: signs_in_with(provider, lambda: forged(secret)))  # type: ignore[misc]
        assert fault.reason is Reason.ALGORITHM


def test_a_symmetric_key_that_the_provider_publishes_opens_nothing(provider: PlayedProvider) -> None:
    key = jwk.OctKey.import_key("made-up-shared-key-of-many-letters", {"kid": "first"})
    shared = key.as_dict(private=True)
    provider.answers["/keys"] = httpx.Response(200, json={"keys": [shared]})
    provider.signing_key, provider.header = key, {"alg": "HS256", "kid": "first"}
    assert refused(provider.signs_in).reason is Reason.ALGORITHM
    assert not read_keys({"keys": [shared]})


def test_a_token_signed_by_somebody_else_is_not_believed(provider: PlayedProvider) -> None:
    provider.signing_key = jwk.RSAKey.generate_key(2048, {"kid": "first"})
    fault = refused(provider.signs_in)
    assert fault.slug == "provider-fault"
    assert fault.reason is Reason.SIGNATURE


def test_a_key_that_stands_in_the_token_itself_is_not_looked_at(provider: PlayedProvider) -> None:
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "stranger"})
    provider.signing_key = stranger
    own = {"jwk": stranger.as_dict(private=False), "jku": "https://elsewhere.test/keys"}
    provider.header = {"alg": "RS256", "kid": "stranger", **own}
    assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert set(provider.asked) == {DISCOVERY, "/token", "/keys"}


def test_a_header_that_is_marked_as_critical_and_not_known_is_refused(provider: PlayedProvider) -> None:
    made = {"alg": "RS256", "kid": "first", "crit": ["made-up"], "made-up": 1}

    def signed() -> str:
        both = f"{in_base64(made)}.{in_base64(provider.usual_claims())}"
        return f"{both}.{base64_of(rs256(both.encode()))}"

    assert refused(lambda: signs_in_with(provider, signed)).reason is Reason.TOKEN
    del made["crit"]
    assert signs_in_with(provider, signed)


def rs256(signed: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key: Any = rsa_key().private_key
    signature: bytes = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signature


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.test"}, Reason.TOKEN_ISSUER),
        ({"iss": f"{ISSUER}/"}, Reason.TOKEN_ISSUER),
        ({"iss": [ISSUER]}, Reason.TOKEN_ISSUER),
        ({"iss": ...}, Reason.TOKEN_ISSUER),
        ({"aud": "another-application"}, Reason.AUDIENCE),
        ({"aud": ["another-application"]}, Reason.AUDIENCE),
        ({"aud": []}, Reason.AUDIENCE),
        ({"aud": ...}, Reason.AUDIENCE),
        ({"aud": [CLIENT_ID, "another-application"]}, Reason.AUDIENCE),
        ({"aud": [CLIENT_ID, "another-application"], "azp": "another-application"}, Reason.AUDIENCE),
        ({"azp": "another-application"}, Reason.AUDIENCE),
        ({"aud": "another-application", "azp": CLIENT_ID}, Reason.AUDIENCE),
        ({"nonce": "another"}, Reason.OTHER_NONCE),
        ({"nonce": ["another"]}, Reason.OTHER_NONCE),
        ({"nonce": ...}, Reason.OTHER_NONCE),
        ({"exp": ...}, Reason.TIME),
        ({"exp": "soon"}, Reason.TIME),
        ({"exp": 1}, Reason.TIME),
        ({"iat": ...}, Reason.TIME),
        ({"iat": 10**12}, Reason.TIME),
        ({"nbf": 10**12}, Reason.TIME),
        ({"sub": ...}, Reason.TOKEN),
        ({"sub": ""}, Reason.TOKEN),
        ({"sub": 7}, Reason.TOKEN),
        ({"sub": "a\nb"}, Reason.TOKEN),
        ({"sub": "a" * 256}, Reason.TOKEN),
    ],
)
def test_a_token_with_a_wrong_claim_is_not_believed(
    provider: PlayedProvider, claims: dict[str, Any], reason: Reason
) -> None:
    provider.claims = claims
    fault = refused(provider.signs_in)
    assert fault.reason is reason
    assert fault.slug == ("sign-in-again" if reason is Reason.OTHER_NONCE else "provider-fault")
    assert fault.__context__ is None


def test_a_token_for_several_applications_names_this_one_as_its_own(provider: PlayedProvider) -> None:
    provider.claims = {"aud": [CLIENT_ID, "another-application"], "azp": CLIENT_ID}
    assert provider.signs_in().subject == "ada"


def test_two_clocks_may_be_a_minute_apart(provider: PlayedProvider) -> None:
    now = int(provider.clock().timestamp())
    for claims in ({"iat": now + 60}, {"exp": now - 59}):
        provider.claims = claims
        assert provider.signs_in().subject == "ada"
    for claims in ({"iat": now + 61}, {"exp": now - 60}):
        provider.claims = claims
        assert refused(provider.signs_in).reason is Reason.TIME


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ("[]", "{}"),
        ('"alg"', "{}"),
        ("{}", "{}"),
        ('{"alg": ["RS256"]}', "{}"),
        ('{"alg": {"a": 1}}', "{}"),
        ('{"alg": "RS256", "kid": 7}', "{}"),
        ('{"alg": "RS256", "kid": "first", "b64": false, "crit": ["b64"]}', "{}"),
        ("\x00\xff", "{}"),
        ("[" * 5000, "{}"),
    ],
)
def test_a_token_that_makes_no_sense_is_a_sign_in_error(
    provider: PlayedProvider, header: str, payload: str
) -> None:
    parts = [base64_of(part.encode("latin-1")) for part in (header, payload)]
    fault = refused(lambda: signs_in_with(provider, lambda: ".".join([*parts, "AAAA"])))
    assert fault.reason in (Reason.TOKEN, Reason.ALGORITHM, Reason.SIGNATURE)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x5c"]),
        st.sampled_from(["RS256", "none", "HS256", "ES256", "first", None, 7, True, [], {}, ["b64"], "é"]),
    )
)
def test_whatever_a_forged_header_says_nobody_is_signed_in(
    provider: PlayedProvider, header: dict[str, Any]
) -> None:
    refused(
        lambda: signs_in_with(
            provider, lambda: f"{in_base64(header)}.{in_base64(provider.usual_claims())}.AAAA"
        )
    )


@pytest.mark.parametrize(
    "keys",
    [
        None,
        [],
        {"keys": "none"},
        {"keys": []},
        {"keys": [7, None, {}, {"kty": "made-up"}, {"kty": "RSA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "first"}]},
    ],
)
def test_a_list_without_the_key_signs_nobody_in(provider: PlayedProvider, keys: Any) -> None:
    provider.answers["/keys"] = httpx.Response(200, json=keys)
    assert refused(provider.signs_in).slug == "provider-fault"


def test_a_key_that_cannot_be_read_does_not_spoil_the_others(provider: PlayedProvider) -> None:
    good = rsa_key().as_dict(private=False)
    provider.answers["/keys"] = httpx.Response(
        200, json={"keys": [{"kty": "RSA", "n": "?"}, {"kty": "PQ"}, good]}
    )
    assert provider.signs_in().subject == "ada"


def test_a_new_key_is_fetched_when_a_token_names_it(provider: PlayedProvider) -> None:
    provider.signs_in()
    provider.signing_key, provider.header = rsa_key("second"), {"alg": "RS256", "kid": "second"}
    provider.published = [rsa_key(), rsa_key("second")]
    provider.clock.passes(61)
    assert provider.signs_in().subject == "ada"
    assert provider.asked.count("/keys") == 2


def test_an_unknown_key_is_looked_for_once_a_minute_at_most(provider: PlayedProvider) -> None:
    provider.header = {"alg": "RS256", "kid": "made-up"}
    for _ in range(3):
        assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert provider.asked.count("/keys") == 1
    provider.clock.passes(60)
    for _ in range(3):
        assert refused(provider.signs_in).reason is Reason.SIGNATURE
    assert provider.asked.count("/keys") == 2


def test_the_keys_are_fetched_once_an_hour(provider: PlayedProvider) -> None:
    for seconds in (0, 3599, 1):
        provider.clock.passes(seconds)
        provider.signs_in()
    assert provider.asked.count("/keys") == 2


# ── Who it is ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada\u202e  Example\n"}, "Ada Example"),
        ({"name": "n" * 300}, f"{'n' * 199}…"),
        ({"name": "", "preferred_username": "ada"}, "ada"),
        ({"name": 7, "email": "ada@company.test"}, "ada@company.test"),
        ({"name": "\ud800"}, "ada"),
        ({}, "ada"),
    ],
)
def test_a_person_has_a_name_that_can_be_shown(
    provider: PlayedProvider, claims: dict[str, Any], name: str
) -> None:
    assert signed_in_as(provider, claims).name == name


def signed_in_as(provider: PlayedProvider, claims: dict[str, Any]) -> Any:
    def signed() -> str:
        both = f"{in_base64({'alg': 'RS256', 'kid': 'first'})}.{in_base64(provider.usual_claims() | claims)}"
        return f"{both}.{base64_of(rs256(both.encode()))}"

    return signs_in_with(provider, signed)


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@company.test", "email_verified": True}, "ada@company.test"),
        ({"email": "ada@company.test", "email_verified": "true"}, "ada@company.test"),
        ({"email": "ada@company.test", "email_verified": "false"}, None),
        ({"email": "ada@company.test", "email_verified": 1}, None),
        ({"email": "ada@company.test", "email_verified": [True]}, None),
        ({"email": "ada@company.test"}, None),
        ({"email": "ada@company.test\n", "email_verified": True}, None),
        ({"email": "a@b@company.test", "email_verified": True}, None),
        ({"email": "ada", "email_verified": True}, None),
        ({"email": ["ada@company.test"], "email_verified": True}, None),
    ],
)
def test_an_email_counts_when_it_is_verified(
    provider: PlayedProvider, claims: dict[str, Any], email: str | None
) -> None:
    assert signed_in_as(provider, claims).email == email


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@company.test"}, "ada@company.test"),
        ({"email": "Ada@Company.TEST"}, "Ada@Company.TEST"),
        ({"email": "ada@other.test", "email_verified": True}, "ada@other.test"),
        ({"email": "ada@company.test", "email_verified": False}, None),
        ({"email": "ada@company.test", "email_verified": "false"}, None),
        ({"email": "ada@company.test", "email_verified": None}, None),
        ({"email": "ada@company.test", "email_verified": ""}, None),
        ({"email": "ada@other.test"}, None),
        ({"email": "ada@sub.company.test"}, None),
        ({"email": "ada@company.test.other.test"}, None),
        ({"email": "ada@notcompany.test"}, None),
        ({"email": "ada@other.test@company.test"}, None),
        ({"email": "ada@company.test\n"}, None),
        ({"email": "ada@ban\N{KELVIN SIGN}.test"}, None),
        ({"email": "company.test"}, None),
        ({"email": ["ada@company.test"]}, None),
        ({}, None),
    ],
)
def test_of_a_domain_that_is_named_an_email_counts_where_the_provider_does_not_say_whether_it_is_verified(
    provider: PlayedProvider, claims: dict[str, Any], email: str | None
) -> None:
    settings = Settings.model_construct(oidc_unverified_domains=("bank.test", "company.test"))
    assert believed(signed_in_as(provider, claims), settings=settings).email == email
    assert believed(signed_in_as(provider, claims), settings=Settings.model_construct()).email in (
        None,
        "ada@other.test",
    )


@pytest.mark.parametrize(
    ("told", "groups"),
    [
        (["platform", "payments"], ("platform", "payments")),
        ("platform", ("platform",)),
        (["platform", 7, None, "", "a\nb", "g" * 201, ["payments"]], ("platform",)),
        (["g"] * 1001, ()),
        ({"platform": True}, ()),
        (None, ()),
    ],
)
def test_groups_are_the_texts_of_their_claim(
    provider: PlayedProvider, told: Any, groups: tuple[str, ...]
) -> None:
    assert signed_in_as(provider, {"groups": told}).groups == groups
