//! The kernel of depthwise convolutions on bytes.

use crate::checked::{copy, part, part_mut};
use crate::gemm::Requantize;
use crate::simd::{Columns, Kernel, MAX_TAPS, PANEL, Rows, Simd, Taps, WIDEST, Window};
use crate::window::Axis;

/// The taps in a line of a window that slides, so that each column of the image is interleaved once.
const SLIDING: usize = 3;

/// Bytes of an image that stay in the level-2 cache.
const CACHE: usize = 128 * 1024;

/// A depthwise convolution with checked arguments.
#[derive(Clone, Copy)]
pub(super) struct Depthwise<'a> {
    /// `[taps, channels · multiplier]`
    pub kernel: &'a [i8],
    pub epilogue: Requantize<'a>,
    /// Vertical and horizontal.
    pub axes: [Axis; 2],
    /// The channels of x.
    pub channels: usize,
    pub multiplier: usize,
    /// The bit that makes unsigned bytes of x.
    pub flip: u8,
    /// The bits of the padding.
    pub zero: u8,
    pub x: &'a [u8],
}

/// Some lines of a depthwise convolution.
pub(super) struct DepthwiseKernel<'a> {
    pub of: &'a Depthwise<'a>,
    /// The index of the first line of `y` among the lines of all images.
    pub first: usize,
    pub y: &'a mut [u8],
}

impl Kernel for DepthwiseKernel<'_> {
    type Output = ();
    const BYTES: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { of, first, y } = self;
        let outputs = of.channels * of.multiplier;
        if of.multiplier > 1 || of.taps() > MAX_TAPS {
            return of.run_any(first, y);
        }
        // The bytes of a tap that are read at a time; with a stride of 1, those of several narrow pixels.
        let width = if const { S::QUADS } { 4 * S::LANES } else { PANEL };
        let narrow = of.axes[1].stride == 1 && width.is_multiple_of(outputs);
        let pixels = if narrow { width / outputs } else { 1 };
        let taps = of.offsets();
        // As many lines at a time as read a part of the image that stays in the caches for all channels.
        let read = of.axes[1].input.saturating_mul(of.axes[0].stride).saturating_mul(outputs);
        let lines = (CACHE / read.max(1)).max(1);
        let line_len = of.axes[1].output * outputs;
        for (i, y) in y.chunks_mut(lines.saturating_mul(line_len)).enumerate() {
            let mut channel = 0;
            while channel < outputs {
                let count = width.min(outputs - channel);
                let block = Block { of, width, pixels, channel, count, taps: taps.as_ref() };
                block.run(s, first + i * lines, y);
                channel += count;
            }
        }
    }
}

impl<'a> Depthwise<'a> {
    /// The number of taps. It does not overflow, because the kernel has as many weights per output.
    fn taps(&self) -> usize {
        self.axes[0].size * self.axes[1].size
    }

    /// The offsets of the taps of a window. `None` if one overflows; then no window is inside the image.
    fn offsets(&self) -> Option<Taps> {
        let [vertical, horizontal] = self.axes;
        let line = horizontal.input.checked_mul(self.channels)?;
        Taps::new(self.taps(), |tap| {
            let line = (tap / horizontal.size).checked_mul(vertical.dilation)?.checked_mul(line)?;
            let pixel = (tap % horizontal.size).checked_mul(horizontal.dilation)?;
            line.checked_add(pixel.checked_mul(self.channels)?)
        })
    }

    /// Whether windows slide: a column of a window fits into a quad, and neighbouring columns are next to each other.
    fn slides(&self) -> bool {
        let [vertical, horizontal] = self.axes;
        vertical.size <= 4 && horizontal.size == SLIDING && horizontal.dilation == 1
    }

    /// Where the weights of a tap are among those of all quads. A quad has the taps of a column if the windows slide.
    fn slot(&self, tap: usize) -> usize {
        if self.slides() { tap % SLIDING * 4 + tap / SLIDING } else { tap }
    }

    /// The number of slots.
    fn slots(&self) -> usize {
        if self.slides() { 4 * SLIDING } else { self.taps() }
    }

    /// The image and the top of the windows of line `line`.
    fn line(&self, line: usize) -> (&'a [u8], isize) {
        let [vertical, horizontal] = self.axes;
        let image = vertical.input * horizontal.input * self.channels;
        let (sample, line) = (line / vertical.output, line % vertical.output);
        (part(part(self.x, sample * image..), ..image), vertical.origin(line))
    }

