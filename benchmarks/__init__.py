"""Ratios measured in one run: each figure stands beside the one it is compared with."""
