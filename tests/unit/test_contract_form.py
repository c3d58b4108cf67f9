from __future__ import annotations

import pytest
import yaml

from steadily.contract import Contract
from steadily.errors import ConfigError


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Contract.parse(yaml.safe_load(text))
    return [str(problem) for problem in caught.value.problems]


def test_all_problems_are_told_at_once_and_where():
    text = """
    columns:
      a: {dtype: int63}
      b: {dtype: str, checks: {isinn: [x]}}
      c: {dtype: float, checks: {ge: abc}}
    """
    asked = []
    with pytest.raises(ConfigError) as caught:
        Contract.parse(yaml.safe_load(text), lambda *keys: asked.append(keys) or f"conf/contract.yaml:{len(asked)}")
    assert asked == [("columns", "a", "dtype"), ("columns", "b", "checks", "isinn"), ("columns", "c", "checks", "ge")]
    assert str(caught.value.problems[0]).startswith(
        "conf/contract.yaml:1: unknown dtype; given: int63; allowed: int64,"
    )
    assert "did you mean 'isin'?" in str(caught.value.problems[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "a contract needs columns"),
        ("columns: {}", "a contract needs columns"),
        ("columns: [a, b]", "a contract needs columns; given: ['a', 'b']"),
        ("[]", "has to be a mapping"),
        ("columns: {a: str}", "columns.a: column 'a' needs a mapping; given: str"),
        ("columns: {a: {}}", "columns.a: a column needs a dtype"),
        ("columns: [{name: a, dtype: str}, {name: a, dtype: str}]", "columns.1: column 'a' is given twice"),
        ("{colums: {}, columns: {a: {dtype: str}}}", "colums: unknown key 'colums'; allowed: columns, strict; did you"),
        ("columns: {a: {dtype: str, nulable: true}}", "columns.a.nulable: unknown key 'nulable'"),
        ("columns: {a: {dtype: str, nullable: maybe}}", "'nullable' is true or false; given: maybe"),
        ("columns: {a: {dtype: str, isn: [b]}}", "did you mean 'isin'?"),
        ("{schema_type: series, columns: {a: {dtype: str}}}", "unknown schema_type; given: series"),
        ("{strict: 1.5, columns: {a: {dtype: str}}}", "strict is true, false or filter"),
        ("{checks: {gt: 0}, columns: {a: {dtype: str}}}", "put a check at its column"),
        ("{index: [{dtype: int64}], columns: {a: {dtype: str}}}", "the row id"),
        ("{unique: [a], columns: {a: {dtype: str}}}", "one part of the data at a time"),
        ("columns: {a: {dtype: str, unique: true}}", "one part of the data at a time"),
        ("columns: {a: {dtype: str, coerce: true}}", "a contract changes no value"),
        ("columns: {a.*: {dtype: str, regex: true}}", "name each column"),
        ("columns: {a: {dtype: str, default: x}}", "a contract makes no values up"),
        ("columns: {a: {dtype: int64, nullable: true}}", "use Int64"),
        ("columns: {a: {dtype: bool, nullable: true}}", "use boolean"),
        ("columns: {a: {dtype: str, required: false}}", "add nullable: true"),
        ("columns: {a: {dtype: category}}", "use str with the check isin"),
        ("columns: {a: {dtype: 'datetime64[us]'}}", "a moment needs a time zone"),
        ("columns: {a: {dtype: object}}", "Python objects"),
        ("columns: {a: {dtype: [str]}}", "unknown dtype"),
        ("columns: {a: {dtype: str, checks: 3}}", "checks have to be a mapping or a list"),
        ("columns: {a: {dtype: str, checks: [{isin: [b]}]}}", "needs options: {check_name: …}"),
        ("columns: {a: {dtype: str, checks: {unique_values_eq: [b]}}}", "one part of the data at a time"),
        ("columns: {a: {dtype: int, checks: {str_length: 3}}}", "str_length is for columns of str; given: int64"),
        ("columns: {a: {dtype: bool, checks: {gt: true}}}", "greater_than is for columns of"),
        ("columns: {a: {dtype: int, checks: {gt: 0.5}}}", "min_value has to be a whole number"),
        ("columns: {a: {dtype: int, checks: {gt: 9223372036854775808}}}", "min_value has to be a whole number"),
        ("columns: {a: {dtype: int, checks: {gt: true}}}", "min_value has to be a whole number"),
        ("columns: {a: {dtype: int, checks: {gt: null}}}", "argument 'min_value' is missing"),
        ("columns: {a: {dtype: float, checks: {gt: .inf}}}", "min_value has to be a finite number"),
        ("columns: {a: {dtype: float, checks: {gt: .nan}}}", "min_value has to be a finite number"),
        ("columns: {a: {dtype: float, checks: {gt: '1'}}}", "given: '1'"),
        ("columns: {a: {dtype: float, checks: {in_range: 1}}}", "argument 'max_value' is missing"),
        ("columns: {a: {dtype: float, checks: {in_range: {min_value: 2, max_value: 1}}}}", "no value can keep"),
        ("columns: {a: {dtype: float, checks: {in_range: {min_value: 1, max_value: 1, include_max: false}}}}", "no"),
        ("columns: {a: {dtype: float, checks: {in_range: {min_value: 0, max_value: 1, include_max: 0}}}}", "true"),
        ("columns: {a: {dtype: float, checks: {gt: {min_val: 2}}}}", "did you mean 'min_value'?"),
        ("columns: {a: {dtype: float, checks: {gt: {min_value: 2, groupby: b}}}}", "can't be set in a contract"),
        ("columns: {a: {dtype: float, checks: {gt: {min_value: 2, ignore_na: false}}}}", "the matter of nullable"),
        ("columns: {a: {dtype: float, checks: {gt: {min_value: 2, options: {eror: x}}}}}", "did you mean 'error'?"),
        ("columns: {a: {dtype: float, checks: {gt: {min_value: 2, error: 3}}}}", "error is the text to show"),
        ("columns: {a: {dtype: datetime, checks: {gt: 2001-02-30T00:00}}}", "ISO 8601"),
        ("columns: {a: {dtype: datetime, checks: {gt: 5}}}", "ISO 8601"),
        ("columns: {a: {dtype: datetime, checks: {in_range: {min_value: 2002-01-01, max_value: '2001-01-01'}}}}", "no"),
        ("columns: {a: {dtype: str, checks: {isin: [yes, no]}}}", "put it in quotes"),
        ("columns: {a: {dtype: str, checks: {isin: abc}}}", "has to be a list"),
        ("columns: {a: {dtype: str, checks: {isin: []}}}", "at least one value"),
        ("columns: {a: {dtype: str, checks: {isin: [a, 1]}}}", "has to be text"),
        ("columns: {a: {dtype: str, checks: {str_matches: '('}}}", "is no regular expression"),
        ("columns: {a: {dtype: str, checks: {str_matches: '[[:alpha:]]'}}}", "nested set"),
        ("columns: {a: {dtype: str, checks: {str_length: {}}}}", "str_length needs a length"),
        ("columns: {a: {dtype: str, checks: {str_length: -1}}}", "0 or more"),
        ("columns: {a: {dtype: str, checks: {str_length: {min_value: 3, max_value: 2}}}}", "no value can keep"),
        ("columns: {a: {dtype: str, checks: {str_length: {exact_value: 3, max_value: 2}}}}", "can't stand beside"),
    ],
)  # fmt: skip
def test_wrong_contracts_are_told_in_words(text, expected):
    found = problems(text)
    assert len(found) == 1
    assert expected in found[0]
