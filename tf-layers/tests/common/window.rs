//! Window attributes for the tests of convolutions and pooling.

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub batch: usize,
    pub size: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: [[usize; 2]; 2],
    pub channels: [usize; 2],
    pub groups: usize,
}

pub const PLAIN: Case = Case {
    batch: 1,
    size: [9, 8],
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [[1, 1], [1, 1]],
    channels: [4, 8],
    groups: 1,
};

pub const CASES: [Case; 28] = [
    PLAIN,
    Case { batch: 0, ..PLAIN },
    Case { batch: 3, channels: [1, 17], ..PLAIN },
    Case { batch: 2, channels: [3, 64], stride: [2, 2], padding: [[0, 1], [0, 1]], ..PLAIN },
    Case { channels: [16, 33], dilation: [2, 3], padding: [[2, 2], [3, 3]], ..PLAIN },
    Case { kernel: [1, 1], padding: [[0, 0], [0, 0]], channels: [17, 16], batch: 2, ..PLAIN },
    Case { kernel: [1, 1], padding: [[0, 0], [0, 0]], stride: [2, 3], channels: [5, 70], ..PLAIN },
    Case { groups: 2, channels: [8, 34], ..PLAIN },
    Case { groups: 4, channels: [12, 20], stride: [1, 2], batch: 2, ..PLAIN },
    Case { size: [1, 40], kernel: [1, 5], padding: [[0, 0], [4, 0]], channels: [6, 31], ..PLAIN },
    Case { size: [2, 2], kernel: [3, 3], channels: [2, 3], padding: [[1, 1], [1, 1]], ..PLAIN },
    Case { size: [2, 2], kernel: [5, 5], padding: [[0, 0], [0, 0]], ..PLAIN },
    Case { size: [0, 3], kernel: [2, 2], ..PLAIN },
    Case { size: [12, 12], kernel: [5, 4], padding: [[7, 6], [5, 9]], channels: [3, 16], ..PLAIN },
    Case { size: [3, 4], channels: [1500, 7], ..PLAIN },
    Case { size: [7, 7], channels: [64, 128], kernel: [2, 3], ..PLAIN },
    Case { size: [14, 13], channels: [40, 70], batch: 2, ..PLAIN },
    Case { size: [14, 13], channels: [80, 40], groups: 2, ..PLAIN },
    Case {
        size: [20, 21],
        channels: [3, 20],
        kernel: [7, 7],
        stride: [2, 2],
        padding: [[3, 3], [3, 2]],
        ..PLAIN
    },
    Case { size: [12, 11], channels: [1, 32], padding: [[0, 0], [1, 1]], ..PLAIN },
    // Small windows of more taps than a register tile has segments for.
    Case { size: [80, 3], channels: [1, 5], kernel: [70, 1], padding: [[2, 0], [0, 0]], ..PLAIN },
    Case { size: [3, 80], channels: [2, 4], kernel: [1, 70], dilation: [1, 1], groups: 2, ..PLAIN },
    Case { size: [9, 9], channels: [6, 12], groups: 3, stride: [3, 1], dilation: [1, 2], ..PLAIN },
    // Lines of several register tiles, with few channels.
    Case { size: [5, 33], channels: [1, 8], padding: [[0, 0], [0, 0]], ..PLAIN },
    Case { size: [4, 40], channels: [8, 7], batch: 2, ..PLAIN },
    Case { size: [6, 45], channels: [3, 10], stride: [2, 2], padding: [[0, 1], [2, 3]], ..PLAIN },
    Case { size: [4, 30], channels: [16, 24], dilation: [2, 1], padding: [[2, 2], [4, 0]], ..PLAIN },
    Case { size: [3, 29], channels: [40, 5], kernel: [2, 5], padding: [[3, 0], [7, 2]], ..PLAIN },
];

impl Case {
    /// The number of windows along an axis.
    pub fn output(&self, axis: usize) -> usize {
        let padded = self.size[axis] + self.padding[axis][0] + self.padding[axis][1];
        let extent = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        if padded < extent { 0 } else { (padded - extent) / self.stride[axis] + 1 }
    }

    /// The dims of an image with this number of channels.
    pub fn input(&self, channels: usize) -> [usize; 4] {
        [self.batch, self.size[0], self.size[1], channels]
    }

    /// The dims of a result with this number of channels.
    pub fn result(&self, channels: usize) -> [usize; 4] {
        [self.batch, self.output(0), self.output(1), channels]
    }

    /// Calls `visit(output pixel, tap, Some(input pixel) or None in the padding)`.
    pub fn walk(&self, mut visit: impl FnMut(usize, usize, Option<usize>)) {
        let [oh, ow] = [self.output(0), self.output(1)];
        for n in 0..self.batch {
            for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for ky in 0..self.kernel[0] {
                    for kx in 0..self.kernel[1] {
                        let y = (oy * self.stride[0] + ky * self.dilation[0]).checked_sub(self.padding[0][0]);
                        let x = (ox * self.stride[1] + kx * self.dilation[1]).checked_sub(self.padding[1][0]);
                        let from = y.zip(x).filter(|&(y, x)| y < self.size[0] && x < self.size[1]);
                        let from = from.map(|(y, x)| (n * self.size[0] + y) * self.size[1] + x);
                        visit((n * oh + oy) * ow + ox, ky * self.kernel[1] + kx, from);
                    }
                }
            }
        }
    }
}
