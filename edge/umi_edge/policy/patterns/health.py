"""Health: conditions and medicines, and words that are one only beside a sign that somebody has it."""

from umi_edge.policy.patterns.vocabulary import AFTER, BEFORE, alternatives, bendable

__all__ = ["conditions", "conditions_by_cue", "doses", "medicines"]


def conditions() -> str:
    """Words that hardly ever mean anything else."""
    return rf"{BEFORE}(?:ال|ب|ل)?{_group(bendable('health'))}{AFTER}"


def conditions_by_cue() -> str:
    """Words that do, after a word of having."""
    cue = alternatives("health cue")
    return (
        rf"(?:^|[^\pL]){cue}[ '](?:[\pL]{{1,10}} ){{0,2}}?(?:d'"
        rf"|l')?{_group(bendable('health by cue'))}{AFTER}"
    )


def medicines() -> str:
    """International names by their last syllables, in Latin and Cyrillic letters."""
    return (
        r"\b([\pL]{2,}(?:statin|[ae]pril|olol|sartan|cillin|mycin|triptan|prazol|oxetin|[ae]zepam"
        r"|zolam|gliptin|gliflozin|parin|tinib|zumab|ximab|navir"
        r"|ciclovir|talopram|azodon|peridon|zapin|tiapin|dipin|thiazid|floxacin|cyclin|setron|lukast|glutid"
        r"|limumab|liximab|profen|coxib|rizin|tadin"
        r"|fenac|formin|semid|terol|asteride|fibrat|dronat|barbital|caserin)(?:e|a|as|o|i|um|u|y|en|ę|ow)?)\b"
    )


def doses() -> str:
    """Something with its dose, in whatever order, and what a body measures."""
    unit = r"(?:mg|mcg|µg|μg|i\.?e\.?|iu|mikrogramm|milligramm|milligrams?|мг|мкг|毫克|ミリグラム)"
    amount = rf"\d{{1,4}}(?:[.,]\d{{1,3}})? ?{unit}"
    measure = alternatives("health measure")
    return (
        rf"(?:^|[^\pL])([\pL-]{{4,}} {amount}|{amount} (?:of |de |d'|di |do |von )?[\pL-]{{4,}})(?:[^\pL]|$)"
        rf"|{BEFORE}({measure}[^\d\n.!?]{{0,20}}\d{{1,3}}(?:[/.,]\d{{1,3}})?(?: ?(?:kg|kilos?|lbs?|pounds|bpm"
        rf"|mmhg|mg/dl|mmol(?:/l)?|%))?)"
        r"(?:[^\pL\d]|$)"
    )


def _group(group: str) -> str:
    return f"({group})"
