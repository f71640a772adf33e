from __future__ import annotations

import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepception.errors import InputError, ObserverError
from deepception.observers import (
    Observer,
    PreprocessingOptions,
    TorchObserver,
    check_answers,
    fingerprint,
    inspect,
    open_observer,
)

torch = pytest.importorskip("torch")

SIDE = 24
PLAIN = PreprocessingOptions(height=SIDE, width=SIDE, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, flatten=True):
        super().__init__()
        torch.manual_seed(0)
        self.a = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.drop = torch.nn.Dropout(0.5)
        self.b = torch.nn.Linear(8 * 4 * 4, 7)
        self.flatten = flatten

    def forward(self, x):
        y = torch.nn.functional.adaptive_avg_pool2d(torch.relu(self.norm(self.a(x))), 4)
        y = torch.flatten(y, 1) if self.flatten else y.view(y.shape[0], -1)
        return self.b(self.drop(y))

def make():
    return Net()
"""
namespace: dict[str, Any] = {"__name__": "the_net"}
exec(SOURCE, namespace)
Net = namespace["Net"]


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, size=(n, SIDE, SIDE, 3), dtype=np.uint8)


def by_hand(network: Any, x: np.ndarray) -> np.ndarray:
    batch = torch.from_numpy((x / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]).float().permute(0, 3, 1, 2)
    with torch.no_grad():
        return network.eval()(batch.contiguous()).numpy()


@pytest.mark.parametrize("flatten", [True, False])
def test_a_module_answers_as_by_hand_in_evaluation_mode(flatten: bool) -> None:
    network = Net(flatten).train()
    observer = TorchObserver(network, options=PLAIN)
    assert isinstance(observer, Observer)
    assert not network.training
    for n in (1, 5, 2):
        raw = observer.answer(images(n))
        check_answers(raw, 7, n)
        assert np.allclose(raw.scores, by_hand(network, images(n)), atol=1e-5)
    tensor = torch.from_numpy(images(3))
    np.testing.assert_allclose(
        observer.answer_tensor(tensor).scores, observer.answer(images(3)).scores, atol=1e-5
    )
    report = inspect(observer, images(2), seconds=0.01)
    assert report.deterministic
    assert report.problems == ()


def test_a_network_that_views_its_maps_is_not_given_channels_last() -> None:
    class Viewing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Conv2d(3, 4, 3)
            self.b = torch.nn.Linear(4 * (SIDE - 2) ** 2, 5)

        def forward(self, x: Any) -> Any:
            return self.b(self.a(x).view(x.shape[0], -1))

    observer = TorchObserver(Viewing(), options=PLAIN)
    assert not observer.channels_last
    check_answers(observer.answer(images(3)), 5, 3)
    assert TorchObserver(Net(), options=PLAIN).channels_last


def test_the_fingerprint_follows_the_weights() -> None:
    first, second = Net(), Net()
    assert fingerprint(TorchObserver(first, options=PLAIN)) == fingerprint(
        TorchObserver(second, options=PLAIN)
    )
    with torch.no_grad():
        second.b.bias[0] += 1e-3
    assert fingerprint(TorchObserver(first, options=PLAIN)) != fingerprint(
        TorchObserver(second, options=PLAIN)
    )


@pytest.mark.parametrize("form", ["script", "exported", "exported, batch 2", "factory"])
def test_the_forms_of_the_command_line(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Net().eval()
    with torch.no_grad():
        network.b.bias += 1.0
    example = torch.zeros(2, 3, SIDE, SIDE)
    options: dict[str, Any] = {"mean": PLAIN.mean, "std": PLAIN.std, "size": SIDE}
    if form == "script":
        spec = str(tmp_path / "net.pt")
        torch.jit.save(torch.jit.trace(network, example), spec)
    elif form.startswith("exported"):
        spec = str(tmp_path / "net.pt2")
        sizes = None if form.endswith("2") else ({0: torch.export.Dim("n")},)
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=sizes), spec)
        del options["size"]
    else:
        (tmp_path / "the_net_9.py").write_text(SOURCE)
        monkeypatch.chdir(tmp_path)
        torch.save({"state_dict": network.state_dict()}, tmp_path / "weights.pth")
        spec = "torch:the_net_9:make"
        options["weights"] = tmp_path / "weights.pth"
    observer = open_observer(spec, **options)
    assert observer.frame.shape == (SIDE, SIDE)
    assert observer.fixed_batch == (2 if form.endswith("batch 2") else None)
    np.testing.assert_allclose(observer.answer(images(5)).scores, by_hand(network, images(5)), atol=1e-5)
    assert fingerprint(observer) == fingerprint(open_observer(spec, **options))


class _Bomb:
    """Unpickling it would leave a trace."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self._path,))


