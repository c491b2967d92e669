"""schemas/json says what the types say."""

from schemas import jsonschema


def test_json_schemas_in_the_repository_are_what_the_types_say():
    assert jsonschema.stale() == [], "run python -m schemas.jsonschema"
    assert jsonschema.main(["--check"]) == 0


def test_a_missing_a_changed_and_a_foreign_file_are_stale(tmp_path):
    jsonschema.write(tmp_path)
    assert jsonschema.stale(tmp_path) == []
    (tmp_path / "DeadLetter.schema.json").unlink()
    (tmp_path / "UserBehaviour.schema.json").write_text("{}")
    (tmp_path / "Old.schema.json").write_text("{}")
    found = ["DeadLetter.schema.json", "Old.schema.json", "UserBehaviour.schema.json"]
    assert jsonschema.stale(tmp_path) == found
    assert jsonschema.write(tmp_path) == found
    assert jsonschema.stale(tmp_path) == []


def test_check_exits_1_when_a_file_is_stale_and_leaves_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "DeadLetter.schema.json").write_text("{}")
    monkeypatch.setattr(jsonschema.stale, "__defaults__", (tmp_path,))
    assert jsonschema.main(["--check"]) == 1
    assert "DeadLetter.schema.json" in capsys.readouterr().err
    assert (tmp_path / "DeadLetter.schema.json").read_text() == "{}"
