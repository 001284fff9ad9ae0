//! The windows of a convolution as the left operand of a product.

use core::ops::Range;

use crate::operand::{MAX_RANGE, MAX_ROWS, MAX_SMALL, Rows, Weights};
use crate::parallel::each_part;
use crate::product::product;
use crate::simd::{Isa, Kernel, Lines, Simd};
use crate::window::Axis;

/// A convolution of one group.
pub(crate) struct Run<'a, 'y> {
    pub windows: Windows<'a>,
    pub pixels: usize,
    pub weights: Weights<'a>,
    pub y: &'y mut [f32],
}

impl Run<'_, '_> {
    /// All of it, on several threads where that pays.
    pub fn on(self, isa: Isa) {
        let Self { windows, pixels, weights, y } = self;
        each_part(pixels, weights, y, |pixels, weights, y| {
            let windows = Windows { pixel: windows.pixel + pixels.start, ..windows };
            isa.run(Run { windows, pixels: pixels.len(), weights, y });
        });
    }
}

impl Kernel for Run<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        product(s, self.windows, self.pixels, self.weights, self.y);
    }
}

/// Numbers in the largest tile of small windows.
const SPACE: usize = MAX_ROWS * MAX_SMALL;

/// What taps in the padding read.
static ZEROS: [f32; MAX_RANGE] = [0.0; MAX_RANGE];

/// The windows of all output pixels as the rows of a matrix, which is never written down.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    x: &'a [f32],
    /// Vertical and horizontal.
    axes: [Axis; 2],
    /// Which output pixel the first row belongs to.
    pixel: usize,
    channels: usize,
    /// The first channel of the group, and how many it has.
    first: usize,
    depth: usize,
    /// Whether a line of a window is one stretch of memory.
    joined: bool,
    /// Whether windows that reach into the padding are worth copying.
    small: bool,
}

/// The image, and where in it a window begins, from the top and from the left.
type Window<'a> = (&'a [f32], isize, isize);

/// The windows of `M` consecutive output pixels.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, const M: usize> {
    windows: [Window<'a>; M],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Only the first window is given: the others follow on the same line, and none has a tap in the padding.
    Even,
    /// None has a tap in the padding.
    Whole,
    /// Any windows that are so small that they had better be copied.
    Small,
    /// Any other windows.
    Ragged,
}

impl<'a> Windows<'a> {
    /// The windows over the channels `group` of images with `channels`.
    pub fn new(x: &'a [f32], axes: [Axis; 2], channels: usize, group: Range<usize>) -> Self {
        let depth = group.len();
        let joined = axes[1].dilation == 1 && depth == channels;
        let small = axes[0].size * axes[1].size * depth <= MAX_SMALL;
        Self { x, axes, pixel: 0, channels, first: group.start, depth, joined, small }
    }

    /// The numbers in a piece: a line of the window where that is one stretch of memory, else a tap.
    #[inline(always)]
    fn piece_len(&self, kind: Kind) -> usize {
        if kind == Kind::Ragged || !self.joined { self.depth } else { self.axes[1].size * self.depth }
    }

    /// The tap's channels in the image; `None` in the padding.
    fn tap(&self, window: Window<'a>, tap_y: usize, tap_x: usize) -> Option<&'a [f32]> {
        let (image, top, left) = window;
        let line = self.axes[0].position(top, tap_y)?;
        let pixel = line * self.axes[1].input + self.axes[1].position(left, tap_x)?;
        Some(&image[pixel * self.channels + self.first..][..self.depth])
    }

    /// Any `M` windows from output pixel `pixel` on. What is rare is a function of its own, so that the kernels of all
    /// instruction sets share it.
    #[inline(never)]
    fn scan<const M: usize>(&self, pixel: usize) -> Tile<'a, M> {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (line, mut column) = (pixel / horizontal.output, pixel % horizontal.output);
        let (mut sample, mut line) = (line / vertical.output, line % vertical.output);
        let mut windows = [(self.x, 0, 0); M];
        let mut whole = self.joined;
        for window in &mut windows {
            let (top, left) = (vertical.origin(line), horizontal.origin(column));
            whole &= vertical.inside(top) && horizontal.inside(left);
            *window = (&self.x[sample * image..][..image], top, left);
            column += 1;
            if column == horizontal.output {
                (column, line) = (0, line + 1);
                if line == vertical.output {
                    (line, sample) = (0, sample + 1);
                }
            }
        }
        let kind = match (whole, self.small) {
            (true, _) => Kind::Whole,
            (false, true) => Kind::Small,
            (false, false) => Kind::Ragged,
        };
        Tile { windows, kind }
    }

