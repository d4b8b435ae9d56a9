"""What a proxy says of a certificate: what is read, and what is refused because it could be read in two ways."""

from urllib.parse import quote_from_bytes

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.cloud.auth.conftest import csr
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.certificates import serial_text
from umi_cloud.auth.forwarded_certificate import forwarded_certificates
from umi_shared.errors import MalformedError


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.init(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def mine(authority) -> bytes:
    return authority.sign_device(csr(), "mine").pem


@pytest.fixture(scope="module")
def others(authority) -> bytes:
    return authority.sign_device(csr(), "others").pem


def spelled(pem: bytes) -> str:
    return quote_from_bytes(pem, safe="")


def digest(pem: bytes) -> str:
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def envoy(pem: bytes, name: str = "mine") -> str:
    """An element with all that Envoy can be told to say."""
    return (
        f'By=spiffe://edge;Hash={digest(pem)};Cert="{spelled(pem)}";Chain="{spelled(pem)}";'
        f'Subject="CN={name},O=A \\"B\\";";URI=umi://device/{name};DNS='
    )


def serial(header: str) -> str:
    return serial_text(forwarded_certificates(header)[-1].certificate())


def test_the_last_element_counts_whatever_stands_before_it(mine, others):
    expected = serial_text(x509.load_pem_x509_certificate(mine))
    for before in ("", f"{envoy(others, 'others')},", "By=x;Hash=ab,", 'Hash=, Subject="a,b;c\\"d",\t'):
        assert serial(before + envoy(mine)) == expected


@pytest.mark.parametrize("keys", [("Cert",), ("Chain",), ("Cert", "Hash"), ("Chain", "Hash")])
def test_a_certificate_or_a_chain_is_enough(mine, others, keys):
    values = {
        "Cert": spelled(mine),
        "Chain": spelled(mine + others),
        "Hash": digest(mine).upper(),
    }
    header = ";".join(f'{key}="{values[key]}"' for key in keys)
    assert serial(header) == serial_text(x509.load_pem_x509_certificate(mine))


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "=",
        "Cert",
        'Cert="',
        'Cert="MINE";',
        'Cert="MINE",',
        'Cert="MINE"x',
        'Cert=x"MINE"',
        'Cert="MINE"\n',
        'Cert="MINE";;Hash=x',
        'Cert="MINE";Cert="OTHERS"',
        'Chain="MINE";Chain="MINE"',
        'Cert="MINE";Chain="OTHERS"',
        'Cert="MINE";Hash=DIGEST;Hash=DIGEST',
        'Cert="MINE";Hash=00',
        'Cert="MINE";URI=umi://device/others',
        'Cert="MINE";URI=umi://device/mine;URI=umi://device/others',
        "Hash=DIGEST",
        "Hash=DIGEST;URI=umi://device/mine",
        'Cert="no%20certificate"',
        'Cert="MINE",By=x',
        'Cert="MINE";cert="OTHERS"',
        'Cert="MINE";Subject="' + "a" * 16384 + '"',
    ],
)
def test_what_is_not_whole_or_contradicts_itself_is_refused(mine, others, header):
    said = header.replace("MINE", spelled(mine)).replace("OTHERS", spelled(others))
    with pytest.raises(MalformedError):
        serial(said.replace("DIGEST", digest(mine)))


@pytest.mark.parametrize(
    "left_open",
    [
        'Cert="OTHERS";Subject="',
        'Subject="\\',
        'Cert="OTHERS";URI="x',
        'Hash="',
        'Cert="OTHERS";Subject="a\\"',
    ],
)
def test_a_device_cannot_swallow_what_the_proxy_appends(mine, others, left_open):
    """Envoy's APPEND_FORWARD puts its element behind whatever a device has sent."""
    header = f"{left_open.replace('OTHERS', spelled(others))},{envoy(mine)}"
    with pytest.raises(MalformedError):
        serial(header)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ('Hash=DIGEST;Subject="CN=mine";URI=umi://device/mine', "missing, it says Hash and Subject and URI"),
        ("Cert=", "missing, it says nothing"),
        ('Cert="MINE', "a quote that is left open"),
        ('Cert="MINE";Hash=00', "Hash is of another"),
        ('Cert="MINE";URI=umi://device/others', "URI is of another"),
        ('Cert="MINE";Chain="OTHERS"', "Cert is not the first of its Chain"),
        ('Cert="MINE";Cert="MINE"', "Cert or Chain more than once"),
        ('Cert="x"', "Cert or Chain is no certificate"),
        ("By=" + "a" * 16384, "more than 16384 characters"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_of_the_header_is_said(mine, others, header, words):
    said = header.replace("MINE", spelled(mine)).replace("OTHERS", spelled(others))
    with pytest.raises(MalformedError) as caught:
        serial(said.replace("DIGEST", digest(mine)))
    assert words in caught.value.message
    assert "umi://" not in caught.value.message


def test_keys_are_the_same_in_capitals(mine):
    """Envoy's documentation: the keys are case-insensitive."""
    header = f'by=x;HASH={digest(mine)};cert="{spelled(mine)}";uri=umi://device/mine'
    assert serial(header) == serial_text(x509.load_pem_x509_certificate(mine))


def test_the_rest_of_a_chain_is_what_has_signed_it(mine, others):
    (element,) = forwarded_certificates(f'Chain="{spelled(mine + others)}"')
    assert [serial_text(one) for one in element.issuers()] == [
        serial_text(x509.load_pem_x509_certificate(others))
    ]


def test_an_authoritys_own_certificate_names_no_device(authority):
    with pytest.raises(MalformedError):
        serial(f'Cert="{spelled(authority.ca_pem)}"')
