"""Rules as formal expressions, for ODM ``FormalExpression`` and its like."""

from operandi.protocol.format import Item, StudyProtocol
from operandi.protocol.rules import (
    Age,
    AllRules,
    AllTests,
    AnyRule,
    AnyTest,
    AtLeastRules,
    Compare,
    Criteria,
    Days,
    Every,
    Is,
    Latest,
    NotRule,
    NotTest,
    OfRows,
    Present,
    Rule,
    Share,
    Some,
    Test,
    Until,
    Within,
)
from operandi.records.plausible import plain


def formal(rule: Rule, study: StudyProtocol) -> str:  # noqa: PLR0911 - one for each rule
    """Write a rule as one formal expression, for ODM ``FormalExpression`` and its like.

    ``IT.name`` are items; windows stand in brackets as anchors with offsets.

    >>> from operandi.protocol.rules import Criteria
    >>> from operandi.protocol.study import read_study
    >>> study = read_study("nct06256705")
    >>> formal(Criteria(op="criteria", codes=("I1", "I2")), study)
    'MET(I1) and MET(I2)'
    >>> formal(study.criterion_named("E12a").proposed.rule, study)
    'LATEST(IT.platelets [from C1 - 1 month, to C1]: value < 75000 [/mm3])'
    """
    match rule:
        case AllRules():
            return "(" + " and ".join(formal(part, study) for part in rule.of) + ")"
        case AnyRule():
            return "(" + " or ".join(formal(part, study) for part in rule.of) + ")"
        case AtLeastRules():
            parts = ", ".join(formal(part, study) for part in rule.of)
            return f"AT_LEAST({rule.count}; {parts})"
        case NotRule():
            return f"not {formal(rule.of, study)}"
        case Age():
            return f"AGE({rule.anchor}) {rule.relation} {rule.years} [a]"
        case Criteria():
            return " and ".join(f"MET({code})" for code in rule.codes)
        case Latest() | Some() | Every() | Share() | Days():
            return _rows(rule, study)


def _rows(rule: OfRows, study: StudyProtocol) -> str:
    item = study.item[rule.item]
    what = f"IT.{rule.item}" + ("" if rule.window is None else f" [{study.window[rule.window]}]")
    match rule:
        case Latest():
            if rule.reviewed is not None:
                what += f", reviewed {item.review} [{study.window[rule.reviewed]}]"
            return f"LATEST({what}: {_test(rule.test, item, study)})"
        case Some():
            reviewed = "" if rule.reviewed is None else f" [{study.window[rule.reviewed]}]"
            if item.review is not None:
                what += f", reviewed {item.review}{reviewed}"
            return f"COUNT({what}: {_test(rule.test, item, study)}) >= {rule.at_least}"
        case Every():
            among = _test(rule.among, item, study)
            if rule.covers is not None:
                what += f", covering IT.{rule.covers}"
            return f"EVERY({what} where {among}: {_test(rule.test, item, study)})"
        case Share():
            among = "" if rule.among is None else f" where {_test(rule.among, item, study)}"
            test = _test(rule.test, item, study)
            return f"SHARE({what}{among}: {test}) > {rule.more_than}"
        case Days():
            return f"DAYS({what}) >= {rule.at_least}"


def _test(  # noqa: PLR0911 - one for each test
    test: Test, item: Item, study: StudyProtocol
) -> str:
    match test:
        case Is():
            allowed = ", ".join(
                f"'{v}'" if isinstance(v, str) else str(v).lower() for v in test.one_of
            )
            return f"{test.column or item.column} in ({allowed})"
        case Compare():
            return f"{test.column or item.column} {test.relation} {_bound(test)}"
        case Within():
            after = f", unknown after {test.unknown_after}" if test.unknown_after else ""
            return f"{test.column} in [{study.window[test.window]}{after}]"
        case Until():
            return f"{test.column} <= {test.anchor} {test.offset}"
        case Present():
            return f"defined({test.column})"
        case AllTests():
            return "(" + " and ".join(_test(t, item, study) for t in test.of) + ")"
        case AnyTest():
            return "(" + " or ".join(_test(t, item, study) for t in test.of) + ")"
        case NotTest():
            return f"not {_test(test.of, item, study)}"


def _bound(test: Compare) -> str:
    if test.other_column is not None:
        return test.other_column
    if test.upper_limits is not None:
        return f"{plain(test.upper_limits)} * ULN"
    value = "" if test.value is None else plain(test.value)
    return value if test.unit is None else f"{value} [{test.unit}]"


def _value(value: str | bool | int) -> str:  # noqa: FBT001 - a cell may be yes or no
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
