"""The bundle: packed, opened, tampered with; rows answered alone and together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packed import BUNDLE, packed_shop
from steadily.bundle import Bundle, open_bundle
from steadily.bundle.manifest import digest_of
from steadily.bundle.replay import Answers
from steadily.cli import main
from steadily.datasets import read_dataset
from steadily.errors import DataError, PluginError, SteadilyError
from unit.small import Small
from unit.test_evaluate import MODEL, SHARES, judged


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the shop, made once, with the raw rows and the predictions beside it."""
    return packed_shop(tmp_path_factory)


@pytest.fixture
def bundle(packed: Path, tmp_path: Path, small: Small) -> Path:
    """A copy of the bundle in an empty project."""
    shutil.copytree(packed / "bundle", tmp_path / "a bundle")
    return tmp_path / "a bundle"


def raw(packed: Path) -> pd.DataFrame:
    return pd.read_csv(packed / "data/inbox/one.csv", dtype="str", keep_default_na=False)


def told(answers: Answers) -> list[Any]:
    """Give what was said of each row, without its position."""
    table = answers.table.to_dict("index")
    return [(table.get(place), answers.refused.get(place), answers.imputed.get(place)) for place in range(answers.rows)]


def test_what_is_in_it(packed: Path, bundle: Path) -> None:
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    assert names == sorted(
        [
            *(f"contracts/{name}.yaml" for name in ("valid", "clean", "test", "test_ready")),
            "figures.json",
            "learned/prepare/fill/all-0.parquet",
            "learned/prepare/fill/state.json",
            "manifest.json",
            "model/model.json",
            "model/model.skops",
            "plugins/shop.py",
            "plugins/shop_words.py",
            "reference.json",
            "request.schema.json",
        ]
    )
    found = json.loads((bundle / "manifest.json").read_text("utf-8"))
    assert str(packed) not in json.dumps(found)
    assert [[step["name"] for step in stage["steps"]] for stage in found["stages"]] == [
        [],
        ["shout", "when"],
        [],
        ["fill"],
    ]
    assert found["training_only"] == ["late"]
    assert found["classes"] == ["n", "y"]
    schema = json.loads((bundle / "request.schema.json").read_text("utf-8"))
    assert schema["required"] == ["order", "city", "weight", "ordered_at"]
    assert schema["properties"]["weight"] == {"type": ["number", "null"], "minimum": 0, "maximum": 100}
    assert set(schema["examples"][0]) == set(schema["required"])


def test_it_answers_every_row_as_the_evaluation_did(packed: Path, bundle: Path) -> None:
    rows = pd.read_parquet(next((packed / "data/raw").glob("*.parquet")))
    expected = read_dataset("predictions", packed)
    answers = open_bundle(bundle).predict(rows)
    table = answers.table.set_axis(rows.index[answers.table.index], axis=0)
    pd.testing.assert_frame_equal(table.loc[expected.index], expected.drop(columns="target"), check_names=False)


def test_rows_that_training_dropped_or_quarantined_are_refused_with_its_reason(packed: Path, bundle: Path) -> None:
    rows = raw(packed).head(6)
    rows.loc[1, "weight"] = "1990"
    rows.loc[2, "ordered_at"] = "yesterday"
    rows.loc[3, "order"] = "many"
    rows.loc[4, ["weight", "late"]] = ""
    answers = open_bundle(bundle).predict(rows)
    found = {place: (one.stage, one.step, one.column, one.reason) for place, one in answers.refused.items()}
    assert found == {
        1: ("validate", "contract", "weight", "weight 1990.0 is above 100"),
        2: ("clean", "when", None, "ordered_at cannot be parsed as iso8601: 'yesterday'"),
        3: ("validate", "contract", "order", "order 'many' is not a whole number (int64)"),
    }
    assert [one.column for one in answers.imputed[4]] == ["weight"]
    assert sorted(answers.table.index) == [0, 4, 5]
    assert answers.notes == ["not looked at, since only training needs it: late"]


