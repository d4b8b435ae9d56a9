"""AgentDojo (Debenedetti et al., arXiv 2406.13352) through umi: its tasks, its attacks and its own checks of both.

No model plays: the planner, the caller and the summarizer follow a task's ground truth, and a hijacked planner
follows the injection's first. What is measured is what the policy, the labels and the wire allow, not whether some
model would fall for a text. Pointing it at another suite needs a policy file, and nothing else.
"""
