"""Proof by simulation that the intervals of analysis.inference hold what they say."""
