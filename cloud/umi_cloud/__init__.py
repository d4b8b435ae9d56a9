"""The cloud: planner, summarizer, engines, authority, training and evaluation."""
