from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import assert_refused, call, save_photographs
from deepception.errors import InputError, ObserverError
from deepception.observers import check_answers, fingerprint, open_observer
from deepception.observers.protocol import resolution_of
from deepception.sessions import Session

pytest.importorskip("sklearn")
pytest.importorskip("skops")

import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

SIDE = 16
NAMES = ("cat", "dog", "owl")


def images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, size=(n, SIDE, SIDE, 3), dtype=np.uint8)


def rows(x: np.ndarray) -> np.ndarray:
    """What an estimator gets: float32 from 0 to 1, flattened."""
    return x.astype(np.float32).reshape(len(x), -1) / np.float32(255)


def fitted(estimator: Any, classes: Any = NAMES) -> Any:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(90, SIDE * SIDE * 3)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, np.array(classes)[(x[:, ::3].mean(axis=1) * 3e3).astype(int) % len(classes)])


def test_an_estimator_and_its_file_get_the_flattened_frame(tmp_path: Path) -> None:
    estimator = fitted(make_pipeline(StandardScaler(), LogisticRegression()))
    skops.io.dump(estimator, tmp_path / "m.skops")
    wanted = estimator.predict_proba(rows(images(5)))
    for spec in (estimator, tmp_path / "m.skops", f"sklearn:{tmp_path / 'm.skops'}"):
        observer = open_observer(spec)
        assert (observer.frame.shape, observer.labels) == ((SIDE, SIDE), NAMES)
        raw = observer.answer(images(5))
        check_answers(raw, 3, 5)
        assert raw.level == "probabilities"
        assert np.array_equal(raw.scores, wanted)
        assert len(observer.answer(images(0)).scores) == 0
        assert observer.settings.warnings == ()  # type: ignore[attr-defined]


def test_without_probabilities_its_labels_are_all_it_tells() -> None:
    estimator = fitted(LinearSVC())
    observer = open_observer(estimator)
    raw = observer.answer(images(6))
    assert raw.level == "label"
    assert raw.labels is not None
    assert [NAMES[i] for i in raw.labels[:, 0]] == estimator.predict(rows(images(6))).tolist()
    # Its margins are log odds at the user's word alone.
    told = open_observer(estimator, output="logits")
    assert np.array_equal(told.answer(images(6)).scores, estimator.decision_function(rows(images(6))))
    with pytest.raises(InputError, match="no predict_proba"):
        open_observer(estimator, output="probabilities")


def test_two_classes_have_one_margin() -> None:
    estimator = fitted(LogisticRegression(), ["no", "yes"])
    told = open_observer(estimator, output="logits")
    with Session(told) as session:
        found = np.exp(session.ask_images(images(4)).log_probability)
    assert found == pytest.approx(estimator.predict_proba(rows(images(4))), abs=1e-6)


def test_shares_of_votes_are_rounded() -> None:
    assert open_observer(fitted(KNeighborsClassifier(4))).answer(images(1)).resolution == 1 / 4
    forest = open_observer(fitted(RandomForestClassifier(20, random_state=0)))
    assert forest.answer(images(1)).resolution == resolution_of(forest) == 1 / 20
    with Session(forest) as session:
        answers = session.ask_images(np.zeros((3, SIDE, SIDE, 3), np.uint8))
    assert answers.log_odds.min() >= np.log(0.025 / 0.975) - 1e-9


def test_an_oblong_size_must_be_said_and_must_fit() -> None:
    estimator = fitted(LogisticRegression())
    assert open_observer(estimator, size=(8, 32)).frame.shape == (8, 32)
    with pytest.raises(InputError, match=r"9x9 give 243 numbers, but .* takes 768"):
        open_observer(estimator, size=9)
    estimator.n_features_in_ = 150
    with pytest.raises(InputError, match="no square image"):
        open_observer(estimator)


def test_the_fingerprint_is_that_of_what_was_fitted(tmp_path: Path) -> None:
    one, other = fitted(LogisticRegression()), fitted(LogisticRegression(C=2))
    assert fingerprint(open_observer(one)) == fingerprint(open_observer(pickle.loads(pickle.dumps(one))))
    assert fingerprint(open_observer(one)) != fingerprint(open_observer(other))
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from deepception.observers import fingerprint, open_observer\n"
        "from test_observers_sklearn import fitted\n"
        "print(fingerprint(open_observer(fitted(LogisticRegression()))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(open_observer(one))
    strange = fitted(make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()))
    assert fingerprint(open_observer(strange)) != fingerprint(open_observer(strange))
    prints = [fingerprint(open_observer(strange, version="1")) for _ in range(2)]
    assert prints[0] == prints[1]


def harmless(x: np.ndarray) -> np.ndarray:
    return x


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib", "m.skops"])
def test_a_pickle_is_refused(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Writes:
        def __reduce__(self) -> Any:
            return Path.touch, (trace,)

    (tmp_path / name).write_bytes(pickle.dumps(Writes()))
    for spec in (tmp_path / name, f"sklearn:{tmp_path / name}"):
        assert_refused(call("info", spec), name, "skops.io.dump")
    assert not trace.exists()


def test_types_that_could_do_harm_are_listed(tmp_path: Path) -> None:
    skops.io.dump(
        fitted(make_pipeline(FunctionTransformer(harmless), LogisticRegression())), tmp_path / "m.skops"
    )
    assert_refused(call("info", tmp_path / "m.skops"), "m.skops", "test_observers_sklearn.harmless")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    skops.io.dump(fitted(LogisticRegression()), path)
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(40)
    path.write_bytes(content)
    assert_refused(call("info", path), "m.skops")
    assert_refused(call("info", tmp_path / "none.skops"), "none.skops")


def test_what_is_no_fitted_classifier_is_refused() -> None:
    for estimator in (LogisticRegression(), LinearRegression()):
        with pytest.raises(ObserverError, match="no fitted classifier"):
            open_observer(estimator)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"device": "cuda"}, "on the cpu"), ({"engine": "x"}, "no engine 'x'"), ({"weights": "w"}, "holds all")],
)
def test_options_that_mean_nothing_here(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_observer(fitted(LogisticRegression()), **options)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skops.io.dump(fitted(LogisticRegression()), tmp_path / "m.skops")
    monkeypatch.setitem(sys.modules, "skops", None)
    assert_refused(call("info", tmp_path / "m.skops"), "pip install 'deepception[sklearn]'")


def test_a_file_is_audited(tmp_path: Path) -> None:
    skops.io.dump(fitted(LogisticRegression()), tmp_path / "m.skops")
    photographs = save_photographs(tmp_path / "photos", 2)
    done = call("audit", tmp_path / "m.skops", photographs, "--quick", "--out", tmp_path / "run", page=False)
    assert done.code == 0, done
