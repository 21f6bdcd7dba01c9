"""Inference for graded answers: seeds and questions crossed, several answers to each question."""

from analysis.inference.estimates import gap, net_gap, rate
from analysis.inference.interval import Claim, Interval

__all__ = ["Claim", "Interval", "gap", "net_gap", "rate"]
