"""Signed policies: what was signed is what is read, or nothing is."""

import base64
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from umi_edge.commands.policy import command
from umi_edge.policy.values_file import read_values_files
from umi_edge.policy_tools.signature import (
    SignatureError,
    fingerprint,
    make_key,
    pinned_key,
    read_private_key,
    read_signed_policy,
    sign_policy,
    signature_path,
    signer_of,
    verify_policy,
)
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_shared.errors import ConfigError, PolicyError, PrivacyError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
PINNED = fingerprint(KEY.public_key())


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "laptop.yaml"
    path.write_text("version: 1\nname: signed\n", encoding="utf-8")
    sign_policy(path, KEY)
    return path


def test_a_signed_policy_is_read(policy: Path) -> None:
    assert read_signed_policy(policy, PINNED).name == "signed"
    assert verify_policy(policy, PINNED) == PINNED


def test_every_changed_byte_of_the_policy_is_found(policy: Path) -> None:
    content = policy.read_bytes()
    for index in range(len(content)):
        policy.write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        with pytest.raises(SignatureError, match="changed since it was signed"):
            read_signed_policy(policy, PINNED)


@pytest.mark.parametrize(
    "change", [b"", b"{}", b"[]", b"x" * 70_000, b'{"umi_policy_signature": 3}', b"[" * 4000]
)
def test_a_broken_signature_is_an_error(policy: Path, change: bytes) -> None:
    signature_path(policy).write_bytes(change)
    with pytest.raises(SignatureError, match="not a signature of a policy"):
        read_signed_policy(policy, PINNED)


def test_an_unsigned_policy_is_an_error(policy: Path) -> None:
    signature_path(policy).unlink()
    with pytest.raises(SignatureError, match="not signed"):
        read_signed_policy(policy, PINNED)


def test_another_key_is_an_error(policy: Path) -> None:
    sign_policy(policy, OTHER)
    with pytest.raises(SignatureError, match="is required"):
        read_signed_policy(policy, PINNED)


def test_another_key_under_the_pinned_ones_name_is_an_error(policy: Path) -> None:
    sign_policy(policy, OTHER)
    path = signature_path(policy)
    forged = json.loads(path.read_text()) | {"fingerprint": PINNED}
    path.write_text(json.dumps(forged))
    with pytest.raises(SignatureError, match="is required"):
        read_signed_policy(policy, PINNED)


def test_a_signature_of_the_bytes_alone_does_not_count(policy: Path) -> None:
    path = signature_path(policy)
    bare = base64.b64encode(KEY.sign(policy.read_bytes())).decode()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"signature": bare}))
    with pytest.raises(SignatureError, match="changed since"):
        read_signed_policy(policy, PINNED)


def test_a_policy_that_does_not_load_is_not_signed(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 2\n")
    with pytest.raises(PolicyError):
        sign_policy(path, KEY)
    assert not signature_path(path).exists()


def test_keys_are_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "policy.key"
    made = make_key(path)
    assert (
        pinned_key(str(tmp_path / "policy.key.pub"))
        == made
        == fingerprint(read_private_key(path).public_key())
    )
    assert os.name == "nt" or path.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="already"):
        make_key(path)


def test_wrong_keys_are_told_apart(tmp_path: Path) -> None:
    pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    wrong = tmp_path / "ec"
    ec = generate_private_key(SECP256R1())
    wrong.write_bytes(ec.public_key().public_bytes(pem, public))
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        pinned_key(str(wrong))
    wrong.write_bytes(b"nothing")
    for read in (lambda: pinned_key(str(wrong)), lambda: read_private_key(wrong)):
        with pytest.raises(ConfigError):
            read()
    with pytest.raises(ConfigError, match="cannot be read"):
        pinned_key(str(tmp_path / "none"))
    locked = tmp_path / "locked"
    locked.write_bytes(
        KEY.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
        )
    )
    assert fingerprint(read_private_key(locked, b"word").public_key()) == PINNED
    for passphrase in (None, b"other"):
        with pytest.raises(ConfigError, match="passphrase"):
            read_private_key(locked, passphrase)


def test_a_managed_laptop_reads_nothing_else(policy: Path) -> None:
    managed = EdgeConfig(policy=policy, require_signed_policy=PINNED)
    assert read_laptop_policy(managed).name == "signed"
    policy.write_text("version: 1\ndefaults: {results: cloud}\n")
    with pytest.raises(SignatureError):
        read_laptop_policy(managed)
    with pytest.raises(ConfigError, match="requires a signed policy"):
        read_laptop_policy(EdgeConfig(require_signed_policy=PINNED))


