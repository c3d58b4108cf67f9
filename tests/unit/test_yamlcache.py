import math

import pytest

from steadily import yamltext
from steadily.errors import ConfigError
from steadily.yamlcache import dump


def test_a_text_is_made_once_for_the_same_values_with_their_types(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(yamltext, "dump", lambda values, header: made.append(values) or f"{header}: {values}")
    for values in ({"n": 1}, {"n": 1}, {"n": 1.0}, {"n": True}, {"n": True}, {"n": 1}):
        assert dump(tmp_path, "params", values, "head") == f"head: {values}"
    assert [repr(values) for values in made] == ["{'n': 1}", "{'n': 1.0}", "{'n': True}", "{'n': 1}"]
    assert dump(tmp_path, "versions", {"n": 1}, "head") == dump(tmp_path, "params", {"n": 1}, "head")


@pytest.mark.parametrize("value", [math.nan, {1}, object()])
def test_what_yaml_cannot_hold_is_refused_each_time(tmp_path, value):
    for _ in range(2):
        with pytest.raises(ConfigError, match="n: "):
            dump(tmp_path, "params", {"n": value})


def test_a_cache_that_was_cut_off_is_no_trouble(tmp_path):
    text = dump(tmp_path, "params", {"n": 1})
    next(tmp_path.rglob("params.json")).write_text('{"digest": ')
    assert dump(tmp_path, "params", {"n": 1}) == text
