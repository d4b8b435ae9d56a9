"""The device's answers to requests for a list, and its word on what was done, in the user's words for days."""

from umi_edge.session.device_answer.answer import device_answer
from umi_edge.session.device_answer.asked import asks_plainly
from umi_edge.session.device_answer.changes import changes_done
from umi_edge.session.device_answer.listed import Written
from umi_edge.session.device_answer.style import Style

__all__ = ["Style", "Written", "asks_plainly", "changes_done", "device_answer"]
