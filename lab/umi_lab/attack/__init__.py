"""A hostile planner against the default policy: it searches for a way by which a kept value reaches a sink."""
