"""The names that other tools use for the keys of a recipe, for error messages and docs/names_elsewhere.md."""

from collections.abc import Mapping
from typing import NamedTuple


class Meant(NamedTuple):
    """The equivalent of another tool's name: a key (with a `value`, if it is fixed), or advice `instead` of a key.

    `form` shows how values of the key are written.
    """

    key: str = ""
    value: str = ""
    note: str = ""
    instead: str = ""
    form: str = "VALUE"

    @property
    def setting(self) -> str:
        """What to write on the command line."""
        text = f"{self.key}={self.value or self.form}"
        return f'--set "{text}"' if "[" in text else f"--set {text}"

    def __str__(self) -> str:
        """A clause for error messages, to follow a semicolon."""
        if self.instead:
            return self.instead
        return f"it is `{self.key}: {self.value}` here" if self.value else f"it is called {self.key} here"


_FOLDER = Meant(instead="NLP_RUNS sets the folder that runs are written to, and `nlp train --name` the name of the run")
_DEVICE = Meant(instead="`nlp train --device` takes cpu, cuda or mps")
_DEVICES = Meant(instead="`nlp train --device` takes cpu, cuda or mps, and `nlp train --processes N` trains on N devices at once")
_THREADS = Meant(instead="`nlp train --threads` sets the number of CPU threads")
_RESUME = Meant(instead="`nlp train --resume RUN` resumes a run from its last checkpoint")
_LOGS = Meant(instead="every run writes its logs for TensorBoard into its own folder")
_BEST = Meant(instead="the best checkpoint by training.best_metric is always the one that is evaluated and loaded")
_START = Meant("model.init_from", note="a run of this tool", form="RUN")
_FROZEN = Meant("training.fine_tune.last_layers", "0")
_ONE_SEED = Meant("seeds", note="a list: one run for each seed", form="[VALUE]")
_RATE, _DECAY = Meant("training.optimizer.learning_rate"), Meant("training.optimizer.weight_decay")
_BF16 = Meant("training.precision", "bf16")
_BETAS = Meant("training.optimizer.betas", note="a list of two", form="[BETA1, BETA2]")
_ADAM_EPS = Meant("training.optimizer.eps")
_PATIENCE = Meant("training.early_stopping.patience", note="in evaluations")
_WIDTH, _LAYERS, _HEADS, _FEED_FORWARD = Meant("model.d_model"), Meant("model.n_layers"), Meant("model.n_heads"), Meant("model.d_ff")
_POSITIONS, _DROPOUT, _ATTENTION_DROPOUT = Meant("model.max_positions"), Meant("model.dropout"), Meant("model.attention_dropout")
_NGRAMS = "with `tokenizer.type: ngrams`: shortest and longest"
_WORDS = Meant("tokenizer.words", note=_NGRAMS, form="[SHORTEST, LONGEST]")
_CHARACTERS = Meant("tokenizer.characters", note=_NGRAMS, form="[SHORTEST, LONGEST]")
_EMBEDDING, _WIDTHS = Meant("model.d_embedding"), Meant("model.filter_widths", note="a list", form="[VALUE, VALUE]")

