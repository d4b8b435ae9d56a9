"""A listed value: the forms in which a company or a thing that a list has is written."""

import re
from collections.abc import Iterator

__all__ = ["forms"]

_LEGAL = re.compile(
    r"[ ,]+(?:gmbh(?: ?& ?co\.? ?kg)?|mbh|ag|kg|ohg|e\.? ?v\.?|ug(?: \(haftungsbeschrankt\))?"
    r"|inc\.?|corp\.?|co\.?|llc|llp|ltd\.?|plc|pty|limited|sarl|sas|s\.?a\.?s?\.?|s\.?l\.?u?\.?|s\.?p\.?a\.?|s\.?r\.?l\.?"
    r"|sp\.? z o\.? ?o\.?|s\.?r\.?o\.?|a\.?s\.?|oyj?|ab|aps|b\.?v\.?|n\.?v\.?|kft\.?|zrt\.?|d\.?o\.?o\.?|lda\.?|ltda\.?"
    r"|san\. tic\.|株式会社|有限公司|有限责任公司|股份有限公司)+$"
)
_BEFORE = re.compile(r"^(?:ооо|оао|зао|пао|ао|тов|株式会社|有限会社|\(株\)|\(주\)|주식회사) ?[«\"„]?")
_AND = re.compile(r" (?:&|\+|and|und|et|y|e|i|и|та|ve|en|og|och|ja|es) ")


def forms(value: str) -> Iterator[str]:
    """A projected value, and without its legal form, and with other words for `and`.

    >>> list(forms("harbour & finch solicitors ltd"))[1:4]
    ['harbour & finch solicitors', 'harbour and finch solicitors ltd', 'harbour and finch solicitors']
    """
    yield value
    bare = _BEFORE.sub("", _LEGAL.sub("", value)).strip('«»"“”„ ')
    if bare != value:
        yield bare
    joined = _AND.search(bare)
    if joined is None:
        return
    first, second = bare[: joined.start()], bare[joined.end() :]
    for whole in (value, bare):
        yield _AND.sub(" and ", whole, count=1)
    for word in ("&", joined[0].strip(), "und", "et", "y", "и", "ve", "en", "and"):
        yield f"{first} {word} {second}"
        if " " in second and len(first) > 2:  # the line of business at the end is often left out
            yield f"{first} {word} {second.split()[0]}"
