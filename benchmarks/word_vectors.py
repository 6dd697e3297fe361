"""Skip-gram and CBOW against gensim, on the same words of the Brown corpus, one thread each, in turns.

Both lower-case, drop words seen fewer than four times, subsample at 1e-4 and draw five negatives in windows of five. The time is that of
the process, so what else the machine does is not counted. The two are not trained in the same way: gensim updates after each word, the
tool after each batch of blocks, whose words share their negatives.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from nlp.configs.load import load_recipe
from nlp.datasets.encoded.texts.word_contexts import WordStream
from ours import opened
from pairs import Pairs, show

HOW_TO_GET = "gensim is not installed here: pip install gensim"
LONGEST = 10_000
"""Words of a sentence that gensim reads; it drops the rest."""


def compare(kind: str, pairs: int = 3) -> dict[str, Any]:
    """The ratio is words per second of the tool over those of gensim."""
    with opened(load_recipe(f"brown/{kind}", ["training.epochs=1000"]), threads=1) as ours:
        split = ours.data.splits["train"]
        assert isinstance(split, WordStream)
        steps, words = ours.plan.order.n_batches(0), list(map(str, split.ids.tolist()))
        theirs = gensim_epoch([words[start : start + LONGEST] for start in range(0, len(words), LONGEST)], kind)
        ours.run(5)
        mine, others = [], []
        for _ in range(pairs):
            mine.append(process_seconds(lambda: ours.run(steps)))
            others.append(process_seconds(theirs))
    rates = {f"{name}_words_s": len(words) / min(times) for name, times in (("ours", mine), ("gensim", others))}
    return {"case": f"brown {kind}", **Pairs(mine, others).figures(), **rates}


def gensim_epoch(sentences: list[list[str]], kind: str) -> Callable[[], Any]:
    """An epoch of gensim, whose vocabulary is counted beforehand."""
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=100, window=5, negative=5, sample=1e-4, min_count=4, workers=1, sg=int(kind == "skip-gram"), seed=1)
    model.build_vocab(sentences)
    return lambda: model.train(sentences, total_examples=len(sentences), epochs=1)


def process_seconds(run: Callable[[], Any]) -> float:
    """Seconds of the processor that all threads of this process took."""
    started = time.process_time()
    run()
    return time.process_time() - started


def main(
    kind: Annotated[list[str] | None, typer.Option(help="skip-gram or cbow; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Times that each is timed.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the tool with gensim."""
    try:
        import gensim  # noqa: F401
    except ImportError:
        print(HOW_TO_GET)
        raise typer.Exit(1) from None
    show((compare(each, pairs) for each in kind or ["skip-gram", "cbow"]), json)


if __name__ == "__main__":
    typer.run(main)
