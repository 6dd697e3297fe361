"""`nlp eval`: the metrics of runs with confidence intervals, and trivial baselines."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal import argument, figure
from .console import complete_run
from .next_steps import print_next_steps

if TYPE_CHECKING:
    from ..analysis.evaluation import Report
    from ..models.model_report import ModelReport
    from ..tasks.scoring.spans import Counts

SHOWN_ROWS = 30
"""Maximum number of rows of a model's report, such as its rules."""


def eval_(
    run: Annotated[list[str], typer.Argument(help="Runs: paths, RECIPE (the latest) or RECIPE/NAME.", autocompletion=complete_run)],
    split: Annotated[str | None, typer.Option(help="Split to score; by default test, or validation if there is no test.")] = None,
    data: Annotated[str | None, typer.Option(help="Score this file instead, such as a .csv, .tsv, .jsonl, .parquet or .xlsx.")] = None,
    text: Annotated[str | None, typer.Option(help="Text column of the --data file; by default as in the recipe.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of gold answers in the --data file; by default as in the recipe.")] = None,
    other: Annotated[str | None, typer.Option(help="Column of the second text in the --data file, for runs on pairs of texts.")] = None,
    task_of: Annotated[str | None, typer.Option(metavar="RUN", autocompletion=complete_run,
                                                help="Measure forgetting: score the task of this earlier run, with its output layer on the "
                                                     "encoder of the run.")] = None,
    explanations: Annotated[str | None, typer.Option(metavar="METHOD[,METHOD...]", help="Measure the faithfulness of explanations instead: "
                                                     "all, auto, or methods of `nlp predict --explain`.")] = None,
    explained_rows: Annotated[int, typer.Option(min=1, help="With --explanations: number of texts to explain.")] = 100,
    generate: Annotated[int | None, typer.Option(metavar="N", min=1, max=100_000, help="With --judge: generate N texts for the labels of "
                                                                                       "the split, and score these instead.")] = None,
    judge: Annotated[str | None, typer.Option(metavar="RUN", autocompletion=complete_run,
                                              help="With --generate: run of the classifier that labels the generated texts.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="With --generate: sampling temperature; default: the recipe's.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="With --generate: random seed.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Score runs on a split: metrics with 95 % confidence intervals, trivial baselines, scores per span type, confusion matrix.

    The predictions are saved with each run, as JSON Lines and as row scores for `nlp compare`.
    """
    from ..analysis.evaluation import evaluate_run
    from ..analysis.generation import generation
    from ..errors import ConfigError
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_run
    from .console import print_json
    from .explained import print_faithfulness
    from .generated import print_generation

    if split is not None and data is not None:
        raise ConfigError("--split names a split of the run's own data, --data another file; give only one of them.")
    if data is None and (text, other, label) != (None, None, None):
        raise ConfigError("--text, --other and --label name columns of the --data file. Add --data, or leave them out.")
    if explanations is not None and (data is not None or task_of is not None):
        raise ConfigError("--explanations are measured on a split of the run's own data; leave --data and --task-of out.")
    if (generate, judge, temperature) != (None, None, None):
        if generate is None or judge is None or len(run) > 1 or (data, explanations, task_of) != (None, None, None):
            raise ConfigError("--generate N --judge RUN scores only the generated texts of one run (--temperature is optional). Name one "
                              "run and its judge, and leave --data, --explanations and --task-of out.")
        generator, judge_run = (open_run(find_run(each), device) for each in (run[0], judge))
        print_generation(generation(generator, judge_run, generate, split, temperature, seed), json)
        return
    if task_of is not None:
        if data is not None or len(run) > 1:
            raise ConfigError("--task-of scores one run on the data of another. Name one run, and leave --data out.")
        _print_forgetting(run[0], task_of, split, device, json)
        return
    runs = [find_run(each) for each in run]
    if explanations is not None:
        print_faithfulness([open_run(each, device) for each in runs], explanations, split, explained_rows, json)
        return
    reports = (evaluate_run(open_run(each, device), split, data, (text, other), label) for each in runs)
    if json:
        printed = [_as_json(report) for report in reports]
        print_json(printed if len(printed) > 1 else printed[0])
        return
    for report in reports:
        _print(report)
    print_next_steps(runs[-1], evaluated=True)


def _print_forgetting(run: str, task_of: str, split: str | None, device: str, as_json: bool) -> None:
    from dataclasses import asdict

    from ..analysis.forgetting import forgetting
    from ..training.folder.run_directory import find_run
    from ..training.open_run import open_run
    from .console import print_json
    from .tables import table

    found = forgetting(open_run(find_run(task_of), device), find_run(run), split)
    if as_json:
        print_json(asdict(found))
        return
    rows = [[found.headings[name], figure(value), figure(found.now[name])] for name, value in found.before.items()]
    table(["metric", found.earlier, f"encoder of {found.later}"], rows, title=f"the task of {found.earlier} on {found.split}, "
          f"{found.examples:,} examples")


def _as_json(report: "Report") -> dict[str, Any]:
    return {
        "run": report.directory.address,
        "split": report.split,
        "examples": report.examples,
        "metrics": {name: {"value": value, "interval": list(report.intervals[name])} for name, value in report.metrics.items()},
        "baselines": dict(report.baselines),
        **({"signatures": dict(report.signatures)} if report.signatures else {}),
        **({"labels": list(report.confusion.labels), "confusion": report.confusion.matrix.tolist()} if report.confusion else {}),
        **({"spans": _spans_as_json(report.spans)} if report.spans is not None else {}),
        **(report.model_report.to_json() if report.model_report is not None else {}),
        **({"notices": list(report.notices)} if report.notices else {}),
        "predictions": report.predictions,
    }


def _spans_as_json(counts: "Counts") -> dict[str, dict[str, float]]:
    """Scores and numbers of correct, predicted and gold spans by type."""
    from ..tasks.scoring.spans import precision_recall_f1

    _, by_type = precision_recall_f1(counts)
    return {kind: scores._asdict() | dict(zip(("correct", "predicted", "gold"), counts[kind].tolist(), strict=True))
            for kind, scores in by_type.items()}


def _print(report: "Report") -> None:
    from .console import notice, say
    from .tables import table

    for each in report.notices:
        notice(each)
    rows = [[report.headings[name], figure(value), " to ".join(map(figure, report.intervals[name]))]
            for name, value in report.metrics.items()]
    table(["metric", "value", "95 % interval"], rows, title=f"{report.directory.address} on {report.split}, {report.examples:,} examples")
    for name, signature in report.signatures.items():
        print(f"{name}: {signature}")
    table(["baseline", report.baseline_metric], [[name, figure(value)] for name, value in report.baselines.items()])
    if report.spans is not None:
        _print_spans(report.spans)
    if report.confusion is not None:
        _print_confusion(report)
    if report.model_report is not None:
        _print_model_report(report.model_report)
    print(f"Predictions: {report.predictions}")
    if (picture := "confusion" if report.confusion is not None else "attention" if report.has_attention else None) is not None:
        options = f"--{picture}{' TEXT' if picture == 'attention' else ''} -o {picture}.png"
        say(f"Pictures: `nlp tensorboard` shows them; `nlp plot {argument(report.directory.address)} {options}` writes a file")


def _print_model_report(report: "ModelReport") -> None:
    """Print the first rows of the report's table, and its notes."""
    from .console import say
    from .tables import table

    table(report.columns, report.rows[:SHOWN_ROWS], report.title, report.dispensable)
    if (more := len(report.rows) - SHOWN_ROWS) > 0:
        say(f"{more:,} more rows are in --json.")
    for note in report.notes:
        say(note)


def _print_spans(counts: "Counts") -> None:
    """Print the metrics of each span type, as the conlleval script reports them."""
    from ..tasks.scoring.spans import precision_recall_f1
    from .tables import table

    _, by_type = precision_recall_f1(counts)
    rows = [[kind, *(f"{score:.4f}" for score in scores), *(f"{count:,}" for count in counts[kind].tolist())]
            for kind, scores in by_type.items()]
    table(["span", "precision", "recall", "f1", "correct", "predicted", "gold"], rows, title="spans")


def _print_confusion(report: "Report") -> None:
    """Print the metrics of each class, the confusion matrix if it fits the terminal, and the most frequent mistakes."""
    from ..analysis.evaluation import worst
    from ..tasks.scoring.metrics import f1_scores, precision_and_recall
    from .confusion import print_matrix
    from .console import say
    from .tables import table

    assert report.confusion is not None
    labels, matrix = report.confusion
    figures = zip(*precision_and_recall(matrix), f1_scores(matrix), matrix.sum(axis=1).tolist(), strict=True)
    rows = [[label, *(f"{value:.4f}" for value in values), f"{count:,}"] for label, (*values, count) in zip(labels, figures, strict=True)]
    table(["label", "precision", "recall", "f1", "examples"], rows)
    if not print_matrix(report.confusion):
        say("The confusion matrix is wider than the terminal; see --json, or the picture named below.")
    if mistakes := [[gold, predicted, str(times)] for gold, predicted, times in worst(report.confusion)]:
        table(["true", "predicted", "times"], mistakes, title="most frequent mistakes")
