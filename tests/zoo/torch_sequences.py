"""Small networks of PyTorch on sequences and vectors, for ``write_torch.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Mlp(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(12, 24),
            nn.LayerNorm(24),
            nn.GELU(),
            nn.Linear(24, 24),
            nn.GELU(approximate="tanh"),
            nn.BatchNorm1d(24),
            nn.Linear(24, 16),
            nn.SELU(),
            nn.Linear(16, 8),
            nn.CELU(0.7),
            nn.Linear(8, 3),
            nn.LogSoftmax(dim=-1),
        )


class Encoder(nn.Module):
    """Transformer encoder layers over sequences of any length."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu", norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean(1))


class Attention(nn.Module):
    """Attention of one sequence to another, time first, with the weights as a second output."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, kdim=12, vdim=12)

    def forward(self, query: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        return self.attention(query, memory, memory)


class CausalBlock(nn.Module):
    """A layer of a GPT: one projection for queries, keys and values, a mask from a buffer, learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(20, 16), nn.Embedding(32, 16)
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
        self.register_buffer("mask", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32))

    def forward(self, ids: Tensor) -> Tensor:
        batch, time = ids.size()
        x = self.tokens(ids) + self.positions(torch.arange(time).unsqueeze(0))
        q, k, v = (t.view(batch, time, 2, 8).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(16, dim=2))
        scores = (q @ k.transpose(-2, -1)) * 8**-0.5
        scores = scores.masked_fill(self.mask[:, :, :time, :time] == 0, float("-inf"))
        y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(batch, time, 16)
        x = x + self.out(y)
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return x @ self.tokens.weight.t()