def test_pickles_are_refused_and_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    torch.save({"a": _Bomb(trace)}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(_Bomb(trace)))
    (tmp_path / "text.pt").write_text("no network")
    for name, sentence in (
        ("zip", "is a pickle"),
        ("plain", "pickled networks"),
        ("text", "neither a TorchScript"),
    ):
        with pytest.raises(ObserverError, match=sentence):
            open_observer(tmp_path / f"{name}.pt")
    (tmp_path / "the_net_8.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ObserverError, match="is not unpickled"):
        open_observer("torch:the_net_8:make", weights=tmp_path / "zip.pt", size=SIDE)
    assert not trace.exists()


def rewritten(source: Path, target: Path, change: Any) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            name, content = change(item.filename, old.read(item))
            new.writestr(name, content)
    return target


def test_exported_programs_that_name_other_functions_are_refused(tmp_path: Path) -> None:
    network = Net().eval()
    good = tmp_path / "good.pt2"
    sizes = ({0: torch.export.Dim("n")},)
    torch.export.save(
        torch.export.export(network, (torch.zeros(2, 3, SIDE, SIDE),), dynamic_shapes=sizes), good
    )

    def calls(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.replace(b"torch.ops.aten.relu.default", b"torch.os.system")

    def evaluates(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content.replace(b'"expr_str":"', b'"expr_str":"__import__(\'os\')+').replace(
            b'"expr_str": "', b'"expr_str": "__import__(\'os\')+'
        )

    def carries(name: str, content: bytes) -> tuple[str, bytes]:
        return name.replace("archive_format", "data/aotinductor/model/x.so"), content

    for change in (calls, evaluates, carries):
        bad = rewritten(good, tmp_path / f"{change.__name__}.pt2", change)
        with pytest.raises(ObserverError, match="is not opened"):
            open_observer(bad)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("torch:nothing.pt", "no file nothing.pt"),
        ("torch:nowhere_9:make", "no module 'nowhere_9'"),
        ("torch:math:pi", "float and no torch.nn.Module"),
    ],
)
def test_unusable_specs_are_refused(spec: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_observer(spec)


def test_weights_that_do_not_fit_and_devices_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "the_net_6.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    torch.save({"other": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ObserverError, match="do not fit"):
        open_observer("torch:the_net_6:make", weights=tmp_path / "w.pth", size=SIDE)
    with pytest.raises(InputError, match="cannot use the device"):
        open_observer(Net(), device="warp")


def test_a_network_that_is_no_classifier_is_refused() -> None:
    with pytest.raises(ObserverError, match="one row of scores"):
        TorchObserver(torch.nn.Conv2d(3, 4, 3), options=PLAIN)
    with pytest.raises(ObserverError, match="one row of scores"):
        TorchObserver(torch.nn.Flatten(0), options=PLAIN)
    with pytest.raises(ObserverError, match="failed"):
        TorchObserver(torch.nn.Linear(5, 5), options=PLAIN)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_library_that_is_not_installed_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=f"pip install {library}"):
        open_observer(f"torch:{library}/resnet18")
