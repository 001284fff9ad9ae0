//! Engines in child processes, which measure their own time.
//!
//! A child reads requests from its standard input, one on a line. `run N` predicts N times; the answer is the time in
//! nanoseconds. `outputs` is answered with the numbers of all outputs of the last prediction. Before the first request,
//! the child prints `ready`, or `error` and why it cannot predict.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use engine::{Clock, Engine, Result};

/// An engine in a child process.
pub struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a program that answers requests.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take());
        let mut worker = Self {
            child,
            requests: requests.ok_or("the worker has no standard input")?,
            answers: BufReader::new(answers.ok_or("the worker has no standard output")?),
        };
        match worker.answer()?.split_once(' ') {
            Some(("error", why)) => Err(why.into()),
            _ => Ok(worker),
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

impl Engine for Worker {
    fn run(&mut self, times: u32) -> Result<()> {
        self.ask(&format!("run {times}")).map(drop)
    }

    /// The child uses the same clock, which the number of threads determines.
    fn measure(&mut self, times: u32, _: Clock) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask(&format!("run {times}"))?.parse()?))
    }

    fn outputs(&mut self) -> Result<Vec<f32>> {
        self.ask("outputs")?.split(' ').map(|number| Ok(number.parse()?)).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The child waits for requests for ever; there is nothing to do if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers requests with an engine until standard input ends.
pub fn serve(loaded: Result<Box<dyn Engine>>, clock: Clock) -> Result<()> {
    let mut engine = match loaded.and_then(|mut engine| engine.run(1).map(|()| engine)) {
        Ok(engine) => engine,
        Err(error) => {
            println!("error {}", error.to_string().replace('\n', " "));
            return Ok(());
        }
    };
    println!("ready");
    for line in io::stdin().lines() {
        match line?.split_once(' ') {
            Some(("run", times)) => println!("{}", engine.measure(times.parse()?, clock)?.as_nanos()),
            _ => {
                let numbers: Vec<String> = engine.outputs()?.iter().map(f32::to_string).collect();
                println!("{}", numbers.join(" "));
            }
        }
    }
    Ok(())
}
