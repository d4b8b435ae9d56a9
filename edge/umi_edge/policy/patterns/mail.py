"""E-mail addresses as programs write them, and as people write them for people (`ann at example dot org`)."""

from umi_edge.policy.patterns.vocabulary import alternatives

__all__ = ["EMAIL", "spelt_email"]

EMAIL = r"[\pL\pN._%+-][\pL\pM\pN._%+'-]*@(?:[\pL\pN][\pL\pM\pN-]*\.)+[\pL][\pL\pM\pN-]+"


def spelt_email() -> str:
    """With a word or a bracket for the sign, and a word or a full stop for the dot: one of them is not enough."""
    local, host = r"[\pL\pN][\pL\pN._%+-]*?", r"[a-z0-9][a-z0-9-]*"
    at, dot = alternatives("at"), alternatives("dot")
    dots = rf"(?:(?: ?[(\[{{] ?{dot} ?[)\]}}] ?| {dot} |\p{{Han}}){host})"
    marked = rf"(?: ?[(\[{{<] ?(?:{at}|@) ?[)\]}}>] ?|_{at}_)"
    sign = r"(?:arroba|arobase|chiocciola|małpa|malpa|maлпa|собака|cobaka|שטרודל|艾特)"
    return (
        rf"\b((?:[a-z]+(?: ?[(\[{{] ?{dot} ?[)\]}}] ?| {dot} ))?{local}{marked}{host}(?:\.{host}|{dots})+"
        rf"|{local} ?{at} ?{host}(?:(?: ?{dot} ?){host})+"
        rf"|{local} ?@ ?{host}(?: ?[(\[{{] ?{dot} ?[)\]}}] ?{host})+|{local} @ {host}(?: ?\. ?{host})+"
        rf"|{local} {sign} {host}(?:\.{host})+)"
    )
