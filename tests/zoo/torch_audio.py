"""Small networks of PyTorch for speech and sound, for ``write_torch.py``."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def fourier(size: int) -> Tensor:
    """The real and imaginary parts of a windowed Fourier transform, as the kernels of a convolution."""
    place = torch.arange(size).float()
    angles = 2 * math.pi * torch.outer(torch.arange(size // 2 + 1).float(), place) / size
    return (torch.cat([angles.cos(), -angles.sin()]) * torch.hann_window(size)).unsqueeze(1)


class Vad(nn.Module):
    """A voice detector: a spectrogram by convolution, an encoder, and an LSTM cell whose state the caller keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", fourier(16))
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 3, s, 1) for a, b, s in ((9, 12, 1), (12, 8, 2), (8, 8, 2)))
        self.cell, self.head = nn.LSTMCell(8, 8), nn.Conv1d(8, 1, 1)

    def forward(self, audio: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.conv1d(F.pad(audio.unsqueeze(1), (0, 8), mode="reflect"), self.basis, stride=8)
        x = torch.sqrt(x[:, :9] ** 2 + x[:, 9:] ** 2 + 1e-9)
        for conv in self.convs:
            x = F.relu(conv(x))
        h, c = self.cell(x.mean(2), (h, c))
        return torch.sigmoid(self.head(F.relu(h.unsqueeze(-1)))).mean(2), h, c


class Recurrent(nn.Module):
    """A detector of any number of frames with an LSTM of two layers, its state as one input and output."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm, self.head = nn.Conv1d(6, 8, 3, padding=1), nn.LSTM(8, 5, 2), nn.Linear(5, 1)

    def forward(self, frames: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.conv(frames.transpose(1, 2))).permute(2, 0, 1)
        x, (h, c) = self.lstm(x, (state[0], state[1]))
        return torch.sigmoid(self.head(x)).squeeze(-1).transpose(0, 1), torch.stack((h, c))


class Conformer(nn.Module):
    """A Conformer block: half-step feed-forward layers, attention, and a gated depthwise convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.sub = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.ReLU())
        self.project = nn.Linear(4 * 3, 16)
        self.first, self.last = (
            nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 16)) for _ in range(2)
        )
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(16) for _ in range(3))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.wide, self.depth = nn.Conv1d(16, 32, 1), nn.Conv1d(16, 16, 5, padding=2, groups=16)
        self.batch, self.narrow = nn.BatchNorm1d(16), nn.Conv1d(16, 16, 1)

    def forward(self, features: Tensor) -> Tensor:
        x = self.sub(features.unsqueeze(1))
        batch, channels, time, size = x.size()
        x = self.project(x.transpose(1, 2).contiguous().view(batch, time, channels * size))
        x = x + 0.5 * self.first(x)
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = F.glu(self.wide(self.norm2(x).transpose(1, 2)), dim=1)
        x = x + self.narrow(F.silu(self.batch(self.depth(y)))).transpose(1, 2)
        return F.log_softmax(self.norm3(x + 0.5 * self.last(x)), dim=-1)