def test_alone_by_sevens_and_all_at_once_are_the_same(packed: Path, bundle: Path) -> None:
    opened = open_bundle(bundle)
    rows = raw(packed).head(60)
    rows.loc[3, "weight"], rows.loc[8, "ordered_at"], rows.loc[20, "weight"] = "-3", "", ""
    whole = told(opened.predict(rows))
    for size in (1, 7):
        pieces = [opened.predict(rows.iloc[start : start + size]) for start in range(0, len(rows), size)]
        assert [one for piece in pieces for one in told(piece)] == whole


ODD = ["", "1", "-5", "1e400", "nan", "x", "2024-01-05T10:00:00Z", "Ulm", "\x00"]
CELLS = st.one_of(st.sampled_from(ODD), st.text(max_size=8))
ROW = st.fixed_dictionaries(dict.fromkeys(("order", "city", "weight", "ordered_at"), CELLS))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=5))
def test_any_row_is_answered_or_refused_and_harms_no_other(
    packed: Path, bundle: Path, rows: list[dict[str, str]]
) -> None:
    opened = opened_once(bundle)
    good = raw(packed).drop(columns="late").head(1)
    answers = opened.predict(pd.concat([good, pd.DataFrame(rows, dtype="str")]))
    assert set(answers.table.index) | set(answers.refused) == set(range(len(rows) + 1))
    assert not set(answers.table.index) & set(answers.refused)
    assert told(answers)[0] == told(opened.predict(good))[0]


OPENED: dict[str, Bundle] = {}


def opened_once(folder: Path) -> Bundle:
    if "shop" not in OPENED:
        OPENED["shop"] = open_bundle(folder)
    return OPENED["shop"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="city"), "rows: column city is missing"),
        (
            lambda rows: rows.rename(columns={"city": "citty"}),
            "column city is missing; given: citty, order, ordered_at, weight; did you mean 'citty'?",
        ),
        (lambda rows: rows.rename(columns={"weight": "w"}), "is it w now?"),
        (lambda rows: pd.concat([rows, rows["city"]], axis=1), "column city is there twice"),
        (lambda rows: pd.DataFrame(index=rows.index), "column order is missing; given: no columns"),
    ],
)
def test_columns_that_are_not_the_contracts_are_named(packed: Path, bundle: Path, change: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        open_bundle(bundle).predict(change(raw(packed)))
    assert said in str(caught.value)


def test_further_columns_are_left_out_and_told(packed: Path, bundle: Path) -> None:
    answers = open_bundle(bundle).predict(raw(packed).assign(more="x").head(3))
    assert "not in the contract and left out: more" in answers.notes
    assert not answers.refused


def test_no_rows_are_no_answers(packed: Path, bundle: Path) -> None:
    answers = open_bundle(bundle).predict(raw(packed).head(0))
    assert (answers.rows, len(answers.table), answers.refused) == (0, 0, {})


def refusal(bundle: Path) -> str:
    with pytest.raises(SteadilyError) as caught:
        open_bundle(bundle)
    return str(caught.value)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_file_missing_cut_off_or_changed_is_named(bundle: Path, data: st.DataObject) -> None:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    how = data.draw(st.sampled_from(["missing", "cut", "longer", "flipped", "empty"]))
    place = data.draw(st.integers(0, len(content) - 1))
    if how == "missing":
        path.unlink()
    else:
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        path.write_bytes({"cut": content[:place], "longer": content + b" ", "flipped": flipped, "empty": b""}[how])
    try:
        if how == "longer" and path.name == "manifest.json":
            open_bundle(bundle)  # a blank at its end says nothing
        else:
            said = refusal(bundle)
            assert path.name in said or "holds no bundle" in said
    finally:
        path.write_bytes(content)


def test_files_that_nobody_packed_links_and_edits_of_the_manifest_are_refused(bundle: Path) -> None:
    (bundle / "plugins/extra.py").write_text("raise SystemExit", encoding="utf-8")
    assert "extra.py: is in no manifest" in refusal(bundle)
    (bundle / "plugins/extra.py").unlink()
    schema = bundle / "request.schema.json"
    schema.rename(bundle.parent / "elsewhere.json")
    schema.symlink_to(bundle.parent / "elsewhere.json")
    assert "request.schema.json: is a link" in refusal(bundle)
    schema.unlink()
    (bundle.parent / "elsewhere.json").rename(schema)
    manifest = bundle / "manifest.json"
    content = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({**content, "training_only": []}), encoding="utf-8")
    assert "manifest.json: was changed since it was written" in refusal(bundle)
    for odd in ("[]", "{", "{}", '{"format": 1}'):
        manifest.write_text(odd, encoding="utf-8")
        assert "manifest.json" in refusal(bundle)
    other = {**content, "format": 99}
    manifest.write_text(json.dumps({**other, "digest": digest_of(other)}), encoding="utf-8")
    assert "of another format; given: 99; allowed: 1" in refusal(bundle)