def test_the_configuration_pins_a_key_file_beside_it(policy: Path) -> None:
    make_key(policy.parent / "k")
    sign_policy(policy, read_private_key(policy.parent / "k"))
    file = policy.parent / "config.yaml"
    config = EdgeConfig.parse("policy: laptop.yaml\nrequire_signed_policy: k.pub\n", file)
    assert read_laptop_policy(config).name == "signed"
    config = EdgeConfig.parse(f"policy: laptop.yaml\nrequire_signed_policy: {PINNED}\n", file)
    with pytest.raises(SignatureError):
        read_laptop_policy(config)


def test_the_commands_make_a_key_sign_and_verify(policy: Path) -> None:
    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False).output

    key = str(policy.parent / "k")
    assert "SHA256:" in run("new-key", key)
    assert "laptop.yaml.sig" in run("sign", str(policy), "--key", key)
    assert "signed by SHA256:" in run("verify", str(policy), "--key", f"{key}.pub")
    policy.write_text("version: 1\nname: changed\n")
    with pytest.raises(SignatureError):
        run("verify", str(policy), "--key", f"{key}.pub")


def test_an_empty_requirement_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names a public key"):
        EdgeConfig.parse('require_signed_policy: ""\n', tmp_path / "config.yaml")


@pytest.fixture
def with_values(tmp_path: Path) -> Path:
    """A signed policy with two files of values: one beside it, one in a folder."""
    path = tmp_path / "laptop.yaml"
    (tmp_path / "lists").mkdir()
    (tmp_path / "clients.txt").write_text("Nadja Petrov\n")
    (tmp_path / "lists" / "cases.txt").write_text("Kestrel Holdings\n")
    path.write_text(
        "version: 1\ndetect_also:\n"
        "  - {type: client, values_file: clients.txt}\n"
        "  - {type: case, values: [Rosewood], except_values_file: lists/cases.txt}\n"
    )
    sign_policy(path, KEY)
    return path


def test_a_signature_covers_the_files_of_values(with_values: Path) -> None:
    policy = read_signed_policy(with_values, PINNED)
    assert len(read_values_files(policy)) == 2
    assert signer_of(with_values) == PINNED


@pytest.mark.parametrize("file", ["clients.txt", "lists/cases.txt"])
@pytest.mark.parametrize("change", ["Nadja Petrov\nKestrel Holdings\nSomebody\n", "", None])
def test_a_changed_file_of_values_lets_no_policy_begin_and_no_session_go_on(
    with_values: Path, file: str, change: str | None
) -> None:
    running = read_signed_policy(with_values, PINNED)
    path = with_values.parent / file
    path.unlink() if change is None else path.write_text(change)
    for reads in (lambda: read_signed_policy(with_values, PINNED), lambda: signer_of(with_values)):
        with pytest.raises(SignatureError, match="is not what was signed") as caught:
            reads()
        assert "umi policy sign" in caught.value.fix
        assert file in str(caught.value)
        assert "Petrov" not in str(caught.value)
    with pytest.raises(PrivacyError) as stopped:
        read_values_files(running)
    assert change is None or "not the file that was signed" in str(stopped.value)
    sign = change is not None and change != ""
    if sign:
        sign_policy(with_values, KEY)
        assert len(read_values_files(read_signed_policy(with_values, PINNED))) == 2


def test_the_files_travel_with_the_policy(with_values: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(with_values.parent, elsewhere, ignore=shutil.ignore_patterns("elsewhere"))
    assert len(read_values_files(read_signed_policy(elsewhere / "laptop.yaml", PINNED))) == 2


@pytest.mark.parametrize("key", ["policy", "values_files"])
def test_a_manifest_that_was_changed_is_not_the_signed_one(with_values: Path, key: str) -> None:
    path = signature_path(with_values)
    document = json.loads(path.read_text())
    document[key] = "0" * 64 if key == "policy" else {}
    path.write_text(json.dumps(document))
    with pytest.raises(SignatureError, match="changed since it was signed"):
        read_signed_policy(with_values, PINNED)


def _signed_alone(path: Path) -> None:
    """As earlier versions signed: the policy's bytes and nothing else."""
    document = json.loads(signature_path(path).read_text())
    signature = KEY.sign(b"umi policy signature 1\n" + path.read_bytes())
    old = {"umi_policy_signature": 1, "signature": base64.b64encode(signature).decode()}
    kept = {name: document[name] for name in ("key", "fingerprint")}
    signature_path(path).write_text(json.dumps(kept | old))


def test_an_earlier_signature_holds_for_a_policy_without_such_files_alone(
    policy: Path, tmp_path: Path
) -> None:
    _signed_alone(policy)
    assert read_signed_policy(policy, PINNED).name == "signed"
    (tmp_path / "clients.txt").write_text("Nadja Petrov\n")
    policy.write_text("version: 1\ndetect_also: [{type: client, values_file: clients.txt}]\n")
    _signed_alone(policy)
    with pytest.raises(SignatureError, match="was not signed with it"):
        read_signed_policy(policy, PINNED)
