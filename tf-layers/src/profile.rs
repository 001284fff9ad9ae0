//! Times of layers.

use std::fmt::{self, Write};
use std::string::String;
use std::time::{Duration, Instant};
use std::vec::Vec;

/// What one call of a layer computes and moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// The multiply-adds of products with kernels and between tensors; 0 for other layers, and if they depend on data.
    pub multiply_adds: usize,
    /// The bytes of weights, inputs and outputs; 0 if they depend on data.
    pub bytes: usize,
}

/// The calls of one layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerTime {
    /// The name of the layer in the model.
    pub name: &'static str,
    /// The kind of the layer, such as `Dense`.
    pub kind: &'static str,
    /// The number of calls: one for each chunk of a batch and each step of a loop.
    pub calls: u64,
    /// The time of all calls.
    pub time: Duration,
    /// The multiply-adds of all calls.
    pub multiply_adds: u64,
    /// The bytes that all calls read and wrote.
    pub bytes: u64,
}

impl LayerTime {
    /// The achieved rate in GFLOP/s; a multiply-add counts as two operations.
    #[must_use]
    pub fn gflops(&self) -> f64 {
        per_nanosecond(self.multiply_adds.saturating_mul(2), self.time)
    }

    /// The achieved bandwidth in GB/s.
    #[must_use]
    pub fn gigabytes_per_second(&self) -> f64 {
        per_nanosecond(self.bytes, self.time)
    }
}

fn per_nanosecond(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() / 1e9 }
}

/// The times of the layers of a model, summed over its runs. Displayed as a table, slowest layer first.
///
/// ```
/// use tf_layers::profile::{Profile, Work};
///
/// let mut profile = Profile::default();
/// profile.start(&[("hidden", "Dense"), ("softmax", "Softmax")], &[Work { multiply_adds: 64, bytes: 320 }; 2]);
/// // The first layer runs here,
/// profile.lap(0);
/// // and the second one here.
/// profile.lap(1);
/// assert_eq!(profile.layers()[0].calls, 1);
/// assert_eq!(profile.layers()[1].multiply_adds, 64);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    layers: Vec<LayerTime>,
    work: Vec<Work>,
    last: Option<Instant>,
}

impl Profile {
    /// Starts a run of the model. `layers` holds the name and the kind of each layer, `work` what a call of it does.
    pub fn start(&mut self, layers: &[(&'static str, &'static str)], work: &[Work]) {
        if self.layers.is_empty() {
            let idle = |&(name, kind): &(&'static str, &'static str)| LayerTime {
                name,
                kind,
                calls: 0,
                time: Duration::ZERO,
                multiply_adds: 0,
                bytes: 0,
            };
            self.layers.extend(layers.iter().map(idle));
        }
        self.work.clear();
        self.work.extend_from_slice(work);
        self.last = Some(Instant::now());
    }

    /// Ends a call of a layer, which began at the last lap.
    pub fn lap(&mut self, layer: usize) {
        let now = Instant::now();
        let start = self.last.replace(now);
        if let (Some(found), Some(work), Some(start)) =
            (self.layers.get_mut(layer), self.work.get(layer), start)
        {
            found.calls += 1;
            found.time += now - start;
            found.multiply_adds = found.multiply_adds.saturating_add(work.multiply_adds as u64);
            found.bytes = found.bytes.saturating_add(work.bytes as u64);
        }
    }

    /// The sum of the calls here and of those that another thread has recorded for the same model.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        if self.layers.is_empty() {
            self.layers.clone_from(&other.layers);
            return self;
        }
        for (sum, layer) in self.layers.iter_mut().zip(&other.layers) {
            sum.calls += layer.calls;
            sum.time += layer.time;
            sum.multiply_adds = sum.multiply_adds.saturating_add(layer.multiply_adds);
            sum.bytes = sum.bytes.saturating_add(layer.bytes);
        }
        self
    }

    /// The layers in the order in which they end; empty before the first run.
    #[must_use]
    pub fn layers(&self) -> &[LayerTime] {
        &self.layers
    }

    /// The layers as a JSON list of objects with `name`, `kind`, `calls`, `seconds`, `multiply_adds` and `bytes`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("[");
        for (i, layer) in self.layers.iter().enumerate() {
            json.push_str(if i == 0 { "{\"name\": " } else { ", {\"name\": " });
            write_json_string(&mut json, layer.name);
            json.push_str(", \"kind\": ");
            write_json_string(&mut json, layer.kind);
            let LayerTime { calls, multiply_adds, bytes, .. } = layer;
            let seconds = layer.time.as_secs_f64();
            // Writing to a string cannot fail.
            let _ = write!(json, ", \"calls\": {calls}, \"seconds\": {seconds}");
            let _ = write!(json, ", \"multiply_adds\": {multiply_adds}, \"bytes\": {bytes}}}");
        }
        json.push(']');
        json
    }
}

