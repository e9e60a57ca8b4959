"""The parts of Ops/crash-test."""
