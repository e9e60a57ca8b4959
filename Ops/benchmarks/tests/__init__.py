"""Tests of what Ops/bench and Ops/soak conclude from figures; nothing in them is timed."""
