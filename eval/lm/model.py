"""The small model's parts before training: its tokenizer and an untrained network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CONTEXT = 2048
THETA = 1e4
SPREAD = 0.05
# The rules and the reminder stand in every prompt, and a model of this size learns nothing from them. So its template
# leaves out the system's turn and what follows the question. A reply begins on the line after the question, as an
# answer does in a passage.
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "<|user|>\n{{ message['content'].rsplit('\n\n', 1)[0] }}\n"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] }}<|end|>\n{% endif %}{% endfor %}"
)
_SPECIAL = ("<|pad|>", "<|end|>", "<|user|>")


def make_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer in which every digit and every mark is a token of its own."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r" ?\p{L}+|\d| ?[^\s\p{L}\d]|\s"), behavior="isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>"],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: Any, *, layers: int = 4, width: int = 128, heads: int = 4) -> Any:
    """An untrained Llama of about a million parameters, with a head start in copying (see `_prepare`)."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=SPREAD,
    )
    model = LlamaForCausalLM(config)
    _prepare(model, heads, [tokenizer.convert_tokens_to_ids(str(digit)) for digit in range(10)])
    return model


def _prepare(model: Any, heads: int, numbers: list[int]) -> None:
    """Start the attention where copying begins, which training from noise takes most of its time to find.

    The first layer looks at the tokens before; the second looks for a place that the same tokens stood before, and for
    the number before; the others look at the same tokens, and at what is near. No weight is fixed; training goes on.
    """
    import torch

    width = model.config.hidden_size
    size = width // heads
    rows = [slice(head * size, (head + 1) * size) for head in range(heads)]
    with torch.no_grad():
        for number, layer in enumerate(model.model.layers):
            attention = layer.self_attn
            layer.mlp.down_proj.weight.mul_(0.05)
            read, mixed = _rotation(width), _rotation(width)
            if number == 0:
                read[rows[2]] = read[rows[0]]
                first_read, first_mixed = read, mixed
                attention.q_proj.weight.mul_(0.3)
                attention.k_proj.weight.mul_(0.3)
                for head, (offset, strength) in enumerate(((1, 6.0), (0, 2.5), (2, 6.0), (1, 6.0))):
                    _look_back(attention, rows[head], offset, strength)
            elif number == 1:
                written = first_mixed.T
                wanted = (first_read[rows[0]], first_read[rows[1]] * 0.1, written[rows[0]], first_read[rows[3]])
                attention.q_proj.weight.copy_(torch.cat(wanted) * 2.5)
                attention.k_proj.weight.copy_(written * 2.5)
                attention.k_proj.weight[rows[1]] *= 0.1
                _look_back(attention, rows[1], 0, 2.0)
                _prefer(attention, rows[1], model.model.embed_tokens.weight[numbers])
            else:
                attention.q_proj.weight.copy_(mixed * 1.2)
                attention.k_proj.weight.copy_(mixed * 1.2)
                for head in (2, 3):
                    _look_back(attention, rows[head], 0, 2.0 + number - head % 2)
            attention.v_proj.weight.copy_(read)
            attention.o_proj.weight.copy_((mixed if number == 0 else read.T * 4) * SPREAD)


def _rotation(width: int) -> Any:
    import torch

    return torch.linalg.qr(torch.randn(width, width))[0]


def _prefer(attention: Any, rows: slice, embeddings: Any) -> None:
    """Lets a head of `_look_back` prefer the nearest one of some tokens."""
    slow = rows.start + (rows.stop - rows.start) // 2 - 1  # turned least by the distance
    common = embeddings.mean(dim=0)
    attention.k_proj.weight[slow] += 8 * common / common.norm()


def _look_back(attention: Any, rows: slice, offset: int, strength: float) -> None:
    """Biases with which a head attends to what is about `offset` places before, whatever it is."""
    import torch

    half = (rows.stop - rows.start) // 2
    angle = -offset * THETA ** (-torch.arange(half).float() / half)
    attention.k_proj.bias[rows] = strength * torch.cat([torch.ones(half), torch.zeros(half)])
    attention.q_proj.bias[rows] = strength * torch.cat([torch.cos(angle), torch.sin(angle)])
