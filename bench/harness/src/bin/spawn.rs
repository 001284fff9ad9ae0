//! `spawn TIMES COMMAND...`: runs a command several times; prints the CPU time in nanoseconds and the peak memory in bytes
//! of every run as JSON.
//!
//! The peak memory of a process starts at that of the process that spawned it, so this program is small and uses `libc`
//! directly.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

unsafe extern "C" {
    static environ: *const *mut libc::c_char;
}

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let times: u32 =
        arguments.next().and_then(|times| times.into_string().ok()).unwrap_or_default().parse()?;
    let words = arguments.map(|word| CString::new(word.into_vec())).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for _ in 0..times {
        found.push(once(&words)?);
    }
    println!("{found:?}");
    Ok(())
}

/// The CPU time in nanoseconds and the peak memory in bytes of one run.
fn once(words: &[CString]) -> Result<[i64; 2]> {
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    pointers.push(std::ptr::null_mut());
    let (mut pid, mut status, mut usage) = (0, 0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: all strings end with a NUL, the lists with a null pointer, and every pointer outlives the calls.
    let spawned = unsafe {
        let (file, environment) = (words.first().ok_or("no command")?.as_ptr(), environ);
        libc::posix_spawn(&mut pid, file, std::ptr::null(), std::ptr::null(), pointers.as_ptr(), environment)
    };
    if spawned != 0 {
        return Err("the command cannot be started".into());
    }
    // SAFETY: the pointers outlive the call, and zeros are a valid `rusage`.
    let (waited, usage) =
        unsafe { (libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    if waited != pid || status != 0 {
        return Err("the command failed".into());
    }
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let nanoseconds = |time: libc::timeval| (time.tv_sec * 1_000_000 + time.tv_usec) * 1000;
    Ok([nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), usage.ru_maxrss * unit])
}
