"""GLPFT (α-UMi, arXiv 2401.07324 §3.3): one model learns whole trajectories, then a copy of it for each role."""

from umi_cloud.glpft.progress import Progress
from umi_cloud.glpft.recipe import Recipe, Stage, read_recipe, recipe_files

__all__ = ["Progress", "Recipe", "Stage", "read_recipe", "recipe_files"]
