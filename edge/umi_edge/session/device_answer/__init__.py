"""The device's answers to requests for a list, in the user's words for days."""

from umi_edge.session.device_answer.answer import device_answer
from umi_edge.session.device_answer.asked import asks_plainly
from umi_edge.session.device_answer.listed import Written

__all__ = ["Written", "asks_plainly", "device_answer"]