    /// Computes lines of any convolution, one result after the other.
    fn run_any(&self, first: usize, y: &mut [u8]) {
        let [vertical, horizontal] = self.axes;
        let outputs = self.channels * self.multiplier;
        for (i, y) in y.chunks_exact_mut(horizontal.output * outputs).enumerate() {
            let (x, top) = self.line(first + i);
            for (column, y) in y.chunks_exact_mut(outputs).enumerate() {
                let left = horizontal.origin(column);
                for (output, y) in y.iter_mut().enumerate() {
                    let mut sum = self.epilogue.bias[output];
                    for tap in 0..self.taps() {
                        let line = vertical.position(top, tap / horizontal.size);
                        let column = horizontal.position(left, tap % horizontal.size);
                        let pixel = line.zip(column).map(|(line, column)| line * horizontal.input + column);
                        let at = |pixel| x[pixel * self.channels + output / self.multiplier];
                        let x = i32::from(pixel.map_or(self.zero, at) ^ self.flip);
                        sum += x * i32::from(self.kernel[tap * outputs + output]);
                    }
                    *y = self.epilogue.round_one(sum, self.epilogue.multipliers[output]);
                }
            }
        }
    }
}

/// Neighbouring channels, of one pixel or of all channels of several pixels.
struct Block<'a> {
    of: &'a Depthwise<'a>,
    /// The bytes of a tap that are read at a time.
    width: usize,
    pixels: usize,
    channel: usize,
    /// The channels of a pixel.
    count: usize,
    taps: Option<&'a Taps>,
}

