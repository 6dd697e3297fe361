"""How a network is trained: the `training:` section of a recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Config, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Share, WholeShare


class OptimizerBase(Config):
    """The keys of every optimiser."""

    learning_rate: PositiveFloat
    """Peak learning rate; the schedule scales it."""
    weight_decay: NonNegativeFloat = 0.0
    """Weight decay of matrices and embeddings, not of biases and norms. Decoupled in `adamw`, L2 otherwise."""


class Sgd(OptimizerBase):
    """Stochastic gradient descent."""

    type: Literal["sgd"]
    momentum: Probability = 0.0
    """Momentum factor: the share of the previous step that is kept."""
    nesterov: bool = False
    """Use Nesterov momentum."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is a form of momentum, which is 0; set it too, for example to 0.9")
        return self


class Adam(OptimizerBase):
    """Adam (Kingma and Ba 2015), or AdamW with decoupled decay (Loshchilov and Hutter 2019)."""

    type: Literal["adam", "adamw"]
    betas: list[Probability] = Field(default=[0.9, 0.999], min_length=2, max_length=2)
    """Decay rates of the running mean and the running variance of the gradient."""
    eps: PositiveFloat = 1e-8
    """Added to the denominator for numerical stability."""


class Adagrad(OptimizerBase):
    """Adagrad (Duchi et al. 2011)."""

    type: Literal["adagrad"]
    eps: PositiveFloat = 1e-10
    """Added to the denominator for numerical stability."""


class RmsProp(OptimizerBase):
    """RMSprop (Tieleman and Hinton 2012)."""

    type: Literal["rmsprop"]
    alpha: Probability = 0.99
    """Decay rate of the running mean of squared gradients."""
    momentum: Probability = 0.0
    """Momentum factor: the share of the previous step that is kept."""
    eps: PositiveFloat = 1e-8
    """Added to the denominator for numerical stability."""


OptimizerConfig = Annotated[Sgd | Adam | Adagrad | RmsProp, Field(discriminator="type")]


class ScheduleConfig(Config):
    """How the learning rate changes over the run."""

    type: Literal["constant", "linear", "cosine", "inverse_sqrt", "plateau"] = "constant"
    """`linear` and `cosine` fall to `final_share` at the last step; `inverse_sqrt` falls with
    1/sqrt(step) from the end of the warm-up, without one from the first step (`transformers` then waits 10,000 steps);
    `plateau` multiplies by `factor` after `patience` evaluations without a better result."""
    warmup_steps: NonNegativeInt | None = None
    """Warm-up: steps over which the rate rises from 0 to its peak."""
    warmup_share: Share | None = None
    """Warm-up as a share of all steps; give this or `warmup_steps`."""
    final_share: NonNegativeFloat = 0.0
    """Rate at the last step as a share of the peak (`linear`, `cosine`)."""
    factor: Share = 0.5
    """Factor by which `plateau` multiplies the rate."""
    patience: NonNegativeInt = 1
    """Evaluations without a better result before `plateau` lowers the rate."""

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if self.warmup_steps is not None and self.warmup_share is not None:
            raise ValueError("give warmup_steps or warmup_share, not both")
        return self


class EarlyStoppingConfig(Config):
    """Stop when `best_metric` no longer improves on the validation split."""

    patience: PositiveInt = 3
    """Evaluations without improvement before the run ends."""
    min_delta: NonNegativeFloat = 0.0
    """Smallest change that counts as an improvement; it affects stopping only: any improvement makes a checkpoint `best`."""


class CheckpointConfig(Config):
    """When the run is saved, in addition to after each evaluation."""

    every_steps: PositiveInt | None = None
    """Save every N steps."""
    every_minutes: PositiveFloat | None = 10.0
    """Save every N minutes."""
    keep: PositiveInt = 2
    """Number of latest checkpoints to keep; the best one is always kept."""
    average: PositiveInt | None = None
    """At the end, also evaluate the mean of the weights of the latest N checkpoints on the validation split; if it is better, it becomes
    the best checkpoint (Vaswani et al. 2017, section 6.1). At most `keep`."""

    @model_validator(mode="after")
    def _averages_what_is_kept(self) -> Self:
        if self.average is not None and self.average > self.keep:
            raise ValueError(f"average {self.average} needs that many checkpoints, but keep is {self.keep}; raise keep")
        return self


