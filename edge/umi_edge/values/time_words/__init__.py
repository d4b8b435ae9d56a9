"""Days, times of day and lengths in people's own words."""

from umi_edge.values.time_words.phrases import TimePhrases

__all__ = ["TimePhrases"]
