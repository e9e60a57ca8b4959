"""The parts of Ops/bench and Ops/soak."""