class BudgetConfig(Config):
    """The training budget: exactly one of the keys. At least one step is taken."""

    seconds: PositiveFloat | None = None
    """Time spent on steps, over all resumptions; evaluations and checkpoints are not counted. The schedule follows the share of the time
    that is used, so two runs are not equal bit for bit."""
    tokens: Annotated[int, Field(ge=1, le=10**15)] | None = None
    """Tokens of the training split, counting repeated tokens again but not padding."""
    flops: PositiveFloat | None = None
    """Floating-point operations of the matrix products of forward and backward pass, taken as three times those of the forward pass that
    `nlp count-params` reports."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in ("seconds", "tokens", "flops") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of seconds, tokens and flops, not {' and '.join(given) or 'none'}")
        return self


class LoraConfig(Config):
    """Low-rank adapters (Hu et al. 2022): for each chosen matrix W of a transformer, (alpha / rank) B A is trained and W is frozen.
    Checkpoints contain the sum as one matrix, and the adapters alone in `adapter.safetensors`."""

    rank: PositiveInt = 8
    """Rank of each adapter."""
    alpha: PositiveFloat = 16.0
    """Scale of the adapters, divided by their rank."""
    matrices: list[Literal["attention", "feed_forward"]] = Field(default=["attention"], min_length=1)
    """Which matrices have an adapter: those of attention, of feed-forward layers, or both."""


class FineTuneConfig(Config):
    """Which layers of a network are trained, and how fast, if it starts from an earlier run (`model.init_from`). Layers are the embedding,
    each block, and the output."""

    last_layers: NonNegativeInt | None = None
    """Number of layers below the output that are trained with it; the rest is frozen. 0 trains the output alone, on frozen features. By
    default all layers are trained."""
    unfreeze_every: PositiveInt | None = None
    """Gradual unfreezing: start with the output alone, and unfreeze one more layer, from the top, every N epochs (Howard and
    Ruder 2018)."""
    layer_decay: WholeShare = 1.0
    """Learning rate of each layer as a share of that of the layer above it (Howard and Ruder 2018)."""
    lora: LoraConfig | None = None


class TrainingConfig(Config):
    """Training of a network by gradient descent."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Passes over the training split; give this, `steps` or `budget`."""
    steps: PositiveInt | None = None
    """Optimiser steps; give this, `epochs` or `budget`."""
    budget: BudgetConfig | None = None
    """Train until a budget of time, tokens or FLOPs is used up, so that models are compared at equal cost. It replaces `epochs` and
    `steps`, which then set no limit and may be left out."""
    batch_size: PositiveInt | Literal["full"] = 64
    """Examples per batch; `full` is the whole split."""
    batch_tokens: PositiveInt | None = None
    """Limit batches by number of tokens (including padding) instead of examples."""
    bucket_by_length: bool = True
    """Batch texts of similar length together, which saves padding; the order of batches stays random."""
    accumulate: PositiveInt = 1
    """Micro-batches whose gradients are summed into one step; exact, since the loss is divided once."""
    optimizer: OptimizerConfig
    """How gradients change the weights."""
    schedule: ScheduleConfig = ScheduleConfig()
    fine_tune: FineTuneConfig | None = None
    clip_norm: PositiveFloat | None = None
    """Maximum gradient norm; larger gradients are scaled down to it (Pascanu et al. 2013)."""
    ema: Probability | None = None
    """Decay rate of an exponential moving average of the weights, which evaluation and `best` then use."""
    early_stopping: EarlyStoppingConfig | None = None
    best_metric: str | None = None
    """Validation metric that decides which checkpoint is `best`, and that early stopping monitors; by default the task's main one, usually
    accuracy. Ties are broken by the lower validation loss."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16`: matrix products in bfloat16 by autocast; weights stay fp32. A CPU without bfloat16 trains in fp32, with a notice."""
    tf32: bool = True
    """On an NVIDIA GPU, compute fp32 matrix products in TF32, with 10 bits of mantissa; no effect elsewhere."""
    compile: bool = False
    """Compile the model with `torch.compile`; pays off in long runs on a GPU."""
    cuda_graphs: bool = False
    """On an NVIDIA GPU, record a complete step for each shape of batch and replay it, so that no kernel waits for Python; pays off for
    small networks and for batches of few shapes. No effect elsewhere."""
    log_every: PositiveInt = 50
    """Steps between two log entries."""
    evaluate_every: PositiveInt | None = None
    """Steps between two evaluations; by default one after each epoch."""
    checkpoints: CheckpointConfig = CheckpointConfig()

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("give either epochs or steps")
        if self.epochs is None and self.steps is None and self.budget is None:
            raise ValueError("give epochs, steps or a budget")
        if self.batch_tokens is not None and self.batch_size == "full":
            raise ValueError("give batch_size `full` or batch_tokens, not both")
        if self.cuda_graphs and self.fine_tune is not None and self.fine_tune.unfreeze_every is not None:
            raise ValueError("cuda_graphs records one step, but with fine_tune.unfreeze_every steps differ; leave one out")
        if self.ema is not None and self.fine_tune is not None and self.fine_tune.lora is not None:
            raise ValueError("ema averages the two factors of fine_tune.lora, which does not average their product; leave one out")
        if self.cuda_graphs and self.optimizer.type not in ("adam", "adamw"):
            raise ValueError(f"cuda_graphs needs optimizer adam or adamw, not {self.optimizer.type}")
        return self
