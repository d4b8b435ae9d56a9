"""Episodes: conversations with tools, read from many sources, and the training sets made of them."""

from umi_cloud.episodes.episode import Episode, Role
from umi_cloud.episodes.episode_file import read_episodes, write_episodes
from umi_cloud.episodes.training_row import TrainingRow
from umi_cloud.episodes.training_set import training_rows

__all__ = ["Episode", "Role", "TrainingRow", "read_episodes", "training_rows", "write_episodes"]
