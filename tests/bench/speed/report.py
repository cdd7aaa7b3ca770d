"""Medians, ratios, the goals, and how they are printed."""

import math
import statistics

MEMORY = "5,000 idle sessions"


class Results:
    """rounds[workers][load][contender] is the list of what each round measured, None where the
    round failed, so that the rounds of two contenders can be paired."""

    def __init__(self):
        self.rounds = {}
        self.loads = {}
        self.failures = []

    def add(self, workers, load, contender, result):
        self.loads[load.name] = load
        by_contender = self.rounds.setdefault(workers, {}).setdefault(load.name, {})
        by_contender.setdefault(contender, []).append(result)

    def values(self, workers, load, contender, key="value"):
        rounds = self.rounds.get(workers, {}).get(load, {}).get(contender, [])
        return [result[key] for result in rounds if result and key in result]

    def median(self, *what):
        values = self.values(*what)
        return statistics.median(values) if values else None

    def ratio(self, workers, load, contender, to, key="value"):
        """The median of the rounds' own ratios: what slows the whole machine down for a while
        slows both down, and cancels."""
        rounds = self.rounds.get(workers, {}).get(load, {})
        ratios = [one[key] / other[key]
                  for one, other in zip(rounds.get(contender, []), rounds.get(to, []))
                  if one and other and key in one and other.get(key)]
        return statistics.median(ratios) if ratios else None


    def cost(self, workers, load, contender):
        """The proxy's processor seconds per unit of work, over all rounds: the kernel counts in
        hundredths of a second, which is coarse for a single round."""
        rounds = [result for result in self.rounds.get(workers, {}).get(load, {}).get(contender, [])
                  if result and "cpu_s" in result]
        work = sum(result["work"] for result in rounds)
        return sum(result["cpu_s"] for result in rounds) / work if work else None

    def cost_ratio(self, workers, load, contender, to):
        one, other = self.cost(workers, load, contender), self.cost(workers, load, to)
        return one / other if one is not None and other else None


class Goal:
    """`void` says why a figure does not count, however good it looks."""

    def __init__(self, text, measured, bound, at_least=True, void=None):
        self.text, self.measured, self.bound, self.at_least = text, measured, bound, at_least
        self.void = void

    @property
    def met(self):
        if self.measured is None:
            return None
        if self.void:
            return False
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def row(self):
        verdict = {True: "met", False: "NOT met", None: "not measured"}[self.met]
        if self.void:
            verdict += f": {self.void}"
        measured = "-" if self.measured is None else f"{self.measured:.4g}"
        return [self.text, measured, f"{'≥' if self.at_least else '≤'} {self.bound:g}", verdict]

    def as_json(self):
        return {"goal": self.text, "measured": self.measured, "bound": self.bound,
                "at_least": self.at_least, "met": self.met,
                "void": self.void}


def goals(results):
    """With one worker. "sink" is the replica that keeps up; "stopped" one that is stopped while
    the memory pool lasts, "spill" one that is stopped while its bytes go to disk."""
    def against(load, contender, to="haproxy", key="value"):
        return results.ratio(1, load, contender, to, key)

    def bulk(text, load, contender, bound, to="haproxy"):
        copied = results.values(1, load, contender, "copied")
        lost = bool(copied) and min(copied) < 0.999
        return Goal(f"{load}: {text} / {to}", against(load, contender, to), bound,
                    void="the replica lost bytes" if lost else None)

    one, twenty, many = "redis c=1", "redis c=20", "redis c=200"
    memory = {name: results.median(1, MEMORY, name) for name in ("sink", "second")}
    listed = [Goal(f"{one}: rate / haproxy", against(one, "sink"), 1.1),
              Goal(f"{one}: median latency / haproxy", against(one, "sink", key="p50_ms"), 1,
                   at_least=False)]
    listed += [Goal(f"{load}: rate / haproxy", against(load, "sink"), 1) for load in (twenty, many)]
    listed += [Goal(f"{load}: processor time per request / haproxy",
                    results.cost_ratio(1, load, "sink", "haproxy"), 1, at_least=False)
               for load in (one, twenty, many)]
    listed += [bulk("rate", "iperf 1 stream", "sink", 1.15),
               bulk("rate", "iperf 8 streams", "sink", 1.2)]
    listed += [Goal(f"{load}: replica stopped / running", against(load, "stopped", "sink"), 0.97)
               for load in (one, twenty, many)]
    for load in ("iperf 1 stream", "iperf 8 streams"):
        listed += [bulk("stopped, pool lasts: rate", load, "stopped", 1),
                   bulk("stopped, spilling: rate", load, "spill", 0.5)]
    listed += [bulk("rate", "link 1 Gbit/s", "sink", 0.999, "native")]
    listed += [Goal(f"{MEMORY}, {name}: resident MB", value and value / 1e6, 10, False)
               for name, value in memory.items()]
    return listed


def table(heads, rows):
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = []
    for row in [heads, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def number(value, digits=4):
    """Four digits that count, without an exponent."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def load_table(results, workers, name):
    load = results.loads[name]
    rows = []
    for contender in results.rounds[workers][name]:
        values = results.values(workers, name, contender)
        if not values:
            rows.append([contender, "failed"] + [""] * 7)
            continue
        scale = 1e-6 if load.unit == "resident MB" else 1
        spread = f"{number(min(values) * scale, 3)}..{number(max(values) * scale, 3)}"
        copied = results.median(workers, name, contender, "copied")
        rows.append([contender, number(statistics.median(values) * scale), spread,
                     number(results.ratio(workers, name, contender, "haproxy"), 3),
                     number(results.ratio(workers, name, contender, "native"), 4),
                     number(results.median(workers, name, contender, "p50_ms"), 3),
                     number(results.cost(workers, name, contender), 3),
                     number(results.cost_ratio(workers, name, contender, "haproxy"), 3),
                     "-" if copied is None else f"{100 * copied:.4g} %"])
    heads = [load.unit, "median", "range", "/haproxy", "/native", "p50 ms",
             f"cpu s/{load.work}" if load.work else "", "/haproxy", "copied"]
    kept = [i for i in range(len(heads)) if i < 2 or any(row[i] not in ("-", "") for row in rows)]
    return f"{name}\n" + table([heads[i] for i in kept], [[row[i] for i in kept] for row in rows])


def text(results):
    parts = []
    for workers, loads in results.rounds.items():
        parts.append(f"=== {workers} worker thread{'s' if workers > 1 else ''} each ===")
        parts += [load_table(results, workers, name) for name in loads]
    listed = goals(results)
    if any(goal.met is not None for goal in listed):
        parts.append("=== goals, one worker thread each, median over the rounds ===\n"
                     + table(["goal", "measured", "bound", ""], [goal.row() for goal in listed]))
    if results.failures:
        parts.append("=== failures ===\n" + "\n".join("  " + line for line in results.failures))
    return "\n\n".join(parts)


def as_json(results, machine):
    return {"machine": machine, "rounds": results.rounds, "failures": results.failures,
            "goals": [goal.as_json() for goal in goals(results)]}