impl Block<'_> {
    /// Computes the channels of the block in all lines of `y`.
    #[inline(always)]
    fn run<S: Simd>(&self, s: S, first: usize, y: &mut [u8]) {
        let Depthwise { ref axes, channels, zero, .. } = *self.of;
        let [vertical, horizontal] = axes;
        let weights = Weights::new(s, self);
        let padding = [zero; WIDEST];
        let mut copies = [[0; WIDEST]; MAX_TAPS];
        let slides = const { S::QUADS } && self.of.slides();
        for (i, y) in y.chunks_exact_mut(horizontal.output * channels).enumerate() {
            let (x, top) = self.of.line(first + i);
            let inside = vertical.inside(top);
            let mut column = 0;
            while column < horizontal.output {
                if const { S::QUADS } && slides && horizontal.origin(column) >= 0 {
                    let done = self.slide_from(s, &weights, (x, top), &padding, column, y);
                    column += done;
                    if done > 0 {
                        continue;
                    }
                }
                let pixels = self.pixels.min(horizontal.output - column);
                let (left, last) = (horizontal.origin(column), horizontal.origin(column + pixels - 1));
                let y = part_mut(y, column * channels + self.channel..);
                let y = part_mut(y, ..pixels * self.count);
                let mut window = None;
                if !slides && inside && horizontal.inside(left) && horizontal.inside(last) {
                    let pixel = top as usize * horizontal.input + left as usize;
                    let x = part(x, pixel * channels + self.channel..);
                    window = self.taps.and_then(|taps| taps.of(s, x));
                }
                if let Some(window) = window {
                    weights.multiply(s, &window, y);
                } else {
                    let mut rows = Rows::new(&padding);
                    self.find(s, x, [top, left], pixels, &mut copies, &mut rows);
                    weights.multiply(s, &rows.window(), y);
                }
                column += pixels;
            }
        }
    }

    /// Computes the channels of the block in the windows of a line that are inside the image, from `column` on, which slide.
    /// Returns how many they are.
    #[inline(always)]
    fn slide_from<S: Simd>(
        &self,
        s: S,
        weights: &Weights<'_, S>,
        (x, top): (&[u8], isize),
        padding: &[u8; WIDEST],
        column: usize,
        y: &mut [u8],
    ) -> usize {
        let Depthwise { ref axes, channels, .. } = *self.of;
        let [vertical, horizontal] = axes;
        let left = horizontal.origin(column) as usize;
        // Lines in the padding, and those beyond the window, are the same bytes everywhere.
        let (mut lines, mut room) = ([(&padding[..], 0); 4], usize::MAX);
        for (tap, line) in lines.iter_mut().enumerate().take(vertical.size) {
            if let Some(at) = vertical.position(top, tap) {
                let from = part(x, (at * horizontal.input + left) * channels + self.channel..);
                *line = (from, channels);
                room = room.min(from.len());
            }
        }
        // The last columns of the last line may be too short to be read as a whole.
        let readable = room.checked_sub(4 * S::LANES).map_or(0, |room| room / channels + 1);
        let count = readable.min((horizontal.input + 1).saturating_sub(left + self.pixels));
        let advance = horizontal.stride.saturating_mul(self.pixels);
        let windows = count.checked_sub(SLIDING).map_or(0, |room| room / advance + 1);
        let windows = windows.min((horizontal.output - column) / self.pixels);
        let Some(columns) = Columns::new(s, lines, count).filter(|_| windows > 0) else { return 0 };
        let y = part_mut(y, column * channels + self.channel..);
        match advance {
            1 => self.slide::<S, 1>(s, weights, &columns, windows, y),
            2 => self.slide::<S, 2>(s, weights, &columns, windows, y),
            _ => self.slide::<S, SLIDING>(s, weights, &columns, windows, y),
        }
        windows * self.pixels
    }

    /// Computes windows that slide by `ADVANCE` columns, or by more if that is `SLIDING`.
    #[inline(always)]
    fn slide<S: Simd, const ADVANCE: usize>(
        &self,
        s: S,
        weights: &Weights<'_, S>,
        columns: &Columns<'_>,
        windows: usize,
        y: &mut [u8],
    ) {
        let of = self.of;
        let flip = s.isplat(i32::from_ne_bytes([of.flip; 4]));
        let advance = if const { ADVANCE < SLIDING } { ADVANCE } else { of.axes[1].stride * self.pixels };
        let (pitch, width) = (self.pixels * of.channels, self.pixels * self.count);
        let Requantize { rounding, .. } = of.epilogue;
        let (quads, bias, multipliers) = (&weights.quads, weights.bias, weights.multipliers);
        let (mut second, mut third) = (quads[0], quads[0]);
        if const { ADVANCE == 1 } {
            second = columns.load(s, 0, flip);
        }
        if const { ADVANCE < SLIDING } {
            third = columns.load(s, SLIDING - 1 - ADVANCE, flip);
        }
        for window in 0..windows {
            let left = window * advance;
            let first;
            if const { ADVANCE == 1 } {
                (first, second) = (second, third);
            } else {
                first = if const { ADVANCE == 2 } { third } else { columns.load(s, left, flip) };
                second = columns.load(s, left + 1, flip);
            }
            third = columns.load(s, left + 2, flip);
            let sums = dot(s, first, quads[0], bias);
            let sums = dot(s, second, quads[1], sums);
            let sums = dot(s, third, quads[2], sums);
            let mut scaled = multipliers;
            for i in 0..4 {
                scaled[i] = s.mul(s.to_f32(sums[i]), multipliers[i]);
            }
            let y = part_mut(y, window * pitch..);
            s.store_quads(rounding.pack(s, scaled), part_mut(y, ..width));
        }
    }

    /// Finds the taps of `pixels` windows, of which some may be in the padding. Copies those that are not in one piece.
    #[inline(always)]
    fn find<'r, S: Simd>(
        &self,
        s: S,
        x: &'r [u8],
        [top, left]: [isize; 2],
        pixels: usize,
        copies: &'r mut [[u8; WIDEST]; MAX_TAPS],
        rows: &mut Rows<'r>,
    ) {
        let Depthwise { ref axes, channels, zero, .. } = *self.of;
        let [vertical, horizontal] = axes;
        let lines = copies.chunks_exact_mut(horizontal.size).take(vertical.size).enumerate();
        for (tap_y, copies) in lines {
            let Some(line) = vertical.position(top, tap_y) else { continue };
            let line = part(x, line * horizontal.input * channels..);
            for (tap_x, to) in copies.iter_mut().enumerate() {
                let tap = tap_y * horizontal.size + tap_x;
                let slot = if const { S::QUADS } { self.of.slot(tap) } else { tap };
                if pixels == 1 {
                    let Some(column) = horizontal.position(left, tap_x) else { continue };
                    let row = part(line, column * channels + self.channel..);
                    if row.len() >= self.width {
                        rows.set(s, slot, row);
                        continue;
                    }
                    copy(part_mut(to, ..self.count), part(row, ..self.count));
                } else {
                    for (pixel, to) in to.chunks_exact_mut(self.count).enumerate().take(pixels) {
                        match horizontal.position(left + pixel as isize, tap_x) {
                            Some(column) => copy(to, part(part(line, column * channels..), ..self.count)),
                            None => to.fill(zero),
                        }
                    }
                }
                rows.set(s, slot, to);
            }
        }
    }
}

/// The weights of a block in registers' order, and its epilogue.
struct Weights<'a, S: Simd> {
    of: &'a Depthwise<'a>,
    taps: usize,
    /// If not `QUADS`: per tap.
    panels: [S::IntPanel; MAX_TAPS],
    panel_bias: S::IntPanel,
    panel_multipliers: S::Panel,
    /// If `QUADS`: per four taps, or per column if the windows slide.
    quads: [[S::Fours; 4]; MAX_TAPS / 4],
    bias: [S::I32; 4],
    multipliers: [S::F32; 4],
}

