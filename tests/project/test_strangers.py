"""Files from strangers: what they may not do, and what is refused before it is run. SECURITY.md speaks of all of it."""

import ast
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from impasto import ImpastoError, Stylizer, describe
from impasto.common.errors import one_line
from impasto.contract.graph import check_graph
from impasto.contract.info import seal
from impasto.engine import check
from impasto_train.photos.content import open_content, training_batch
from negative import INFO, negative_model
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from samples import encoded, noise

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "infer", ROOT / "train", ROOT / "models"]


def evil(path: Path, change) -> Path:
    """A model under the contract with ``change`` made to it and a digest that is right."""
    model = onnx.load_from_string(negative_model(INFO.to_metadata()))
    change(model)
    path.write_bytes(seal(model.SerializeToString()))
    return path


def add(*nodes):
    def change(model):
        for node in nodes:
            model.graph.node.append(node)

    return change


def endless():
    """The body of a loop that never ends."""
    flag = helper.make_tensor_value_info("going", TensorProto.BOOL, [])
    count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
    again = helper.make_tensor_value_info("again", TensorProto.BOOL, [])
    return helper.make_graph([helper.make_node("Identity", ["going"], ["again"])], "body", [count, flag], [again])


def outside(model):
    model.graph.initializer[1].ClearField("raw_data")
    model.graph.initializer[1].data_location = TensorProto.EXTERNAL
    for key, value in (("offset", "0"), ("location", "/etc/passwd")):
        model.graph.initializer[1].external_data.add(key=key, value=value)


def enormous(*dims):
    def change(model):
        model.graph.initializer.append(TensorProto(name="much", dims=dims, data_type=TensorProto.FLOAT))

    return change


def text(model):
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"words"]))


def function(model):
    identity = [helper.make_node("Identity", ["x"], ["y"])]
    opset = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("ai.onnx", "Cast", ["x"], ["y"], identity, opset))


def many(model):
    nodes = [helper.make_node("Identity", ["photo"], [f"n{index}"]) for index in range(3_000)]
    model.graph.node.extend(nodes)


def sparse(model):
    values, at = numpy_helper.from_array(np.ones(1, np.float32)), numpy_helper.from_array(np.zeros(1, np.int64))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, at, [10**9]))


