"""Small detectors, segmenters and backbones of PyTorch, for ``write_torch.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution with batch normalization and SiLU."""
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.SiLU(inplace=True))


class Yolo(nn.Module):
    """YOLO of the newer kind: split blocks, pooled pyramids, two scales, and distances as distributions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = conv(3, 8, 3, 2), conv(8, 16, 3, 2)
        self.split, self.inner, self.merge = conv(8, 8, 1), conv(4, 4), conv(12, 8, 1)
        self.pool, self.unpool = conv(16, 8, 1), conv(32, 16, 1)
        self.lateral = conv(24, 8)
        self.boxes = nn.ModuleList(nn.Conv2d(c, 4 * 4, 1) for c in (8, 16))
        self.classes = nn.ModuleList(nn.Conv2d(c, 3, 1) for c in (8, 16))
        self.register_buffer("bins", torch.arange(4).float().view(1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        x = self.split(self.stem(image))
        a, b = x.chunk(2, 1)
        high = self.merge(torch.cat((a, b, b + self.inner(b)), 1))
        low = self.pool(self.down(high))
        pools = [low]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        low = self.unpool(torch.cat(pools, 1))
        high = self.lateral(torch.cat((F.interpolate(low, scale_factor=2.0, mode="nearest"), high), 1))
        found, centers, strides = [], [], []
        for x, boxes, classes, stride in zip((high, low), self.boxes, self.classes, (2, 4), strict=True):
            found.append(torch.cat((boxes(x), classes(x)), 1).view(x.shape[0], 19, -1))
            height, width = x.shape[2:]
            ys = torch.arange(height, dtype=x.dtype) + 0.5
            xs = torch.arange(width, dtype=x.dtype) + 0.5
            ys, xs = torch.meshgrid(ys, xs, indexing="ij")
            centers.append(torch.stack((xs, ys), -1).view(-1, 2))
            strides.append(torch.full((height * width, 1), float(stride)))
        boxes, classes = torch.cat(found, 2).split((16, 3), 1)
        center, step = torch.cat(centers).transpose(0, 1), torch.cat(strides).transpose(0, 1)
        batch, _, count = boxes.shape
        distances = F.softmax(boxes.view(batch, 4, 4, count).transpose(2, 1), 1)
        distances = (distances * self.bins).sum(1)
        first, last = distances.chunk(2, 1)
        low_corner, high_corner = center.unsqueeze(0) - first, center.unsqueeze(0) + last
        box = torch.cat(((low_corner + high_corner) / 2, high_corner - low_corner), 1)
        return torch.cat((box * step, classes.sigmoid()), 1)


class Dbnet(nn.Module):
    """A text detector: a pyramid of features that are added and upsampled, and two heads of transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(conv(a, b, 3, 2) for a, b in ((3, 6), (6, 8), (8, 10)))
        self.laterals = nn.ModuleList(nn.Conv2d(c, 8, 1, bias=False) for c in (6, 8, 10))
        self.smooth = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=1, bias=False) for _ in range(3))
        self.head = nn.Sequential(
            nn.Conv2d(12, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2)
        )

    def forward(self, image: Tensor) -> Tensor:
        stages, x = [], image
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        found = [lateral(stage) for lateral, stage in zip(self.laterals, stages, strict=True)]
        for i in (1, 0):
            found[i] = found[i] + F.interpolate(found[i + 1], size=found[i].shape[2:], mode="nearest")
        size = found[0].shape[2:]
        levels = [F.interpolate(smooth(x), size=size) for smooth, x in zip(self.smooth, found, strict=True)]
        return torch.sigmoid(self.head(torch.cat(levels[::-1], 1)))


