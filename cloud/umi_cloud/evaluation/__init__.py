"""Evaluation: how well the roles do, step by step."""

from umi_cloud.evaluation.prediction_file import Prediction, read_predictions
from umi_cloud.evaluation.static import StaticMetrics, static_metrics

__all__ = ["Prediction", "StaticMetrics", "read_predictions", "static_metrics"]
