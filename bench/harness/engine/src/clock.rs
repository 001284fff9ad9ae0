//! The clock of the bench.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::Result;

/// The CPU time of this process.
pub fn processor_time() -> Result<Duration> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: zeros are a valid `timespec`, and the pointer points to it.
    let (failed, time) = unsafe {
        (libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr()), time.assume_init())
    };
    if failed != 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}
