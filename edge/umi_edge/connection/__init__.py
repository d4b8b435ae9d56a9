"""How this laptop knows its planner: key, enrolment, connection, refusals."""