def resealed(bundle: Path, change: Any) -> None:
    """Change a manifest as one would who also knows how to digest it."""
    path = bundle / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps({**content, "digest": digest_of(content)}), encoding="utf-8")


def test_a_file_outside_the_bundle_is_none_of_its_files(bundle: Path) -> None:
    resealed(bundle, lambda content: content["files"].update({"../x": {"bytes": 1, "sha256": "0"}}))
    assert "x: is missing" in refusal(bundle)


def test_other_code_is_refused_by_name_unless_it_is_allowed(packed: Path, bundle: Path) -> None:
    def change(content: Any) -> None:
        content["stages"][1]["steps"][1]["version"]["code"] = {"steadily_dates/steps.py": "000000000000"}
        content["packages"]["pandas"] = "1.0"

    resealed(bundle, change)
    said = refusal(bundle)
    assert "stage clean, step when: the code of dates.parse here is not that of the training" in said
    notes: list[str] = []
    answers = open_bundle(bundle, other_code=True, tell=notes.append).predict(raw(packed).head(2))
    assert len(answers.table) == 2
    assert any("trained with pandas 1.0" in note for note in notes)
    resealed(bundle, lambda content: content["stages"][1]["steps"][1].update(use="dates.nope"))
    with pytest.raises(PluginError, match=r"no plugin has a step of this name"):
        open_bundle(bundle, other_code=True)


