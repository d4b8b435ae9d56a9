"""The ablation: the paper's ways of training at equal budgets, step by step on scenarios that none of them saw."""
