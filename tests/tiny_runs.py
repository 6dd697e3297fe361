"""Runs of every family that take about a second each: data and recipes, in a folder of their own."""

import json
from pathlib import Path

LINE = "the {size} {animal} {verb}"
SIZES, ANIMALS, VERBS = ("big", "small", "old", "little"), ("dog", "cat", "bird"), ("runs", "sleeps", "sings")
GERMAN = {"the": "das", "big": "große", "small": "kleine", "old": "alte", "little": "winzige", "dog": "Huhn", "cat": "Kätzchen",
          "bird": "Vögelchen", "runs": "rennt", "sleeps": "schläft", "sings": "singt"}
TAGS = {"the": "DET", **dict.fromkeys(SIZES, "ADJ"), **dict.fromkeys(ANIMALS, "NOUN"), **dict.fromkeys(VERBS, "VERB")}

CLASSES = """
data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25, columns: {text: line, label: animal}}
task: {type: classification}
"""
TAGGING = """
data: {type: files, train: tags.jsonl, test: tags.jsonl, validation_share: 0.25}
task: {type: tagging}
"""
TEXT = """
data: {type: files, train: text.txt, test: text.txt, validation_share: 0.2}
task: {type: language_modeling, block_size: 12}
"""
PAIRS = """
data: {type: files, train: pairs, test: pairs, format: parallel, columns: {source: en, target: de}, validation_share: 0.25}
task: {type: sequence_to_sequence, decoding: {max_length: 8}}
"""
REBUILT = """
data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25, columns: {text: line}}
task: {type: autoencoding, noise: {drop: 0.1, swap: 0.1, mask: 0.1}, decoding: {max_length: 8}}
"""
LABELS = """
data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25}
task: {type: sequence_to_sequence, source: animal, source_type: label, target: line, scored_as: generation, decoding: {max_length: 8}}
"""
WORDS, LETTERS = "tokenizer: {type: words, min_frequency: 1}", "tokenizer: {type: characters}"
NGRAMS = "tokenizer: {type: ngrams, words: [1, 2]}"
STEPS = """
training: {epochs: 3, batch_size: 4, log_every: 2, clip_norm: 1.0, checkpoints: {every_steps: 3, keep: 2}, optimizer: {type: adamw,
  learning_rate: 0.01}, best_metric: loss}
"""
AVERAGED = STEPS.replace("clip_norm: 1.0", "clip_norm: 1.0, ema: 0.9, accumulate: 2, schedule: {type: plateau, patience: 1}")
SELDOM = ("--set", "training.evaluate_every=100", "--set", "training.checkpoints.every_steps=100")
"""Of a run that only has to learn."""
RECIPES = {
    "rules": [CLASSES, "model: {type: rules, default: dog, rules: [{label: cat, pattern: 'cat'}, {label: bird, keywords: [bird]}]}"],
    "naive_bayes": [CLASSES, NGRAMS, "model: {type: naive_bayes}"],
    "logistic_regression": [CLASSES, NGRAMS, "model: {type: logistic_regression}"],
    "linear_svm": [CLASSES, NGRAMS, "model: {type: linear_svm}"],
    "decision_tree": [CLASSES, NGRAMS, "model: {type: decision_tree}"],
    "random_forest": [CLASSES, NGRAMS, "model: {type: random_forest, n_trees: 5}"],
    "knn": [CLASSES, NGRAMS, "model: {type: knn, n_neighbors: 3}"],
    "mlp": [CLASSES, WORDS, "model: {type: mlp, d_embedding: 8, hidden_sizes: [8], dropout: 0.2}", AVERAGED],
    "cnn": [CLASSES, LETTERS, "model: {type: cnn, d_embedding: 8, n_filters: 4, filter_widths: [2, 3], dropout: 0.2}",
            STEPS.replace("adamw", "sgd, momentum: 0.9")],
    "gru": [CLASSES, WORDS, "model: {type: gru, d_embedding: 8, hidden_size: 8, dropout: 0.2}", STEPS.replace("adamw", "rmsprop")],
    "transformer": [CLASSES, WORDS, "model: {type: transformer, d_model: 8, n_layers: 1, n_heads: 2, d_ff: 16, dropout: 0.1}",
                    STEPS.replace("adamw", "adagrad")],
    "most_frequent_tag": [TAGGING, "model: {type: most_frequent_tag}"],
    "hmm": [TAGGING, "model: {type: hmm}"],
    "averaged_perceptron": [TAGGING, "model: {type: averaged_perceptron, n_iterations: 3, min_frequency: 1}"],
    "tagger": [TAGGING.replace("tagging", "tagging, crf: true"), WORDS, "model: {type: lstm, d_embedding: 8, hidden_size: 8, "
               "bidirectional: true, dropout: 0.2, characters: {type: cnn, n_filters: 4}}", STEPS],
    "ngram": [TEXT, LETTERS, "model: {type: ngram, order: 3}"],
    "language_lstm": [TEXT, LETTERS, "model: {type: lstm, d_embedding: 8, hidden_size: 8, dropout: 0.2}", STEPS],
    "language_transformer": [TEXT, "tokenizer: {type: bytes}", "model: {type: transformer, d_model: 8, n_layers: 1, n_heads: 2, d_ff: 16, "
                             "causal: true, max_positions: 16, dropout: 0.1}", STEPS],
    "seq2seq": [PAIRS, WORDS, "model: {type: seq2seq, cell: lstm, d_embedding: 8, hidden_size: 8, attention: additive, dropout: 0.1}",
                STEPS],
    "transformer_seq2seq": [PAIRS, WORDS, "model: {type: transformer_seq2seq, d_model: 8, n_encoder_layers: 1, n_decoder_layers: 1, "
                            "n_heads: 2, d_ff: 16, max_positions: 16, dropout: 0.1}", STEPS],
    "autoencoder": [REBUILT, WORDS, "model: {type: autoencoder, d_embedding: 8, hidden_size: 8, d_code: 6, dropout: 0.1, variational: "
                    "{kl_annealing_steps: 5}}", STEPS],
    "label_seq2seq": [LABELS, WORDS, "model: {type: seq2seq, encoder: {type: label, d_embedding: 4}, d_embedding: 8, hidden_size: 8, "
                      "attention: none, dropout: 0.1}", STEPS],
}
"""The sections of a recipe of each family."""


def write_data(folder: Path) -> None:
    """36 short sentences: with a class each, with tags, as running text, and translated word by word."""
    rows = [(LINE.format(size=size, animal=animal, verb=verb), animal) for size in SIZES for animal in ANIMALS for verb in VERBS]
    lines = [line for line, _ in rows]
    (folder / "texts.csv").write_text("line,animal\n" + "".join(f"{line},{animal}\n" for line, animal in rows), encoding="utf-8")
    tagged = ({"tokens": line, "tags": " ".join(TAGS[word] for word in line.split())} for line in lines)
    (folder / "tags.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in tagged), encoding="utf-8")
    (folder / "text.txt").write_text("".join(f"{line}\n" for line in lines[::4]), encoding="utf-8")
    (folder / "pairs.en").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "pairs.de").write_text("".join(f"{' '.join(GERMAN[word] for word in line.split())}\n" for line in lines), encoding="utf-8")


def write_recipe(folder: Path, family: str) -> Path:
    """The recipe `<family>.yaml` over that data."""
    path = folder / f"{family}.yaml"
    path.write_text("\n".join(RECIPES[family]), encoding="utf-8")
    return path