REFUSED = {
    "an operator of someone's own": (add(helper.make_node("Run", ["photo"], ["x"], domain="com.evil")), "com.evil.Run"),
    "a loop": (add(helper.make_node("Loop", ["", ""], [], body=endless())), "'?Loop"),
    "a branch": (add(helper.make_node("If", ["x"], [], then_branch=endless(), else_branch=endless())), "If"),
    "a graph in a harmless operator": (
        add(helper.make_node("Cast", ["photo"], ["x"], to=1, body=endless())),
        "Cast holds a graph",
    ),
    "graphs in a harmless operator": (
        add(helper.make_node("Cast", ["photo"], ["x"], to=1, bodies=[endless()])),
        "Cast holds graphs",
    ),
    "much out of little": (add(helper.make_node("ConstantOfShape", ["photo"], ["x"])), "ConstantOfShape"),
    "padding without end": (
        add(helper.make_node("MaxPool", ["photo"], ["x"], kernel_shape=[1, 1], pads=[10**6] * 4)),
        "above 1000",
    ),
    "data in another file": (outside, "data in other files"),
    "a tensor that is not there": (enormous(2**20, 2**20), "does not hold so much"),
    "a tensor of too many axes": (enormous(*[1] * 9), "does not hold so much"),
    "a tensor whose size overflows": (enormous(2**32, 2**32), "does not hold so much"),
    "a tensor of text": (text, "type 8"),
    "a function": (function, "functions"),
    "thousands of operators": (many, "2000 are the most"),
    "a sparse tensor": (sparse, "sparse"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_refused_before_it_is_run(name, tmp_path, monkeypatch):
    def opened(*arguments, **settings):
        raise AssertionError("it reached onnxruntime")

    monkeypatch.setattr("impasto.painting.painter.open_session", opened)
    monkeypatch.setattr("impasto.engine.check.open_session", opened)
    change, words = REFUSED[name]
    path = evil(tmp_path / "evil.onnx", change)
    for way in (lambda: Stylizer(path, device="cpu"), lambda: check.check(path)):
        with pytest.raises(ImpastoError, match=words) as caught:
            way()
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(str(path))


def test_a_tensor_inside_an_attribute_is_looked_at(tmp_path):
    node = helper.make_node("Constant", [], ["x"])
    much = TensorProto(dims=[2**20, 2**20], data_type=TensorProto.FLOAT)
    node.attribute.append(AttributeProto(name="value", type=AttributeProto.TENSOR, t=much))
    with pytest.raises(ImpastoError, match="does not hold so much"):
        Stylizer(evil(tmp_path / "evil.onnx", add(node)))


def test_names_in_a_strangers_model_do_not_reach_the_terminal(tmp_path):
    path = evil(tmp_path / "evil.onnx", add(helper.make_node("\x1b[2J" + "x" * 500, [], [])))
    with pytest.raises(ImpastoError) as caught:
        Stylizer(path)
    assert "\x1b" not in str(caught.value)
    assert "x" * 50 not in str(caught.value)


def test_an_error_that_quotes_a_file_holds_nothing_that_a_terminal_obeys():
    assert one_line("a \x1b]0;title\x07\r\n b\udcff 陰") == "a ?]0;title? b? 陰"


def test_lists_of_numbers_are_not_followed_for_ever():
    dims = b"\x0a" + b"\x80\x80\x40" + bytes(2**20)  # field 1, packed, a million zeros
    tensor = b"\x2a" + b"\x84\x80\x40" + dims
    with pytest.raises(ImpastoError, match="too long"):
        check_graph(b"\x3a" + b"\x88\x80\x40" + tensor)


def test_what_computes_its_way_to_too_much_is_ended_by_the_check(tmp_path, monkeypatch):
    def doubling(model):
        nodes = [helper.make_node("Concat", [f"d{i}"] * 64, [f"d{i + 1}"], axis=0) for i in range(6)]
        model.graph.node.insert(0, helper.make_node("Cast", ["image"], ["d0"], to=1))
        for index, node in enumerate(nodes, 1):
            model.graph.node.insert(index, node)
        model.graph.node.insert(7, helper.make_node("ReduceMax", ["d6"], ["largest"], keepdims=0))
        last = model.graph.node[-1]
        model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Max", ["rounded", "largest"], ["more"]))
        last.input[0] = "more"

    path = evil(tmp_path / "evil.onnx", doubling)  # 7x13 pixels, 64 times as many at each of six operators
    with pytest.raises(ImpastoError) as caught:
        check.check_apart(path)
    print(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(check, "MOST_SECONDS", 0.01)
    with pytest.raises(ImpastoError, match=r"takes more than 0\.01 s"):
        check.check_apart(path)


def test_nothing_in_the_present_folder_is_run(model, tmp_path, monkeypatch):
    for name in ("numpy", "json", "onnxruntime", "pip", "typing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was here')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert check.check_apart(model)
    assert not (tmp_path / "was here").exists()


def test_a_picture_that_is_a_pickle_or_an_array_is_no_picture(tmp_path, model):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was here"),)

    array = io.BytesIO()
    np.save(array, np.array([Evil()]), allow_pickle=True)
    for data in (pickle.dumps(Evil()), array.getvalue()):
        for name in ("evil.png", "evil.onnx"):
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ImpastoError):
            Stylizer(model, device="cpu")(tmp_path / "evil.png")
        with pytest.raises(ImpastoError):
            describe(tmp_path / "evil.onnx")
    assert not (tmp_path / "was here").exists()


def test_members_of_a_zip_of_photos_are_never_written(tmp_path):
    (tmp_path / "inner").mkdir()
    names = ["../a.png", "/tmp/b.png", "..\\c.png", "d/../../e.png", "f.png"]
    with zipfile.ZipFile(tmp_path / "inner" / "photos.zip", "w") as archive:
        for index, name in enumerate(names):
            archive.writestr(name, encoded(noise(index)))
    before = sorted(tmp_path.rglob("*"))
    found = open_content(str(tmp_path / "inner" / "photos.zip"), say=lambda line: None)
    training_batch(found.train, step=0, batch_size=4, size=16, seed=0)
    # those with a part that begins with a dot count as hidden
    assert sorted(photo.name for photo in (*found.train, *found.held_out)) == ["/tmp/b.png", "f.png"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_bomb_is_no_photo(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(3):
            archive.writestr(f"{index}.png", encoded(noise(index)))
        archive.writestr("bomb.png", bytes(300 << 20))
    found = open_content(str(tmp_path / "photos.zip"), say=lambda line: None)
    assert (len(found.train) + len(found.held_out), found.skipped) == (3, 1)


# -- the code itself -------------------------------------------------------------------------------


def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call in the packages: file, the dotted name that is called, the call."""
    found = []
    for file in (path for package in PACKAGES for path in package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                found.append((file.name, ast.unparse(node.func), node))
    return found


def test_no_call_runs_a_shell_or_what_it_reads():
    forbidden = {"eval", "exec", "compile", "os.system", "os.popen", "__import__", "subprocess.getoutput"}
    loaders = ("pickle.load", "pickle.loads", "np.load", "numpy.load", "joblib.load", "marshal.loads", "shelve.open")
    found = calls()
    assert len(found) > 1000
    for file, name, call in found:
        assert name not in forbidden, f"{file}: {name}"
        assert name not in loaders, f"{file}: {name}"
        words = {keyword.arg: keyword.value for keyword in call.keywords}
        if name.startswith("subprocess."):
            assert "shell" not in words, file
            assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr), f"{file}: a list of words is safe"
        if name == "torch.load":
            assert ast.unparse(words["weights_only"]) == "True", file
        if name.endswith(("extract", "extractall", "unpack_archive")):
            raise AssertionError(f"{file}: members of archives are read in memory")


def test_the_check_of_a_shipped_style_is_quick_to_say_no(tmp_path):
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x08" + os.urandom(50))
    words = [sys.executable, "-P", "-m", "impasto.engine.check", str(tmp_path / "cut.onnx")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
