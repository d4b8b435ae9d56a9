"""Where a device is: as its locale says, then its time zone, unless the configuration does."""

import pytest

from umi_edge.policy import Scanner
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop_policy import read_laptop_policy
from umi_edge.runtime.region import device_regions
from umi_shared.errors import ConfigError


@pytest.fixture
def nowhere(tmp_path):
    return tmp_path / "localtime"


@pytest.mark.parametrize(
    ("environment", "regions"),
    [
        ({}, ()),
        ({"LANG": "C.UTF-8"}, ()),
        ({"LANG": "de_AT.UTF-8"}, ("AT",)),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "fr_CH"}, ("CH",)),
        ({"LANG": "zh-Hans-CN"}, ("CN",)),
        ({"LANG": "en_US.UTF-8", "TZ": ":Europe/Berlin"}, ("US", "DE")),
        ({"LANG": "de_DE@euro", "TZ": "Europe/Berlin"}, ("DE",)),
        ({"TZ": "UTC"}, ()),
        ({"LANG": "eo_XX"}, ()),
    ],
)
def test_the_locale_goes_before_the_zone(nowhere, environment, regions):
    assert device_regions(environment, nowhere) == regions


def test_the_zone_is_that_of_the_system_where_the_environment_names_none(nowhere):
    nowhere.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert device_regions({}, nowhere) == ("JP",)


def test_the_default_policy_reads_numbers_as_this_device_does(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert [one.type for one in _scanner(EdgeConfig()).scan("at 2125550123")] == ["phone"]
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "UTC")
    assert not _scanner(EdgeConfig()).scan("at 2125550123")
    assert _scanner(EdgeConfig(region="US")).scan("at 2125550123")


def test_a_region_in_the_policy_goes_before_that_of_the_device(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndetect: [{type: phone, pattern: builtin, region: US}]\n")
    (phone,) = read_laptop_policy(EdgeConfig(policy=policy, region="DE")).detect
    assert phone.regions == ("US",)


def test_a_region_is_a_country(tmp_path):
    with pytest.raises(ConfigError, match="names a country"):
        EdgeConfig.parse("region: Germany\n", tmp_path / "config.yaml")


def _scanner(config: EdgeConfig) -> Scanner:
    detect = [one for one in read_laptop_policy(config).detect if one.pattern == "phone"]
    return Scanner(detect)