class Wav2Vec(nn.Module):
    """Wav2Vec's front: normalized sound, strided convolutions with group normalization, grouped positions."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(a, 8, k, s, bias=False) for a, k, s in ((1, 6, 3), (8, 3, 2), (8, 2, 2)))
        self.group, self.norm, self.project = nn.GroupNorm(8, 8), nn.LayerNorm(8), nn.Linear(8, 12)
        positions = nn.Conv1d(12, 12, 4, padding=2, groups=3)
        self.positions = nn.utils.parametrizations.weight_norm(positions, dim=2)

    def forward(self, sound: Tensor) -> Tensor:
        x = ((sound - sound.mean(-1, keepdim=True)) / torch.sqrt(sound.var(-1, keepdim=True) + 1e-7)).unsqueeze(1)
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = F.gelu(self.group(x) if i == 0 else x)
        x = self.project(self.norm(x.transpose(1, 2)))
        return x + F.gelu(self.positions(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)


class Vocoder(nn.Module):
    """A HiFi-GAN: transposed convolutions, and residual blocks of dilated ones that are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.pre, self.post = nn.Conv1d(6, 16, 7, padding=3), nn.Conv1d(4, 1, 7, padding=3)
        self.ups = nn.ModuleList(nn.ConvTranspose1d(a, b, 4, 2, 1) for a, b in ((16, 8), (8, 4)))
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv1d(c, c, k, dilation=d, padding=d * (k - 1) // 2) for k, d in ((3, 1), (3, 3), (5, 1)))
            for c in (8, 4)
        )

    def forward(self, mel: Tensor) -> Tensor:
        x = self.pre(mel)
        for up, block in zip(self.ups, self.blocks, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            parts = [conv(F.leaky_relu(x, 0.1)) + x for conv in block]
            x = sum(parts) / len(parts)
        return torch.tanh(self.post(F.leaky_relu(x)))


class Denoiser(nn.Module):
    """A mask for a spectrogram: convolutions along frequency, and a GRU along time with its state."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(2, 6, (1, 3), (1, 2), (0, 1)), nn.ConvTranspose2d(12, 2, (1, 3), (1, 2), (0, 1))
        self.gru, self.linear, self.norm = nn.GRU(6 * 5, 10, batch_first=True), nn.Linear(10, 6 * 5), nn.BatchNorm2d(6)

    def forward(self, spectrum: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.where(spectrum.abs() > 1e-3, spectrum, torch.zeros_like(spectrum))
        skip = F.elu(self.norm(self.down(x)))
        y, state = self.gru(skip.permute(0, 2, 1, 3).flatten(2), state)
        y = self.linear(y).unflatten(2, (6, 5)).permute(0, 2, 1, 3)
        mask = torch.tanh(self.up(torch.cat((y, skip), 1)))
        real = spectrum[:, 0] * mask[:, 0] - spectrum[:, 1] * mask[:, 1]
        imaginary = spectrum[:, 0] * mask[:, 1] + spectrum[:, 1] * mask[:, 0]
        return torch.stack((real, imaginary), 1), state


class WhisperEncoder(nn.Module):
    """Whisper's encoder block: two convolutions, sinusoidal positions, and attention whose keys have no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(6, 16, 3, padding=1), nn.Conv1d(16, 16, 3, 2, 1)
        self.q, self.k, self.v, self.out = (nn.Linear(16, 16, bias=i != 1) for i in range(4))
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(3))
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)
        rate = torch.exp(-math.log(10000) / 7 * torch.arange(8))
        angles = torch.arange(10)[:, None] * rate[None, :]
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], dim=1))

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).permute(0, 2, 1)
        x = (x + self.positions).to(x.dtype)
        y = self.norms[0](x)
        q, k, v = (project(y).view(*y.shape[:2], 2, -1).permute(0, 2, 1, 3) for project in (self.q, self.k, self.v))
        scale = 8**-0.25
        weights = F.softmax((q * scale) @ (k * scale).transpose(-1, -2), dim=-1)
        x = x + self.out((weights @ v).permute(0, 2, 1, 3).flatten(start_dim=2))
        return self.norms[2](x + self.down(F.gelu(self.up(self.norms[1](x)))))


class Spotter(nn.Module):
    """A keyword spotter: log energies of frames, separable convolutions, and attention over time."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", fourier(16))
        self.register_buffer("filters", torch.rand(9, 5))
        self.depth, self.point, self.norm = nn.Conv1d(5, 5, 3, groups=5), nn.Conv1d(5, 8, 1), nn.BatchNorm1d(8)
        self.score, self.head = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, audio: Tensor) -> Tensor:
        x = F.conv1d(audio.unsqueeze(1), self.basis, stride=8)
        energies = (x.view(x.shape[0], 2, 9, -1) ** 2).sum(1).transpose(1, 2) @ self.filters
        x = torch.log(energies.clamp(min=1e-2)).transpose(1, 2)
        x = F.hardswish(self.norm(self.point(self.depth(x)))).transpose(1, 2)
        return F.softmax(self.head((F.softmax(self.score(x), dim=1) * x).sum(1)), dim=-1)
