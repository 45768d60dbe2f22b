"""How many tokens a question can have at most, without knowing the tokenizer of the model."""

from __future__ import annotations

from engine.ledger.canonical import canonical_json
from engine.model.request import ModelRequest

# Byte-level tokenizers merge bytes and never split one, so a text has at most as many tokens as UTF-8 bytes. The frame
# that a chat template puts around each message is a handful of tokens; these numbers leave room for any.
_PER_MESSAGE = 32
_PER_REQUEST = 128
# One Korean syllable is three bytes and about one token, four letters of English are four bytes and about one token:
# three bytes a token is more than either needs on average.
_LIKELY_BYTES = 3


def most_input_tokens(request: ModelRequest) -> int:
    """An upper bound of the tokens of a question: its UTF-8 bytes, schema and tools included, and their frame."""
    return input_bytes(request) + _PER_MESSAGE * len(request.messages) + _PER_REQUEST


def likely_input_tokens(request: ModelRequest) -> int:
    """What a question of Korean and numbers has about: a third of its bytes. Only for telling a price beforehand."""
    return likely_tokens(most_input_tokens(request))


def likely_tokens(size_bytes: int) -> int:
    """Tokens of a text of so many bytes, about."""
    return -(-size_bytes // _LIKELY_BYTES)


def input_bytes(request: ModelRequest) -> int:
    """UTF-8 bytes of everything that is sent and read by the model."""
    texts = [message.content for message in request.messages]
    if request.schema is not None:
        texts.append(canonical_json(request.schema))
    texts.extend(canonical_json(tool) for tool in request.tools)
    return sum(len(text.encode()) for text in texts)
