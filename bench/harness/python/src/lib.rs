//! Engines that are called from Python. Each runs in a child process, `bench/worker.py`, which measures its own CPU time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use engine::{Engine, Result};

pub struct Python {
    worker: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts `engine` with the bench's model `name` and the inputs in an NPZ file.
    pub fn new(engine: &str, name: &str, inputs: &Path) -> Result<Self> {
        let mut worker = Command::new(std::env::var("BENCH_PYTHON")?)
            .args(["-m", "bench.worker", engine, name])
            .arg(inputs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (requests, answers) = (worker.stdin.take(), worker.stdout.take());
        let mut python = Self {
            worker,
            requests: requests.ok_or("the worker has no standard input")?,
            answers: BufReader::new(answers.ok_or("the worker has no standard output")?),
        };
        match python.answer()?.split_once(' ') {
            Some(("error", why)) => Err(why.into()),
            _ => Ok(python),
        }
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        writeln!(self.requests, "{request}")?;
        self.requests.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the worker ended".into());
        }
        Ok(line.trim_end().into())
    }
}

impl Engine for Python {
    fn run(&mut self, times: u32) -> Result<()> {
        self.measure(times).map(drop)
    }

    fn measure(&mut self, times: u32) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask(&format!("run {times}"))?.parse()?))
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        self.ask("outputs")?.split(' ').map(|number| Ok(number.parse()?)).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The worker waits for requests for ever; there is nothing to do if it has ended already.
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}
