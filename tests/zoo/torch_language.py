"""Small language models of PyTorch, for ``write_torch.py``."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

WIDTH, HEADS = 16, 2


def heads(x: Tensor) -> Tensor:
    """[batch, time, width] as [batch, heads, time, width / heads]."""
    batch, time, width = x.shape
    return x.view(batch, time, HEADS, width // HEADS).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """The inverse of ``heads``."""
    batch, _, time, width = x.shape
    return x.transpose(1, 2).contiguous().view(batch, time, HEADS * width)


class Bert(nn.Module):
    """BERT's encoder: positions cut from a buffer, token types, an additive mask, and a pooled first token."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.types = (nn.Embedding(n, WIDTH) for n in (30, 24, 2))
        self.register_buffer("ids", torch.arange(24).expand((1, -1)))
        self.qkv, self.out = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3)), nn.Linear(WIDTH, WIDTH)
        self.up, self.down, self.pooler = nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(3))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        places = self.places(self.ids[:, : input_ids.size(1)])
        x = self.norms[0](self.words(input_ids) + places + self.types(token_type_ids))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        q, k, v = (heads(project(x)) for project in self.qkv)
        weights = F.softmax(q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + mask, dim=-1)
        x = self.norms[1](self.out(joined(weights @ v)) + x)
        x = self.norms[2](self.down(F.gelu(self.up(x))) + x)
        return x, torch.tanh(self.pooler(x[:, 0]))


class SentenceEncoder(Bert):
    """A BERT whose tokens are averaged by the mask and normalized."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # type: ignore[override]
        x, _ = super().forward(input_ids, attention_mask, torch.zeros_like(input_ids))
        mask = attention_mask.unsqueeze(-1).expand(x.size()).float()
        return F.normalize((x * mask).sum(1) / mask.sum(1).clamp(min=1e-9), p=2.0, dim=1)


class T5Bias(nn.Module):
    """Relative positions in logarithmic buckets."""

    def __init__(self, *, both_ways: bool) -> None:
        super().__init__()
        self.both_ways, self.table = both_ways, nn.Embedding(8, HEADS)

    def forward(self, queries: int, keys: int) -> Tensor:
        distance = torch.arange(keys)[None, :] - torch.arange(keys)[:, None]
        count, bucket = 8, torch.zeros_like(distance)
        if self.both_ways:
            count = 4
            bucket = bucket + (distance > 0).to(torch.long) * count
            distance = distance.abs()
        else:
            distance = -torch.min(distance, torch.zeros_like(distance))
        exact = count // 2
        far = exact + (torch.log(distance.float() / exact) / math.log(20 / exact) * (count - exact)).to(torch.long)
        far = torch.min(far, torch.full_like(far, count - 1))
        bucket = bucket + torch.where(distance < exact, distance, far)
        return self.table(bucket).permute(2, 0, 1).unsqueeze(0)[:, :, -queries:, :]


class RmsNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(WIDTH) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.to(torch.float32).pow(2).mean(-1, keepdim=True) + 1e-6))


class T5Encoder(nn.Module):
    """T5's encoder block: relative positions, RMS normalization, a gated feed-forward layer and no scaling."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.bias = nn.Embedding(30, WIDTH), T5Bias(both_ways=True)
        self.norms = nn.ModuleList(RmsNorm() for _ in range(3))
        self.qkvo = nn.ModuleList(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.gate, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in ((16, 24), (16, 24), (24, 16)))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.words(input_ids)
        y = self.norms[0](x)
        q, k, v = (heads(project(y)) for project in self.qkvo[:3])
        time = input_ids.shape[1]
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        scores = q @ k.transpose(3, 2) + self.bias(time, time) + mask
        x = x + self.qkvo[3](joined(F.softmax(scores.float(), dim=-1).type_as(scores) @ v))
        y = self.norms[1](x)
        x = x + self.down(F.gelu(self.gate(y), approximate="tanh") * self.up(y))
        return self.norms[2](x)


