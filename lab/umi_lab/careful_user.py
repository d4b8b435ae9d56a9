"""The careful user: looks at who decided each value that consent shows, and at nothing else."""

from umi_edge.session.consent import ConsentRequest, DecidedBy

__all__ = ["CarefulUser"]


class CarefulUser:
    """Reads who decided each value, and says no where a stranger did; never looks at what the values are.

    It does not know the task. What it stops, umi's provenance stops.
    """

    def __init__(self) -> None:
        self.asked = 0

    async def approve(self, request: ConsentRequest) -> bool:
        """Yes where no value was decided by a stranger."""
        self.asked += 1
        return all(request.decided_by(name) is not DecidedBy.STRANGER for name in request.arguments)
