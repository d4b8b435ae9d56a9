"""What a person reads when a planner refuses: every reason that a server gives has words and a mend here."""

import pytest

from umi_cloud import status
from umi_cloud.auth import abort
from umi_edge.connection import enrolment_refusals, refusals


@pytest.mark.parametrize("reason", sorted({*status._CODES, *abort._CODES}))
def test_every_reason_of_a_servers_has_words_and_a_mend(reason):
    known = {**enrolment_refusals._REASONS, **refusals._REASONS}
    words, fix = known.get(reason, ("", ""))
    assert words
    assert fix


@pytest.mark.parametrize("reason", sorted(one for one in abort._CODES if one.startswith("CERTIFICATE_")))
def test_every_reason_that_is_a_certificates_has_words_for_a_session(reason):
    words, fix = refusals._REASONS[reason]
    assert words
    assert fix