    /// A piece of any windows but even ones.
    #[inline(never)]
    fn lines<'s, const M: usize>(
        &self,
        tile: &Tile<'a, M>,
        piece: usize,
        asked: Range<usize>,
        space: &'s mut [f32; SPACE],
    ) -> Option<Lines<'s, M>>
    where
        'a: 's,
    {
        let [vertical, horizontal] = self.axes;
        let mut slices = [&self.x[..0]; M];
        let mut any = tile.kind == Kind::Whole;
        match tile.kind {
            Kind::Small => {
                let k = vertical.size * horizontal.size * self.depth;
                for (&window, row) in tile.windows.iter().zip(space.chunks_exact_mut(k.max(1))) {
                    self.collect(window, row);
                }
                return Some(Lines::Even { x: space, pitch: k, len: k });
            }
            Kind::Ragged => {
                let (tap_y, tap_x) = (piece / horizontal.size, piece % horizontal.size);
                for (slice, &window) in slices.iter_mut().zip(&tile.windows) {
                    *slice = match self.tap(window, tap_y, tap_x) {
                        Some(channels) => {
                            any = true;
                            &channels[asked.clone()]
                        }
                        None => &ZEROS[..asked.len()],
                    };
                }
            }
            Kind::Whole | Kind::Even => {
                for (slice, &(image, top, left)) in slices.iter_mut().zip(&tile.windows) {
                    let line = top as usize + piece * vertical.dilation;
                    let pixel = line * horizontal.input + left as usize;
                    *slice = &image[pixel * self.channels + asked.start..][..asked.len()];
                }
            }
        }
        any.then_some(Lines::Each(slices))
    }

    /// Copies a window.
    fn collect(&self, window: Window<'a>, row: &mut [f32]) {
        let [vertical, horizontal] = self.axes;
        let (image, top, left) = window;
        let pitch = horizontal.input * self.channels;
        row.fill(0.0);
        for (tap_y, taps) in row.chunks_exact_mut((horizontal.size * self.depth).max(1)).enumerate() {
            let Some(line) = vertical.position(top, tap_y) else { continue };
            if self.joined {
                let before = left.min(0).unsigned_abs() * self.channels;
                let image = &image[line * pitch..][..pitch];
                let from = image.get(left.max(0) as usize * self.channels..).unwrap_or(&[]);
                for (to, from) in taps.iter_mut().skip(before).zip(from) {
                    *to = *from;
                }
                continue;
            }
            for (tap_x, to) in taps.chunks_exact_mut(self.depth).enumerate() {
                if let Some(from) = self.tap(window, tap_y, tap_x) {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

impl<'a> Rows<'a> for Windows<'a> {
    const EVERY_SIZE: bool = false;

    type Tile<const M: usize> = Tile<'a, M>;
    type Space = [f32; SPACE];

    fn space() -> [f32; SPACE] {
        [0.0; SPACE]
    }

    #[inline(always)]
    fn tile<const M: usize>(self, row: usize) -> Tile<'a, M> {
        let [vertical, horizontal] = self.axes;
        let pixel = self.pixel + row;
        let (line, column) = (pixel / horizontal.output, pixel % horizontal.output);
        let (sample, line) = (line / vertical.output, line % vertical.output);
        let (top, left) = (vertical.origin(line), horizontal.origin(column));
        if column + M <= horizontal.output
            && vertical.inside(top)
            && horizontal.inside(left)
            && horizontal.inside(horizontal.origin(column + M - 1))
        {
            let image = vertical.input * horizontal.input * self.channels;
            return Tile { windows: [(&self.x[sample * image..][..image], top, left); M], kind: Kind::Even };
        }
        self.scan(pixel)
    }

    #[inline(always)]
    fn pieces<const M: usize>(self, tile: &Tile<'a, M>, range: Range<usize>) -> Range<usize> {
        let [vertical, horizontal] = self.axes;
        let taps = vertical.size * horizontal.size;
        let all = match tile.kind {
            Kind::Small => return 0..1,
            Kind::Even | Kind::Whole if self.joined => vertical.size,
            _ => taps,
        };
        // Divisions are slow, and small windows are asked for whole.
        let len = self.piece_len(tile.kind);
        let first = if range.start == 0 { 0 } else { range.start / len };
        let last = if range.end == taps * self.depth { all } else { range.end.div_ceil(len) };
        first..last
    }

    #[inline(always)]
    fn piece<'s, const M: usize>(
        self,
        tile: &Tile<'a, M>,
        piece: usize,
        range: Range<usize>,
        space: &'s mut [f32; SPACE],
    ) -> Option<(usize, Lines<'s, M>)>
    where
        'a: 's,
    {
        let len = self.piece_len(tile.kind);
        // The numbers of the piece, and what of them is asked for.
        let start = piece * len;
        let from = range.start.saturating_sub(start);
        let to = len.min(range.end - start);
        if tile.kind != Kind::Even {
            return self.lines(tile, piece, from..to, space).map(|lines| (start + from, lines));
        }
        let (image, top, left) = tile.windows[0];
        let [vertical, horizontal] = self.axes;
        let (tap_y, tap_x) =
            if self.joined { (piece, 0) } else { (piece / horizontal.size, piece % horizontal.size) };
        let line = top as usize + tap_y * vertical.dilation;
        let pixel = line * horizontal.input + left as usize + tap_x * horizontal.dilation;
        let x = &image[pixel * self.channels + self.first + from..];
        // It overflows only where there is no second pixel to reach.
        let pitch = self.axes[1].stride.wrapping_mul(self.channels);
        Some((start + from, Lines::Even { x, pitch, len: to - from }))
    }
}