impl<'a, S: Simd> Weights<'a, S> {
    #[inline(always)]
    fn new(s: S, block: &Block<'a>) -> Self {
        let Block { of, channel, count, pixels, .. } = *block;
        let (taps, zero) = (of.taps(), s.isplat(0));
        let mut weights = Self {
            of,
            taps,
            panels: [s.int_panel(0); MAX_TAPS],
            panel_bias: s.int_panel(0),
            panel_multipliers: s.panel(0.0),
            quads: [[s.weight_fours(zero); 4]; MAX_TAPS / 4],
            bias: [zero; 4],
            multipliers: [s.splat(0.0); 4],
        };
        let bias = part(of.epilogue.bias, channel..channel + count);
        let multipliers = part(of.epilogue.multipliers, channel..channel + count);
        let kernel =
            |tap: usize| part(of.kernel, tap * of.channels + channel..tap * of.channels + channel + count);
        if const { !S::QUADS } {
            // With several pixels, their channels are repeated.
            let (mut ints, mut floats) = ([0; PANEL], [0.0; PANEL]);
            repeat(&mut ints, bias, pixels, |x| x);
            repeat(&mut floats, multipliers, pixels, |x| x);
            weights.panel_bias = s.load_ints(&ints);
            weights.panel_multipliers = s.load_panel(&floats);
            for (tap, panel) in weights.panels.iter_mut().enumerate().take(taps) {
                repeat(&mut ints, kernel(tap), pixels, i32::from);
                *panel = s.load_ints(&ints);
            }
            return weights;
        }
        let (mut ints, mut floats) = ([0.0; WIDEST], [0.0; WIDEST]);
        repeat(&mut ints, bias, pixels, |x| f32::from_bits(x.cast_unsigned()));
        repeat(&mut floats, multipliers, pixels, |x| x);
        let (mut ordered_ints, mut ordered_floats) = ([0.0; WIDEST], [0.0; WIDEST]);
        for at in 0..4 * S::LANES {
            // See `Simd::interleave`.
            let channel = at % S::LANES / 4 * 16 + at / S::LANES * 4 + at % 4;
            (ordered_ints[at], ordered_floats[at]) = (ints[channel], floats[channel]);
        }
        for i in 0..4 {
            weights.bias[i] = s.bits(s.load(&ordered_ints[i * S::LANES..]));
            weights.multipliers[i] = s.load(&ordered_floats[i * S::LANES..]);
        }
        let mut rows = [[0; WIDEST]; MAX_TAPS];
        for tap in 0..taps {
            if let Some(row) = rows.get_mut(of.slot(tap)) {
                repeat(row, kernel(tap), pixels, i8::cast_unsigned);
            }
        }
        for (to, rows) in weights.quads.iter_mut().zip(rows.as_chunks::<4>().0).take(of.slots().div_ceil(4)) {
            let [a, b, c, d] = rows;
            let rows = [s.load_quads(a), s.load_quads(b), s.load_quads(c), s.load_quads(d)];
            let [a, b, c, d] = s.interleave(rows);
            *to = [s.weight_fours(a), s.weight_fours(b), s.weight_fours(c), s.weight_fours(d)];
        }
        weights
    }

    /// Computes the results of a window.
    #[inline(always)]
    fn multiply(&self, s: S, window: &Window<'_>, y: &mut [u8]) {
        let Depthwise { epilogue, flip, .. } = self.of;
        if const { !S::QUADS } {
            let sums = window.sum_panel(s, self.taps, &self.panels, *flip, self.panel_bias);
            return epilogue.store_panel(s, sums, self.panel_multipliers, y);
        }
        let sums = window.sum_quads(s, self.of.slots(), &self.quads, *flip, self.bias);
        s.store_quads(epilogue.pack(s, sums, self.multipliers), y);
    }
}

/// sums + x·w of a column.
#[inline(always)]
fn dot<S: Simd>(s: S, x: [S::Fours; 4], w: [S::Fours; 4], sums: [S::I32; 4]) -> [S::I32; 4] {
    [
        s.dot_lanes(x[0], w[0], sums[0]),
        s.dot_lanes(x[1], w[1], sums[1]),
        s.dot_lanes(x[2], w[2], sums[2]),
        s.dot_lanes(x[3], w[3], sums[3]),
    ]
}

/// Fills `to` with `count` copies of `from`, converted. The rest stays.
#[inline(always)]
fn repeat<A: Copy, B>(to: &mut [B], from: &[A], count: usize, convert: impl Fn(A) -> B) {
    for to in to.chunks_exact_mut(from.len().max(1)).take(count) {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = convert(from);
        }
    }
}
