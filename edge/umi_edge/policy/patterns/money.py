"""Money: what somebody earns or owes, beside a word for it."""

from umi_edge.policy.patterns.vocabulary import BEFORE, alternatives, marked

__all__ = ["salary"]


def salary() -> str:
    """An amount with its currency, or in thousands, after a word of income."""
    money = alternatives("currency")
    number = r"\d{1,3}(?:[., ']\d{3})*(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
    period = (
        r"(?: (?:a|per|im|pro|al|par|na|в|за) (?:year|month|hour|week|jahr|monat|stunde|mese|mes|año"
        r"|maand|jaar|mês|mes|mois|an|rok|godzinę|месяц|год)| (?:bruto|netto)(?: per maand| per jaar)?"
        r"| netos?| net par mois| brutos?| anuales| brutto| netto| annuels)?"
    )
    amount = (
        rf"(?:(?:{money}) ?(?:{number})(?: ?k)?|(?:{number}) ?(?:{alternatives('thousands')} ?)?"
        rf"(?:{money})|\d{{2,3}}k)"
    )
    return (
        rf"{marked('salary')}[^\d\n!?;,]{{0,32}}?({amount}{period})"
        rf"|{BEFORE}(?:salary|gehalt|salaire|sueldo|stipendio|年収|月薪|工资)(?: is| ist| est| es| e|是)?"
        rf"[ :]{{0,2}}(\d{{4,6}}|[一二三四五六七八九十百千万]{{2,6}})(?:[^\pL\d]|$)"
        rf"|{marked('salary')}[^\d\n!?;,]{{0,32}}?((?:{number}) ?(?:netto|brutto|net|gross|nets?|bruts?))(?:[^\pL]|$)"
        rf"|({amount}{period})[^\d\n!?;.]{{0,16}}?(?:a year|per year|a month|kazanıyorum|kazaniyorum"
        rf"|verdiene|gagne|cobro)"
    )