NAMES: Mapping[str, Mapping[str, Meant]] = {
    "Hugging Face `TrainingArguments` and `Trainer`": {
        "num_train_epochs": Meant("training.epochs"),
        "max_steps": Meant("training.steps"),
        "per_device_train_batch_size": Meant("training.batch_size", note="the total over all devices"),
        "gradient_accumulation_steps": Meant("training.accumulate"),
        "learning_rate": _RATE,
        "weight_decay": _DECAY,
        "optim": Meant("training.optimizer.type", note="`sgd`, `adam`, `adamw`, `adagrad`, `rmsprop`"),
        "adam_beta1": _BETAS,
        "adam_beta2": _BETAS,
        "adam_epsilon": _ADAM_EPS,
        "max_grad_norm": Meant("training.clip_norm"),
        "lr_scheduler_type": Meant("training.schedule.type"),
        "warmup_steps": Meant("training.schedule.warmup_steps"),
        "warmup_ratio": Meant("training.schedule.warmup_share"),
        "label_smoothing_factor": Meant("task.label_smoothing"),
        "group_by_length": Meant("training.bucket_by_length", note="on by default"),
        "bf16": _BF16,
        "fp16": _BF16,
        "tf32": Meant("training.tf32"),
        "torch_compile": Meant("training.compile"),
        "logging_steps": Meant("training.log_every"),
        "eval_steps": Meant("training.evaluate_every"),
        "save_steps": Meant("training.checkpoints.every_steps"),
        "save_total_limit": Meant("training.checkpoints.keep"),
        "metric_for_best_model": Meant("training.best_metric"),
        "early_stopping_patience": _PATIENCE,
        "early_stopping_threshold": Meant("training.early_stopping.min_delta"),
        "load_best_model_at_end": _BEST,
        "generation_num_beams": Meant("task.decoding.beam_size"),
        "generation_max_length": Meant("task.decoding.max_length"),
        "seed": _ONE_SEED,
        "output_dir": _FOLDER,
        "run_name": Meant(instead="`nlp train --name` sets the name of the run"),
        "logging_dir": _LOGS,
        "report_to": _LOGS,
        "resume_from_checkpoint": _RESUME,
        "use_cpu": _DEVICE,
        "no_cuda": _DEVICE,
    },
    "Hugging Face model configurations (BERT, GPT-2, Llama)": {
        "hidden_size": _WIDTH,
        "n_embd": _WIDTH,
        "num_hidden_layers": _LAYERS,
        "n_layer": _LAYERS,
        "num_attention_heads": _HEADS,
        "n_head": _HEADS,
        "num_key_value_heads": Meant("model.n_kv_heads"),
        "intermediate_size": _FEED_FORWARD,
        "n_inner": _FEED_FORWARD,
        "max_position_embeddings": _POSITIONS,
        "n_positions": _POSITIONS,
        "hidden_act": Meant("model.activation"),
        "activation_function": Meant("model.activation"),
        "hidden_dropout_prob": _DROPOUT,
        "resid_pdrop": _DROPOUT,
        "embd_pdrop": _DROPOUT,
        "attention_probs_dropout_prob": _ATTENTION_DROPOUT,
        "attn_pdrop": _ATTENTION_DROPOUT,
        "layer_norm_eps": Meant("model.norm_eps"),
        "layer_norm_epsilon": Meant("model.norm_eps"),
        "rms_norm_eps": Meant("model.norm_eps"),
        "rope_theta": Meant("model.rotary_base"),
        "type_vocab_size": Meant("model.n_segments"),
        "tie_word_embeddings": Meant("task.tie_embeddings"),
        "id2label": Meant("task.labels", note="a list", form="[LABEL, LABEL]"),
        "num_labels": Meant(instead="the classes are those of the training split, or of `task.labels`"),
    },
    "Hugging Face fine-tuning and `peft`": {
        "from_pretrained": _START,
        "pretrained_model_name_or_path": _START,
        "model_name_or_path": _START,
        "mlm_probability": Meant("task.mask_probability"),
        "whole_word_mask": Meant("task.whole_words"),
        "lora_alpha": Meant("training.fine_tune.lora.alpha"),
        "lora_rank": Meant("training.fine_tune.lora.rank"),
        "r": Meant("training.fine_tune.lora.rank"),
        "target_modules": Meant("training.fine_tune.lora.matrices", note="`attention`, `feed_forward` or both", form="[attention]"),
        "freeze": _FROZEN,
        "freeze_encoder": _FROZEN,
        "requires_grad": _FROZEN,
        "layerwise_lr_decay": Meant("training.fine_tune.layer_decay"),
    },
    "spaCy's `config.cfg`": {
        "max_epochs": Meant("training.epochs"),
        "patience": Meant("training.early_stopping.patience", note="in evaluations; spaCy counts steps"),
        "eval_frequency": Meant("training.evaluate_every"),
        "accumulate_gradient": Meant("training.accumulate"),
        "dropout": _DROPOUT,
        "learn_rate": _RATE,
        "beta1": _BETAS,
        "beta2": _BETAS,
        "L2": _DECAY,
        "grad_clip": Meant("training.clip_norm"),
        "use_averages": Meant("training.ema", note="the decay rate of the average"),
        "score_weights": Meant("training.best_metric", note="one metric"),
        "dev": Meant("data.validation"),
        "depth": _LAYERS,
        "frozen_components": _FROZEN,
        "init_tok2vec": _START,
        "gpu_id": _DEVICE,
    },
    "fastText's options": {
        "lr": _RATE,
        "epoch": Meant("training.epochs"),
        "dim": _EMBEDDING,
        "wordNgrams": _WORDS,
        "minn": _CHARACTERS,
        "maxn": _CHARACTERS,
        "minCount": Meant("tokenizer.min_frequency"),
        "input": Meant("data.train"),
        "output": _FOLDER,
        "thread": _THREADS,
        "autotune_validation": Meant(instead="`nlp sweep` searches for settings"),
    },
    "scikit-learn": {
        "n_estimators": Meant("model.n_trees"),
        "max_iter": Meant("model.max_iterations"),
        "hidden_layer_sizes": Meant("model.hidden_sizes", note="a list", form="[VALUE, VALUE]"),
        "ngram_range": Meant("tokenizer.words", note="or `tokenizer.characters`: shortest and longest", form="[SHORTEST, LONGEST]"),
        "min_df": Meant("tokenizer.min_frequency"),
        "sublinear_tf": Meant("tokenizer.sublinear"),
        "test_size": Meant("data.validation_share", note="for validation; the test split is a separate file"),
        "random_state": _ONE_SEED,
        "n_jobs": _THREADS,
    },
    "PyTorch, Keras and common scripts": {
        "n_epochs": Meant("training.epochs"),
        "num_epochs": Meant("training.epochs"),
        "bs": Meant("training.batch_size"),
        "clipnorm": Meant("training.clip_norm"),
        "grad_clip_norm": Meant("training.clip_norm"),
        "scheduler": Meant("training.schedule.type"),
        "validation_split": Meant("data.validation_share"),
        "hidden_dim": Meant("model.hidden_size"),
        "units": Meant("model.hidden_size"),
        "num_layers": _LAYERS,
        "embedding_dim": _EMBEDDING,
        "embed_dim": _EMBEDDING,
        "num_filters": Meant("model.n_filters"),
        "filter_sizes": _WIDTHS,
        "kernel_sizes": _WIDTHS,
        "nhead": _HEADS,
        "dim_feedforward": _FEED_FORWARD,
        "num_encoder_layers": Meant("model.n_encoder_layers"),
        "num_decoder_layers": Meant("model.n_decoder_layers"),
        "max_len": Meant("tokenizer.max_length"),
        "max_seq_length": Meant("tokenizer.max_length"),
        "gpus": _DEVICES,
        "gpu": _DEVICE,
        "cuda": _DEVICE,
        "accelerator": _DEVICE,
        "devices": _DEVICES,
        "nproc_per_node": _DEVICES,
        "mixed_precision": _BF16,
        "amp": _BF16,
        "wandb": _LOGS,
        "tensorboard": _LOGS,
        "init_checkpoint": _START,
        "ckpt_path": _RESUME,
    },
}
"""Tool -> its name -> the equivalent here."""


def meant_by(name: str) -> Meant | None:
    """The equivalent of another tool's name, ignoring case and hyphens; None if there is none."""
    wanted = _folded(name)
    return next((meant for names in NAMES.values() for known, meant in names.items() if _folded(known) == wanted), None)


def _folded(name: str) -> str:
    return name.lower().strip("-_").replace("-", "_")
