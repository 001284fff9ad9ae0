//! `harness NAME MODEL.onnx IN.npz TOLERANCE ROUNDS SECONDS THREADS ENGINE...`: times engines in turn and prints JSON.
//!
//! The first engine is always the crate called `NAME`. For an engine that fails or whose outputs differ from those of the
//! crate by more than `TOLERANCE` times the largest, the reason is printed instead of times.
//!
//! With `TF_LAYERS_ISA=avx2`, AVX-512 is hidden from the other engines, too, if the system supports it.

mod floor;
mod narrow;
mod ours;
mod timing;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use engine::{Clock, Engine, Result, arrays};
use engine_onnxruntime::OnnxRuntime;
use engine_rten::Rten;
use engine_tract::Tract;
use tf_layers::Isa;
use timing::{Plan, Row, time};
use worker::Worker;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, model, inputs, tolerance, rounds, seconds, threads, engines @ ..] = arguments.as_slice()
    else {
        return Err("usage: harness NAME MODEL.onnx IN.npz TOLERANCE ROUNDS SECONDS THREADS ENGINE...".into());
    };
    // Before any library detects the processor.
    let wanted = std::env::var("TF_LAYERS_ISA").unwrap_or_default();
    let narrow = if wanted == "avx2" { Some(narrow::to_avx2()) } else { None };
    let model = Path::new(model);
    let inputs = Path::new(inputs);
    let threads: usize = threads.parse()?;
    ours::use_threads(threads)?;
    let arrays: &'static [_] = arrays::read(inputs)?.leak();
    let mut rows = vec![Row::new("tf2rust", ours::new(name, arrays)?)];
    let mut problems = Vec::new();
    for engine in engines {
        if let Some(Err(why)) = &narrow {
            problems.push((engine.as_str(), format!("AVX-512 cannot be hidden from it: {why}")));
            continue;
        }
        let loaded: Result<(&'static str, Box<dyn Engine>)> = match engine.as_str() {
            "onnxruntime" => {
                OnnxRuntime::new(model, arrays, threads).map(|e| ("onnxruntime", Box::new(e) as _))
            }
            "rten" => Rten::new(model, arrays, threads).map(|e| ("rten", Box::new(e) as _)),
            "tract" => Tract::new(model, arrays, threads).map(|e| ("tract", Box::new(e) as _)),
            "openvino" | "litert" | "onnxruntime_python" | "burn" => {
                worker(engine, model, inputs, threads).map(|e| (&*engine.clone().leak(), Box::new(e) as _))
            }
            "ndarray" => floor::new(name, arrays).map(|e| ("ndarray", e)),
            _ => Err("unknown engine".into()),
        };
        match loaded {
            Ok((name, engine)) => rows.push(Row::new(name, engine)),
            Err(error) => problems.push((engine.as_str(), error.to_string())),
        }
    }
    let plan = Plan {
        tolerance: tolerance.parse()?,
        rounds: rounds.parse()?,
        budget: Duration::from_secs_f64(seconds.parse()?),
        clock: Clock::of(threads),
    };
    time(&mut rows, &plan)?;
    let mut found: Vec<String> = rows.iter().map(row).collect();
    found.extend(problems.iter().map(|(engine, why)| problem(engine, why)));
    let others = if narrow.is_some() { &wanted } else { "its own choice" };
    let ours = Isa::detect().name();
    println!("{{\"isa\": {ours:?}, \"others\": {others:?}, \"rows\": [{}]}}", found.join(",\n"));
    Ok(())
}

/// Starts an engine that runs in a process of its own.
fn worker(engine: &str, model: &Path, inputs: &Path, threads: usize) -> Result<Worker> {
    let threads = threads.to_string();
    let mut command = if engine == "burn" {
        let mut command = Command::new(std::env::current_exe()?.with_file_name("worker-burn"));
        command.env("RAYON_NUM_THREADS", &threads).args(model.file_stem());
        command
    } else {
        let mut command = Command::new(std::env::var("BENCH_PYTHON")?);
        command.args(["-m", "bench.worker", engine]).arg(model);
        command
    };
    Worker::start(command.arg(inputs).arg(threads))
}

fn row(row: &Row) -> String {
    match &row.problem {
        Some(why) => problem(row.name, why),
        None => format!("{{\"engine\": {:?}, \"samples\": {:?}}}", row.name, row.samples),
    }
}

fn problem(engine: &str, why: &str) -> String {
    let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{{\"engine\": {engine:?}, \"problem\": {why:?}}}")
}
