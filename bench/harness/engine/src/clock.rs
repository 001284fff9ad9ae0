//! The clocks of the bench.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::Result;

/// What a measurement counts.
#[derive(Clone, Copy)]
pub enum Clock {
    /// The CPU time of this process: the elapsed time of one thread without interruptions by other processes.
    Processor,
    /// The elapsed time, for several threads.
    Wall,
}

impl Clock {
    /// The clock for an engine with this many threads.
    pub fn of(threads: usize) -> Self {
        if threads == 1 { Self::Processor } else { Self::Wall }
    }

    pub fn now(self) -> Result<Duration> {
        let clock = match self {
            Self::Processor => libc::CLOCK_PROCESS_CPUTIME_ID,
            Self::Wall => libc::CLOCK_MONOTONIC,
        };
        let mut time = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: zeros are a valid `timespec`, and the pointer points to it.
        let (failed, time) = unsafe { (libc::clock_gettime(clock, time.as_mut_ptr()), time.assume_init()) };
        if failed != 0 {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
    }
}