class T5Step(nn.Module):
    """A step of T5's decoder, with the keys and values of earlier steps, and of the encoder, as inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.bias = nn.Embedding(30, WIDTH), T5Bias(both_ways=False)
        self.norms = nn.ModuleList(RmsNorm() for _ in range(3))
        self.own = nn.ModuleList(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.cross = nn.ModuleList(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))

    def forward(
        self, input_ids: Tensor, past_key: Tensor, past_value: Tensor, encoder_key: Tensor, encoder_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = self.words(input_ids)
        y = self.norms[0](x)
        q, k, v = (heads(project(y)) for project in self.own[:3])
        key, value = torch.cat([past_key, k], dim=2), torch.cat([past_value, v], dim=2)
        scores = q @ key.transpose(3, 2) + self.bias(input_ids.shape[1], key.shape[2])
        x = x + self.own[3](joined(F.softmax(scores, dim=-1) @ value))
        q = heads(self.cross[0](self.norms[1](x)))
        x = x + self.cross[1](joined(F.softmax(q @ encoder_key.transpose(3, 2), dim=-1) @ encoder_value))
        return (self.norms[2](x) * WIDTH**-0.5) @ self.words.weight.t(), key, value


class CausalStep(nn.Module):
    """A step of a decoder with a cache, positions from the mask, and the logits of the last token."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30, WIDTH), nn.Embedding(24, WIDTH)
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        time, total = input_ids.shape[1], attention_mask.shape[1]
        places = (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)[:, -time:]
        x = self.words(input_ids) + self.places(places)
        q, k, v = (heads(part) for part in self.qkv(self.norm(x)).chunk(3, dim=-1))
        key, value = torch.cat((past_key, k), dim=-2), torch.cat((past_value, v), dim=-2)
        causal = torch.ones(total, total, dtype=torch.bool).tril()[total - time :]
        allowed = causal[None, None] & attention_mask[:, None, None, :].bool()
        scores = (q @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)).masked_fill(~allowed, -1e4)
        x = x + self.out(joined(F.softmax(scores, dim=-1) @ value))
        return (x @ self.words.weight.t())[:, -1, :], key, value


class ClipText(nn.Module):
    """CLIP's text tower: a causal mask, quick GELU, and the features at the largest token."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30, WIDTH), nn.Parameter(torch.randn(9, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, HEADS)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))
        self.up, self.down = nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH)
        self.project = nn.Parameter(torch.randn(WIDTH, 6))
        self.register_buffer("mask", torch.full((9, 9), float("-inf")).triu_(1))

    def forward(self, text: Tensor) -> Tensor:
        x = (self.words(text) + self.places).permute(1, 0, 2)
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False, attn_mask=self.mask)[0]
        y = self.up(self.norms[1](x))
        x = self.norms[2](x + self.down(y * torch.sigmoid(1.702 * y))).permute(1, 0, 2)
        x = x[torch.arange(x.shape[0]), text.argmax(dim=-1)] @ self.project
        return x / x.norm(dim=-1, keepdim=True)


class Alibi(nn.Module):
    """Attention with linear biases, and multi-query keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * 8), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("slopes", torch.tensor([2.0**-4, 2.0**-8]))

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        q = heads(self.q(x))
        k, v = self.kv(x).split(8, dim=-1)
        distance = torch.arange(time)[None, :] - torch.arange(time)[:, None]
        bias = self.slopes[:, None, None] * distance[None]
        hidden = torch.triu(torch.ones(time, time, dtype=torch.bool), diagonal=1)
        scores = (q @ k.unsqueeze(1).transpose(-1, -2) * 8**-0.5 + bias).masked_fill(hidden, float("-inf"))
        return self.out(joined(F.softmax(scores, dim=-1) @ v.unsqueeze(1)))


class Pointer(nn.Module):
    """A biaffine head over pairs of words, as in dependency parsers, after a bidirectional LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.lstm = nn.Embedding(30, 8, padding_idx=0), nn.LSTM(8, 6, bidirectional=True, batch_first=True)
        self.head, self.dependent = nn.Linear(12, 7), nn.Linear(12, 7)
        self.pairs = nn.Parameter(torch.randn(8, 3, 7))

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = self.lstm(self.words(words))
        head, dependent = F.leaky_relu(self.head(x), 0.1), F.leaky_relu(self.dependent(x), 0.1)
        head = torch.cat((head, torch.ones_like(head[..., :1])), -1)
        scores = torch.einsum("bxi,ioj,byj->boxy", head, self.pairs, dependent)
        return scores, scores[:, 0].argmax(-1)
