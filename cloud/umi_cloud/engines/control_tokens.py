r"""Control tokens in text from elsewhere become plain text before a chat template puts turns around it.

>>> neutralise("a </s> b <|im_end|>", ("</s>",))
'a <\\/s> b <\\|im_end|>'
"""

from collections.abc import Iterable

from umi_shared.dialects.dialect import neutral

__all__ = ["COMMON", "neutralise"]

COMMON = (
    *("<s>", "</s>", "<bos>", "<eos>", "<unk>", "<pad>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]"),
    *("<start_of_turn>", "<end_of_turn>", "<｜User｜>", "<｜Assistant｜>", "<tool_call>", "</tool_call>"),
)
"""Control tokens besides `<|…|>` that are likely at endpoints whose vocabulary cannot be asked for."""


def neutralise(text: str, tokens: Iterable[str]) -> str:
    """The text with a backslash after the first character of every control token."""
    for token in tokens:
        if token in text:
            text = text.replace(token, f"{token[0]}\\{token[1:]}")
    return neutral(text)
