"""What the measurements of Ops/bench have in common."""

import pathlib
import time

from crashtest.processes import Failure

from . import machine
from .runs import Runs


class Measurements:
    """Runs measurements, which are methods, each of which takes its subjects in turn, as often as asked."""

    # measurement -> the programs without which there is nothing of it
    needs = {}

    def __init__(self, programs, directory, options):
        self.programs, self.directory, self.options = programs, pathlib.Path(directory), options
        self.runs, self.notes = Runs(), []
        if options.quick:
            self.notes.append("Quick: less of everything, each run once; the figures are not to be quoted.")

    def run(self, names):
        for name in names:
            missing = [self.programs.why[need] for need in self.needs.get(name, []) if need in self.programs.why]
            if missing:
                self.skip(name, "; ".join(missing))
                continue
            try:
                getattr(self, name)()
            except Failure as error:
                self.fail(name, "all", str(error))

    def skip(self, name, why):
        self.notes.append(f"Not measured: {name}: {why}")
        print(f"{name}: not measured: {why}", flush=True)

    def fail(self, name, subject, why):
        self.runs.add(name, subject, 0, machine.load(), error=why)
        print(f"{name}, {subject}: FAILED: {why}", flush=True)

    def interleave(self, name, subjects, repeat=None, *, rate, told):
        """subject -> what runs it and gives its figures, of which `rate` is one and `told` makes a few words. All of them in each round,
        every other one backwards: what else the machine does, and what a run leaves to the next, meets all of them."""
        for number in range(1, (repeat or self.options.repeat) + 1):
            for subject, measure in list(subjects.items())[:: 1 if number % 2 else -1]:
                load, begin = machine.load(), time.monotonic()
                try:
                    figures = measure()
                    if rate not in figures:
                        raise Failure(f"it told no {rate}: {figures}")
                except Failure as error:
                    self.fail(name, subject, str(error))
                    continue
                self.runs.add(name, subject, number, load, figures)
                print(f"{name}, {subject}, round {number}: {told(figures)} ({time.monotonic() - begin:.0f} s)", flush=True)