fn write_json_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:32} {:20} {:>9} {:>12} {:>7} {:>9} {:>7}",
            "layer", "kind", "calls", "µs per call", "share", "GFLOP/s", "GB/s"
        )?;
        let total: Duration = self.layers.iter().map(|layer| layer.time).sum();
        let mut sorted: Vec<_> = self.layers.iter().filter(|layer| layer.calls > 0).collect();
        sorted.sort_by_key(|layer| core::cmp::Reverse(layer.time));
        for layer in sorted {
            writeln!(
                f,
                "{:32} {:20} {:>9} {:>12.3} {:>5.1} % {:>9.2} {:>7.2}",
                layer.name.escape_debug().collect::<String>(),
                layer.kind,
                layer.calls,
                layer.time.as_secs_f64() * 1e6 / layer.calls as f64,
                100.0 * layer.time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE),
                layer.gflops(),
                layer.gigabytes_per_second()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    const LAYERS: [(&str, &str); 2] = [("a \"b\"\n", "Dense"), ("c", "Softmax")];
    const WORK: [Work; 2] = [Work { multiply_adds: 10, bytes: 4 }, Work { multiply_adds: 0, bytes: 8 }];

    /// A profile of a run in which the first layer runs `calls` times.
    fn recorded(calls: u64) -> Profile {
        let mut profile = Profile::default();
        profile.start(&LAYERS, &WORK);
        (0..calls).for_each(|_| profile.lap(0));
        profile.lap(1);
        profile
    }

    #[test]
    fn calls_and_work_are_summed_over_runs_and_threads() {
        let mut profile = recorded(2);
        profile.start(&LAYERS, &[Work { multiply_adds: 5, bytes: 1 }; 2]);
        profile.lap(0);
        let profile = profile.plus(&recorded(4));
        let found = profile.layers().iter().map(|layer| (layer.calls, layer.multiply_adds, layer.bytes));
        assert!(found.eq([(7, 65, 25), (2, 0, 16)]));
        let mut none = Profile::default();
        none.lap(0);
        assert!(none.layers().is_empty());
        assert_eq!(none.plus(&profile).layers(), profile.layers());
    }

    #[test]
    fn rates_are_per_second() {
        let time = Duration::from_micros(1);
        let layer = LayerTime { name: "", kind: "", calls: 1, time, multiply_adds: 1000, bytes: 4000 };
        assert!((layer.gflops() - 2.0).abs() < 1e-9);
        assert!((layer.gigabytes_per_second() - 4.0).abs() < 1e-9);
        assert_eq!(LayerTime { time: Duration::ZERO, ..layer }.gflops(), 0.0);
    }

    #[test]
    fn json_and_tables_escape_names() {
        let mut profile = recorded(1);
        for layer in &mut profile.layers {
            layer.time = Duration::from_micros(1);
        }
        assert_eq!(
            profile.to_json(),
            "[{\"name\": \"a \\\"b\\\"\\u000a\", \"kind\": \"Dense\", \"calls\": 1, \"seconds\": 0.000001, \
             \"multiply_adds\": 10, \"bytes\": 4}, {\"name\": \"c\", \"kind\": \"Softmax\", \"calls\": 1, \
             \"seconds\": 0.000001, \"multiply_adds\": 0, \"bytes\": 8}]"
        );
        let table = profile.to_string();
        assert_eq!(table.lines().count(), 3);
        assert!(table.contains("a \\\"b\\\"\\n"));
        assert_eq!(Profile::default().to_json(), "[]");
    }
}
