"""From samples to a table, a plot, and the place in README.md that holds the last table."""

# ruff: noqa: PLC0415 - a process imports only what it measures

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["into_readme", "plot", "table"]

EXPORT, STREAM, DROPPED = "devrev-async export", "devrev-async export_stream", "devrev-async stream, dropped"
SDK, ORJSON, FLOOR = "devrev-python-sdk", "aiohttp + orjson", "floor"
START, END = "<!-- last table -->\n", "<!-- end of last table -->"

Samples = dict[str, list[dict[str, float]]]


def _median(samples: list[dict[str, float]], key: str) -> float:
    return statistics.median(sample[key] for sample in samples)


def _ratio(samples: Samples, one: str, other: str, key: str) -> float:
    """The median of the ratios within one turn."""
    pairs = zip(samples[one], samples[other], strict=True)
    return statistics.median(mine[key] / theirs[key] for mine, theirs in pairs)


def _rows(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def table(data: dict[str, Any]) -> str:
    """Everything as Markdown: the goals first."""
    machine = data["machine"]
    floors = [sample["wall"] for sample in data["close"]["plain"][FLOOR]]
    spread = (max(floors) - min(floors)) / statistics.median(floors)
    idle = _median(data["stalls"]["idle"]["ticker alone"], "stall")
    taken, tries = _stolen(data)
    run = (
        f"`{machine['command']}`: {machine['seconds']} s on {machine['cores']} cores, Python {machine['python']}, "
        f"load {machine['load'][0]} before and {machine['load'][1]} after. Noise: the floor's own wall time spread "
        f"over {spread:.0%} of its median, and a 1 ms ticker beside nothing was late by {idle * 1e3:.1f} ms. The "
        f"hypervisor took {statistics.median(taken):.1%} of the cores' time (median; at most {max(taken):.1%}) during "
        f"the {len(taken)} measurements that count, for which {tries} were made.\n"
    )
    if again := machine.get("again"):
        run += f"\nMeasured once more at the end of the same day, each part in one run: {', '.join(again)}.\n"
    tables = [_export_table(wire, samples) for wire, samples in data["exports"].items()]
    tables += [
        _close_table(data["close"], data["close gets"]),
        _stall_table(data["stalls"]),
        _tail_table(data["tails"]),
        _get_table(data["gets"]),
    ]
    tables += [
        _import_table(data["imports"]),
        _growth_table({"at once": data["growth"], "after 0.2 s": data["distant"]}),
    ]
    return "\n".join((run, _goals(data), *tables))


def _stolen(data: dict[str, Any]) -> tuple[list[float], int]:
    """What was taken from each measurement, and how many were made to find them."""
    parts = (data["exports"], data["close"], data["stalls"], data["tails"], data["growth"], data["distant"])
    groups: list[Samples] = [data["gets"], data["close gets"], data["imports"]]
    groups += [samples for part in parts for samples in part.values()]
    counted = [sample for samples in groups for found in samples.values() for sample in found]
    return [sample["stolen"] for sample in counted], round(sum(sample["tries"] for sample in counted))


def _goals(data: dict[str, Any]) -> str:
    plain, stalls, gets, imports = data["exports"]["plain"], data["stalls"], data["gets"], data["imports"]
    worst_form, worst = max(
        ((form, _median(samples[client], "stall")) for form, samples in stalls.items() for client in samples
         if client in (EXPORT, STREAM)), key=lambda pair: pair[1],
    )  # fmt: skip
    busy = max(_median(samples[client], "busy") for samples in stalls.values() for client in (EXPORT, STREAM)
               if client in samples)  # fmt: skip
    tail = max(_median(samples[client], "tail") for samples in data["tails"].values() for client in (EXPORT, STREAM))
    kept = _ratio(data["close gets"], "devrev-async, get_many", "aiohttp + msgspec, works kept", "cpu")
    growth = {int(size): samples for size, samples in data["growth"].items()}
    small, large = sorted(growth)[1], max(growth)  # the least needs its works three times over
    # beside fetching by hand, which is linear: minutes lie between the two sizes, and the machine has its moods
    beside = {size: _ratio(growth[size], "export_all", "by hand", "cpu") for size in (small, large)}
    grown = _median(growth[large]["export_all"], "peak") - _median(growth[small]["export_all"], "peak")
    (distant,) = data["distant"].values()
    ours, deps, theirs = (_median(imports[name], "cpu") for name in imports)
    at_most: Callable[[float, float], bool] = lambda value, goal: value <= goal  # noqa: E731
    at_least: Callable[[float, float], bool] = lambda value, goal: value >= goal  # noqa: E731
    rows: list[tuple[str, float, str, Callable[[float, float], bool], float]] = [
        ("export: times faster than devrev-python-sdk (wall)", _ratio(plain, SDK, EXPORT, "wall"), "", at_least, 6),
        ("export: times faster than aiohttp + orjson (wall)", _ratio(plain, ORJSON, EXPORT, "wall"), "", at_least, 2),
        *((f"export, {wire}: {name} of the floor's", _ratio(samples, EXPORT, FLOOR, key), "", at_most, 1.1)
          for wire, samples in data["close"].items() for name, key in (("wall", "wall"), ("CPU", "cpu"))),
        ("first item: times sooner than devrev-python-sdk", _ratio(plain, SDK, STREAM, "first"), "", at_least, 200),
        (f"longest stall of the loop ({worst_form})", worst * 1e3, " ms", at_most, 25),
        ("the same, only while the client itself was at work", busy * 1e3, " ms", at_most, 25),
        ("tail after the last byte, paced wire", tail * 1e3, " ms", at_most, 8),
        ("memory above the result", _median(plain[EXPORT], "peak_above_result") / 1e6, " MB", at_most, 4),
        ("memory in all, items dropped", _median(plain[DROPPED], "peak") / 1e6, " MB", at_most, 8),
        ("memory per held work, of devrev-python-sdk's", _ratio(plain, EXPORT, SDK, "held"), "", at_most, 0.25),
        ("works.get: CPU of bare aiohttp + msgspec's",
         _ratio(data["close gets"], "devrev-async", "aiohttp + msgspec", "cpu"), "", at_most, 1.15),
        ("the same through get_many",
         _ratio(data["close gets"], "devrev-async, get_many", "aiohttp + msgspec", "cpu"), "", at_most, 1.15),
        ("the same, where the bare client keeps the works too", kept, "", at_most, 1.15),
        ("works.get: times less CPU than devrev-python-sdk", _ratio(gets, SDK, "devrev-async", "cpu"), "", at_least, 4),
        ("import: of its four dependencies'", ours / deps, "", at_most, 1.2),
        ("import: of `import devrev`'s", ours / theirs, "", at_most, 0.5),
        (f"export_all of {large}: CPU beside by hand, of that of {small}",
         beside[large] / beside[small], "", at_most, 1.15),
        ("the same: memory beyond that", grown / 1e6, " MB", at_most, 50),
        ("the same: works fetched per work", _median(growth[large]["export_all"], "fetched"), "", at_most, 1.1),
        ("the same: wall of fetching by hand, no latency",
         _ratio(growth[large], "export_all", "by hand", "wall"), "", at_most, 1.0),
        ("export_all: wall of fetching by hand, answers 0.2 s away",
         _ratio(distant, "export_all", "by hand", "wall"), "", at_most, 1.0),
        ("600 gets under a quota: of the ideal time",
         data["quota"]["wall"] / data["quota"]["ideal"], "", at_most, 1.03),
        ("the same: refusals", data["quota"]["refused"], "", at_most, 0),
    ]  # fmt: skip
    shown = [
        [name, f"{value:.3g}{unit}", f"{'at most' if met is at_most else 'at least'} {goal:g}{unit}",
         "yes" if met(value, goal) else "**no**"]
        for name, value, unit, met, goal in rows
    ]  # fmt: skip
    return _rows(["goal", "measured", "goal is", "met"], shown)


def _export_table(wire: str, samples: Samples) -> str:
    rows = [
        [
            client,
            f"{_ratio(samples, client, FLOOR, 'wall'):.2f}",
            f"{_ratio(samples, client, FLOOR, 'cpu'):.2f}",
            f"{_median(found, 'wall') * 1e3:.0f} ms",
            f"{_median(found, 'first') * 1e3:.1f} ms",
            f"{_median(found, 'peak_above_result') / 1e6:.1f} MB",
            f"{_median(found, 'held') / 1e3:.1f} kB",
        ]
        for client, found in samples.items()
    ]
    head = ["wall / floor", "CPU / floor", "wall", "first item", "memory above the result", "held per work"]
    return f"### One export of 5000 works, {wire}\n\n" + _rows(["client", *head], rows)


def _close_table(close: dict[str, Samples], gets: Samples) -> str:
    rows = [
        [f"an export, {wire}", client, *_ratios(samples, client, FLOOR)]
        for wire, samples in close.items()
        for client in (EXPORT, STREAM)
    ]
    ours = ("devrev-async", "devrev-async, get_many")
    rows += [["works.get", client, *_ratios(gets, client, "aiohttp + msgspec")] for client in ours]
    rows += [["works.get, works kept", ours[1], *_ratios(gets, ours[1], "aiohttp + msgspec, works kept")]]
    head = ["what", "client", "wall", "half of the turns", "CPU", "half of the turns", "turns"]
    title = "### Beside the closest rival alone: the floor, for works.get bare aiohttp + msgspec\n\n"
    return title + _rows(head, rows)


def _ratios(samples: Samples, client: str, rival: str) -> list[str]:
    """The median ratio of wall and CPU, each with the range in which the middle half of the turns lies."""
    shown: list[str] = []
    for key in ("wall", "cpu"):
        pairs = zip(samples[client], samples[rival], strict=True)
        low, median, high = statistics.quantiles(mine[key] / theirs[key] for mine, theirs in pairs)
        shown += [f"{median:.3f}", f"{low:.2f} to {high:.2f}"]
    return [*shown, str(len(samples[client]))]


def _stall_table(stalls: dict[str, Samples]) -> str:
    rows = [
        [
            form,
            client,
            f"{_median(found, 'stall') * 1e3:.1f} ms",
            f"{max(sample['stall'] for sample in found) * 1e3:.1f} ms",
            f"{_median(found, 'busy') * 1e3:.1f} ms",
        ]
        for form, samples in stalls.items()
        for client, found in samples.items()
    ]
    head = ["body", "client", "median", "worst", "of it at work (median)"]
    return "### Longest stall of the event loop in one export\n\n" + _rows(head, rows)


def _tail_table(tails: dict[str, Samples]) -> str:
    rows = [
        [wire.replace("paced-", "") + " MB/s", client, f"{_median(found, 'tail') * 1e3:.1f} ms"]
        for wire, samples in tails.items()
        for client, found in samples.items()
    ]
    return "### From the last byte on the wire to the whole result\n\n" + _rows(["wire", "client", "median"], rows)


def _get_table(gets: Samples) -> str:
    rows = [
        [client, f"{_median(found, 'cpu') * 1e6:.0f} us", f"{_ratio(gets, client, 'aiohttp + msgspec', 'cpu'):.2f}"]
        for client, found in gets.items()
    ]
    head = ["client", "CPU a request", "of bare aiohttp + msgspec"]
    return "### works.get, 8 at a time\n\n" + _rows(head, rows)


def _import_table(imports: Samples) -> str:
    rows = [[name, f"{_median(found, 'cpu') * 1e3:.0f} ms"] for name, found in imports.items()]
    return "### Import, CPU\n\n" + _rows(["import", "median"], rows)


def _growth_table(measured: dict[str, dict[str, Samples]]) -> str:
    rows = [
        [
            answers,
            size,
            way,
            f"{_median(found, 'wall'):.2f} s",
            f"{_median(found, 'cpu') / int(size) * 1e6:.0f} us",
            f"{_median(found, 'peak') / 1e6:.1f} MB",
            f"{_median(found, 'requests'):.0f}",
            f"{_median(found, 'fetched'):.3f}",
        ]
        for answers, growth in measured.items()
        for size, samples in growth.items()
        for way, found in samples.items()
    ]
    head = ["answers", "works", "way", "wall", "CPU a work", "memory, items dropped", "requests", "fetched per work"]
    return "### A complete export, from the sandbox\n\n" + _rows(head, rows)


def plot(data: dict[str, Any], path: Path) -> None:
    """Four bar charts: wall, memory, stall, CPU of a get."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plain, compact, gets = data["exports"]["plain"], data["stalls"]["compact"], data["gets"]
    charts = [
        ("one export of 5000 works, seconds", {name: _median(found, "wall") for name, found in plain.items()}),
        ("held per work, kB", {name: _median(found, "held") / 1e3 for name, found in plain.items() if name != DROPPED}),
        ("longest stall of the loop, ms", {name: _median(found, "stall") * 1e3 for name, found in compact.items()}),
        ("CPU of one works.get, us", {name: _median(found, "cpu") * 1e6 for name, found in gets.items()}),
    ]
    figure, axes = plt.subplots(2, 2, figsize=(13, 7))
    for axis, (title, bars) in zip(axes.flat, charts, strict=True):
        names = list(reversed(bars))
        colours = ["#2a7f62" if name.startswith("devrev-async") else "#9aa5b1" for name in names]
        drawn = axis.barh(names, [bars[name] for name in names], color=colours)
        axis.bar_label(drawn, fmt=lambda value: f"{value:.0f}" if value >= 1000 else f"{value:.3g}", padding=3)
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.15)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def into_readme(text: str, stamp: str, path: Path) -> None:
    """Replace the last table."""
    old = path.read_text()
    before, rest = old.split(START)
    _, after = rest.split(END)
    picture = f"![the same as a picture](results/{stamp}.png)\n"
    path.write_text(f"{before}{START}\n{text}\n{picture}\n{END}{after}")
