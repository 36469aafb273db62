"""No form of a secret that a library may give it gets past, and ordinary words do."""

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from augmentation_api.printable import printable
from augmentation_api.redaction import FRAGMENT, Redactor

TOKEN = "hf_Xq7RvZ2mWc9TjLp4Kd6Bn8Gs3Yh5Fb1Qw"
FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda secret: secret,
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "repr of a repr": lambda secret: repr(repr(secret)),
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps([secret])),
    "percent": lambda secret: quote(secret, safe=""),
    "percent in lower case": lambda secret: quote(secret, safe="").lower(),
    "form": quote_plus,
    "HTML": html.escape,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of a header": lambda secret: base64.b64encode(f"Bearer {secret}".encode()).decode(),
    "base64 of a password": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"xy{secret}".encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "every byte in percent": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "upper case": str.upper,
    "words put together": lambda secret: " ".join(secret.split()),
    "cut": lambda secret: secret[3 : len(secret) - 5],
    "in pieces of ten": lambda secret: "\n".join(secret[at : at + 10] for at in range(0, len(secret), 10)),
}
SECRETS = st.one_of(
    st.just(TOKEN),
    st.just(
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n"
    ),
    st.just('{"type": "service_account", "private_key": "-----BEGIN RSA\\nMIIB+/=\\n", "id": "a\\u00e9"}'),
    st.just("apiVersion: v1\r\nusers:\r\n- name: admin\r\n\tuser: {token: 'q\"uote\\back'}\r\n"),
    st.text(min_size=FRAGMENT, max_size=600),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=FRAGMENT, max_size=512),
)


def seen_of(secret: str, text: str) -> list[str]:
    """Which FRAGMENTs of a secret stand in a text, apart from what the blot itself is made of."""
    parts = {secret[at : at + FRAGMENT] for at in range(len(secret) - FRAGMENT + 1)}
    return [part for part in parts if part in text.replace("***", "\0") and part.strip("*")]


@example(secret="0000000'", form="repr of a repr", before="", after="")
@given(secret=SECRETS, form=st.sampled_from(sorted(FORMS)), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_form_of_a_secret_gets_past(secret: str, form: str, before: str, after: str) -> None:
    text = f"{before}{FORMS[form](secret)}{after}"
    redacted = Redactor([secret]).text(text)
    assert not seen_of(secret, redacted)
    for decoded in (_unescaped(redacted), redacted.replace("%0A", "\n").replace("%20", " ")):
        assert not [part for part in seen_of(secret, decoded) if part not in before + after]


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").replace('\\"', '"').replace("\\'", "'")


@pytest.mark.parametrize("form", sorted(FORMS))
def test_of_a_token_nothing_remains_in_any_form(form: str) -> None:
    encoded = FORMS[form](TOKEN)
    kept = Redactor([TOKEN]).text(f"the hub says {encoded}, twice {encoded}")
    assert kept.startswith("the hub says ")
    parts = {encoded[at : at + 12] for at in range(2, len(encoded) - 14)}
    assert not [part for part in parts if part in kept]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc123defg45", "Authorization: Bearer ***"),
        ("see https://user:word@hub.example/a", "see https://***@hub.example/a"),
        ("GET https://cdn.example/b?X-Amz-Signature=12&b=c failed", "GET https://cdn.example/b?*** failed"),
        ("token hf_" + "a1" * 17 + " refused", "token *** refused"),
        ("key aug_Zq7RvX2mWc9TjLp4Kd6Bn8Gs3Yh5Fb1QwEr6-_tYuIo", "key ***"),
        ("the dataset lab/aug_so101_pick_place_2026-11-29", "the dataset lab/aug_so101_pick_place_2026-11-29"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln of a pod", "*** of a pod"),
        ("a bearer authentication is needed", "a bearer authentication is needed"),
        ("hf_request_event_hook of huggingface_hub", "hf_request_event_hook of huggingface_hub"),
        ("the hub https://hub.example/datasets/lab/pusht", "the hub https://hub.example/datasets/lab/pusht"),
    ],
)
def test_text_with_the_shape_of_a_credential_is_redacted_even_if_unknown(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "piece", ["a.", "a-", "http://", "bearer+", "a://", "eyJaaaaaaaa.", "aug_", "-----BEGIN ", "?"]
)
def test_whoever_chooses_a_text_does_not_make_the_search_long(piece: str) -> None:
    begin = time.process_time()
    Redactor().text(piece * (200_000 // len(piece)))
    assert time.process_time() - begin < 2  # a tenth of that; where the time grew with the square, it was a minute


def test_a_short_secret_is_blotted_out_where_it_stands_alone() -> None:
    assert Redactor(["hf_abc"]).text("Bearer hf_abc, of hf_abcd") == "Bearer ***, of hf_abcd"
    assert Redactor(["lab"]).text("the dataset lab/pusht") == "the dataset lab/pusht"


def test_a_name_that_programs_read_loses_a_whole_secret_and_no_more() -> None:
    redactor = Redactor(["pusht-lab-token"])
    assert redactor.value("pusht-lab-t") == "pusht-lab-t"
    assert redactor.value("v1-pusht-lab-token") == "v1-***"


@given(text=st.text(), limit=st.integers(0, 50))
def test_printable_text_is_one_line_of_bounded_length_without_control_characters(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= max(limit, 1)
    assert shown.isprintable()
    assert printable(shown) == shown


def test_escape_sequences_and_turned_text_are_shown_as_what_they_are() -> None:
    assert printable("a\x1b]0;title\x07b\n2026 INFO forged\u202egnp.exe") == (
        "a\\x1b]0;title\\x07b\\n2026 INFO forged\\u202egnp.exe"
    )
    assert printable("prüfen 機器人 …") == "prüfen 機器人 …"


def test_container_of_azure_is_named_and_user_information_is_not() -> None:
    named = "there is nothing in abfss://robots@lab.dfs.core.windows.net/datasets/pusht or abfss://a-b@lab.dfs.core.windows.net."
    assert Redactor().text(named) == named
    for url in (
        "abfss://s3cret@lab.dfs.core.windows.net@evil.example/a",
        "abfss://s3cret@lab.dfs.core.windows.net.evil.example/a",
        "abfss://user:s3cret@lab.dfs.core.windows.net/a",
        "https://s3cret@lab.dfs.core.windows.net/a",
    ):
        assert "s3cret" not in Redactor().text(f"see {url}"), url
