"""Health: conditions and medicines, and words that are one only beside a sign that somebody has it."""

from umi_edge.policy.patterns.vocabulary import AFTER, BEFORE, alternatives

__all__ = ["conditions", "conditions_by_cue", "medicines"]


def conditions() -> str:
    """Words that hardly ever mean anything else."""
    return rf"{BEFORE}(?:ال|ب|ل)?{_group(alternatives('health'))}{AFTER}"


def conditions_by_cue() -> str:
    """Words that do, after a word of having."""
    cue = alternatives("health cue")
    return (
        rf"(?:^|[^\pL]){cue}[ '](?:[\pL]{{1,10}} ){{0,2}}?(?:d'"
        rf"|l')?{_group(alternatives('health by cue'))}{AFTER}"
    )


def medicines() -> str:
    """International names by their last syllables, in Latin and Cyrillic letters."""
    return (
        r"\b([\pL]{2,}(?:statin|[ae]pril|olol|sartan|cillin|mycin|triptan|prazol|oxetin|[ae]zepam"
        r"|zolam|gliptin|gliflozin|parin|tinib|zumab|ximab|navir"
        r"|ciclovir|talopram|azodon|peridon|zapin|tiapin)(?:e|a|as|o|i|um|u|y|en|ę|ow)?)\b"
    )


def _group(group: str) -> str:
    return f"({group})"
