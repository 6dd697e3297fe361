"""Ranking: metrics as trec_eval has them, losses as torch has them, and what data is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nlp.analysis.comparison.methods import MeasuredRows
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.ranking import (
    FIGURES,
    Bm25Config,
    InBatchSoftmaxConfig,
    MarginConfig,
    PairwiseLogisticConfig,
    RankingConfig,
    TfidfCosineConfig,
)
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.encoded.cache import Cache
from nlp.datasets.encoded.preparation import Tokenizers
from nlp.datasets.encoded.split import Encoding, Target
from nlp.datasets.encoded.texts.ranked_texts import Known, RankedTexts
from nlp.datasets.tables import Table
from nlp.errors import DataError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.tasks.ranking import ranks
from nlp.tasks.ranking.losses import RankingLoss
from nlp.tasks.ranking.ranking import EncodedQueries, Ranking
from nlp.tasks.scoring.row_scores import MetricRows
from torch import Tensor
from torch.nn import functional

SOFTMAX, MARGIN = InBatchSoftmaxConfig(type="in_batch_softmax", temperature=0.5), MarginConfig(type="margin", margin=0.3)
LOGISTIC = PairwiseLogisticConfig(type="pairwise_logistic")
LOSSES = [SOFTMAX, MARGIN, LOGISTIC]
WORDS = NgramTokenizer(type="ngrams", words=[1, 1])
TREC = {"mrr": "recip_rank", "map": "map", "ndcg@1": "ndcg_cut_1", "ndcg@10": "ndcg_cut_10", "recall@1": "recall_1",
        "recall@10": "recall_10"}


def config(judged: bool = True, **settings) -> RankingConfig:
    return RankingConfig(type="ranking", relevance="relevance" if judged else None, **settings)


def task(judged: bool = True, **settings) -> Ranking:
    return Ranking(config(judged, **settings), Encoding(SizesData(type="sizes", vocab_size=9)))


def encoded(scores: np.ndarray, texts: list[list[str]], relevance: list[list[float]]) -> EncodedQueries:
    """Queries whose scores with their candidates are given: each query is a unit vector, and a candidate holds its score with each."""
    units = np.eye(len(scores))
    known = [Known(each, judged, np.arange(len(each))) for each, judged in zip(texts, relevance, strict=True)]
    candidates = [np.array([scores[query][text] for text in each])[:, None] * units[query] for query, each in enumerate(texts)]
    return EncodedQueries(np.arange(len(scores)), [units[query : query + 1] for query in range(len(scores))], candidates, known)


# Metrics


@pytest.mark.parametrize("decimals", [0, 1, 6], ids=["many ties", "some", "none"])
def test_metrics_are_those_of_trec_eval_with_ties_too(decimals):
    pytrec_eval = pytest.importorskip("pytrec_eval", reason="pytrec-eval-terrier is not installed (extra dev)")
    generator = np.random.default_rng(decimals)
    texts, judged, scores = [], [], []
    for _ in range(60):
        names = [f"d{number}é가"[: 2 + number % 3] + str(number) for number in generator.permutation(int(generator.integers(2, 30)))]
        relevance = generator.choice([0, 0, 0, 1, 2, 3], len(names))
        relevance[generator.integers(len(names))] = 1
        given = np.round(generator.normal(0, 1, len(names)), decimals).astype(np.float32).astype(float)
        texts, judged, scores = [*texts, names], [*judged, relevance.tolist()], [*scores, dict(zip(names, given, strict=True))]
    found = task().completed(encoded(scores, texts, judged))
    qrels = {f"q{number}": dict(zip(names, map(int, relevance), strict=True))
             for number, (names, relevance) in enumerate(zip(texts, judged, strict=True))}
    run = {f"q{number}": {name: float(score) for name, score in each.items()} for number, each in enumerate(scores)}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank", "map", "ndcg_cut.1,10", "recall.1,10"}).evaluate(run)
    for place, name in enumerate(FIGURES):
        theirs = [expected[f"q{number}"][TREC[name]] for number in range(60)]
        np.testing.assert_allclose(found.figures[:, place], theirs, atol=1e-6, err_msg=name)


def test_the_answers_of_all_queries_are_the_candidates_of_each(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(2, 7, 4))
    known = [Known([f"answer {row}"], [1.0], np.array([0])) for row in range(7)]
    given = EncodedQueries(np.arange(7), [query[None] for query in vectors[0]], [answer[None] for answer in vectors[1]], known)
    scores = vectors[0] @ vectors[1].T
    places = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
    for block in (1, 10_000):
        monkeypatch.setattr(ranks, "BLOCK_SCORES", block)
        found = task(judged=False, loss=SOFTMAX).completed(given)
        assert found.ranks.tolist() == places.tolist()
        assert found.best == [f"answer {column}" for column in scores.argmax(axis=1)]
        logits = torch.from_numpy(scores) / SOFTMAX.temperature
        expected = functional.cross_entropy(logits, torch.arange(7), reduction="none")
        np.testing.assert_allclose(found.losses, expected, atol=1e-12)
    assert task(judged=False).baselines(found) == {"a random order": pytest.approx((1 / np.arange(1, 8)).mean())}


def test_equal_answers_are_one_candidate_that_is_right_for_both():
    known = [Known([text], [1.0], np.array([0])) for text in ("a", "b", "a")]
    given = EncodedQueries(np.arange(3), [np.ones((1, 1))] * 3, [np.full((1, 1), value) for value in (2.0, 1.0, 2.0)], known)
    found = task(judged=False, loss=SOFTMAX).completed(given)
    assert found.ranks.tolist() == [1, 2, 1]
    assert found.losses[0] == pytest.approx(np.log1p(np.exp(-1 / 0.5)))


@pytest.mark.parametrize(("n_right", "n_candidates"), [(1, 6), (2, 5), (3, 3)])
def test_the_mean_reciprocal_rank_of_a_random_order(n_right, n_candidates):
    generator = np.random.default_rng(0)
    orders = [1 / (1 + np.flatnonzero(generator.permutation(n_candidates) < n_right)[0]) for _ in range(20_000)]
    assert ranks.chance(n_right, n_candidates) == pytest.approx(np.mean(orders), abs=0.01)


def test_metrics_by_rows_are_the_metrics():
    generator = np.random.default_rng(1)
    texts = [[f"c{number}" for number in range(8)] for _ in range(30)]
    judged = [[1.0, *generator.choice([0.0, 1.0, 2.0], 7)] for _ in range(30)]
    scores = [{text: generator.normal() for text in each} for each in texts]
    ranking = task(loss=LOGISTIC)
    found = ranking.completed(encoded(scores, texts, judged))
    columns, figures = ranking.metric_columns(found), ranking.metrics(found)
    assert set(columns) == set(figures) == set(ranking.config.metrics)
    for name, (kind, each) in columns.items():
        metric = MetricRows(kind, each, name in ranking.lower_is_better)
        assert metric.value() == pytest.approx(figures[name], abs=1e-9), name
        assert MeasuredRows.of(metric).influences().mean() == pytest.approx(figures[name], abs=1e-9), name
    assert ranking.metrics(found.take(np.arange(30))) == figures, "ranks stay when rows are drawn again"


# Losses


def loss_of(loss, scores: Tensor, judged: list[tuple[int, int, float]], whole: bool) -> Tensor:
    """The mean loss of a batch with these scores (n_queries, n_candidates), by places and relevance."""
    places, relevance = torch.tensor([each[:2] for each in judged]), torch.tensor([each[2] for each in judged])
    known = torch.ones(len(judged), dtype=torch.bool)
    targets, ranking = {"judged": Target(places, known), "relevance": Target(relevance, known)}, RankingLoss(loss, whole)
    vectors = {"queries": scores, "candidates": torch.eye(scores.shape[1])}
    top, bottom = ranking.sums(lambda: vectors, {}, targets, ranking.count(targets), step=1)["loss"]
    return top / bottom


DIAGONAL = [(row, row, 1.0) for row in range(5)]


def test_in_batch_softmax_is_torchs_cross_entropy():
    torch.manual_seed(1)
    scores = torch.randn(5, 5)
    torch.testing.assert_close(loss_of(SOFTMAX, scores, DIAGONAL, whole=True),
                               functional.cross_entropy(scores / SOFTMAX.temperature, torch.arange(5)))
    both = [*DIAGONAL, (0, 1, 1.0)]  # the answer of query 1 answers query 0 too, so it is no negative there
    without = scores.clone()
    without[0, 1] = -1e9
    instead = scores.clone()
    instead[0, 0] = -1e9
    expected = (functional.cross_entropy(without / 0.5, torch.arange(5), reduction="sum")
                + functional.cross_entropy(instead[:1] / 0.5, torch.tensor([1]), reduction="sum")) / 6
    torch.testing.assert_close(loss_of(SOFTMAX, scores, both, whole=True), expected)


@pytest.mark.parametrize("loss", [MARGIN, LOGISTIC], ids=lambda loss: loss.type)
def test_pairwise_losses_are_torchs_own(loss):
    torch.manual_seed(1)
    scores = torch.randn(5, 5)
    rows, columns = torch.where(~torch.eye(5, dtype=torch.bool))
    right, others, ones = scores.diagonal()[rows], scores[rows, columns], torch.ones(20)
    expected = (functional.margin_ranking_loss(right, others, ones, margin=0.3) if loss is MARGIN
                else functional.soft_margin_loss(right - others, ones))
    torch.testing.assert_close(loss_of(loss, scores, DIAGONAL, whole=True), expected)
    judged = [(0, 0, 2.0), (0, 1, 1.0), (0, 2, 0.0), (1, 3, 1.0), (1, 4, 0.0)]  # pairs of each query: 0 > 1, 0 > 2, 1 > 2; 3 > 4
    above, below = torch.stack([scores[0, 0], scores[0, 0], scores[0, 1], scores[1, 3]]), scores[[0, 0, 0, 1], [1, 2, 2, 4]]
    each = (functional.margin_ranking_loss(above, below, torch.ones(4), margin=0.3, reduction="none") if loss is MARGIN
            else functional.soft_margin_loss(above - below, torch.ones(4), reduction="none"))
    torch.testing.assert_close(loss_of(loss, scores, judged, whole=False), ((each[0] + each[1]) / 2 + each[2] + each[3]) / 3)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.type)
def test_the_metric_is_the_loss_of_the_whole_split(loss):
    torch.manual_seed(2)
    scores, judged = torch.randn(3, 6), [[1.0, 0.0, 2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 5 + [3.0]]
    texts = [f"c{number}" for number in range(6)]
    found = task(loss=loss).completed(encoded([dict(zip(texts, row, strict=True)) for row in scores.tolist()], [texts] * 3, judged))
    places = [(query, column, relevance) for query, row in enumerate(judged) for column, relevance in enumerate(row)]
    assert task().metrics(found)["loss"] == pytest.approx(float(loss_of(loss, scores, places, whole=False)), rel=1e-5)


def test_scores_are_exact_where_networks_compute_in_bf16():
    torch.manual_seed(1)
    scores = torch.randn(5, 5)
    expected = loss_of(SOFTMAX, scores, DIAGONAL, whole=True)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss_of(SOFTMAX, scores, DIAGONAL, whole=True), expected, rtol=0, atol=0)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.type)
def test_a_right_answer_without_any_other_teaches_nothing(loss):
    scores = torch.randn(1, 1, requires_grad=True)
    found = loss_of(loss, scores, [(0, 0, 1.0)], whole=True)
    found.backward()
    assert float(found.detach()) == float(scores.grad) == 0.0


# Data


def table(**columns) -> Table:
    return Table(columns, "rows.csv", range(2, 2 + len(next(iter(columns.values())))))


def split_of(tmp_path: Path, given: Table, **settings):
    preparation = RankedTexts(config("relevance" in given.columns, **settings))
    checked, _ = preparation.checked(given)
    encoding = preparation.learn(checked, Tokenizers(WORDS, Cache(tmp_path)))
    return preparation.split("train", checked, encoding, Cache(tmp_path))


def test_a_batch_has_each_candidate_once(tmp_path):
    split, _ = split_of(tmp_path, table(text=["a", "b", "c", "a"], other=["x", "y", "x", "z"]))
    assert list(split.texts) == ["a", "b", "c"]
    batch = split.batch(np.array([2, 0]), frozenset({"bag", "other_bag"}))
    assert len(batch.inputs["starts"]) == len(batch.inputs["other_starts"]) == 2
    assert batch.targets["judged"].values.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert [known.candidates for known in batch.gold] == [["x"], ["x", "z"]]
    assert split.example(1) == {"where": "rows.csv:3", "text": "b", "label": "y"}
    assert split.tokens_of(np.arange(3)).tolist() == [3, 2, 2]


def test_rows_of_one_query_belong_together_by_its_text_or_an_id(tmp_path):
    columns = {"text": ["a", "b", "a", "b"], "other": ["x", "y", "z", "x"], "relevance": ["0", "2", "1.5", "0"]}
    split, _ = split_of(tmp_path, table(**columns))
    assert [known.relevance for known in split.batch(np.arange(2), frozenset({"bag"})).gold] == [[0.0, 1.5], [2.0, 0.0]]
    assert [split.example(row)["label"] for row in range(2)] == ["z", "y"]
    by_id, _ = split_of(tmp_path, table(**columns, id=["1", "2", "1", "2"]), query_id="id")
    assert list(by_id.texts) == ["a", "b"]


def test_a_part_of_the_rows_may_lack_right_answers(tmp_path):
    whole = table(text=["a", "a", "b", "b"], other=["x", "y", "x", "y"], relevance=["1", "0", "0", "1"])
    preparation = RankedTexts(config())
    encoding = preparation.learn(whole, Tokenizers(WORDS, Cache(tmp_path)))
    split, notices = preparation.split("train", whole.taken([0, 1, 2]), encoding, Cache(tmp_path))
    assert list(split.texts) == ["a"]
    assert "1 queries have no right answer in this part" in notices[0]


@pytest.mark.parametrize(("columns", "message"), [
    ({"text": ["a", "b"], "other": ["x", " "]}, r"rows\.csv:3 has nothing in column `other`: there is nothing to compare"),
    ({"text": ["", "b"], "other": ["x", "y"]}, r"rows\.csv:2 has nothing in column `text`"),
    ({"text": ["a", "b"], "other": ["x", "x"]}, r"All 2 rows of rows\.csv have the same candidate in column `other`"),
    ({"text": ["a", "a"], "other": ["x", "y"], "relevance": ["1", "high"]}, r"rows\.csv:3 has 'high' in column `relevance`: a rel"),
    ({"text": ["a", "a"], "other": ["x", "y"], "relevance": ["1", "-1"]}, r"rows\.csv:3 has '-1' in column `relevance`"),
    ({"text": ["a", "a"], "other": ["x", "y"], "relevance": ["0", "0.0"]}, r"rows\.csv:2: the query 'a' has no right answer: all 2 of"),
    ({"text": ["a", "b", "b"], "other": ["x", "y", "z"], "relevance": ["1", "1", "0"]}, r"rows\.csv:2: the query 'a' has only one cand"),
])
def test_what_cannot_be_ranked_is_refused_with_its_line(tmp_path, columns, message):
    with pytest.raises(DataError, match=message):
        split_of(tmp_path, table(**columns))


def test_an_id_with_two_queries_is_refused_instead_of_losing_one(tmp_path):
    given = table(text=["a", "a", "b"], other=["x", "y", "z"], relevance=["1", "0", "0"], id=["1", "1", "1"])
    with pytest.raises(DataError, match=r"rows\.csv:4 has the query 'b', but rows\.csv:2 with the same id in column `id` has 'a'"):
        split_of(tmp_path, given, query_id="id")


# Classical models


def bags(texts: list[str], ngrams, prefix: str = "") -> dict[str, np.ndarray]:
    rows = ngrams.encode(texts)
    return dict(zip((f"{prefix}tokens", f"{prefix}starts", f"{prefix}weights"), rows.flat(np.arange(len(texts))), strict=True))


QUERIES, ANSWERS = ["the dog runs", "a cat"], ["the dog sleeps", "cat cat cat", "the the the bird runs", "dog"]


def test_tfidf_is_scikit_learns(tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics.pairwise import cosine_similarity

    ngrams = Cache(tmp_path).train(WORDS, [*QUERIES, *ANSWERS])
    model = build_model(TfidfCosineConfig(type="tfidf_cosine"), SizesData(type="sizes", vocab_size=ngrams.vocab_size), Head("ranking", 0))
    found = model.outputs(**bags(QUERIES, ngrams), **bags(ANSWERS, ngrams, "other_"))
    theirs = TfidfVectorizer(token_pattern=r"\b\w+\b").fit([*QUERIES, *ANSWERS])
    np.testing.assert_allclose(ranks.products(found["queries"], found["candidates"]),
                               cosine_similarity(theirs.transform(QUERIES), theirs.transform(ANSWERS)), atol=1e-6)


def test_bm25_by_hand_and_after_loading(tmp_path):
    ngrams = Cache(tmp_path).train(NgramTokenizer(type="ngrams", words=[1, 1], weighting="counts"), [*QUERIES, *ANSWERS])
    sizes, given = SizesData(type="sizes", vocab_size=ngrams.vocab_size), {**bags(QUERIES, ngrams), **bags(ANSWERS, ngrams, "other_")}
    model = build_model(Bm25Config(type="bm25", k1=1.5, b=0.6), sizes, Head("ranking", 0))
    model.fit(targets={}, seed=1, **given)
    answers = [answer.split() for answer in ANSWERS]
    mean = sum(map(len, answers)) / 4

    def score(query: str, answer: list[str]) -> float:
        total = 0.0
        for word in query.split():
            with_word, count = sum(word in each for each in answers), answer.count(word)
            idf = np.log(1 + (4 - with_word + 0.5) / (with_word + 0.5))
            total += idf * count * 2.5 / (count + 1.5 * (1 - 0.6 + 0.6 * len(answer) / mean))
        return total

    found = ranks.products(*model.outputs(**given).values())
    np.testing.assert_allclose(found, [[score(query, answer) for answer in answers] for query in QUERIES], atol=1e-9)
    model.save(tmp_path)
    loaded = build_model(model.config, sizes, Head("ranking", 0))
    loaded.load(tmp_path)
    np.testing.assert_array_equal(ranks.products(*loaded.outputs(**given).values()), found)
