"""Small networks of PyTorch on images and signals, for ``write_torch.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Cnn(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.1),
            nn.AdaptiveAvgPool2d((2, 2)),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64, 10),
            nn.Softmax(dim=1),
        )


class Gate(nn.Module):
    """Squeeze and excite."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1))))
        return x * F.hardsigmoid(scale)


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, hidden: int, act: type[nn.Module], dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            Gate(hidden),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Mobile(nn.Sequential):
    """Depthwise, dilated and strided convolutions, squeeze and excite, the activations of mobile networks."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.Hardswish(),
            InvertedResidual(8, 16, nn.Hardswish),
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4),
            nn.ReLU6(),
            InvertedResidual(8, 16, nn.SiLU, dilation=2),
            nn.Mish(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 5),
        )


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.same = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.same else self.down(x)))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 12, 2))
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.max_pool2d(self.stem(x), 3, 2, 1))
        x = F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)
        return self.head(x)


class UNet(nn.Module):
    """Images of any size: the upsampled image is resized to the size of the skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.top, self.mid, self.low = (nn.Conv2d(a, b, 3, padding=1) for a, b in ((2, 6), (6, 8), (8, 8)))
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.join1, self.join2 = nn.Conv2d(16, 6, 3, padding=1), nn.Conv2d(12, 6, 3, padding=1)
        self.out = nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        top = F.relu(self.top(x))
        mid = F.relu(self.mid(F.max_pool2d(top, 2)))
        low = F.elu(self.low(F.max_pool2d(mid, 2)))
        up = self.up(low)
        dy, dx = mid.size(2) - up.size(2), mid.size(3) - up.size(3)
        up = F.pad(up, [0, dx, 0, dy])
        y = F.relu(self.join1(torch.cat([up, mid], dim=1)))
        y = F.interpolate(y, size=top.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(F.relu(self.join2(torch.cat([y, top], 1)))))


class SuperResolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.act = nn.Conv2d(1, 8, 5, padding=2, padding_mode="reflect"), nn.PReLU(8)
        self.tail, self.shuffle = nn.Conv2d(8, 4, 3, padding=1), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        enlarged = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        return (enlarged + self.shuffle(torch.tanh(self.tail(self.act(self.head(x)))))).clamp(0, 1)


class Norms(nn.Module):
    """Group, instance, layer and local response normalization of images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.group, self.instance = nn.GroupNorm(4, 8), nn.InstanceNorm2d(8, affine=True)
        self.plain, self.local = nn.InstanceNorm2d(8), nn.LocalResponseNorm(3)
        self.layer, self.mix = nn.LayerNorm(8), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.group(self.conv(x)))
        x = self.plain(F.softplus(self.instance(x)))
        x = self.layer(self.local(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return F.normalize(self.mix(x), dim=1)


class Pools(nn.Module):
    """The options of pooling and padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(F.pad(x, (1, 2, 0, 1), mode="replicate"), 3, 2, 1, ceil_mode=True)
        x = self.conv(F.pad(x, (1, 1, 1, 1), value=0.5))
        y = F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False, ceil_mode=True)
        z = F.max_pool2d(x, 2, 1, dilation=2)
        return y, torch.flatten(F.adaptive_max_pool2d(z, 1), 1)


class Shuffle(nn.Module):
    """Channels split, shuffled and joined by reshapes, as in ShuffleNet, and grown as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.right = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.grow = nn.Conv2d(8, 4, 3, padding=1)
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, self.right(right)), dim=1)
        batch, channels, height, width = x.shape
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(batch, -1, height, width)
        x = torch.cat([x, F.relu(self.grow(x))], 1)
        return self.head(x.mean([2, 3]))


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv3d(1, 4, 3, padding=1), nn.BatchNorm3d(4)
        self.up = nn.ConvTranspose3d(4, 2, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(F.avg_pool3d(F.relu(self.norm(self.conv(x))), 2))


class Warp(nn.Module):
    """A spatial transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.where, self.conv = nn.Linear(2 * 8 * 8, 6), nn.Conv2d(2, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        theta = 0.1 * self.where(x.flatten(1)).view(-1, 2, 3) + torch.eye(2, 3)
        grid = F.affine_grid(theta, [x.size(0), 2, 6, 6], align_corners=False)
        return self.conv(F.grid_sample(x, grid, align_corners=False, padding_mode="zeros"))


class Detector(nn.Module):
    """A head with anchors: boxes and scores for the cells of a grid, as YOLO decodes them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.Conv2d(8, 2 * 7, 1)
        self.register_buffer("anchors", torch.tensor([[1.0, 2.0], [3.0, 1.5]]).view(1, 2, 1, 1, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.head(F.silu(self.conv(x)))
        batch, _, ny, nx = x.shape
        x = x.view(batch, 2, 7, ny, nx).permute(0, 1, 3, 4, 2).contiguous()
        ys, xs = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
        grid = torch.stack((xs, ys), 2).view(1, 1, ny, nx, 2).float()
        y = x.sigmoid()
        xy = (y[..., 0:2] * 2.0 - 0.5 + grid) * 4
        wh = (y[..., 2:4] * 2) ** 2 * self.anchors
        return torch.cat((xy, wh), -1).view(batch, -1, 4), y[..., 4:].reshape(batch, -1, 3)