class FusedAttention(nn.Module):
    """``scaled_dot_product_attention`` with rotary positions and RMS normalization, as in Llama."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(16, eps=1e-5)
        self.q, self.k, self.v, self.o = (nn.Linear(16, n, bias=False) for n in (16, 8, 8, 16))
        self.gate, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in ((16, 24), (16, 24), (24, 16)))
        frequencies = 10000.0 ** (-torch.arange(0, 4, 2).float() / 4)
        self.register_buffer("frequencies", frequencies)

    def rotated(self, x: Tensor) -> Tensor:
        time = torch.arange(x.shape[2], dtype=torch.float32)
        angles = torch.cat([torch.outer(time, self.frequencies)] * 2, -1)
        half1, half2 = x.chunk(2, dim=-1)
        return x * angles.cos() + torch.cat((-half2, half1), dim=-1) * angles.sin()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        batch, time, _ = x.shape
        q, k, v = (f(y).view(batch, time, -1, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        k, v = (t[:, :, None].expand(batch, 2, 2, time, 4).reshape(batch, 4, time, 4) for t in (self.rotated(k), v))
        y = F.scaled_dot_product_attention(self.rotated(q), k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(batch, time, 16))
        return x + self.down(F.silu(self.gate(x)) * self.up(x))


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 10, 16))
        self.layer, self.norm = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.positions
        return self.head(self.norm(self.layer(x))[:, 0])


class Windows(nn.Module):
    """Attention within windows of a rolled image, with a bias for relative positions, as in Swin."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.bias = nn.Parameter(torch.randn(9 * 3, 2))
        self.register_buffer("index", torch.randint(0, 27, (16,)))

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        y = torch.roll(x, shifts=(-1, -1), dims=(1, 2))
        y = y.view(batch, 2, 2, 3, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, 8)
        q, k, v = self.qkv(y).reshape(-1, 4, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q * 0.5 @ k.transpose(-2, -1)
        scores = scores + self.bias[self.index].view(4, 4, 2).permute(2, 0, 1).unsqueeze(0)
        y = self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 4, 8))
        y = y.view(batch, 2, 3, 2, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(batch, 4, 6, 8)
        return x + torch.roll(y, shifts=(1, 1), dims=(1, 2))


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, (h, c) = self.lstm(x)
        return y, h, c


class Gru(nn.Module):
    """Words to a class: embedding, a GRU in both directions, the maximum over time."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.gru = nn.Embedding(30, 6, padding_idx=0), nn.GRU(6, 7, num_layers=2, bidirectional=True)
        self.head = nn.Linear(28, 3)

    def forward(self, ids: Tensor) -> Tensor:
        y, h = self.gru(self.words(ids).transpose(0, 1))
        return self.head(torch.cat([y.max(dim=0)[0], h[-1], h[-2]], 1))


class Rnn(nn.Module):
    """A state that is an input, one step at a time: the cells of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.cell, self.gru = nn.RNN(5, 6, batch_first=True), nn.LSTMCell(6, 6), nn.GRUCell(6, 4)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, _ = self.rnn(x, state)
        h, c = self.cell(y[:, -1])
        return self.gru(h), c


class Crnn(nn.Module):
    """Lines of text: convolutions, a recurrent layer over columns, log-probabilities for CTC."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d((4, 1), (4, 1)),
        )
        self.rnn, self.head = nn.LSTM(8, 8, bidirectional=True), nn.Linear(16, 12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).squeeze(2).permute(2, 0, 1)
        y, _ = self.rnn(x)
        return F.log_softmax(self.head(y), dim=2)


class VoiceActivity(nn.Module):
    """The probability of speech in a chunk: a learned spectrogram, convolutions, and an LSTM cell that is a state."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 18, 16, stride=8, bias=False)
        self.convs = nn.Sequential(nn.Conv1d(9, 8, 3, padding=1), nn.ReLU(), nn.Conv1d(8, 8, 3, 2, 1), nn.ReLU())
        self.cell, self.head = nn.LSTMCell(8, 8), nn.Linear(8, 1)

    def forward(self, chunk: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        real, imaginary = self.spectrum(F.pad(chunk.unsqueeze(1), (0, 8), "reflect")).chunk(2, 1)
        y = self.convs((real**2 + imaginary**2).sqrt()).mean(2)
        h, c = self.cell(y, (state[0], state[1]))
        return torch.sigmoid(self.head(F.relu(h))), torch.stack([h, c])


class Tcn(nn.Module):
    """Causal convolutions of growing dilation with weight normalization."""

    def __init__(self) -> None:
        super().__init__()
        convs = [nn.Conv1d(a, 8, 3, dilation=d) for a, d in ((4, 1), (8, 2), (8, 4))]
        self.convs, self.side = nn.ModuleList(map(nn.utils.parametrizations.weight_norm, convs)), nn.Conv1d(4, 8, 1)
        self.head = nn.Conv1d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for conv in self.convs:
            y = F.relu(conv(F.pad(y, (2 * conv.dilation[0], 0))))
        return self.head(y + self.side(x))


class WaveNet(nn.Module):
    """Gated convolutions that are padded and then chomped."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gated = nn.Conv1d(2, 6, 1), nn.Conv1d(6, 12, 2, padding=2, dilation=2)
        self.glu, self.up = nn.Conv1d(6, 8, 3, padding=1), nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        y = self.gated(x)[:, :, : -self.gated.padding[0]]
        a, b = y.split(6, dim=1)
        return self.up(F.glu(self.glu(x + torch.tanh(a) * torch.sigmoid(b)), dim=1))


class Products(nn.Module):
    """Products of many kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.core, self.table = nn.Parameter(torch.randn(4, 5, 6)), nn.Parameter(torch.randn(3, 6))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.einsum("bi,ijk,bk->bj", x, self.core, y)
        w = torch.einsum("bij,jk->bik", x.unsqueeze(1) * z.unsqueeze(2), torch.randn(4, 3).fill_(0.2))
        distance = torch.cdist(y, self.table)
        return w, distance, torch.addmm(x, y, self.core[0].t()[:, :4], beta=0.5, alpha=2.0)


class Choices(nn.Module):
    """TopK of a row, and the elements at its indices."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, places = self.score(x).squeeze(-1).topk(3, dim=1)
        best = torch.gather(x, 1, places.unsqueeze(-1).expand(-1, -1, 4))
        return best, places, torch.where(values > 0, values, values.cumsum(1)).argmax(1)


class Forks(nn.Module):
    """Control flow for scripting: a branch on the contents of the tensor, and a loop over its length."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.cell = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x) if x.sum() > 0 else torch.relu(self.two(x))
        state = torch.zeros(4)
        for i in range(x.size(0)):
            state = torch.tanh(self.cell(torch.cat([y[i], state], 0)))
        return state
