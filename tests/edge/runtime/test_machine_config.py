"""The machine's own configuration: what it says, no user's file, flag or environment variable undoes."""

import os
import re
import sys
from pathlib import Path

import pytest

from umi_edge.commands._options import read_config
from umi_edge.diagnosis import system
from umi_edge.policy_tools.signature import (
    SignatureError,
    fingerprint,
    make_key,
    read_private_key,
    sign_policy,
)
from umi_edge.runtime import machine_config
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop import open_laptop
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_edge.runtime.machine_config import MachineConfig, check_machine, machine_config_path, under_machine
from umi_shared.errors import ConfigError
from umi_shared.settings import SettingsError


class Machine:
    """A machine with a configuration of its own, a user's beside it, and keys that sign policies."""

    def __init__(self, folder: Path) -> None:
        self.file, self.user = folder / "etc" / "umi.yaml", folder / "home" / "config.yaml"
        for file in (self.file, self.user):
            file.parent.mkdir()
        self.policy = folder / "policy.yaml"
        self.policy.write_text("version: 1\n")
        self.key, self.other = folder / "team.key", folder / "other.key"
        self.pinned, self.others = make_key(self.key), make_key(self.other)

    def says(self, text: str, *, user: str = "") -> None:
        self.file.write_text(text)
        self.user.write_text(user)

    def config(self, **flags) -> EdgeConfig:
        return read_config(self.user, environment=flags.pop("environment", {}), **flags)

    def sign(self, key: Path) -> None:
        sign_policy(self.policy, read_private_key(key))


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(machine_config, "machine_config_path", lambda: made.file)
    return made


def test_it_is_where_administrators_look():
    path = machine_config_path()
    assert path.name == "umi.yaml"
    if sys.platform.startswith("linux"):
        assert path == Path("/etc/umi/umi.yaml")


def test_without_one_a_users_configuration_is_as_it_was(machine):
    machine.user.write_text("preview: first\n")
    config = machine.config()
    assert (config.preview, config.machine_file, config.said_by_machine) == ("first", None, ())


def test_a_signature_that_the_machine_requires_is_required_whatever_the_user_says(machine):
    machine.says(f"require_signed_policy: {machine.pinned}\n", user=f"policy: {machine.policy}\n")
    with pytest.raises(SignatureError, match="it is not signed") as raised:
        read_laptop_policy(machine.config())
    assert f"{machine.file} requires a signed policy" in raised.value.message
    machine.sign(machine.other)
    with pytest.raises(SignatureError, match=re.escape(f"{machine.pinned} is required")):
        read_laptop_policy(machine.config())
    machine.sign(machine.key)
    assert read_laptop_policy(machine.config()).version == 1


def test_the_built_in_policy_is_none_that_was_signed(machine):
    machine.says(f"require_signed_policy: {machine.pinned}\n")
    with pytest.raises(ConfigError, match="has no `policy`") as raised:
        read_laptop_policy(machine.config())
    assert str(machine.file) in raised.value.message
    assert str(machine.user) in raised.value.message


def test_another_key_of_the_users_is_refused_and_the_same_one_is_not(machine):
    machine.says(
        f"require_signed_policy: {machine.pinned}\n", user=f"require_signed_policy: {machine.others}\n"
    )
    with pytest.raises(ConfigError, match="different keys") as raised:
        machine.config()
    assert str(machine.file) in raised.value.message
    machine.user.write_text(f"require_signed_policy: {machine.key}.pub\n")
    assert machine.config().require_signed_policy == machine.pinned


@pytest.mark.parametrize("how", ["file", "environment", "flag"])
def test_another_policy_than_the_machines_is_refused_however_it_is_asked_for(machine, how, tmp_path):
    machine.says(f"policy: {machine.policy}\n")
    own = tmp_path / "own.yaml"
    own.write_text("version: 1\n")
    assert machine.config().policy == machine.policy
    if how == "file":
        machine.user.write_text(f"policy: {own}\n")
    said = {"environment": {"UMI_POLICY": str(own)}} if how == "environment" else {}
    with pytest.raises(ConfigError, match="another one was asked for") as raised:
        machine.config(**said | ({"policy": own} if how == "flag" else {}))
    assert str(machine.file) in raised.value.message


@pytest.mark.parametrize(
    ("machines", "users", "holds"),
    [("first", "never", "first"), ("first", "always", "always"), ("never", "first", "first")],
)
def test_of_what_is_shown_before_it_leaves_the_stricter_holds(machine, machines, users, holds):
    machine.says(f"preview: {machines}\n", user=f"preview: {users}\n")
    assert machine.config().preview == holds
    assert machine.config(preview="never").preview == max(
        machines, "never", key=["never", "first", "always"].index
    )


@pytest.mark.parametrize(
    "text", ["require_signed_policy: ''\n", "polcy: x\n", "home: {notes: x}\n", "[", "\xff"]
)
def test_one_that_is_wrong_stops_all_and_names_itself(machine, text):
    machine.says("")
    machine.file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as raised:
        machine.config()
    assert str(machine.file) in raised.value.message


def test_one_that_cannot_be_read_stops_all(machine):
    machine.user.write_text("")
    machine.file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        machine.config()


async def test_a_program_that_opens_a_laptop_is_bound_too(machine):
    machine.says(f"require_signed_policy: {machine.pinned}\n")
    with pytest.raises(ConfigError, match="signed policy"):
        async with open_laptop(EdgeConfig(policy=machine.policy), tools=()):
            pass


def test_a_change_of_it_while_umi_runs_stops_umi(machine):
    before = under_machine(EdgeConfig())
    check_machine(before)
    machine.says(f"require_signed_policy: {machine.pinned}\n")
    with pytest.raises(ConfigError, match="was changed"):
        check_machine(before)
    check_machine(under_machine(EdgeConfig()))


def test_it_may_be_put_over_twice(machine):
    machine.says(f"policy: {machine.policy}\nrequire_signed_policy: {machine.pinned}\npreview: always\n")
    once = under_machine(EdgeConfig())
    assert under_machine(once) == once
    assert once.said_by_machine == ("policy", "require_signed_policy", "preview")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write every file")
def test_one_that_the_user_could_change_is_told(machine):
    machine.says("preview: first\n")
    assert MachineConfig(file=machine.file).is_writable
    machine.file.chmod(0o444)
    machine.file.parent.chmod(0o555)
    assert not MachineConfig(file=machine.file).is_writable
    machine.file.parent.chmod(0o755)


async def doctor(machine) -> dict[str, str]:
    return {finding.message: str(finding.status) async for finding in system.policy(machine.config())}


async def test_the_doctor_says_what_comes_from_the_machine_and_who_signed(machine):
    machine.says(f"require_signed_policy: {machine.pinned}\n", user=f"policy: {machine.policy}\n")
    machine.sign(machine.key)
    found = await doctor(machine)
    assert any(f"{machine.file} says `require_signed_policy` for every user" in one for one in found)
    assert found[f"signed by {machine.pinned}, as {machine.file} requires"] == "fine"


async def test_the_doctor_says_that_nobody_signed_or_that_it_was_changed_since(machine):
    machine.user.write_text(f"policy: {machine.policy}\n")
    assert (await doctor(machine))["not signed, and nothing requires it"] == "fine"
    machine.sign(machine.other)
    assert (await doctor(machine))[f"signed by {machine.others}"] == "fine"
    machine.policy.write_text("version: 1\nname: changed\n")
    assert [status for one, status in (await doctor(machine)).items() if "changed since" in one] == ["broken"]
    assert fingerprint(read_private_key(machine.other).public_key()) == machine.others
