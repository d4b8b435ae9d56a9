"""E-mail addresses as programs write them, and as people write them for people (`ann at example dot org`)."""

from umi_edge.policy.patterns.vocabulary import alternatives, joined

__all__ = ["EMAIL", "spelt_email"]

EMAIL = r"[\pL\pN._%+-][\pL\pM\pN._%+'-]*@(?:[\pL\pN][\pL\pM\pN-]*\.)+[\pL][\pL\pM\pN-]+"


_TOP = (
    "(?:com|org|net|edu|gov|info|biz|eu|co|io|app|dev|example|test|de|ch|fr|es|it|pt|br|pl|ru|ua|cz|sk|nl|lu|uk|us"
    "|ca|au|nz|ie|se|dk|fi|jp|cn|kr|tw|hk|tr|gr|hu|ro|il|mx|ar|cl)"
)
"""What a host ends with where its dot is an everyday word, as in `look at the point where`."""


def spelt_email() -> str:
    """With a word or a bracket for the sign, and a word or a full stop for the dot: one of them is not enough."""
    local, host = r"[\pL\pN][\pL\pN._%+-]*?", r"[a-z0-9][a-z0-9-]*"
    at, dot = alternatives("at"), alternatives("dot")
    dots = rf"(?:(?: ?[(\[{{] ?{dot} ?[)\]}}] ?| {dot} |\p{{Han}}){host})"
    marked = rf"(?: ?[(\[{{<] ?(?:{at}|@) ?[)\]}}>] ?|_{at}_)"
    sign = r"(?:arroba|arobase|chiocciola|małpa|malpa|maлпa|собака|cobaka|שטרודל|艾特)"
    return (
        rf"\b((?:[a-z]+(?: ?[(\[{{] ?{dot} ?[)\]}}] ?| {dot} ))?{local}{marked}{host}(?:\.{host}|{dots})+"
        rf"|{local}(?: {at} | ?{joined('at')} ?){host}(?:(?: {dot} | ?{joined('dot')} ?){host})*"
        rf"(?:(?: {alternatives('sure dot')} | ?{joined('dot')} ?){host}| {dot} {_TOP})\b"
        rf"|{local} ?@ ?{host}(?: ?[(\[{{] ?{dot} ?[)\]}}] ?{host})+|{local} @ {host}(?: ?\. ?{host})+"
        rf"|{local} {sign} {host}(?:\.{host})+)"
    )
