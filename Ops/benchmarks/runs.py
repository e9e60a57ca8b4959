"""What was measured: a list of runs, and the medians and ratios that follow from it."""

import statistics


class Runs:
    """A run is a dict: measurement, subject, round, load, and figures (key -> number). A failed one has an error instead of figures."""

    def __init__(self, runs=()):
        self.list = list(runs)

    def add(self, measurement, subject, number, load, figures=None, error=None):
        run = {"measurement": measurement, "subject": subject, "round": number, "load": load}
        run |= {"figures": figures} if error is None else {"error": error}
        self.list.append(run)
        return run

    def values(self, measurement, subject, key):
        """round -> figure, of the runs that have it."""
        return {
            run["round"]: run["figures"][key] for run in self.list
            if (run["measurement"], run["subject"]) == (measurement, subject) and run.get("figures", {}).get(key) is not None
        }

    def median(self, measurement, subject, key):
        values = self.values(measurement, subject, key)
        return statistics.median(values.values()) if values else None

    def spread(self, measurement, subject, key):
        """The least and the greatest; None without runs."""
        values = self.values(measurement, subject, key).values()
        return (min(values), max(values)) if values else None

    def ratio(self, measurement, subject, others, key):
        """The median, over the rounds, of a figure as a multiple of the others' greatest in the same round."""
        mine = self.values(measurement, subject, key)
        theirs = [self.values(measurement, other, key) for other in others]
        ratios = []
        for number, value in mine.items():
            rivals = [values[number] for values in theirs if values.get(number)]
            if len(rivals) == len(theirs):
                ratios.append(value / max(rivals))
        return statistics.median(ratios) if ratios else None

    def subjects(self, measurement):
        """In the order in which they were first run."""
        return list(dict.fromkeys(run["subject"] for run in self.list if run["measurement"] == measurement))

    @property
    def errors(self):
        return [run for run in self.list if "error" in run]

    def medians(self):
        """measurement -> subject -> key -> the median of its numbers."""
        found = {}
        for run in self.list:
            for key, value in run.get("figures", {}).items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    subjects = found.setdefault(run["measurement"], {})
                    subjects.setdefault(run["subject"], {})[key] = self.median(run["measurement"], run["subject"], key)
        return found