class Ssd(nn.Module):
    """A detector with priors from the sizes of its maps, corners from centers, and the best class of each box."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = conv(3, 8, 3, 2), conv(8, 8, 3, 2)
        self.locations = nn.ModuleList(nn.Conv2d(8, 2 * 4, 3, padding=1) for _ in range(2))
        self.scores = nn.ModuleList(nn.Conv2d(8, 2 * 3, 3, padding=1) for _ in range(2))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        one = self.one(image)
        maps = (one, self.two(one))
        places, scores, priors = [], [], []
        for x, location, score in zip(maps, self.locations, self.scores, strict=True):
            places.append(location(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4))
            scores.append(score(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 3))
            height, width = x.shape[2], x.shape[3]
            xs = ((torch.arange(width) + 0.5) / width).repeat(height).view(-1, 1)
            ys = ((torch.arange(height) + 0.5) / height).view(-1, 1).repeat(1, width).view(-1, 1)
            sizes = torch.tensor([[0.2, 0.3], [0.4, 0.25]])
            grid = torch.cat((xs, ys), 1).unsqueeze(1).expand(-1, 2, 2)
            priors.append(torch.cat((grid, sizes.unsqueeze(0).expand(grid.shape[0], -1, -1)), 2).view(-1, 4))
        place, prior = torch.cat(places, 1), torch.cat(priors).unsqueeze(0)
        center = prior[..., :2] + place[..., :2] * 0.1 * prior[..., 2:]
        size = prior[..., 2:] * torch.exp((place[..., 2:] * 0.2).clamp(max=4.0))
        boxes = torch.cat((center - size / 2, center + size / 2), 2).clamp(0, 1)
        best, label = F.softmax(torch.cat(scores, 1), -1)[..., 1:].max(-1)
        return boxes, best, label


class DeepLab(nn.Module):
    """Atrous pyramid pooling with a branch for the whole image, upsampled to the size of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 1, 8))
        self.branches = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.whole, self.head = nn.Conv2d(8, 4, 1), nn.Conv2d(16, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        whole = F.relu(self.whole(F.adaptive_avg_pool2d(x, 1)))
        whole = F.interpolate(whole, size=x.shape[-2:], mode="bilinear", align_corners=False)
        x = self.head(torch.cat([*(F.relu(branch(x)) for branch in self.branches), whole], 1))
        return F.interpolate(x, size=image.shape[-2:], mode="bilinear", align_corners=False).argmax(1)


class ConvNext(nn.Module):
    """A ConvNeXt block, channels last inside, with a learned scale, and a normalized head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depth = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale, self.last, self.head = nn.Parameter(torch.rand(8)), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        mean = x.mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt((x - mean).pow(2).mean(1, keepdim=True) + 1e-6)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        x = x + (self.scale * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)
        return self.head(self.last(x.mean([-2, -1])))


class Dino(nn.Module):
    """A ViT for images of any size: its positions are interpolated, and its patches are features of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 1, 16))
        self.positions = nn.Parameter(torch.randn(1, 10, 16))
        self.norm, self.qkv, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.scale = nn.Parameter(torch.rand(16))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.patches(image)
        height, width = x.shape[2], x.shape[3]
        grid = self.positions[:, 1:].reshape(1, 3, 3, 16).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(height, width), mode="bicubic", align_corners=False)
        x = x.flatten(2).transpose(1, 2) + grid.permute(0, 2, 3, 1).reshape(1, -1, 16)
        token = (self.token + self.positions[:, :1]).expand(x.shape[0], -1, -1)
        x = torch.cat((token, x), 1)
        batch, count, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, count, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, count, 16)
        x = x + self.out(y) * self.scale
        return x[:, 0], x[:, 1:].transpose(1, 2).reshape(batch, 16, height, width)


class SegFormer(nn.Module):
    """Attention over reduced keys, a feed-forward layer with a depthwise convolution, and a head for all levels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.LayerNorm(8)
        self.q, self.kv, self.reduce = nn.Linear(8, 8), nn.Linear(8, 16), nn.Conv2d(8, 8, 2, 2)
        self.up, self.depth, self.down = nn.Linear(8, 16), nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.Linear(16, 8)
        self.norm2, self.head = nn.LayerNorm(8), nn.Conv2d(8, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image)
        batch, channels, height, width = x.shape
        x = x.flatten(2).transpose(1, 2)
        y = self.norm(x)
        less = self.reduce(y.permute(0, 2, 1).reshape(batch, channels, height, width))
        k, v = self.kv(less.reshape(batch, channels, -1).permute(0, 2, 1)).split(8, -1)
        x = x + F.softmax(self.q(y) @ k.transpose(-2, -1) * 8**-0.5, dim=-1) @ v
        y = self.up(self.norm2(x)).transpose(1, 2).view(batch, 16, height, width)
        x = x + self.down(F.gelu(self.depth(y).flatten(2).transpose(1, 2)))
        x = self.head(x.permute(0, 2, 1).reshape(batch, channels, height, width))
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Mixer(nn.Module):
    """An MLP-Mixer: products along the patches, then along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm1, self.norm2 = nn.Conv2d(3, 12, 4, 4), nn.LayerNorm(12), nn.LayerNorm(12)
        self.tokens = nn.Sequential(nn.Linear(9, 16), nn.GELU(), nn.Linear(16, 9))
        self.channels, self.head = nn.Sequential(nn.Linear(12, 20), nn.GELU(), nn.Linear(20, 12)), nn.Linear(12, 4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.channels(self.norm2(x))).mean(1))


class Faces(nn.Module):
    """An embedding of a face: PReLU, residuals, a last depthwise convolution as large as the map, and unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.act = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.PReLU(8)
        self.norm, self.conv, self.act2 = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1), nn.PReLU(8)
        self.last, self.features = nn.Conv2d(8, 8, 6, groups=8, bias=False), nn.BatchNorm1d(8)
        self.linear = nn.Linear(8, 6)

    def forward(self, image: Tensor) -> Tensor:
        x = self.act(self.stem((image - 127.5) / 128.0))
        x = x + self.act2(self.conv(self.norm(x)))
        return F.normalize(self.linear(self.features(torch.flatten(self.last(x), 1))), p=2.0, dim=1)


class Heatmaps(nn.Module):
    """Key points of a pose: heat maps at a quarter of the size, and their peaks as expectations."""

    def __init__(self) -> None:
        super().__init__()
        self.high, self.low = conv(3, 8, 3, 2), conv(8, 12, 3, 2)
        self.up, self.head = nn.ConvTranspose2d(12, 8, 4, 2, 1), nn.Conv2d(8, 5, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        high = self.high(image)
        maps = self.head(F.relu(self.up(self.low(high))) + high)
        batch, points, height, width = maps.shape
        weights = F.softmax(maps.view(batch, points, -1), dim=2).view(batch, points, height, width)
        x = (weights.sum(2) * torch.arange(width)).sum(-1)
        y = (weights.sum(3) * torch.arange(height)).sum(-1)
        return maps, torch.stack((x / (width - 1), y / (height - 1)), -1)
