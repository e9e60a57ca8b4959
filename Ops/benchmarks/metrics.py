"""What an instance tells under /metrics."""

import re
import urllib.request

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Metrics:
    """The samples of one answer, in Prometheus' text format."""

    def __init__(self, text):
        self._samples = {}
        for name, labels, value in _SAMPLE.findall(text):
            self._samples.setdefault(name, []).append((dict(_LABEL.findall(labels)), float(value)))

    @classmethod
    def of(cls, address):
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return cls(answer.read().decode())

    def total(self, name):
        """Over all labels; None where there is no such metric."""
        samples = self._samples.get(name)
        return sum(value for _, value in samples) if samples else None

    def value(self, name, **labels):
        """Of the sample with these labels, None where there is none."""
        return next((value for found, value in self._samples.get(name, []) if labels.items() <= found.items()), None)

    def by_label(self, name, label):
        return {found[label]: value for found, value in self._samples.get(name, []) if label in found}
