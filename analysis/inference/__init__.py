"""Inference for graded answers: seeds and questions crossed, several answers to each question.

README.md in this folder says which interval is used where, why, and where it fails.
"""

from analysis.inference.agreement import (
    Scale,
    Weights,
    agreement_interval,
    confusion,
    kappa,
    kappa_interval,
    krippendorff_alpha,
)
from analysis.inference.bootstrap import crossed_bootstrap
from analysis.inference.correction import prediction_powered_rate, rogan_gladen_rate
from analysis.inference.estimates import gap, net_gap, rate
from analysis.inference.interval import Claim, Interval
from analysis.inference.logistic import LogisticCheck, logistic_check
from analysis.inference.reliability import design_effect, icc
from analysis.inference.significance import Equivalence, benjamini_hochberg, equivalence, holm, p_value
from analysis.inference.verdict import Checks, Outcome, PrimaryGap, Verdict, verdict

__all__ = [
    "Checks",
    "Claim",
    "Equivalence",
    "Interval",
    "LogisticCheck",
    "Outcome",
    "PrimaryGap",
    "Scale",
    "Verdict",
    "Weights",
    "agreement_interval",
    "benjamini_hochberg",
    "confusion",
    "crossed_bootstrap",
    "design_effect",
    "equivalence",
    "gap",
    "holm",
    "icc",
    "kappa",
    "kappa_interval",
    "krippendorff_alpha",
    "logistic_check",
    "net_gap",
    "p_value",
    "prediction_powered_rate",
    "rate",
    "rogan_gladen_rate",
    "verdict",
]