def test_a_model_of_unknown_types_is_refused(bundle: Path) -> None:
    import hashlib
    import zipfile

    path = bundle / "model/model.skops"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members["schema.json"].decode().replace('"LogisticRegression"', '"EvilRegression"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "schema.json": text.encode()}.items():
            archive.writestr(name, content)
    about = json.loads((bundle / "model/model.json").read_text("utf-8"))
    about["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (bundle / "model/model.json").write_text(json.dumps(about), encoding="utf-8")

    def reseal(content: Any) -> None:
        for name in ("model/model.skops", "model/model.json"):
            found = (bundle / name).read_bytes()
            content["files"][name] = {"bytes": len(found), "sha256": hashlib.sha256(found).hexdigest()}

    resealed(bundle, reseal)
    assert "EvilRegression" in refusal(bundle)


def test_two_packings_give_the_same_bytes(packed: Path, small: Small) -> None:
    judged(small, more=BUNDLE).run()
    for path in sorted(Path("bundle").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (packed / path).read_bytes(), path


def test_a_step_that_can_not_be_repeated_is_found_before_a_bundle_stands(small: Small) -> None:
    own = '''
@step("shop.rank", kind="dataset")
def rank(frame):
    """Put the rank in the place of the weight."""
    return frame.assign(weight=frame["weight"].rank() * 3)
'''
    judged(small, own=SHARES + own, more=BUNDLE)
    small.edit("conf/config.yaml", "      when: {use", "      rank: {use: shop.rank}\n      when: {use")
    with pytest.raises(SteadilyError, match="what is packed does not answer as the evaluation did"):
        small.run()
    assert not Path("bundle").exists()


def test_a_row_on_which_the_model_fails_is_told_and_the_others_are_answered(small: Small) -> None:
    answer = 'if (frame["order"] == 666).any(): raise ValueError("cursed")\n        return pd.Series("n", frame.index)'
    own = SHARES + MODEL.replace("PREDICT", answer).replace("PROBA", "values[frame['order'] == 667] = float('nan')")
    judged(small, own=own, more=BUNDLE)
    small.edit("conf/config.yaml", "  - model: small\n", "")
    small.edit("conf/config.yaml", 'model: "${model}"', "model: {use: shop.coin}")
    small.run()
    rows = pd.read_csv("data/inbox/one.csv", dtype="str", keep_default_na=False).head(5)
    rows.loc[1, "order"], rows.loc[3, "order"] = "666", "667"
    answers = open_bundle("bundle").predict(rows)
    assert sorted(answers.table.index) == [0, 2, 4]
    assert answers.refused[1].fault
    assert "ValueError: cursed" in answers.refused[1].reason
    assert "not finite" in answers.refused[3].reason


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_predict_writes_an_answer_or_a_refusal_for_every_row(
    packed: Path, bundle: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    rows = raw(packed)
    rows.loc[5, "weight"] = "1990"
    rows.to_csv("new.csv", index=False)
    assert main(["predict", "new.csv", "--bundle", str(bundle), "--out", f"out/answers.{form}"]) == 0
    read = {"csv": pd.read_csv, "jsonl": lambda path: pd.read_json(path, lines=True), "parquet": pd.read_parquet}[form]
    found = read(f"out/answers.{form}")
    assert list(found.columns) == [
        "row", "row_id", "prediction", "confidence", "probability_n", "probability_y", "imputed", "refused",
    ]  # fmt: skip
    assert found["row"].tolist() == list(range(1, 201))
    assert found["refused"].notna().sum() == found["prediction"].isna().sum() > 0
    assert found["refused"][5] == "validate, contract: weight 1990.0 is above 100"
    said = capsys.readouterr().err
    assert "new.csv: 200 rows, " in said
    assert "refused 1: validate, contract: weight is above 100" in said
    assert [path.name for path in Path("out").iterdir()] == [f"answers.{form}"]


def test_predict_reads_the_same_rows_from_every_form(packed: Path, bundle: Path, capsys: Any) -> None:
    rows = raw(packed).head(20)
    rows.to_csv("new.csv", index=False)
    rows.to_csv("new.csv.gz", index=False)
    rows.to_json("new.jsonl", orient="records", lines=True)
    rows.to_parquet("new.parquet")
    tables = []
    for name in ("new.csv", "new.csv.gz", "new.jsonl", "new.parquet"):
        assert main(["predict", name, "--bundle", str(bundle)]) == 0
        tables.append([line.split(",", 2)[2] for line in capsys.readouterr().out.splitlines()])
    assert tables[0] == tables[1] == tables[2] == tables[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.csv"], "nothing.csv: there is no such file"),
        (["new.docx"], "new.docx: can't be told what it is by its name; allowed: .csv"),
        (["new.csv", "--out", "x.docx"], "x.docx: can't be told what it is to be by its name; allowed: .csv, .jsonl"),
        (["new.csv", "--bundle", "nowhere"], "nowhere: there is no such folder"),
        (["new.csv", "--bundle", "."], "holds no bundle: there is no manifest.json in it"),
        (["bad.csv", "--out", "x.csv"], "column city is missing"),
    ],
)
def test_predict_refuses_what_it_can_not_read(
    packed: Path, bundle: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    raw(packed).head(3).to_csv("new.csv", index=False)
    raw(packed).head(3).drop(columns="city").to_csv("bad.csv", index=False)
    words = words if "--bundle" in words else [*words, "--bundle", str(bundle)]
    assert main(["predict", *words]) == 1
    found = capsys.readouterr()
    assert said in found.err
    assert not found.out
    assert sorted(path.name for path in Path().glob("*x.*")) == []
